package peer

import "slices"

// maxGaps is how many missing ranges of a segment are kept track of.
const maxGaps = 256

// mergeBelow is up to what size neighbouring pieces are joined: pieces stay
// few however small they come, and no message costs more than this in copying.
const mergeBelow = 8192

type piece struct {
	pos uint64 // of its first sample
	pcm []byte
}

// held is the audio of one segment that has arrived and was not handed out: in
// order of position, without overlap. Everything before received has arrived.
type held struct {
	frame    uint64 // bytes of a sample
	pieces   []piece
	consumed uint64
	received uint64
	highest  uint64 // the end of the last sample that has arrived
}

func (h *held) end(p piece) uint64 { return p.pos + uint64(len(p.pcm))/h.frame }

// put takes what of a chunk has not come before (LW-AUDIO-6), and leaves out
// what would make too many gaps. It says whether anything changed.
func (h *held) put(pos uint64, pcm []byte) (changed bool) {
	end := pos + uint64(len(pcm))/h.frame
	if end <= h.received {
		return false
	}
	if pos < h.received {
		pcm = pcm[(h.received-pos)*h.frame:]
		pos = h.received
	}
	// The first piece that ends after the chunk begins; most often none does.
	i := len(h.pieces)
	for i > 0 && h.end(h.pieces[i-1]) > pos {
		i--
	}
	for pos < end {
		stop := end
		if i < len(h.pieces) {
			stop = min(stop, max(h.pieces[i].pos, pos))
		}
		if stop > pos {
			n := (stop - pos) * h.frame
			if !h.insert(i, piece{pos, slices.Clone(pcm[:n])}) {
				return changed
			}
			changed = true
			pcm, pos = pcm[n:], stop
			i++
			continue
		}
		next := min(h.end(h.pieces[i]), end)
		pcm, pos = pcm[(next-pos)*h.frame:], next
		i++
	}
	if changed {
		h.tidy()
	}
	return changed
}

// insert puts a piece at index i unless that makes one gap too many.
func (h *held) insert(i int, p piece) bool {
	before, after := h.received, uint64(0)
	if i > 0 {
		before = max(before, h.end(h.pieces[i-1]))
	}
	if i < len(h.pieces) {
		after = h.pieces[i].pos
	}
	if p.pos > before && (after == 0 || h.end(p) < after) && len(h.gaps(0, maxGaps)) >= maxGaps {
		return false
	}
	h.pieces = slices.Insert(h.pieces, i, p)
	h.highest = max(h.highest, h.end(p))
	return true
}

// tidy joins small neighbours and moves received forward.
func (h *held) tidy() {
	out := h.pieces[:0]
	for _, p := range h.pieces {
		if n := len(out); n > 0 && h.end(out[n-1]) == p.pos && len(out[n-1].pcm)+len(p.pcm) <= mergeBelow {
			out[n-1].pcm = append(out[n-1].pcm, p.pcm...)
		} else {
			out = append(out, p)
		}
	}
	clear(h.pieces[len(out):])
	h.pieces = out
	for _, p := range h.pieces {
		if p.pos > h.received {
			break
		}
		h.received = max(h.received, h.end(p))
	}
}

// gaps lists what is missing below upTo (or the highest sample), at most n.
func (h *held) gaps(upTo uint64, n int) (out [][2]uint64) {
	at := h.received
	for _, p := range h.pieces {
		if p.pos > at {
			if len(out) == n {
				return out
			}
			out = append(out, [2]uint64{at, p.pos})
		}
		at = max(at, h.end(p))
	}
	if upTo > at && len(out) < n {
		out = append(out, [2]uint64{at, upTo})
	}
	return out
}

// take hands out the next piece, if its samples have arrived.
func (h *held) take() (piece, bool) {
	if len(h.pieces) == 0 || h.pieces[0].pos != h.consumed {
		return piece{}, false
	}
	p := h.pieces[0]
	h.pieces[0] = piece{}
	h.pieces = h.pieces[1:]
	h.consumed = h.end(p)
	return p, true
}
