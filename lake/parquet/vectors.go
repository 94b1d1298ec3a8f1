package parquet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/ruvector/ruvector-arrow/fault"
)

// Options are how vectors are read.
type Options struct {
	// Dim is how many numbers a vector must have; 0: as many as the first one. A column of bytes of
	// fixed length needs it.
	Dim int
	// Type is the type of the numbers in a column of bytes of fixed length (default float32).
	Type Element
	// Only are row groups, the first and the one after the last, whose rows alone tell the
	// dimension, where others cannot be read; both 0: all.
	Only [2]int
	// Cache is how many bytes of decoded pages ReadRows keeps (default 64 MiB).
	Cache int64

	shared *pageCache // in place of one of its own
}

// Vectors are the vectors of a column of a file. Safe for concurrent use.
type Vectors struct {
	f *File
	shape
	dim    int
	tables []atomic.Pointer[table]
	locks  []sync.Mutex // of tables while they are made
	cache  *pageCache
}

// scratches are kept from one chunk to the next.
var scratches = sync.Pool{New: func() any { return new(scratch) }}

// Vectors finds the column of vectors of a name, with dots where it lies in a structure; "" finds
// the only one. It reads as much as tells the dimension.
//
// Errors: ColumnError for a column that is not there or holds no vectors; DimensionMismatch where
// they have not options.Dim numbers; InvalidVector for a list without numbers; PersistError and
// LimitExceeded.
func (f *File) Vectors(
	ctx context.Context, column string, options Options,
) (v *Vectors, err error) {
	defer func() {
		if f.recovered(recover(), &err); err != nil {
			v = nil
		}
	}()
	if options.Dim < 0 || options.Dim > f.limits.List {
		return nil, fault.New(fault.InvalidArgument, op, fmt.Sprintf("dim is %d", options.Dim),
			fmt.Sprintf("it lies between 1 and %d", f.limits.List))
	}
	s, err := f.findShape(column, options.Dim)
	if err != nil {
		return nil, err
	}
	v = &Vectors{f: f, shape: s, dim: options.Dim}
	v.tables = make([]atomic.Pointer[table], f.Groups())
	v.locks = make([]sync.Mutex, f.Groups())
	if v.cache = options.shared; v.cache == nil {
		v.cache = &pageCache{limit: or(options.Cache, 64<<20)}
	}
	if s.bytes {
		return v, v.sizeBytes(options)
	}
	found, err := v.findDim(ctx, options.Only)
	if err != nil {
		return nil, err
	}
	if options.Dim != 0 && found != 0 && found != options.Dim {
		return nil, fault.New(fault.DimensionMismatch, op,
			fmt.Sprintf("%s: column %q has vectors of %d dimensions, not %d", f.name, s.name, found,
				options.Dim), "say the dimension that the file has, or none")
	}
	v.dim = max(found, options.Dim)
	return v, nil
}

// sizeBytes compares the bytes of a row with the dimension.
func (v *Vectors) sizeBytes(options Options) error {
	v.elem = options.Type
	if options.Dim == 0 {
		return fault.New(fault.ColumnError, op,
			fmt.Sprintf("%s: column %q holds %d bytes a row, whose meaning is not stored", v.f.name,
				v.name, v.leaf.Length), "say dim=, and dtype= unless it is float32")
	}
	if options.Dim*v.elem.Size() != v.leaf.Length {
		return fault.New(fault.DimensionMismatch, op,
			fmt.Sprintf("%s: column %q holds %d bytes a row, not %d numbers of %s", v.f.name, v.name,
				v.leaf.Length, options.Dim, v.elem), "say another dim= or dtype=")
	}
	return nil
}

// errFound ends a walk that has seen what it looked for.
var errFound = errors.New("found")

// untilFirst is a sink that ends the walk when the first vector is complete.
type untilFirst struct{ w *walker }

func (s untilFirst) nulls(int64, int) error { return s.stored(0) }

func (s untilFirst) stored(int) error {
	if s.w.per > 0 {
		return errFound
	}
	return nil
}

