package parquet

import (
	"fmt"

	"github.com/ruvector/ruvector-arrow/fault"
)

// footer is what the whole file says about itself. Column chunks are decoded when they are asked
// for, from where the row group's list of them lies: a footer of any size costs its own bytes.
type footer struct {
	leaves    []Leaf
	fields    []Field
	rows      int64
	groups    []groupInfo
	pairs     []pair
	createdBy string
	ordered   bool // columns have the order of their types
}

type pair struct{ key, value string }

type groupInfo struct {
	rows, first int64
	columns     int // where the list of column chunks begins, in the footer
}

// Chunk is a column in a row group.
type Chunk struct {
	Codec              int32 // see CodecName
	Values             int64 // numbers, with a place for every null and every empty list
	Start, Size        int64 // where its pages lie in the file, bytes
	Uncompressed       int64
	physical           int32
	dictionary         int64 // where the page of the dictionary lies, 0 if none
	data               int64 // where the first data page lies
	statistics         statistics
	indexAt, indexSize int64 // offset index, 0 if none
}

// statistics are those of a column chunk as stored; nil and -1 stand for what is missing.
type statistics struct {
	min, max       []byte // in the order of the column's type
	oldMin, oldMax []byte // of old writers, in an order that not all types have
	nulls          int64
}

// decodeFooter reads the footer twice: the schema, then all else.
func (f *File) decodeFooter() error {
	var elements []element
	schema := &compact{data: f.raw}
	encrypted, sets := false, 0
	schema.fields(func(id int16, kind byte) bool {
		switch {
		case id == 2 && kind == thriftList && sets == 0:
			sets++
			schema.each(func(i int) {
				if elements = append(elements, schema.element()); i >= f.limits.Columns {
					schema.fail("more than %d columns", f.limits.Columns)
				}
			})
			return true
		case id == 8 && kind == thriftStruct:
			encrypted = true
		}
		return false
	})
	if len(elements) > f.limits.Columns {
		return f.exceeded("", "the number of columns", "columns", int64(len(elements)),
			int64(f.limits.Columns))
	}
	if schema.err != nil {
		return f.badFooter(schema.err)
	}
	if encrypted {
		return f.foreign("the file is encrypted")
	}
	if err := f.footer.grow(elements); err != nil {
		return f.badFooter(err)
	}
	return f.decodeGroups()
}

func (f *File) badFooter(err error) error {
	return &fault.Error{Kind: fault.PersistError, Op: op, Row: -1, Column: -1, Err: err,
		Msg: f.name + ": the footer is damaged", Fix: damagedFix}
}

// decodeGroups reads everything but the schema.
func (f *File) decodeGroups() error {
	c := &compact{data: f.raw}
	claimed, tooMany := int64(-1), false
	c.fields(func(id int16, kind byte) bool {
		switch {
		case id == 3 && kind == thriftI64:
			claimed = c.i64()
		case id == 4 && kind == thriftList:
			c.each(func(i int) {
				if tooMany = i >= f.limits.Groups; tooMany {
					c.fail("too many row groups")
					return
				}
				f.footer.groups = append(f.footer.groups, c.group(len(f.footer.leaves)))
			})
		case id == 5 && kind == thriftList:
			c.each(func(int) { f.footer.pairs = append(f.footer.pairs, c.pair()) })
		case id == 6 && kind == thriftBinary:
			f.footer.createdBy = string(c.binary())
		case id == 7 && kind == thriftList:
			f.footer.ordered = c.orders() == len(f.footer.leaves)
		default:
			return false
		}
		return true
	})
	if tooMany {
		return f.exceeded("", "the number of row groups", "groups", int64(f.limits.Groups)+1,
			int64(f.limits.Groups))
	}
	if c.err != nil {
		return f.badFooter(c.err)
	}
	for i := range f.footer.groups {
		g := &f.footer.groups[i]
		if g.rows < 0 || f.footer.rows > 1<<60-g.rows {
			return f.badFooter(fmt.Errorf("row group %d has %d rows", i, g.rows))
		}
		g.first = f.footer.rows
		f.footer.rows += g.rows
	}
	if claimed != f.footer.rows {
		return f.badFooter(fmt.Errorf("the file has %d rows, its row groups %d", claimed,
			f.footer.rows))
	}
	return nil
}

// orders counts the columns whose order is that of their type.
func (c *compact) orders() (n int) {
	c.each(func(int) {
		c.fields(func(id int16, kind byte) bool {
			if id == 1 && kind == thriftStruct {
				n++
			}
			return false
		})
	})
	return n
}

