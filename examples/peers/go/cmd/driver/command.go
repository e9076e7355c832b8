package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"lipwire.example/peer"
	"lipwire.example/peer/wire"
)

// commands are those that an endpoint answers.
var commands = []string{
	"fence", "hold", "release", "stream_started", "played", "stream_ended", "reset", "close",
	"open", "write", "end", "interrupt", "drop", "finish", "offer", "answer",
}

// command is any line of the kit; each command uses some of the fields.
type command struct {
	ID          json.Number    `json:"id"`
	Do          string         `json:"do"`
	Protocol    int            `json:"protocol"`
	Role        string         `json:"role"`
	Transport   string         `json:"transport"`
	Version     int            `json:"version"`
	Needs       []string       `json:"needs"`
	URL         string         `json:"url"`
	Options     options        `json:"options"`
	Segment     *uint64        `json:"segment"`
	Segments    []uint64       `json:"segments"`
	Position    *uint64        `json:"position"`
	Interrupted bool           `json:"interrupted"`
	Failed      bool           `json:"failed"`
	Metadata    map[string]any `json:"metadata"`
	PCM         string         `json:"pcm"`
	Offer       string         `json:"offer"`
	Answer      string         `json:"answer"`

	unknownOption string
}

type options struct {
	Formats  [][3]any          `json:"formats"`
	Features []string          `json:"features"`
	Limits   map[string]uint64 `json:"limits"`
	Token    string            `json:"token"`
	Sessions *int              `json:"sessions"`
	Reading  *bool             `json:"reading"`
	Info     map[string]any    `json:"info"`
}

var knownOptions = []string{"formats", "features", "limits", "token", "sessions", "reading", "info"}

func parseCommand(line []byte) (*command, error) {
	c := &command{}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	if err := dec.Decode(c); err != nil {
		return nil, fmt.Errorf("a command that can not be read: %w", err)
	}
	var names struct {
		Options map[string]json.RawMessage `json:"options"`
	}
	if json.Unmarshal(line, &names) == nil {
		for name := range names.Options {
			if !slices.Contains(knownOptions, name) {
				c.unknownOption = "options." + name
			}
		}
	}
	c.Metadata = fromJSON(c.Metadata)
	c.Options.Info = fromJSON(c.Options.Info)
	return c, nil
}

// segment is the segment of a command that has one.
func (c *command) segment() uint64 {
	if c.Segment == nil {
		return 0
	}
	return *c.Segment
}

func (c *command) position() uint64 {
	if c.Position == nil {
		return 0
	}
	return *c.Position
}

func (c *command) pcm() ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(c.PCM)
	if err != nil {
		return nil, fault(err.Error())
	}
	return b, nil
}

func (o *options) formats() ([]wire.Format, error) {
	var out []wire.Format
	for _, f := range o.Formats {
		encoding, ok := f[0].(string)
		rate, ok1 := f[1].(json.Number)
		channels, ok2 := f[2].(json.Number)
		if !ok || !ok1 || !ok2 {
			return nil, fault("a format that can not be read")
		}
		r, err1 := rate.Int64()
		n, err2 := channels.Int64()
		if err1 != nil || err2 != nil || r < 0 || n < 0 {
			return nil, fault("a format that can not be read")
		}
		format := wire.Format{Encoding: encoding, Rate: uint64(r), Channels: uint64(n)}
		if format.FrameSize() == 0 {
			return nil, unsupported(fmt.Sprintf("the format %s, %d Hz, %d channels", encoding, r, n))
		}
		out = append(out, format)
	}
	return out, nil
}

// limits takes the two timers out of the limits, and refuses those that are
// not among the names given.
func (o *options) limits(names ...string) (rest map[string]uint64, handshake, grace time.Duration, err error) {
	rest = map[string]uint64{}
	for name, v := range o.Limits {
		switch d := time.Duration(min(v, 1<<32)) * time.Millisecond; {
		case name == "handshake" && d > 0:
			handshake = d
		case name == "grace" && d > 0:
			grace = d
		case name == "repair_timeout":
			// Nothing is ever concealed, so every such time is kept.
			if v > 60000 {
				return nil, 0, 0, errors.New("repair_timeout is out of range")
			}
		case slices.Contains(names, name):
			rest[name] = v
		default:
			return nil, 0, 0, unsupported("options.limits." + name)
		}
	}
	return rest, handshake, grace, nil
}

// repair says whether the feature is offered or taken.
func (o *options) repair() bool {
	return o.Features == nil || slices.Contains(o.Features, peer.FeatureRepair)
}

// fromJSON turns the numbers of a JSON object into integers where they are
// written so.
func fromJSON(m map[string]any) map[string]any {
	if m == nil {
		return nil
	}
	return number(m).(map[string]any)
}

func number(v any) any {
	switch x := v.(type) {
	case json.Number:
		if i, err := x.Int64(); err == nil {
			return i
		}
		if u, err := strconv.ParseUint(x.String(), 10, 64); err == nil {
			return u
		}
		f, _ := x.Float64()
		return f
	case []any:
		for i := range x {
			x[i] = number(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = number(x[k])
		}
	}
	return v
}

// toJSON turns what MessagePack can hold into what JSON can.
func toJSON(v any) any {
	switch x := v.(type) {
	case float32:
		return toJSON(float64(x))
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil
		}
	case []byte:
		return base64.StdEncoding.EncodeToString(x)
	case []any:
		for i := range x {
			x[i] = toJSON(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = toJSON(x[k])
		}
	}
	return v
}