// findDim returns how many numbers the first vector has, 0 if all rows are null.
func (v *Vectors) findDim(ctx context.Context, only [2]int) (int, error) {
	if only == [2]int{} {
		only[1] = v.f.Groups()
	}
	for group := max(only[0], 0); group < min(only[1], v.f.Groups()); group++ {
		w := v.walker(group)
		w.per = 0
		w.sink = untilFirst{w}
		p, err := v.pages(group)
		if err != nil {
			return 0, err
		}
		err = p.each(ctx, w.page)
		p.release()
		if err == nil {
			err = w.finish()
		}
		if err != nil && !errors.Is(err, errFound) {
			return 0, err
		}
		if w.per > 0 {
			return w.per, nil
		}
	}
	return 0, nil
}

// File returns the file.
func (v *Vectors) File() *File { return v.f }

// Column returns the name of the column.
func (v *Vectors) Column() string { return v.name }

// Leaf returns the index of the column's leaf.
func (v *Vectors) Leaf() int { return v.index }

// Dim returns the numbers of a vector, 0 if no row has told it.
func (v *Vectors) Dim() int { return v.dim }

// Rows returns the number of rows, null rows included.
func (v *Vectors) Rows() int64 { return v.f.footer.rows }

// Type returns the type of the numbers.
func (v *Vectors) Type() Element { return v.elem }

// RowBytes returns the bytes of a row in memory.
func (v *Vectors) RowBytes() int { return v.dim * v.elem.Size() }

// per returns how many stored values a row has.
func (v *Vectors) per() int {
	if v.bytes {
		return 1
	}
	return v.dim
}

// unit returns the bytes in memory of a stored value.
func (v *Vectors) unit() int {
	if v.bytes {
		return v.leaf.Length
	}
	return v.elem.Size()
}

// word returns the bytes of a stored value as it is stored.
func (v *Vectors) word() int {
	if v.leaf.Physical == Int32 {
		return 4
	}
	return v.unit()
}

// pages begins to read a column chunk; release must be called.
func (v *Vectors) pages(group int) (*pageReader, error) {
	chunk, err := v.f.Chunk(group, v.index)
	if err != nil {
		return nil, err
	}
	s := scratches.Get().(*scratch)
	s.window = s.window[:0]
	return &pageReader{f: v.f, group: group, leaf: v.leaf, chunk: chunk, at: chunk.Start,
		end: chunk.Start + chunk.Size, wordSize: v.word(), scratch: s}, nil
}

// keptScratch is the most memory that a scratch keeps between chunks.
const keptScratch = 16 << 20

// release gives the reader's memory back.
func (p *pageReader) release() {
	if s := p.scratch; s != nil && cap(s.packed)+cap(s.plain)+cap(s.window) <= keptScratch {
		scratches.Put(s)
	}
	p.scratch = nil
}

// each calls take for every data page.
func (p *pageReader) each(ctx context.Context, take func(p *pageReader, pg *page) error) error {
	for {
		if err := fault.FromContext(ctx, op); err != nil {
			return err
		}
		pg, ok, err := p.next()
		if err != nil || !ok {
			return err
		}
		if err := take(p, &pg); err != nil {
			return err
		}
	}
}

func (v *Vectors) walker(group int) *walker {
	rows, first := v.f.GroupRows(group)
	return &walker{v: v, group: group, first: first, limit: rows, per: v.per()}
}

// checkSize compares what a row group becomes with the limits.
func (v *Vectors) checkSize(chunk *Chunk, group int) error {
	rows, _ := v.f.GroupRows(group)
	where := v.f.place(group, v.name)
	if rows > v.f.limits.Decoded/int64(max(v.RowBytes(), 1)) {
		return v.f.exceeded(where, fmt.Sprintf("%d rows of %d bytes: the bytes", rows, v.RowBytes()),
			"decoded", rows, v.f.limits.Decoded)
	}
	return v.f.checkExpansion(where, chunk.Size, rows*int64(max(v.RowBytes(), 1)))
}

// CheckGroup compares what a row group says of itself with the limits, before memory is taken for
// its vectors.
func (v *Vectors) CheckGroup(group int) error {
	chunk, err := v.f.Chunk(group, v.index)
	if err != nil {
		return err
	}
	return v.checkSize(&chunk, group)
}

