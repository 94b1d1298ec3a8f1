package parquet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

const (
	// mostOpen is how many files a pager keeps open.
	mostOpen = 64
	// pagesBytes is the most memory of decoded pages that all files of a pager keep together.
	pagesBytes = 16 << 20
	// looks is how many files, at least, are looked at by every search.
	looks = 8
)

// Pages are the vectors of one column of several files, the rows of each behind those of the one
// before. Rows are read from the files where they are asked for: it is a column.Pager. Up to 64
// files are open at a time. Safe for concurrent use.
type Pages struct {
	name    string
	options Options
	limits  Limits
	parts   []*part
	starts  []int64 // the first row of every file, and the number of all rows
	dim     int
	elem    Element

	cache pageCache
	mu    sync.Mutex
	open  []*part // the one used last at the end
	turn  atomic.Uint64
}

// part is one file. What it was when the pager was made never changes.
type part struct {
	path   string
	stat   os.FileInfo
	digest [32]byte // of the footer
	rows   int64
	nulls  bool
	maker  string // see File.Embedder

	mu sync.RWMutex // held for reading while rows are read, for writing to open and close
	v  *Vectors     // nil while the file is closed
}

// Column makes a column of the vectors that files hold under a name ("" is the only column of
// vectors there), none of them in memory: see column.NewPaged. It reads footers, and of files with
// null rows which these are; the vectors are proved when they are read. The files must not change
// while the column is in use; if they do, whoever reads says so. Release the column.
//
// Errors: InvalidArgument without files, DimensionMismatch and ColumnError naming two files that
// differ in dimension or type, LimitExceeded for more rows than an index holds, Cancelled, and
// those of OpenPath and File.Vectors.
func Column(
	ctx context.Context, paths []string, name string, options Options, limits Limits, threads int,
) (*column.Column, *Pages, error) {
	if len(paths) == 0 {
		return nil, nil, fault.New(fault.InvalidArgument, op, "no files", "pass at least one")
	}
	p := &Pages{name: name, options: options, limits: limits, parts: make([]*part, len(paths))}
	p.cache.limit = pagesBytes
	p.options.shared = &p.cache
	nulls := make([][]int64, len(paths))
	kinds := make([]kind, len(paths))
	err := mem.Parallel(ctx, op, mem.Threads(threads), len(paths), func(_, i int) (err error) {
		p.parts[i] = &part{path: paths[i]}
		nulls[i], kinds[i], err = p.first(ctx, p.parts[i])
		return err
	})
	if err == nil {
		err = p.agree(kinds)
	}
	if err != nil {
		p.Close()
		return nil, nil, err
	}
	is := column.Paged{Rows: int(p.starts[len(paths)]), Dim: p.dim, Number: numberTypes[p.elem]}
	for i, rows := range nulls {
		for _, row := range rows {
			if is.Nulls == nil {
				is.Nulls = make([]uint32, (is.Rows+31)/32)
			}
			row += p.starts[i]
			is.Nulls[row/32] |= 1 << (row % 32)
		}
	}
	col, err := column.NewPaged(p, is)
	return col, p, err
}

var numberTypes = [...]arrow.Type{
	Float32: arrow.FLOAT32, Float64: arrow.FLOAT64, Float16: arrow.FLOAT16, Int8: arrow.INT8,
	Uint8: arrow.UINT8,
}

// kind is what all files of a pager must have in common.
type kind struct {
	dim  int
	elem Element
}

// first opens a file for the first time and returns its null rows, and what its vectors are.
func (p *Pages) first(ctx context.Context, of *part) (nulls []int64, is kind, err error) {
	of.mu.Lock()
	if of.v, err = p.opened(ctx, of); err != nil {
		of.mu.Unlock()
		return nil, is, err
	}
	v := of.v
	of.digest, of.rows, is = v.f.Digest(), v.Rows(), kind{v.Dim(), v.Type()}
	of.maker = v.f.Embedder(v.f.Leaves()[v.index].Path)
	nulls, err = v.nullRows(ctx)
	of.nulls = len(nulls) > 0
	of.mu.Unlock()
	p.use(of)
	return nulls, is, err
}

