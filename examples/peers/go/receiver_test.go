package peer

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"lipwire.example/peer/wire"
)

func TestFirstMessages(t *testing.T) {
	s, _ := listen(t, ReceiverConfig{Limits: map[string]uint64{"message": 4096}})
	for b, want := range map[string]wire.Code{
		"": wire.NotLipwire, "9204ce000f4240": wire.NotLipwire, "930300a0": wire.NotLipwire, "c0": wire.NotLipwire,
		"9301a76c69707769726590": wire.UnsupportedVersion, "9301a76c6970776972659102": wire.UnsupportedVersion,
		"9301a76c6970776972659101": wire.InvalidField, "92409191919191919191c0": wire.LimitExceeded,
	} {
		r := connect(t, s)
		r.hex(b)
		r.closes(want)
	}
	r := connect(t, s)
	_ = r.conn.Write(t.Context(), websocket.MessageText, []byte("hello"))
	r.closes(wire.NotLipwire)
	r = connect(t, s)
	r.send(make([]byte, 200000))
	r.closes(wire.MessageTooLarge)
	r = opened(t, s, helloHex)
	r.send(make([]byte, 4097))
	r.closes(wire.MessageTooLarge)
	large := (&wire.Hello{Versions: []uint64{1}, Session: make([]byte, 16), Generation: 1, Message: 4096,
		Formats: []wire.Format{{Encoding: "s16le", Rate: 24000, Channels: 1}},
		Info:    map[string]any{"text": strings.Repeat("x", 10000)}}).Encode()
	r = connect(t, s)
	r.send(large)
	next[*wire.Welcome](r)
	r.send(large)
	next[*wire.Welcome](r)
	r = opened(t, s, helloHex)
	r.hex(helloHex)
	next[*wire.Welcome](r)
	r.hex(helloRepairHex)
	r.closes(wire.OutOfState)
}

func TestRulesOfReceiver(t *testing.T) {
	start := func(n uint64) wire.Message { return &wire.SegmentStart{Segment: n} }
	end := func(n, total uint64) wire.Message { return &wire.SegmentEnd{Segment: n, Total: total} }
	cut := func(a, b uint64) wire.Message { return &wire.Interrupt{First: a, Last: b} }
	var many []wire.Message
	for n := uint64(1); n <= 65; n++ {
		many = append(many, cut(10*n, 10*n))
	}
	var starts []wire.Message
	for n := uint64(1); n <= 65; n++ {
		starts = append(starts, start(n), end(n, 0))
	}
	for name, c := range map[string]struct {
		messages []wire.Message
		want     wire.Code
	}{
		"start again":       {[]wire.Message{start(1), end(1, 0), start(1)}, wire.InvalidSegment},
		"two at once":       {[]wire.Message{start(1), start(2)}, wire.OutOfState},
		"audio, no segment": {[]wire.Message{audio(1, 0, 0, 4)}, wire.InvalidSegment},
		"end, no segment":   {[]wire.Message{end(1, 0)}, wire.InvalidSegment},
		"a gap":             {[]wire.Message{start(1), audio(1, 4, 0, 4)}, wire.InvalidPosition},
		"a total beyond":    {[]wire.Message{start(1), audio(1, 0, 0, 4), end(1, 5)}, wire.InvalidPosition},
		"a total below":     {[]wire.Message{start(1), audio(1, 0, 0, 4), end(1, 3)}, wire.InvalidPosition},
		"another total":     {[]wire.Message{start(1), end(1, 0), end(1, 1)}, wire.InvalidPosition},
		"after the total":   {[]wire.Message{start(1), end(1, 0), audio(1, 0, 0, 4)}, wire.InvalidPosition},
		"cut_through":       {[]wire.Message{start(1), audio(1, 0, 1, 4)}, wire.InvalidField},
		"half a sample": {[]wire.Message{start(1),
			&wire.Audio{Segment: 1, PCM: []byte{1}}}, wire.InvalidField},
		"a huge position":   {[]wire.Message{start(1), audio(1, 1<<40, 0, 1)}, wire.InvalidPosition},
		"backwards":         {[]wire.Message{cut(3, 2)}, wire.InvalidField},
		"many early cuts":   {many, wire.LimitExceeded},
		"many segments":     {starts, wire.LimitExceeded},
		"of a receiver":     {[]wire.Message{&wire.Cut{First: 1, Last: 1}}, wire.OutOfState},
		"sent, no repair":   {[]wire.Message{start(1), &wire.Sent{Segment: 1}}, wire.OutOfState},
		"numbered":          {nil, wire.OutOfState},
		"a pause":           {nil, wire.OutOfState},
		"an ended stream":   {[]wire.Message{&wire.StreamEnded{Segment: 1}}, wire.OutOfState},
		"a welcome to many": {nil, wire.OutOfState},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := listen(t, ReceiverConfig{})
			r := opened(t, s, helloHex)
			for _, m := range c.messages {
				r.send(m.Encode())
			}
			switch name {
			case "numbered":
				r.hex("94060c05931304cd5dc0")
			case "a pause":
				r.hex("9116")
			case "a welcome to many":
				r.send((&wire.Welcome{Version: 1, Session: make([]byte, 16), Generation: 1,
					Format: wire.Format{Encoding: "s16le", Rate: 24000, Channels: 1}, Limits: wire.DefaultLimits(24000)}).Encode())
			}
			r.closes(c.want)
		})
	}
}

