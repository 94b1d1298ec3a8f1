package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// temporary is how the names of unfinished bundles begin.
const temporary = "." + FileName + "."

// createTemporary creates a file that no other writer has, and locks it.
func createTemporary(dir string) (*os.File, error) {
	for range 100 {
		name := fmt.Sprintf("%s%d-%x.tmp", temporary, os.Getpid(), time.Now().UnixNano())
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil || Hold(f) {
			return f, err
		}
		_ = f.Close() // swept between creation and lock
	}
	return nil, syscall.EEXIST
}

// Hold locks a new file and reports whether it is still there. A writer that looks for what was
// left can have found it before the lock, and then holds it itself or has removed it. Where a file
// system has no locks, nobody else gets one either, so that nothing is swept.
func Hold(f *os.File) bool {
	if errors.Is(lock(f), syscall.EWOULDBLOCK) {
		return false
	}
	st, err := f.Stat()
	if err != nil {
		return false
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	return !ok || sys.Nlink > 0
}

func lock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// sweep removes unfinished bundles that no living writer holds. What cannot be removed is left: it
// is in nobody's way.
func sweep(dir string) {
	d, err := os.Open(dir)
	if err != nil {
		return
	}
	defer func() { _ = d.Close() }() // read-only: nothing is lost
	for {
		names, err := d.Readdirnames(1024)
		for _, name := range names {
			if isTemporary(name) {
				removeUnheld(filepath.Join(dir, name))
			}
		}
		if err != nil {
			return
		}
	}
}

// isTemporary reports whether a name is one that createTemporary makes.
func isTemporary(name string) bool {
	rest, ours := strings.CutPrefix(name, temporary)
	rest, ends := strings.CutSuffix(rest, ".tmp")
	pid, when, cut := strings.Cut(rest, "-")
	return ours && ends && cut && pid != "" && when != "" &&
		strings.Trim(pid, "0123456789") == "" && strings.Trim(when, "0123456789abcdef") == ""
}

func removeUnheld(name string) {
	f, err := os.OpenFile(name, os.O_WRONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }() // nothing was written
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() || lock(f) != nil {
		return
	}
	if now, err := os.Lstat(name); err == nil && os.SameFile(st, now) {
		_ = os.Remove(name) // its folder may be read-only
	}
}