// agree finds what all files have in common, and where the rows of each begin.
func (p *Pages) agree(kinds []kind) error {
	p.starts = make([]int64, len(kinds)+1)
	told := -1
	for i, k := range kinds {
		p.starts[i+1] = p.starts[i] + p.parts[i].rows
		switch {
		case k.dim == 0:
			continue
		case told < 0:
			told, p.dim, p.elem = i, k.dim, k.elem
		case k.dim != p.dim:
			return fault.New(fault.DimensionMismatch, op,
				fmt.Sprintf("%s has vectors of %d dimensions, %s of %d", p.parts[told].path, p.dim,
					p.parts[i].path, k.dim), "leave files of another dimension out")
		case k.elem != p.elem:
			return fault.New(fault.ColumnError, op,
				fmt.Sprintf("%s has vectors of %s, %s of %s", p.parts[told].path, p.elem,
					p.parts[i].path, k.elem), "write them with one type")
		}
	}
	if p.dim == 0 {
		return fault.New(fault.InvalidArgument, op,
			fmt.Sprintf("%s: no row of column %q tells the dimension", p.parts[0].path, p.name),
			"say dim=")
	}
	if n := p.starts[len(kinds)]; n > column.MaxRows {
		return fault.New(fault.LimitExceeded, op, fmt.Sprintf("%d rows in one column", n),
			"index the files in parts")
	}
	return nil
}

// nullRows lists the null rows of the file. Row groups whose footer tells that they have none are
// not read.
func (v *Vectors) nullRows(ctx context.Context) (rows []int64, err error) {
	defer func() { v.f.recovered(recover(), &err) }()
	for group := range v.f.Groups() {
		n, first := v.f.GroupRows(group)
		if v.dim == 0 {
			for i := range n {
				rows = append(rows, first+i)
			}
			continue
		}
		chunk, err := v.f.Chunk(group, v.index)
		if err != nil {
			return nil, err
		}
		if chunk.Values == n*int64(v.per()) && (v.per() > 1 || v.leaf.MaxDef == 0) {
			continue // a null row would be a value less than all others, and those have one length
		}
		t, err := v.tableOf(ctx, group, nil)
		if err != nil {
			return nil, err
		}
		for i := range n {
			if !t.isValid(i) {
				rows = append(rows, first+i)
			}
		}
	}
	return rows, nil
}

// opened opens a file, which must be what it was.
func (p *Pages) opened(ctx context.Context, of *part) (*Vectors, error) {
	f, err := OpenPath(ctx, of.path, p.limits)
	if err != nil {
		return nil, err
	}
	stat, err := os.Stat(of.path)
	if err != nil {
		_ = f.Close() // only read from
		return nil, missing(of.path, err)
	}
	if of.stat == nil {
		of.stat = stat
	} else if !sameFile(of.stat, stat) || f.Digest() != of.digest {
		_ = f.Close()
		return nil, of.changed()
	}
	v, err := f.Vectors(ctx, p.name, p.options)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return v, nil
}

// sameFile compares what tells, without reading a file, whether it was written to or replaced.
func sameFile(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

func (of *part) changed() error {
	return fault.New(fault.VectorsChanged, op, of.path+" was changed or replaced while it was used",
		"put the file back, or make the index again from what is there now")
}

// unchanged looks whether the file is what it was.
func (of *part) unchanged() error {
	stat, err := os.Stat(of.path)
	if err != nil {
		return missing(of.path, err)
	}
	if !sameFile(of.stat, stat) {
		return of.changed()
	}
	return nil
}

// use notes that a file is open and was used, and closes the one that was not used for longest.
func (p *Pages) use(of *part) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.open); n > 0 && p.open[n-1] == of {
		return
	}
	for i, other := range p.open {
		if other == of {
			p.open = append(append(p.open[:i:i], p.open[i+1:]...), of)
			return
		}
	}
	p.open = append(p.open, of)
	for i := 0; len(p.open) > mostOpen && i < len(p.open)-1; i++ {
		if old := p.open[i]; old.mu.TryLock() { // not while rows are read from it
			old.close()
			old.mu.Unlock()
			p.open = append(p.open[:i], p.open[i+1:]...)
			i--
		}
	}
}

