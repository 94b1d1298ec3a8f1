package mem

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/ruvector/ruvector-arrow/fault"
)

// Mapping is a file that is read where the system maps it. Its pages are the system's, which gives
// them up when memory is short and reads them again. Safe for concurrent use.
//
// The bytes are others' as well: who writes to the file changes them, and what lies behind the end
// of a file that was cut, or on a device that fails, faults when it is read. Caught turns such a
// fault into an error; Check notices the rest.
type Mapping struct {
	name    string
	file    *os.File
	size    int64
	written time.Time
	bytes   []byte
	lost    atomic.Bool // a read failed: what was made of it meanwhile may be half made
}

// advice is how part of a mapped file will be used.
type advice int

// mappings are all there are, to tell a fault on one from others.
var mappings struct {
	mu  sync.Mutex
	all []*Mapping
}

// MapFile maps a file of at least one byte for reading and takes the file over. Name is the file in
// messages.
//
// Errors: PersistError when the system cannot map it; the file is then closed.
func MapFile(op string, f *os.File, name string) (Slab, error) {
	st, err := f.Stat()
	m := &Mapping{name: name, file: f}
	if err == nil {
		m.size, m.written = st.Size(), st.ModTime()
		m.bytes, err = syscall.Mmap(int(f.Fd()), 0, int(m.size), syscall.PROT_READ, syscall.MAP_SHARED)
	}
	if err != nil {
		_ = f.Close() // read-only: nothing is lost
		return Slab{}, &fault.Error{Kind: fault.PersistError, Op: op, Row: -1, Column: -1, Err: err,
			Msg: name + " cannot be mapped", Fix: "load it without mmap=True"}
	}
	mappings.mu.Lock()
	defer mappings.mu.Unlock()
	mappings.all = append(mappings.all, m)
	return Slab{Mem: m.bytes, mapping: m}, nil
}

// free unmaps the file and closes it; nobody may read it any more.
func (m *Mapping) free() {
	mappings.mu.Lock()
	if i := slices.Index(mappings.all, m); i >= 0 {
		mappings.all = slices.Delete(mappings.all, i, i+1)
	}
	mappings.mu.Unlock()
	// The mapping is ours and whole, and the file was only read: neither call can fail.
	_ = syscall.Munmap(m.bytes)
	_ = m.file.Close()
}

// Mapping is the file that the slab is, nil for other memory.
func (s *Slab) Mapping() *Mapping { return s.mapping }

// Check says whether the file is still as it was when it was mapped: what was read of it since then
// was read of the same bytes, but for writers that reset the time of the last change.
//
// Errors: PersistError when it was written to or cut, or could not be read.
func (m *Mapping) Check(op string) error {
	st, err := m.file.Stat()
	what := ""
	switch {
	case err != nil:
		return &fault.Error{Kind: fault.PersistError, Op: op, Row: -1, Column: -1, Err: err,
			Msg: m.name + " cannot be looked at", Fix: "load the index again"}
	case st.Size() < m.size:
		what = fmt.Sprintf("the file shrank from %d to %d bytes", m.size, st.Size())
	case st.Size() > m.size || !st.ModTime().Equal(m.written):
		what = "the file was written to"
	case m.lost.Load():
		what = "the file could not be read"
	default:
		return nil
	}
	return m.changed(op, what)
}

// changed is the error of a file that is not what was mapped.
func (m *Mapping) changed(op, what string) error {
	return fault.New(fault.PersistError, op, m.name+": "+what+" while it was mapped",
		"load the index again; save replaces a file without touching the bytes of the old one")
}

// mappingAt returns the mapping that an address lies in, nil if it lies in none.
func mappingAt(at uintptr) *Mapping {
	mappings.mu.Lock()
	defer mappings.mu.Unlock()
	for _, m := range mappings.all {
		if begin := uintptr(unsafe.Pointer(&m.bytes[0])); at >= begin && at-begin < uintptr(m.size) {
			return m
		}
	}
	return nil
}

// offsetIn returns where a part of memory begins in it.
func offsetIn(whole, part []byte) int {
	return int(uintptr(unsafe.Pointer(&part[0])) - uintptr(unsafe.Pointer(&whole[0])))
}

// address is where memory lies.
func address(b []byte) int64 { return int64(uintptr(unsafe.Pointer(&b[0]))) }

// Fault returns the error that a recovered panic stands for: an error that was raised, as one of
// the operation op, or a fault on a mapped file. Of every other panic, and of none, it is nil.
func Fault(op string, r any) error {
	switch p := r.(type) {
	case *fault.Error:
		own := *p
		own.Op = op
		return &own
	case error:
		var at interface{ Addr() uintptr }
		if !errors.As(p, &at) {
			return nil
		}
		m := mappingAt(at.Addr())
		if m == nil {
			return nil
		}
		if err := m.Check(op); err != nil {
			return err
		}
		m.lost.Store(true)
		return m.changed(op, "the file could not be read")
	}
	return nil
}

// Guarded runs fn and returns its error. An error that was raised in it is returned as such, a
// fault on a mapped file as a PersistError; any other panic, or fault on borrowed memory that is
// gone, is a NativeError that carries the stack.
func Guarded(op string, fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if err = Fault(op, r); err == nil {
			err = fault.New(fault.NativeError, op,
				fmt.Sprintf("internal error: %v\n%s", r, debug.Stack()), "please report this")
		}
	}()
	return fn()
}