// group reads a row group, which must have a chunk of every column.
func (c *compact) group(leaves int) groupInfo {
	g := groupInfo{rows: -1, columns: -1}
	c.fields(func(id int16, kind byte) bool {
		switch {
		case id == 1 && kind == thriftList:
			g.columns = c.at
			n := 0
			c.each(func(int) {
				n++
				c.skip(thriftStruct)
			})
			if n != leaves {
				c.fail("a row group of %d columns, the schema has %d", n, leaves)
			}
		case id == 3 && kind == thriftI64:
			g.rows = c.i64()
		default:
			return false
		}
		return true
	})
	if g.columns < 0 || g.rows < 0 {
		c.fail("a row group without rows or columns")
	}
	return g
}

func (c *compact) pair() pair {
	var p pair
	c.fields(func(id int16, kind byte) bool {
		switch {
		case id == 1 && kind == thriftBinary:
			p.key = string(c.binary())
		case id == 2 && kind == thriftBinary:
			p.value = string(c.binary())
		default:
			return false
		}
		return true
	})
	return p
}

// Chunk returns the column chunk of a leaf in a row group; both must exist.
//
// Errors: PersistError where the footer says what cannot be.
func (f *File) Chunk(group, leaf int) (Chunk, error) {
	c := &compact{data: f.raw, at: f.footer.groups[group].columns}
	chunk, foreign := Chunk{Values: -1, physical: -1, statistics: statistics{nulls: -1}}, false
	c.each(func(i int) {
		switch {
		case i < leaf:
			c.skip(thriftStruct)
		case i == leaf:
			foreign = c.chunk(&chunk)
		default:
			c.at = len(c.data) // nothing behind it matters, and the open read it all
		}
	})
	l := &f.footer.leaves[leaf]
	where := f.place(group, l.Name())
	if c.err != nil {
		return chunk, f.badFooter(c.err)
	}
	if foreign {
		return chunk, f.foreign(where + "its pages lie in another file, or are encrypted")
	}
	if chunk.physical != int32(l.Physical) || chunk.Values < 0 {
		return chunk, f.foreign(where + "damaged: the chunk is not of the column's type")
	}
	if chunk.Values == 0 {
		chunk.Start, chunk.Size = 0, 0 // where nothing lies, writers say anything
		return chunk, nil
	}
	chunk.Start = chunk.data
	if d := chunk.dictionary; d > 0 && d < chunk.data {
		chunk.Start = d
	}
	end := f.size - 8 - int64(len(f.raw))
	if chunk.Start < 4 || chunk.Size < 0 || chunk.Start > end || chunk.Size > end-chunk.Start ||
		chunk.data > chunk.Start+chunk.Size {
		return chunk, f.foreign(fmt.Sprintf("%sdamaged: %d bytes at %d are not in the file", where,
			chunk.Size, chunk.Start))
	}
	return chunk, nil
}

// chunk reads a column chunk, and reports whether its pages cannot be read here.
func (c *compact) chunk(out *Chunk) (foreign bool) {
	c.fields(func(id int16, kind byte) bool {
		switch {
		case id == 1 && kind == thriftBinary:
			foreign = len(c.binary()) > 0 || foreign
		case id == 3 && kind == thriftStruct:
			c.columnMetadata(out)
		case id == 4 && kind == thriftI64:
			out.indexAt = c.i64()
		case id == 5 && kind == thriftI32:
			out.indexSize = int64(c.i32())
		case id == 8 || id == 9:
			foreign = true
			return false
		default:
			return false
		}
		return true
	})
	return foreign
}

func (c *compact) columnMetadata(out *Chunk) {
	c.fields(func(id int16, kind byte) bool {
		switch {
		case id == 1 && kind == thriftI32:
			out.physical = c.i32()
		case id == 4 && kind == thriftI32:
			out.Codec = c.i32()
		case id == 12 && kind == thriftStruct:
			c.statistics(&out.statistics)
		case kind != thriftI64:
			return false
		case id == 5:
			out.Values = c.i64()
		case id == 6:
			out.Uncompressed = c.i64()
		case id == 7:
			out.Size = c.i64()
		case id == 9:
			out.data = c.i64()
		case id == 11:
			out.dictionary = c.i64()
		default:
			return false
		}
		return true
	})
}

func (c *compact) statistics(out *statistics) {
	c.fields(func(id int16, kind byte) bool {
		switch {
		case id == 3 && kind == thriftI64:
			out.nulls = c.i64()
		case kind != thriftBinary:
			return false
		case id == 1:
			out.oldMax = c.binary()
		case id == 2:
			out.oldMin = c.binary()
		case id == 5:
			out.max = c.binary()
		case id == 6:
			out.min = c.binary()
		default:
			return false
		}
		return true
	})
}

// place names a column of a row group in an error.
func (f *File) place(group int, column string) string {
	return fmt.Sprintf("row group %d, column %q: ", group, column)
}

// damaged is the error of a column chunk that cannot be read.
func (f *File) damaged(group int, column, format string, args ...any) error {
	return f.foreign(f.place(group, column) + "damaged: " + fmt.Sprintf(format, args...))
}
