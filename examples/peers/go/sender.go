package peer

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"lipwire.example/peer/wire"
)

// User is what a sender tells. It is called from the session's loop, one call
// at a time; the calls must not block nor call the session.
type User interface {
	Opened(format wire.Format, features []string)
	StreamStarted(segment uint64)
	StreamEnded(r Result)
	Closed(code wire.Code, by By, reason string)
}

// Result is how a segment ended.
type Result struct {
	Segment     uint64
	Position    *uint64 // heard up to there; nil: not known
	Exact       bool    // false: Position is a lower bound
	Interrupted bool
	Cause       string
}

// Exchange hands an offer (SDP) to the receiver, by whatever means both sides
// have, and returns its answer.
type Exchange func(ctx context.Context, offer string) (answer string, err error)

// SenderConfig is what a sender goes by. Zero values are defaults.
type SenderConfig struct {
	URL       string        // of the receiver's WebSocket; or
	Exchange  Exchange      // over WebRTC
	Formats   []wire.Format // offered, s16le mono; the first is what is written in
	NoRepair  bool          // over WebSocket; WebRTC needs it
	Message   uint64        // the largest message taken
	Token     string
	Info      map[string]any
	Handshake time.Duration
	Grace     time.Duration
	User      User
}

// What a sender holds at most.
const (
	maxOpened    = 1024     // segments that are not over
	maxWritten   = 64 << 20 // bytes that wait to be sent
	flightBytes  = 64 << 10 // sent beyond the highest position reported
	audioHead    = 35       // bytes of an audio message beside its samples
	dialAttempts = 6        // in a row that reach no receiver
	busyAttempts = 20       // that a receiver puts off
	maxPutOff    = 60000    // ms; a receiver that says to come later is left alone
)

// Errors of a sender towards its user.
var (
	ErrUnknownSegment = errors.New("no such segment")
	ErrSegmentOver    = errors.New("the segment is over, cut or ended")
	ErrTooMuch        = errors.New("too much waits to be sent")
)

type sentChunk struct {
	pos uint64
	pcm []byte
	at  time.Time
}

// outgoing is a segment at the sender.
type outgoing struct {
	id       uint64
	metadata map[string]any
	pending  []byte // written, and not sent
	kept     []sentChunk
	started  bool // segment_start was sent
	endSent  bool
	finished bool // all of it was written
	rate     resampler
	cut      bool
	dropped  bool // the cut was confirmed
	over     bool
	result   *Result
	told     bool

	sent, received, consumed, highest uint64
	played                            *uint64
	lastAudio                         time.Time
	sentNamed                         bool // sent was sent since the last audio
	streaming                         bool // stream_started has come
}

func (s *outgoing) length() uint64 { return s.sent + uint64(len(s.pending))/2 }

func (s *outgoing) heard() uint64 {
	if s.played == nil {
		return 0
	}
	return *s.played
}

// watched is what the timer of LW-STREAM-7 started from.
type watched struct {
	id                                  uint64
	received, highest, consumed, played uint64
	cut                                 bool
}

// Sender is one session of a sender.
type Sender struct {
	link
	cfg        SenderConfig
	session    [16]byte
	generation uint64
	grease     string
	welcome    []byte
	format     wire.Format
	limits     wire.Limits

	dials    chan dialled
	stopDial context.CancelFunc
	dialling bool
	redialAt time.Time
	failed   int
	putOff   int

	segments   []*outgoing // not over, or not told
	last       uint64      // the highest id opened
	started    uint64      // the highest id started
	interrupts []*unconfirmed
	written    int // bytes that wait in all segments
	watch      watched
	watchBy    time.Time
	finishing  bool
}

// NewSender begins a sender; it connects by itself.
func NewSender(cfg SenderConfig) (*Sender, error) {
	if len(cfg.Formats) == 0 {
		cfg.Formats = []wire.Format{{Encoding: "s16le", Rate: 24000, Channels: 1}}
	}
	if len(cfg.Formats) > 16 || slices.ContainsFunc(cfg.Formats, func(f wire.Format) bool { return f.FrameSize() == 0 }) {
		return nil, errors.New("at most 16 formats, s16le, mono, 8,000 to 48,000 Hz")
	}
	if cfg.User == nil {
		return nil, errors.New("the configuration has no User")
	}
	if cfg.Message == 0 {
		cfg.Message = wire.DefaultMessage
	}
	limits := wire.DefaultLimits(cfg.Formats[0].Rate)
	limits.Message = cfg.Message
	if limits.Check(cfg.Formats[0].Rate) != "" {
		return nil, errors.New("the message limit is out of range")
	}
	if err := defaultTimes(&cfg.Handshake, &cfg.Grace); err != nil {
		return nil, err
	}
	if err := checkFree(cfg.Info); err != nil {
		return nil, err
	}
	if len(cfg.Token) > 4096 {
		return nil, errors.New("the token is longer than 4,096 bytes")
	}
	s := &Sender{link: newLink(cfg.Message), cfg: cfg, dials: make(chan dialled, 1)}
	_, _ = rand.Read(s.session[:])
	s.grease = "grease." + hex.EncodeToString(s.session[:2])
	s.now = time.Now()
	s.dial()
	go s.run()
	return s, nil
}

