package main

import (
	"context"
	"errors"
	"sync/atomic"

	"lipwire.example/peer"
	"lipwire.example/peer/wire"
)

type sender struct {
	d     *driver
	s     *peer.Sender
	muted atomic.Bool

	answers chan string // to the offer that was told last
}

func startSender(d *driver, transport, url string, o *options) (*sender, error) {
	formats, err := o.formats()
	if err != nil {
		return nil, err
	}
	limits, handshake, grace, err := o.limits("message")
	if err != nil {
		return nil, err
	}
	if o.Sessions != nil || o.Reading != nil {
		return nil, unsupported("an option of receivers")
	}
	e := &sender{d: d, answers: make(chan string, 1)}
	cfg := peer.SenderConfig{
		URL: url, Formats: formats, NoRepair: !o.repair(), Message: limits["message"], Token: o.Token, Info: o.Info,
		Handshake: handshake, Grace: grace, User: e,
	}
	if transport == "webrtc" {
		cfg.Exchange = e.exchange
	}
	e.s, err = peer.NewSender(cfg)
	return e, err
}

// exchange has the kit answer an offer.
func (e *sender) exchange(ctx context.Context, offer string) (string, error) {
	select {
	case <-e.answers: // one that came too late
	default:
	}
	e.event("offer", map[string]any{"offer": offer})
	select {
	case answer := <-e.answers:
		return answer, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (e *sender) answer(sdp string) error {
	select {
	case e.answers <- sdp:
		return nil
	default:
		return errors.New("there is an answer already")
	}
}

func (e *sender) stop() {
	e.muted.Store(true)
	_ = e.s.Close(wire.GoingAway, "the sender stops")
	e.s.Wait()
}

func (e *sender) command(c *command) (map[string]any, error) {
	switch c.Do {
	case "fence":
		_ = e.s.Fence()
		return nil, nil
	case "answer":
		return nil, e.answer(c.Answer)
	case "open":
		id, err := e.s.Open(c.Metadata)
		if err != nil {
			return nil, err
		}
		return map[string]any{"segment": id}, nil
	case "write":
		pcm, err := c.pcm()
		if err != nil {
			return nil, err
		}
		return nil, e.s.Write(c.segment(), pcm)
	case "end":
		return nil, e.s.End(c.segment())
	case "interrupt":
		return nil, e.s.Interrupt(c.segment())
	case "close":
		return nil, e.s.Close(wire.Normal, "")
	case "finish":
		return nil, e.s.Finish()
	case "drop":
		return nil, e.s.Drop()
	}
	return nil, fault(c.Do + " is not for a sender")
}

func (e *sender) event(name string, fields map[string]any) {
	if e.muted.Load() {
		return
	}
	fields["event"] = name
	e.d.print(fields)
}

func (e *sender) Opened(format wire.Format, features []string) {
	if features == nil {
		features = []string{}
	}
	e.event("opened", map[string]any{
		"format": []any{format.Encoding, format.Rate, format.Channels}, "features": features, "resumed": false,
	})
}

func (e *sender) StreamStarted(segment uint64) {
	e.event("stream_started", map[string]any{"segment": segment})
}

func (e *sender) StreamEnded(r peer.Result) {
	e.event("stream_ended", map[string]any{
		"segment": r.Segment, "position": r.Position, "exact": r.Exact,
		"interrupted": r.Interrupted, "cause": r.Cause,
	})
}

func (e *sender) Closed(code wire.Code, by peer.By, reason string) {
	e.event("closed", map[string]any{"code": uint64(code), "by": string(by), "reason": reason})
}
