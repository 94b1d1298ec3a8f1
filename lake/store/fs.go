package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// FS reads the files of one folder: "docs.ruvec1" or "docs.rvx", an index that stores its vectors,
// is the collection "docs". It is an error to have both. Folders within are not looked into; links
// are followed as long as they stay in the folder.
//
// The generation is made of size, time of the last change in nanoseconds and a digest: of the
// header and rows here and there of a ruvec1 file, of all checksums of an index. A pull waits until
// a file was left alone for 20 ms (where times are whole seconds: 2 s), and fails when it is
// written to meanwhile: what it hands over is what the file holds at that time and size. Write
// gives a file a time that it never had. Other programs must not set times back.
type FS struct {
	id   string
	dir  string
	root *os.Root

	mu   sync.Mutex
	seen map[string]stamped // by the name of the file
}

// stamped is the stamp of a file while it has a mark.
type stamped struct {
	mark  mark
	stamp backend.Stamp
}

// NewFS opens a folder, which is made if there is none.
//
// Errors: InvalidArgument for an id that cannot be a name; BackendError when there is no such
// folder and none can be made.
func NewFS(id, root string) (*FS, error) {
	dir, opened, err := openRoot(id, root, true)
	if err != nil {
		return nil, err
	}
	return &FS{id: id, dir: dir, root: opened, seen: map[string]stamped{}}, nil
}

// openRoot opens the folder of a backend and returns its path without links.
func openRoot(id, root string, create bool) (string, *os.Root, error) {
	if err := checkID(id); err != nil {
		return "", nil, err
	}
	cannot := func(err error) error {
		return &fault.Error{Kind: fault.BackendError, Op: "backend", Row: -1, Column: -1, Err: err,
			Msg: fmt.Sprintf("backend %q: the folder %q cannot be opened", id, root),
			Fix: "give a folder that can be read"}
	}
	if root == "" {
		return "", nil, cannot(fs.ErrNotExist)
	}
	if create {
		if err := os.MkdirAll(root, 0o777); err != nil {
			return "", nil, cannot(err)
		}
	}
	dir, err := filepath.Abs(root)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return "", nil, cannot(err)
	}
	opened, err := os.OpenRoot(dir)
	if err != nil {
		return "", nil, cannot(err)
	}
	return dir, opened, nil
}

// Close closes the folder. Pulls that have begun go on.
func (b *FS) Close() error { return b.root.Close() }

// ID implements backend.Backend.
func (b *FS) ID() string { return b.id }

