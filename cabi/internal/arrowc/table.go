package arrowc

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Columns are few, whatever a struct says.
const mostColumns = 1 << 20

// CheckTableSchema refuses the schema of what is no table of flat columns: numbers, booleans,
// dates, times, decimals, texts, bytes, and dictionaries of these.
//
// Errors: ColumnError.
func CheckTableSchema(s *Schema) error {
	if s.format() != "+s" || s.Dictionary != nil {
		return refuse("this is a column, not a table", "pass a table of the columns to add")
	}
	if s.NChildren < 0 || s.NChildren > mostColumns || s.NChildren > 0 && s.Children == nil {
		return broken("%d children of a table", s.NChildren)
	}
	for i, child := range s.children() {
		if child == nil || child.Name == nil {
			return broken("column %d is missing, or has no name", i)
		}
		if err := child.checkFlat(); err != nil {
			return err
		}
	}
	return s.checkMetadata()
}

// flatFormats are the types of a column that need no more than their name.
var flatFormats = strings.Fields("b c C s S i I l L e f g u U z Z vu vz tdD tdm tts ttm ttu ttn")

func (s *Schema) checkFlat() error {
	values := s
	if s.Dictionary != nil {
		if form := s.format(); len(form) != 1 || !strings.Contains("cCsSiIlL", form) {
			return broken("a dictionary's rows of %s", nameOf(form))
		}
		values = s.Dictionary
	}
	format := values.format()
	switch {
	case values.Dictionary != nil:
		return refuse("a dictionary of a dictionary", "decode it first")
	case slices.Contains(flatFormats, format), strings.HasPrefix(format, "ts"),
		strings.HasPrefix(format, "d:"):
	case strings.HasPrefix(format, "w:"):
		if err := checkWidth("byte width", format[len("w:"):], format); err != nil {
			return err
		}
	default:
		return refuse(fmt.Sprintf("column %q is of type %s, which is not written beside answers",
			s.name(), nameOf(format)),
			"leave it out, or join it to the answer with pyarrow (pip install 'ruvector[arrow]')")
	}
	for _, part := range []*Schema{s, values} {
		if part.NChildren != 0 {
			return broken("%d children of %s", part.NChildren, nameOf(part.format()))
		}
		if err := part.checkMetadata(); err != nil {
			return err
		}
	}
	return nil
}

// name reads as much of a name as an error shows.
func (s *Schema) name() string {
	return (&Schema{Format: s.Name}).format()
}

// CheckTable refuses what CheckTableSchema refuses, and arrays that contradict themselves or their
// schema. Which values the rows of a dictionary name is not looked at.
//
// Errors: ColumnError.
func CheckTable(s *Schema, a *Array) error {
	if err := CheckTableSchema(s); err != nil {
		return err
	}
	if err := a.checkHeader(); err != nil {
		return err
	}
	if a.NBuffers != 1 || a.NChildren != s.NChildren || a.Dictionary != nil {
		return broken("%d buffers and %d children of a table of %d columns", a.NBuffers, a.NChildren,
			s.NChildren)
	}
	if a.NullCount != 0 && a.buffer(0) != nil {
		return refuse("the table has null rows", "drop them first")
	}
	columns := s.children()
	for i, child := range a.children() {
		if child == nil {
			return broken("column %d is missing", i)
		}
		if err := child.checkFlat(columns[i]); err != nil {
			return err
		}
		if child.Length < a.Offset+a.Length || a.Offset > math.MaxInt64-a.Length {
			return broken("column %d has %d rows, the table needs %d", i, child.Length,
				a.Offset+a.Length)
		}
	}
	return nil
}

func (a *Array) checkFlat(s *Schema) error {
	if err := a.checkHeader(); err != nil {
		return err
	}
	if (s.Dictionary == nil) != (a.Dictionary == nil) {
		return broken("a dictionary in the schema or the array alone")
	}
	if s.Dictionary != nil {
		if err := a.checkNumbers(s); err != nil {
			return err
		}
		if a.Dictionary.Dictionary != nil {
			return broken("a dictionary of a dictionary in the array alone")
		}
		return a.Dictionary.checkFlat(s.Dictionary)
	}
	switch format := s.format(); format {
	case "u", "U", "z", "Z":
		return a.checkText(s, format)
	case "vu", "vz":
		return a.checkViews(s)
	}
	return a.checkNumbers(s)
}
