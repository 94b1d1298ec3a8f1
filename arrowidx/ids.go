package arrowidx

import (
	"fmt"
	"math"
	"runtime"
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
)

// String returns the kind's name.
func (k IDKind) String() string {
	return [...]string{"positions", "int64", "uint64", "string"}[k]
}

// IDs are the names of an index's rows, each used once. Immutable; safe for concurrent use.
type IDs struct {
	kind IDKind
	n    int
	num  []uint64 // int64 and uint64 ids, as bits
	off  []uint64 // string ids: row i is text[off[i]:off[i+1]]
	text []byte
	// Where in a decoded file the slices above lie, if they do.
	from, to int

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
	case IDInt64:
		return strconv.FormatInt(int64(ids.num[row]), 10)
	case IDUint64:
		return strconv.FormatUint(ids.num[row], 10)
	case IDString:
		return strconv.Quote(string(ids.at(row)))
	}
	return strconv.FormatInt(row, 10)
}

// at returns a string id; the bytes must not be changed.
func (ids *IDs) at(row int64) []byte { return ids.text[ids.off[row]:ids.off[row+1]] }

// Numbers maps rows to the bits of their numeric ids in place; rows below zero (absent) become
// absent. String ids have no numbers: rows stay as they are.
func (ids *IDs) Numbers(rows []int64, absent uint64) {
	defer runtime.KeepAlive(ids)
	if ids.kind == IDString {
		return
	}
	for i, r := range rows {
		switch {
		case r < 0:
			rows[i] = int64(absent)
		case ids.kind != IDPositions:
			rows[i] = int64(ids.num[r])
		}
	}
}

// Lookup returns the row of every id in the array, -1 for ids that name no row.
//
// Errors: InvalidArgument when the array's type cannot hold ids of this kind, CorruptIndex when the
// ids came from a file that names two rows alike.
func (ids *IDs) Lookup(a arrow.Array) ([]int64, error) {
	defer runtime.KeepAlive(ids)
	ask, err := readIDs(a)
	if err != nil {
		return nil, err
	}
	if (ask.kind == IDString) != (ids.kind == IDString) {
		return nil, newError(InvalidArgument, "ids",
			fmt.Sprintf("asked with ids of type %s, the index has %s ids", a.DataType(), ids.kind),
			"use the type that the index was built with")
	}
	if err := ids.checkUnique(); err != nil {
		return nil, newError(CorruptIndex, "lookup", err.Error(), "the index file is damaged")
	}
	rows := make([]int64, a.Len())
	for i := range rows {
		rows[i] = -1
		if a.IsNull(i) {
			continue
		}
		if row, ok := ids.find(ask, i); ok {
			rows[i] = row
		}
	}
	return rows, nil
}

func (ids *IDs) find(ask *IDs, i int) (int64, bool) {
	if ids.kind == IDString {
		row, ok := ids.byStr[string(ask.at(int64(i)))]
		return row, ok
	}
	bits := ask.num[i]
	// A negative int64 and a large uint64 share bits but are different ids.
	if int64(bits) < 0 && (ask.kind == IDInt64) != (ids.kind == IDInt64) {
		return 0, false
	}
	if ids.kind == IDPositions {
		return int64(bits), bits < uint64(ids.n)
	}
	row, ok := ids.byNum[bits]
	return row, ok
}

func (ids *IDs) index() {
	ids.once.Do(func() {
		switch ids.kind {
		case IDInt64, IDUint64:
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
	defer runtime.KeepAlive(ids)
	switch ids.kind {
	case IDUint64:
		b := array.NewUint64Builder(mem)
		defer b.Release()
		b.AppendValues(ids.num, nil)
		return b.NewArray()
	case IDString:
		b := array.NewLargeStringBuilder(mem)
		defer b.Release()
		for i := range int64(ids.n) {
			b.BinaryBuilder.Append(ids.at(i))
		}
		return b.NewArray()
	}
	b := array.NewInt64Builder(mem)
	defer b.Release()
	b.Reserve(ids.n)
	for i := range ids.n {
		if ids.kind == IDInt64 {
			b.UnsafeAppend(int64(ids.num[i]))
		} else {
			b.UnsafeAppend(int64(i))
		}
	}
	return b.NewArray()
}

// bytes returns the memory that the ids hold, look-up table included.
func (ids *IDs) bytes() int64 {
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
