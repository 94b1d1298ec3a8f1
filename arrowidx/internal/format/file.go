package format

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// OpenRegular opens a file for reading if it is a regular one. It neither waits for the other end
// of a fifo nor touches a device.
func OpenRegular(path string) (*os.File, error) {
	st, err := os.Stat(path)
	if err == nil {
		err = regular("load", path, st.Mode())
	}
	if err != nil {
		return nil, FileError("load", "cannot open "+path, err)
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
		return nil, FileError("load", "cannot open "+path, err)
	}
	return f, nil
}

// LoadFrom reads an index of so many bytes.
func LoadFrom(ctx context.Context, r io.Reader, size int64) (*segment.Segment, error) {
	d := Decoder{Ctx: ctx, Size: uint64(size), from: r}
	head := make([]byte, min(size, headerSize))
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, endedEarly(0, err)
	}
	d.B = head
	if _, err := d.header(); err != nil {
		return nil, err
	}
	file, err := mem.NewSlab("load", size)
	if err != nil {
		return nil, err
	}
	d.B, d.have = file.Mem, copy(file.Mem, head)
	return d.Take(file)
}

// fill makes sure that bytes [0, n) of the file are in memory.
func (d *Decoder) fill(n uint64) error {
	for d.from != nil && d.have < int(n) {
		if err := fault.FromContext(d.Ctx, "load"); err != nil {
			return err
		}
		to := min(d.have+readPiece, int(n))
		got, err := io.ReadFull(d.from, d.B[d.have:to])
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
		return fault.New(fault.PersistError, "load",
			fmt.Sprintf("the file was cut to %d bytes while it was read", at), "save it again")
	}
	return FileError("load", fmt.Sprintf("reading failed at byte %d", at), err)
}

// regular returns an error that says what a path is, unless it is a regular file.
func regular(op, path string, mode fs.FileMode) error {
	what := ""
	switch {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return &fault.Error{Kind: fault.PersistError, Op: op, Row: -1, Column: -1, Err: syscall.EISDIR,
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
	return fault.New(fault.PersistError, op, path+" is "+what+", not a regular file",
		"an index lies in a regular file; pickle.dumps gives its bytes for any other place")
}

// Named puts the path in front of what an error says of a file's content.
func Named(path string, err error) error {
	var e *fault.Error
	if !errors.As(err, &e) || e.Kind == fault.Cancelled {
		return err
	}
	own := *e
	own.Msg = path + ": " + e.Msg
	return &own
}

// FileError explains what the system said. The path of a temporary file, which os puts into its
// errors, does not show.
func FileError(op, msg string, err error) error {
	var known *fault.Error
	if errors.As(err, &known) {
		return known
	}
	kind := fault.PersistError
	var no syscall.Errno
	if errors.As(err, &no) {
		err = no
	}
	if errors.Is(err, fs.ErrNotExist) {
		kind = fault.FileMissing
	}
	return &fault.Error{Kind: kind, Op: op, Msg: msg, Row: -1, Column: -1, Err: err}
}
