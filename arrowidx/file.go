package arrowidx

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Save writes the index to a file: a temporary file in the same folder, flushed to the disk and
// renamed over path, so that path holds the old bytes or the new ones. On any error the temporary
// file is removed.
//
// Errors: those of Encode, and PersistError naming the step that failed.
func (ix *Index) Save(ctx context.Context, path string, vectors bool) (err error) {
	f, err := createBeside(path)
	if err != nil {
		return persistError("save", "cannot create a file beside "+path, err)
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
		return err
	}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"writing", w.Flush},
		{"flushing", f.Sync},
		{"closing", f.Close},
		{"keeping the mode of", func() error { return keepMode(f.Name(), path) }},
		{"renaming", func() error { return os.Rename(f.Name(), path) }},
	} {
		if err := step.do(); err != nil {
			return persistError("save", step.name+" "+path+" failed", err)
		}
	}
	return syncFolder(filepath.Dir(path))
}

// createBeside creates a new file with a name of its own in the folder of path, with the mode that
// the process gives new files.
func createBeside(path string) (f *os.File, err error) {
	dir, base := filepath.Split(path)
	for range 100 {
		name := fmt.Sprintf(".%s.%d-%x.tmp", base, os.Getpid(), time.Now().UnixNano())
		f, err = os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, os.ErrExist) {
			break
		}
	}
	return f, err
}

// keepMode gives a new file the mode of the old one that it is about to replace, if there is one.
func keepMode(name, path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return nil // there is none: the process's own mode stays
	}
	return os.Chmod(name, st.Mode().Perm())
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return persistError("save", "cannot open "+dir, err)
	}
	err = errors.Join(d.Sync(), d.Close())
	if err != nil {
		return persistError("save", "flushing "+dir+" failed", err)
	}
	return nil
}

// Load reads an index from a file into memory.
//
// Errors: PersistError when the file cannot be read, and those of Decode.
func Load(ctx context.Context, path string) (*Index, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, persistError("load", "cannot open "+path, err)
	}
	defer func() { _ = f.Close() }() // read-only: nothing is lost
	st, err := f.Stat()
	if err != nil {
		return nil, persistError("load", "cannot read "+path, err)
	}
	if !st.Mode().IsRegular() {
		return nil, newError(PersistError, "load", path+" is not a regular file", "")
	}
	file, err := newSlab("load", st.Size())
	if err != nil {
		return nil, err
	}
	for at := 0; at < len(file.mem); {
		if err := cancelled(ctx, "load"); err != nil {
			file.free()
			return nil, err
		}
		n, err := io.ReadFull(f, file.mem[at:min(at+(8<<20), len(file.mem))])
		if err != nil {
			file.free()
			return nil, persistError("load", fmt.Sprintf("%s ended at byte %d", path, at+n), err)
		}
		at += n
	}
	return decodeSlab(ctx, file)
}

func persistError(op, msg string, err error) error {
	return &Error{Kind: PersistError, Op: op, Msg: msg, Row: -1, Column: -1, Err: err}
}
