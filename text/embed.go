// Package text turns text into vectors: rows of a table of tokens, averaged (static embeddings).
package text

import (
	"context"
	"fmt"
	"math"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// EmbedTable is a static embedding model: one row of Dim numbers for every token. Exactly one of
// Float32, Float16 (IEEE half, as bits) and Int8 (numbers as they are, no scale) is set and holds
// Rows x Dim numbers.
type EmbedTable struct {
	Rows, Dim int
	Float32   []float32
	Float16   []uint16
	Int8      []int8
	// Normalize scales every text's vector to length 1; a zero vector stays zero.
	Normalize bool
}

// Tokens are those of some texts: text i owns IDs[Offsets[i]:Offsets[i+1]], and there are
// len(Offsets)-1 texts. Weights is empty, or has what the row of each of IDs is multiplied by.
type Tokens struct {
	IDs     []uint32
	Weights []float64
	Offsets []int64
}

// embedTexts is the number of texts that one unit of parallel work has.
const embedTexts = 64

// Embed writes the mean of the token rows of every text, each times its weight, to out (texts x
// Dim): the pooling of static embeddings such as Model2Vec's and WordLlama's. The sum is divided by
// the number of tokens, not by their weights. valid[i] is 0, and the row zero, for a text without
// tokens, else 1. Sums are taken in float64 in the order of the tokens, so the result does not
// depend on threads or kernels.
//
// Errors: InvalidArgument for slices of wrong lengths and for offsets that do not grow, EmbedError
// naming the text for a token outside the table, Cancelled.
func Embed(
	ctx context.Context, table EmbedTable, tokens Tokens, out []float32, valid []byte, threads int,
) error {
	texts := len(tokens.Offsets) - 1
	if err := table.check(texts, out, valid); err != nil {
		return err
	}
	if err := tokens.check(); err != nil {
		return err
	}
	threads = mem.Threads(threads)
	poolers := make([]pooler, threads)
	units := (texts + embedTexts - 1) / embedTexts
	return mem.Parallel(ctx, "embed", threads, units, func(worker, u int) error {
		p := &poolers[worker]
		p.resize(&table)
		for i := u * embedTexts; i < min(texts, (u+1)*embedTexts); i++ {
			valid[i] = 0
			if tokens.Offsets[i] < tokens.Offsets[i+1] {
				valid[i] = 1
			}
			if err := p.pool(&table, out[i*table.Dim:(i+1)*table.Dim], tokens, i); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *EmbedTable) check(texts int, out []float32, valid []byte) error {
	numbers, kinds := 0, 0
	for _, n := range []int{len(t.Float32), len(t.Float16), len(t.Int8)} {
		numbers += n
		kinds += min(n, 1)
	}
	if t.Rows < 1 || t.Dim < 1 || numbers != t.Rows*t.Dim || kinds != 1 {
		return fault.New(fault.InvalidArgument, "embed",
			fmt.Sprintf("%d numbers in a table of %d rows of %d", numbers, t.Rows, t.Dim), "")
	}
	if texts < 0 || len(out) != texts*t.Dim || len(valid) != texts {
		return fault.New(fault.InvalidArgument, "embed",
			fmt.Sprintf("room for %d numbers and %d flags for %d texts of %d", len(out),
				len(valid), texts, t.Dim), "")
	}
	return nil
}

func (t *Tokens) check() error {
	last := int64(0)
	for i, at := range t.Offsets {
		if at < last || at > int64(len(t.IDs)) {
			return fault.New(fault.InvalidArgument, "embed",
				fmt.Sprintf("offset %d of text %d, %d tokens in all", at, i, len(t.IDs)),
				"offsets begin at 0 or above and never shrink")
		}
		last = at
	}
	if len(t.Weights) != 0 && len(t.Weights) != len(t.IDs) {
		return fault.New(fault.InvalidArgument, "embed",
			fmt.Sprintf("%d weights for %d tokens", len(t.Weights), len(t.IDs)), "")
	}
	return nil
}

// pooler is one worker's scratch memory.
type pooler struct {
	sum []float64
	row []float32
}

func (p *pooler) resize(t *EmbedTable) {
	if p.sum == nil {
		p.sum = make([]float64, t.Dim)
		p.row = make([]float32, t.Dim)
	}
}

func (p *pooler) pool(t *EmbedTable, out []float32, tokens Tokens, text int) error {
	clear(p.sum)
	from, to := tokens.Offsets[text], tokens.Offsets[text+1]
	for i := from; i < to; i++ {
		id, weight := tokens.IDs[i], 1.0
		if int64(id) >= int64(t.Rows) {
			return fault.At(fault.EmbedError, "embed", int64(text), -1,
				fmt.Sprintf("text %d has token %d, the table has %d rows", text, id, t.Rows),
				"use the tokenizer that belongs to the table")
		}
		if len(tokens.Weights) > 0 {
			weight = tokens.Weights[i]
		}
		simd.AddScaled(p.sum, t.token(int(id), p.row), weight)
	}
	scale := 1 / float64(max(to-from, 1))
	if t.Normalize {
		norm := 0.0
		for _, v := range p.sum {
			norm += float64(v * v)
		}
		scale = 0
		if norm > 0 {
			scale = 1 / math.Sqrt(norm)
		}
	}
	for i, v := range p.sum {
		out[i] = float32(v * scale)
	}
	return nil
}

// token returns a row of the table, a view or converted into buf.
func (t *EmbedTable) token(id int, buf []float32) []float32 {
	from, to := id*t.Dim, (id+1)*t.Dim
	switch {
	case t.Float32 != nil:
		return t.Float32[from:to]
	case t.Int8 != nil:
		simd.Int8ToF32(buf, t.Int8[from:to])
	default:
		simd.F16ToF32(buf, t.Float16[from:to])
	}
	return buf
}
