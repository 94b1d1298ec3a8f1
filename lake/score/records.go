package score

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
)

// reads is what every typed reader of a column chunk can.
type reads[T physical] interface {
	ReadBatchInPage(n int64, values []T, def, rep []int16) (levels int64, read int, err error)
}

// records is rows of one leaf of the input: levels and values, and where each row begins in them.
// A row of a leaf without repetition is one level, of a required one a value as well.
type records[T physical] struct {
	n        int
	rep, def []int16
	vals     []T
	levelAt  []int // n+1, nil without repetition
	valueAt  []int // n+1, nil where every row is one value
	arena    arena // the bytes of vals
}

// arena is memory for the bytes of values, which is used again after a reset. A full piece stays
// while another is begun.
type arena struct {
	piece []byte
	used  int // bytes of all pieces since the reset
}

// reset begins again; a piece as large as what was used before is enough then.
func (a *arena) reset() {
	if a.used > cap(a.piece) {
		a.piece = make([]byte, 0, a.used+a.used/8)
	}
	a.piece, a.used = a.piece[:0], 0
}

func (a *arena) store(b []byte) []byte {
	if cap(a.piece)-len(a.piece) < len(b) {
		a.piece = make([]byte, 0, max(leafBytes, len(b)))
	}
	at := len(a.piece)
	a.piece = append(a.piece, b...)
	a.used += len(b)
	return a.piece[at:len(a.piece):len(a.piece)]
}

// keep copies the bytes of values, which lie in a page until the next one is read.
func keep[T physical](a *arena, vals []T) {
	if !varies[T]() {
		return
	}
	for i := range vals {
		switch v := any(vals[i]).(type) {
		case parquet.ByteArray:
			vals[i] = any(parquet.ByteArray(a.store(v))).(T)
		case parquet.FixedLenByteArray:
			vals[i] = any(parquet.FixedLenByteArray(a.store(v))).(T)
		}
	}
}

// source reads a leaf of consecutive row groups, some rows at a time.
type source[T physical] struct {
	in         *Input
	column     int
	group, end int
	maxRep     int16
	maxDef     int16
	chunk      file.ColumnChunkReader
	typed      reads[T]
	left       int64 // rows of the group that were not read yet
	// Of a leaf with repetition: what was read beyond the rows asked for.
	rep, def []int16
	vals     []T
	aside    arena
	perRow   int // levels of a row, about
}

// open goes on to the next row group.
func (s *source[T]) open(ctx context.Context) error {
	if s.group == s.end {
		return s.in.broken(s.column, s.group-1, "it ends before its rows do", nil)
	}
	if err := s.close(); err != nil {
		return err
	}
	if err := s.in.file.Verify(ctx, s.group, s.column); err != nil {
		return s.in.named(err)
	}
	chunk, err := s.in.chunk(s.group, s.column)
	if err != nil {
		return err
	}
	typed, ok := chunk.(reads[T])
	if !ok {
		return s.in.broken(s.column, s.group, "its chunk has another type than its column", nil)
	}
	s.chunk, s.typed, s.left = chunk, typed, s.in.groupRows(s.group)
	s.group++
	return nil
}

func (s *source[T]) close() error {
	if s.chunk == nil {
		return nil
	}
	chunk := s.chunk
	s.chunk = nil
	return chunk.Close()
}

// load reads the next n rows, which must be there.
func (s *source[T]) load(ctx context.Context, n int, r *records[T]) error {
	r.n = n
	r.arena.reset()
	if s.maxRep > 0 {
		return s.loadNested(ctx, n, r)
	}
	r.vals = sized(r.vals, n)
	if s.maxDef > 0 {
		r.def = sized(r.def, n)
	}
	rows, values := 0, 0
	for rows < n {
		if s.left == 0 {
			if s.chunk != nil && s.chunk.HasNext() {
				return s.long()
			}
			if err := s.open(ctx); err != nil {
				return err
			}
			continue
		}
		var def []int16
		if s.maxDef > 0 {
			def = r.def[rows:]
		}
		want := min(int64(n-rows), s.left)
		levels, read, err := s.read(want, r.vals[values:], def, nil)
		if err != nil {
			return err
		}
		keep(&r.arena, r.vals[values:values+read])
		if levels == 0 {
			return s.short()
		}
		rows, values, s.left = rows+levels, values+read, s.left-int64(levels)
	}
	clear(r.vals[values:])
	r.vals = r.vals[:values]
	if s.maxDef > 0 {
		r.valueAt = valuesOfRows(r.valueAt, r.def, s.maxDef)
	}
	return s.check(r.def, values)
}

// read is ReadBatchInPage with our errors.
func (s *source[T]) read(n int64, vals []T, def, rep []int16) (int, int, error) {
	levels, read, err := s.typed.ReadBatchInPage(n, vals, def, rep)
	if err == nil {
		err = s.chunk.Err()
	}
	if err != nil {
		return 0, 0, s.in.broken(s.column, s.group-1, "it cannot be read", err)
	}
	return int(levels), read, nil
}