// run is the loop of the session; it ends with it.
func (s *Sender) run() {
	defer close(s.stopped)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for s.state != closed {
		var d deadlines
		s.deadlines(&d)
		wait := time.Hour
		if !d.at.IsZero() {
			wait = max(time.Until(d.at), 0)
		}
		timer.Reset(wait)
		select {
		case f, ok := <-s.frames():
			s.now = time.Now()
			f.end = !ok
			s.frame(f)
		case fn := <-s.commands:
			s.now = time.Now()
			fn()
		case r := <-s.dials:
			s.now = time.Now()
			s.dialled(r)
		case <-s.drained():
			s.now = time.Now()
		case <-timer.C:
			s.now = time.Now()
		}
		if s.state != closed {
			s.tick()
		}
	}
	s.stopDial()
	if s.dialling {
		if r := <-s.dials; r.tr != nil {
			r.tr.drop()
		}
	}
}

func (s *Sender) deadlines(d *deadlines) {
	s.link.deadlines(d)
	d.add(s.redialAt)
	d.add(s.watchBy)
	if s.state != open {
		return
	}
	for _, x := range s.segments {
		if s.repair && x.namesSent() {
			d.add(x.lastAudio.Add(sentDelay))
		}
	}
	if s.split() {
		for _, i := range s.interrupts {
			d.add(i.again)
		}
	}
}

// namesSent says whether a sent is due once the segment has been quiet.
func (s *outgoing) namesSent() bool {
	return s.started && !s.endSent && !s.cut && !s.over && !s.sentNamed && s.sent > s.received
}

func (s *Sender) tick() {
	switch {
	case !s.redialAt.IsZero() && !s.now.Before(s.redialAt):
		s.dial()
	case s.state == opening && s.tr != nil && !s.now.Before(s.handshakeBy):
		why := "no welcome in time"
		s.over(&wire.Close{Code: wire.HandshakeTimeout, Reason: why}, wire.HandshakeTimeout, Here, why, "never connected")
		return
	case !s.live():
		s.over(nil, wire.PeerGone, Transport, "the transport broke", "transport lost")
		return
	}
	if s.state == open {
		s.pump()
		s.nameSent()
		s.repeatInterrupts()
		s.watchOldest()
		if s.finishing && len(s.segments) == 0 {
			s.over(&wire.Close{Code: wire.Normal}, wire.Normal, Here, "", "closed")
		}
	}
}

func (s *Sender) nameSent() {
	for _, x := range s.segments {
		if s.repair && x.namesSent() && !s.now.Before(x.lastAudio.Add(sentDelay)) {
			x.sentNamed = true
			s.send(&wire.Sent{Segment: x.id, Position: x.sent})
		}
	}
}

// frame takes what the transport received.
func (s *Sender) frame(f frame) {
	if f.end {
		if s.state == opening {
			s.tr.drop()
			s.tr = nil
			s.notConnected("the transport ended before welcome")
			return
		}
		s.over(nil, wire.PeerGone, Transport, "the transport ended", "transport lost")
		return
	}
	s.lastHeard = s.now
	m, err := s.parse(f)
	if err != nil && s.state == opening && s.ignoredEarly(f) {
		return
	}
	if err == nil {
		err = s.message(m, f.data)
	}
	if err != nil && s.state != closed {
		s.over(&wire.Close{Code: err.Code, Reason: err.Reason}, err.Code, Here, err.Reason, "peer fault")
	}
}

// ignoredEarly says whether a message that can not be parsed is to be ignored
// all the same, because it came before welcome (LW-OPEN-13).
func (s *Sender) ignoredEarly(f frame) bool {
	elements, err := wire.Scan(f.data)
	if f.tooLarge || f.text || err != nil {
		return false
	}
	t, _, _ := wire.Peek(elements)
	return t == wire.TProgress || t == wire.TNack
}

func (s *Sender) message(m wire.Message, raw []byte) *wire.Error {
	if c, ok := m.(*wire.Close); ok {
		s.closedByPeer(c)
		return nil
	}
	if s.state == opening {
		switch m := m.(type) {
		case nil, *wire.Progress, *wire.Nack:
			return nil
		case *wire.Welcome:
			return s.opens(m, raw)
		}
		return wire.Errorf(wire.OutOfState, "not legal before welcome")
	}
	if m == nil || s.common(m) {
		return nil
	}
	switch m := m.(type) {
	case *wire.Welcome:
		if slices.Equal(raw, s.welcome) {
			return nil
		}
	case *wire.Cut:
		return s.cutConfirmed(m)
	case *wire.StreamStarted:
		return s.streamStarted(m)
	case *wire.Progress:
		return s.progress(m)
	case *wire.StreamEnded:
		return s.streamEnded(m)
	case *wire.Nack:
		if s.repair {
			return s.nack(m)
		}
	}
	return wire.Errorf(wire.OutOfState, "not legal now, from this side, or without its feature")
}

// over ends the session: every segment towards the user, and then itself.
func (s *Sender) over(c *wire.Close, code wire.Code, by By, reason, cause string) {
	if s.tr != nil && c == nil && by == Transport {
		s.tr.drop()
		s.tr = nil
	}
	s.part(c)
	for _, x := range s.segments {
		s.abandon(x, cause)
		x.over = true
	}
	s.tell()
	s.cfg.User.Closed(code, by, Printable(reason))
}

// abandon gives a segment a result that no stream_ended brought.
func (s *Sender) abandon(x *outgoing, cause string) {
	if x.result == nil {
		if x.cut {
			cause = "interrupted"
		}
		at := x.heard()
		x.result = &Result{Segment: x.id, Position: &at, Exact: !x.started, Interrupted: true, Cause: cause}
	}
}

// tell gives the user the results, in the order of ids (LW-STREAM-7), and
// forgets what is over and told.
func (s *Sender) tell() {
	for _, x := range s.segments {
		if x.result == nil {
			break
		}
		if !x.told {
			x.told = true
			s.cfg.User.StreamEnded(*x.result)
		}
	}
	s.segments = slices.DeleteFunc(s.segments, func(x *outgoing) bool { return x.over && x.told })
}
