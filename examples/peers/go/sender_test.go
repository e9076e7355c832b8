package peer

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"lipwire.example/peer/wire"
)

type user struct {
	opened chan bool
	closed chan wire.Code
	ended  chan Result
}

func newUser() *user {
	return &user{make(chan bool, 10), make(chan wire.Code, 1), make(chan Result, 1000)}
}

func (u *user) Opened(wire.Format, []string)                { u.opened <- true }
func (u *user) StreamStarted(uint64)                        {}
func (u *user) StreamEnded(r Result)                        { u.ended <- r }
func (u *user) Closed(code wire.Code, by By, reason string) { u.closed <- code }

// receiving is a receiver that a test plays itself.
func receiving(t *testing.T, play func(r *raw, hello *wire.Hello)) (*Sender, *user) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		conn, err := acceptWebSocket(w, req)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		r := &raw{t, conn}
		play(r, next[*wire.Hello](r))
	}))
	t.Cleanup(srv.Close)
	u := newUser()
	s, err := NewSender(SenderConfig{URL: "ws" + strings.TrimPrefix(srv.URL, "http"), User: u})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(wire.Normal, ""); s.Wait() })
	return s, u
}

func welcome(h *wire.Hello) *wire.Welcome {
	return &wire.Welcome{Version: 1, Session: h.Session, Generation: h.Generation, Format: h.Formats[0],
		Limits: wire.DefaultLimits(24000)}
}

func TestRulesOfSender(t *testing.T) {
	p := func(n uint64) *uint64 { return &n }
	for name, c := range map[string]struct {
		m    wire.Message
		want wire.Code
	}{
		"progress of none":      {&wire.Progress{Segment: 2}, wire.InvalidSegment},
		"more than was sent":    {&wire.Progress{Segment: 1, Received: 481}, wire.InvalidPosition},
		"consumed too much":     {&wire.Progress{Segment: 1, Received: 10, Consumed: 11}, wire.InvalidPosition},
		"played too much":       {&wire.Progress{Segment: 1, Received: 10, Consumed: 10, Played: p(11)}, wire.InvalidPosition},
		"highest too high":      {&wire.Progress{Segment: 1, Highest: p(481)}, wire.InvalidPosition},
		"an end of none":        {&wire.StreamEnded{Segment: 2, Position: p(0)}, wire.InvalidSegment},
		"an end beyond":         {&wire.StreamEnded{Segment: 1, Position: p(481)}, wire.InvalidPosition},
		"a start of none":       {&wire.StreamStarted{Segment: 2}, wire.InvalidSegment},
		"a cut of none":         {&wire.Cut{First: 1, Last: 2}, wire.InvalidSegment},
		"a nack, no repair":     {&wire.Nack{Segment: 1, Missing: []wire.Pair{{0, 1}}}, wire.OutOfState},
		"from the wrong side":   {&wire.SegmentEnd{Segment: 1}, wire.OutOfState},
		"a cut of too much":     {&wire.Cut{First: 1, Last: 1, Consumed: []wire.Pair{{1, 481}}}, wire.InvalidPosition},
		"a cut of too many":     {&wire.Cut{First: 1, Last: 1, Consumed: make([]wire.Pair, 65)}, wire.InvalidField},
		"a cut that lists none": {&wire.Cut{First: 1, Last: 1, Consumed: []wire.Pair{{2, 0}}}, wire.InvalidSegment},
	} {
		t.Run(name, func(t *testing.T) {
			got := make(chan wire.Code, 1)
			s, _ := receiving(t, func(r *raw, h *wire.Hello) {
				r.send((&wire.Progress{Segment: 1}).Encode()) // ignored before welcome
				r.send(welcome(h).Encode())
				next[*wire.Audio](r)
				r.send(c.m.Encode())
				got <- next[*wire.Close](r).Code
			})
			id, _ := s.Open(nil)
			_ = s.Write(id, make([]byte, 960))
			select {
			case code := <-got:
				if code != c.want {
					t.Errorf("closed with %v, want %v", code, c.want)
				}
			case <-time.After(5 * time.Second):
				t.Error("not closed")
			}
		})
	}
}

// What a cut says of segments outside its range is ignored, but it has to be possible.
func TestCutOfMoreThanWasSentOutsideItsRange(t *testing.T) {
	got := make(chan wire.Code, 1)
	s, _ := receiving(t, func(r *raw, h *wire.Hello) {
		r.send(welcome(h).Encode())
		next[*wire.SegmentEnd](r)
		next[*wire.SegmentStart](r)
		r.send((&wire.Cut{First: 2, Last: 2, Consumed: []wire.Pair{{1, 481}}}).Encode())
		got <- next[*wire.Close](r).Code
	})
	id, _ := s.Open(nil)
	_ = s.Write(id, make([]byte, 960))
	_ = s.End(id)
	_, _ = s.Open(nil)
	select {
	case code := <-got:
		if code != wire.InvalidPosition {
			t.Errorf("closed with %v", code)
		}
	case <-time.After(5 * time.Second):
		t.Error("not closed")
	}
}

func TestWelcomeThatChoosesWrong(t *testing.T) {
	for name, change := range map[string]func(w *wire.Welcome){
		"version":    func(w *wire.Welcome) { w.Version = 2 },
		"session":    func(w *wire.Welcome) { w.Session = make([]byte, 16) },
		"generation": func(w *wire.Welcome) { w.Generation++ },
		"format":     func(w *wire.Welcome) { w.Format.Rate = 8000 },
		"feature":    func(w *wire.Welcome) { w.Features = []string{"resume"} },
		"limit":      func(w *wire.Welcome) { w.Limits.Message = 100 },
	} {
		got := make(chan wire.Code, 1)
		receiving(t, func(r *raw, h *wire.Hello) {
			w := welcome(h)
			change(w)
			r.send(w.Encode())
			got <- next[*wire.Close](r).Code
		})
		if code := <-got; code != wire.InvalidField {
			t.Errorf("%s: %v", name, code)
		}
	}
}

func TestSenderRepairs(t *testing.T) {
	done := make(chan bool)
	s, _ := receiving(t, func(r *raw, h *wire.Hello) {
		w := welcome(h)
		w.Features = []string{FeatureRepair}
		r.send(w.Encode())
		if m := next[*wire.Sent](r); m.Position != 960 {
			t.Error(m)
		}
		time.Sleep(100 * time.Millisecond) // not again sooner than half a round trip
		r.send((&wire.Nack{Segment: 1, Missing: []wire.Pair{{480, 500}}}).Encode())
		if m := next[*wire.Audio](r); m.Position != 480 || len(m.PCM) != 960 {
			t.Error(m)
		}
		close(done)
	})
	id, _ := s.Open(nil)
	_ = s.Write(id, make([]byte, 1920))
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Error("not repaired")
	}
}
