package wire

// Type is the first element of a message.
type Type uint64

// The message types of section 6.
const (
	THello         Type = 1
	TWelcome       Type = 2
	TClose         Type = 3
	TPing          Type = 4
	TPong          Type = 5
	TNumbered      Type = 6
	TAcknowledge   Type = 7
	TSegmentStart  Type = 16
	TAudio         Type = 17
	TSent          Type = 18
	TSegmentEnd    Type = 19
	TInterrupt     Type = 20
	TCut           Type = 21
	TPause         Type = 22
	TUnpause       Type = 23
	TMark          Type = 24
	TMarkReached   Type = 25
	TData          Type = 26
	TStreamStarted Type = 27
	TProgress      Type = 28
	TStreamEnded   Type = 29
	TNack          Type = 30
	TCustom        Type = 31
)

// Version is the one version that this package speaks.
const Version = 1

// Message is a message that was decoded, or can be encoded.
type Message interface{ Encode() []byte }

// Format is an encoding, a rate in Hz and a count of channels.
type Format struct {
	Encoding string
	Rate     uint64
	Channels uint64
}

func (f Format) list() []any { return []any{f.Encoding, f.Rate, f.Channels} }

// FrameSize is the size of a PCM frame in bytes; 0 for a format unknown here.
func (f Format) FrameSize() int {
	if f.Encoding != "s16le" || f.Channels != 1 || f.Rate < 8000 || f.Rate > 48000 {
		return 0
	}
	return 2
}

// Pair is a range [first, end), or a segment and a position.
type Pair [2]uint64

// The messages, in the order of the registry. A pointer is a field that may be
// nil.
type (
	Hello struct {
		Versions   []uint64
		Session    []byte
		Generation uint64
		Formats    []Format
		Features   []string
		Message    uint64 // limits.message
		Auth       []byte // nil when absent
		Resume     *Raw
		Info       map[string]any
	}
	Welcome struct {
		Version    uint64
		Session    []byte
		Generation uint64
		Format     Format
		Features   []string
		Limits     Limits
		Secret     []byte
		State      *Raw
		Info       map[string]any
	}
	Close struct {
		Code    Code
		Reason  string
		Retry   *uint64
		Details map[string]any
	}
	Ping struct{ T1 uint64 }
	Pong struct{ T1, T2, T3 uint64 }
	// Numbered and Acknowledge are known so that they can be refused.
	Numbered     struct{ Number, Taken uint64 }
	Acknowledge  struct{ Taken uint64 }
	SegmentStart struct {
		Segment  uint64
		Metadata map[string]any
	}
	Audio struct {
		Segment, Position, CutThrough uint64
		PCM                           []byte
	}
	Sent       struct{ Segment, Position uint64 }
	SegmentEnd struct{ Segment, Total uint64 }
	Interrupt  struct{ First, Last uint64 }
	Cut        struct {
		First, Last uint64
		Consumed    []Pair
	}
	StreamStarted struct{ Segment, Clock uint64 }
	Progress      struct {
		Segment, Received, Consumed uint64
		Played                      *uint64
		Clock, Delay                uint64
		Highest                     *uint64
	}
	StreamEnded struct {
		Segment     uint64
		Position    *uint64
		Interrupted bool
		Cause       uint64
	}
	Nack struct {
		Segment uint64
		Missing []Pair
	}
	// Other is a well-formed message of a feature that is not spoken here.
	Other struct{ Kind Type }
)

// Peek returns the type of a message that Scan has passed.
func Peek(elements []Raw) (t Type, known, ignorable bool) {
	v, neg, _ := elements[0].integer()
	switch t = Type(v); {
	case neg:
		return 0, false, false
	case v >= 1 && v <= 7, v >= 16 && v <= 31:
		return t, true, false
	case v >= 64 && v <= 127:
		return t, false, true
	}
	return t, false, false
}

