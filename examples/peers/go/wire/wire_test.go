package wire

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"testing"
)

func parseHex(t *testing.T, s string) (Message, *Error) {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	elements, e := Scan(b)
	if e != nil {
		return nil, e
	}
	return Parse(elements)
}

// The messages of Appendix B, decoded and encoded again. Those with a map of
// several keys are compared by what they decode to.
func TestVectors(t *testing.T) {
	for _, s := range []string{
		"9801a76c6970776972659101c4105f0d1c2b3a495867768594a3b2c1d0ef019193a57331366c65cd5dc0019081a76d657373616765ce00010000",
		"9204ce000f4240",
		"9405ce000f4240ce007271dace0072720c",
		"93100181a474657874a24869",
		"9511010000c404e80318fc",
		"9511010200c404d00730f8",
		"93130104",
		"931b01ce007297f0",
		"971c01040402ce0072bf00cd4650",
		"951d0104c200",
		"930300a0",
		"93140101",
		"921002",
		"9511020001c406050006000700",
		"94150101919201cd1c20",
		"951d01cd1680c301",
		"951103cd03c002c4020900",
		"931e039192cd01e0cd03c0",
		"951103cd01e002c4020800",
		"950321bc76657273696f6e2032206973206e6f742073706f6b656e2068657265c081a876657273696f6e739101",
		"940326b3616c6c207365617473206172652074616b656ecd03e8",
	} {
		m, e := parseHex(t, s)
		if e != nil {
			t.Errorf("%s: %v", s, e)
			continue
		}
		if got := hex.EncodeToString(m.Encode()); got != s {
			t.Errorf("encoded again:\n got %s\nwant %s", got, s)
		}
	}
}

func TestWelcomeVector(t *testing.T) {
	m, e := parseHex(t, "970201c4105f0d1c2b3a495867768594a3b2c1d0ef0193a57331366c65cd5dc0019086a677696e646f77cdbb80a76d657373616765ce00010000a87365676d656e747340a8636f6f6c646f776ecd012ca6726573756d65cd2710a96b656570616c697665cd1388")
	if e != nil {
		t.Fatal(e)
	}
	w := m.(*Welcome)
	if w.Limits != DefaultLimits(24000) || w.Format != (Format{"s16le", 24000, 1}) {
		t.Errorf("%+v", w)
	}
	elements, e := Scan(w.Encode())
	if e != nil {
		t.Fatal(e)
	}
	again, e := Parse(elements)
	if e != nil || again.(*Welcome).Limits != w.Limits {
		t.Errorf("%+v %v", again, e)
	}
}

func TestResumeVectors(t *testing.T) {
	for _, s := range []string{
		"9a01a76c6970776972659101c4105f0d1c2b3a495867768594a3b2c1d0ef029193a57331366c65cd5dc00191a6726573756d6581a76d657373616765ce00010000c092c410000102030405060708090a0b0c0d0e0f05",
		"990201c4105f0d1c2b3a495867768594a3b2c1d0ef0293a57331366c65cd5dc00191a6726573756d6586a677696e646f77cdbb80a76d657373616765ce00010000a87365676d656e747340a8636f6f6c646f776ecd012ca6726573756d65cd2710a96b656570616c697665cd1388c4100f0e0d0c0b0a09080706050403020100920b919404cd2580cd23a0cd21c0",
		"94060c05931304cd5dc0",
	} {
		if _, e := parseHex(t, s); e != nil {
			t.Errorf("%s: %v", s, e)
		}
	}
}