func TestWindow(t *testing.T) {
	h := &heardOf{samples: map[uint64]uint64{}}
	s, err := Listen("127.0.0.1:0", ReceiverConfig{Limits: map[string]uint64{"window": 2400},
		Opened: func(r *Receiver, _ wire.Format, _ []string) Consumer { r.BeginHeld(); return h }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := opened(t, s, helloHex)
	r.send((&wire.SegmentStart{Segment: 1}).Encode())
	r.send(audio(1, 0, 0, 2400).Encode())
	r.send(audio(1, 100, 0, 200).Encode()) // a repeat does not count
	if p := next[*wire.Progress](r); p.Received != 2400 || p.Consumed != 0 || p.Played != nil {
		t.Error(p)
	}
	// What is cut does not count, and the cut_through that says so comes with
	// the audio.
	r.send((&wire.SegmentEnd{Segment: 1, Total: 2400}).Encode())
	r.send((&wire.SegmentStart{Segment: 2}).Encode())
	r.send(audio(2, 0, 1, 2400).Encode())
	if e := next[*wire.StreamEnded](r); e.Segment != 1 || *e.Position != 0 || !e.Interrupted || e.Cause != 1 {
		t.Error(e)
	}
	r.send(audio(2, 2400, 1, 1).Encode())
	r.closes(wire.WindowExceeded)
}

func TestEarlyCut(t *testing.T) {
	s, h := listen(t, ReceiverConfig{})
	r := opened(t, s, helloHex)
	r.send((&wire.Interrupt{First: 1, Last: 2}).Encode())
	if c := next[*wire.Cut](r); c.First != 1 || c.Last != 2 || len(c.Consumed) != 0 {
		t.Error(c)
	}
	r.send(audio(1, 500, 0, 4).Encode())
	r.send((&wire.SegmentStart{Segment: 2}).Encode())
	if e := next[*wire.StreamEnded](r); e.Segment != 2 || *e.Position != 0 || !e.Interrupted {
		t.Error(e)
	}
	if len(h.samples) != 0 {
		t.Error(h.samples)
	}
}

func TestRepair(t *testing.T) {
	s, h := listen(t, ReceiverConfig{})
	r := opened(t, s, helloRepairHex)
	r.send(audio(1, 960, 0, 480).Encode())
	r.send((&wire.SegmentStart{Segment: 1}).Encode())
	n := next[*wire.Nack](r)
	if n.Segment != 1 || len(n.Missing) != 1 || n.Missing[0] != (wire.Pair{0, 960}) {
		t.Error(n)
	}
	r.send(audio(1, 0, 0, 480).Encode())
	r.send(audio(1, 400, 0, 1000).Encode())
	for {
		if p := next[*wire.Progress](r); p.Consumed == 1440 {
			break
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.samples[1] != 1440 {
		t.Error(h.samples)
	}
}

// What is missing in more than 32 pieces is asked for in several messages.
func TestManyGaps(t *testing.T) {
	s, _ := listen(t, ReceiverConfig{})
	r := opened(t, s, helloRepairHex)
	r.send((&wire.SegmentStart{Segment: 1}).Encode())
	for at := uint64(10); at <= 800; at += 20 {
		r.send(audio(1, at, 0, 10).Encode())
	}
	asked := map[wire.Pair]bool{}
	for len(asked) < 40 {
		n := next[*wire.Nack](r)
		if len(n.Missing) > 32 {
			t.Error(len(n.Missing))
		}
		for _, p := range n.Missing {
			asked[p] = true
		}
	}
}

func TestSubprotocol(t *testing.T) {
	s, _ := listen(t, ReceiverConfig{})
	url := "http" + strings.TrimPrefix(s.URL(), "ws")
	for _, c := range []struct {
		header, value string
		want          int
	}{
		{"Sec-WebSocket-Protocol", "lipwire.2", 400},
		{"Host", "evil.example", 403},
		{"Origin", "http://evil.example", 403},
	} {
		req, _ := http.NewRequest("GET", url, nil)
		for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket",
			"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
			"Sec-WebSocket-Protocol": "lipwire.1"} {
			req.Header.Set(k, v)
		}
		if c.header == "Host" {
			req.Host = c.value
		} else {
			req.Header.Set(c.header, c.value)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s %s: %d", c.header, c.value, resp.StatusCode)
		}
	}
}

// A put off sender comes again, and takes its place when there is one.
func TestBusy(t *testing.T) {
	s, _ := listen(t, ReceiverConfig{Sessions: 1})
	first := opened(t, s, helloHex)
	r := connect(t, s)
	r.hex(helloHex)
	if c := next[*wire.Close](r); c.Code != wire.Busy || c.Retry == nil {
		t.Error(c)
	}
	u := newUser()
	sender, err := NewSender(SenderConfig{URL: s.URL(), User: u})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	first.hex("930300a0")
	select {
	case <-u.opened:
	case <-time.After(5 * time.Second):
		t.Error("not opened")
	}
	_ = sender.Close(wire.Normal, "")
	sender.Wait()
}

// Whatever comes, a session ends with a close and no other is harmed.
func TestHostileMessages(t *testing.T) {
	s, _ := listen(t, ReceiverConfig{Sessions: 1000})
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 150 {
		r := opened(t, s, helloRepairHex)
		for range 40 {
			n := func() uint64 { return rnd.Uint64N(5) }
			var m wire.Message
			switch rnd.IntN(7) {
			case 0:
				m = &wire.SegmentStart{Segment: n() + 1}
			case 1, 2, 3:
				m = audio(n()+1, 100*n(), 0, int(100*n()+1))
			case 4:
				m = &wire.SegmentEnd{Segment: n() + 1, Total: 100 * n()}
			case 5:
				m = &wire.Interrupt{First: n() + 1, Last: n() + 3}
			case 6:
				m = &wire.Sent{Segment: n() + 1, Position: 200 * n()}
			}
			if r.conn.Write(t.Context(), websocket.MessageBinary, m.Encode()) != nil {
				break
			}
		}
		_ = r.conn.CloseNow()
	}
	opened(t, s, helloHex)
}
