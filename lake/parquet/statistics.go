package parquet

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/ruvector/ruvector-arrow/fault"
)

// Op compares a row's value with that of a Predicate.
type Op int

// The comparisons. A null row fulfils IsNull alone, NaN none but NotEqual and NotNull.
const (
	Equal Op = iota
	NotEqual
	Less
	LessOrEqual
	Greater
	GreaterOrEqual
	IsNull
	NotNull
)

// Predicate is a comparison of a flat column with a value: int64 for integers of any width, dates
// and times (as they are stored), float64 or int64 for FLOAT and DOUBLE, bool, and string for
// BYTE_ARRAY, which is compared byte by byte.
type Predicate struct {
	Column string
	Op     Op
	Value  any
}

// Select returns the row groups that may hold rows that fulfil all predicates, by what their
// statistics say. A group is left out only if none of its rows can; statistics that are missing,
// damaged, of NaN, or in an order that is not known leave it in. The caller compares the rows.
//
// Errors: ColumnError for a column that is not there or lies in a list, and for a value of another
// kind; PersistError for a damaged footer.
func (f *File) Select(predicates []Predicate) (groups []int, err error) {
	defer func() { f.recovered(recover(), &err) }()
	leaves := make([]int, len(predicates))
	for i := range predicates {
		if leaves[i], err = f.flat(&predicates[i]); err != nil {
			return nil, err
		}
	}
	for group := range f.Groups() {
		rows, _ := f.GroupRows(group)
		may := rows > 0
		for i := 0; may && i < len(predicates); i++ {
			chunk, err := f.Chunk(group, leaves[i])
			if err != nil {
				return nil, err
			}
			may = f.may(&predicates[i], &f.footer.leaves[leaves[i]], &chunk)
		}
		if may {
			groups = append(groups, group)
		}
	}
	return groups, nil
}

// flat finds the column of a predicate.
func (f *File) flat(p *Predicate) (int, error) {
	for i := range f.footer.leaves {
		l := &f.footer.leaves[i]
		if l.Name() != p.Column {
			continue
		}
		if l.MaxRep > 0 {
			return 0, fault.New(fault.ColumnError, op,
				fmt.Sprintf("%s: column %q lies in a list", f.name, p.Column), "compare a flat one")
		}
		if p.Op != IsNull && p.Op != NotNull && !l.comparable(p.Value) {
			return 0, fault.New(fault.ColumnError, op,
				fmt.Sprintf("%s: column %q is of %s, which is not compared with %T", f.name, p.Column,
					l.Physical, p.Value), "use a value of the column's type")
		}
		return i, nil
	}
	return 0, fault.New(fault.ColumnError, op,
		fmt.Sprintf("%s: there is no column %q", f.name, p.Column), "check the name")
}

// comparable reports whether a value is of the column's kind.
func (l *Leaf) comparable(value any) bool {
	switch value.(type) {
	case int64:
		return l.Physical == Int32 || l.Physical == Int64 || l.Physical == Float ||
			l.Physical == Double
	case float64:
		return l.Physical == Float || l.Physical == Double
	case bool:
		return l.Physical == Boolean
	case string:
		return l.Physical == ByteArray || l.Physical == FixedLenByteArray
	}
	return false
}

// may reports whether a row of the chunk may fulfil the predicate.
func (f *File) may(p *Predicate, l *Leaf, chunk *Chunk) bool {
	s := &chunk.statistics
	nulls := s.nulls
	if l.MaxDef == 0 {
		nulls = 0
	}
	if nulls > chunk.Values {
		nulls = -1 // damaged
	}
	if p.Op == IsNull {
		return nulls != 0
	}
	if nulls == chunk.Values {
		return false
	}
	if p.Op == NotNull {
		return true
	}
	low, high, ok := f.bounds(l, s)
	if !ok {
		return true
	}
	atLow, known := l.compare(low, p.Value)
	atHigh, alsoKnown := l.compare(high, p.Value)
	if !known || !alsoKnown || atLow > 0 && atHigh < 0 { // the last: bounds that cross
		return true
	}
	switch p.Op {
	case Equal:
		return atLow <= 0 && atHigh >= 0
	case NotEqual: // NaN is left out of statistics, and is not equal
		return atLow != 0 || atHigh != 0 || l.Physical == Float || l.Physical == Double
	case Less:
		return atLow < 0
	case LessOrEqual:
		return atLow <= 0
	case Greater:
		return atHigh > 0
	case GreaterOrEqual:
		return atHigh >= 0
	}
	return true
}

// bounds returns the smallest and the largest value as stored, if they can be believed.
func (f *File) bounds(l *Leaf, s *statistics) (low, high []byte, ok bool) {
	if f.footer.ordered && s.min != nil && s.max != nil {
		return s.min, s.max, true
	}
	signed := l.Physical == Int32 || l.Physical == Int64 || l.Physical == Float ||
		l.Physical == Double || l.Physical == Boolean
	if l.unsigned() || !signed { // old writers compared these as something else
		return nil, nil, false
	}
	return s.oldMin, s.oldMax, s.oldMin != nil && s.oldMax != nil
}

// unsigned reports whether integers are compared as such.
func (l *Leaf) unsigned() bool {
	switch l.Logical {
	case "INT(8,false)", "INT(16,false)", "INT(32,false)", "INT(64,false)":
		return true
	}
	return false
}

// compare returns the order of a stored value and one of a predicate; not known for bytes of a
// wrong length, NaN, and types whose order is another one.
func (l *Leaf) compare(stored []byte, value any) (order int, known bool) {
	switch want := value.(type) {
	case bool:
		if len(stored) != 1 || stored[0] > 1 {
			return 0, false
		}
		number := byte(0)
		if want {
			number = 1
		}
		return cmp.Compare(stored[0], number), true
	case string:
		if l.Physical != ByteArray || l.Logical == "DECIMAL" {
			return 0, false
		}
		return bytes.Compare(stored, []byte(want)), true
	case int64:
		if l.Physical == Float || l.Physical == Double {
			if want > 1<<53 || want < -1<<53 {
				return 0, false
			}
			return l.compareFloat(stored, float64(want))
		}
		return l.compareInt(stored, want)
	case float64:
		return l.compareFloat(stored, want)
	}
	return 0, false
}

func (l *Leaf) compareInt(stored []byte, want int64) (int, bool) {
	if l.Logical == "DECIMAL" {
		return 0, false
	}
	var have int64
	switch {
	case l.Physical == Int32 && len(stored) == 4:
		word := binary.LittleEndian.Uint32(stored)
		have = int64(int32(word))
		if l.unsigned() {
			have = int64(word)
		}
	case l.Physical == Int64 && len(stored) == 8:
		word := binary.LittleEndian.Uint64(stored)
		if have = int64(word); l.unsigned() && have < 0 {
			return 1, true // above every int64
		}
	default:
		return 0, false
	}
	return cmp.Compare(have, want), true
}

func (l *Leaf) compareFloat(stored []byte, want float64) (int, bool) {
	var have float64
	switch {
	case l.Physical == Float && len(stored) == 4:
		have = float64(math.Float32frombits(binary.LittleEndian.Uint32(stored)))
	case l.Physical == Double && len(stored) == 8:
		have = math.Float64frombits(binary.LittleEndian.Uint64(stored))
	default:
		return 0, false
	}
	if have != have || want != want {
		return 0, false
	}
	switch { // -0 and 0 are equal, whichever is stored
	case have < want:
		return -1, true
	case have > want:
		return 1, true
	}
	return 0, true
}
