package format

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
)

const (
	// longestName is the most bytes of a file's name that its temporaries have in theirs: with what
	// is added they stay below the 255 bytes that file systems allow.
	longestName = 180
	// mostLinks is how many symbolic links may follow one another, as in the kernel.
	mostLinks = 40
	// mostLooks is how often a path is looked at again that others remove or replace meanwhile.
	mostLooks = 20
)

// replacement is where a file will be written: behind all links, and what lies there now.
type replacement struct {
	Path string
	old  fs.FileInfo // nil: nothing
}

// Replaced follows the links of a path to the regular file that a save will replace, or to the
// place where there is none yet.
func Replaced(path string) (replacement, error) {
	cannot := "cannot write " + path
	if path == "" || os.IsPathSeparator(path[len(path)-1]) {
		return replacement{}, FileError("save", cannot+", which names a folder", syscall.EISDIR)
	}
	for looks := 1; ; looks++ {
		at, changed, err := follow(path)
		if err == nil {
			return at, nil
		}
		if !changed || looks == mostLooks {
			return replacement{}, FileError("save", cannot, err)
		}
	}
}

// follow is one look of Replaced; changed says that the file may have become another meanwhile.
func follow(path string) (_ replacement, changed bool, err error) {
	old, err := os.Stat(path)
	if err == nil {
		err = regular("save", path, old.Mode())
	} else if errors.Is(err, fs.ErrNotExist) {
		old, err = nil, nil
	}
	at := path
	for links := 0; err == nil; links++ {
		var st fs.FileInfo
		st, err = os.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) && old == nil {
			return replacement{Path: at}, false, nil
		}
		if err != nil {
			changed = errors.Is(err, fs.ErrNotExist)
			break
		}
		if st.Mode()&fs.ModeSymlink == 0 {
			if old == nil || os.SameFile(st, old) {
				return replacement{at, old}, false, nil
			}
			// Or what /proc/self/fd links to, which can have no name any more.
			changed, err = true, syscall.ESTALE
			break
		}
		var to string
		if to, err = os.Readlink(at); err == nil && !filepath.IsAbs(to) {
			// Not cleaned: "link/.." is the parent of what the link points to.
			to = filepath.Dir(at) + string(filepath.Separator) + to
		}
		if at = to; links == mostLinks {
			err = syscall.ELOOP
		}
	}
	return replacement{}, changed, err
}

// temporaries is how the names of a file's temporaries begin.
func temporaries(base string) string {
	if len(base) > longestName {
		sum := sha256.Sum256([]byte(base))
		base = fmt.Sprintf("%s~%x", base[:longestName-17], sum[:8])
	}
	return "." + base + "."
}

// CreateBeside creates a new file in the folder of a replacement and locks it. One that will
// replace another can be read by nobody else until it has got that one's mode.
func CreateBeside(at replacement) (*os.File, error) {
	dir, base := filepath.Split(at.Path)
	mode := fs.FileMode(0o666)
	if at.old != nil {
		mode = 0o600
	}
	for range 100 {
		name := fmt.Sprintf("%s%d-%x.tmp", temporaries(base), os.Getpid(), time.Now().UnixNano())
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil || hold(f) {
			return f, err
		}
		_ = f.Close() // swept between creation and lock
	}
	return nil, syscall.EEXIST
}

// hold locks a new temporary file and reports whether it is still there. Where a file system has
// no locks nobody else gets one either, so that nothing is swept.
func hold(f *os.File) bool {
	if errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB),
		syscall.EWOULDBLOCK) {
		return false
	}
	st, err := f.Stat()
	if err != nil {
		return false
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	return !ok || sys.Nlink > 0
}

// SweepLeft removes the temporaries of a path that no living writer holds. What cannot be removed
// is left: it is in nobody's way.
func SweepLeft(ctx context.Context, path string) {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	d, err := os.Open(dir)
	if err != nil {
		return
	}
	defer func() { _ = d.Close() }() // read-only: nothing is lost
	begin := temporaries(base)
	for ctx.Err() == nil {
		names, err := d.Readdirnames(1024)
		for _, name := range names {
			if rest, ok := strings.CutPrefix(name, begin); ok && written(rest) {
				removeUnheld(filepath.Join(dir, name))
			}
		}
		if err != nil {
			return
		}
	}
}

// written reports whether the rest of a name is one that CreateBeside makes.
func written(rest string) bool {
	rest, ok := strings.CutSuffix(rest, ".tmp")
	pid, when, cut := strings.Cut(rest, "-")
	return ok && cut && pid != "" && when != "" && strings.Trim(pid, "0123456789") == "" &&
		strings.Trim(when, "0123456789abcdef") == ""
}

// removeUnheld removes a temporary file unless a writer holds its lock.
func removeUnheld(name string) {
	f, err := os.OpenFile(name, os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }() // nothing was written
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() ||
		syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return
	}
	if now, err := os.Lstat(name); err == nil && os.SameFile(st, now) {
		_ = os.Remove(name) // its folder may be read-only
	}
}

// KeepAccess gives a new file the owner, mode and access list of the old one that it is about to
// replace, if there is one.
func KeepAccess(f *os.File, at replacement) error {
	if at.old == nil {
		return nil // the process's own mode and the folder's access list stay
	}
	have, err := f.Stat()
	if err != nil {
		return err
	}
	old, ok := at.old.Sys().(*syscall.Stat_t)
	mine, also := have.Sys().(*syscall.Stat_t)
	if ok && also && (old.Uid != mine.Uid || old.Gid != mine.Gid) {
		if err := f.Chown(int(old.Uid), int(old.Gid)); err != nil {
			return err
		}
	}
	if err := copyAccessList(at.Path, f); err != nil {
		return err
	}
	const bits = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
	return f.Chmod(at.old.Mode() & bits)
}

// SyncFolder flushes a folder to the disk, so that a rename in it lasts.
func SyncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return FileError("save", "cannot open "+dir, err)
	}
	err = errors.Join(d.Sync(), d.Close())
	if err != nil {
		return FileError("save", "flushing "+dir+" failed", err)
	}
	return nil
}
