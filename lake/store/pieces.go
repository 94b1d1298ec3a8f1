package store

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// pieceBytes is about the bytes of vectors of a piece: what a change of one of its rows copies.
const pieceBytes = 1 << 20

// state is a collection at a moment. It never changes, and frees its memory when nobody uses it.
type state struct {
	generation uint64
	form       form
	ids        arrowidx.IDKind // IDInt64, IDUint64 or IDString
	pieces     []*piece        // their keys rise
	rows       int
	uses       atomic.Int64
}

// piece is some rows of a collection that follow each other. It never changes.
type piece struct {
	key     int // by which the collection knows where an id is
	block   *block
	from, n int
	num     []uint64 // ids that are numbers, as bits
	off     []int64  // of texts: id i is text[off[i]:off[i+1]]
	text    []byte
}

// drop ends a use.
func (s *state) drop() {
	if s.uses.Add(-1) == 0 {
		for _, p := range s.pieces {
			p.block.buffer.Release()
		}
	}
}

// idTypes are the Arrow types of ids.
var idTypes = map[arrowidx.IDKind]arrow.DataType{
	arrowidx.IDInt64: arrow.PrimitiveTypes.Int64, arrowidx.IDUint64: arrow.PrimitiveTypes.Uint64,
	arrowidx.IDString: arrow.BinaryTypes.LargeString,
}

func (s *state) idType() arrow.DataType { return idTypes[s.ids] }

// ids returns the ids of the rows as an array that shares their memory.
func (p *piece) ids(kind arrowidx.IDKind) arrow.Array {
	if kind == arrowidx.IDString {
		return texts(p.off, p.text)
	}
	return numbers(p.num, idTypes[kind])
}

// name is an id as a key of a map: the bits of a number, or a text.
type name struct {
	number uint64
	text   string
}

// name returns the id of a row.
func (p *piece) name(row int) name {
	if p.off != nil {
		return name{text: string(p.text[p.off[row]:p.off[row+1]])}
	}
	return name{number: p.num[row]}
}

// rowOf returns the row of an id that the piece has.
func (p *piece) rowOf(id name) int {
	if p.off == nil {
		return slices.Index(p.num, id.number)
	}
	for row := range p.n {
		if string(p.text[p.off[row]:p.off[row+1]]) == id.text {
			return row
		}
	}
	return -1
}

// addID appends an id. Nobody else sees what follows the rows of the piece.
func (p *piece) addID(kind arrowidx.IDKind, id name) {
	if kind != arrowidx.IDString {
		p.num = append(p.num, id.number)
		return
	}
	if p.off == nil {
		p.off = []int64{0}
	}
	p.text = append(p.text, id.text...)
	p.off = append(p.off, int64(len(p.text)))
}

// vector returns the bytes of a row.
func (p *piece) vector(f form, row int) []byte {
	at := (p.from + row) * f.width()
	return p.block.mem[at : at+f.width()]
}

// given are the rows that a change brings.
type given struct {
	collection string
	ids        *arrowidx.IDs
	kind       arrowidx.IDKind
	vectors    *arrowidx.Column
	form       form
}

// readGiven checks the rows that a change brings.
func readGiven(
	ctx context.Context, collection string, ids *arrowidx.IDs, vectors *arrowidx.Column,
) (*given, error) {
	if ids == nil || vectors == nil {
		return nil, fault.New(fault.InvalidArgument, "put",
			fmt.Sprintf("collection %q: ids or vectors are missing", collection), "pass both")
	}
	if ids.Len() != vectors.Len() {
		return nil, fault.New(fault.InvalidArgument, "put",
			fmt.Sprintf("collection %q: %d ids for %d vectors", collection, ids.Len(), vectors.Len()),
			"give every vector an id")
	}
	in := &given{collection: collection, ids: ids, kind: ids.Kind(), vectors: vectors,
		form: form{vectors.Kept(), vectors.Dim()}}
	if in.kind != arrowidx.IDUint64 && in.kind != arrowidx.IDString {
		in.kind = arrowidx.IDInt64
	}
	if err := checkShape(collection, int64(ids.Len()), in.form); err != nil {
		return nil, err
	}
	return in, vectors.CheckFinite(ctx, "put", mem.Threads(0))
}

// name returns the id of a row.
func (in *given) name(row int) name {
	if in.kind == arrowidx.IDString {
		return name{text: string(in.ids.At(int64(row)))}
	}
	return name{number: in.ids.Number(int64(row))}
}

// copied returns the vectors in a block of their own, as another form that loses nothing of them.
func (in *given) copied(ctx context.Context, f form) (*block, error) {
	b, err := newBlock(int64(in.ids.Len()) * int64(f.width()))
	if err != nil {
		return nil, err
	}
	if err := in.write(ctx, b.mem, f); err != nil {
		b.buffer.Release()
		return nil, err
	}
	return b, nil
}

// write copies the vectors to dst, as another form that loses nothing of them.
func (in *given) write(ctx context.Context, dst []byte, f form) error {
	if f.number == in.form.number {
		return in.vectors.CopyKept(ctx, "put", dst, mem.Threads(0))
	}
	return mem.Guarded("put", func() error { // rows in files may fail to be read
		if f.number == arrow.FLOAT32 {
			in.vectors.CopyTo(arrow.Float32Traits.CastFromBytes(dst))
		} else {
			in.vectors.CopyWide(arrow.Float64Traits.CastFromBytes(dst))
		}
		return nil
	})
}

// cut makes pieces of a block of all rows that were given.
func cut(b *block, in *given) []*piece {
	var all piece
	n := in.ids.Len()
	if in.kind == arrowidx.IDString {
		all.off = make([]int64, 1, n+1)
		for i := range n {
			all.text = append(all.text, in.ids.At(int64(i))...)
			all.off = append(all.off, int64(len(all.text)))
		}
	} else {
		all.num = make([]uint64, n)
		for i := range all.num {
			all.num[i] = in.ids.Number(int64(i))
		}
	}
	var pieces []*piece
	step := pieceRows(in.form)
	for from := 0; from < n; from += step {
		p := &piece{key: len(pieces), block: b, from: from, n: min(step, n-from)}
		// Nobody appends to a slice that goes on with the ids of the next piece.
		if end := from + p.n; in.kind == arrowidx.IDString {
			p.off, p.text = all.off[from:end+1:end+1], all.text
		} else {
			p.num = all.num[from:end:end]
		}
		pieces = append(pieces, p)
	}
	return pieces
}

// pieceRows returns the most rows of a piece.
func pieceRows(f form) int { return max(1, pieceBytes/max(1, f.width())) }
