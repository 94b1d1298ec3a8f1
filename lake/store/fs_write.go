package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// Write writes a collection as a ruvec1 file, or replaces it: a new file in the same folder,
// flushed to the disk and renamed over the old one, whose mode it gets. Readers see the old rows or
// the new ones, also when the process is killed. Of two writers the later one wins.
//
// The format has ids of u64, which come back as uint64, and vectors of float32, to which float64 is
// rounded.
//
// Errors: LakeError for a name that none can have; InvalidArgument for texts and negative numbers
// as ids and packed bits, which index files can store; for ids and vectors of different numbers;
// where the collection is an index file, or no file.
// InvalidVector naming row and column of what is null, NaN, infinite or outside float32;
// LimitExceeded; Cancelled;
// BackendError naming what the system refused, for example a full disk. The old file is then as it
// was.
func (b *FS) Write(
	ctx context.Context, collection string, ids *arrowidx.IDs, vectors *arrowidx.Column,
) error {
	if err := bundle.CheckName(collection); err != nil {
		return err
	}
	file := collection + ruvecExt
	if len(file) > 255 {
		return fault.New(fault.InvalidArgument, "write",
			fmt.Sprintf("the file of collection %q would have a name of %d bytes, at most 255 are "+
				"possible", collection, len(file)), "choose a shorter name")
	}
	in, err := readGiven(ctx, collection, ids, vectors)
	if err == nil {
		err = in.fitRuvec()
	}
	if err != nil {
		return err
	}
	if _, err := b.root.Lstat(collection + rvxExt); err == nil {
		return fault.New(fault.InvalidArgument, "write",
			fmt.Sprintf("collection %q is an index file, %s", collection,
				filepath.Join(b.dir, collection+rvxExt)), "remove it, or choose another name")
	}
	block, err := in.copied(ctx, form{arrow.FLOAT32, in.form.dim})
	if err != nil {
		return err
	}
	defer block.buffer.Release()
	values := arrow.Float32Traits.CastFromBytes(block.mem)
	if err := checkRounded(ctx, in, values); err != nil {
		return err
	}
	return b.replace(file, func(f *os.File) error {
		return ruvecWrite(ctx, f, ids, values, in.form.dim)
	})
}

// fitRuvec refuses rows that a ruvec1 file cannot hold.
func (in *given) fitRuvec() error {
	refuse := func(row int64, msg string) error {
		return fault.At(fault.InvalidArgument, "write", row, -1,
			fmt.Sprintf("collection %q: %s", in.collection, msg), "save an index file (.rvx) instead")
	}
	switch {
	case in.form.dim == 0:
		return refuse(-1, "no vector tells the dimension")
	case in.kind == arrowidx.IDString:
		return refuse(-1, "a ruvec1 file holds no texts as ids")
	case in.form.number == arrow.FIXED_SIZE_BINARY:
		return refuse(-1, "a ruvec1 file holds no packed bits")
	}
	for row := range int64(in.ids.Len()) {
		if in.kind == arrowidx.IDInt64 && int64(in.ids.Number(row)) < 0 {
			return refuse(row, fmt.Sprintf("id %s of row %d is negative, a ruvec1 file holds u64",
				in.ids.Name(row), row))
		}
	}
	return nil
}

// checkRounded refuses numbers that were finite and are not any more.
func checkRounded(ctx context.Context, in *given, values []float32) error {
	if in.form.number != arrow.FLOAT64 {
		return nil
	}
	col, err := arrowidx.MatrixColumn(values, in.ids.Len(), in.form.dim)
	if err != nil {
		return err
	}
	defer col.Release()
	err = col.CheckFinite(ctx, "write", mem.Threads(0))
	if e := (*fault.Error)(nil); errors.As(err, &e) && e.Kind == fault.InvalidVector {
		return fault.At(e.Kind, "write", e.Row, e.Column,
			fmt.Sprintf("row %d, column %d holds a number outside float32", e.Row, e.Column),
			"scale the vectors, or save an index file (.rvx) instead")
	}
	return err
}

