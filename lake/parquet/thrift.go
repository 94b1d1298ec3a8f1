package parquet

import (
	"encoding/binary"
	"fmt"
)

// Kinds of value of Thrift's compact protocol.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
	thriftUUID   = 13
)

// deepest is how many structures may lie in one another.
const deepest = 32

// compact reads values of Thrift's compact protocol from bytes that nobody vouches for: nothing is
// allocated, every length is compared with what is left. The first error stays, and ends every loop
// over fields and elements.
type compact struct {
	data  []byte
	at    int
	depth int
	err   error
	short bool // the error is that bytes are missing at the end
}

func (c *compact) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("at byte %d: "+format, append([]any{c.at}, args...)...)
	}
}

// missing notes that the bytes end within a value.
func (c *compact) missing() {
	if c.err == nil {
		c.short = true
		c.fail("the bytes end within a value")
	}
}

func (c *compact) byte() byte {
	if c.err != nil || c.at >= len(c.data) {
		c.missing()
		return 0
	}
	c.at++
	return c.data[c.at-1]
}

// uvarint reads an unsigned number of at most 64 bits.
func (c *compact) uvarint() uint64 {
	if c.err != nil {
		return 0
	}
	v, n := binary.Uvarint(c.data[c.at:])
	if n == 0 {
		c.missing()
		return 0
	}
	if n < 0 {
		c.fail("a number of more than 64 bits")
		return 0
	}
	c.at += n
	return v
}

// i64 reads a number of any width.
func (c *compact) i64() int64 {
	v := c.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// i32 reads a number that must fit into 32 bits.
func (c *compact) i32() int32 {
	v := c.i64()
	if v != int64(int32(v)) {
		c.fail("a number of more than 32 bits")
		return 0
	}
	return int32(v)
}

// binary returns the bytes of a string, which are not copied.
func (c *compact) binary() []byte {
	n := c.uvarint()
	if c.err != nil {
		return nil
	}
	if n > uint64(len(c.data)-c.at) {
		c.missing()
		return nil
	}
	c.at += int(n)
	return c.data[c.at-int(n) : c.at]
}

// list reads the head of a list: how many elements of which kind. Every element takes a byte at
// least.
func (c *compact) list() (n int, kind byte) {
	head := c.byte()
	size := uint64(head >> 4)
	if size == 15 {
		size = c.uvarint()
	}
	if c.err != nil {
		return 0, 0
	}
	if size > uint64(len(c.data)-c.at) {
		c.missing()
		return 0, 0
	}
	return int(size), head & 15
}

// fields calls field for every field of a structure; what field does not read (false) is skipped.
func (c *compact) fields(field func(id int16, kind byte) bool) {
	if c.depth++; c.depth > deepest {
		c.fail("structures lie in one another more than %d deep", deepest)
	}
	defer func() { c.depth-- }()
	id := int16(0)
	for c.err == nil {
		head := c.byte()
		kind := head & 15
		if kind == 0 {
			return
		}
		if delta := int16(head >> 4); delta != 0 {
			id += delta
		} else {
			id = int16(c.i64())
		}
		if c.err == nil && !field(id, kind) {
			c.skip(kind)
		}
	}
}

// each calls element for every element of a list of structures.
func (c *compact) each(element func(i int)) {
	n, kind := c.list()
	if n > 0 && kind != thriftStruct {
		c.fail("a list of kind %d, not of structures", kind)
	}
	for i := 0; i < n && c.err == nil; i++ {
		element(i)
	}
}

// skip passes over one value.
func (c *compact) skip(kind byte) {
	switch kind {
	case thriftTrue, thriftFalse:
	case thriftByte:
		c.byte()
	case thriftI16, thriftI32, thriftI64:
		c.uvarint()
	case thriftDouble:
		c.advance(8)
	case thriftUUID:
		c.advance(16)
	case thriftBinary:
		c.binary()
	case thriftStruct:
		c.fields(func(int16, byte) bool { return false })
	case thriftList, thriftSet:
		n, kind := c.list()
		for i := 0; i < n && c.err == nil; i++ {
			c.skipElement(kind)
		}
	case thriftMap:
		c.skipMap()
	default:
		c.fail("a value of unknown kind %d", kind)
	}
}

// skipElement passes over an element of a list, where a truth value takes a byte of its own.
func (c *compact) skipElement(kind byte) {
	if kind == thriftTrue || kind == thriftFalse {
		kind = thriftByte
	}
	if c.depth++; c.depth > deepest {
		c.fail("lists lie in one another more than %d deep", deepest)
	}
	c.skip(kind)
	c.depth--
}

func (c *compact) skipMap() {
	n := c.uvarint()
	if n == 0 {
		return
	}
	kinds := c.byte()
	for i := uint64(0); i < n && c.err == nil; i++ {
		c.skipElement(kinds >> 4)
		c.skipElement(kinds & 15)
	}
}

func (c *compact) advance(n int) {
	if c.err != nil || n > len(c.data)-c.at {
		c.missing()
		return
	}
	c.at += n
}

// truth returns the value of a field whose kind is its value.
func truth(kind byte) bool { return kind == thriftTrue }
