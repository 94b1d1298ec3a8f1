package arrowc

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// tableOf is a table of one column of 3 int64.
func tableOf(format string) (*Schema, *Array) {
	values, validity := [3]int64{}, unsafe.Pointer(nil)
	child := &Array{Length: 3, NBuffers: 2,
		Buffers: &[]unsafe.Pointer{validity, unsafe.Pointer(&values)}[0]}
	children := []*Array{child}
	of := &Schema{Format: cString(format), Name: cString("x")}
	schemas := []*Schema{of}
	return &Schema{Format: cString("+s"), NChildren: 1, Children: &schemas[0]},
		&Array{Length: 3, NBuffers: 1, Buffers: &[]unsafe.Pointer{nil}[0], NChildren: 1,
			Children: &children[0]}
}

func TestATableOfFlatColumnsIsFine(t *testing.T) {
	for _, format := range []string{"l", "b", "tdD", "tsu:UTC", "d:9,2", "w:4"} {
		s, a := tableOf(format)
		assert.NoError(t, CheckTable(s, a), format)
	}
}

func TestTablesThatContradictThemselvesAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(s *Schema, a *Array){
		"no table":        func(s *Schema, _ *Array) { s.Format = cString("l") },
		"no column":       func(s *Schema, _ *Array) { *s.Children = nil },
		"no name":         func(s *Schema, _ *Array) { (*s.Children).Name = nil },
		"nested":          func(s *Schema, _ *Array) { (*s.Children).Format = cString("+l") },
		"null type":       func(s *Schema, _ *Array) { (*s.Children).Format = cString("n") },
		"width":           func(s *Schema, _ *Array) { (*s.Children).Format = cString("w:x") },
		"children":        func(s *Schema, _ *Array) { (*s.Children).NChildren = 1 },
		"many columns":    func(s *Schema, _ *Array) { s.NChildren = mostColumns + 1 },
		"fewer columns":   func(s *Schema, _ *Array) { s.NChildren = 0 },
		"no array":        func(_ *Schema, a *Array) { *a.Children = nil },
		"short":           func(_ *Schema, a *Array) { (*a.Children).Length = 2 },
		"offset":          func(_ *Schema, a *Array) { a.Offset = 1 },
		"buffers":         func(_ *Schema, a *Array) { a.NBuffers = 2 },
		"null rows":       func(_ *Schema, a *Array) { a.NullCount = 1; *a.Buffers = unsafe.Pointer(a) },
		"column buffers":  func(_ *Schema, a *Array) { (*a.Children).NBuffers = 1 },
		"a dictionary":    func(s *Schema, _ *Array) { (*s.Children).Dictionary = *s.Children },
		"only in array":   func(_ *Schema, a *Array) { (*a.Children).Dictionary = *a.Children },
		"negative length": func(_ *Schema, a *Array) { a.Length = -1 },
	} {
		s, a := tableOf("l")
		spoil(s, a)
		err := CheckTable(s, a)
		assert.Equal(t, arrowidx.ColumnError, arrowidx.KindOf(err), "%s: %v", name, err)
	}
}
