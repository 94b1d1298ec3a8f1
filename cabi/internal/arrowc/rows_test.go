package arrowc

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// rowsOf is a well-made table of 2 rows: ids of a format, vectors of 3 numbers.
func rowsOf(format string) (*Schema, *Array) {
	v := fixed()
	v.s.Name = cString("vector")
	ids := &Array{Length: 2, NBuffers: 2, Buffers: pointers(nil, unsafe.Pointer(&[2]int64{}))}
	schemas := []*Schema{{Format: cString(format), Name: cString("id")}, v.s}
	children := []*Array{ids, v.a}
	return &Schema{Format: cString("+s"), NChildren: 2, Children: &schemas[0]},
		&Array{Length: 2, NBuffers: 1, Buffers: pointers(nil), NChildren: 2, Children: &children[0]}
}

func TestRowsOfIDsAndVectorsAreFine(t *testing.T) {
	for _, format := range []string{"l", "L", "i", "C"} {
		s, a := rowsOf(format)
		assert.NoError(t, CheckRows(s, a), format)
		a.Length, a.Offset = 1, 1
		assert.NoError(t, CheckRows(s, a), format)
	}
	s, a := rowsOf("u")
	texts := texts()
	unsafe.Slice(a.Children, 2)[0] = texts.a
	assert.NoError(t, CheckRows(s, a))
}

func TestRowsThatContradictThemselvesAreRefused(t *testing.T) {
	child := func(a *Array, i int) **Array { return &unsafe.Slice(a.Children, 2)[i] }
	of := func(s *Schema, i int) **Schema { return &unsafe.Slice(s.Children, 2)[i] }
	for name, spoil := range map[string]func(s *Schema, a *Array){
		"no table":        func(s *Schema, _ *Array) { s.Format = cString("l") },
		"no column":       func(s *Schema, _ *Array) { *of(s, 1) = nil },
		"no name":         func(s *Schema, _ *Array) { (*of(s, 0)).Name = nil },
		"other name":      func(s *Schema, _ *Array) { (*of(s, 1)).Name = cString("vectors") },
		"one column":      func(s *Schema, _ *Array) { s.NChildren = 1 },
		"many columns":    func(s *Schema, _ *Array) { s.NChildren = mostColumns + 1 },
		"no children":     func(s *Schema, _ *Array) { s.Children = nil },
		"float ids":       func(s *Schema, _ *Array) { (*of(s, 0)).Format = cString("g") },
		"boolean ids":     func(s *Schema, _ *Array) { (*of(s, 0)).Format = cString("b") },
		"nested ids":      func(s *Schema, _ *Array) { (*of(s, 0)).NChildren = 1 },
		"dictionary":      func(s *Schema, _ *Array) { (*of(s, 0)).Dictionary = *of(s, 0) },
		"no vectors":      func(s *Schema, _ *Array) { (*of(s, 1)).Format = cString("n") },
		"no array":        func(_ *Schema, a *Array) { *child(a, 0) = nil },
		"short":           func(_ *Schema, a *Array) { (*child(a, 1)).Length = 1 },
		"offset":          func(_ *Schema, a *Array) { a.Offset = 1 },
		"buffers":         func(_ *Schema, a *Array) { a.NBuffers = 2 },
		"null rows":       func(_ *Schema, a *Array) { a.NullCount = 1; *a.Buffers = unsafe.Pointer(a) },
		"id buffers":      func(_ *Schema, a *Array) { (*child(a, 0)).NBuffers = 1 },
		"vector buffers":  func(_ *Schema, a *Array) { (*child(a, 1)).NBuffers = 2 },
		"only in array":   func(_ *Schema, a *Array) { (*child(a, 0)).Dictionary = *child(a, 0) },
		"negative length": func(_ *Schema, a *Array) { a.Length = -1 },
	} {
		s, a := rowsOf("l")
		spoil(s, a)
		err := CheckRows(s, a)
		assert.Equal(t, arrowidx.ColumnError, arrowidx.KindOf(err), "%s: %v", name, err)
	}
}
