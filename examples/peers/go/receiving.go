package peer

import (
	"slices"
	"time"

	"lipwire.example/peer/wire"
)

// The messages of an open session, at the receiver.

// message takes a message of an open session.
func (r *Receiver) message(m wire.Message) *wire.Error {
	if m == nil || r.common(m) {
		return nil
	}
	switch m := m.(type) {
	case *wire.Close:
		r.over(nil, m.Code, Peer, m.Reason)
		return nil
	case *wire.SegmentStart:
		return r.segmentStart(m)
	case *wire.Audio:
		return r.audio(m)
	case *wire.Sent:
		if r.repair {
			return r.sent(m)
		}
	case *wire.SegmentEnd:
		return r.segmentEnd(m)
	case *wire.Interrupt:
		return r.interrupt(m)
	}
	return wire.Errorf(wire.OutOfState, "not legal now, from this side, or without its feature")
}

func (r *Receiver) find(id uint64) *incoming {
	if i := slices.IndexFunc(r.segments, func(s *incoming) bool { return s.id == id }); i >= 0 {
		return r.segments[i]
	}
	return nil
}

// cutBefore says whether a segment that has not started is cut already.
func (r *Receiver) cutBefore(id uint64) bool {
	return id <= r.cutThrough || slices.ContainsFunc(r.earlyCuts, func(c wire.Interrupt) bool {
		return c.First <= id && id <= c.Last
	})
}

func (r *Receiver) segmentStart(m *wire.SegmentStart) *wire.Error {
	if m.Segment <= r.highest {
		return wire.Errorf(wire.InvalidSegment, "segment %d is not above %d", m.Segment, r.highest)
	}
	for _, s := range r.segments {
		if !s.ended && !s.cut {
			return wire.Errorf(wire.OutOfState, "segment %d is not ended", s.id)
		}
	}
	isCut := r.cutBefore(m.Segment)
	r.highest = m.Segment
	r.earlyCuts = slices.DeleteFunc(r.earlyCuts, func(c wire.Interrupt) bool { return c.Last < m.Segment })
	var s *incoming
	r.early = slices.DeleteFunc(r.early, func(e *incoming) bool {
		if e.id == m.Segment {
			s = e
		}
		return e.id <= m.Segment
	})
	if isCut {
		zero := uint64(0)
		r.send(&wire.StreamEnded{Segment: m.Segment, Position: &zero, Interrupted: true, Cause: 1})
		return nil
	}
	if uint64(len(r.segments)) >= r.limits.Segments {
		return wire.Errorf(wire.LimitExceeded, "more than %d segments are live", r.limits.Segments)
	}
	if s == nil {
		s = r.newIncoming(m.Segment)
	} else if s.received > 0 || s.highest > 0 {
		r.changed(s)
	}
	s.started, s.metadata = true, m.Metadata
	r.segments = append(r.segments, s)
	r.missing(s)
	r.deliver()
	return nil
}

func (r *Receiver) newIncoming(id uint64) *incoming {
	return &incoming{held: held{frame: uint64(r.format.FrameSize())}, id: id}
}

// credit is what is counted against the window, with one segment's highest
// position taken to be another.
func (r *Receiver) credit(of *incoming, highest uint64) (sum uint64) {
	for _, list := range [][]*incoming{r.segments, r.early} {
		for _, s := range list {
			switch {
			case s.cut:
			case s == of:
				sum += max(s.highest, highest) - s.consumed
			default:
				sum += s.highest - s.consumed
			}
		}
	}
	return sum
}

func (r *Receiver) audio(m *wire.Audio) *wire.Error {
	frame := uint64(r.format.FrameSize())
	if m.CutThrough >= m.Segment {
		return wire.Errorf(wire.InvalidField, "cut_through is not below the segment")
	}
	if uint64(len(m.PCM))%frame != 0 {
		return wire.Errorf(wire.InvalidField, "not a whole number of PCM frames")
	}
	if m.CutThrough > r.cutThrough {
		r.cutThrough = m.CutThrough
		r.cut(1, m.CutThrough, nil)
		r.early = slices.DeleteFunc(r.early, func(e *incoming) bool { return e.id <= m.CutThrough })
	}
	s := r.find(m.Segment)
	switch {
	case s == nil && (m.Segment <= r.highest || r.cutBefore(m.Segment)) || s != nil && s.cut:
		return nil
	case s == nil && !r.repair:
		return wire.Errorf(wire.InvalidSegment, "audio of segment %d, which has not started", m.Segment)
	}
	end := m.Position + uint64(len(m.PCM))/frame
	if end > maxSegment {
		return wire.Errorf(wire.InvalidPosition, "a segment longer than 2^40 samples")
	}
	isNew := s == nil
	if isNew {
		if i := slices.IndexFunc(r.early, func(e *incoming) bool { return e.id == m.Segment }); i >= 0 {
			s, isNew = r.early[i], false
		} else {
			s = r.newIncoming(m.Segment)
		}
	}
	if s.ended && end > s.total {
		return wire.Errorf(wire.InvalidPosition, "audio beyond the total")
	}
	if !r.repair && m.Position > s.received {
		return wire.Errorf(wire.InvalidPosition, "audio beyond the end of what was received")
	}
	sum := r.credit(s, end)
	if isNew {
		sum += end
	}
	if sum > r.limits.Window {
		return wire.Errorf(wire.WindowExceeded, "more audio than the window has room for")
	}
	if isNew {
		if len(r.early) >= maxEarlySegments {
			return nil
		}
		r.early = append(r.early, s)
	}
	before := s.highest
	if s.put(m.Position, m.PCM) {
		if s.highest > before {
			s.advanced = r.now
		}
		if s.started {
			r.changed(s)
			r.missing(s)
			r.deliver()
		}
	}
	return nil
}

