package parquet

import (
	"encoding/binary"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// thriftWriter writes structures of the compact protocol, field by field.
type thriftWriter struct {
	out  []byte
	last []int16 // ids of the fields that were written last, of the open structures
}

func (w *thriftWriter) begin() *thriftWriter {
	w.last = append(w.last, 0)
	return w
}

func (w *thriftWriter) end() *thriftWriter {
	w.out = append(w.out, 0)
	w.last = w.last[:len(w.last)-1]
	return w
}

func (w *thriftWriter) field(id int16, kind byte) *thriftWriter {
	at := &w.last[len(w.last)-1]
	if delta := id - *at; delta > 0 && delta < 16 {
		w.out = append(w.out, byte(delta)<<4|kind)
	} else {
		w.out = binary.AppendVarint(append(w.out, kind), int64(id))
	}
	*at = id
	return w
}

func (w *thriftWriter) i32(id int16, v int64) *thriftWriter {
	w.field(id, thriftI32)
	w.out = binary.AppendVarint(w.out, v)
	return w
}

func (w *thriftWriter) i64(id int16, v int64) *thriftWriter {
	w.field(id, thriftI64)
	w.out = binary.AppendVarint(w.out, v)
	return w
}

func (w *thriftWriter) text(id int16, v string) *thriftWriter {
	w.field(id, thriftBinary)
	w.out = append(binary.AppendUvarint(w.out, uint64(len(v))), v...)
	return w
}

func (w *thriftWriter) list(id int16, kind byte, n int) *thriftWriter {
	w.field(id, thriftList)
	w.out = binary.AppendUvarint(append(w.out, 0xF0|kind), uint64(n))
	return w
}

// forgedPage is a page written by hand; what is 0 is left at what a writer would say.
type forgedPage struct {
	kind             int64
	n                int64
	encoding         int64
	rep, def, values []byte // levels as runs
	decoded, stored  int64  // sizes that are claimed
	defBytes         int64
	repBytes         int64
	version2         bool
	sum              int64 // of the head, if not 0
	raw              []byte
}

// forged is a file of one row group and one column v of lists of a number, with hand-made pages.
type forged struct {
	pages    []forgedPage
	rows     int64 // claimed
	values   int64 // claimed
	codec    int64
	physical int64 // of the numbers; FLOAT unless it is set
	integer  bool  // INT(8,true)
	start    int64 // offset that is claimed
	size     int64
	depth    int // structures around the column
	children int64
	encrypt  bool
	chunks   int // more chunks than columns
}

func prefixed(levels []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(levels))), levels...)
}

func pack(codec int64, data []byte) []byte {
	switch codec {
	case codecSnappy:
		return snappy.Encode(nil, data)
	case codecZstd:
		w, _ := zstd.NewWriter(nil)
		return w.EncodeAll(data, nil)
	}
	return data
}

// write returns head and body of a page.
func (p *forgedPage) write(codec int64) []byte {
	body := append(append(prefixed(p.rep), prefixed(p.def)...), p.values...)
	if p.kind == pageDictionary {
		body = p.values
	}
	decoded := int64(len(body))
	data := pack(codec, body)
	if p.version2 {
		data = append(append(append([]byte(nil), p.rep...), p.def...), pack(codec, p.values)...)
		decoded = int64(len(p.rep) + len(p.def) + len(p.values))
	}
	if p.raw != nil {
		data = p.raw
	}
	w := &thriftWriter{}
	kind := p.kind
	if p.version2 {
		kind = pageDataV2
	}
	w.begin().i32(1, kind).i32(2, or(p.decoded, decoded)).i32(3, or(p.stored, int64(len(data))))
	if p.decoded < 0 {
		w = (&thriftWriter{}).begin().i32(1, kind).i32(2, p.decoded).i32(3, int64(len(data)))
	}
	if p.sum != 0 {
		w.i32(4, p.sum)
	}
	switch {
	case p.version2:
		w.field(8, thriftStruct).begin().i32(1, p.n).i32(2, 0).i32(3, 1).i32(4, p.encoding)
		w.i32(5, int64(len(p.def))+p.defBytes).i32(6, int64(len(p.rep))+p.repBytes).end()
	case p.kind == pageDictionary:
		w.field(7, thriftStruct).begin().i32(1, p.n).i32(2, p.encoding).end()
	default:
		w.field(5, thriftStruct).begin().i32(1, p.n).i32(2, p.encoding).i32(3, levelRuns)
		w.i32(4, levelRuns).end()
	}
	return append(w.end().out, data...)
}

// bytes returns the file.
func (f *forged) bytes() []byte {
	out := []byte("PAR1")
	for i := range f.pages {
		out = append(out, f.pages[i].write(f.codec)...)
	}
	w := (&thriftWriter{}).begin()
	w.i32(1, 1)
	f.schema(w)
	w.i64(3, f.rows).list(4, thriftStruct, 1).begin()
	w.list(1, thriftStruct, 1+f.chunks)
	for range 1 + f.chunks {
		w.begin().i64(2, 4).field(3, thriftStruct).begin().i32(1, or(f.physical, int64(Float)))
		w.i32(4, f.codec).i64(5, f.values).i64(6, 1).i64(7, or(f.size, int64(len(out)-4)))
		w.i64(9, or(f.start, 4)).end().end()
	}
	w.i64(2, 1).i64(3, f.rows).end()
	if f.encrypt {
		w.field(8, thriftStruct).begin().end()
	}
	footer := w.end().out
	out = append(out, footer...)
	return append(binary.LittleEndian.AppendUint32(out, uint32(len(footer))), "PAR1"...)
}

// schema writes the elements: optional list v of required numbers, in structures.
func (f *forged) schema(w *thriftWriter) {
	w.list(2, thriftStruct, 4+f.depth)
	w.begin().text(4, "schema").i32(5, or(f.children, 1)).end()
	for range f.depth {
		w.begin().i32(3, 0).text(4, "s").i32(5, 1).end()
	}
	w.begin().i32(3, 1).text(4, "v").i32(5, 1).i32(6, 3).end()
	w.begin().i32(3, 2).text(4, "list").i32(5, 1).end()
	w.begin().i32(1, or(f.physical, int64(Float))).i32(3, 0).text(4, "element")
	if f.integer {
		w.i32(6, 15)
	}
	w.end()
}

// run returns levels of one value, n times.
func run(value byte, n int) []byte {
	return append(binary.AppendUvarint(nil, uint64(n)<<1), value)
}

// runsOf returns levels of pairs of a value and how often.
func runsOf(pairs ...int) []byte {
	var out []byte
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, run(byte(pairs[i]), pairs[i+1])...)
	}
	return out
}