// Parse decodes the elements that Scan returned. A message that is to be
// ignored gives nil and no error.
func Parse(elements []Raw) (Message, *Error) {
	t, known, ignorable := Peek(elements)
	if ignorable {
		return nil, nil
	}
	if !known {
		return nil, Errorf(UnknownMessage, "no such message type")
	}
	f := &fields{raw: elements[1:]}
	m := f.message(t, elements)
	if f.err != nil {
		return nil, f.err
	}
	return m, nil
}

func (f *fields) message(t Type, elements []Raw) Message {
	switch t {
	case THello:
		return f.hello()
	case TWelcome:
		return f.welcome()
	case TClose:
		return closeOf(elements[1:])
	case TPing:
		return &Ping{f.int("t1", 0)}
	case TPong:
		return &Pong{f.int("t1", 0), f.int("t2", 0), f.int("t3", 0)}
	case TNumbered:
		return f.numbered()
	case TAcknowledge:
		return &Acknowledge{f.int("taken", 0)}
	case TSegmentStart:
		return &SegmentStart{f.int("segment", 1), f.optMap("metadata")}
	case TAudio:
		return &Audio{f.int("segment", 1), f.int("position", 0), f.int("cut_through", 0),
			f.bin("pcm", 1, 1<<30)}
	case TSent:
		return &Sent{f.int("segment", 1), f.int("position", 0)}
	case TSegmentEnd:
		return &SegmentEnd{f.int("segment", 1), f.int("total", 0)}
	case TInterrupt:
		return &Interrupt{f.int("first", 1), f.int("last", 1)}
	case TCut:
		return &Cut{f.int("first", 1), f.int("last", 1), f.pairs("consumed", 0, 1024, 1)}
	case TMark:
		f.int("segment", 1)
		f.int("position", 0)
		f.str("name", 1, 128)
	case TMarkReached:
		f.int("segment", 1)
		f.str("name", 1, 128)
	case TData:
		f.int("segment", 1)
		f.int("position", 0)
		f.freeMap("content")
	case TStreamStarted:
		return &StreamStarted{f.int("segment", 1), f.int("clock", 0)}
	case TProgress:
		return &Progress{f.int("segment", 1), f.int("received", 0), f.int("consumed", 0),
			f.optInt("played", 0), f.int("clock", 0), f.int("delay", 0), f.optInt("highest", 0)}
	case TStreamEnded:
		return &StreamEnded{f.int("segment", 1), f.optInt("position", 0), f.bool("interrupted"),
			f.int("cause", 0)}
	case TNack:
		return f.nack()
	case TCustom:
		f.freeMap("content")
	}
	return &Other{t}
}

func (f *fields) hello() Message {
	m := &Hello{}
	if f.str("magic", 0, MaxContent) != "lipwire" {
		f.fail(InvalidField, "magic", "not lipwire")
	}
	m.Versions = f.ints("versions", 1, 16)
	m.Session = f.bin("session", 16, 16)
	m.Generation = f.int("generation", 1)
	for _, r := range f.list("formats", 1, 16) {
		m.Formats = append(m.Formats, f.format(r, "formats"))
	}
	m.Features = f.strs("features", 0, 64, 1, 64)
	m.Message = f.limit(f.mapOf(f.next(), "limits"), "message", messageBounds)
	if r, ok := f.optional(); ok {
		k := kStr
		if r.head().kind == kBin {
			k = kBin
		}
		m.Auth = append([]byte{}, f.bytesOf(r, k, "auth", 0, 4096)...)
	}
	if r, ok := f.optional(); ok {
		if items := f.listOf(r, "resume", 2, 2); items != nil {
			f.bytesOf(items[0], kBin, "resume", 16, 64)
			f.intOf(items[1], "resume", 0)
			m.Resume = &r
		}
	}
	m.Info = f.optMap("info")
	return m
}

