package bundle

import (
	"encoding/binary"
	"strconv"
)

// Generation says which state of a collection something belongs to: a number, or a text that has
// no order. Two of them are equal (==) or they are of different states. The zero value is number 0.
type Generation struct {
	text   string
	number uint64
	opaque bool
}

// Number is a generation that counts.
func Number(n uint64) Generation { return Generation{number: n} }

// Opaque is a generation that only its store understands.
func Opaque(text string) Generation { return Generation{text: text, opaque: true} }

// Number returns the number, false for a text.
func (g Generation) Number() (uint64, bool) { return g.number, !g.opaque }

// Text returns the text, false for a number.
func (g Generation) Text() (string, bool) { return g.text, g.opaque }

// String returns it as errors show it.
func (g Generation) String() string {
	if g.opaque {
		return strconv.Quote(g.text)
	}
	return strconv.FormatUint(g.number, 10)
}

// appendWitness appends what a witness covers: a byte of the kind, then the number or the text.
func (g Generation) appendWitness(b []byte) []byte {
	if g.opaque {
		return append(append(b, 1), g.text...)
	}
	return binary.LittleEndian.AppendUint64(append(b, 0), g.number)
}
