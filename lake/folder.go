package lake

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// A folder that is published to holds a bundle and the index that it names, see
// docs/decisions/0024: the name of an index file says its witness and its content, so that a bundle
// names one file, and the bundle is replaced last.

// digestShown is how many digits of the content's digest are in the name of an index file.
const digestShown = 16

var (
	indexName = regexp.MustCompile(`^index-([0-9a-f]{64})-([0-9a-f]{16})\.rvx$`)
	// leftName are temporary files of index files whose writer ended.
	leftName = regexp.MustCompile(`^\.index-[0-9a-f]{64}-[0-9a-f]{16}\.rvx\.[0-9]+-[0-9a-f]+\.tmp$`)
)

// indexFile returns the name of the index file of a witness (format 2) and a digest of its content.
func indexFile(witness, digest string) string {
	return "index-" + witness + "-" + digest[:min(digestShown, len(digest))] + ".rvx"
}

// folder is a folder that this process writes to, and nobody else meanwhile.
type folder struct {
	path string
	lock *os.File
}

// writeTo makes a folder if need be and waits until no other writer has it.
//
// Errors: PersistError when it cannot be made, is no folder, or lies where folders have no locks;
// Cancelled.
func writeTo(ctx context.Context, op, path string) (*folder, error) {
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, folderError(op, "cannot make the folder "+path, err)
	}
	lock, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return nil, folderError(op, "cannot open the folder "+path, err)
	}
	w := &waiting{lock: lock, got: make(chan error, 1)}
	go w.take()
	select {
	case err = <-w.got:
	case <-ctx.Done():
		if w.leave() {
			return nil, fault.FromContext(ctx, op)
		}
		err = <-w.got
	}
	if err != nil {
		_ = lock.Close() // nothing was written
		return nil, folderError(op, "cannot lock the folder "+path, err)
	}
	return &folder{path, lock}, nil
}

// waiting is a wait for a lock, in the queue that the system keeps: it cannot be called off there.
type waiting struct {
	lock    *os.File
	got     chan error
	settled atomic.Bool // the lock is for the caller, or the caller has left
}

// take waits for the lock, and gives it up again if the caller has left.
func (w *waiting) take() {
	var err error
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("locking panicked: %v", r)
		}
		if w.settled.CompareAndSwap(false, true) {
			w.got <- err
		} else {
			_ = w.lock.Close() // nothing was written
		}
	}()
	for {
		if err = syscall.Flock(int(w.lock.Fd()), syscall.LOCK_EX); err != syscall.EINTR {
			return
		}
	}
}

// leave ends the wait, false when the lock has come.
func (w *waiting) leave() bool { return w.settled.CompareAndSwap(false, true) }

// done lets other writers in, also where a child process has the open folder, too.
func (f *folder) done() {
	// Neither can fail in a way that matters: nothing was written to the folder itself.
	_ = syscall.Flock(int(f.lock.Fd()), syscall.LOCK_UN)
	_ = f.lock.Close()
}

// clear removes index files but those to keep, and what writers of indexes that were killed have
// left: the lock says that none is at work. bundle.Write does the same for bundles. What cannot be
// removed is left: it is in nobody's way.
func (f *folder) clear(keep ...string) {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return
	}
	kept := map[string]bool{}
	for _, name := range keep {
		kept[name] = true
	}
	for _, e := range entries {
		name := e.Name()
		if e.Type().IsRegular() && !kept[name] &&
			(indexName.MatchString(name) || leftName.MatchString(name)) {
			_ = os.Remove(filepath.Join(f.path, name))
		}
	}
}

// indexOf returns the name of the index file that a bundle goes with, "" if there is none: for
// format 3 the one of its content, for format 2 the newest of its witness.
func indexOf(dir string, b *bundle.Bundle) (string, error) {
	witness := witness2(b)
	if b.FormatVersion >= 3 {
		name := indexFile(witness, b.Content.Digest)
		_, err := os.Lstat(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		return name, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	found, when := "", time.Time{}
	for _, e := range entries {
		parts := indexName.FindStringSubmatch(e.Name())
		if parts == nil || parts[1] != witness {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		if found == "" || info.ModTime().After(when) {
			found, when = e.Name(), info.ModTime()
		}
	}
	return found, nil
}

// witness2 is the witness that a bundle's data has in caches, whatever its own format.
func witness2(b *bundle.Bundle) string {
	return bundle.Witness2(b.DataRef, b.Dim, b.RotationSeed, b.RerankFactor, b.Generation)
}

// folderError explains what the system said of a folder or a file in it.
func folderError(op, msg string, err error) error {
	kind := fault.PersistError
	if errors.Is(err, fs.ErrNotExist) {
		kind = fault.FileMissing
	}
	var no syscall.Errno
	if errors.As(err, &no) {
		err = no // without the path, which the message has
	}
	return &fault.Error{Kind: kind, Op: op, Msg: msg, Row: -1, Column: -1, Err: err}
}
