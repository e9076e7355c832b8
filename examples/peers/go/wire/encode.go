package wire

// Encoding of the messages that this package sends; see encode for the rules.

func anys[T any](in []T) []any {
	out := make([]any, len(in))
	for i, v := range in {
		out[i] = v
	}
	return out
}

func formatsList(formats []Format) []any {
	out := make([]any, len(formats))
	for i, f := range formats {
		out[i] = f.list()
	}
	return out
}

func pairsList(pairs []Pair) []any {
	out := make([]any, len(pairs))
	for i, p := range pairs {
		out[i] = []any{p[0], p[1]}
	}
	return out
}

// Encode makes the message.
func (m *Hello) Encode() []byte {
	var auth any
	if m.Auth != nil {
		auth = string(m.Auth)
	}
	return encode(uint64(THello), "lipwire", anys(m.Versions), m.Session, m.Generation,
		formatsList(m.Formats), anys(m.Features), map[string]any{"message": m.Message}, auth, nil, m.Info)
}

// Encode makes the message.
func (m *Welcome) Encode() []byte {
	l := m.Limits
	return encode(uint64(TWelcome), m.Version, m.Session, m.Generation, m.Format.list(), anys(m.Features),
		map[string]any{
			"window": l.Window, "message": l.Message, "cooldown": l.Cooldown,
			"resume": l.Resume, "keepalive": l.Keepalive, "segments": l.Segments,
		}, nil, nil, m.Info)
}

// Encode makes the message.
func (m *Close) Encode() []byte {
	return encode(uint64(TClose), uint64(m.Code), m.Reason, m.Retry, m.Details)
}

// Encode makes the message.
func (m *Ping) Encode() []byte { return encode(uint64(TPing), m.T1) }

// Encode makes the message.
func (m *Pong) Encode() []byte { return encode(uint64(TPong), m.T1, m.T2, m.T3) }

// Encode is not used: this peer does not offer resume.
func (m *Numbered) Encode() []byte { return nil }

// Encode is not used: this peer does not offer resume.
func (m *Acknowledge) Encode() []byte { return nil }

// Encode makes the message.
func (m *SegmentStart) Encode() []byte { return encode(uint64(TSegmentStart), m.Segment, m.Metadata) }

// Encode makes the message.
func (m *Audio) Encode() []byte {
	return encode(uint64(TAudio), m.Segment, m.Position, m.CutThrough, m.PCM)
}

// Encode makes the message.
func (m *Sent) Encode() []byte { return encode(uint64(TSent), m.Segment, m.Position) }

// Encode makes the message.
func (m *SegmentEnd) Encode() []byte { return encode(uint64(TSegmentEnd), m.Segment, m.Total) }

// Encode makes the message.
func (m *Interrupt) Encode() []byte { return encode(uint64(TInterrupt), m.First, m.Last) }

// Encode makes the message.
func (m *Cut) Encode() []byte {
	return encode(uint64(TCut), m.First, m.Last, pairsList(m.Consumed))
}

// Encode makes the message.
func (m *StreamStarted) Encode() []byte { return encode(uint64(TStreamStarted), m.Segment, m.Clock) }

// Encode makes the message.
func (m *Progress) Encode() []byte {
	return encode(uint64(TProgress), m.Segment, m.Received, m.Consumed, m.Played, m.Clock, m.Delay, m.Highest)
}

// Encode makes the message.
func (m *StreamEnded) Encode() []byte {
	return encode(uint64(TStreamEnded), m.Segment, m.Position, m.Interrupted, m.Cause)
}

// Encode makes the message.
func (m *Nack) Encode() []byte { return encode(uint64(TNack), m.Segment, pairsList(m.Missing)) }

// Encode is not used: messages of features that are not spoken are not sent.
func (m *Other) Encode() []byte { return nil }

// Grease makes a message that every peer must ignore (LW-GREASE-1).
func Grease(kind uint64) []byte { return encode(64+kind%64, "grease", kind) }

// Versions lists the versions that would do.
func Versions() map[string]any { return map[string]any{"versions": []any{uint64(Version)}} }

// FormatDetails lists the formats that would do.
func FormatDetails(formats []Format) map[string]any {
	return map[string]any{"formats": formatsList(formats)}
}

// FeatureDetails lists the features that are missing.
func FeatureDetails(names ...string) map[string]any {
	return map[string]any{"features": anys(names)}
}
