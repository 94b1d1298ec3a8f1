package column

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

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// IDKind is the type of the ids that rows have. The numbers are stored in index files.
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

// NoNumber is beyond all numbers that a counted row can be called.
const NoNumber = 1 << 63

// String returns the kind's name.
func (k IDKind) String() string {
	return [...]string{"positions", "int64", "uint64", "string", "positions"}[k]
}

// IDs are what an index's rows are called, each used once. Immutable; safe for concurrent use.
type IDs struct {
	Form  IDKind
	N     int
	First uint64   // positions: what row 0 is called
	Num   []uint64 // int64 and uint64 ids, as bits
	Off   []uint64 // string ids: row i is text[off[i]:off[i+1]]
	Text  []byte
	none  []bool // of ids that are looked up: name no row; nil: all name one
	Bare  bool   // look-ups read all ids, because there is no memory for a table of them
	// Where in a decoded file the slices above lie, if they do.
	From, To int

	// The ids of several segments that follow each other; the fields above but kind and n are unset.
	Parts  []*IDs
	starts []int64 // row at which each part begins

	once  sync.Once
	byNum map[uint64]int64
	byStr map[string]int64
	found atomic.Bool // the look-up table is complete

	line *idTable // of parts of a line, in the place of a table of their own; nil: none
	at   int64    // row of the line that is the first
}

// PositionIDs names n rows by their positions.
func PositionIDs(n int) *IDs { return &IDs{N: n} }

// Written returns positions as int64 ids.
func (ids *IDs) Written() *IDs {
	num := make([]uint64, ids.N)
	for i := range num {
		num[i] = ids.First + uint64(i)
	}
	return &IDs{Form: IDInt64, N: ids.N, Num: num}
}

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
				return nil, fault.At(fault.InvalidArgument, "ids", int64(i), -1,
					fmt.Sprintf("the id of row %d is null", i), "every row needs an id")
			}
		}
	}
	if ids.Form == IDString {
		for i := range int64(ids.N) {
			if !utf8.Valid(ids.At(i)) {
				return nil, fault.At(fault.InvalidArgument, "ids", i, -1,
					fmt.Sprintf("the id of row %d is not UTF-8", i), "decode the text first")
			}
		}
	}
	return ids, ids.checkUnique()
}

// Counted reports whether rows added without ids are called by the numbers that follow.
func (ids *IDs) Counted() bool { return ids.Form == IDPositions || ids.Form == IDCounted }

// After returns a number greater than all numeric ids, 0 for others.
func (ids *IDs) After() uint64 {
	if ids.Form == IDPositions {
		return ids.First + uint64(ids.N)
	}
	next := uint64(0)
	for _, v := range ids.Num {
		if ids.Form == IDUint64 || int64(v) >= 0 {
			next = max(next, v+1)
		}
	}
	return next
}

// Explicit returns the ids in a form that a file can hold: positions count from 0 there.
func (ids *IDs) Explicit() *IDs {
	if ids.Form != IDPositions || ids.First == 0 {
		return ids
	}
	if ids.N == 0 {
		return PositionIDs(0)
	}
	out := ids.Written()
	out.Form = IDCounted
	return out
}

// partOf returns the part that names a row, and the row's number there.
func (ids *IDs) partOf(row int64) (*IDs, int64) {
	if ids.Parts == nil {
		return ids, row
	}
	i := sort.Search(len(ids.starts), func(i int) bool { return ids.starts[i] > row }) - 1
	return ids.Parts[i], row - ids.starts[i]
}

// Number returns the bits of a numeric id.
func (ids *IDs) Number(row int64) uint64 {
	p, at := ids.partOf(row)
	if p.Form == IDPositions {
		return p.First + uint64(at)
	}
	return p.Num[at]
}

// checkUnique finds the first row whose id an earlier row has.
func (ids *IDs) checkUnique() error {
	if ids.line != nil {
		return nil
	}
	ids.index()
	if ids.Form == IDPositions || len(ids.byNum)+len(ids.byStr) == ids.N {
		return nil
	}
	seen := make(map[string]bool, ids.N)
	for i := range ids.N {
		name := ids.Name(int64(i))
		if seen[name] {
			return fault.At(fault.DuplicateID, "ids", int64(i), -1,
				fmt.Sprintf("id %s of row %d was used before", name, i), "ids must be unique")
		}
		seen[name] = true
	}
	return nil
}

