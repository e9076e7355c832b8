package peer

import (
	"errors"

	"lipwire.example/peer/wire"
)

// ErrNotHandedOut is the answer to a report about what was not handed out.
var ErrNotHandedOut = errors.New("nothing of that segment was handed out")

// What the consumer says. Each method waits for the loop, but not for the peer.

// BeginHeld makes the consumer begin held; only for the function Opened.
func (r *Receiver) BeginHeld() { r.hold = true }

// Hold makes the consumer stop reading.
func (r *Receiver) Hold() error { return r.do(func() { r.hold = true }) }

// Release makes it go on.
func (r *Receiver) Release() error {
	return r.do(func() {
		r.hold = false
		r.deliver()
	})
}

// Fence returns when everything was told that happened before.
func (r *Receiver) Fence() error { return r.do(func() {}) }

// known finds a segment that the consumer may report on: nil without an error
// when it is over.
func (r *Receiver) known(id uint64) (*incoming, error) {
	s := r.find(id)
	if s == nil && id <= r.highest {
		return nil, nil
	}
	if s == nil || !s.begun {
		return nil, ErrNotHandedOut
	}
	return s, nil
}

func (r *Receiver) report(id uint64, fn func(s *incoming)) error {
	var err error
	if e := r.do(func() {
		var s *incoming
		if s, err = r.known(id); s != nil {
			fn(s)
		}
	}); e != nil {
		return e
	}
	return err
}

// StreamStarted reports that the first sample of a segment is heard.
func (r *Receiver) StreamStarted(segment uint64) error {
	return r.report(segment, func(s *incoming) {
		if !s.streaming {
			s.streaming = true
			r.send(&wire.StreamStarted{Segment: s.id, Clock: micros(r.now)})
		}
	})
}

// Played reports up to which position a segment was heard.
func (r *Receiver) Played(segment, position uint64) error {
	return r.report(segment, func(s *incoming) { r.heard(s, position) })
}

// heard takes a played position: at most consumed, and never a lower one.
func (r *Receiver) heard(s *incoming, position uint64) {
	position = min(position, s.consumed)
	if s.played == nil || position > *s.played {
		s.played = &position
		if !s.cut {
			r.changed(s)
		}
	}
}

// StreamEnded reports the end of playback of segments: position, of the first
// of them, is how far it was heard (nil: not known); of the others nothing was,
// unless it says that playback neither stopped for a cut nor failed.
func (r *Receiver) StreamEnded(segments []uint64, position *uint64, interrupted, failed bool) error {
	var err error
	if e := r.do(func() {
		for i, id := range segments {
			s, bad := r.known(id)
			if bad != nil {
				err = bad
			}
			if s == nil {
				continue
			}
			at := position
			if i > 0 {
				at = nil
				if zero := uint64(0); interrupted || failed {
					at = &zero
				}
			}
			r.playbackEnded(s, at, interrupted, failed)
		}
	}); e != nil {
		return e
	}
	return err
}

func (r *Receiver) playbackEnded(s *incoming, position *uint64, interrupted, failed bool) {
	if position != nil {
		at := min(*position, s.consumed)
		if s.played != nil {
			at = max(at, *s.played)
		}
		position = &at
	}
	// What was heard to its end was played, though a cut came meanwhile (LW-STREAM-4).
	whole := s.done && !failed && (position != nil && *position == s.total ||
		position == nil && !interrupted && !s.cut)
	wasCooling := r.cooling[s.id]
	delete(r.cooling, s.id)
	switch {
	case whole:
		r.endStream(s, &s.total, false, 0)
	case s.cut:
		r.endStream(s, position, true, 1)
	default:
		r.endStream(s, position, false, 2)
	}
	if wasCooling && len(r.cooling) == 0 {
		r.cooled()
	}
}

// Reset reports that the consumer has reset after a cut.
func (r *Receiver) Reset() error { return r.do(r.cooled) }

// Close ends the session.
func (r *Receiver) Close(code wire.Code, reason string) error {
	return r.do(func() { r.over(&wire.Close{Code: code, Reason: reason}, code, Here, reason) })
}
