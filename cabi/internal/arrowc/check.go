package arrowc

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// names of the formats that people meet, for error messages.
var names = map[string]string{
	"n": "null", "b": "bool", "c": "int8", "C": "uint8", "s": "int16", "S": "uint16",
	"i": "int32", "I": "uint32", "l": "int64", "L": "uint64", "e": "float16", "f": "float32",
	"g": "float64", "z": "binary", "Z": "large_binary", "vz": "binary_view", "u": "string",
	"U": "large_string", "vu": "string_view", "tdD": "date32", "tdm": "date64", "+s": "struct",
	"+l": "list", "+L": "large_list", "+vl": "list_view", "+vL": "large_list_view",
	"+m": "map", "+r": "run_end_encoded",
}

// Check refuses what CheckSchema refuses, and arrays that contradict themselves or their schema. It
// reads the structs and the offsets of text, nothing else.
//
// Errors: ColumnError.
func Check(s *Schema, a *Array) error {
	if a.Dictionary != nil {
		return refuse("the column is dictionary-encoded", "decode it first")
	}
	if err := CheckSchema(s); err != nil {
		return err
	}
	if err := a.checkHeader(); err != nil {
		return err
	}
	format := s.format()
	switch format {
	case "+l", "+L":
		return a.checkList(s)
	case "u", "U", "z", "Z":
		return a.checkText(s, format)
	case "vu":
		return a.checkViews(s)
	}
	if strings.HasPrefix(format, "+w:") {
		return a.checkFixed(s, format)
	}
	if strings.HasPrefix(format, "w:") {
		return a.checkBits(s, format)
	}
	return a.checkNumbers(s)
}

func nameOf(format string) string {
	if name, ok := names[format]; ok {
		return name
	}
	if strings.HasPrefix(format, "ts") {
		return "timestamp"
	}
	return "Arrow format " + strconv.QuoteToASCII(format)
}

func refuse(msg, fix string) error {
	return &arrowidx.Error{Kind: arrowidx.ColumnError, Op: "column", Msg: msg, Fix: fix,
		Row: -1, Column: -1}
}

func broken(format string, args ...any) error {
	return refuse("broken Arrow data: "+fmt.Sprintf(format, args...),
		"the producer of this array is at fault")
}

func (a *Array) checkHeader() error {
	switch {
	case a.Length < 0:
		return broken("length %d", a.Length)
	case a.Offset < 0:
		return broken("offset %d", a.Offset)
	case a.Offset > math.MaxInt64/64-a.Length:
		return broken("length %d after offset %d", a.Length, a.Offset)
	case a.NullCount < -1 || a.NullCount > a.Length:
		return broken("null count %d of %d rows", a.NullCount, a.Length)
	case a.NBuffers < 0 || a.NBuffers > math.MaxInt32:
		return broken("%d buffers", a.NBuffers)
	case a.NBuffers > 0 && a.Buffers == nil:
		return broken("the buffers are missing")
	case a.NChildren < 0 || a.NChildren > math.MaxInt32:
		return broken("%d children", a.NChildren)
	case a.NChildren > 0 && a.Children == nil:
		return broken("the children are missing")
	}
	return nil
}

// checkShape compares the number of buffers and children with what the type has.
func (a *Array) checkShape(s *Schema, buffers, children int64) error {
	if a.NBuffers != buffers {
		return broken("%d buffers, %s has %d", a.NBuffers, nameOf(s.format()), buffers)
	}
	if a.NChildren != children || s.NChildren != children {
		return broken("%d and %d children, %s has %d", a.NChildren, s.NChildren,
			nameOf(s.format()), children)
	}
	if a.NullCount > 0 && a.buffer(0) == nil {
		return broken("%d nulls without a validity bitmap", a.NullCount)
	}
	return nil
}

