package score

import (
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"

	"github.com/ruvector/ruvector-arrow/fault"
)

// physical is the types in which parquet stores values.
type physical interface {
	bool | int32 | int64 | parquet.Int96 | float32 | float64 | parquet.ByteArray |
		parquet.FixedLenByteArray
}

// Levels and bytes that a leaf gathers before it hands them to the encoder, which looks only then
// whether a page is full. Both are counted from the beginning of a row group, and records are never
// cut: so pages do not depend on how rows came in batches.
const (
	leafLevels = 8 << 10
	leafBytes  = 256 << 10
)

// writes is what every typed writer of a column chunk can.
type writes[T physical] interface {
	WriteBatch(values []T, def, rep []int16) (int64, error)
}

// leaf is a column of the output that holds values: it gathers and hands on.
type leaf[T physical] struct {
	maxRep, maxDef int16
	out            writes[T]
	rep, def       []int16 // nil where there are none
	vals           []T
	levels, bytes  int
	arena          []byte // holds the bytes of vals, which come from memory that is used again
}

func newLeaf[T physical](maxRep, maxDef int16) *leaf[T] {
	l := &leaf[T]{maxRep: maxRep, maxDef: maxDef, vals: make([]T, 0, leafLevels)}
	if maxDef > 0 {
		l.def = make([]int16, 0, leafLevels)
	}
	if maxRep > 0 {
		l.rep = make([]int16, 0, leafLevels)
	}
	return l
}

// bind has the leaf write to a chunk from now on.
func (l *leaf[T]) bind(w file.ColumnChunkWriter) error {
	out, ok := w.(writes[T])
	if !ok {
		return fault.New(fault.NativeError, op, "a column is written as another type", "report this")
	}
	l.out = out
	return nil
}

// sizeOf is the bytes of a value as it is written plainly.
func sizeOf[T physical](v T) int {
	switch v := any(v).(type) {
	case parquet.ByteArray:
		return len(v) + 4
	case parquet.FixedLenByteArray:
		return len(v)
	case int32, float32:
		return 4
	case parquet.Int96:
		return 12
	case bool:
		return 1
	}
	return 8
}

// varies tells whether values of a type have sizes of their own.
func varies[T physical]() bool {
	var v T
	switch any(v).(type) {
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return true
	}
	return false
}

// room is how many records of one level more fit, each of so many bytes; at least one does.
func (l *leaf[T]) room(size int) int {
	return max(min(leafLevels-l.levels, (leafBytes-l.bytes+size-1)/max(size, 1)), 1)
}

// repeat appends a value n times.
func (l *leaf[T]) repeat(v T, n int) error {
	size := sizeOf(v)
	for n > 0 {
		m := min(n, l.room(size))
		own := l.own(v)
		for range m {
			l.vals = append(l.vals, own)
		}
		if l.maxDef > 0 {
			l.defined(l.maxDef, m)
		}
		l.levels += m
		l.bytes += m * size
		n -= m
		if err := l.spill(); err != nil {
			return err
		}
	}
	return nil
}

// own returns a value whose bytes stay until the flush.
func (l *leaf[T]) own(v T) T {
	switch v := any(v).(type) {
	case parquet.ByteArray:
		return any(parquet.ByteArray(l.store(v))).(T)
	case parquet.FixedLenByteArray:
		return any(parquet.FixedLenByteArray(l.store(v))).(T)
	}
	return v
}

// store copies bytes into the arena. Where that is full it gets a new one: the old one lives as
// long as values point into it.
func (l *leaf[T]) store(b []byte) []byte {
	if cap(l.arena)-len(l.arena) < len(b) {
		l.arena = make([]byte, 0, max(leafBytes, len(b)))
	}
	at := len(l.arena)
	l.arena = append(l.arena, b...)
	return l.arena[at:len(l.arena):len(l.arena)]
}

// absent appends n records without a value, null from a definition level on.
func (l *leaf[T]) absent(def int16, n int) error {
	for n > 0 {
		m := min(n, l.room(0))
		l.defined(def, m)
		l.levels += m
		n -= m
		if err := l.spill(); err != nil {
			return err
		}
	}
	return nil
}

func (l *leaf[T]) defined(def int16, n int) {
	for range n {
		l.def = append(l.def, def)
	}
}

// record appends a record of any number of levels n times.
func (l *leaf[T]) record(rep, def []int16, vals []T, size, n int) error {
	for range n {
		l.rep = append(l.rep, rep...)
		l.def = append(l.def, def...)
		if !varies[T]() {
			l.vals = append(l.vals, vals...)
		} else {
			for _, v := range vals {
				l.vals = append(l.vals, l.own(v))
			}
		}
		l.levels += len(def)
		l.bytes += size
		if err := l.spill(); err != nil {
			return err
		}
	}
	return nil
}

// spill hands on what was gathered when it is enough.
func (l *leaf[T]) spill() error {
	if l.levels < leafLevels && l.bytes < leafBytes {
		return nil
	}
	return l.flush()
}

// flush hands on what was gathered.
func (l *leaf[T]) flush() error {
	if l.levels == 0 {
		return nil
	}
	_, err := l.out.WriteBatch(l.vals, l.def, l.rep)
	clear(l.vals) // what they point to may go
	l.rep, l.def, l.vals = l.rep[:0], l.def[:0], l.vals[:0]
	l.levels, l.bytes = 0, 0
	l.arena = l.arena[:0]
	return err
}