// Collections implements backend.Backend. Files whose names cannot be those of collections are left
// out.
func (b *FS) Collections(ctx context.Context) ([]string, error) {
	if err := fault.FromContext(ctx, op); err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(b.root.FS(), ".")
	if err != nil {
		return nil, unreadable(b.dir, err)
	}
	var names []string
	for _, e := range entries {
		name, ext := stem(e.Name())
		if ext == "" || bundle.CheckName(name) != nil {
			continue
		}
		mode := e.Type()
		if mode&fs.ModeSymlink != 0 {
			if st, err := b.root.Stat(e.Name()); err == nil {
				mode = st.Mode()
			}
		}
		if mode.IsRegular() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// stem cuts the ending off the name of a file, "" where it is none of a collection.
func stem(file string) (name, ext string) {
	for _, ext := range []string{ruvecExt, rvxExt} {
		if name, ok := strings.CutSuffix(file, ext); ok {
			return name, ext
		}
	}
	return file, ""
}

// locate returns the file of a collection.
//
// Errors: UnknownCollection; BackendError where there are two.
func (b *FS) locate(collection string) (file string, st fs.FileInfo, err error) {
	if bundle.CheckName(collection) != nil {
		return "", nil, unknown(b.id, collection)
	}
	for _, ext := range []string{ruvecExt, rvxExt} {
		found, err := b.root.Stat(collection + ext)
		switch {
		case err == nil && st != nil:
			return "", nil, fault.New(fault.BackendError, op,
				fmt.Sprintf("backend %q: collection %q is both %s and %s", b.id, collection, file,
					collection+ext), "remove one of them")
		case err == nil:
			file, st = collection+ext, found
		case errors.Is(err, fs.ErrNotExist) || len(collection) > 200 && tooLong(err):
		default:
			return "", nil, unreadable(filepath.Join(b.dir, collection+ext), err)
		}
	}
	if st == nil {
		return "", nil, unknown(b.id, collection)
	}
	return file, st, nil
}

// Stamp implements backend.Backend. A file that was not changed since it was last asked for is not
// opened.
func (b *FS) Stamp(ctx context.Context, collection string) (backend.Stamp, error) {
	if err := fault.FromContext(ctx, op); err != nil {
		return backend.Stamp{}, err
	}
	file, st, err := b.locate(collection)
	if err != nil {
		return backend.Stamp{}, err
	}
	b.mu.Lock()
	known, ok := b.seen[file]
	b.mu.Unlock()
	if ok && known.mark == markOf(st) {
		return known.stamp, nil
	}
	s, err := b.open(collection, file)
	if err != nil {
		return backend.Stamp{}, err
	}
	defer func() { _ = s.Close() }() // only read from
	now := time.Now()
	stamp, err := b.stampOf(s, file)
	if err != nil {
		return backend.Stamp{}, err
	}
	if s.was.settled(now) == 0 {
		b.mu.Lock()
		b.seen[file] = stamped{s.was, stamp}
		b.mu.Unlock()
	}
	return stamp, nil
}

// open opens the file of a collection.
func (b *FS) open(collection, file string) (*source, error) {
	s, err := openIn(b.root, file, filepath.Join(b.dir, file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, unknown(b.id, collection)
	}
	return s, err
}

// stampOf reads the stamp of an open file.
func (b *FS) stampOf(s *source, file string) (backend.Stamp, error) {
	stamp := backend.Stamp{DataRef: "file://" + s.path}
	var digest [sha256.Size]byte
	var err error
	if strings.HasSuffix(file, rvxExt) {
		o, dim, wrong := rvxOutline(s)
		digest, stamp.Dim, err = o.Digest, dim, wrong
	} else {
		digest, stamp.Dim, err = ruvecDigest(s)
	}
	if err != nil {
		return stamp, err
	}
	stamp.Generation = bundle.Opaque(fmt.Sprintf("%d-%d-%x", s.was.size, s.was.written, digest[:16]))
	return stamp, nil
}

// Pull implements backend.Backend.
func (b *FS) Pull(ctx context.Context, collection string) (*backend.Pulled, error) {
	if err := fault.FromContext(ctx, op); err != nil {
		return nil, err
	}
	file, _, err := b.locate(collection)
	if err != nil {
		return nil, err
	}
	s, err := b.open(collection, file)
	if err != nil {
		return nil, err
	}
	var r *rows
	stamp := backend.Stamp{}
	if err = s.settle(ctx); err == nil {
		stamp, err = b.stampOf(s, file)
	}
	switch {
	case err != nil:
	case strings.HasSuffix(file, rvxExt):
		r, err = rvxRows(ctx, s)
		if err != nil {
			return nil, err // it has closed the file
		}
	default:
		r, err = ruvecRows(ctx, s)
	}
	if err != nil {
		_ = s.Close() // only read from
		return nil, err
	}
	return &backend.Pulled{Rows: r, Generation: stamp.Generation, Owned: true,
		Embedder: r.embedder}, nil
}

// ruvecRows streams the rows of a ruvec1 file, which it closes at the end, but not on an error.
func ruvecRows(ctx context.Context, s *source) (*rows, error) {
	head := make([]byte, min(ruvecHeader, s.was.size))
	if err := s.read(head, 0); err != nil {
		return nil, err
	}
	n, dim, err := ruvecShape(head, s.was.size, s.path)
	if err != nil {
		return nil, err
	}
	f := filling{rows: n, form: form{arrow.FLOAT32, dim}, ids: arrow.PrimitiveTypes.Uint64,
		fill: ruvecFill(s, dim), check: s.check, done: func() { _ = s.Close() }}
	return f.stream(ctx), nil
}

// Places of a file that its digest looks at, beside the header.
const (
	looks     = 16
	lookBytes = 4096
)

// ruvecDigest returns SHA-256 of the header and some places of a file, and its dimension.
func ruvecDigest(s *source) (digest [sha256.Size]byte, dim int, err error) {
	head := make([]byte, min(ruvecHeader, s.was.size))
	if err := s.read(head, 0); err != nil {
		return digest, 0, err
	}
	if _, dim, err = ruvecShape(head, s.was.size, s.path); err != nil {
		return digest, 0, err
	}
	h := sha256.New()
	h.Write(head)
	rest := s.was.size - ruvecHeader
	part := make([]byte, min(lookBytes, rest))
	for i := range int64(looks) {
		at := ruvecHeader + (rest-int64(len(part)))*i/(looks-1)
		if err := s.read(part, at); err != nil {
			return digest, 0, err
		}
		h.Write(part)
		if int64(len(part)) == rest { // all of it
			break
		}
	}
	return [sha256.Size]byte(h.Sum(nil)), dim, nil
}
