package peer

import "time"

// Bounds of what waits to be written to a transport.
const (
	maxQueuedMessages = 8192
	maxQueuedBytes    = 4 << 20
	pumpBelow         = 32 << 10 // audio is only queued while less than this waits
	writeTimeout      = 30 * time.Second
	lingerTime        = 2 * time.Second
)

// channel is one of the two that a transport offers (section 5).
type channel int

const (
	control channel = iota
	media
)

// binding is what the binding of a transport promises.
type binding struct {
	// split: media is a channel of its own, which may lose and reorder.
	split bool
	// largestMedia is the largest message on media; 0: as on control.
	largestMedia int
}

// frame is one message that a transport received, or the end of it all.
type frame struct {
	data     []byte
	text     bool
	tooLarge bool
	end      bool
}

// transport carries whole messages. Its goroutines end with it; no call of it
// blocks the session.
type transport interface {
	binding() binding
	// frames is what comes; it is closed when the transport has ended.
	frames() <-chan frame
	// send queues a message; false when too much waits, or the transport ends.
	send(ch channel, b []byte) bool
	// room says whether audio may be queued.
	room() bool
	// drained is signalled when there is room again.
	drained() <-chan struct{}
	// finish closes the transport when what waits has been written, after a
	// short time at the latest.
	finish()
	// drop tears the transport down at once.
	drop()
}

// discard reads on from a transport that is being finished, so that the other
// side's part of the closing can come.
func discard(frames <-chan frame, done <-chan struct{}) {
	for {
		select {
		case _, ok := <-frames:
			if !ok {
				return
			}
		case <-done:
			return
		}
	}
}

// signal wakes who waits on a channel of capacity 1.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
