package peer

import (
	"context"
	"encoding/hex"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"lipwire.example/peer/wire"
)

// heardOf is a consumer that only counts.
type heardOf struct {
	mu          sync.Mutex
	samples     map[uint64]uint64
	interrupted []uint64
	ended       []uint64
}

func (h *heardOf) SegmentStart(uint64, map[string]any) {}
func (h *heardOf) Audio(segment, position uint64, pcm []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.samples[segment] != position {
		panic("out of order")
	}
	h.samples[segment] += uint64(len(pcm)) / 2
}
func (h *heardOf) SegmentEnd(segment, _ uint64) { h.ended = append(h.ended, segment) }
func (h *heardOf) Interrupted(segments []uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.interrupted = append(h.interrupted, segments...)
}
func (h *heardOf) Closed(wire.Code, By, string) {}

func listen(t *testing.T, cfg ReceiverConfig) (*Server, *heardOf) {
	t.Helper()
	h := &heardOf{samples: map[uint64]uint64{}} // the first session's
	first := true
	var mu sync.Mutex
	cfg.Opened = func(*Receiver, wire.Format, []string) Consumer {
		mu.Lock()
		defer mu.Unlock()
		if first {
			first = false
			return h
		}
		return &heardOf{samples: map[uint64]uint64{}}
	}
	s, err := Listen("127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, h
}

// raw is a WebSocket that sends what it is told.
type raw struct {
	t    *testing.T
	conn *websocket.Conn
}

func connect(t *testing.T, s *Server) *raw {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), s.URL(), &websocket.DialOptions{Subprotocols: []string{Subprotocol}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &raw{t, conn}
}

func (r *raw) send(b []byte) {
	r.t.Helper()
	if err := r.conn.Write(r.t.Context(), websocket.MessageBinary, b); err != nil {
		r.t.Fatal(err)
	}
}

func (r *raw) hex(s string) {
	b, err := hex.DecodeString(s)
	if err != nil {
		r.t.Fatal(err)
	}
	r.send(b)
}

// next returns the next message of the type of T, going past others.
func next[T wire.Message](r *raw) T {
	r.t.Helper()
	var none T
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
	defer cancel()
	for {
		_, b, err := r.conn.Read(ctx)
		if err != nil {
			r.t.Fatalf("no %T: %v", none, err)
		}
		elements, e := wire.Scan(b)
		if e != nil {
			r.t.Fatal(e)
		}
		m, e := wire.Parse(elements)
		if e != nil {
			r.t.Fatal(e)
		}
		if m, ok := m.(T); ok {
			return m
		}
	}
}

func (r *raw) closes(want wire.Code) {
	r.t.Helper()
	if c := next[*wire.Close](r); c.Code != want {
		r.t.Fatalf("closed with %v (%s), want %v", c.Code, c.Reason, want)
	}
}

const helloHex = "9801a76c6970776972659101c4105f0d1c2b3a495867768594a3b2c1d0ef019193a57331366c65cd5dc0019081a76d657373616765ce00010000"

// With repair among the features.
const helloRepairHex = "9801a76c6970776972659101c4105f0d1c2b3a495867768594a3b2c1d0ef019193a57331366c65cd5dc00191a672657061697281a76d657373616765ce00010000"

func opened(t *testing.T, s *Server, hello string) *raw {
	t.Helper()
	r := connect(t, s)
	r.hex(hello)
	next[*wire.Welcome](r)
	return r
}

func audio(segment, position, through uint64, samples int) wire.Message {
	return &wire.Audio{Segment: segment, Position: position, CutThrough: through, PCM: make([]byte, 2*samples)}
}
