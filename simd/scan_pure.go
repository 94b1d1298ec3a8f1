package simd

import (
	"encoding/binary"
	"math"
)

// The plain Go kernels of the scan group. They are the specification: the other tiers give the
// same bits.

const (
	// maxEntry is the largest table entry: four of them fit a byte.
	maxEntry = 63
	maxInt8  = 127
)

// scanPure is the kernel of Scan. It only writes the first query's part of out.
func scanPure(part scanPart, out scanOut, q *ScanQuery) {
	d, stride := part.d, BlockStride(part.d)
	var acc [BlockRows]uint32
	for b, live := range part.alive {
		if live == 0 {
			out.masks[b] = 0
			continue
		}
		block := part.blocks[b*stride : (b+1)*stride]
		sumEntries(&acc, block[:4*d], q.Tables)
		out.masks[b] = boundRows(&acc, block[4*d:], q, live, out.est[b*BlockRows:])
	}
}

// scan4Pure is the kernel of Scan4.
func scan4Pure(part scanPart, out scanOut, q *[4]ScanQuery) {
	for i := range q {
		scanPure(part, out.from(i*out.stride), &q[i])
	}
}

// sumEntries sets acc[r] to the sum of row r's table entries over the byte columns in codes.
func sumEntries(acc *[BlockRows]uint32, codes, tables []byte) {
	clear(acc[:])
	for len(codes) >= BlockRows && len(tables) >= 32 {
		column, low, high := (*[BlockRows]byte)(codes), (*[16]byte)(tables), (*[16]byte)(tables[16:])
		for r, c := range column {
			acc[r] += uint32(low[c&15]) + uint32(high[c>>4])
		}
		codes, tables = codes[BlockRows:], tables[32:]
	}
}

// boundRows computes estimates and lower bounds of a block's rows from their sums and factors. It
// returns the mask of live rows whose bound is under the threshold, and writes est[:32] when that
// is not zero.
func boundRows(acc *[BlockRows]uint32, factors []byte, q *ScanQuery, live uint32,
	est []float32) uint32 {
	var estimate [BlockRows]float32
	var mask uint32
	for r := range acc {
		add, rescale, errf := factor(factors, r), factor(factors, 32+r), factor(factors, 64+r)
		v := float32(float32(acc[r])*q.Step) + q.Bias
		e := float32(add+q.Add) + float32(rescale*v)
		slack := float32(errf*q.Err) + float32(absolute(rescale)*q.TabErr)
		if e-slack < q.Tau {
			mask |= 1 << r
		}
		estimate[r] = e
	}
	mask &= live
	if mask != 0 {
		copy(est[:BlockRows], estimate[:])
	}
	return mask
}

// factor reads number i of a block's 96 factors.
func factor(factors []byte, i int) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(factors[4*i:]))
}

// foldLanes adds the 16 lanes of a stored sum in its fixed order.
func foldLanes(lanes *[16]float32) float32 {
	for half := 8; half > 0; half /= 2 {
		for i := range half {
			lanes[i] += lanes[i+half]
		}
	}
	return lanes[0]
}

// groupRangePure returns the largest sum |q| of four neighbours and the stored sum of |q|.
func groupRangePure(q []float32) (maxRange, abs float32) {
	var lanes [16]float32
	for i := 0; i+4 <= len(q); i += 4 {
		a, b, c, d := absolute(q[i]), absolute(q[i+1]), absolute(q[i+2]), absolute(q[i+3])
		lane := lanes[i%16:]
		lane[0] += a
		lane[1] += b
		lane[2] += c
		lane[3] += d
		maxRange = max(maxRange, (a+b)+(c+d))
	}
	return maxRange, foldLanes(&lanes)
}

// fillTablesPure writes the entries of every table.
func fillTablesPure(tab []byte, q []float32, inv float32) {
	for i := 0; i+4 <= len(q); i += 4 {
		var p [4][2]float32
		for k := range p {
			x := q[i+k]
			p[k] = [2]float32{max(-x, 0), max(x, 0)}
		}
		table := tab[4*i : 4*i+16]
		for m := range table {
			s := (p[0][m&1] + p[1][m>>1&1]) + (p[2][m>>2&1] + p[3][m>>3])
			table[m] = byte(min(int32(float32(s*inv)+0.5), maxEntry))
		}
	}
}

// roundInt8Pure writes q*inv rounded half away from zero; |q*inv| is at most 127 up to rounding.
func roundInt8Pure(z []int8, q []float32, inv float32) {
	half := math.Float32bits(0.5)
	for i, v := range q {
		x := float32(v * inv)
		z[i] = int8(x + math.Float32frombits(half|math.Float32bits(x)&(1<<31)))
	}
}

// unpackGroup sets u to the codes s*2^e + x of the 64 dimensions of one group of a row.
func unpackGroup(u *[64]uint32, block []byte, row int, extra []byte, e, d, group int) {
	var signs [8]byte
	for k := range signs {
		signs[k] = block[(8*group+k)*BlockRows+row]
	}
	clear(u[:])
	appendBits(u, signs[:])
	for w := 8; w > 0; w /= 2 {
		if e&w == 0 {
			continue
		}
		plane := extra[8*w*group : 8*w*(group+1)]
		extra = extra[d*w/8:]
		if w == 1 {
			appendBits(u, plane)
			continue
		}
		for part := range 8 / w {
			for k, v := range plane {
				x := &u[part*len(plane)+k]
				*x = *x<<w | uint32(v>>(part*w))&(1<<w-1)
			}
		}
	}
}

// appendBits appends bit i of the 64 bits to code i.
func appendBits(u *[64]uint32, bits []byte) {
	for i := range u {
		u[i] = u[i]<<1 | uint32(bits[i/8]>>(i%8))&1
	}
}

func dotCodePure(block []byte, row int, extra []byte, e, d int, z []int8) int32 {
	var u [64]uint32
	var sum int32
	for g := range d / 64 {
		unpackGroup(&u, block, row, extra, e, d, g)
		for k, v := range z[64*g : 64*g+64] {
			sum += int32(u[k]) * int32(v)
		}
	}
	return sum
}

func dotCodeFloatPure(block []byte, row int, extra []byte, e, d int, q []float32) float32 {
	var u [64]uint32
	var lanes [16]float32
	for g := range d / 64 {
		unpackGroup(&u, block, row, extra, e, d, g)
		for k, v := range q[64*g : 64*g+64] {
			lanes[k%16] += float32(float32(u[k]) * v)
		}
	}
	return foldLanes(&lanes)
}

func nextBelowPure(v []float32, from int, tau float32) int {
	for i := from; i < len(v); i++ {
		if v[i] < tau {
			return i
		}
	}
	return len(v)
}
