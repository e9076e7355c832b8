package peer

import (
	"fmt"

	"lipwire.example/peer/wire"
)

// What the user says. Each method waits for the loop, but not for the receiver.

// Open opens a segment.
func (s *Sender) Open(metadata map[string]any) (id uint64, err error) {
	if err := checkFree(metadata); err != nil {
		return 0, err
	}
	e := s.do(func() {
		if s.finishing {
			err = ErrClosed
			return
		}
		if len(s.segments) >= maxOpened {
			err = ErrTooMuch
			return
		}
		m := wire.SegmentStart{Segment: s.last + 1, Metadata: metadata}
		if s.state == open && len(m.Encode()) > s.peerMessage {
			err = fmt.Errorf("the metadata does not fit into a message of %d bytes", s.peerMessage)
			return
		}
		s.last++
		id = s.last
		s.segments = append(s.segments, &outgoing{id: id, metadata: metadata})
	})
	if e != nil {
		return 0, e
	}
	return id, err
}

// change runs fn on a segment that can still be written.
func (s *Sender) change(id uint64, fn func(x *outgoing) error) (err error) {
	if e := s.do(func() {
		x := s.find(id)
		switch {
		case id == 0 || id > s.last:
			err = ErrUnknownSegment
		case x == nil || x.cut || x.finished:
			err = ErrSegmentOver
		default:
			err = fn(x)
		}
	}); e != nil {
		return e
	}
	return err
}

// Write adds samples to a segment; they are copied, and wait until they can be
// sent.
func (s *Sender) Write(segment uint64, pcm []byte) error {
	if len(pcm)%2 != 0 {
		return fmt.Errorf("%d bytes are not whole samples", len(pcm))
	}
	return s.change(segment, func(x *outgoing) error {
		if s.written+len(pcm) > maxWritten || x.length()+uint64(len(pcm))/2 > maxSegment {
			return ErrTooMuch
		}
		if s.state == open {
			pcm = x.rate.convert(pcm, s.cfg.Formats[0].Rate, s.format.Rate)
		}
		s.written += len(pcm)
		x.pending = append(x.pending, pcm...)
		return nil
	})
}

// End says that all of a segment was written.
func (s *Sender) End(segment uint64) error {
	return s.change(segment, func(x *outgoing) error {
		x.finished = true
		return nil
	})
}

// Interrupt cuts one segment, or with 0 everything that is not over.
func (s *Sender) Interrupt(segment uint64) (err error) {
	if e := s.do(func() {
		if segment > s.last {
			err = ErrUnknownSegment
			return
		}
		s.cutSegments(func(x *outgoing) bool { return segment == 0 || x.id == segment })
	}); e != nil {
		return e
	}
	return err
}

// Fence returns when everything was told that happened before.
func (s *Sender) Fence() error { return s.do(func() {}) }

// Close ends the session; segments that are not over end with it.
func (s *Sender) Close(code wire.Code, reason string) error {
	return s.do(func() { s.over(&wire.Close{Code: code, Reason: reason}, code, Here, reason, "closed") })
}

// Finish ends what was not ended, waits until all of it is over, and closes the
// session then. It does not wait itself: the User is told.
func (s *Sender) Finish() error {
	return s.do(func() {
		s.finishing = true
		for _, x := range s.segments {
			x.finished = true
		}
	})
}

// Drop tears the transport down without a word, as a network would.
func (s *Sender) Drop() error {
	return s.do(func() {
		if s.tr != nil {
			s.tr.drop()
		}
	})
}

// Wait returns when the session is over.
func (s *Sender) Wait() { <-s.stopped }
