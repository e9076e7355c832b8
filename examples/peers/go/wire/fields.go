package wire

import (
	"bytes"

	"github.com/vmihailenco/msgpack/v5"
)

// Bounds of fields.
const (
	MaxInt     = 1<<53 - 1
	MaxContent = 16384
)

// fields reads the fields of a message in their order and keeps the first
// error, so that the code of the first broken field is the one that counts.
type fields struct {
	raw []Raw
	err *Error
}

func (f *fields) fail(code Code, name, what string) {
	if f.err == nil {
		f.err = Errorf(code, "%s: %s", name, what)
	}
}

// next takes the next element; nil when the message has ended.
func (f *fields) next() Raw {
	if len(f.raw) == 0 {
		return nil
	}
	r := f.raw[0]
	f.raw = f.raw[1:]
	return r
}

// optional takes the next element if it is there and not nil.
func (f *fields) optional() (Raw, bool) {
	r := f.next()
	return r, r != nil && r.head().kind != kNil
}

func (f *fields) intOf(r Raw, name string, least uint64) uint64 {
	v, neg, ok := r.integer()
	if !ok || neg || v > MaxInt || v < least {
		f.fail(InvalidField, name, "not an integer, or out of range")
		return 0
	}
	return v
}

func (f *fields) int(name string, least uint64) uint64 {
	return f.intOf(f.next(), name, least)
}

func (f *fields) optInt(name string, least uint64) *uint64 {
	r, ok := f.optional()
	if !ok {
		return nil
	}
	v := f.intOf(r, name, least)
	return &v
}

func (f *fields) bytesOf(r Raw, k kind, name string, least, most int) []byte {
	if len(r) == 0 || r.head().kind != k {
		f.fail(InvalidField, name, "absent, or of another type")
		return nil
	}
	b := r.body()
	if len(b) < least || len(b) > most {
		f.fail(InvalidField, name, "too short or too long")
		return nil
	}
	return b
}

func (f *fields) str(name string, least, most int) string {
	return string(f.bytesOf(f.next(), kStr, name, least, most))
}

func (f *fields) bin(name string, least, most int) []byte {
	return f.bytesOf(f.next(), kBin, name, least, most)
}

func (f *fields) bool(name string) bool {
	r := f.next()
	if len(r) == 0 || r.head().kind != kBool {
		f.fail(InvalidField, name, "not a boolean")
		return false
	}
	return r[0] == 0xc3
}

// listOf returns the entries of a list that must have least to most of them.
func (f *fields) listOf(r Raw, name string, least, most int) []Raw {
	if len(r) == 0 || r.head().kind != kArray {
		f.fail(InvalidField, name, "not a list")
		return nil
	}
	if n := int(r.head().n); n < least || n > most {
		f.fail(InvalidField, name, "too few or too many entries")
		return nil
	}
	return r.split()
}

func (f *fields) list(name string, least, most int) []Raw {
	return f.listOf(f.next(), name, least, most)
}

func (f *fields) ints(name string, least, most int) []uint64 {
	var out []uint64
	for _, r := range f.list(name, least, most) {
		out = append(out, f.intOf(r, name, 0))
	}
	return out
}

func (f *fields) format(r Raw, name string) (out Format) {
	if items := f.listOf(r, name, 3, 3); items != nil {
		out.Encoding = string(f.bytesOf(items[0], kStr, name, 0, MaxContent))
		out.Rate = f.intOf(items[1], name, 0)
		out.Channels = f.intOf(items[2], name, 0)
	}
	return out
}

func (f *fields) strs(name string, least, most, shortest, longest int) []string {
	var out []string
	for _, r := range f.list(name, least, most) {
		out = append(out, string(f.bytesOf(r, kStr, name, shortest, longest)))
	}
	return out
}

func (f *fields) mapOf(r Raw, name string) Raw {
	if len(r) == 0 || r.head().kind != kMap {
		f.fail(InvalidField, name, "not a map")
		return nil
	}
	size, stringKeys := r.shortest()
	if !stringKeys {
		f.fail(InvalidField, name, "a key that is not text")
		return nil
	}
	if size > MaxContent {
		f.fail(LimitExceeded, name, "larger than 16,384 bytes")
		return nil
	}
	return r
}

func (f *fields) freeMap(name string) map[string]any {
	return f.mapOf(f.next(), name).Map()
}

func (f *fields) optMap(name string) map[string]any {
	r, ok := f.optional()
	if !ok {
		return nil
	}
	return f.mapOf(r, name).Map()
}

// Map decodes a free map that has been checked; nil when it can not.
func (r Raw) Map() map[string]any {
	if len(r) == 0 {
		return nil
	}
	out := map[string]any{}
	if err := msgpack.Unmarshal(r, &out); err != nil {
		return nil
	}
	return out
}

// lookup finds the value of a key of a map, the last one where it is twice.
func (r Raw) lookup(key string) (found Raw) {
	if len(r) == 0 {
		return nil
	}
	items := r.split()
	for i := 0; i+1 < len(items); i += 2 {
		if items[i].head().kind == kStr && string(items[i].body()) == key {
			found = items[i+1]
		}
	}
	return found
}

// encode makes a message of its type and fields, leaving out trailing nils.
func encode(values ...any) []byte {
	for len(values) > 0 && isNil(values[len(values)-1]) {
		values = values[:len(values)-1]
	}
	var buf bytes.Buffer
	enc := msgpack.NewEncoder(&buf)
	enc.UseCompactInts(true)
	enc.SetSortMapKeys(true)
	if err := enc.Encode(values); err != nil {
		return nil // a value of a type that MessagePack does not have
	}
	return buf.Bytes()
}

func isNil(v any) bool {
	switch x := v.(type) {
	case nil:
		return true
	case map[string]any:
		return x == nil
	case []byte:
		return x == nil
	case *uint64:
		return x == nil
	}
	return false
}
