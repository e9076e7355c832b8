package peer

import (
	"context"
	"slices"
	"time"

	"lipwire.example/peer/wire"
)

// How a sender comes to a session (section 7).

type dialled struct {
	tr  transport
	err error
}

// dial connects over the transport that the configuration names.
func (c *SenderConfig) dial(ctx context.Context) (transport, error) {
	if c.Exchange != nil {
		return dialWebRTC(ctx, c.Exchange, int(c.Message))
	}
	return dialWebSocket(ctx, c.URL, int(c.Message))
}

func (s *Sender) dial() {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Handshake)
	s.stopDial, s.dialling, s.redialAt = cancel, true, time.Time{}
	go func() {
		defer cancel()
		tr, err := s.cfg.dial(ctx)
		s.dials <- dialled{tr, err}
	}()
}

func (s *Sender) dialled(r dialled) {
	s.dialling = false
	if r.err != nil {
		s.notConnected(r.err.Error())
		return
	}
	s.tr = r.tr
	s.lastHeard, s.handshakeBy = s.now, s.now.Add(s.cfg.Handshake)
	s.generation++
	h := &wire.Hello{
		Versions: []uint64{wire.Version}, Session: s.session[:], Generation: s.generation,
		Formats: s.cfg.Formats, Features: []string{s.grease}, Message: s.cfg.Message, Info: s.cfg.Info,
	}
	if s.split() || !s.cfg.NoRepair {
		h.Features = append(h.Features, FeatureRepair)
	}
	if s.cfg.Token != "" {
		h.Auth = []byte(s.cfg.Token)
	}
	s.send(h)
}

// notConnected tries again after a while, or gives up.
func (s *Sender) notConnected(why string) {
	if s.failed++; s.failed >= dialAttempts {
		s.over(nil, wire.PeerGone, Transport, why, "never connected")
		return
	}
	s.redialAt = s.now.Add(min(100*time.Millisecond<<s.failed, 5*time.Second))
}

func (s *Sender) closedByPeer(c *wire.Close) {
	if s.state == opening && c.Retry != nil && *c.Retry <= maxPutOff && s.putOff < busyAttempts {
		s.putOff++
		s.tr.finish()
		s.tr = nil
		s.redialAt = s.now.Add(ms(*c.Retry))
		return
	}
	cause := "peer closed"
	if s.state == opening {
		cause = "refused"
	}
	s.over(nil, c.Code, Peer, c.Reason, cause)
}

func (s *Sender) opens(w *wire.Welcome, raw []byte) *wire.Error {
	chosen := func(f string) bool { return f == s.grease || f == FeatureRepair && (s.split() || !s.cfg.NoRepair) }
	switch {
	case w.Version != wire.Version, !slices.Equal(w.Session, s.session[:]), w.Generation != s.generation,
		!slices.Contains(s.cfg.Formats, w.Format), slices.ContainsFunc(w.Features, func(f string) bool { return !chosen(f) }):
		return wire.Errorf(wire.InvalidField, "welcome chooses what was not offered")
	case s.split() && !slices.Contains(w.Features, FeatureRepair):
		return wire.Errorf(wire.FeatureRequired, "media may lose messages: repair is needed")
	}
	s.limits, s.format = w.Limits, w.Format
	for _, x := range s.segments {
		s.written -= len(x.pending)
		x.pending = x.rate.convert(x.pending, s.cfg.Formats[0].Rate, s.format.Rate)
		s.written += len(x.pending)
	}
	s.peerMessage = int(w.Limits.Message)
	s.keepalive = ms(w.Limits.Keepalive)
	s.repair = slices.Contains(w.Features, FeatureRepair)
	s.welcome = slices.Clone(raw)
	s.opened()
	features := slices.DeleteFunc(slices.Clone(w.Features), func(f string) bool { return f == s.grease })
	s.cfg.User.Opened(w.Format, features)
	return nil
}
