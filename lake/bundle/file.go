package bundle

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/ruvector/ruvector-arrow/fault"
)

// Write verifies the bundle and writes it to a folder, which is made if it is not there: a
// temporary file, flushed to the disk and renamed, so that a reader finds the old bundle or the new
// one. It returns the bundle's path. A link of the bundle's name is replaced, not followed. What
// writers that were killed have left goes.
//
// Errors: those of Verify and Encode; LakeError with the step that failed and the system's reason.
func (b Bundle) Write(dir string) (path string, err error) {
	if err := b.Verify(); err != nil {
		return "", err
	}
	if dir == "" {
		return "", noFolder()
	}
	text, err := b.Encode()
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, FileName)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", fileError("cannot make the folder "+dir, err)
	}
	sweep(dir)
	f, err := createTemporary(dir)
	if err != nil {
		return "", fileError("cannot create a file in "+dir, err)
	}
	defer func() {
		if err != nil {
			// The first error is the one to tell; what is left of the temporary must go.
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"writing", func() error { _, err := f.Write(text); return err }},
		{"keeping the mode of", func() error { return keepMode(f, path) }},
		{"flushing", f.Sync},
		{"renaming to", func() error { return os.Rename(f.Name(), path) }},
		{"closing", f.Close}, // last: until then it is locked
	} {
		if err := step.do(); err != nil {
			return "", fileError(step.name+" "+path+" failed", err)
		}
	}
	return path, syncFolder(dir)
}

func noFolder() error { return refuse("name it; \".\" is the current one", "no folder is named") }

// keepMode gives a file the permissions of the one that it will replace, if there is one.
func keepMode(f *os.File, path string) error {
	old, err := os.Lstat(path)
	if err != nil || !old.Mode().IsRegular() {
		return nil
	}
	return f.Chmod(old.Mode().Perm())
}

// syncFolder flushes a folder to the disk, so that a rename in it lasts.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fileError("cannot open "+dir, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fileError("flushing "+dir+" failed", err)
	}
	return nil
}

// Read reads the bundle of a folder and verifies it. It never follows a link of the bundle's name,
// never waits for a fifo, and reads at most MaxBytes; files beside the bundle do not matter.
//
// Errors: FileMissing when there is none; LakeError when it is no regular file, cannot be read, or
// says what no bundle can; WitnessMismatch; each with the path.
func Read(dir string) (Bundle, error) {
	if dir == "" {
		return Bundle{}, noFolder()
	}
	path := filepath.Join(dir, FileName)
	text, err := readFile(path)
	if err != nil {
		return Bundle{}, err
	}
	b, err := Decode(text)
	if err == nil {
		err = b.Verify()
	}
	if err != nil {
		return Bundle{}, prefixed(path, err)
	}
	return b, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, refuse("put the bundle itself there", "%s is a symbolic link", path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &fault.Error{Kind: fault.FileMissing, Op: op, Msg: "there is no " + path,
			Fix: "publish a bundle there first", Row: -1, Column: -1, Err: syscall.ENOENT}
	}
	if err != nil {
		return nil, fileError("cannot open "+path, err)
	}
	defer func() { _ = f.Close() }() // read-only: nothing is lost
	st, err := f.Stat()
	if err != nil {
		return nil, fileError("cannot read "+path, err)
	}
	if !st.Mode().IsRegular() {
		return nil, refuse("", "%s is no regular file", path)
	}
	if st.Size() > MaxBytes {
		return nil, prefixed(path, tooLong(st.Size()))
	}
	text, err := io.ReadAll(io.LimitReader(f, MaxBytes+1)) // it may have grown
	if err != nil {
		return nil, fileError("reading "+path+" failed", err)
	}
	return text, nil
}

// fileError explains what the system said; the path of a temporary file does not show.
func fileError(msg string, err error) error {
	fix := ""
	var no syscall.Errno
	if errors.As(err, &no) {
		err = no
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) ||
		errors.Is(err, syscall.EFBIG) {
		fix = "make room, or write elsewhere"
	}
	return &fault.Error{Kind: fault.LakeError, Op: op, Msg: msg, Fix: fix, Row: -1, Column: -1,
		Err: err}
}
