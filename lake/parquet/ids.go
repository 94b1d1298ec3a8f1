package parquet

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmemory "github.com/apache/arrow-go/v18/arrow/memory"
	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/fault"
)

// idsAtOnce is how many ids are decoded at a time.
const idsAtOnce = 8192

// IDs reads the ids of the rows from a column of the same files: whole numbers (kept as int64, or
// uint64 where they are unsigned and 64 bits wide) or texts.
//
// Errors: ColumnError for a column that is not there, holds lists or other types, or has another
// type in another file; InvalidArgument naming file and row for a null; DuplicateID naming the row
// of all files that repeats an id; VectorsChanged, FileMissing, PersistError, Cancelled.
func (p *Pages) IDs(ctx context.Context, name string) (*column.IDs, error) {
	b := &idBuilder{name: name}
	defer b.release()
	for _, of := range p.parts {
		if err := fault.FromContext(ctx, op); err != nil {
			return nil, err
		}
		if err := p.readIDs(ctx, of, b); err != nil {
			return nil, err
		}
	}
	ids := b.values.NewArray()
	defer ids.Release()
	return column.NewIDs(ids)
}

// readIDs appends the ids of a file.
func (p *Pages) readIDs(ctx context.Context, of *part, b *idBuilder) (err error) {
	f, err := OpenPath(ctx, of.path, p.limits)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read from
	if f.Digest() != of.digest {
		return of.changed()
	}
	return f.appendIDs(ctx, b)
}

// IDs reads the ids of the file's rows from a column, as Pages.IDs does, as an array of int64,
// uint64 or large_string. Whether they are unique is not looked at.
//
// Errors: ColumnError for a column that is not there, or holds lists or other types;
// InvalidArgument naming file and row for a null; PersistError, Cancelled.
func (f *File) IDs(ctx context.Context, name string) (arrow.Array, error) {
	b := &idBuilder{name: name}
	defer b.release()
	if err := f.appendIDs(ctx, b); err != nil {
		return nil, err
	}
	return b.values.NewArray(), nil
}

// appendIDs appends the ids of the file.
func (f *File) appendIDs(ctx context.Context, b *idBuilder) (err error) {
	defer func() { f.recovered(recover(), &err) }()
	b.path, b.row = f.name, 0
	if err := b.find(f); err != nil {
		return err
	}
	props := pq.NewReaderProperties(arrowmemory.DefaultAllocator)
	props.BufferedStreamEnabled = true
	r, err := file.NewParquetReader(io.NewSectionReader(f.Source(), 0, f.Size()),
		file.WithReadProps(props))
	if err != nil {
		return b.unreadable(err)
	}
	defer func() { _ = r.Close() }() // only read from
	for group := range r.NumRowGroups() {
		chunk, err := r.RowGroup(group).Column(b.leaf)
		if err == nil {
			err = b.read(ctx, chunk)
		}
		if err != nil {
			return b.unreadable(err)
		}
	}
	if b.row != f.Rows() {
		return fault.New(fault.PersistError, op, fmt.Sprintf("%s: column %q has %d values for %d rows",
			f.name, b.name, b.row, f.Rows()), damagedFix)
	}
	return nil
}

// idBuilder gathers ids.
type idBuilder struct {
	name, path string
	leaf       int
	row        int64 // of the file, the next
	kind       string
	values     array.Builder
}

func (b *idBuilder) release() {
	if b.values != nil {
		b.values.Release()
	}
}