// refused is the error of a write that the system stopped.
func (b *FS) refused(step, file string, err error) error {
	if fault.KindOf(err) == fault.Cancelled {
		return err
	}
	var no syscall.Errno
	if errors.As(err, &no) {
		err = no // without the name of the temporary file
	}
	fix := "check the folder"
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, full) {
			fix = "make room on the disk: nothing was changed"
		}
	}
	return &fault.Error{Kind: fault.BackendError, Op: "write", Row: -1, Column: -1, Err: err,
		Msg: fmt.Sprintf("backend %q: %s %s failed", b.id, step, filepath.Join(b.dir, file)), Fix: fix}
}

// replace has write fill a new file and renames it.
func (b *FS) replace(file string, write func(f *os.File) error) (err error) {
	old, err := b.root.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		old = nil
	case err != nil:
		return b.refused("looking at", file, err)
	case !old.Mode().IsRegular() && old.Mode()&fs.ModeSymlink == 0:
		return fault.New(fault.InvalidArgument, "write",
			filepath.Join(b.dir, file)+" is not a regular file", "remove it first")
	}
	b.sweep(file)
	f, name, err := b.create(file)
	if err != nil {
		return b.refused("creating a file beside", file, err)
	}
	defer func() {
		if err != nil {
			// The first error is the one to tell; what is left of the file must go.
			_ = f.Close()
			_ = b.root.Remove(name)
		}
	}()
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"writing", func() error { return mem.Guarded("write", func() error { return write(f) }) }},
		{"keeping the mode of", func() error {
			if old == nil || !old.Mode().IsRegular() {
				return nil
			}
			return f.Chmod(old.Mode().Perm())
		}},
		{"setting the time of", func() error { return b.date(name, old) }},
		{"flushing", f.Sync},
		{"renaming", func() error { return b.root.Rename(name, file) }},
		{"closing", f.Close}, // last: until then it is locked
	} {
		if err := step.do(); err != nil {
			return b.refused(step.name, file, err)
		}
	}
	if err := b.syncFolder(); err != nil {
		return b.refused("flushing the folder of", file, err)
	}
	return nil
}

// date gives a new file a time that is later than that of the one it will replace: the clock that
// the system takes times from may stand still between two writes.
func (b *FS) date(name string, old fs.FileInfo) error {
	now := time.Now()
	if old != nil && !now.After(old.ModTime()) {
		now = old.ModTime().Add(time.Nanosecond)
	}
	return b.root.Chtimes(name, now, now)
}

// syncFolder flushes the folder, so that a rename in it lasts.
func (b *FS) syncFolder() error {
	d, err := b.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// temporaries is how the names of a file's temporaries begin. With what is added they stay below
// the 255 bytes that file systems allow.
func temporaries(file string) string {
	if len(file) > 180 {
		sum := sha256.Sum256([]byte(file))
		file = fmt.Sprintf("%s~%x", strings.ToValidUTF8(file[:160], ""), sum[:8])
	}
	return "." + file + "."
}

// create makes a new file with a name of its own and locks it until it is closed.
func (b *FS) create(file string) (*os.File, string, error) {
	for range 100 {
		name := fmt.Sprintf("%s%d-%x.tmp", temporaries(file), os.Getpid(), time.Now().UnixNano())
		f, err := b.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		if bundle.Hold(f) {
			return f, name, nil
		}
		_ = f.Close() // swept between creation and lock
	}
	return nil, "", syscall.EEXIST
}

// sweep removes the temporaries of a file that no living writer holds. What cannot be removed is
// left: it is in nobody's way.
func (b *FS) sweep(file string) {
	entries, err := fs.ReadDir(b.root.FS(), ".")
	if err != nil {
		return
	}
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), temporaries(file))
		if !ok || !strings.HasSuffix(rest, ".tmp") || !e.Type().IsRegular() {
			continue
		}
		f, err := b.root.OpenFile(e.Name(), os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = b.root.Remove(e.Name())
		}
		_ = f.Close() // nothing was written
	}
}
