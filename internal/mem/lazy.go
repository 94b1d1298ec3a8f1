package mem

import (
	"sync/atomic"
)

// Lazy verifies parts of a mapped file before their first use: checks is what is done to a block of
// bytes, and to whole units, of which the file has no part without the rest of it. Blocks that were
// found sound are not looked at again. Safe for concurrent use; nil verifies nothing.
type Lazy struct {
	file  []byte // the mapping
	at    int    // where in it the memory begins
	whole []byte
	block int
	unit  int
	// sum checks the bytes of a block, and sound units [from, to), whose blocks were checked.
	sum   func(i int, b []byte) error
	sound func(from, to int) error
	seen  []atomic.Uint32 // bit i: block i is sound
	joint []atomic.Uint32 // bit i: so is the unit that lies across blocks i and i+1
}

// NewLazy verifies part of a mapped file in blocks of so many bytes, and units of so many bytes
// that lie in it one behind the other. sound may be nil.
func NewLazy(
	file, part []byte, block, unit int, sum func(i int, b []byte) error,
	sound func(from, to int) error,
) *Lazy {
	words := (len(part)/block + 32) / 32
	l := &Lazy{file: file, at: offsetIn(file, part), whole: part, block: block, unit: unit,
		sum: sum, sound: sound,
		seen: make([]atomic.Uint32, words), joint: make([]atomic.Uint32, words)}
	advise(file, l.at, l.at+len(part), hereAndThere)
	return l
}

// Bytes counts the memory that is held.
func (l *Lazy) Bytes() int64 {
	if l == nil {
		return 0
	}
	return int64(8 * len(l.seen))
}

// Blocks returns how many blocks there are, 0 for nil.
func (l *Lazy) Blocks() int {
	if l == nil {
		return 0
	}
	return (len(l.whole) + l.block - 1) / l.block
}

// Touch makes sure that a part of the memory, of whole units, is what was written. Where it is not
// it panics with the *fault.Error that says so, which Guarded and the doors of the C interface
// return.
func (l *Lazy) Touch(part []byte) {
	if l != nil && len(part) > 0 {
		l.touch(part)
	}
}

func (l *Lazy) touch(part []byte) {
	from := offsetIn(l.whole, part)
	first, last := from/l.block, (from+len(part)-1)/l.block
	for i := first; i <= last; i++ {
		if !bit(l.seen, i) || i > first && !bit(l.joint, i-1) {
			if err := l.Verify(first, last+1); err != nil {
				panic(err)
			}
			return
		}
	}
}

// Verify looks at blocks [first, end) that were not found sound yet, and at the units in them.
func (l *Lazy) Verify(first, end int) error {
	for i := first; i < end; i++ {
		if err := l.check(i); err != nil {
			return err
		}
	}
	for i := first; i+1 < end; i++ {
		if err := l.join(i); err != nil {
			return err
		}
	}
	return nil
}

// check verifies a block and the units that lie in it alone.
func (l *Lazy) check(i int) error {
	if bit(l.seen, i) {
		return nil
	}
	from, to := i*l.block, min((i+1)*l.block, len(l.whole))
	advise(l.file, l.at+from, l.at+to, soon)
	if err := l.sum(i, l.whole[from:to]); err != nil {
		return err
	}
	if lo, hi := (from+l.unit-1)/l.unit, to/l.unit; l.sound != nil && lo < hi {
		if err := l.sound(lo, hi); err != nil {
			return err
		}
	}
	set(l.seen, i)
	return nil
}

// join verifies the unit that ends in block i+1 and begins before it, if there is one.
func (l *Lazy) join(i int) error {
	if bit(l.joint, i) {
		return nil
	}
	edge := (i + 1) * l.block
	at := edge / l.unit
	if begin := at * l.unit; l.sound != nil && begin < edge && begin+l.unit <= edge+l.block {
		for b := begin / l.block; b <= i; b++ { // long units have more than two blocks
			if err := l.check(b); err != nil {
				return err
			}
		}
		if err := l.sound(at, at+1); err != nil {
			return err
		}
	}
	set(l.joint, i)
	return nil
}

func bit(words []atomic.Uint32, i int) bool { return words[i/32].Load()>>(i%32)&1 != 0 }

func set(words []atomic.Uint32, i int) { words[i/32].Or(1 << (i % 32)) }
