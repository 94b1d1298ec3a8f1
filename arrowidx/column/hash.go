package column

import (
	"context"
	"encoding/binary"
	"math"

	"github.com/zeebo/xxh3"

	"github.com/ruvector/ruvector-arrow/internal/mem"
)

const (
	// hashBytes is about the bytes of a shard of rows that is hashed in one go.
	hashBytes = 1 << 20
	// wholeRow stands for a null row among null numbers.
	wholeRow = math.MaxUint32
)

// Hash returns the XXH3-128 of the vectors, their validity, shape and type: of every byte that
// decides what an index of the column is. Columns with equal rows and equal type have equal
// hashes, however they are chunked and laid out. It reads all memory of the column, on several
// threads; threads 0 means the default of SetThreads.
//
// Errors: Cancelled, NativeError when borrowed memory is gone, those of Pager.ReadRows.
func (c *Column) Hash(ctx context.Context, threads int) ([16]byte, error) {
	step := max(1, hashBytes/max(1, c.RowBytes()))
	shards := make([]hashed, (c.Rows+step-1)/step)
	err := mem.Parallel(ctx, "hash", mem.Threads(threads), len(shards), func(_, i int) error {
		shards[i] = c.hashRows(i*step, min((i+1)*step, c.Rows))
		return nil
	})
	if err != nil {
		return [16]byte{}, err
	}
	all := make([]byte, 0, 32+32*len(shards))
	for _, n := range []int{c.Rows, c.Dims, c.nulls, len(shards)} {
		all = binary.LittleEndian.AppendUint64(all, uint64(n))
	}
	for _, s := range shards {
		for _, part := range []xxh3.Uint128{s.numbers, s.nulls} {
			all = binary.LittleEndian.AppendUint64(all, part.Lo)
			all = binary.LittleEndian.AppendUint64(all, part.Hi)
		}
	}
	sum := xxh3.Hash128(all).Bytes()
	c.Hashed.Store(&sum)
	return sum, nil
}

// hashed is what a shard of rows hashes to: the bytes of its rows that are not null, one after the
// other, and the places that are null together with the types of numbers.
type hashed struct{ numbers, nulls xxh3.Uint128 }

// hashRows hashes rows [from, end).
func (c *Column) hashRows(from, end int) hashed {
	var out hashed
	var many *xxh3.Hasher // of several runs
	var nulls []byte
	kind := elemKind(math.MaxUint8)
	for at := from; at < end; {
		ck := c.ChunkOf(at)
		lo, hi := at-ck.Start, min(end-ck.Start, ck.n)
		if ck.pager != nil {
			ck, lo, hi = ck.brought(lo, hi, c.Dims), 0, hi-lo
		}
		if ck.data.kind != kind {
			kind = ck.data.kind
			nulls = append(binary.LittleEndian.AppendUint64(nulls, uint64(at)), byte(kind))
		}
		at += hi - lo
		if ck.nullAny || ck.BadElem != nil {
			nulls = ck.appendNulls(nulls, lo, hi, c.Dims)
		}
		if ck.starts == nil && !ck.nullAny && hi-lo == end-from {
			out.numbers = xxh3.Hash128(ck.data.bytes(lo*c.Dims, hi*c.Dims))
			break
		}
		if many == nil {
			many = xxh3.New()
		}
		ck.runs(lo, hi, c.Dims, func(b []byte) { _, _ = many.Write(b) })
	}
	if many != nil {
		out.numbers = many.Sum128()
	}
	out.nulls = xxh3.Hash128(nulls)
	return out
}

// runs calls do for the memory of rows [lo, hi) that are not null, in order and as many at a time
// as lie side by side.
func (ck *Chunk) runs(lo, hi, dim int, do func(b []byte)) {
	if ck.starts == nil && !ck.nullAny {
		do(ck.data.bytes(lo*dim, hi*dim))
		return
	}
	from, to := 0, 0 // of the run, in numbers
	for r := lo; r < hi; r++ {
		if ck.isNull(r) {
			continue
		}
		begin := ck.at(r, dim)
		if begin != to && to > from {
			do(ck.data.bytes(from, to))
		}
		if begin != to || to == from {
			from = begin
		}
		to = begin + dim
	}
	if to > from {
		do(ck.data.bytes(from, to))
	}
}

// appendNulls lists what is null in rows [lo, hi): the row of the column, and the number in it.
func (ck *Chunk) appendNulls(out []byte, lo, hi, dim int) []byte {
	put := func(row int, number uint32) {
		out = binary.LittleEndian.AppendUint64(out, uint64(ck.Start+row))
		out = binary.LittleEndian.AppendUint32(out, number)
	}
	for r := lo; r < hi; r++ {
		if ck.isNull(r) {
			put(r, wholeRow)
			continue
		}
		for j := ck.NullElement(r, dim); j >= 0 && j < dim; j++ {
			if ck.nullAt(ck.at(r, dim) + j) {
				put(r, uint32(j))
			}
		}
	}
	return out
}

// HashRows writes the XXH3-64 of the memory of rows [from, from+len(out)) to out: 0 for null rows,
// never 0 for others. Equal rows of one type have equal hashes, whichever column they are in.
//
// Errors: Cancelled, NativeError when borrowed memory is gone.
func (c *Column) HashRows(ctx context.Context, from int, out []uint64, threads int) error {
	step := max(1, hashBytes/max(1, c.RowBytes()))
	shards := (len(out) + step - 1) / step
	return mem.Parallel(ctx, "hash rows", mem.Threads(threads), shards, func(_, i int) error {
		for j := i * step; j < min((i+1)*step, len(out)); j++ {
			out[j] = 0
			if c.Valid(from + j) {
				out[j] = max(1, xxh3.Hash(c.Memory(from+j)))
			}
		}
		return nil
	})
}
