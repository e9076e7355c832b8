package peer

import (
	"math/rand/v2"
	"testing"
)

// The same samples come out, in whatever order pieces of them came.
func TestHeldInAnyOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		const n = 3000
		want := make([]byte, 2*n)
		for i := range want {
			want[i] = byte(rnd.Uint32())
		}
		h := &held{frame: 2}
		var got []byte
		for h.consumed < n {
			a := rnd.Uint64N(n)
			b := min(a+1+rnd.Uint64N(400), n)
			h.put(a, want[2*a:2*b])
			if rnd.IntN(4) == 0 {
				for p, ok := h.take(); ok; p, ok = h.take() {
					got = append(got, p.pcm...)
				}
			}
		}
		if string(got) != string(want) || len(h.pieces) != 0 {
			t.Fatal("not the same")
		}
	}
}

func TestHeldIsBounded(t *testing.T) {
	h := &held{frame: 2}
	for i := uint64(2880000); i > 0; i -= 2 { // pieces of one sample, backwards, with gaps
		h.put(i, []byte{1, 2})
		if i < 2870000 {
			break
		}
	}
	if len(h.pieces) > maxGaps {
		t.Error(len(h.pieces))
	}
	h = &held{frame: 2}
	for i := uint64(100000); i > 0; i-- { // without gaps
		h.put(i, []byte{1, 2})
	}
	if len(h.pieces) > 100 {
		t.Error(len(h.pieces))
	}
}