// ReadGroup decodes a row group into dst, whose length is its rows times RowBytes, in the file's
// own type of numbers. valid, if not nil, holds a bit for every row (of the lowest first):
// ReadGroup sets those of vectors and clears those of null rows, whose numbers are 0. Without valid
// a null row is an error.
//
// Errors: InvalidVector with the row of the file for a row that is no vector of Dim numbers (the
// numbers themselves are not looked at: NaN is found by who builds), PersistError, LimitExceeded,
// InvalidArgument for buffers of a wrong length. dst holds anything then.
func (v *Vectors) ReadGroup(ctx context.Context, group int, dst, valid []byte) (err error) {
	defer func() { v.f.recovered(recover(), &err) }()
	if err := v.checkBuffers(group, dst, valid); err != nil {
		return err
	}
	p, err := v.pages(group)
	if err != nil {
		return err
	}
	defer p.release()
	if err := v.checkSize(&p.chunk, group); err != nil {
		return err
	}
	w := v.walker(group)
	g := &groupSink{w: w, p: p, unit: v.unit(), dst: dst, valid: valid,
		table: &table{pages: []pageAt{}}}
	g.values.unit, g.values.sign = v.unit(), v.elem == Int8
	w.sink = g
	p.place.all = dst
	setBits(valid, int(w.limit))
	if err := p.each(ctx, g.page); err != nil {
		return err
	}
	if err := w.finish(); err != nil {
		return err
	}
	g.table.finish(w.limit)
	// Its pages are proved; those of a table that was there before may not be.
	v.tables[group].Store(g.table)
	return nil
}

func (v *Vectors) checkBuffers(group int, dst, valid []byte) error {
	if group < 0 || group >= v.f.Groups() {
		return fault.New(fault.InvalidArgument, op, fmt.Sprintf("row group %d of %d", group,
			v.f.Groups()), "ask for one that exists")
	}
	rows, _ := v.f.GroupRows(group)
	if int64(len(dst)) != rows*int64(v.RowBytes()) || valid != nil && int64(len(valid)) < (rows+7)/8 {
		return fault.New(fault.InvalidArgument, op,
			fmt.Sprintf("%d bytes for %d rows of %d", len(dst), rows, v.RowBytes()),
			"pass buffers of the rows' length")
	}
	return nil
}

// groupSink decodes the values of a row group to where they belong.
type groupSink struct {
	w      *walker
	p      *pageReader
	values values
	unit   int
	dst    []byte
	valid  []byte
	at     int // bytes of dst that are done
	ready  int // stored values of this page that are still to be decoded
	table  *table
}

func (g *groupSink) page(p *pageReader, pg *page) error {
	if err := g.values.open(p, pg); err != nil {
		return err
	}
	before := g.table.values
	if err := g.w.page(p, pg); err != nil {
		return err
	}
	if err := g.flush(); err != nil {
		return err
	}
	if err := g.values.done(); err != nil {
		return err
	}
	g.table.add(p, pg, before, true)
	p.place.at = g.at
	return nil
}

func (g *groupSink) stored(n int) error {
	g.ready += n
	g.table.values += int64(n)
	return nil
}

func (g *groupSink) nulls(row int64, n int) error {
	if g.valid == nil {
		return g.w.v.nullRow(g.w.first + row)
	}
	if err := g.flush(); err != nil {
		return err
	}
	size := n * g.w.v.RowBytes()
	clear(g.dst[g.at : g.at+size])
	g.at += size
	clearBits(g.valid, row, n)
	g.table.noteNulls(g.w.limit, row, n)
	return nil
}

func (v *Vectors) nullRow(row int64) error {
	return fault.At(fault.InvalidVector, op, row, -1,
		fmt.Sprintf("%s: column %q: row %d is null", v.f.name, v.name, row),
		"leave null rows out, or ask for their validity")
}

// flush decodes what is ready.
func (g *groupSink) flush() error {
	size := g.ready * g.unit
	if size > len(g.dst)-g.at {
		return g.w.damaged("more values than its rows have")
	}
	g.ready = 0
	if size == 0 {
		return nil
	}
	if err := g.values.read(g.dst[g.at : g.at+size]); err != nil {
		return err
	}
	g.at += size
	return nil
}

// setBits sets the first n bits.
func setBits(bits []byte, n int) {
	if bits == nil {
		return
	}
	for i := range n / 8 {
		bits[i] = 0xFF
	}
	if n%8 != 0 {
		bits[n/8] = 1<<(n%8) - 1
	}
}

// clearBits clears n bits from one on.
func clearBits(bits []byte, from int64, n int) {
	for i := from; i < from+int64(n); i++ {
		bits[i>>3] &^= 1 << (i & 7)
	}
}
