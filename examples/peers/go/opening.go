package peer

import (
	"crypto/subtle"
	"slices"

	"lipwire.example/peer/wire"
)

// The first message of a connection, at the receiver (section 7).

// first takes the first message of a connection.
func (r *Receiver) first(f frame) {
	notLipwire := wire.Errorf(wire.NotLipwire, "the first message is not a hello")
	if f.tooLarge {
		r.refuse(wire.Errorf(wire.MessageTooLarge, "a message larger than the limit"), nil, nil)
		return
	}
	if f.text {
		r.refuse(notLipwire, nil, nil)
		return
	}
	elements, err := wire.Scan(f.data)
	if err != nil {
		if err.Code == wire.Malformed {
			err = notLipwire
		}
		r.refuse(err, nil, nil)
		return
	}
	isHello, speaks := wire.LooksLikeHello(elements)
	switch {
	case !isHello:
		r.refuse(notLipwire, nil, nil)
		return
	case !speaks:
		r.refuse(wire.Errorf(wire.UnsupportedVersion, "only version 1 is spoken here"), nil, wire.Versions())
		return
	}
	m, err := wire.Parse(elements)
	if err != nil {
		r.refuse(err, nil, nil)
		return
	}
	r.open(m.(*wire.Hello), f.data)
}

func (r *Receiver) open(h *wire.Hello, raw []byte) {
	if r.cfg.Token != "" && subtle.ConstantTimeCompare(h.Auth, []byte(r.cfg.Token)) != 1 {
		r.refuse(wire.Errorf(wire.Unauthorized, "the token is absent or wrong"), nil, nil)
		return
	}
	if h.Resume != nil {
		r.refuse(wire.Errorf(wire.UnknownSession, "sessions can not be resumed here"), nil, nil)
		return
	}
	i := slices.IndexFunc(h.Formats, r.cfg.supports)
	if i < 0 {
		r.refuse(wire.Errorf(wire.UnsupportedFormat, "none of the formats is supported"), nil,
			wire.FormatDetails(r.cfg.wanted()))
		return
	}
	r.format = h.Formats[i]
	offered := slices.Contains(h.Features, FeatureRepair)
	if r.split() && !offered {
		r.refuse(wire.Errorf(wire.FeatureRequired, "media may lose messages: repair is needed"), nil,
			wire.FeatureDetails(FeatureRepair))
		return
	}
	if !r.server.admit(r) {
		retry := uint64(1000)
		r.refuse(wire.Errorf(wire.Busy, "no more sessions just now"), &retry, nil)
		return
	}
	features := []string{}
	if offered && (r.split() || !r.cfg.NoRepair) {
		r.repair = true
		features = append(features, FeatureRepair)
	}
	r.peerMessage = int(h.Message)
	r.limits = r.server.limits(r.format.Rate)
	// A cut that lists every segment must fit into a message (LW-BINDING-4).
	r.limits.Segments = min(r.limits.Segments, (h.Message-512)/19)
	r.keepalive = ms(r.limits.Keepalive)
	w := &wire.Welcome{
		Version: wire.Version, Session: h.Session, Generation: h.Generation, Format: r.format,
		Features: features, Limits: r.limits, Info: r.cfg.Info,
	}
	if r.welcome = w.Encode(); len(r.welcome) > r.peerMessage {
		w.Info = nil
		r.welcome = w.Encode()
	}
	r.hello = slices.Clone(raw)
	r.sendOn(control, r.welcome)
	r.consumer = r.cfg.Opened(r, r.format, features)
	r.opened()
}
