package parquet

import (
	"errors"
	"fmt"
	"strings"
)

// Physical is how a column's values are stored.
type Physical int32

// The physical types.
const (
	Boolean Physical = iota
	Int32
	Int64
	Int96
	Float
	Double
	ByteArray
	FixedLenByteArray
)

var physicalNames = [...]string{"BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE",
	"BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"}

// String names the type as the format does.
func (p Physical) String() string {
	if p < 0 || int(p) >= len(physicalNames) {
		return fmt.Sprintf("type %d", int32(p))
	}
	return physicalNames[p]
}

// Leaf is a column that holds values.
type Leaf struct {
	Path     []string // names from the top field down
	Physical Physical
	Length   int    // bytes of a value of FixedLenByteArray
	Logical  string // "INT(8,true)", "FLOAT16", "STRING", ...; "" if the type says all
	// MaxDef and MaxRep are the highest levels: a value with all of its optional parents there has
	// the one, an element of the innermost list that continues it the other.
	MaxDef, MaxRep int

	Scale, Precision int    // of a DECIMAL
	Unit             string // of a TIME or a TIMESTAMP: "ms", "us" or "ns"
	UTC              bool   // the TIMESTAMP is one of UTC
}

// Name returns the path with dots.
func (l *Leaf) Name() string { return strings.Join(l.Path, ".") }

// Field is a node of the schema: a column, or what holds columns.
type Field struct {
	Name       string
	Repetition Repetition
	Logical    string // "LIST", "MAP", ..., as of leaves
	Leaf       int    // index of the leaf, -1 for a group
	Children   []Field
}

// Repetition is how often a field's value may stand in its parent's.
type Repetition int32

// The repetitions.
const (
	Required Repetition = iota
	Optional
	Repeated
)

// element is a node of the schema as the footer lists it.
type element struct {
	physical, length, repetition, children int32
	converted, scale, precision            int32
	name                                   string
	logical                                int16 // number of the union's member, 0 if none
	bits                                   int8
	signed, utc                            bool
	unit                                   int16
}

func (c *compact) element() element {
	e := element{physical: -1, converted: -1}
	c.fields(func(id int16, kind byte) bool {
		switch {
		case id == 4 && kind == thriftBinary:
			e.name = string(c.binary())
		case id == 10 && kind == thriftStruct:
			c.logical(&e)
		case kind != thriftI32:
			return false
		case id == 1:
			e.physical = c.i32()
		case id == 2:
			e.length = c.i32()
		case id == 3:
			e.repetition = c.i32()
		case id == 5:
			e.children = c.i32()
		case id == 6:
			e.converted = c.i32()
		case id == 7:
			e.scale = c.i32()
		case id == 8:
			e.precision = c.i32()
		default:
			return false
		}
		return true
	})
	return e
}

// logical reads the union of logical types: one field, whose number is the type.
func (c *compact) logical(e *element) {
	c.fields(func(id int16, kind byte) bool {
		if kind != thriftStruct {
			return false
		}
		e.logical = id
		c.fields(func(inner int16, kind byte) bool {
			switch {
			case id == logicalInteger && inner == 1 && kind == thriftByte:
				e.bits = int8(c.byte())
			case id == logicalInteger && inner == 2:
				e.signed = truth(kind)
			case id == logicalDecimal && inner == 1 && kind == thriftI32:
				e.scale = c.i32()
			case id == logicalDecimal && inner == 2 && kind == thriftI32:
				e.precision = c.i32()
			case (id == logicalTime || id == logicalTimestamp) && inner == 1 && kind <= thriftFalse:
				e.utc = truth(kind)
			case (id == logicalTime || id == logicalTimestamp) && inner == 2 && kind == thriftStruct:
				c.fields(func(unit int16, _ byte) bool { e.unit = unit; return false })
			default:
				return false
			}
			return true
		})
		return true
	})
}

// Members of the union of logical types that carry more than their number.
const (
	logicalDecimal   = 5
	logicalTime      = 7
	logicalTimestamp = 8
	logicalInteger   = 10
)

var logicalNames = map[int16]string{1: "STRING", 2: "MAP", 3: "LIST", 4: "ENUM", 5: "DECIMAL",
	6: "DATE", 7: "TIME", 8: "TIMESTAMP", 11: "NULL", 12: "JSON", 13: "BSON", 14: "UUID",
	15: "FLOAT16", 16: "VARIANT", 17: "GEOMETRY", 18: "GEOGRAPHY"}

