package text

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/zeebo/xxh3"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// hashTexts is how many texts are hashed in one go.
const hashTexts = 4096

// gatherBytes is how many bytes of short texts are hashed together.
const gatherBytes = 16 << 10

// nullLength stands for a null text among the lengths of texts.
const nullLength = -1

// Hash returns the XXH3-128 of the texts of a column and of their bounds. Columns of equal texts
// have equal hashes, however they are chunked and laid out. It reads all texts, on several threads;
// threads 0 means the default of mem.SetThreads.
//
// Errors: Cancelled, NativeError when borrowed memory is gone.
func (t *Texts) Hash(ctx context.Context, threads int) ([16]byte, error) {
	n := t.Len()
	shards := make([]hashedTexts, (n+hashTexts-1)/hashTexts)
	err := mem.Parallel(ctx, "hash texts", mem.Threads(threads), len(shards),
		func(_, i int) error {
			shards[i] = t.hashShard(i*hashTexts, min((i+1)*hashTexts, n))
			return nil
		})
	if err != nil {
		return [16]byte{}, err
	}
	all := make([]byte, 0, 8+32*len(shards))
	all = binary.LittleEndian.AppendUint64(all, uint64(n))
	for _, s := range shards {
		for _, part := range []xxh3.Uint128{s.lengths, s.bytes} {
			all = binary.LittleEndian.AppendUint64(all, part.Lo)
			all = binary.LittleEndian.AppendUint64(all, part.Hi)
		}
	}
	return xxh3.Hash128(all).Bytes(), nil
}

// hashedTexts is what a shard hashes to: the lengths of its texts, and their bytes one after the
// other.
type hashedTexts struct{ lengths, bytes xxh3.Uint128 }

func (t *Texts) hashShard(from, end int) hashedTexts {
	var out hashedTexts
	var many xxh3.Hasher // of several runs
	var gathered []byte
	lengths := make([]int64, 0, end-from)
	for at := from; at < end; {
		c, lo := t.chunkOf(at)
		hi := min(lo+end-at, c.array.Len())
		at += hi - lo
		done := len(lengths)
		lengths = lengths[:done+hi-lo]
		if views, ok := c.texts.(*array.StringView); ok && c.codes == nil {
			gathered = gatherViews(views, lo, hi, lengths[done:], gathered, &many)
		} else if run := c.run(lo, hi, lengths[done:]); run == nil {
			gathered = c.gather(lo, hi, lengths[done:], gathered, &many)
		} else if done == 0 && at == end {
			out.bytes = xxh3.Hash128(run)
			out.lengths = xxh3.Hash128(arrow.Int64Traits.CastToBytes(lengths))
			return out
		} else {
			_, _ = many.Write(run)
		}
	}
	out.bytes = many.Sum128()
	out.lengths = xxh3.Hash128(arrow.Int64Traits.CastToBytes(lengths))
	return out
}

// run writes the lengths of texts [lo, hi) of a chunk and returns their bytes if these lie side by
// side, else nil.
func (c *chunk) run(lo, hi int, lengths []int64) []byte {
	if c.codes != nil {
		return nil
	}
	switch a := c.texts.(type) {
	case *array.String:
		return sideBySide(c.array, a.ValueOffsets(), a.ValueBytes(), lo, hi, lengths)
	case *array.LargeString:
		return sideBySide(c.array, a.ValueOffsets(), a.ValueBytes(), lo, hi, lengths)
	}
	return nil
}

// sideBySide is run for texts between cuts of memory, which begins at the first cut.
func sideBySide[T int32 | int64](
	a arrow.Array, cuts []T, memory []byte, lo, hi int, lengths []int64,
) []byte {
	last := cuts[lo]
	for i, cut := range cuts[lo+1 : hi+1] {
		lengths[i] = int64(cut - last)
		last = cut
	}
	if a.NullN() > 0 {
		for i := range lengths {
			if !a.IsNull(lo + i) {
				continue
			}
			if lengths[i] != 0 {
				return nil // nobody's bytes
			}
			lengths[i] = nullLength
		}
	}
	if memory == nil {
		return []byte{}
	}
	return memory[cuts[lo]-cuts[0] : cuts[hi]-cuts[0]]
}

