// Package wire is the message layer of Lipwire version 1: the structural scan
// that comes before all decoding, the messages and their fields, and the codes.
package wire

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// The bounds of LW-WIRE-9.
const (
	maxDepth   = 8
	maxEntries = 1024
)

// Raw is one encoded MessagePack value.
type Raw []byte

type kind uint8

const (
	kNil kind = iota
	kBool
	kInt
	kFloat
	kStr
	kBin
	kArray
	kMap
	kExt
)

// head is the first part of a value: its kind, what its length field says
// (bytes of a string, entries of a container), and its own size in bytes.
type head struct {
	kind kind
	n    uint64
	size int
}

// readHead reads the head at the beginning of b; ok is false when it is cut
// off or a byte that MessagePack does not use. It looks at nothing behind it.
func readHead(b []byte) (h head, ok bool) {
	if len(b) == 0 {
		return h, false
	}
	c := b[0]
	switch {
	case c <= 0x7f || c >= 0xe0:
		return head{kInt, 0, 1}, true
	case c <= 0x8f:
		return head{kMap, uint64(c & 0x0f), 1}, true
	case c <= 0x9f:
		return head{kArray, uint64(c & 0x0f), 1}, true
	case c <= 0xbf:
		return head{kStr, uint64(c & 0x1f), 1}, true
	}
	sized := func(k kind, width int) (head, bool) {
		if len(b) < 1+width {
			return head{}, false
		}
		var n uint64
		for _, x := range b[1 : 1+width] {
			n = n<<8 | uint64(x)
		}
		return head{k, n, 1 + width}, true
	}
	fixed := func(k kind, width int) (head, bool) {
		return head{k, 0, 1 + width}, len(b) >= 1+width
	}
	switch c {
	case 0xc0:
		return head{kNil, 0, 1}, true
	case 0xc2, 0xc3:
		return head{kBool, 0, 1}, true
	case 0xc4, 0xc5, 0xc6:
		return sized(kBin, 1<<(c-0xc4))
	case 0xc7, 0xc8, 0xc9:
		h, ok = sized(kExt, 1<<(c-0xc7))
		h.n++ // the type byte
		return h, ok
	case 0xca:
		return fixed(kFloat, 4)
	case 0xcb:
		return fixed(kFloat, 8)
	case 0xcc, 0xcd, 0xce, 0xcf:
		return fixed(kInt, 1<<(c-0xcc))
	case 0xd0, 0xd1, 0xd2, 0xd3:
		return fixed(kInt, 1<<(c-0xd0))
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		return head{kExt, 1<<(c-0xd4) + 1, 1}, true
	case 0xd9, 0xda, 0xdb:
		return sized(kStr, 1<<(c-0xd9))
	case 0xdc, 0xdd:
		return sized(kArray, 2<<(c-0xdc))
	case 0xde, 0xdf:
		return sized(kMap, 2<<(c-0xde))
	}
	return h, false // 0xc1
}

// Scan holds a message against the rules of structure (LW-WIRE-7, 9 and 12)
// and returns its elements, still encoded. It allocates for the elements of
// the message's own array only, and for these when it has counted them.
//
// Depth and counts are refused at the head that breaks them, also where the
// message then breaks off; an extension or bad text is reported only when the
// message is whole.
func Scan(b []byte) ([]Raw, *Error) {
	top, ok := readHead(b)
	if !ok || top.kind != kArray {
		return nil, Errorf(Malformed, "not a MessagePack array")
	}
	if first, ok := readHead(b[top.size:]); top.n == 0 || !ok || first.kind != kInt {
		return nil, Errorf(Malformed, "no integer at the beginning")
	}
	if top.n > maxEntries {
		return nil, Errorf(LimitExceeded, "an array of %d entries", top.n)
	}
	elements := make([]Raw, 0, top.n)
	var later *Error // found, but of lower rank than what may yet come
	rank := 0
	i := top.size
	for range top.n {
		start := i
		var left [maxDepth + 1]uint64 // values still to come, by level
		depth := 1
		left[1] = 1
		for depth > 0 {
			if left[depth] == 0 {
				depth--
				continue
			}
			left[depth]--
			h, ok := readHead(b[i:])
			if !ok {
				return nil, Errorf(Malformed, "cut off, or a byte that MessagePack does not use")
			}
			i += h.size
			switch h.kind {
			case kArray, kMap:
				if depth+1 > maxDepth {
					return nil, Errorf(LimitExceeded, "nested deeper than %d levels", maxDepth)
				}
				if h.n > maxEntries {
					return nil, Errorf(LimitExceeded, "a container of %d entries", h.n)
				}
				depth++
				left[depth] = h.n
				if h.kind == kMap {
					left[depth] *= 2
				}
			case kStr, kBin, kExt:
				if h.n > uint64(len(b)-i) {
					return nil, Errorf(Malformed, "cut off")
				}
				body := b[i : i+int(h.n)]
				i += int(h.n)
				if h.kind == kExt && rank < 2 {
					later, rank = Errorf(InvalidField, "a MessagePack extension"), 2
				}
				if h.kind == kStr && rank < 1 && !utf8.Valid(body) {
					later, rank = Errorf(Malformed, "text that is not UTF-8"), 1
				}
			}
		}
		elements = append(elements, Raw(b[start:i:i]))
	}
	if i != len(b) {
		return nil, Errorf(Malformed, "bytes after the message")
	}
	if later != nil {
		return nil, later
	}
	return elements, nil
}

