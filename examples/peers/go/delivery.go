package peer

import (
	"slices"
	"time"

	"lipwire.example/peer/wire"
)

// What a receiver hands out, and what it reports while it does.

// deliver hands out all that can be.
func (r *Receiver) deliver() {
	for _, s := range r.segments {
		if s.cut || s.done {
			continue
		}
		if r.hold || !r.coolUntil.IsZero() || r.consumer == nil {
			return
		}
		if !s.begun {
			s.begun = true
			r.consumer.SegmentStart(s.id, s.metadata)
			s.metadata = nil
		}
		for {
			p, ok := s.take()
			if !ok {
				break
			}
			s.sampled = true
			r.changed(s)
			r.consumer.Audio(s.id, p.pos, p.pcm)
		}
		if !s.ended || s.consumed < s.total {
			return
		}
		s.done = true
		r.consumer.SegmentEnd(s.id, s.total)
	}
}

// changed notes that a progress is due.
func (r *Receiver) changed(s *incoming) {
	if s.dirty.IsZero() {
		s.dirty = r.now
	}
}

func (r *Receiver) progress(s *incoming) { r.progressOn(media, s) }

func (r *Receiver) progressOn(ch channel, s *incoming) {
	r.sendOn(ch, r.progressOf(s).Encode())
	s.dirty, s.reported = time.Time{}, s.consumed
	if r.split() {
		s.repeatAt = r.now.Add(progressRepeat)
	}
}

func (r *Receiver) progressOf(s *incoming) *wire.Progress {
	p := &wire.Progress{
		Segment: s.id, Received: s.received, Consumed: s.consumed, Played: s.played, Clock: micros(r.now),
	}
	if !s.advanced.IsZero() {
		p.Delay = micros(r.now) - micros(s.advanced)
	}
	if s.highest > s.received {
		p.Highest = &s.highest
	}
	return p
}

// lacking is what of a segment is known to have been sent and has not arrived,
// at most n ranges of it.
func (s *incoming) lacking(n int) [][2]uint64 {
	return s.gaps(max(s.named, s.total), n)
}

// missing sets or clears the timer of nacks.
func (r *Receiver) missing(s *incoming) {
	if !r.repair {
		return
	}
	switch none := len(s.lacking(1)) == 0; {
	case none:
		s.nackAt = time.Time{}
	case s.nackAt.IsZero():
		s.nackAt = r.now.Add(max(20*time.Millisecond, r.roundTrip()/4))
	}
}

// nack asks for all that is missing, in as many messages as it takes.
func (r *Receiver) nack(s *incoming) {
	s.nackAt = time.Time{}
	for ranges := range slices.Chunk(s.lacking(maxGaps+1), nackRanges) {
		m := &wire.Nack{Segment: s.id}
		for _, g := range ranges {
			m.Missing = append(m.Missing, wire.Pair(g))
		}
		r.send(m)
		s.nackAt = r.now.Add(r.roundTrip() + 20*time.Millisecond)
	}
}