// Outlive makes the ids, which lie in the file, own it: its memory is let go when nobody can reach
// them any more.
func (ids *IDs) Outlive(file *mem.Slab) {
	owned := *file
	runtime.AddCleanup(ids, func(s mem.Slab) { s.Free() }, owned)
	file.View = true
}

// Kind returns the type of the ids.
func (ids *IDs) Kind() IDKind { return ids.Form }

// Len returns the number of rows named.
func (ids *IDs) Len() int { return ids.N }

// Name returns the id of a row as text, strings quoted.
func (ids *IDs) Name(row int64) string {
	defer runtime.KeepAlive(ids)
	switch ids.Form {
	case IDUint64:
		return strconv.FormatUint(ids.Number(row), 10)
	case IDString:
		return strconv.Quote(string(ids.At(row)))
	}
	return strconv.FormatInt(int64(ids.Number(row)), 10)
}

// At returns a string id; the bytes must not be changed.
func (ids *IDs) At(row int64) []byte {
	p, i := ids.partOf(row)
	return p.Text[p.Off[i]:p.Off[i+1]]
}

// Numbers maps rows to the bits of their numeric ids in place; rows below zero (absent) become
// absent. String ids have no numbers: rows stay as they are.
func (ids *IDs) Numbers(rows []int64, absent uint64) {
	defer runtime.KeepAlive(ids)
	if ids.Form == IDString {
		return
	}
	same := ids.Form == IDPositions
	for i, r := range rows {
		switch {
		case r < 0:
			rows[i] = int64(absent)
		case !same:
			rows[i] = int64(ids.Number(r))
		}
	}
}