func (f *fields) welcome() Message {
	m := &Welcome{}
	m.Version = f.int("version", 0)
	m.Session = f.bin("session", 16, 16)
	m.Generation = f.int("generation", 1)
	m.Format = f.format(f.next(), "format")
	m.Features = f.strs("features", 0, 64, 1, 64)
	limits := f.mapOf(f.next(), "limits")
	m.Limits = Limits{
		Window:    f.limit(limits, "window", windowBounds(m.Format.Rate)),
		Message:   f.limit(limits, "message", messageBounds),
		Cooldown:  f.limit(limits, "cooldown", cooldownBounds),
		Resume:    f.limit(limits, "resume", resumeBounds),
		Keepalive: f.limit(limits, "keepalive", keepaliveBounds),
		Segments:  f.limit(limits, "segments", segmentsBounds),
	}
	if r, ok := f.optional(); ok {
		m.Secret = f.bytesOf(r, kBin, "secret", 16, 64)
	}
	if r, ok := f.optional(); ok {
		if items := f.listOf(r, "state", 2, 2); items != nil {
			f.intOf(items[0], "state", 0)
			for _, row := range f.listOf(items[1], "state", 0, 1024) {
				if four := f.listOf(row, "state", 4, 4); four != nil {
					f.intOf(four[0], "state", 1)
					f.intOf(four[1], "state", 0)
					f.intOf(four[2], "state", 0)
					if four[3].head().kind != kNil {
						f.intOf(four[3], "state", 0)
					}
				}
			}
			m.State = &r
		}
	}
	m.Info = f.optMap("info")
	return m
}

// closeOf reads a close. A close is never answered, so what is wrong about it
// is not an error: an unreadable code is internal_error, the rest is nil.
func closeOf(raw []Raw) Message {
	f := &fields{raw: raw}
	m := &Close{Code: Code(f.int("code", 0))}
	if f.err != nil {
		m.Code, f.err = InternalError, nil
	}
	m.Reason = f.str("reason", 0, 1024)
	f.err = nil
	m.Retry = f.optInt("retry", 0)
	if f.err != nil {
		m.Retry, f.err = nil, nil
	}
	m.Details = f.optMap("details")
	return m
}

func (f *fields) numbered() Message {
	m := &Numbered{f.int("number", 1), f.int("taken", 0)}
	if r := f.next(); f.err == nil {
		items := f.listOf(r, "message", 1, maxEntries)
		if items == nil {
			return m
		}
		if _, _, ok := items[0].integer(); !ok {
			f.fail(InvalidField, "message", "does not begin with an integer")
			return m
		}
		switch t, _, _ := Peek(items); t {
		case TSegmentStart, TSegmentEnd, TInterrupt, TPause, TUnpause, TMark, TMarkReached, TData,
			TStreamStarted, TStreamEnded, TCustom:
			inner := &fields{raw: items[1:]}
			inner.message(t, items)
			f.err = inner.err
		default:
			f.fail(InvalidField, "message", "not of a type that can be numbered")
		}
	}
	return m
}

func (f *fields) pairs(name string, least, most int, least0 uint64) []Pair {
	var out []Pair
	for _, r := range f.list(name, least, most) {
		if items := f.listOf(r, name, 2, 2); items != nil {
			out = append(out, Pair{f.intOf(items[0], name, least0), f.intOf(items[1], name, 0)})
		}
	}
	return out
}

func (f *fields) nack() Message {
	m := &Nack{f.int("segment", 1), f.pairs("missing", 1, 32, 0)}
	for i, p := range m.Missing {
		if p[0] >= p[1] || i > 0 && p[0] <= m.Missing[i-1][1] {
			f.fail(InvalidField, "missing", "ranges that are empty, touch or do not ascend")
		}
	}
	return m
}

// LooksLikeHello says whether the elements are a hello as LW-INVARIANT-1
// describes it, and whether it offers the version spoken here.
func LooksLikeHello(elements []Raw) (hello, speaks bool) {
	if t, known, _ := Peek(elements); !known || t != THello || len(elements) < 3 {
		return false, false
	}
	if elements[1].head().kind != kStr || string(elements[1].body()) != "lipwire" ||
		elements[2].head().kind != kArray {
		return false, false
	}
	for _, r := range elements[2].split() {
		if v, neg, ok := r.integer(); ok && !neg && v == Version {
			speaks = true
		}
	}
	return true, speaks
}
