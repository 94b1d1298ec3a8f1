package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/ruvector/ruvector-arrow/fault"
)

const (
	// settle is longer than a tick of the clock that file systems take times from: whoever writes
	// to a file that was last written to so long ago gives it another time.
	settle = 20 * time.Millisecond
	// settleCoarse is settle where times are whole seconds.
	settleCoarse = 2 * time.Second
	// settleTries is how often a file may be written to while it is waited for.
	settleTries = 50
)

// mark tells whether a file is the one that it was, as far as the system says.
type mark struct {
	dev, inode    uint64
	links         uint64
	size          int64
	written, meta int64 // when content, or anything, was changed, in ns
}

// markOf returns the mark of a file.
func markOf(st fs.FileInfo) mark {
	p := mark{size: st.Size(), written: st.ModTime().UnixNano()}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		p.dev, p.inode, p.links = uint64(sys.Dev), sys.Ino, uint64(sys.Nlink)
		p.meta = changeTime(sys)
	}
	return p
}

// settled returns how long it takes until a change of the file gives it another mark.
func (p mark) settled(now time.Time) time.Duration {
	need := settle
	if p.written%1e9 == 0 && p.meta%1e9 == 0 {
		need = settleCoarse
	}
	age := time.Duration(now.UnixNano() - max(p.written, p.meta))
	if age < 0 { // in the future: what a writer sets is not
		age = time.Duration(now.UnixNano() - p.meta)
	}
	return min(max(need-age, 0), need)
}

// follows reports whether an open file can have been written to since it had another mark. That it
// was replaced, which takes a link from it, changes nothing in it.
func (p mark) follows(before mark) bool {
	return p.size == before.size && p.written == before.written &&
		(p.meta == before.meta || p.links != before.links)
}

// source is an open regular file.
type source struct {
	*os.File
	path string // as errors show it
	was  mark
}

// openIn opens a regular file of a folder, which links do not lead out of. It waits for no other
// process.
//
// Errors: BackendError; fs.ErrNotExist as it is.
func openIn(root *os.Root, name, path string) (*source, error) {
	st, err := root.Stat(name)
	if err != nil {
		return nil, unreadable(path, err)
	}
	if !st.Mode().IsRegular() {
		return nil, irregular(path, st.Mode())
	}
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err == nil {
		st, err = f.Stat()
	}
	if err != nil {
		if f != nil {
			_ = f.Close() // only read from
		}
		return nil, unreadable(path, err)
	}
	if !st.Mode().IsRegular() { // it may be another one by now
		_ = f.Close()
		return nil, irregular(path, st.Mode())
	}
	return &source{f, path, markOf(st)}, nil
}

// irregular is the error of what cannot be read as a file.
func irregular(path string, mode fs.FileMode) error {
	what := "something special"
	switch {
	case mode.IsDir():
		what = "a folder"
	case mode&fs.ModeNamedPipe != 0:
		what = "a fifo"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	}
	return fault.New(fault.BackendError, op, path+" is "+what+", not a regular file",
		"put a file there, or remove it")
}

// unreadable is the error of a file that cannot be read. One that does not exist stays that, for
// the caller to say what is missing.
func unreadable(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fs.ErrNotExist
	}
	return &fault.Error{Kind: fault.BackendError, Op: op, Row: -1, Column: -1, Err: err,
		Msg: path + " cannot be read", Fix: "make it readable, or remove it"}
}

// settle waits until the next change of the file will show in its mark.
//
// Errors: Cancelled; BackendError while others keep writing to it.
func (s *source) settle(ctx context.Context) error {
	for range settleTries {
		wait := s.was.settled(time.Now())
		if wait == 0 {
			return nil
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
		st, err := s.Stat()
		if err != nil {
			return unreadable(s.path, err)
		}
		was := s.was
		if s.was = markOf(st); s.was.follows(was) {
			return nil
		}
	}
	return s.changed()
}

// again opens the same file once more, for who closes the first.
func (s *source) again() (*source, error) {
	fd, err := syscall.Dup(int(s.Fd()))
	if err != nil {
		return nil, unreadable(s.path, err)
	}
	syscall.CloseOnExec(fd)
	return &source{os.NewFile(uintptr(fd), s.path), s.path, s.was}, nil
}

// tooLong reports whether a system says that a name is longer than its files' can be.
func tooLong(err error) bool { return errors.Is(err, syscall.ENAMETOOLONG) }

// pause waits for so long, or until the context ends.
func pause(ctx context.Context, wait time.Duration) error {
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	return fault.FromContext(ctx, op)
}

// check says whether the file is still what it was when it settled.
func (s *source) check() error {
	st, err := s.Stat()
	if err != nil {
		return unreadable(s.path, err)
	}
	if !markOf(st).follows(s.was) {
		return s.changed()
	}
	return nil
}

// changed is the error of a file that was written to while it was read.
func (s *source) changed() error {
	return fault.New(fault.BackendError, op, s.path+" was written to while it was read",
		"try again; write to a new file and rename it over the old one")
}

// read fills dst with the bytes at an offset.
func (s *source) read(dst []byte, at int64) error {
	n, err := s.ReadAt(dst, at)
	switch {
	case n == len(dst):
		return nil
	case errors.Is(err, io.EOF):
		return fault.New(fault.BackendError, op,
			fmt.Sprintf("%s was cut to %d bytes while it was read", s.path, at+int64(n)),
			"write it again")
	}
	return unreadable(s.path, err)
}

// storeError makes an error that a reader of the file had one of the store. Ends of contexts and
// of memory stay what they are.
func storeError(err error) error {
	var known *fault.Error
	if !errors.As(err, &known) {
		return unreadable("the store", err)
	}
	switch known.Kind {
	case fault.Cancelled, fault.OutOfMemory, fault.LimitExceeded, fault.ForkedProcess,
		fault.BackendError:
		return err
	}
	own := *known
	own.Kind, own.Op = fault.BackendError, op
	return &own
}