// late says what to do with a message of a segment that is not live: nil, false
// for one that is to be ignored.
func (r *Receiver) late(id uint64) (err *wire.Error) {
	if id > r.highest && !r.cutBefore(id) {
		return wire.Errorf(wire.InvalidSegment, "segment %d has not started", id)
	}
	return nil
}

func (r *Receiver) sent(m *wire.Sent) *wire.Error {
	s := r.find(m.Segment)
	if s == nil || s.cut {
		return r.late(m.Segment)
	}
	switch {
	case m.Position > maxSegment:
		return wire.Errorf(wire.InvalidPosition, "a segment longer than 2^40 samples")
	case s.ended && m.Position > s.total:
		return wire.Errorf(wire.InvalidPosition, "sent beyond the total")
	case m.Position > s.consumed+r.limits.Window:
		return wire.Errorf(wire.WindowExceeded, "more was sent than the window has room for")
	}
	s.named = max(s.named, m.Position)
	r.missing(s)
	return nil
}

func (r *Receiver) segmentEnd(m *wire.SegmentEnd) *wire.Error {
	s := r.find(m.Segment)
	if s == nil || s.cut {
		return r.late(m.Segment)
	}
	switch {
	case m.Total > maxSegment:
		return wire.Errorf(wire.InvalidPosition, "a segment longer than 2^40 samples")
	case s.ended && s.total != m.Total:
		return wire.Errorf(wire.InvalidPosition, "another total")
	case s.ended:
		return nil
	case m.Total < max(s.highest, s.named):
		return wire.Errorf(wire.InvalidPosition, "a total below what was received")
	case !r.repair && m.Total > s.received:
		return wire.Errorf(wire.InvalidPosition, "a total beyond what was received")
	case m.Total > s.consumed+r.limits.Window:
		return wire.Errorf(wire.WindowExceeded, "a total beyond what the window has room for")
	}
	s.ended, s.total = true, m.Total
	r.missing(s)
	r.deliver()
	return nil
}

func (r *Receiver) interrupt(m *wire.Interrupt) *wire.Error {
	if m.Last < m.First {
		return wire.Errorf(wire.InvalidField, "the last segment is below the first")
	}
	if m.Last > r.highest && !r.rememberCut(wire.Interrupt{First: max(m.First, r.highest+1), Last: m.Last}) {
		return wire.Errorf(wire.LimitExceeded, "more than %d interrupts of segments to come", maxEarlyCuts)
	}
	answer := &wire.Cut{First: m.First, Last: m.Last}
	for _, s := range r.segments {
		if m.First <= s.id && s.id <= m.Last {
			answer.Consumed = append(answer.Consumed, wire.Pair{s.id, s.consumed})
		}
	}
	r.early = slices.DeleteFunc(r.early, func(e *incoming) bool { return m.First <= e.id && e.id <= m.Last })
	r.cut(m.First, m.Last, answer)
	return nil
}

// rememberCut keeps an interrupt of segments to come; false when there is no
// room for it. One within another is kept once.
func (r *Receiver) rememberCut(c wire.Interrupt) bool {
	within := func(a, b wire.Interrupt) bool { return b.First <= a.First && a.Last <= b.Last }
	for _, e := range r.earlyCuts {
		if within(c, e) {
			return true
		}
	}
	r.earlyCuts = slices.DeleteFunc(r.earlyCuts, func(e wire.Interrupt) bool { return within(e, c) })
	if len(r.earlyCuts) >= maxEarlyCuts {
		return false
	}
	r.earlyCuts = append(r.earlyCuts, c)
	return true
}

// cut makes the live segments of a range void: the answer is sent, the consumer
// is told, and those end of which it has nothing that could be heard.
func (r *Receiver) cut(first, last uint64, answer *wire.Cut) {
	var tell []uint64
	var end []*incoming
	for _, s := range r.segments {
		if s.id < first || s.id > last || s.cut {
			continue
		}
		s.cut = true
		s.pieces, s.dirty, s.nackAt = nil, time.Time{}, time.Time{}
		if s.begun {
			tell = append(tell, s.id)
		}
		if s.sampled && r.limits.Cooldown > 0 {
			r.coolUntil = r.now.Add(ms(r.limits.Cooldown))
			r.cooling[s.id] = true
		}
		if s.sampled || s.done {
			s.graceBy = r.now.Add(r.cfg.Grace)
		} else {
			end = append(end, s)
		}
	}
	if len(tell) > 0 {
		r.consumer.Interrupted(tell)
	}
	if answer != nil {
		r.send(answer)
	}
	for _, s := range end {
		zero := uint64(0)
		r.endStream(s, &zero, true, 1)
	}
	r.deliver() // a segment behind a cut one may be next
}

// endStream sends the one stream_ended of a segment, which is then over.
func (r *Receiver) endStream(s *incoming, position *uint64, interrupted bool, cause uint64) {
	if position == nil {
		r.progressOn(control, s) // ahead of what follows (LW-STREAM-3)
	}
	r.send(&wire.StreamEnded{Segment: s.id, Position: position, Interrupted: interrupted, Cause: cause})
	r.segments = slices.DeleteFunc(r.segments, func(x *incoming) bool { return x == s })
	r.deliver()
}

func (r *Receiver) cooled() {
	r.coolUntil = time.Time{}
	clear(r.cooling)
	r.deliver()
}