// The table "Messages that are refused" of Appendix B.
func TestRefused(t *testing.T) {
	for s, want := range map[string]Code{
		"": Malformed, "95110100": Malformed, "9204050000": Malformed, "8104a0": Malformed,
		"91a568656c6c6f": Malformed, "9203c1": Malformed, "930300a2fffe": Malformed, "90": Malformed,
		"9120": UnknownMessage, "91ff": UnknownMessage, "91cfffffffffffffffff": UnknownMessage,
		"9204ca40a00000": InvalidField, "9204c3": InvalidField, "9204cf0020000000000000": InvalidField,
		"9204ff": InvalidField, "9104": InvalidField, "9511000000c4020000": InvalidField,
		"9511010000c400": InvalidField, "9511010000a20000": InvalidField, "931e0191920505": InvalidField,
		"931e0192920105920509": InvalidField, "921f810102": InvalidField, "921fd6ff00000000": InvalidField,
		"94060100910f":           InvalidField,
		"92409191919191919191c0": LimitExceeded, "9240dc0401": LimitExceeded,
	} {
		if _, e := parseHex(t, s); e == nil || e.Code != want {
			t.Errorf("%q: got %v, want %v", s, e, want)
		}
	}
}

func TestUnusual(t *testing.T) {
	for _, s := range []string{"9204d30000000000000005", "940405c0c0", "9240c0"} {
		if _, e := parseHex(t, s); e != nil {
			t.Errorf("%s: %v", s, e)
		}
	}
}

func TestLargeMaps(t *testing.T) {
	start := func(text string) *Error {
		elements, e := Scan((&SegmentStart{1, map[string]any{"t": text}}).Encode())
		if e != nil {
			t.Fatal(e)
		}
		_, e = Parse(elements)
		return e
	}
	if e := start(string(bytes.Repeat([]byte("a"), MaxContent-6))); e != nil {
		t.Error(e)
	}
	if e := start(string(bytes.Repeat([]byte("a"), MaxContent-5))); e == nil || e.Code != LimitExceeded {
		t.Error(e)
	}
	for _, c := range []struct {
		float []byte
		want  int
	}{
		{[]byte{0xca, 0x3f, 0xc0, 0, 0}, 7}, {[]byte{0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0}, 7},
		{[]byte{0xcb, 0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a}, 11}, // 0.1
		{[]byte{0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0}, 7},                    // not a number
	} {
		m := append(Raw{0x81, 0xa0}, c.float...)
		if size, _ := m.shortest(); size != c.want {
			t.Errorf("% x: %d, not %d", c.float, size, c.want)
		}
	}
	// The same small map in wide encodings is measured by its shortest one.
	wide := []byte{0x93, 0x10, 0x01, 0xdf, 0, 0, 0, 1, 0xdb, 0, 0, 0, 1, 't', 0xd3, 0, 0, 0, 0, 0, 0, 0, 5}
	elements, _ := Scan(wide)
	if size, ok := elements[2].shortest(); size != 4 || !ok {
		t.Error(size, ok)
	}
}

func TestLastKeyCounts(t *testing.T) {
	m, e := parseHex(t, "93100182a16101a16102")
	if e != nil || m.(*SegmentStart).Metadata["a"] != int8(2) {
		t.Errorf("%v %v", m, e)
	}
}

// Nothing that comes may raise anything but an Error.
func TestHostileBytes(t *testing.T) {
	seeds := []string{
		"9801a76c6970776972659101c4105f0d1c2b3a495867768594a3b2c1d0ef019193a57331366c65cd5dc0019081a76d657373616765ce00010000",
		"93100181a474657874a24869", "971c01040402ce0072bf00cd4650", "931e0192920105920709",
		"94060c05931304cd5dc0", "9511010000c404e80318fc", "94150101919201cd1c20",
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 200000 {
		b, _ := hex.DecodeString(seeds[r.IntN(len(seeds))])
		for range 1 + r.IntN(4) {
			switch i := r.IntN(len(b)); r.IntN(4) {
			case 0:
				b = b[:i+1]
			case 1:
				b = append(b[:i:i], append([]byte{byte(r.Uint32())}, b[i:]...)...)
			default:
				b[i] = byte(r.Uint32())
			}
		}
		elements, e := Scan(b)
		if e != nil {
			continue
		}
		LooksLikeHello(elements)
		_, _ = Parse(elements)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{0x92, 0x04, 0x05})
	f.Fuzz(func(_ *testing.T, b []byte) {
		if elements, e := Scan(b); e == nil {
			LooksLikeHello(elements)
			_, _ = Parse(elements)
		}
	})
}
