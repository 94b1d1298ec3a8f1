package bundle

import (
	"crypto/sha3"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
)

// The first bytes of what is hashed. That of format 2 says v1: so it was decided once, and it says
// nothing about the format. Format 1 shares it and is told apart by the generation alone.
const (
	domain2 = "rulake-bundle-witness-v1|"
	domain3 = "ruvector-bundle-witness-v3|"
)

// witnessBytes is how long a witness is before it is written in hex.
const witnessBytes = 32

// Witness2 returns the witness of format 2: SHAKE-256, 32 bytes of it in lower-case hex, of
//
//	"rulake-bundle-witness-v1|"
//	length of dataRef (8 bytes), dataRef, "|"
//	dim, seed, rerank (8 bytes each), "|"
//	length of G (8 bytes), G
//
// where G is a byte 0 and the number (8 bytes), or a byte 1 and the text of a generation. Numbers
// are little-endian. It covers which data, never the vectors themselves.
func Witness2(dataRef string, dim int, seed uint64, rerank int, generation Generation) string {
	b := appendFields([]byte(domain2), dataRef, dim, seed, rerank)
	return digestOf(appendSized(b, generation.appendWitness(nil)))
}

// witness1 is Witness2 without the byte that tells a number from a text.
func witness1(dataRef string, dim int, seed uint64, rerank int, generation Generation) string {
	b := appendFields([]byte(domain2), dataRef, dim, seed, rerank)
	return digestOf(appendSized(b, generation.appendWitness(nil)[1:]))
}

// witness3 covers, after a domain of its own and all that format 2 covers, the content:
//
//	"|", then rotation, metric and kind, each behind its length (8 bytes),
//	codec and rows (8 bytes each), "|"
//	the digest (32 bytes, not hex)
//
// The content is checked.
func (b Bundle) witness3() string {
	out := appendFields([]byte(domain3), b.DataRef, b.Dim, b.RotationSeed, b.RerankFactor)
	out = append(appendSized(out, b.Generation.appendWitness(nil)), '|')
	for _, text := range []string{b.Content.Rotation, b.Content.Metric, b.Content.Kind} {
		out = appendSized(out, text)
	}
	out = binary.LittleEndian.AppendUint64(out, uint64(b.Content.Codec))
	out = append(binary.LittleEndian.AppendUint64(out, uint64(b.Content.Rows)), '|')
	digest, _ := hex.DecodeString(b.Content.Digest) // it is canonical
	return digestOf(append(out, digest...))
}

// recompute returns the witness that the fields of a checked bundle have.
func (b Bundle) recompute() string {
	switch b.FormatVersion {
	case 1:
		return witness1(b.DataRef, b.Dim, b.RotationSeed, b.RerankFactor, b.Generation)
	case 2:
		return Witness2(b.DataRef, b.Dim, b.RotationSeed, b.RerankFactor, b.Generation)
	}
	return b.witness3()
}

// appendFields appends what every witness covers before the generation.
func appendFields(b []byte, dataRef string, dim int, seed uint64, rerank int) []byte {
	b = append(appendSized(b, dataRef), '|')
	for _, v := range []uint64{uint64(dim), seed, uint64(rerank)} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return append(b, '|')
}

// appendSized appends bytes behind their number.
func appendSized[T string | []byte](b []byte, bytes T) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(bytes))), bytes...)
}

func digestOf(b []byte) string {
	return hex.EncodeToString(sha3.SumSHAKE256(b, witnessBytes))
}

// canonical reports whether a text is 32 bytes as they are written here: lower-case hex.
func canonical(text string) bool {
	if len(text) != 2*witnessBytes {
		return false
	}
	for _, c := range []byte(text) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// same compares two witnesses in a time that does not tell where they differ.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
