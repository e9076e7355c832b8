package peer

import "encoding/binary"

// resampler changes the rate of a stream of s16le samples by straight lines
// between them: enough for a receiver that chose another of the rates offered.
type resampler struct {
	in, out uint64 // samples taken and made
	last    int16
}

func (r *resampler) convert(pcm []byte, from, to uint64) []byte {
	if from == to || len(pcm) == 0 {
		return pcm
	}
	made := make([]byte, 0, uint64(len(pcm))*to/from+4)
	for i := 0; i+1 < len(pcm); i += 2 {
		cur := int16(binary.LittleEndian.Uint16(pcm[i:]))
		// Output n lies at n*from/to; here are those up to this sample.
		for ; r.out*from <= r.in*to; r.out++ {
			back := int64(r.in*to - r.out*from) // before this sample, in 1/to
			v := int64(cur) + (int64(r.last)-int64(cur))*back/int64(to)
			made = binary.LittleEndian.AppendUint16(made, uint16(int16(v)))
		}
		r.last = cur
		r.in++
	}
	return made
}
