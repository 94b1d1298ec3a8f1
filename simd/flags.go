package simd

import "encoding/binary"

// packFlagsKernel packs whole words; useScan sets it.
var packFlagsKernel func(words []uint32, flags []byte)

// PackFlags writes one bit a byte: bit i%32 of words[i/32] is set where flags[i] is not zero, bits
// beyond the last flag are not. words must hold a bit for every flag.
func PackFlags(words []uint32, flags []byte) {
	checkRoom("PackFlags", len(words), (len(flags)+BlockRows-1)/BlockRows)
	n := len(flags) / BlockRows
	for from := 0; from < n; from += callBytes / BlockRows {
		end := min(n, from+callBytes/BlockRows)
		packFlagsKernel(words[from:end], flags[from*BlockRows:end*BlockRows])
	}
	if rest := flags[n*BlockRows:]; len(rest) > 0 {
		words[n] = 0
		for i, flag := range rest {
			if flag != 0 {
				words[n] |= 1 << i
			}
		}
	}
}

// packFlagsPure packs eight flags at a time.
func packFlagsPure(words []uint32, flags []byte) {
	const (
		low  = 0x7F7F7F7F7F7F7F7F
		ones = 0x0101010101010101
		// collect moves bit 8*i of a product's factor to bit 56+i; no two sums of exponents meet.
		collect = 0x0102040810204080
	)
	for i := range words {
		words[i] = 0
		for at := 0; at < BlockRows; at += 8 {
			x := binary.LittleEndian.Uint64(flags[i*BlockRows+at:])
			set := (x&low + low | x) >> 7 & ones
			words[i] |= uint32(set*collect>>56) << at
		}
	}
}
