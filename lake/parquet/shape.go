package parquet

import (
	"fmt"
	"strings"

	"github.com/ruvector/ruvector-arrow/fault"
)

// Element is the type of a vector's numbers.
type Element int

// The types of numbers, little-endian in memory.
const (
	Float32 Element = iota
	Float64
	Float16
	Int8
	Uint8
)

var elements = [...]struct {
	name string
	size int
}{{"float32", 4}, {"float64", 8}, {"float16", 2}, {"int8", 1}, {"uint8", 1}}

// String names the type as NumPy does.
func (e Element) String() string { return elements[e].name }

// Size returns the bytes of a number.
func (e Element) Size() int { return elements[e].size }

// ElementNamed returns the type of a name of NumPy.
func ElementNamed(name string) (Element, bool) {
	for i := range elements {
		if elements[i].name == name {
			return Element(i), true
		}
	}
	return 0, false
}

// shape is where a column's vectors lie.
type shape struct {
	name        string // of the column: the path without what a list is made of
	leaf        *Leaf
	index       int // of the leaf
	elem        Element
	repeatedDef int  // definition level from which on a list has an entry
	bytes       bool // a row is one value of fixed length
}

// shapes lists the columns that can hold vectors.
func (f *File) shapes() []shape {
	var found []shape
	var walk func(fields []Field, path string, def, rep int)
	walk = func(fields []Field, path string, def, rep int) {
		for i := range fields {
			field := &fields[i]
			name := strings.TrimPrefix(path+"."+field.Name, ".")
			d, r := def, rep
			if field.Repetition != Required {
				d++
			}
			if field.Repetition == Repeated {
				r++
			}
			switch list := field.list(); {
			case r > 1:
			case field.Leaf >= 0:
				found = f.appendShape(found, name, field.Leaf, d, r)
			case list != nil && r == 0:
				found = f.appendShape(found, name, list.Leaf, d+1, 1)
			case field.Logical != "LIST" && field.Logical != "MAP" && r == 0:
				walk(field.Children, name, d, r)
			}
		}
	}
	walk(f.footer.fields, "", 0, 0)
	return found
}

// list returns the numbers of a field that is a list of numbers: in a group of its own, as the
// format says, or right below, as old writers do. Otherwise nil.
func (f *Field) list() *Field {
	if f.Logical != "LIST" || len(f.Children) != 1 || f.Children[0].Repetition != Repeated {
		return nil
	}
	inner := &f.Children[0]
	if inner.Leaf >= 0 {
		return inner
	}
	if len(inner.Children) == 1 && inner.Children[0].Repetition != Repeated &&
		inner.Children[0].Leaf >= 0 {
		return &inner.Children[0]
	}
	return nil
}

// appendShape adds a leaf if its values can be vectors, or numbers of vectors if rep is 1.
func (f *File) appendShape(found []shape, name string, leaf, def, rep int) []shape {
	l := &f.footer.leaves[leaf]
	s := shape{name: name, leaf: l, index: leaf, repeatedDef: def}
	if rep == 0 {
		s.bytes = true
		plainBytes := l.Physical == FixedLenByteArray && l.Logical == ""
		if !plainBytes {
			return found
		}
		return append(found, s)
	}
	elem, ok := l.element()
	if !ok {
		return found
	}
	s.elem = elem
	return append(found, s)
}

// element returns the type of the leaf's values where they can be numbers of a vector.
func (l *Leaf) element() (Element, bool) {
	switch {
	case l.Physical == Float:
		return Float32, true
	case l.Physical == Double:
		return Float64, true
	case l.Physical == FixedLenByteArray && l.Length == 2 && l.Logical == "FLOAT16":
		return Float16, true
	case l.Physical == Int32 && l.Logical == "INT(8,true)":
		return Int8, true
	case l.Physical == Int32 && l.Logical == "INT(8,false)":
		return Uint8, true
	}
	return 0, false
}

// findShape returns the column of a name; of "" the only one that holds lists of numbers, or, if
// there is none and a dimension is given, the only one of bytes.
func (f *File) findShape(name string, dim int) (shape, error) {
	all := f.shapes()
	var fit []shape
	for _, s := range all {
		if s.name == name || name == "" && !s.bytes {
			fit = append(fit, s)
		}
	}
	if len(fit) == 0 && name == "" && dim > 0 {
		fit = all // none holds lists, all are bytes
	}
	if len(fit) == 1 {
		return fit[0], nil
	}
	var names []string
	for _, s := range all {
		names = append(names, fmt.Sprintf("%q", s.name))
	}
	have := "no column holds vectors"
	if len(names) > 0 {
		have = "columns that can hold vectors: " + strings.Join(names, ", ")
	}
	if len(fit) > 1 {
		return shape{}, fault.New(fault.ColumnError, op,
			fmt.Sprintf("%s: %d columns hold vectors: %s", f.name, len(fit), strings.Join(names, ", ")),
			"name one")
	}
	if name == "" {
		return shape{}, fault.New(fault.ColumnError, op, f.name+": no column holds lists of numbers",
			have+"; of bytes of fixed length say dim=")
	}
	return shape{}, f.notVectors(name, have)
}

// notVectors says why a named column is none of vectors.
func (f *File) notVectors(name, have string) error {
	for i := range f.footer.leaves {
		l := &f.footer.leaves[i]
		if full := l.Name(); full == name || strings.HasPrefix(full, name+".") {
			kind := l.Physical.String()
			if l.Logical != "" {
				kind += " " + l.Logical
			}
			return fault.New(fault.ColumnError, op,
				fmt.Sprintf("%s: column %q holds no vectors: its values are %s, of levels %d and %d",
					f.name, name, kind, l.MaxDef, l.MaxRep),
				"it must be a list of float32, float64, float16, int8 or uint8; "+have)
		}
	}
	msg := fmt.Sprintf("%s: there is no column %q", f.name, name)
	return fault.New(fault.ColumnError, op, msg, have)
}
