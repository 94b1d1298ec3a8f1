package arrowidx

import (
	"runtime/debug"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// use is a use of a version of the index by one call.
type use struct {
	v       *segment.Version
	op      string
	faults  bool // whether faults of the goroutine were panics before
	checked bool // files that change from now on are no concern of it
}

// enter holds the index open and returns its version; leave gives both up.
//
// Errors: IndexClosed; PersistError when a file that the index is mapped from has changed.
func (ix *Index) enter(op string) (use, error) {
	if ix.turns != nil {
		ix.turns <- struct{}{}
	}
	ix.gate.RLock()
	if ix.closed {
		ix.exit()
		return use{}, fault.Closed(op)
	}
	ix.swap.Lock()
	v := ix.now
	v.Refs++
	ix.swap.Unlock()
	u := use{v: v, op: op}
	if v.Mapped == nil {
		return u, nil
	}
	if err := u.check(); err != nil {
		ix.drop(v)
		ix.exit()
		return use{}, err
	}
	u.faults = debug.SetPanicOnFault(true)
	return u, nil
}

// check says whether the files that the version is mapped from are as they were.
func (u *use) check() error {
	for _, m := range u.v.Mapped {
		if err := m.Check(u.op); err != nil {
			return err
		}
	}
	return nil
}

// leave, deferred, ends a use. Where the version is mapped from a file, err becomes the error of
// what was found damaged there, or says that the file changed meanwhile.
func (ix *Index) leave(u *use, err *error) {
	if u.v.Mapped != nil {
		debug.SetPanicOnFault(u.faults)
		if r := recover(); r != nil {
			if *err = mem.Fault(u.op, r); *err == nil {
				defer panic(r)
			}
		}
		if changed := u.check(); changed != nil && !u.checked {
			*err = changed
		}
	}
	ix.drop(u.v)
	ix.exit()
}

// exit lets the next call in.
func (ix *Index) exit() {
	ix.gate.RUnlock()
	if ix.turns != nil {
		mem.Collect(ix.waste)
		<-ix.turns
	}
}

// unlimited refuses what needs memory in proportion to the rows.
func (u *use) unlimited(what string) error {
	if u.v.Segments[0].Share == 0 {
		return nil
	}
	return fault.New(LimitExceeded, u.op, what+" needs memory for every row, and that of the index "+
		"is limited", "load it without memory=")
}
