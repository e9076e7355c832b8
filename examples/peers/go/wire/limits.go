package wire

// Limits are the negotiated limits of section 17: the window in samples, times
// in milliseconds.
type Limits struct {
	Window, Message, Cooldown, Resume, Keepalive, Segments uint64
}

// DefaultMessage is the message limit that holds until another is known.
const DefaultMessage = 65536

type bounds struct{ def, floor, max uint64 }

var (
	messageBounds   = bounds{DefaultMessage, 4096, 1 << 20}
	cooldownBounds  = bounds{300, 0, 5000}
	resumeBounds    = bounds{10000, 0, 600000}
	keepaliveBounds = bounds{5000, 100, 60000}
	segmentsBounds  = bounds{64, 4, 1024}
)

func windowBounds(rate uint64) bounds {
	return bounds{2 * rate, (rate + 9) / 10, 60 * rate}
}

// FitWindow moves a window into the range that may be announced at a rate.
func FitWindow(n, rate uint64) uint64 {
	b := windowBounds(rate)
	return min(max(n, b.floor), b.max)
}

// DefaultLimits are those that hold when welcome says nothing.
func DefaultLimits(rate uint64) Limits {
	return Limits{
		Window: windowBounds(rate).def, Message: messageBounds.def, Cooldown: cooldownBounds.def,
		Resume: resumeBounds.def, Keepalive: keepaliveBounds.def, Segments: segmentsBounds.def,
	}
}

// Check says which of the limits must not be announced (LW-LIMIT-1), if any.
func (l Limits) Check(rate uint64) string {
	for _, x := range []struct {
		name string
		v    uint64
		b    bounds
	}{
		{"window", l.Window, windowBounds(rate)}, {"message", l.Message, messageBounds},
		{"cooldown", l.Cooldown, cooldownBounds}, {"resume", l.Resume, resumeBounds},
		{"keepalive", l.Keepalive, keepaliveBounds}, {"segments", l.Segments, segmentsBounds},
	} {
		if x.v < x.b.floor || x.v > x.b.max {
			return x.name
		}
	}
	return ""
}

// limit reads one key of a limits map as LW-OPEN-10 says.
func (f *fields) limit(m Raw, name string, b bounds) uint64 {
	r := m.lookup(name)
	if r == nil || r.head().kind == kNil {
		return b.def
	}
	v, neg, ok := r.integer()
	if !ok || neg || v > MaxInt || v < b.floor {
		f.fail(InvalidField, "limits."+name, "not an integer, or out of range")
		return b.def
	}
	return min(v, b.max)
}
