package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
	"github.com/ruvector/ruvector-arrow/lake/parquet"
)

// parquetExt is the ending of the files that are read.
const parquetExt = ".parquet"

// Parquet reads parquet files of one folder: "docs.parquet", or the files that end so in the folder
// "docs", in the order of their names, is the collection "docs". It is an error to have both, or
// further folders in that of a collection. Files and folders that begin with a dot or an underscore
// are left out. Links are followed as long as they stay in the folder.
//
// The generation is made of name, size, time of the last change in nanoseconds and footer of every
// file. Pulls wait and fail as those of FS do.
type Parquet struct {
	id   string
	dir  string
	root *os.Root
	o    ParquetOptions

	mu   sync.Mutex
	seen map[string]looked // by the path of the file
}

// ParquetOptions say which columns are read.
type ParquetOptions struct {
	Column string // of vectors; "": the only one
	IDs    string // of ids; "": rows are called by their numbers, from 0, in the order of the files
	// Dim is how many numbers a vector has; 0: as many as the first. Columns of bytes of fixed length
	// need it.
	Dim int
}

// looked is what was seen of a file while it had a mark.
type looked struct {
	name   string // path within the root, with slashes
	mark   mark
	digest [sha256.Size]byte
	rows   int64
	groups []int // rows of each row group
	dim    int
	elem   parquet.Element
}

// NewParquet opens a folder of parquet files.
//
// Errors: InvalidArgument for an id that cannot be a name, or options that make no sense;
// BackendError when there is no such folder.
func NewParquet(id, root string, o ParquetOptions) (*Parquet, error) {
	if o.Dim < 0 || o.Dim > backend.MaxDim {
		return nil, fault.New(fault.InvalidArgument, "backend", fmt.Sprintf("dim = %d", o.Dim),
			fmt.Sprintf("it lies between 1 and %d", backend.MaxDim))
	}
	dir, opened, err := openRoot(id, root, false)
	if err != nil {
		return nil, err
	}
	return &Parquet{id: id, dir: dir, root: opened, o: o, seen: map[string]looked{}}, nil
}

// Close closes the folder. Pulls that have begun may fail.
func (b *Parquet) Close() error { return b.root.Close() }

// ID implements backend.Backend.
func (b *Parquet) ID() string { return b.id }

// hidden reports whether a name is one of those that are left out.
func hidden(name string) bool { return name != "" && (name[0] == '.' || name[0] == '_') }

