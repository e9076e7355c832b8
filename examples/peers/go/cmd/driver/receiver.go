package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"lipwire.example/peer"
	"lipwire.example/peer/wire"
)

// gatherTime bounds how long an answer may take.
const gatherTime = 5 * time.Second

type receiver struct {
	d      *driver
	server *peer.Server
	muted  atomic.Bool

	mu       sync.Mutex
	sessions []*peer.Receiver
	held     bool
}

func startReceiver(d *driver, transport string, o *options) (*receiver, error) {
	formats, err := o.formats()
	if err != nil {
		return nil, err
	}
	limits, handshake, grace, err := o.limits("window", "message", "cooldown", "keepalive", "segments")
	if err != nil {
		return nil, err
	}
	e := &receiver{d: d, held: o.Reading != nil && !*o.Reading}
	cfg := peer.ReceiverConfig{
		Formats: formats, NoRepair: !o.repair(), Limits: limits, Token: o.Token, Info: o.Info,
		Handshake: handshake, Grace: grace, Opened: e.opened,
	}
	if o.Sessions != nil {
		if cfg.Sessions = *o.Sessions; cfg.Sessions == 0 {
			cfg.Sessions = -1 // none at all
		}
	}
	if transport == "webrtc" {
		e.server, err = peer.NewServer(cfg)
	} else {
		e.server, err = peer.Listen("127.0.0.1:0", cfg)
	}
	return e, err
}

func (e *receiver) opened(s *peer.Receiver, format wire.Format, features []string) peer.Consumer {
	e.mu.Lock()
	e.sessions = append(e.sessions, s)
	number := len(e.sessions)
	if e.held {
		s.BeginHeld()
	}
	e.mu.Unlock()
	c := &consumer{e, number}
	c.event("session", map[string]any{
		"format": []any{format.Encoding, format.Rate, format.Channels}, "features": features,
	})
	return c
}

func (e *receiver) stop() {
	e.muted.Store(true)
	e.server.Close()
}

func (e *receiver) command(c *command) (map[string]any, error) {
	e.mu.Lock()
	all := append([]*peer.Receiver{}, e.sessions...)
	if c.Do == "hold" || c.Do == "release" {
		e.held = c.Do == "hold"
	}
	e.mu.Unlock()
	if c.Do == "fence" {
		for _, s := range all {
			_ = s.Fence()
		}
		return nil, nil
	}
	if c.Do == "offer" {
		ctx, cancel := context.WithTimeout(context.Background(), gatherTime)
		defer cancel()
		answer, err := e.server.Answer(ctx, c.Offer)
		if err != nil {
			return nil, err
		}
		return map[string]any{"answer": answer}, nil
	}
	if c.Do == "hold" || c.Do == "release" { // also without a session: they are the consumer's
		e.hold(all)
		return nil, nil
	}
	if len(all) == 0 {
		return nil, errors.New("no session is open")
	}
	s := all[len(all)-1]
	switch c.Do {
	case "stream_started":
		return nil, s.StreamStarted(c.segment())
	case "played":
		return nil, s.Played(c.segment(), c.position())
	case "stream_ended":
		return nil, s.StreamEnded(c.Segments, c.Position, c.Interrupted, c.Failed)
	case "reset":
		return nil, s.Reset()
	case "close":
		return nil, s.Close(wire.Normal, "")
	}
	return nil, fault(c.Do + " is not for a receiver")
}

// hold makes the newest session do as the consumer says.
func (e *receiver) hold(all []*peer.Receiver) {
	if len(all) == 0 {
		return
	}
	if s := all[len(all)-1]; e.held {
		_ = s.Hold()
	} else {
		_ = s.Release()
	}
}

// consumer tells what one session hands out as events.
type consumer struct {
	e      *receiver
	number int
}

func (c *consumer) event(name string, fields map[string]any) {
	if c.e.muted.Load() {
		return
	}
	fields["event"], fields["session"] = name, c.number
	c.e.d.print(fields)
}

func (c *consumer) SegmentStart(segment uint64, metadata map[string]any) {
	if metadata == nil {
		metadata = map[string]any{}
	}
	c.event("segment_start", map[string]any{"segment": segment, "metadata": toJSON(metadata)})
}

func (c *consumer) Audio(segment, position uint64, pcm []byte) {
	sum := sha256.Sum256(pcm)
	c.event("audio", map[string]any{
		"segment": segment, "position": position, "samples": len(pcm) / 2,
		"sha256": hex.EncodeToString(sum[:]), "concealed": false,
	})
}

func (c *consumer) SegmentEnd(segment, total uint64) {
	c.event("segment_end", map[string]any{"segment": segment, "total": total})
}

func (c *consumer) Interrupted(segments []uint64) {
	c.event("interrupted", map[string]any{"segments": segments})
}

func (c *consumer) Closed(code wire.Code, by peer.By, reason string) {
	c.event("closed", map[string]any{"code": uint64(code), "by": string(by), "reason": reason})
}