// converted are the names of the older annotations, by number.
var converted = [...]string{"STRING", "MAP", "MAP", "LIST", "ENUM", "DECIMAL", "DATE", "TIME",
	"TIME", "TIMESTAMP", "TIMESTAMP", "INT(8,false)", "INT(16,false)", "INT(32,false)",
	"INT(64,false)", "INT(8,true)", "INT(16,true)", "INT(32,true)", "INT(64,true)", "JSON", "BSON",
	"INTERVAL"}

// annotation names the element's logical type; the newer annotation counts where both stand.
func (e *element) annotation() string {
	if e.logical == logicalInteger {
		return fmt.Sprintf("INT(%d,%v)", e.bits, e.signed)
	}
	if e.logical != 0 {
		if name, ok := logicalNames[e.logical]; ok {
			return name
		}
		return fmt.Sprintf("LOGICAL(%d)", e.logical)
	}
	if e.converted >= 0 && int(e.converted) < len(converted) {
		return converted[e.converted]
	}
	return ""
}

// timing returns the unit of a time, and whether it is one of UTC: as older annotations are.
func (e *element) timing() (unit string, utc bool) {
	if e.logical != 0 {
		return [...]string{"", "ms", "us", "ns"}[min(max(e.unit, 0), 3)], e.utc
	}
	switch e.converted {
	case 7, 9:
		return "ms", true
	case 8, 10:
		return "us", true
	}
	return "", false
}

// deepestSchema is how many fields may lie in one another.
const deepestSchema = 64

// grow makes the tree and the leaves of the flat list, whose first element is the root.
func (f *footer) grow(elements []element) error {
	if len(elements) == 0 {
		return errors.New("there is no schema")
	}
	at := 1
	fields, err := f.growChildren(elements, &at, int(elements[0].children), 0, 0, nil)
	if err == nil && at != len(elements) {
		err = fmt.Errorf("the schema has %d elements, its tree %d", len(elements), at)
	}
	f.fields = fields
	return err
}

func (f *footer) growChildren(
	elements []element, at *int, n, def, rep int, path []string,
) ([]Field, error) {
	if len(path) > deepestSchema || n < 0 || n > len(elements)-*at {
		return nil, fmt.Errorf("a schema of %d fields has one of %d children, %d deep",
			len(elements), n, len(path))
	}
	var fields []Field
	for range n {
		if *at >= len(elements) {
			return nil, errors.New("the schema ends within a field")
		}
		e := &elements[*at]
		*at++
		if e.repetition < 0 || e.repetition > 2 {
			return nil, fmt.Errorf("field %q has repetition %d", e.name, e.repetition)
		}
		field := Field{Name: e.name, Repetition: Repetition(e.repetition), Leaf: -1,
			Logical: e.annotation()}
		d, r := def, rep
		if field.Repetition != Required {
			d++
		}
		if field.Repetition == Repeated {
			r++
		}
		own := append(append([]string(nil), path...), e.name)
		if e.physical < 0 {
			children, err := f.growChildren(elements, at, int(e.children), d, r, own)
			if err != nil {
				return nil, err
			}
			field.Children = children
		} else if err := f.addLeaf(e, &field, d, r, own); err != nil {
			return nil, err
		}
		fields = append(fields, field)
	}
	return fields, nil
}

func (f *footer) addLeaf(e *element, field *Field, def, rep int, path []string) error {
	if e.physical > int32(FixedLenByteArray) {
		return fmt.Errorf("field %q has physical type %d", e.name, e.physical)
	}
	if Physical(e.physical) == FixedLenByteArray && e.length < 1 {
		return fmt.Errorf("field %q has values of %d bytes", e.name, e.length)
	}
	field.Leaf = len(f.leaves)
	leaf := Leaf{Path: path, Physical: Physical(e.physical), Length: int(e.length), MaxDef: def,
		MaxRep: rep, Logical: field.Logical, Scale: int(e.scale), Precision: int(e.precision)}
	leaf.Unit, leaf.UTC = e.timing()
	f.leaves = append(f.leaves, leaf)
	return nil
}
