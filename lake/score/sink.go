package score

import (
	"bufio"
	"errors"
	"io/fs"
	"os"

	"github.com/ruvector/ruvector-arrow/fault"
)

// sink is the file that a part is written to. Its first error stays.
type sink struct {
	path  string
	file  *os.File
	w     *bufio.Writer
	bytes int64
	err   error
}

// create makes a file that must not be there.
func create(path string) (*sink, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return nil, persist("there is a file already: "+path, err, "choose another place")
	}
	if err != nil {
		return nil, persist("cannot create "+path, err, "check the folder and its permissions")
	}
	return &sink{path: path, file: f, w: bufio.NewWriterSize(f, 1<<20)}, nil
}

func persist(msg string, err error, fix string) error {
	return &fault.Error{Kind: fault.PersistError, Op: op, Msg: msg, Fix: fix, Row: -1, Column: -1,
		Err: err}
}

// Write is that of io.Writer.
func (s *sink) Write(b []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(b)
	s.bytes += int64(n)
	s.keep("writing", err)
	return n, s.err
}

// keep remembers the first error.
func (s *sink) keep(step string, err error) {
	if err != nil && s.err == nil {
		s.err = persist(step+" "+s.path+" failed", err, "make room on the disk, or write elsewhere")
	}
}

// finish writes what is buffered, to the disk itself.
func (s *sink) finish() error {
	if s.err == nil {
		s.keep("writing", s.w.Flush())
	}
	if s.err == nil {
		s.keep("flushing", s.file.Sync())
	}
	if s.err == nil {
		s.keep("closing", s.file.Close())
		s.file = nil
	}
	return s.err
}

// remove closes the file and takes it away.
func (s *sink) remove() {
	if s.file != nil {
		_ = s.file.Close() // it is to be gone
		s.file = nil
	}
	_ = os.Remove(s.path) // what cannot be removed is no part that was finished
}