// gather writes the lengths of texts [lo, hi) of a chunk, and their bytes to out by way of a
// buffer, which it returns.
func (c *chunk) gather(lo, hi int, lengths []int64, buffer []byte, out *xxh3.Hasher) []byte {
	buffer = buffer[:0]
	for i := lo; i < hi; i++ {
		text, valid := c.textOrNull(i)
		lengths[i-lo] = nullLength
		if valid {
			lengths[i-lo] = int64(len(text))
		}
		if len(text) >= gatherBytes {
			_, _ = out.Write(buffer)
			_, _ = out.WriteString(text)
			buffer = buffer[:0]
			continue
		}
		if len(buffer)+len(text) > gatherBytes {
			_, _ = out.Write(buffer)
			buffer = buffer[:0]
		}
		buffer = append(buffer, text...)
	}
	_, _ = out.Write(buffer)
	return buffer
}

// gatherViews is gather for views, of which those that lie side by side are taken together.
func gatherViews(
	a *array.StringView, lo, hi int, lengths []int64, buffer []byte, out *xxh3.Hasher,
) []byte {
	buffer = buffer[:0]
	memories := a.Data().Buffers()[2:]
	var memory []byte
	in, from, end := int32(-1), 0, 0 // of the run: its memory's number and its bounds there
	flush := func() {
		if len(buffer)+end-from > gatherBytes {
			_, _ = out.Write(buffer)
			buffer = buffer[:0]
		}
		if end-from > gatherBytes {
			_, _ = out.Write(memory[from:end])
		} else {
			buffer = append(buffer, memory[from:end]...)
		}
		from = end
	}
	nulls := a.NullN() > 0
	for i := lo; i < hi; i++ {
		if nulls && a.IsNull(i) {
			lengths[i-lo] = nullLength
			continue
		}
		head := a.ValueHeader(i)
		n := head.Len()
		lengths[i-lo] = int64(n)
		if head.IsInline() {
			flush()
			buffer = append(buffer, head.InlineBytes()...)
			continue
		}
		number, at := head.BufferIndex(), int(head.BufferOffset())
		if number != in || at != end {
			flush()
			if number != in {
				in, memory = number, memories[number].Bytes()
			}
			from, end = at, at
		}
		end += n
	}
	flush()
	_, _ = out.Write(buffer)
	return buffer[:0]
}

// HashRows writes the XXH3-128 of each text from `from` on to out, two numbers a text, by a seed:
// both 0 for null, never for others.
//
// Errors: InvalidArgument for rows that there are not, Cancelled, NativeError when borrowed memory
// is gone.
func (t *Texts) HashRows(
	ctx context.Context, from int, out []uint64, seed uint64, threads int,
) error {
	n := len(out) / 2
	if from < 0 || from > t.Len()-n {
		return fault.New(fault.InvalidArgument, "hash texts",
			fmt.Sprintf("texts %d to %d of %d", from, from+n, t.Len()), "")
	}
	shards := (n + hashTexts - 1) / hashTexts
	return mem.Parallel(ctx, "hash texts", mem.Threads(threads), shards, func(_, i int) error {
		for j := i * hashTexts; j < min((i+1)*hashTexts, n); {
			c, lo := t.chunkOf(from + j)
			hi := min(lo+min((i+1)*hashTexts, n)-j, c.array.Len())
			for ; lo < hi; lo, j = lo+1, j+1 {
				out[2*j], out[2*j+1] = 0, 0
				if text, valid := c.textOrNull(lo); valid {
					sum := xxh3.HashString128Seed(text, seed)
					out[2*j], out[2*j+1] = max(1, sum.Lo), sum.Hi
				}
			}
		}
		return nil
	})
}