// AppendText appends the string ids of rows to text and the end of each to cuts; rows below zero
// are empty.
func (ids *IDs) AppendText(text []byte, rows, cuts []int64) ([]byte, []int64) {
	defer runtime.KeepAlive(ids)
	for _, row := range rows {
		if row >= 0 {
			text = append(text, ids.At(row)...)
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
	ask, err := AskedIDs(a)
	if err != nil {
		return nil, err
	}
	parts, starts := ids.Parts, ids.starts
	if parts == nil {
		parts, starts = []*IDs{ids}, []int64{0}
	}
	rows := make([]int64, ask.N)
	for i := range rows {
		rows[i] = -1
	}
	for i, p := range parts {
		found, err := p.RowsOf(ask)
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

// AskedIDs reads ids that are looked up; null names no row.
func AskedIDs(a arrow.Array) (*IDs, error) {
	ask, err := readIDs(a)
	if err != nil {
		return nil, err
	}
	if a.NullN() > 0 {
		ask.none = make([]bool, ask.N)
		for i := range ask.none {
			ask.none[i] = a.IsNull(i)
		}
	}
	return ask, nil
}

// RowsOf returns the row of every asked id, -1 for ids that name none.
func (ids *IDs) RowsOf(ask *IDs) ([]int64, error) {
	defer runtime.KeepAlive(ids)
	if (ask.Form == IDString) != (ids.Form == IDString) && ask.N > 0 && ids.N > 0 {
		return nil, fault.New(fault.InvalidArgument, "ids",
			fmt.Sprintf("asked with %s ids, the index has %s ids", ask.Form, ids.Form),
			"use the type that the index was built with")
	}
	if ids.Bare {
		return ids.readThrough(ask)
	}
	if err := ids.checkUnique(); err != nil {
		return nil, fault.New(fault.CorruptIndex, "lookup", err.Error(), "the index file is damaged")
	}
	rows := make([]int64, ask.N)
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
	if ids.N == 0 {
		return 0, false
	}
	if ids.Form == IDString {
		row, ok := ids.byStr[string(ask.At(int64(i)))]
		return row, ok
	}
	bits := ask.Number(int64(i))
	// A negative int64 and a large uint64 share bits but are different ids.
	if int64(bits) < 0 && (ask.Form == IDUint64) != (ids.Form == IDUint64) {
		return 0, false
	}
	if ids.Form == IDPositions {
		return int64(bits - ids.First), bits >= ids.First && bits-ids.First < uint64(ids.N)
	}
	if ids.line != nil {
		return ids.line.find(bits, ids.at, int64(ids.N))
	}
	row, ok := ids.byNum[bits]
	return row, ok
}

func (ids *IDs) index() {
	ids.once.Do(func() {
		switch ids.Form {
		case IDInt64, IDUint64, IDCounted:
			ids.byNum = make(map[uint64]int64, ids.N)
			for i, v := range ids.Num {
				ids.byNum[v] = int64(i)
			}
		case IDString:
			ids.byStr = make(map[string]int64, ids.N)
			for i := range int64(ids.N) {
				ids.byStr[string(ids.At(i))] = i
			}
		}
		ids.found.Store(true)
	})
}

// Array returns the ids as an Arrow array in memory of mem: int64, uint64 or large_string.
func (ids *IDs) Array(mem memory.Allocator) arrow.Array {
	rows := make([]int64, ids.N)
	for i := range rows {
		rows[i] = int64(i)
	}
	return ids.Named(rows, mem)
}

// Named returns the ids of rows as an Arrow array in memory of mem: int64, uint64 or large_string,
// null for rows below zero.
func (ids *IDs) Named(rows []int64, mem memory.Allocator) arrow.Array {
	defer runtime.KeepAlive(ids)
	if ids.Form == IDString {
		b := array.NewLargeStringBuilder(mem)
		defer b.Release()
		for _, row := range rows {
			if row < 0 {
				b.AppendNull()
				continue
			}
			b.BinaryBuilder.Append(ids.At(row))
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
		b.UnsafeAppend(int64(ids.Number(row)))
	}
	numbers := b.NewArray()
	if ids.Form != IDUint64 {
		return numbers
	}
	defer numbers.Release()
	same := numbers.Data() // the same bits, of another type
	bits := array.NewData(arrow.PrimitiveTypes.Uint64, same.Len(), same.Buffers(), nil,
		same.NullN(), same.Offset())
	defer bits.Release()
	return array.MakeFromData(bits)
}

// Bytes returns the memory that the ids hold, look-up table included.
func (ids *IDs) Bytes() int64 {
	if ids.Parts != nil {
		n := int64(len(ids.Parts)) * 16
		for _, p := range ids.Parts {
			n += p.Bytes()
		}
		return n
	}
	n := int64(len(ids.Num)+len(ids.Off))*8 + int64(len(ids.Text))
	if ids.line != nil {
		n += int64(len(ids.Num)) * 24
	}
	if ids.found.Load() {
		n += int64(len(ids.byNum))*24 + int64(len(ids.byStr))*32
	}
	return n
}

func readIDs(a arrow.Array) (*IDs, error) {
	ids := &IDs{Form: IDInt64, N: a.Len()}
	switch v := a.(type) {
	case *array.String:
		ids.readStrings(v.Value)
	case *array.LargeString:
		ids.readStrings(v.Value)
	case *array.StringView:
		ids.readStrings(v.Value)
	case *array.Uint64:
		ids.Form = IDUint64
		ids.Num = append(ids.Num, v.Uint64Values()...)
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
		return nil, fault.New(fault.InvalidArgument, "ids",
			fmt.Sprintf("ids of type %s are not supported", a.DataType()),
			"use integers or strings")
	}
	if ids.N > math.MaxInt32+1 {
		return nil, fault.New(fault.LimitExceeded, "ids", "too many ids", "split the index")
	}
	return ids, nil
}

func readInts[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](ids *IDs, v []T) {
	ids.Num = make([]uint64, len(v))
	for i, x := range v {
		ids.Num[i] = uint64(int64(x))
	}
}

// readStrings copies: the array's memory belongs to its producer.
func (ids *IDs) readStrings(value func(int) string) {
	ids.Form = IDString
	ids.Off = make([]uint64, 1, ids.N+1)
	for i := range ids.N {
		ids.Text = append(ids.Text, value(i)...)
		ids.Off = append(ids.Off, uint64(len(ids.Text)))
	}
}

// Plain returns the id of a row as it is, without quotes.
func (ids *IDs) Plain(row int64) string {
	if ids.Form == IDString {
		defer runtime.KeepAlive(ids)
		return string(ids.At(row))
	}
	return ids.Name(row)
}