func (s *source[T]) long() error {
	return s.in.broken(s.column, s.group-1, "it has more rows than its row group", nil)
}

func (s *source[T]) short() error {
	return s.in.broken(s.column, s.group-1,
		fmt.Sprintf("it ends %d rows before its row group does", s.left), nil)
}

// check compares levels with the values that came with them.
func (s *source[T]) check(def []int16, values int) error {
	if s.maxDef == 0 {
		return nil
	}
	defined := 0
	for _, d := range def {
		if d < 0 || d > s.maxDef {
			return s.in.broken(s.column, s.group-1, fmt.Sprintf("a definition level is %d", d), nil)
		}
		if d == s.maxDef {
			defined++
		}
	}
	if defined != values {
		return s.in.broken(s.column, s.group-1,
			fmt.Sprintf("%d values for %d levels that have one", values, defined), nil)
	}
	return nil
}

// valuesOfRows returns where the value of each row is, of leaves without repetition.
func valuesOfRows(to []int, def []int16, maxDef int16) []int {
	to = sized(to, len(def)+1)
	at := 0
	for i, d := range def {
		to[i] = at
		if d == maxDef {
			at++
		}
	}
	to[len(def)] = at
	return to
}

// step is how many levels of a leaf with repetition are read at once.
const step = 8 << 10

// firstRoom is the most levels for which there is room before they come: footers may lie.
const firstRoom = 1 << 20

// loadNested reads levels until the row after the last one begins.
func (s *source[T]) loadNested(ctx context.Context, n int, r *records[T]) error {
	if room := min(n*s.perRow+n*s.perRow/8, firstRoom) + 2*step; cap(r.def) < room {
		r.rep, r.def = make([]int16, 0, room), make([]int16, 0, room)
		r.vals = make([]T, 0, room)
	}
	r.rep, r.def = append(r.rep[:0], s.rep...), append(r.def[:0], s.def...)
	r.vals = append(r.vals[:0], s.vals...)
	keep(&r.arena, r.vals) // those put aside lie in the arena of another load
	r.levelAt, r.valueAt = r.levelAt[:0], r.valueAt[:0]
	at, value := 0, 0
	for {
		for ; at < len(r.def); at++ {
			if r.rep[at] == 0 {
				if len(r.levelAt) == n {
					s.keep(r, at, value)
					return nil
				}
				r.levelAt, r.valueAt = append(r.levelAt, at), append(r.valueAt, value)
				s.left--
			} else if len(r.levelAt) == 0 {
				return s.in.broken(s.column, s.group-1, "it begins within a row", nil)
			}
			if r.def[at] == s.maxDef {
				value++
			}
		}
		more, err := s.grow(r)
		if err != nil {
			return err
		}
		if more {
			continue
		}
		if s.left != 0 {
			return s.short()
		}
		if len(r.levelAt) == n {
			s.keep(r, at, value)
			return nil
		}
		if err := s.open(ctx); err != nil {
			return err
		}
	}
}

// grow appends levels of the current row group; it reports whether there were any.
func (s *source[T]) grow(r *records[T]) (bool, error) {
	if s.chunk == nil {
		return false, nil
	}
	at, value := len(r.def), len(r.vals)
	r.rep, r.def = longer(r.rep, step), longer(r.def, step)
	r.vals = longer(r.vals, step)
	levels, read, err := s.read(step, r.vals[value:], r.def[at:], r.rep[at:])
	if err != nil {
		return false, err
	}
	r.rep, r.def, r.vals = r.rep[:at+levels], r.def[:at+levels], r.vals[:value+read]
	keep(&r.arena, r.vals[value:])
	rows := int64(0)
	for _, level := range r.rep[at:] {
		if level == 0 {
			rows++
		}
	}
	if rows > s.left {
		return false, s.long()
	}
	return levels > 0, s.check(r.def[at:], read)
}

// keep puts the levels from a place on aside for the next load; the row that begins there counts
// then.
func (s *source[T]) keep(r *records[T], at, value int) {
	r.levelAt, r.valueAt = append(r.levelAt, at), append(r.valueAt, value)
	s.rep, s.def = append(s.rep[:0], r.rep[at:]...), append(s.def[:0], r.def[at:]...)
	s.vals = append(s.vals[:0], r.vals[value:]...)
	s.aside.reset()
	keep(&s.aside, s.vals)
	clear(r.vals[value:])
	r.rep, r.def, r.vals = r.rep[:at], r.def[:at], r.vals[:value]
}

// sized returns n elements in the memory of s where that is enough; what they hold is unspecified.
func sized[E any](s []E, n int) []E {
	if cap(s) < n {
		return make([]E, n)
	}
	return s[:n]
}

// longer returns s with n more elements, whose values are unspecified.
func longer[E any](s []E, n int) []E {
	at := len(s)
	for cap(s)-at < n {
		s = append(s[:cap(s)], *new(E))
	}
	return s[:at+n]
}
