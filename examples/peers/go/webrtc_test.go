package peer

import (
	"context"
	"testing"
	"time"

	"lipwire.example/peer/wire"
)

// overWebRTC connects a sender to a server by offer and answer.
func overWebRTC(t *testing.T, cfg ReceiverConfig) (*Sender, *user) {
	t.Helper()
	server, err := NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	u := newUser()
	s, err := NewSender(SenderConfig{Exchange: server.Answer, User: u})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Close(wire.Normal, "")
		s.Wait()
		server.Close()
	})
	return s, u
}

func await[T any](t *testing.T, ch <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(10 * time.Second):
		t.Fatal("not " + what)
	}
	return v
}

// A player plays at once what it is handed, and reports it.
type player struct {
	heardOf
	session *Receiver
	closed  chan wire.Code
}

func (p *player) SegmentEnd(segment, total uint64) {
	go func() {
		_ = p.session.StreamStarted(segment)
		_ = p.session.StreamEnded([]uint64{segment}, &total, false, false)
	}()
}

func (p *player) Interrupted(segments []uint64) {
	go func() { _ = p.session.StreamEnded(segments, nil, true, false) }()
}

func (p *player) Closed(code wire.Code, _ By, _ string) { p.closed <- code }

func TestWebRTC(t *testing.T) {
	closed := make(chan wire.Code, 1)
	s, u := overWebRTC(t, ReceiverConfig{Opened: func(r *Receiver, _ wire.Format, features []string) Consumer {
		if len(features) != 1 || features[0] != FeatureRepair {
			t.Error(features)
		}
		return &player{heardOf{samples: map[uint64]uint64{}}, r, closed}
	}})
	await(t, u.opened, "opened")
	const n = 100000
	first, _ := s.Open(map[string]any{"text": "Hello"})
	_ = s.Write(first, make([]byte, 2*n))
	_ = s.End(first)
	if r := await(t, u.ended, "ended"); r.Cause != "played" || *r.Position != n {
		t.Errorf("%+v at %d", r, *r.Position)
	}
	second, _ := s.Open(nil)
	_ = s.Write(second, make([]byte, 2*n))
	time.Sleep(20 * time.Millisecond)
	_ = s.Interrupt(0)
	third, _ := s.Open(nil)
	_ = s.Write(third, make([]byte, 2*n))
	_ = s.End(third)
	if r := await(t, u.ended, "ended"); r.Segment != second || r.Cause != "interrupted" {
		t.Errorf("%+v", r)
	}
	if r := await(t, u.ended, "ended"); r.Segment != third || r.Cause != "played" || *r.Position != n {
		t.Errorf("%+v", r)
	}
	_ = s.Close(wire.Normal, "")
	if code := await(t, closed, "closed"); code != wire.Normal {
		t.Error(code)
	}
}

// Over WebRTC the sender must offer repair, and the receiver must choose it.
func TestWebRTCNeedsRepair(t *testing.T) {
	server, err := NewServer(ReceiverConfig{Opened: func(*Receiver, wire.Format, []string) Consumer { return &heardOf{} }})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tr, err := dialWebRTC(ctx, server.Answer, wire.DefaultMessage)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.drop()
	h := &wire.Hello{Versions: []uint64{1}, Session: make([]byte, 16), Generation: 1, Message: wire.DefaultMessage,
		Formats: []wire.Format{{Encoding: "s16le", Rate: 24000, Channels: 1}}, Features: []string{"grease.0"}}
	tr.send(control, h.Encode())
	elements, e := wire.Scan(await(t, tr.frames(), "answered").data)
	if e != nil {
		t.Fatal(e)
	}
	m, _ := wire.Parse(elements)
	if c, ok := m.(*wire.Close); !ok || c.Code != wire.FeatureRequired {
		t.Errorf("%+v", m)
	}
}

func TestWebRTCBadOffer(t *testing.T) {
	server, err := NewServer(ReceiverConfig{Opened: func(*Receiver, wire.Format, []string) Consumer { return &heardOf{} }})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, offer := range []string{"", "v=0", "not a description"} {
		if _, err := server.Answer(t.Context(), offer); err == nil {
			t.Errorf("%q was answered", offer)
		}
	}
}