func (r Raw) head() head {
	h, _ := readHead(r)
	return h
}

func (r Raw) body() []byte { return r[r.head().size:] }

// integer reads an integer of any width; neg is set below zero.
func (r Raw) integer() (v uint64, neg, ok bool) {
	if len(r) == 0 || r.head().kind != kInt {
		return 0, false, false
	}
	c := r[0]
	switch {
	case c <= 0x7f:
		return uint64(c), false, true
	case c >= 0xe0:
		return uint64(int64(int8(c))), true, true
	}
	var v8 [8]byte
	width := len(r) - 1
	if c >= 0xd0 && r[1]&0x80 != 0 {
		for i := range v8 {
			v8[i] = 0xff
		}
		neg = true
	}
	copy(v8[8-width:], r[1:])
	return binary.BigEndian.Uint64(v8[:]), neg, true
}

// split returns the values directly inside a container (keys and values of a
// map in turn). The value must have passed Scan.
func (r Raw) split() []Raw {
	h := r.head()
	n := h.n
	if h.kind == kMap {
		n *= 2
	}
	items := make([]Raw, 0, n)
	b := r[h.size:]
	for range n {
		size := valueSize(b)
		items = append(items, b[:size:size])
		b = b[size:]
	}
	return items
}

// valueSize is the length of the value at the beginning of b.
func valueSize(b []byte) int {
	i := 0
	for todo := uint64(1); todo > 0; todo-- {
		h, _ := readHead(b[i:])
		i += h.size
		switch h.kind {
		case kArray:
			todo += h.n
		case kMap:
			todo += 2 * h.n
		case kStr, kBin, kExt:
			i += int(h.n)
		}
	}
	return i
}

// shortest is the size of a value in its shortest encoding (LW-LIMIT-2), and
// whether every key of every map in it is a string.
func (r Raw) shortest() (size int, stringKeys bool) {
	stringKeys = true
	b := []byte(r)
	// A map's keys are told from its values by the parity of what is left.
	var left [maxDepth + 1]uint64
	var isMap [maxDepth + 1]bool
	depth := 0
	left[0] = 1
	for {
		for depth >= 0 && left[depth] == 0 {
			depth--
		}
		if depth < 0 {
			return size, stringKeys
		}
		left[depth]--
		h, _ := readHead(b)
		if isMap[depth] && left[depth]%2 == 1 && h.kind != kStr {
			stringKeys = false
		}
		switch h.kind {
		case kInt:
			size += intSize(Raw(b[:h.size]))
		case kFloat:
			size += floatSize(b[:h.size])
		case kStr:
			size += lengthSize(h.n, 32, true) + int(h.n)
		case kBin:
			size += lengthSize(h.n, 0, true) + int(h.n)
		case kArray, kMap:
			size += lengthSize(h.n, 16, false)
			if depth+1 > maxDepth {
				return size, false // can not be: Scan was here
			}
			depth++
			left[depth], isMap[depth] = h.n, h.kind == kMap
			if isMap[depth] {
				left[depth] *= 2
			}
		default:
			size += h.size
		}
		b = b[h.size:]
		if h.kind == kStr || h.kind == kBin {
			b = b[h.n:]
		}
	}
}

func lengthSize(n, fix uint64, has8 bool) int {
	switch {
	case n < fix:
		return 1
	case has8 && n <= 0xff:
		return 2
	case n <= 0xffff:
		return 3
	}
	return 5
}

// floatSize is 5 where 32 bits hold a float exactly.
func floatSize(r Raw) int {
	if len(r) == 9 {
		v := math.Float64frombits(binary.BigEndian.Uint64(r[1:]))
		if float64(float32(v)) != v && !math.IsNaN(v) {
			return 9
		}
	}
	return 5
}

func intSize(r Raw) int {
	v, neg, _ := r.integer()
	if neg {
		switch s := int64(v); {
		case s >= -32:
			return 1
		case s >= -1<<7:
			return 2
		case s >= -1<<15:
			return 3
		case s >= -1<<31:
			return 5
		}
		return 9
	}
	switch {
	case v <= 0x7f:
		return 1
	case v <= 0xff:
		return 2
	case v <= 0xffff:
		return 3
	case v <= 0xffffffff:
		return 5
	}
	return 9
}
