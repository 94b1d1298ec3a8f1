package arrowc

import (
	"fmt"
	"math"
	"strings"
)

// CheckRowsSchema refuses the schema of what is no table of two columns, "id" and "vector": ids are
// integers or texts, vectors what CheckSchema lets pass.
//
// Errors: ColumnError.
func CheckRowsSchema(s *Schema) error {
	if s.format() != "+s" || s.Dictionary != nil {
		return refuse("this is a column, not a table", "pass a table of \"id\" and \"vector\"")
	}
	if s.NChildren < 0 || s.NChildren > mostColumns || s.NChildren > 0 && s.Children == nil {
		return broken("%d children of a table", s.NChildren)
	}
	var found []string
	for i, child := range s.children() {
		if child == nil || child.Name == nil {
			return broken("column %d is missing, or has no name", i)
		}
		if i < 10 {
			found = append(found, child.name())
		}
	}
	if len(found) != 2 || found[0] != "id" || found[1] != "vector" {
		return refuse(fmt.Sprintf("a table of the columns %q", found),
			"give two: \"id\" and \"vector\"")
	}
	ids, vectors := s.children()[0], s.children()[1]
	if form := ids.format(); form != "vu" && (len(form) != 1 ||
		!strings.Contains("cCsSiIlLuU", form)) || ids.Dictionary != nil {
		return refuse("ids of "+nameOf(form), "use integers or texts")
	}
	if ids.NChildren != 0 {
		return broken("%d children of ids", ids.NChildren)
	}
	if err := ids.checkMetadata(); err != nil {
		return err
	}
	if err := CheckSchema(vectors); err != nil {
		return err
	}
	return s.checkMetadata()
}

// CheckRows refuses what CheckRowsSchema refuses, and arrays that contradict themselves or their
// schema.
//
// Errors: ColumnError.
func CheckRows(s *Schema, a *Array) error {
	if err := CheckRowsSchema(s); err != nil {
		return err
	}
	if err := a.checkHeader(); err != nil {
		return err
	}
	if a.NBuffers != 1 || a.NChildren != 2 || a.Dictionary != nil {
		return broken("%d buffers and %d children of a table of two columns", a.NBuffers,
			a.NChildren)
	}
	if a.NullCount != 0 && a.buffer(0) != nil {
		return refuse("the table has null rows", "drop them first")
	}
	columns := a.children()
	for i, child := range columns {
		if child == nil {
			return broken("column %d is missing", i)
		}
		if child.Length < a.Offset+a.Length || a.Offset > math.MaxInt64-a.Length {
			return broken("column %d has %d rows, the table needs %d", i, child.Length,
				a.Offset+a.Length)
		}
	}
	if err := columns[0].checkFlat(s.children()[0]); err != nil {
		return err
	}
	return Check(s.children()[1], columns[1])
}
