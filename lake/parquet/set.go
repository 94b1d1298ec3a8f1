package parquet

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// Set is the vectors of several files as one column, file after file. Safe for concurrent use.
type Set struct {
	parts  []*Vectors
	starts []int64 // row of the set that is each part's first
	rows   int64
	dim    int
	elem   Element
}

// keptOpen is how many files of a set stay open; those of larger sets are opened for every read.
const keptOpen = 200

// OpenSet finds the column of vectors in every file, and compares what they say with the limits.
// Files without a vector have any dimension.
//
// Errors: those of OpenPath and Vectors; DimensionMismatch and ColumnError where two files differ,
// which name both; LimitExceeded for more rows than an index can have.
func OpenSet(
	ctx context.Context, paths []string, name string, options Options, limits Limits,
) (s *Set, err error) {
	s = &Set{dim: options.Dim}
	defer func() {
		if err != nil {
			s.Close()
			s = nil
		}
	}()
	if len(paths) == 0 {
		return s, fault.New(fault.InvalidArgument, op, "no files", "name one at least")
	}
	if options.Cache == 0 { // shared by the parts
		options.Cache = max(64<<20/int64(len(paths)), 1<<20)
	}
	var first *Vectors // that knows its dimension
	for _, path := range paths {
		v, err := s.add(ctx, path, name, options, limits, len(paths) > keptOpen)
		if err != nil {
			return s, err
		}
		if err := s.compare(first, v); err != nil {
			return s, err
		}
		if first == nil || first.dim == 0 {
			first = v
		}
	}
	s.dim, s.elem = first.dim, first.elem
	for _, v := range s.parts {
		if v.dim == 0 { // all of its rows are null
			v.dim = s.dim
		}
		for group := range v.f.Groups() {
			if err := v.CheckGroup(group); err != nil {
				return s, err
			}
		}
	}
	return s, nil
}

// add opens one more file.
func (s *Set) add(
	ctx context.Context, path, name string, options Options, limits Limits, often bool,
) (*Vectors, error) {
	f, err := OpenPath(ctx, path, limits)
	if err != nil {
		return nil, err
	}
	v, err := f.Vectors(ctx, name, options)
	if err == nil && often {
		err = f.openOften(path)
	}
	if err == nil && s.rows+f.Rows() > column.MaxRows {
		err = fault.New(fault.LimitExceeded, op,
			fmt.Sprintf("%s: more than %d rows in all", path, int64(column.MaxRows)),
			"read fewer files at once")
	}
	if err != nil {
		_ = f.Close() // only read from
		return nil, err
	}
	s.parts, s.starts = append(s.parts, v), append(s.starts, s.rows)
	s.rows += f.Rows()
	return v, nil
}

// compare tells two files apart that are not of one column.
func (s *Set) compare(first, v *Vectors) error {
	switch {
	case first == nil:
	case v.elem != first.elem:
		return fault.New(fault.ColumnError, op,
			fmt.Sprintf("%s: column %q is of %s, in %s it is of %s", v.f.name, v.name, v.elem,
				first.f.name, first.elem), "read files of one type of numbers at once")
	case v.dim != first.dim && v.dim != 0 && first.dim != 0:
		return fault.New(fault.DimensionMismatch, op,
			fmt.Sprintf("%s: column %q has vectors of %d dimensions, in %s of %d", v.f.name, v.name,
				v.dim, first.f.name, first.dim), "read files of one dimension at once")
	}
	return nil
}

// reopened is a file that is opened for every read, and must be the one it was.
type reopened struct {
	path string
	size int64
	time time.Time
}

func (r *reopened) ReadAt(dst []byte, offset int64) (int, error) {
	file, err := os.Open(r.path)
	if err != nil {
		return 0, err
	}
	defer file.Close() //nolint:errcheck // only read from
	info, err := file.Stat()
	if err == nil && (info.Size() != r.size || !info.ModTime().Equal(r.time)) {
		err = fmt.Errorf("%s was changed while it was read", r.path)
	}
	if err != nil {
		return 0, err
	}
	return file.ReadAt(dst, offset)
}

// openOften closes the file until it is read again.
func (f *File) openOften(path string) error {
	file, ok := f.closer.(*os.File)
	if !ok {
		return nil
	}
	info, err := file.Stat()
	if err != nil {
		return missing(path, err)
	}
	f.source, f.closer = &reopened{path, info.Size(), info.ModTime()}, nil
	return file.Close()
}

// Rows, Dim and Type are those of Vectors.
func (s *Set) Rows() int64 { return s.rows }

// Dim returns the numbers of a vector, 0 if no row has told it.
func (s *Set) Dim() int { return s.dim }

// Type returns the type of the numbers.
func (s *Set) Type() Element { return s.elem }

// RowBytes returns the bytes of a row in memory.
func (s *Set) RowBytes() int { return s.dim * s.elem.Size() }

// Parts returns the vectors of each file. Do not change them.
func (s *Set) Parts() []*Vectors { return s.parts }

// Name returns the name of the column in the first file.
func (s *Set) Name() string { return s.parts[0].name }

// Close closes the files.
func (s *Set) Close() {
	for _, v := range s.parts {
		_ = v.f.Close() // only read from
	}
}

// Read decodes all rows into dst, of Rows times RowBytes, row groups in parallel on threads (0: as
// mem.SetThreads says). valid, if not nil, has a byte for every row, which becomes 1, or 0 where
// the row is null; without it a null row is an error. done, if not nil, counts rows.
//
// Errors: those of ReadGroup, of the first row group that fails.
func (s *Set) Read(
	ctx context.Context, threads int, dst, valid []byte, done *atomic.Int64,
) error {
	if int64(len(dst)) != s.rows*int64(s.RowBytes()) ||
		valid != nil && int64(len(valid)) != s.rows {
		return fault.New(fault.InvalidArgument, op,
			fmt.Sprintf("%d bytes for %d rows of %d", len(dst), s.rows, s.RowBytes()),
			"pass memory of the rows' length")
	}
	var jobs []job
	for part, v := range s.parts {
		for group := range v.f.Groups() {
			jobs = append(jobs, job{part, group})
		}
	}
	return mem.Parallel(ctx, op, mem.Threads(threads), len(jobs), func(_, i int) error {
		return s.run(ctx, jobs[i], dst, valid, done)
	})
}

// job is a row group of a file.
type job struct{ part, group int }

func (s *Set) run(ctx context.Context, j job, dst, valid []byte, done *atomic.Int64) error {
	v := s.parts[j.part]
	rows, first := v.f.GroupRows(j.group)
	first += s.starts[j.part]
	var bits []byte
	if valid != nil {
		bits = make([]byte, (rows+7)/8)
	}
	size := int64(s.RowBytes())
	if err := v.ReadGroup(ctx, j.group, dst[first*size:(first+rows)*size], bits); err != nil {
		return inSet(err, s.starts[j.part])
	}
	if valid != nil {
		for i := range rows {
			valid[first+i] = bits[i>>3] >> (i & 7) & 1
		}
	}
	if done != nil {
		done.Add(rows)
	}
	return nil
}

// inSet makes the row of an error, whose text says the row of the file, one of the set.
func inSet(err error, start int64) error {
	if e, ok := err.(*fault.Error); ok && e.Row >= 0 && start > 0 {
		own := *e
		own.Row += start
		return &own
	}
	return err
}