func (of *part) close() {
	if of.v != nil {
		of.v.cache.forget(of.v)
		_ = of.v.f.Close() // only read from
		of.v = nil
	}
}

// ReadRows reads rows of the column, as column.Pager says.
func (p *Pages) ReadRows(from, n int, dst []byte) error {
	at, end, size := int64(from), int64(from+n), int64(p.dim*p.elem.Size())
	i := sort.Search(len(p.parts), func(i int) bool { return p.starts[i+1] > at })
	for ; at < end; i++ {
		some := min(end, p.starts[i+1]) - at
		if some <= 0 {
			continue
		}
		if err := p.readPart(p.parts[i], at-p.starts[i], some, dst[:some*size]); err != nil {
			return err
		}
		dst = dst[some*size:]
		at += some
	}
	return nil
}

// readPart reads rows of a file.
func (p *Pages) readPart(of *part, from, n int64, dst []byte) error {
	ctx := context.Background()
	for {
		of.mu.RLock()
		if v := of.v; v != nil {
			err := of.read(ctx, v, from, n, dst)
			of.mu.RUnlock()
			if len(p.parts) > mostOpen {
				p.use(of)
			}
			return err
		}
		of.mu.RUnlock()
		of.mu.Lock()
		var err error
		if of.v == nil {
			of.v, err = p.opened(ctx, of)
		}
		of.mu.Unlock()
		if err != nil {
			return err
		}
		p.use(of)
	}
}

// read reads rows of an open file. What cannot be read of a file that was changed is told as that.
func (of *part) read(ctx context.Context, v *Vectors, from, n int64, dst []byte) error {
	if v.Dim() == 0 {
		clear(dst) // null rows
		return nil
	}
	var valid []byte
	if of.nulls {
		valid = make([]byte, (n+7)/8)
	}
	err := v.ReadRows(ctx, from, n, dst, valid)
	if err != nil {
		if changed := of.unchanged(); changed != nil {
			return changed
		}
	}
	return err
}

// Unchanged looks whether n files or more (all, if n is negative) are what they were: there, with
// their size, their time of change and their place on the disk.
//
// Errors: VectorsChanged, FileMissing and PersistError, each naming the file.
func (p *Pages) Unchanged(n int) error {
	all := n < 0
	if n = max(n, looks); all || n > len(p.parts) {
		n = len(p.parts)
	}
	turn := p.turn.Add(uint64(n)) - uint64(n)
	for i := range n {
		of := p.parts[(turn+uint64(i))%uint64(len(p.parts))]
		if err := of.unchanged(); err != nil {
			return err
		}
	}
	return nil
}

// Where says where the vectors are.
func (p *Pages) Where() string {
	if len(p.parts) == 1 {
		return p.parts[0].path
	}
	return fmt.Sprintf("%d parquet files, %s to %s", len(p.parts), p.parts[0].path,
		filepath.Base(p.parts[len(p.parts)-1].path))
}

// Explain adds to an error of a row of the column which file has it.
func (p *Pages) Explain(err error) error {
	var e *fault.Error
	if !errors.As(err, &e) || e.Op == op || e.Row < 0 || e.Row >= p.starts[len(p.parts)] {
		return err
	}
	i := sort.Search(len(p.parts), func(i int) bool { return p.starts[i+1] > e.Row })
	told := *e
	told.Msg += fmt.Sprintf(" (row %d of %s)", e.Row-p.starts[i], p.parts[i].path)
	return &told
}

// Close closes the files.
func (p *Pages) Close() {
	for _, of := range p.parts {
		if of != nil {
			of.mu.Lock()
			of.close()
			of.mu.Unlock()
		}
	}
}
