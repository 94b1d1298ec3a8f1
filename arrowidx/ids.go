package arrowidx

import (
	"fmt"
	"math"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// IDKind is the type of the names that rows have. The numbers are stored in index files.
type IDKind uint8

// The kinds of ids.
const (
	IDPositions IDKind = iota // row i is called i
	IDInt64
	IDUint64
	IDString
	// IDCounted are numbers like IDInt64 that were given by counting: appending continues them.
	IDCounted
)

// noNumber is beyond all numbers that a counted row can be called.
const noNumber = 1 << 63

// String returns the kind's name.
func (k IDKind) String() string {
	return [...]string{"positions", "int64", "uint64", "string", "positions"}[k]
}

// IDs are the names of an index's rows, each used once. Immutable; safe for concurrent use.
type IDs struct {
	kind  IDKind
	n     int
	first uint64   // positions: what row 0 is called
	num   []uint64 // int64 and uint64 ids, as bits
	off   []uint64 // string ids: row i is text[off[i]:off[i+1]]
	text  []byte
	none  []bool // of ids that are looked up: name no row; nil: all name one
	// Where in a decoded file the slices above lie, if they do.
	from, to int

	// The ids of several segments that follow each other; the fields above but kind and n are unset.
	parts  []*IDs
	starts []int64 // row at which each part begins

	once  sync.Once
	byNum map[uint64]int64
	byStr map[string]int64
	found atomic.Bool // the look-up table is complete
}

// PositionIDs names n rows by their positions.
func PositionIDs(n int) *IDs { return &IDs{n: n} }

// NewIDs copies ids from an Arrow array of integers (kept as int64, or as uint64 when the type is
// unsigned and 64 bits wide) or strings.
//
// Errors: InvalidArgument for other types, and with the row for an id that is null or text that is
// not UTF-8 (a file of it would be refused), DuplicateID with the later row of the first pair.
func NewIDs(a arrow.Array) (*IDs, error) {
	ids, err := readIDs(a)
	if err != nil {
		return nil, err
	}
	if a.NullN() > 0 {
		for i := range a.Len() {
			if a.IsNull(i) {
				return nil, errorAt(InvalidArgument, "ids", int64(i), -1,
					fmt.Sprintf("the id of row %d is null", i), "every row needs an id")
			}
		}
	}
	if ids.kind == IDString {
		for i := range int64(ids.n) {
			if !utf8.Valid(ids.at(i)) {
				return nil, errorAt(InvalidArgument, "ids", i, -1,
					fmt.Sprintf("the id of row %d is not UTF-8", i), "decode the text first")
			}
		}
	}
	return ids, ids.checkUnique()
}

// joinIDs names the rows of several segments, one after the other.
func joinIDs(parts []*IDs) *IDs {
	if len(parts) == 1 && (parts[0].kind != IDPositions || parts[0].first == 0) {
		return parts[0]
	}
	all := &IDs{kind: parts[0].kind, parts: parts, starts: make([]int64, len(parts))}
	for i, p := range parts {
		all.starts[i] = int64(all.n)
		if all.kind == IDPositions && (p.kind != IDPositions || p.first != uint64(all.n)) {
			all.kind = IDCounted
		}
		all.n += p.n
	}
	return all
}

// counted reports whether rows added without ids are called by the numbers that follow.
func (ids *IDs) counted() bool { return ids.kind == IDPositions || ids.kind == IDCounted }

// after returns a number greater than all numeric ids, 0 for others.
func (ids *IDs) after() uint64 {
	if ids.kind == IDPositions {
		return ids.first + uint64(ids.n)
	}
	next := uint64(0)
	for _, v := range ids.num {
		if ids.kind == IDUint64 || int64(v) >= 0 {
			next = max(next, v+1)
		}
	}
	return next
}

// explicit returns the ids in a form that a file can hold: positions count from 0 there.
func (ids *IDs) explicit() *IDs {
	if ids.kind != IDPositions || ids.first == 0 {
		return ids
	}
	if ids.n == 0 {
		return PositionIDs(0)
	}
	out := &IDs{kind: IDCounted, n: ids.n, num: make([]uint64, ids.n)}
	for i := range out.num {
		out.num[i] = ids.first + uint64(i)
	}
	return out
}

// partOf returns the part that names a row, and the row's number there.
func (ids *IDs) partOf(row int64) (*IDs, int64) {
	if ids.parts == nil {
		return ids, row
	}
	i := sort.Search(len(ids.starts), func(i int) bool { return ids.starts[i] > row }) - 1
	return ids.parts[i], row - ids.starts[i]
}

// number returns the bits of a numeric id.
func (ids *IDs) number(row int64) uint64 {
	p, at := ids.partOf(row)
	if p.kind == IDPositions {
		return p.first + uint64(at)
	}
	return p.num[at]
}

// checkUnique finds the first row whose id an earlier row has.
func (ids *IDs) checkUnique() error {
	ids.index()
	if ids.kind == IDPositions || len(ids.byNum)+len(ids.byStr) == ids.n {
		return nil
	}
	seen := make(map[string]bool, ids.n)
	for i := range ids.n {
		name := ids.Name(int64(i))
		if seen[name] {
			return errorAt(DuplicateID, "ids", int64(i), -1,
				fmt.Sprintf("id %s of row %d was used before", name, i), "ids must be unique")
		}
		seen[name] = true
	}
	return nil
}

// outlive makes the ids, which lie in the file, own it: its memory is let go when nobody can reach
// them any more.
func (ids *IDs) outlive(file *slab) {
	owned := *file
	runtime.AddCleanup(ids, func(s slab) { s.free() }, owned)
	file.view = true
}

// Kind returns the type of the ids.
func (ids *IDs) Kind() IDKind { return ids.kind }

// Len returns the number of rows named.
func (ids *IDs) Len() int { return ids.n }

// Name returns the id of a row as text, strings quoted.
func (ids *IDs) Name(row int64) string {
	defer runtime.KeepAlive(ids)
	switch ids.kind {
	case IDUint64:
		return strconv.FormatUint(ids.number(row), 10)
	case IDString:
		return strconv.Quote(string(ids.at(row)))
	}
	return strconv.FormatInt(int64(ids.number(row)), 10)
}

// at returns a string id; the bytes must not be changed.
func (ids *IDs) at(row int64) []byte {
	p, i := ids.partOf(row)
	return p.text[p.off[i]:p.off[i+1]]
}

// Numbers maps rows to the bits of their numeric ids in place; rows below zero (absent) become
// absent. String ids have no numbers: rows stay as they are.
func (ids *IDs) Numbers(rows []int64, absent uint64) {
	defer runtime.KeepAlive(ids)
	if ids.kind == IDString {
		return
	}
	same := ids.kind == IDPositions
	for i, r := range rows {
		switch {
		case r < 0:
			rows[i] = int64(absent)
		case !same:
			rows[i] = int64(ids.number(r))
		}
	}
}

// AppendText appends the string ids of rows to text and the end of each to cuts; rows below zero
// are empty.
func (ids *IDs) AppendText(text []byte, rows, cuts []int64) ([]byte, []int64) {
	defer runtime.KeepAlive(ids)
	for _, row := range rows {
		if row >= 0 {
			text = append(text, ids.at(row)...)
		}
		cuts = append(cuts, int64(len(text)))
	}
	return text, cuts
}

// Lookup returns the row of every id in the array, -1 for ids that name no row. Of several rows of
// one id, all but one of which are deleted, it is the last.
//
// Errors: InvalidArgument when the array's type cannot hold ids of this kind, CorruptIndex when the
// ids came from a file that names two rows alike.
func (ids *IDs) Lookup(a arrow.Array) ([]int64, error) {
	ask, err := askedIDs(a)
	if err != nil {
		return nil, err
	}
	parts, starts := ids.parts, ids.starts
	if parts == nil {
		parts, starts = []*IDs{ids}, []int64{0}
	}
	rows := make([]int64, ask.n)
	for i := range rows {
		rows[i] = -1
	}
	for i, p := range parts {
		found, err := p.rowsOf(ask)
		if err != nil {
			return nil, err
		}
		for j, row := range found {
			if row >= 0 {
				rows[j] = row + starts[i]
			}
		}
	}
	return rows, nil
}

// askedIDs reads ids that are looked up; null names no row.
func askedIDs(a arrow.Array) (*IDs, error) {
	ask, err := readIDs(a)
	if err != nil {
		return nil, err
	}
	if a.NullN() > 0 {
		ask.none = make([]bool, ask.n)
		for i := range ask.none {
			ask.none[i] = a.IsNull(i)
		}
	}
	return ask, nil
}

// rowsOf returns the row of every asked id, -1 for ids that name none.
func (ids *IDs) rowsOf(ask *IDs) ([]int64, error) {
	defer runtime.KeepAlive(ids)
	if (ask.kind == IDString) != (ids.kind == IDString) && ask.n > 0 && ids.n > 0 {
		return nil, newError(InvalidArgument, "ids",
			fmt.Sprintf("asked with %s ids, the index has %s ids", ask.kind, ids.kind),
			"use the type that the index was built with")
	}
	if err := ids.checkUnique(); err != nil {
		return nil, newError(CorruptIndex, "lookup", err.Error(), "the index file is damaged")
	}
	rows := make([]int64, ask.n)
	for i := range rows {
		rows[i] = -1
		if ask.none != nil && ask.none[i] {
			continue
		}
		if row, ok := ids.find(ask, i); ok {
			rows[i] = row
		}
	}
	return rows, nil
}

// find returns the row of an asked id. Where there are no rows any type of id may be asked for.
func (ids *IDs) find(ask *IDs, i int) (int64, bool) {
	if ids.n == 0 {
		return 0, false
	}
	if ids.kind == IDString {
		row, ok := ids.byStr[string(ask.at(int64(i)))]
		return row, ok
	}
	bits := ask.number(int64(i))
	// A negative int64 and a large uint64 share bits but are different ids.
	if int64(bits) < 0 && (ask.kind == IDUint64) != (ids.kind == IDUint64) {
		return 0, false
	}
	if ids.kind == IDPositions {
		return int64(bits - ids.first), bits >= ids.first && bits-ids.first < uint64(ids.n)
	}
	row, ok := ids.byNum[bits]
	return row, ok
}

func (ids *IDs) index() {
	ids.once.Do(func() {
		switch ids.kind {
		case IDInt64, IDUint64, IDCounted:
			ids.byNum = make(map[uint64]int64, ids.n)
			for i, v := range ids.num {
				ids.byNum[v] = int64(i)
			}
		case IDString:
			ids.byStr = make(map[string]int64, ids.n)
			for i := range int64(ids.n) {
				ids.byStr[string(ids.at(i))] = i
			}
		}
		ids.found.Store(true)
	})
}

// Array returns the ids as an Arrow array in memory of mem: int64, uint64 or large_string.
func (ids *IDs) Array(mem memory.Allocator) arrow.Array {
	rows := make([]int64, ids.n)
	for i := range rows {
		rows[i] = int64(i)
	}
	return ids.Named(rows, mem)
}

// Named returns the ids of rows as an Arrow array in memory of mem: int64, uint64 or large_string,
// null for rows below zero.
func (ids *IDs) Named(rows []int64, mem memory.Allocator) arrow.Array {
	defer runtime.KeepAlive(ids)
	if ids.kind == IDString {
		b := array.NewLargeStringBuilder(mem)
		defer b.Release()
		for _, row := range rows {
			if row < 0 {
				b.AppendNull()
				continue
			}
			b.BinaryBuilder.Append(ids.at(row))
		}
		return b.NewArray()
	}
	if ids.kind == IDUint64 {
		b := array.NewUint64Builder(mem)
		defer b.Release()
		b.Reserve(len(rows))
		for _, row := range rows {
			if row < 0 {
				b.AppendNull()
				continue
			}
			b.UnsafeAppend(ids.number(row))
		}
		return b.NewArray()
	}
	b := array.NewInt64Builder(mem)
	defer b.Release()
	b.Reserve(len(rows))
	for _, row := range rows {
		if row < 0 {
			b.AppendNull()
			continue
		}
		b.UnsafeAppend(int64(ids.number(row)))
	}
	return b.NewArray()
}

// bytes returns the memory that the ids hold, look-up table included.
func (ids *IDs) bytes() int64 {
	if ids.parts != nil {
		n := int64(len(ids.parts)) * 16
		for _, p := range ids.parts {
			n += p.bytes()
		}
		return n
	}
	n := int64(len(ids.num)+len(ids.off))*8 + int64(len(ids.text))
	if ids.found.Load() {
		n += int64(len(ids.byNum))*24 + int64(len(ids.byStr))*32
	}
	return n
}

func readIDs(a arrow.Array) (*IDs, error) {
	ids := &IDs{kind: IDInt64, n: a.Len()}
	switch v := a.(type) {
	case *array.String:
		ids.readStrings(v.Value)
	case *array.LargeString:
		ids.readStrings(v.Value)
	case *array.StringView:
		ids.readStrings(v.Value)
	case *array.Uint64:
		ids.kind = IDUint64
		ids.num = append(ids.num, v.Uint64Values()...)
	case *array.Int64:
		readInts(ids, v.Int64Values())
	case *array.Int32:
		readInts(ids, v.Int32Values())
	case *array.Int16:
		readInts(ids, v.Int16Values())
	case *array.Int8:
		readInts(ids, v.Int8Values())
	case *array.Uint32:
		readInts(ids, v.Uint32Values())
	case *array.Uint16:
		readInts(ids, v.Uint16Values())
	case *array.Uint8:
		readInts(ids, v.Uint8Values())
	default:
		return nil, newError(InvalidArgument, "ids",
			fmt.Sprintf("ids of type %s are not supported", a.DataType()),
			"use integers or strings")
	}
	if ids.n > math.MaxInt32+1 {
		return nil, newError(LimitExceeded, "ids", "too many ids", "split the index")
	}
	return ids, nil
}

func readInts[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](ids *IDs, v []T) {
	ids.num = make([]uint64, len(v))
	for i, x := range v {
		ids.num[i] = uint64(int64(x))
	}
}

// readStrings copies: the array's memory belongs to its producer.
func (ids *IDs) readStrings(value func(int) string) {
	ids.kind = IDString
	ids.off = make([]uint64, 1, ids.n+1)
	for i := range ids.n {
		ids.text = append(ids.text, value(i)...)
		ids.off = append(ids.off, uint64(len(ids.text)))
	}
}
