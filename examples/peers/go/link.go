// Package peer is an implementation of Lipwire version 1 over WebSocket and
// WebRTC data channels: the core profile and repair, in both roles.
//
// Each session is owned by one goroutine, its loop: messages, commands of the
// user and timers are taken by it one at a time, and everything that the user
// is told is told from it. What it calls must not block.
package peer

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"lipwire.example/peer/wire"
)

// ErrClosed is what a session answers that is over.
var ErrClosed = errors.New("the session is closed")

// By says who ended a session.
type By string

// Who ended a session.
const (
	Here      By = "here"
	Peer      By = "peer"
	Transport By = "transport"
)

// Timers that are not negotiated.
const (
	progressDelay = 15 * time.Millisecond // the rule says 20 at the latest
	sentDelay     = 40 * time.Millisecond
	probeInterval = time.Second // of pings, where RTT is needed

	progressRepeat = 500 * time.Millisecond
	pongsASecond   = 100
)

// Version is the version of this implementation.
const Version = "0.1.0"

// FeatureRepair is the one feature spoken here.
const FeatureRepair = "repair"

// clockOrigin is where the clock of this process begins.
var clockOrigin = time.Now()

func micros(t time.Time) uint64 { return uint64(max(t.Sub(clockOrigin), 0) / time.Microsecond) }

func ms(n uint64) time.Duration { return time.Duration(n) * time.Millisecond }

type state int

const (
	opening state = iota
	open
	closed
)

// link is what both roles share: a transport, the state, and liveness.
type link struct {
	tr    transport
	state state
	now   time.Time

	ownMessage  int // the largest message taken
	peerMessage int // the largest message that the peer takes
	keepalive   time.Duration
	repair      bool

	handshakeBy time.Time
	lastSent    time.Time
	lastHeard   time.Time
	nextProbe   time.Time
	rtt         time.Duration // 0 before the first pong
	pongs       int
	pongsSince  time.Time
	broken      bool // the transport took nothing more

	commands chan func()
	stopped  chan struct{}
}

func newLink(message uint64) link {
	return link{
		ownMessage: int(message), peerMessage: wire.DefaultMessage,
		commands: make(chan func()), stopped: make(chan struct{}),
	}
}

// do runs fn in the loop and waits for it.
func (l *link) do(fn func()) error {
	done := make(chan struct{})
	select {
	case l.commands <- func() { defer close(done); fn() }:
		<-done
		return nil
	case <-l.stopped:
		return ErrClosed
	}
}

func (l *link) sendOn(ch channel, b []byte) {
	if l.tr == nil || l.state == closed || b == nil {
		return
	}
	if len(b) > l.peerMessage {
		return // never sent; what can be this large is refused before
	}
	if !l.tr.send(ch, b) {
		l.broken = true
		return
	}
	l.lastSent = l.now
}

// send sends a message on the channel that the registry names (LW-BINDING-3).
func (l *link) send(m wire.Message) {
	b := m.Encode()
	switch m.(type) {
	case *wire.Audio, *wire.Progress, *wire.Nack:
		l.sendOn(media, b)
	case *wire.Interrupt:
		l.sendOn(control, b)
		if l.split() {
			l.sendOn(media, b)
		}
	default:
		l.sendOn(control, b)
	}
}

// split says whether media is a channel of its own, which may lose.
func (l *link) split() bool { return l.tr != nil && l.tr.binding().split }

// largestMedia is the largest message that may go on media (LW-BINDING-4).
func (l *link) largestMedia() int {
	if l.tr != nil {
		if n := l.tr.binding().largestMedia; n > 0 {
			return min(n, l.peerMessage)
		}
	}
	return l.peerMessage
}

// opened begins what goes on while the session is open.
func (l *link) opened() {
	l.state = open
	l.handshakeBy = time.Time{}
	l.nextProbe = l.now
	var g [2]byte
	_, _ = rand.Read(g[:])
	l.sendOn(control, wire.Grease(uint64(binary.BigEndian.Uint16(g[:]))))
}