func (a *Array) checkNumbers(s *Schema) error {
	if err := a.checkShape(s, 2, 0); err != nil {
		return err
	}
	if a.Length > 0 && a.buffer(1) == nil {
		return broken("%d values in a missing buffer", a.Length)
	}
	return nil
}

// checkElements checks the child of a list and returns its length.
func (a *Array) checkElements(s *Schema) (int64, error) {
	cs, ca := s.child(), a.child()
	if cs == nil || ca == nil {
		return 0, broken("a list without its child")
	}
	if ca.Dictionary != nil {
		return 0, refuse("the vectors' numbers are dictionary-encoded", "decode them first")
	}
	if err := ca.checkHeader(); err != nil {
		return 0, err
	}
	return ca.Length, ca.checkNumbers(cs)
}

func (a *Array) checkFixed(s *Schema, format string) error {
	width, err := strconv.ParseInt(format[len("+w:"):], 10, 32)
	if err != nil || width < 1 {
		return broken("list size in format %q", format)
	}
	if err := a.checkShape(s, 1, 1); err != nil {
		return err
	}
	have, err := a.checkElements(s)
	if err != nil {
		return err
	}
	if a.Offset+a.Length > have/width {
		return broken("the child has %d values, %d rows of %d need more", have,
			a.Offset+a.Length, width)
	}
	return nil
}

func (a *Array) checkBits(s *Schema, format string) error {
	width, err := strconv.ParseInt(format[len("w:"):], 10, 32)
	if err != nil || width < 1 {
		return broken("byte width in format %q", format)
	}
	if a.Offset+a.Length > math.MaxInt64/width {
		return broken("%d rows of %d bytes", a.Offset+a.Length, width)
	}
	return a.checkNumbers(s)
}

// checkList leaves the offsets to the engine, which reads them all anyway.
func (a *Array) checkList(s *Schema) error {
	if err := a.checkShape(s, 2, 1); err != nil {
		return err
	}
	if a.Length > 0 && a.buffer(1) == nil {
		return broken("%d lists without offsets", a.Length)
	}
	_, err := a.checkElements(s)
	return err
}

func (a *Array) checkText(s *Schema, format string) error {
	if err := a.checkShape(s, 3, 0); err != nil {
		return err
	}
	if a.Length == 0 {
		return nil
	}
	if a.buffer(1) == nil {
		return broken("%d texts without offsets", a.Length)
	}
	if format == "u" || format == "z" {
		return checkOffsets(a, a.offsets32())
	}
	return checkOffsets(a, a.offsets64())
}

func checkOffsets[T int32 | int64](a *Array, offsets []T) error {
	last := T(0)
	for i, at := range offsets {
		if at < last {
			return broken("offset %d of text %d after %d", at, i, last)
		}
		last = at
	}
	if last > 0 && a.buffer(2) == nil {
		return broken("%d bytes of text in a missing buffer", last)
	}
	return nil
}

// inlineText is the longest text that a string view holds itself.
const inlineText = 12

func (a *Array) checkViews(s *Schema) error {
	if a.NBuffers < 3 {
		return broken("%d buffers, string_view has 3 or more", a.NBuffers)
	}
	if err := a.checkShape(s, a.NBuffers, 0); err != nil || a.Length == 0 {
		return err
	}
	if a.buffer(1) == nil || a.NBuffers > 3 && a.buffer(int(a.NBuffers)-1) == nil {
		return broken("a missing buffer of views or lengths")
	}
	var sizes []int64
	if a.NBuffers > 3 {
		sizes = a.viewBuffers()
	}
	for i, v := range a.views() {
		if v.size >= 0 && v.size <= inlineText {
			continue
		}
		if v.size < 0 || v.buffer < 0 || int(v.buffer) >= len(sizes) || v.offset < 0 ||
			int64(v.offset)+int64(v.size) > sizes[v.buffer] ||
			a.buffer(2+int(v.buffer)) == nil {
			return broken("view %d points outside its buffers", i)
		}
	}
	return nil
}
