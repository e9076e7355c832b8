package peer

import (
	"slices"
	"time"

	"lipwire.example/peer/wire"
)

// Consumer is what a receiver hands out to. It is called from the session's
// loop, one call at a time; the calls must not block nor call the session.
type Consumer interface {
	SegmentStart(segment uint64, metadata map[string]any)
	// Audio hands out samples; they may be kept.
	Audio(segment, position uint64, pcm []byte)
	SegmentEnd(segment, total uint64)
	// Interrupted tells that playback of these segments is to stop at once:
	// they were cut, or the session is over.
	Interrupted(segments []uint64)
	// Closed tells that the session is over: what plays is to stop.
	Closed(code wire.Code, by By, reason string)
}

// ReceiverConfig is what a receiver goes by. Zero values are defaults.
type ReceiverConfig struct {
	Formats   []wire.Format     // supported, s16le mono; at any rate unless given
	NoRepair  bool              // over WebSocket; WebRTC needs it
	Limits    map[string]uint64 // by the names of section 17; samples at the first format's rate
	Token     string            // required when it is not empty
	Sessions  int               // at a time; 0 for 64
	Info      map[string]any
	Handshake time.Duration
	Grace     time.Duration
	// Opened is called from the new session's loop.
	Opened func(s *Receiver, format wire.Format, features []string) Consumer
}

const (
	maxEarlyCuts     = 64
	maxEarlySegments = 8
	maxSegment       = 1 << 40
	nackRanges       = 32 // in one message
)

// incoming is a segment at the receiver, or the audio of one before its start.
type incoming struct {
	held
	id        uint64
	metadata  map[string]any
	started   bool // segment_start has come
	ended     bool // segment_end has come
	total     uint64
	named     uint64 // up to where audio is known to have been sent
	cut       bool
	graceBy   time.Time // of a cut one: until when its consumer may report
	begun     bool      // the beginning was handed out
	sampled   bool      // so was a sample
	done      bool      // so was the end
	streaming bool      // stream_started was sent
	played    *uint64
	nackAt    time.Time
	advanced  time.Time // when highest last moved
	dirty     time.Time // since when a progress is due
	reported  uint64    // consumed, in the last progress
	repeatAt  time.Time // when that is due again, where media may lose it
}

// Receiver is one session of a receiver.
type Receiver struct {
	link
	cfg      *ReceiverConfig
	server   *Server
	consumer Consumer
	format   wire.Format
	limits   wire.Limits
	hello    []byte // as it came, to know its repeat
	welcome  []byte

	segments   []*incoming // live, in the order of their ids
	early      []*incoming // audio that came before its start
	highest    uint64      // the highest id started
	cutThrough uint64
	earlyCuts  []wire.Interrupt
	hold       bool
	coolUntil  time.Time
	cooling    map[uint64]bool // cut segments whose end will end the cooldown
}

func newReceiver(server *Server, tr transport) *Receiver {
	message := server.limits(server.rate()).Message
	r := &Receiver{link: newLink(message), cfg: &server.cfg, server: server, cooling: map[uint64]bool{}}
	r.tr = tr
	r.now = time.Now()
	r.handshakeBy = r.now.Add(r.cfg.Handshake)
	return r
}

// run is the loop of the session; it ends with it.
func (r *Receiver) run() {
	defer close(r.stopped)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for r.state != closed {
		var d deadlines
		r.deadlines(&d)
		timer.Reset(max(time.Until(d.at), 0))
		select {
		case f, ok := <-r.frames():
			r.now = time.Now()
			f.end = !ok
			r.frame(f)
		case fn := <-r.commands:
			r.now = time.Now()
			fn()
		case <-timer.C:
			r.now = time.Now()
		}
		if r.state != closed {
			r.tick()
		}
	}
}

func (r *Receiver) deadlines(d *deadlines) {
	r.link.deadlines(d)
	d.add(r.coolUntil)
	for _, s := range r.segments {
		d.add(s.graceBy)
		if !s.cut {
			d.add(s.nackAt)
			d.add(s.repeatAt)
			if !s.dirty.IsZero() {
				d.add(s.dirty.Add(progressDelay))
			}
		}
	}
}

func (r *Receiver) tick() {
	if r.state == opening && !r.now.Before(r.handshakeBy) {
		r.refuse(wire.Errorf(wire.HandshakeTimeout, "no hello in time"), nil, nil)
		return
	}
	if !r.live() {
		r.over(nil, wire.PeerGone, Transport, "the transport broke")
		return
	}
	if r.state != open {
		return
	}
	if !r.coolUntil.IsZero() && !r.now.Before(r.coolUntil) {
		r.cooled()
	}
	for _, s := range slices.Clone(r.segments) {
		if !s.graceBy.IsZero() && !r.now.Before(s.graceBy) {
			if s.done && s.played != nil && *s.played == s.total { // it was heard to its end (LW-STREAM-4)
				r.endStream(s, s.played, false, 0)
			} else {
				r.endStream(s, s.played, true, 1)
			}
			continue
		}
		if s.cut {
			continue
		}
		if r.repair && !s.nackAt.IsZero() && !r.now.Before(s.nackAt) {
			r.nack(s)
		}
		if !s.dirty.IsZero() && (!r.now.Before(s.dirty.Add(progressDelay)) || s.consumed-s.reported >= r.limits.Window/4) {
			r.progress(s)
		}
		if !s.repeatAt.IsZero() && !r.now.Before(s.repeatAt) {
			r.progressOn(control, s) // what media loses again and again is known after all
		}
	}
}

// frame takes what the transport received.
func (r *Receiver) frame(f frame) {
	if f.end {
		r.over(nil, wire.PeerGone, Transport, "the transport ended")
		return
	}
	r.lastHeard = r.now
	if r.state == opening {
		r.first(f)
		return
	}
	if !f.text && slices.Equal(f.data, r.hello) { // also where that is larger than what was announced
		r.sendOn(control, r.welcome)
		return
	}
	m, err := r.parse(f)
	if err == nil {
		err = r.message(m)
	}
	if err != nil && r.state != closed {
		r.over(&wire.Close{Code: err.Code, Reason: err.Reason}, err.Code, Here, err.Reason)
	}
}

// over ends the session, with a close where one is given.
func (r *Receiver) over(c *wire.Close, code wire.Code, by By, reason string) {
	if r.tr != nil && c == nil && by == Transport {
		r.tr.drop()
		r.tr = nil
	}
	r.part(c)
	var playing []uint64
	for _, s := range r.segments {
		if s.begun && !s.cut {
			playing = append(playing, s.id)
		}
	}
	r.segments, r.early = nil, nil
	if len(playing) > 0 {
		r.consumer.Interrupted(playing)
	}
	if r.consumer != nil {
		r.consumer.Closed(code, by, Printable(reason))
	}
	r.server.gone(r)
}

// refuse answers a first message.
func (r *Receiver) refuse(err *wire.Error, retry *uint64, details map[string]any) {
	c := &wire.Close{Code: err.Code, Reason: err.Reason, Retry: retry, Details: details}
	r.over(c, err.Code, Here, err.Reason)
}