// find looks for the column in a file, which must have the type that it has in the others.
func (b *idBuilder) find(f *File) error {
	leaves := f.Leaves()
	b.leaf = slices.IndexFunc(leaves, func(l Leaf) bool { return l.Name() == b.name })
	if b.leaf < 0 {
		names := make([]string, 0, len(leaves))
		for i := range leaves[:min(len(leaves), 20)] {
			names = append(names, leaves[i].Name())
		}
		return fault.New(fault.ColumnError, op, fmt.Sprintf("%s has no column %q", b.path, b.name),
			"its columns are "+strings.Join(names, ", "))
	}
	l := &leaves[b.leaf]
	kind := ""
	switch {
	case l.MaxRep > 0:
	case l.Physical == Int64 && unsigned(l):
		kind = "uint64"
	case (l.Physical == Int32 || l.Physical == Int64) && (l.Logical == "" ||
		strings.HasPrefix(l.Logical, "INT")):
		kind = "int64"
	case l.Physical == ByteArray && l.Logical == "STRING":
		kind = "text"
	}
	switch {
	case kind == "":
		return fault.New(fault.ColumnError, op,
			fmt.Sprintf("%s: column %q (%s %s) holds no ids", b.path, b.name, l.Physical, l.Logical),
			"ids are whole numbers or texts, one a row")
	case b.kind != "" && kind != b.kind:
		return fault.New(fault.ColumnError, op,
			fmt.Sprintf("%s: column %q holds %s, in the files before %s", b.path, b.name, kind, b.kind),
			"write the ids with one type")
	}
	if b.kind = kind; b.values == nil {
		mem := arrowmemory.DefaultAllocator
		switch kind {
		case "uint64":
			b.values = array.NewUint64Builder(mem)
		case "int64":
			b.values = array.NewInt64Builder(mem)
		default:
			b.values = array.NewLargeStringBuilder(mem)
		}
	}
	return nil
}

// unsigned reports whether numbers of a leaf are.
func unsigned(l *Leaf) bool { return strings.HasSuffix(l.Logical, "false)") }

// read appends the ids of a row group.
func (b *idBuilder) read(ctx context.Context, chunk file.ColumnChunkReader) error {
	switch r := chunk.(type) {
	case *file.Int64ColumnChunkReader:
		return readIDsOf(ctx, b, r.HasNext, r.ReadBatch, func(v int64) {
			if u, ok := b.values.(*array.Uint64Builder); ok {
				u.Append(uint64(v))
			} else {
				b.values.(*array.Int64Builder).Append(v)
			}
		})
	case *file.Int32ColumnChunkReader:
		logical, ok := chunk.Descriptor().LogicalType().(schema.IntLogicalType)
		wide := ok && !logical.IsSigned()
		return readIDsOf(ctx, b, r.HasNext, r.ReadBatch, func(v int32) {
			n := int64(v)
			if wide {
				n = int64(uint32(v))
			}
			b.values.(*array.Int64Builder).Append(n)
		})
	case *file.ByteArrayColumnChunkReader:
		return readIDsOf(ctx, b, r.HasNext, r.ReadBatch, func(v pq.ByteArray) {
			b.values.(*array.LargeStringBuilder).Append(string(v))
		})
	}
	return fmt.Errorf("a column of type %s", chunk.Type())
}

// readIDsOf appends the values of a column chunk one by one.
func readIDsOf[T any](
	ctx context.Context, b *idBuilder, more func() bool,
	read func(n int64, values []T, def, rep []int16) (int64, int, error), take func(v T),
) error {
	values, def := make([]T, idsAtOnce), make([]int16, idsAtOnce)
	for more() {
		if err := fault.FromContext(ctx, op); err != nil {
			return err
		}
		n, have, err := read(idsAtOnce, values, def, nil)
		if err != nil {
			return err
		}
		if int64(have) < n {
			at := int64(slices.Index(def[:n], slices.Min(def[:n])))
			return fault.At(fault.InvalidArgument, op, b.row+at, -1,
				fmt.Sprintf("%s: the id of row %d is null", b.path, b.row+at), "every row needs an id")
		}
		if n == 0 {
			break
		}
		for _, v := range values[:have] {
			take(v)
		}
		b.row += n
	}
	return nil
}

// unreadable is the error of a column that the reader of flat columns gave up.
func (b *idBuilder) unreadable(err error) error {
	if fault.KindOf(err) != fault.NativeError {
		return err
	}
	return &fault.Error{Kind: fault.PersistError, Op: op, Row: -1, Column: -1, Err: err,
		Msg: fmt.Sprintf("%s: column %q cannot be read", b.path, b.name), Fix: damagedFix}
}
