package peer

import (
	"slices"
	"time"

	"lipwire.example/peer/wire"
)

// What a sender sends.

func (s *Sender) find(id uint64) *outgoing {
	if i := slices.IndexFunc(s.segments, func(x *outgoing) bool { return x.id == id }); i >= 0 && !s.segments[i].over {
		return s.segments[i]
	}
	return nil
}

// cutThrough is the highest id such that every segment up to it is cut or over.
func (s *Sender) cutThrough() uint64 {
	for _, x := range s.segments {
		if !x.cut && !x.over {
			return x.id - 1
		}
	}
	return s.last
}

// used is what counts against the window (LW-CREDIT-1 and 2).
func (s *Sender) used() (samples uint64) {
	through := s.cutThrough()
	for _, x := range s.segments {
		if x.started && !x.over && !(x.cut && (x.dropped || x.id <= through)) {
			samples += x.sent - x.consumed
		}
	}
	return samples
}

// flight is what was sent beyond the highest positions reported, in bytes.
func (s *Sender) flight() (n uint64) {
	for _, x := range s.segments {
		if x.started && !x.over && !x.cut {
			n += 2 * (x.sent - max(x.highest, x.received))
		}
	}
	return n
}

// pump sends what may be sent: one segment after the other.
func (s *Sender) pump() {
	for _, x := range s.segments {
		if x.over || x.cut || x.endSent {
			continue
		}
		if !x.started && !s.start(x) {
			return
		}
		for len(x.pending) > 0 {
			if !s.sendChunk(x) {
				return
			}
		}
		x.pending = nil
		if !x.finished {
			return
		}
		x.endSent = true
		s.send(&wire.SegmentEnd{Segment: x.id, Total: x.sent})
	}
}

func (s *Sender) start(x *outgoing) bool {
	live := uint64(0)
	for _, y := range s.segments {
		if y.started && !y.over {
			live++
		}
	}
	if live >= s.limits.Segments {
		return false
	}
	m := (&wire.SegmentStart{Segment: x.id, Metadata: x.metadata}).Encode()
	if len(m) > s.peerMessage { // opened before that limit was known
		m = (&wire.SegmentStart{Segment: x.id}).Encode()
	}
	x.started, x.metadata = true, nil
	s.started = x.id
	s.sendOn(control, m)
	return true
}

func (s *Sender) sendChunk(x *outgoing) bool {
	flight := s.flight()
	n := min(uint64(len(x.pending)), s.format.Rate/50*2, uint64(s.largestMedia()-audioHead)&^1)
	n = min(n, 2*(s.limits.Window-min(s.used(), s.limits.Window)))
	if n == 0 || flight > 0 && flight+n > flightBytes || !s.tr.room() {
		return false
	}
	pcm := x.pending[:n:n]
	x.pending = x.pending[n:]
	s.written -= int(n)
	s.sendAudio(x.id, x.sent, pcm)
	if s.repair {
		x.kept = append(x.kept, sentChunk{x.sent, pcm, s.now})
	}
	x.sent += n / 2
	x.lastAudio, x.sentNamed = s.now, false
	return true
}

func (s *Sender) sendAudio(id, pos uint64, pcm []byte) {
	s.send(&wire.Audio{Segment: id, Position: pos, CutThrough: s.cutThrough(), PCM: pcm})
}

// discard drops what a segment still holds.
func (s *Sender) discard(x *outgoing) {
	s.written -= len(x.pending)
	x.pending, x.kept, x.metadata = nil, nil, nil
}

// cutSegments cuts those of the segments that are not over nor cut, with one
// interrupt for the ones that were started.
func (s *Sender) cutSegments(which func(x *outgoing) bool) {
	var m wire.Interrupt
	for _, x := range s.segments {
		if x.over || x.cut || !which(x) {
			continue
		}
		x.cut = true
		s.discard(x)
		if !x.started { // over at once
			x.over = true
			if zero := uint64(0); x.result == nil { // else it has run out of time
				x.result = &Result{Segment: x.id, Position: &zero, Exact: true, Interrupted: true, Cause: "interrupted"}
			}
			continue
		}
		if m.First == 0 {
			m.First = x.id
		}
		m.Last = x.id
	}
	if m.First > 0 {
		s.interrupts = append(s.interrupts, &unconfirmed{Interrupt: m, again: s.now.Add(firstRepeat), wait: firstRepeat})
		s.send(&m)
	}
	s.tell()
}

// unconfirmed is an interrupt that no cut has confirmed.
type unconfirmed struct {
	wire.Interrupt
	again time.Time     // when it is repeated, where media may lose
	wait  time.Duration // what was waited for that
}

// Repeats come 20, 60 and 140 ms after the first, then every 500 ms.
const (
	firstRepeat = 20 * time.Millisecond
	slowRepeat  = 500 * time.Millisecond
)

// repeatInterrupts sends interrupts again (LW-INTERRUPT-2), and with the first
// repeat the first chunk of the segment that was begun since: a lost packet
// then does not hold that up.
func (s *Sender) repeatInterrupts() {
	if !s.split() {
		return
	}
	for _, i := range s.interrupts {
		if s.now.Before(i.again) {
			continue
		}
		s.send(&i.Interrupt)
		if i.wait == firstRepeat {
			s.repeatFirstChunk(i.Last)
		}
		if i.wait *= 2; i.wait > 4*firstRepeat {
			i.wait = slowRepeat
		}
		i.again = i.again.Add(i.wait)
	}
}

func (s *Sender) repeatFirstChunk(after uint64) {
	for _, x := range s.segments {
		if x.id > after && x.started && !x.cut && !x.over {
			if len(x.kept) > 0 && x.kept[0].pos == 0 {
				x.kept[0].at = s.now
				s.sendAudio(x.id, 0, x.kept[0].pcm)
			}
			return
		}
	}
}