// roundTrip is the smoothed round trip, 100 ms until it is known.
func (l *link) roundTrip() time.Duration {
	if l.rtt == 0 {
		return 100 * time.Millisecond
	}
	return l.rtt
}

// common takes the messages that both roles know; false when it is another.
func (l *link) common(m wire.Message) bool {
	switch m := m.(type) {
	case *wire.Ping:
		if l.now.Sub(l.pongsSince) >= time.Second {
			l.pongsSince, l.pongs = l.now, 0
		}
		if l.pongs++; l.pongs <= pongsASecond {
			t := micros(l.now)
			l.send(&wire.Pong{T1: m.T1, T2: t, T3: t})
		}
	case *wire.Pong:
		total, there := int64(micros(l.now))-int64(m.T1), int64(m.T3)-int64(m.T2)
		if rtt := total - there; total >= 0 && total < 60e6 && there >= 0 && rtt > 0 {
			d := time.Duration(rtt) * time.Microsecond
			if l.rtt == 0 {
				l.rtt = d
			} else {
				l.rtt += (d - l.rtt) / 8
			}
		}
	default:
		return false
	}
	return true
}

// live runs the timers of liveness; false when the transport is to be dropped.
func (l *link) live() bool {
	if l.broken {
		return false
	}
	if l.state != open {
		return true
	}
	if l.now.Sub(l.lastHeard) >= 3*l.keepalive && len(l.frames()) == 0 {
		return false
	}
	probe := l.repair && !l.now.Before(l.nextProbe)
	if probe || l.now.Sub(l.lastSent) >= l.keepalive {
		l.nextProbe = l.now.Add(probeInterval)
		l.send(&wire.Ping{T1: micros(l.now)})
	}
	return true
}

// deadlines collects the earliest of several times.
type deadlines struct{ at time.Time }

func (d *deadlines) add(t time.Time) {
	if !t.IsZero() && (d.at.IsZero() || t.Before(d.at)) {
		d.at = t
	}
}

func (l *link) deadlines(d *deadlines) {
	switch l.state {
	case opening:
		if l.tr != nil {
			d.add(l.handshakeBy)
		}
	case open:
		d.add(l.lastHeard.Add(3 * l.keepalive))
		d.add(l.lastSent.Add(l.keepalive))
		if l.repair {
			d.add(l.nextProbe)
		}
	}
}

// parse decodes a message of a session that is past its hello.
func (l *link) parse(f frame) (wire.Message, *wire.Error) {
	switch {
	case f.tooLarge || len(f.data) > l.ownMessage:
		return nil, wire.Errorf(wire.MessageTooLarge, "a message larger than the limit")
	case f.text:
		return nil, wire.Errorf(wire.Malformed, "a text message")
	}
	elements, err := wire.Scan(f.data)
	if err != nil {
		return nil, err
	}
	return wire.Parse(elements)
}

// part sends a close and lets the transport go.
func (l *link) part(c *wire.Close) {
	if l.tr != nil {
		if c != nil {
			if len(c.Reason) > 256 {
				c.Reason = strings.ToValidUTF8(c.Reason[:256], "")
			}
			l.send(c)
		}
		l.tr.finish()
		l.tr = nil
	}
	l.state = closed
}

// frames is the channel of what comes; nil, and so silent, without a transport.
func (l *link) frames() <-chan frame {
	if l.tr == nil {
		return nil
	}
	return l.tr.frames()
}

func (l *link) drained() <-chan struct{} {
	if l.tr == nil {
		return nil
	}
	return l.tr.drained()
}

// Printable escapes control characters in a text of the peer (LW-CODE-2).
func Printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			fmt.Fprintf(&b, "\\u%04x", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// checkFree says why a free map can not be sent, if it can not.
func checkFree(m map[string]any) error {
	elements, e := wire.Scan((&wire.SegmentStart{Segment: wire.MaxInt, Metadata: m}).Encode())
	if e == nil {
		_, e = wire.Parse(elements)
	}
	if e != nil {
		return e
	}
	return nil
}
