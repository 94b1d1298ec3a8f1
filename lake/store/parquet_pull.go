package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
	"github.com/ruvector/ruvector-arrow/lake/parquet"
)

// keptOpen is how many files a pull keeps open from its beginning on, so that it goes on with what
// is replaced meanwhile. Of more files every one is opened when it is read.
const keptOpen = 64

// Pull implements backend.Backend. A batch is a row group.
func (b *Parquet) Pull(ctx context.Context, collection string) (*backend.Pulled, error) {
	if err := fault.FromContext(ctx, op); err != nil {
		return nil, err
	}
	p := &parquetPull{b: b, collection: collection}
	err := p.prepare(ctx)
	var stamp backend.Stamp
	if err == nil {
		stamp, err = b.stampOf(ctx, collection, p.files, p.where)
	}
	var r *rows
	if err == nil {
		r, err = p.stream(ctx, stamp.Dim)
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return &backend.Pulled{Rows: r, Generation: stamp.Generation, Owned: true,
		Embedder: r.embedder}, nil
}

// parquetPull is a pull under way.
type parquetPull struct {
	b          *Parquet
	collection string
	where      string
	files      []looked
	listed     []looked // as they were when the pull began
	open       []opened // of every file, if they are open
	groups     []group
	next       int // of groups
	form       form
	now        opened      // the file that is read, where not all are open
	ids        arrow.Array // its ids
	kind       arrow.DataType
	of         int // which file that is; -1: none
}

// opened is a file that is open.
type opened struct {
	source *source
	v      *parquet.Vectors
}

// close closes it, if it is open.
func (o *opened) close() {
	if o.v != nil {
		_ = o.v.File().Close() // only read from
	}
	*o = opened{}
}

// group is a row group that has rows.
type group struct{ file, group, rows int }

// close lets go of everything.
func (p *parquetPull) close() {
	for i := range p.open {
		p.open[i].close()
	}
	p.now.close()
	if p.ids != nil {
		p.ids.Release()
		p.ids = nil
	}
}

// changed is the error of a collection that was changed while it was read.
func (p *parquetPull) changed() error {
	return fault.New(fault.BackendError, op, p.where+" was changed while it was read",
		"try again; write to new files and rename them over the old ones")
}

// prepare finds the files as they all were at one moment, and when the next change of any will show
// in its mark.
//
// Errors: UnknownCollection; Cancelled; BackendError while others keep writing.
func (p *parquetPull) prepare(ctx context.Context) (err error) {
	for range settleTries {
		if p.listed, p.where, err = p.b.list(p.collection); err != nil {
			return err
		}
		p.files = slices.Clone(p.listed)
		whole := false
		if len(p.files) > keptOpen {
			whole, err = p.settle(ctx)
		} else {
			whole, err = p.openAll(ctx)
		}
		if err != nil || whole {
			return err
		}
		p.close()
	}
	return p.changed()
}

// settle waits until the files have settled and reports whether they had.
func (p *parquetPull) settle(ctx context.Context) (bool, error) {
	wait, now := time.Duration(0), time.Now()
	for i := range p.files {
		wait = max(wait, p.files[i].mark.settled(now))
	}
	return wait == 0, pause(ctx, wait)
}

// openAll opens all files, waits until they have settled and reports whether they were there all at
// once.
func (p *parquetPull) openAll(ctx context.Context) (bool, error) {
	p.open = make([]opened, len(p.files))
	for i := range p.files {
		s, err := p.b.openSource(p.collection, &p.files[i])
		if err != nil {
			return false, err
		}
		if err := s.settle(ctx); err != nil {
			_ = s.Close() // only read from
			return false, err
		}
		v, err := p.b.vectors(ctx, s, &p.files[i])
		if err != nil {
			return false, err
		}
		p.open[i] = opened{s, v}
	}
	if len(p.files) == 1 {
		return true, nil
	}
	again, _, err := p.b.list(p.collection)
	return err == nil && same(p.files, again), err
}

// same reports whether these are the same files.
func same(a, b []looked) bool {
	return slices.EqualFunc(a, b, func(x, y looked) bool {
		return x.name == y.name && x.mark == y.mark
	})
}

// stream returns the rows.
func (p *parquetPull) stream(ctx context.Context, dim int) (*rows, error) {
	total := int64(0)
	p.of = -1
	for i := range p.files {
		f := &p.files[i]
		total += f.rows
		for g, rows := range f.groups {
			if rows > 0 {
				p.groups = append(p.groups, group{i, g, rows})
			}
		}
	}
	if dim == 0 {
		return nil, fault.New(fault.BackendError, op, p.where+": no row tells the dimension",
			"say how many numbers a vector has")
	}
	p.form = form{numberOf[p.files[0].elem], dim}
	if err := checkShape(p.collection, total, p.form); err != nil {
		return nil, err
	}
	kind, err := p.idType(ctx)
	if err != nil {
		return nil, err
	}
	made, err := p.maker()
	if err != nil {
		return nil, err
	}
	f := filling{rows: int(total), form: p.form, ids: kind, fill: p.fill, check: p.check,
		batch: func(int) int { return p.groups[p.next].rows }, done: p.close}
	r := f.stream(ctx)
	r.embedder = made
	return r, nil
}

// maker returns what the files say made their vectors, "" unless all say so. Of more files than are
// open it is not known.
//
// Errors: BackendError naming two files whose vectors do not compare.
func (p *parquetPull) maker() (string, error) {
	first, from, all := "", 0, len(p.files) <= keptOpen
	for i := range p.open {
		v := p.open[i].v
		made := bundle.ReadEmbedder(v.File().Embedder(v.File().Leaves()[v.Leaf()].Path))
		if other := bundle.EmbeddersDiffer(made, first); other != "" {
			return "", fault.New(fault.BackendError, op, fmt.Sprintf(
				"the vectors of %s were made by another embedder than those of %s: %s",
				p.b.path(&p.files[i]), p.b.path(&p.files[from]), other),
				"make collections of them apart")
		}
		if all = all && made != ""; first == "" {
			first, from = made, i
		}
	}
	if !all {
		return "", nil
	}
	return first, nil
}

// numberOf are the Arrow types of numbers.
var numberOf = map[parquet.Element]arrow.Type{
	parquet.Float32: arrow.FLOAT32, parquet.Float64: arrow.FLOAT64, parquet.Float16: arrow.FLOAT16,
	parquet.Int8: arrow.INT8, parquet.Uint8: arrow.UINT8,
}

// idType returns the type of the ids, for which it reads those of the first file that has rows.
func (p *parquetPull) idType(ctx context.Context) (arrow.DataType, error) {
	if p.b.o.IDs == "" {
		return arrow.PrimitiveTypes.Int64, nil
	}
	first := 0
	if len(p.groups) > 0 {
		first = p.groups[0].file
	}
	if _, err := p.turn(ctx, first); err != nil {
		return nil, err
	}
	return p.kind, nil
}

// turn returns the vectors of a file, and reads its ids.
func (p *parquetPull) turn(ctx context.Context, file int) (*parquet.Vectors, error) {
	if p.of != file {
		p.of = -1
		p.now.close()
		if p.ids != nil {
			p.ids.Release()
			p.ids = nil
		}
		if len(p.files) > keptOpen {
			was := p.files[file]
			s, err := p.b.openSource(p.collection, &was)
			if err != nil {
				return nil, err
			}
			if s.was != was.mark {
				_ = s.Close() // only read from
				return nil, p.changed()
			}
			v, err := p.b.vectors(ctx, s, &was)
			if err != nil {
				return nil, err
			}
			p.now = opened{s, v}
		}
		if p.b.o.IDs != "" {
			ids, err := p.vectorsOf(file).File().IDs(ctx, p.b.o.IDs)
			if err != nil {
				return nil, storeError(err)
			}
			p.ids = ids
			if p.kind != nil && !arrow.TypeEqual(p.kind, ids.DataType()) {
				return nil, fault.New(fault.BackendError, op, fmt.Sprintf(
					"%s: column %q holds %s, in files before %s", p.b.path(&p.files[file]), p.b.o.IDs,
					ids.DataType(), p.kind), "write the ids with one type")
			}
			p.kind = ids.DataType()
		}
		p.of = file
	}
	return p.vectorsOf(file), nil
}

func (p *parquetPull) vectorsOf(file int) *parquet.Vectors {
	if p.now.v != nil {
		return p.now.v
	}
	return p.open[file].v
}

// fill reads the next row group.
func (p *parquetPull) fill(
	ctx context.Context, from, n int, dst []byte,
) (arrow.Array, int, error) {
	if n == 0 { // there are none at all
		if p.ids != nil {
			return array.NewSlice(p.ids, 0, 0), 0, nil
		}
		return numbers(nil, arrow.PrimitiveTypes.Int64), 0, nil
	}
	g := p.groups[p.next]
	p.next++
	v, err := p.turn(ctx, g.file)
	if err != nil {
		return nil, 0, err
	}
	if v.Dim() == 0 {
		return nil, 0, fault.At(fault.BackendError, op, int64(from), -1,
			p.b.path(&p.files[g.file])+": all vectors are null", "leave the file out")
	}
	if err := v.ReadGroup(ctx, g.group, dst, nil); err != nil {
		return nil, 0, storeError(err)
	}
	if p.ids == nil {
		ids := make([]uint64, n)
		for i := range ids {
			ids[i] = uint64(from + i)
		}
		return numbers(ids, arrow.PrimitiveTypes.Int64), n, nil
	}
	_, first := v.File().GroupRows(g.group)
	return array.NewSlice(p.ids, first, first+int64(n)), n, nil
}

// check says whether the files are still what they were when the pull began.
func (p *parquetPull) check() error {
	if len(p.files) <= keptOpen {
		for i := range p.open {
			if err := p.open[i].source.check(); err != nil {
				return err
			}
		}
		return nil
	}
	again, _, err := p.b.list(p.collection)
	if err == nil && !same(p.listed, again) {
		err = p.changed()
	}
	return err
}