// Collections implements backend.Backend. Files and folders whose names cannot be those of
// collections are left out, and folders without parquet files.
func (b *Parquet) Collections(ctx context.Context) ([]string, error) {
	if err := fault.FromContext(ctx, op); err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(b.root.FS(), ".")
	if err != nil {
		return nil, unreadable(b.dir, err)
	}
	var names []string
	for _, e := range entries {
		name, isFile := strings.CutSuffix(e.Name(), parquetExt)
		if hidden(name) || bundle.CheckName(name) != nil {
			continue
		}
		mode := e.Type()
		if mode&fs.ModeSymlink != 0 {
			if st, err := b.root.Stat(e.Name()); err == nil {
				mode = st.Mode()
			}
		}
		switch {
		case isFile && mode.IsRegular():
			names = append(names, name)
		case mode.IsDir():
			if files, err := b.filesIn(e.Name()); err != nil || len(files) > 0 {
				names = append(names, e.Name())
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// filesIn returns the marks of the parquet files in the folder of a collection, sorted by name.
func (b *Parquet) filesIn(folder string) ([]looked, error) {
	within, err := b.root.OpenRoot(folder)
	if err != nil {
		return nil, unreadable(filepath.Join(b.dir, folder), err)
	}
	defer func() { _ = within.Close() }() // only read from
	entries, err := fs.ReadDir(within.FS(), ".")
	if err != nil {
		return nil, unreadable(filepath.Join(b.dir, folder), err)
	}
	var files []looked
	for _, e := range entries {
		if hidden(e.Name()) {
			continue
		}
		name := path.Join(folder, e.Name())
		if e.Type().IsRegular() && !strings.HasSuffix(e.Name(), parquetExt) {
			continue
		}
		st, err := within.Lstat(e.Name())
		if err == nil && st.Mode()&fs.ModeSymlink != 0 { // may lead out of this folder
			st, err = b.root.Stat(name)
		}
		switch {
		case err == nil && st.IsDir():
			return nil, fault.New(fault.BackendError, op, filepath.Join(b.dir, name)+
				": folders within that of a collection are not read",
				"move its files up, or make it a collection")
		case !strings.HasSuffix(e.Name(), parquetExt):
		case err != nil:
			return nil, unreadable(filepath.Join(b.dir, name), err)
		case !st.Mode().IsRegular():
			return nil, irregular(filepath.Join(b.dir, name), st.Mode())
		default:
			files = append(files, looked{name: name, mark: markOf(st)})
		}
	}
	return files, nil
}

// list returns the marks of the files of a collection, and where they are.
//
// Errors: UnknownCollection; BackendError.
func (b *Parquet) list(collection string) (files []looked, where string, err error) {
	if bundle.CheckName(collection) != nil || hidden(collection) {
		return nil, "", unknown(b.id, collection)
	}
	file := collection + parquetExt
	where = filepath.Join(b.dir, file)
	st, err := b.root.Stat(file)
	switch {
	case err == nil && !st.Mode().IsRegular():
		return nil, "", irregular(where, st.Mode())
	case err == nil:
		files = []looked{{name: file, mark: markOf(st)}}
	case !errors.Is(err, fs.ErrNotExist) && !tooLong(err):
		return nil, "", unreadable(where, err)
	}
	st, err = b.root.Stat(collection)
	if err == nil && st.IsDir() {
		if files != nil {
			return nil, "", fault.New(fault.BackendError, op,
				fmt.Sprintf("backend %q: collection %q is both %s and a folder", b.id, collection, file),
				"remove one of them")
		}
		where = filepath.Join(b.dir, collection)
		if files, err = b.filesIn(collection); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, "", err
		}
	}
	if len(files) == 0 {
		return nil, "", unknown(b.id, collection)
	}
	return files, where, nil
}

// Stamp implements backend.Backend. Files that were not changed since they were last asked for are
// not opened.
func (b *Parquet) Stamp(ctx context.Context, collection string) (backend.Stamp, error) {
	if err := fault.FromContext(ctx, op); err != nil {
		return backend.Stamp{}, err
	}
	files, where, err := b.list(collection)
	if err != nil {
		return backend.Stamp{}, err
	}
	return b.stampOf(ctx, collection, files, where)
}

// stampOf looks at the files and makes a stamp of what they say.
func (b *Parquet) stampOf(
	ctx context.Context, collection string, files []looked, where string,
) (backend.Stamp, error) {
	stamp := backend.Stamp{DataRef: "file://" + where, Dim: b.o.Dim}
	h := sha256.New()
	for i := range files {
		if err := b.look(ctx, collection, &files[i]); err != nil {
			return stamp, err
		}
		f := &files[i]
		var numbers [16]byte
		binary.LittleEndian.PutUint64(numbers[:], uint64(f.mark.size))
		binary.LittleEndian.PutUint64(numbers[8:], uint64(f.mark.written))
		h.Write([]byte(path.Base(f.name) + "\x00"))
		h.Write(numbers[:])
		h.Write(f.digest[:])
		if err := b.agree(files[:i], f); err != nil {
			return stamp, err
		}
		stamp.Dim = max(stamp.Dim, f.dim)
	}
	stamp.Generation = bundle.Opaque(fmt.Sprintf("%d-%x", len(files), h.Sum(nil)[:20]))
	return stamp, nil
}

// agree tells a file apart from those before it that has other vectors.
func (b *Parquet) agree(before []looked, f *looked) error {
	for i := range before {
		o := &before[i]
		if o.elem != f.elem || o.dim != f.dim && o.dim != 0 && f.dim != 0 {
			return fault.New(fault.BackendError, op,
				fmt.Sprintf("%s has vectors of %d numbers of %s, %s of %d of %s", b.path(f), f.dim, f.elem,
					b.path(o), o.dim, o.elem), "keep vectors of one type in a collection")
		}
	}
	return nil
}

// path returns the whole path of a file.
func (b *Parquet) path(f *looked) string { return filepath.Join(b.dir, filepath.FromSlash(f.name)) }

// look reads what a file says of itself, unless that is known.
func (b *Parquet) look(ctx context.Context, collection string, f *looked) error {
	if f.groups != nil {
		return nil
	}
	b.mu.Lock()
	known, ok := b.seen[f.name]
	b.mu.Unlock()
	if ok && known.mark == f.mark {
		*f = known
		return nil
	}
	now := time.Now()
	s, err := b.openSource(collection, f)
	if err != nil {
		return err
	}
	v, err := b.vectors(ctx, s, f)
	if err != nil {
		return err
	}
	_ = v.File().Close() // only read from
	if f.mark.settled(now) == 0 {
		b.mu.Lock()
		b.seen[f.name] = *f
		b.mu.Unlock()
	}
	return nil
}

// openSource opens a file.
func (b *Parquet) openSource(collection string, f *looked) (*source, error) {
	s, err := openIn(b.root, f.name, b.path(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, unknown(b.id, collection)
	}
	return s, err
}

// vectors finds the vectors of a file, which it takes over, and notes what it says of itself.
func (b *Parquet) vectors(ctx context.Context, s *source, f *looked) (*parquet.Vectors, error) {
	file, err := parquet.OpenFile(ctx, s.File, s.path, parquet.Limits{})
	if err != nil {
		return nil, storeError(err)
	}
	v, err := file.Vectors(ctx, b.o.Column, parquet.Options{Dim: b.o.Dim})
	if err != nil {
		_ = file.Close() // only read from
		return nil, storeError(err)
	}
	f.mark, f.digest, f.rows, f.dim, f.elem = s.was, file.Digest(), v.Rows(), v.Dim(), v.Type()
	f.groups = make([]int, file.Groups())
	for g := range f.groups {
		rows, _ := file.GroupRows(g)
		f.groups[g] = int(rows)
		if err := v.CheckGroup(g); err != nil {
			_ = file.Close() // only read from
			return nil, storeError(err)
		}
	}
	return v, nil
}
