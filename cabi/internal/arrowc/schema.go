package arrowc

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

const (
	// mostPairs and mostMetadata bound the metadata of a field: nobody says how long it is, and
	// what is read of it must be its own.
	mostPairs    = 1 << 16
	mostMetadata = 64 << 20
)

// CheckSchema refuses the schema of what cannot be imported: types other than lists of the numbers
// that vectors are made of (float32, float64, float16, int8, uint8), bytes, integers and text, and
// schemas that contradict themselves. A stream can have a schema and no batch that would show it.
//
// Errors: ColumnError.
func CheckSchema(s *Schema) error {
	if s.Dictionary != nil {
		return refuse("the column is dictionary-encoded", "decode it first")
	}
	format := s.format()
	children := int64(0)
	switch {
	case format == "+l", format == "+L":
		children = 1
	case strings.HasPrefix(format, "+w:"):
		if err := checkWidth("list size", format[len("+w:"):], format); err != nil {
			return err
		}
		children = 1
	case strings.HasPrefix(format, "w:"):
		if err := checkWidth("byte width", format[len("w:"):], format); err != nil {
			return err
		}
	case format == "+s":
		return refuse("this is a table (or a struct column), not a column of vectors",
			"select the column")
	case len(format) == 1 && strings.Contains("uUzZcCsSiIlLefg", format), format == "vu":
	default:
		return refuse(fmt.Sprintf("a column of %s holds no vectors", nameOf(format)),
			"use FixedSizeList, List or LargeList of float32, float64, float16, int8 or uint8")
	}
	if s.NChildren != children {
		return broken("%d children in the schema, %s has %d", s.NChildren, nameOf(format), children)
	}
	if children > 0 {
		if err := checkElement(s.child()); err != nil {
			return err
		}
	}
	return s.checkMetadata()
}

// checkWidth refuses a number in a format that is not one of 1 to 2^31-1.
func checkWidth(what, digits, format string) error {
	if width, err := strconv.ParseInt(digits, 10, 32); err != nil || width < 1 {
		return broken("%s in format %q", what, format)
	}
	return nil
}

// checkElement refuses what lists of which are not vectors.
func checkElement(s *Schema) error {
	if s == nil {
		return broken("a list without its child")
	}
	if s.Dictionary != nil {
		return refuse("the vectors' numbers are dictionary-encoded", "decode them first")
	}
	switch format := s.format(); format {
	case "e", "f", "g", "c", "C":
	default:
		return refuse(fmt.Sprintf("lists of %s are not vectors", nameOf(format)),
			"cast them to float32")
	}
	if s.NChildren != 0 {
		return broken("%d children of a number", s.NChildren)
	}
	return s.checkMetadata()
}

// checkMetadata follows the lengths in a field's metadata: a count of pairs, and for each a key and
// a value behind their lengths.
func (s *Schema) checkMetadata() error {
	if s.Metadata == nil {
		return nil
	}
	at := 0
	next := func() int64 {
		n := s.metadataInt(at)
		at += 4
		return int64(n)
	}
	pairs := next()
	if pairs < 0 || pairs > mostPairs {
		return broken("%d pairs of metadata", pairs)
	}
	for i := range 2 * pairs {
		n := next()
		if n < 0 || n > math.MaxInt32 || int64(at)+n > mostMetadata {
			return broken("%d bytes in pair %d of the metadata", n, i/2)
		}
		at += int(n)
	}
	return nil
}
