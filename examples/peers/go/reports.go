package peer

import (
	"slices"
	"time"

	"lipwire.example/peer/wire"
)

// What a sender makes of the receiver's reports.

func (s *Sender) progress(m *wire.Progress) *wire.Error {
	if m.Segment > s.started {
		return wire.Errorf(wire.InvalidSegment, "progress of segment %d, which was never started", m.Segment)
	}
	x := s.find(m.Segment)
	if x == nil {
		return nil
	}
	highest := m.Received
	if m.Highest != nil {
		highest = max(highest, *m.Highest)
	}
	if highest > x.sent || m.Consumed > m.Received || m.Played != nil && *m.Played > m.Consumed {
		return wire.Errorf(wire.InvalidPosition, "a progress that can not be true")
	}
	x.received, x.highest = max(x.received, m.Received), max(x.highest, highest)
	x.consumed = max(x.consumed, m.Consumed)
	if m.Played != nil && (x.played == nil || *m.Played > *x.played) {
		x.played = m.Played
	}
	x.kept = slices.DeleteFunc(x.kept, func(c sentChunk) bool { return c.pos+uint64(len(c.pcm))/2 <= x.received })
	return nil
}

func (s *Sender) streamStarted(m *wire.StreamStarted) *wire.Error {
	if m.Segment > s.started {
		return wire.Errorf(wire.InvalidSegment, "stream_started of segment %d, which was never started", m.Segment)
	}
	if x := s.find(m.Segment); x != nil && x.result == nil && !x.streaming {
		x.streaming = true
		s.cfg.User.StreamStarted(x.id)
	}
	return nil
}

func (s *Sender) streamEnded(m *wire.StreamEnded) *wire.Error {
	if m.Segment > s.started {
		return wire.Errorf(wire.InvalidSegment, "stream_ended of segment %d, which was never started", m.Segment)
	}
	x := s.find(m.Segment)
	if x == nil {
		return nil
	}
	if m.Position != nil && *m.Position > x.sent {
		return wire.Errorf(wire.InvalidPosition, "stream_ended beyond what was sent")
	}
	x.over = true
	s.discard(x)
	s.interrupts = slices.DeleteFunc(s.interrupts, func(i *unconfirmed) bool {
		return !slices.ContainsFunc(s.segments, func(y *outgoing) bool { return !y.over && i.First <= y.id && y.id <= i.Last })
	})
	if x.result == nil {
		r := &Result{Segment: x.id, Position: m.Position, Exact: m.Position != nil, Interrupted: m.Interrupted}
		if r.Position == nil {
			r.Position = x.played
		}
		switch {
		case m.Cause == 0:
			r.Cause = "played"
		case m.Cause == 1 || x.cut:
			r.Cause = "interrupted"
		default:
			r.Cause = "failed"
		}
		x.result = r
	}
	s.tell()
	return nil
}

func (s *Sender) cutConfirmed(m *wire.Cut) *wire.Error {
	if m.Last < m.First {
		return wire.Errorf(wire.InvalidField, "the last segment is below the first")
	}
	if uint64(len(m.Consumed)) > s.limits.Segments {
		return wire.Errorf(wire.InvalidField, "a cut lists more segments than there can be")
	}
	if m.Last > s.last {
		return wire.Errorf(wire.InvalidSegment, "a cut of segment %d, which was never opened", m.Last)
	}
	for _, row := range m.Consumed {
		if row[0] == 0 || row[0] > s.last {
			return wire.Errorf(wire.InvalidSegment, "a cut lists segment %d, which was never opened", row[0])
		}
		if x := s.find(row[0]); x != nil && row[1] > x.sent {
			return wire.Errorf(wire.InvalidPosition, "a cut lists more as consumed than was sent")
		}
	}
	confirmed := false
	s.interrupts = slices.DeleteFunc(s.interrupts, func(i *unconfirmed) bool {
		within := m.First <= i.First && i.Last <= m.Last
		confirmed = confirmed || within
		return within
	})
	if !confirmed {
		return nil
	}
	for _, row := range m.Consumed {
		if x := s.find(row[0]); x != nil && m.First <= x.id && x.id <= m.Last {
			x.consumed = max(x.consumed, row[1])
		}
	}
	for _, x := range s.segments {
		if x.cut && m.First <= x.id && x.id <= m.Last {
			x.dropped = true
		}
	}
	return nil
}

func (s *Sender) nack(m *wire.Nack) *wire.Error {
	if m.Segment > s.started {
		return wire.Errorf(wire.InvalidSegment, "a nack of segment %d, which was never started", m.Segment)
	}
	x := s.find(m.Segment)
	if x == nil {
		return nil
	}
	if m.Missing[len(m.Missing)-1][1] > x.sent {
		return wire.Errorf(wire.InvalidPosition, "a nack of samples that were never sent")
	}
	again := max(20*time.Millisecond, s.roundTrip()/2)
	for i := range x.kept {
		c := &x.kept[i]
		end := c.pos + uint64(len(c.pcm))/2
		if s.now.Sub(c.at) >= again && slices.ContainsFunc(m.Missing, func(p wire.Pair) bool {
			return p[0] < end && c.pos < p[1]
		}) {
			c.at = s.now
			s.sendAudio(x.id, c.pos, c.pcm)
		}
	}
	return nil
}

// watchOldest is the timer of LW-STREAM-7: of the oldest segment without a
// result, while something of it is outstanding.
func (s *Sender) watchOldest() {
	i := slices.IndexFunc(s.segments, func(x *outgoing) bool { return x.result == nil })
	if i < 0 {
		s.watchBy = time.Time{}
		return
	}
	x := s.segments[i]
	if x.length() == x.consumed && !x.finished && !x.cut {
		s.watchBy = time.Time{}
		return
	}
	w := watched{x.id, x.received, x.highest, x.consumed, x.heard(), x.cut}
	switch {
	case s.watchBy.IsZero() || w != s.watch:
		wait := s.cfg.Grace + ms(s.limits.Cooldown)
		if !x.cut {
			wait += time.Duration(x.length()-x.heard()) * time.Second / time.Duration(s.format.Rate)
		}
		s.watch, s.watchBy = w, s.now.Add(wait)
	case !s.now.Before(s.watchBy):
		s.watchBy = time.Time{}
		s.abandon(x, "no report")
		s.cutSegments(func(y *outgoing) bool { return y == x })
		s.watchOldest() // the next one: nothing else may come to begin its time
	}
}
