package arrowidx

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Save writes the index to a file: a temporary file in the same folder, flushed to the disk and
// renamed over path, so that path holds the old bytes or the new ones. Where path is a symbolic
// link, all this is done to what it points to. The owner, mode and access list of a file that is
// replaced are kept. On any error the temporary file is removed; what writers that were killed have
// left of this path goes at the next Save.
//
// Errors: those of Encode; FileMissing when there is no such folder; PersistError naming the step
// that failed, also when path is a folder, a fifo, a socket or a device.
func (ix *Index) Save(ctx context.Context, path string, vectors bool) (err error) {
	at, err := replaced(path)
	if err != nil {
		return err
	}
	sweepLeft(ctx, at.path)
	f, err := createBeside(at)
	if err != nil {
		return fileError("save", "cannot create a file beside "+path, err)
	}
	defer func() {
		if err != nil {
			// The first error is the one to tell; what is left of the temporary must go.
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := ix.Encode(ctx, w, vectors); err != nil {
		return named(path, err)
	}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"writing", w.Flush},
		{"keeping the owner and mode of", func() error { return keepAccess(f, at) }},
		{"flushing", f.Sync},
		{"renaming", func() error { return os.Rename(f.Name(), at.path) }},
		{"closing", f.Close}, // last: until then it is locked
	} {
		if err := step.do(); err != nil {
			return fileError("save", step.name+" "+path+" failed", err)
		}
	}
	return syncFolder(filepath.Dir(at.path))
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fileError("save", "cannot open "+dir, err)
	}
	err = errors.Join(d.Sync(), d.Close())
	if err != nil {
		return fileError("save", "flushing "+dir+" failed", err)
	}
	return nil
}

// Load reads an index from a file into memory. Header and table are checked before anything else is
// read, and every block as it comes, so that little is read of a file that is none of ours.
//
// Errors: FileMissing, PersistError when the file cannot be read or is no regular file (which is
// found out without waiting for it), and those of Decode.
func Load(ctx context.Context, path string) (*Index, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read-only: nothing is lost
	st, err := f.Stat()
	if err != nil {
		return nil, fileError("load", "cannot read "+path, err)
	}
	ix, err := opened(loadFrom(ctx, f, st.Size()))
	return ix, named(path, err)
}

// openRegular opens a file for reading if it is a regular one. It neither waits for the other end
// of a fifo nor touches a device.
func openRegular(path string) (*os.File, error) {
	st, err := os.Stat(path)
	if err == nil {
		err = regular("load", path, st.Mode())
	}
	if err != nil {
		return nil, fileError("load", "cannot open "+path, err)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err == nil {
		st, err = f.Stat()
	}
	if err == nil {
		err = regular("load", path, st.Mode()) // it may be another one by now
	}
	if err != nil {
		if f != nil {
			_ = f.Close()
		}
		return nil, fileError("load", "cannot open "+path, err)
	}
	return f, nil
}

// loadFrom reads an index of so many bytes.
func loadFrom(ctx context.Context, r io.Reader, size int64) (*segment, error) {
	d := decoder{ctx: ctx, size: uint64(size), from: r}
	head := make([]byte, min(size, headerSize))
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, endedEarly(0, err)
	}
	d.b = head
	if _, err := d.header(); err != nil {
		return nil, err
	}
	file, err := newSlab("load", size)
	if err != nil {
		return nil, err
	}
	d.b, d.have = file.mem, copy(file.mem, head)
	return d.take(file)
}

// fill makes sure that bytes [0, n) of the file are in memory.
func (d *decoder) fill(n uint64) error {
	for d.from != nil && d.have < int(n) {
		if err := cancelled(d.ctx, "load"); err != nil {
			return err
		}
		to := min(d.have+readPiece, int(n))
		got, err := io.ReadFull(d.from, d.b[d.have:to])
		if d.have += got; err != nil {
			return endedEarly(d.have, err)
		}
	}
	return nil
}

const (
	// readPiece is the most bytes read between two looks at the context.
	readPiece = 8 << 20
	// blocksRead is how many blocks are read at once and then verified.
	blocksRead = readPiece / crcBlock
)

func endedEarly(at int, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return newError(PersistError, "load",
			fmt.Sprintf("the file was cut to %d bytes while it was read", at), "save it again")
	}
	return fileError("load", fmt.Sprintf("reading failed at byte %d", at), err)
}

// regular returns an error that says what a path is, unless it is a regular file.
func regular(op, path string, mode fs.FileMode) error {
	what := ""
	switch {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return &Error{Kind: PersistError, Op: op, Row: -1, Column: -1, Err: syscall.EISDIR,
			Msg: path + " is a folder", Fix: "give the path of a file in it"}
	case mode&fs.ModeNamedPipe != 0:
		what = "a fifo"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	default:
		what = "something special"
	}
	return newError(PersistError, op, path+" is "+what+", not a regular file",
		"an index lies in a regular file; pickle.dumps gives its bytes for any other place")
}

// named puts the path in front of what an error says of a file's content.
func named(path string, err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Kind == Cancelled {
		return err
	}
	own := *e
	own.Msg = path + ": " + e.Msg
	return &own
}

// fileError explains what the system said. The path of a temporary file, which os puts into its
// errors, does not show.
func fileError(op, msg string, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	kind := PersistError
	var no syscall.Errno
	if errors.As(err, &no) {
		err = no
	}
	if errors.Is(err, fs.ErrNotExist) {
		kind = FileMissing
	}
	return &Error{Kind: kind, Op: op, Msg: msg, Row: -1, Column: -1, Err: err}
}
