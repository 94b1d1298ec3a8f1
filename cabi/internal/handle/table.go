// Package handle gives numbers to Go values, so that C and Python can name them. A number is
// never used twice; one that is closed, unknown or of another type is an error.
package handle

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// Kind is the type of what a handle stands for.
type Kind uint8

// The kinds of handle.
const (
	Any Kind = iota // accepted by Acquire for every handle; no object has it
	Column
	Index
	Task
	Answer
	Encoding
	Texts
	Words
	Right
	Part
	Parquet
	Lake
	Backend
	Target
	Session
	Queue
	Note
	Rows
	Chunks
	Agent
	Updates
	Budget
	Reply
)

// kindBits is the number of a handle's low bits that hold its kind, so that a closed handle still
// tells what it was.
const kindBits = 6

var kindNames = [...]string{"any", "column", "index", "task", "answer", "encoding",
	"column of texts", "index of words", "columns of matched rows", "part of a scoring",
	"set of parquet files", "lake", "backend of a lake", "collection of a lake",
	"session of a lake", "queue of ended tasks", "note", "rows of an adapter",
	"chunks", "client of an agent", "stream of an agent", "budget", "answer of an agent"}

// String returns the kind's name as error messages use it.
func (k Kind) String() string { return kindNames[k] }

// Table maps handles to objects. The zero value is empty and ready. Safe for concurrent use.
type Table struct {
	mu      sync.RWMutex
	last    uint64
	objects map[uint64]*object
}

// object is a value with its owners: the table, while the handle is open, and running calls.
type object struct {
	kind     Kind
	value    any
	close    func()
	refs     atomic.Int64
	poisoned atomic.Pointer[string] // nil: it is not
}

// Ref keeps an object alive. Release it once.
type Ref struct {
	handle uint64
	*object
}

// Put stores a value and returns its handle. close (may be nil) runs once, when the handle is
// freed and no Ref is left, on the goroutine that gives up the last of these.
func (t *Table) Put(kind Kind, value any, close func()) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.objects == nil {
		t.objects = map[uint64]*object{}
	}
	t.last++
	h := t.last<<kindBits | uint64(kind)
	o := &object{kind: kind, value: value, close: close}
	o.retain()
	t.objects[h] = o
	return h
}

// Acquire returns a reference to what the handle stands for.
//
// Errors: IndexClosed for an index that is closed (or 0), InvalidArgument for other closed handles,
// for those never given out and those of another kind; Poisoned after a panic.
func (t *Table) Acquire(h uint64, kind Kind) (Ref, error) {
	r, err := t.AcquireDamaged(h, kind)
	if err != nil {
		return Ref{}, err
	}
	if why := r.whyPoisoned(); why != "" {
		r.Release()
		fix := "make a new one"
		if r.kind == Index {
			fix = "save it, which writes its last good version, and load that"
		}
		return Ref{}, failure(arrowidx.Poisoned, fmt.Sprintf(
			"this %s failed in a way it must not (%s) and may be damaged", r.kind, why), fix)
	}
	return r, nil
}

// AcquireDamaged is Acquire that takes what is poisoned, too.
func (t *Table) AcquireDamaged(h uint64, kind Kind) (Ref, error) {
	t.mu.RLock()
	o, ok := t.objects[h]
	if ok {
		o.retain()
	}
	last := t.last
	t.mu.RUnlock()
	if !ok {
		return Ref{}, missing(h, kind, last)
	}
	r := Ref{handle: h, object: o}
	if kind != Any && o.kind != kind {
		r.Release()
		return Ref{}, wrongKind(h, o.kind, kind)
	}
	return r, nil
}

// Free gives the handle up; 0 is ignored.
//
// Errors: those of Acquire for a handle that is closed or unknown.
func (t *Table) Free(h uint64) error {
	if h == 0 {
		return nil
	}
	t.mu.Lock()
	o, ok := t.objects[h]
	delete(t.objects, h)
	last := t.last
	t.mu.Unlock()
	if !ok {
		return missing(h, Any, last)
	}
	o.release()
	return nil
}

// Len returns the number of open handles.
func (t *Table) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.objects)
}

// Kind returns the type of the object.
func (r Ref) Kind() Kind { return r.kind }

// Value returns what was Put.
func (r Ref) Value() any { return r.value }

// Release gives the reference up.
func (r Ref) Release() { r.release() }

// Poisoned returns why the object is poisoned, "" if it is not.
func (r Ref) Poisoned() string { return r.whyPoisoned() }

// Poison makes every later Acquire fail with the reason. Running users are not disturbed.
func (r Ref) Poison(why string) { r.poisoned.CompareAndSwap(nil, &why) }

// retain counts one more owner: the first, or one while the table's lock keeps the table's.
func (o *object) retain() { o.refs.Add(1) }

func (o *object) release() {
	if o.refs.Add(-1) == 0 && o.close != nil {
		o.close()
	}
}

func (o *object) whyPoisoned() string {
	if why := o.poisoned.Load(); why != nil {
		return *why
	}
	return ""
}

// missing explains a handle that is not in the table.
func missing(h uint64, kind Kind, last uint64) error {
	was := Kind(h & (1<<kindBits - 1))
	known := h != 0 && h>>kindBits <= last && was != Any && int(was) < len(kindNames)
	switch {
	case h != 0 && !known:
		return failure(arrowidx.InvalidArgument,
			fmt.Sprintf("%d is no handle of this process", h), "handles cannot be sent or guessed")
	case h == 0:
		was = kind
	case kind != Any && kind != was:
		return wrongKind(h, was, kind)
	}
	if was == Index {
		return failure(arrowidx.IndexClosed, "the index is closed", "build or load it again")
	}
	return failure(arrowidx.InvalidArgument, "the "+was.String()+" is closed", "make a new one")
}

func wrongKind(h uint64, is, want Kind) error {
	return failure(arrowidx.InvalidArgument,
		fmt.Sprintf("handle %d is of type %s, not %s", h, is, want), "")
}

func failure(kind arrowidx.ErrorKind, msg, fix string) error {
	return &arrowidx.Error{Kind: kind, Msg: msg, Fix: fix, Row: -1, Column: -1}
}
