//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	arrowarray "github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
	"github.com/ruvector/ruvector-arrow/text"
	"github.com/ruvector/ruvector-arrow/text/chunk"
)

// textHash is what is asked of texts: a hash of all, hashes of each, or both.
type textHash struct {
	texts *text.Texts
	whole []uint64
	rows  []uint64
	seed  uint64
}

func newTextHash(
	s *guard.Scope, h C.rv_handle, values *C.rv_values, validity *C.uint8_t,
	whole, rows *C.uint64_t, seed C.uint64_t,
) (*textHash, error) {
	var t *text.Texts
	var err error
	if h != 0 {
		t, err = guard.Use[*text.Texts](s, uint64(h), handle.Texts)
	} else {
		t, err = lentTexts(values, validity)
	}
	if err != nil {
		return nil, err
	}
	if whole == nil && rows == nil {
		return nil, invalid("hash texts", "no place for the answer", "")
	}
	return &textHash{texts: t, whole: view[uint64](whole, 2), seed: uint64(seed),
		rows: view[uint64](rows, 2*int64(t.Len()))}, nil
}

func (t *textHash) run(ctx context.Context) error {
	if t.whole != nil {
		sum, err := t.texts.Hash(ctx, 0)
		if err != nil {
			return err
		}
		t.whole[0] = binary.LittleEndian.Uint64(sum[:8])
		t.whole[1] = binary.LittleEndian.Uint64(sum[8:])
	}
	if t.rows != nil {
		return t.texts.HashRows(ctx, 0, t.rows, t.seed, 0)
	}
	return nil
}

//export goTextsHashStart
func goTextsHashStart(
	h C.rv_handle, values *C.rv_values, validity *C.uint8_t, whole, rows *C.uint64_t,
	seed C.uint64_t, made *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "hash texts", func(s *guard.Scope) error {
		if made == nil {
			return invalid("hash texts", "no place for the task", "")
		}
		t, err := newTextHash(s, h, values, validity, whole, rows, seed)
		if err != nil {
			return err
		}
		putTask(made, start(s, "hash texts", nil,
			func(ctx context.Context) (task.Result, error) {
				return task.Result{}, t.run(ctx)
			}))
		return nil
	})
}

//export goEmbed
func goEmbed(p *C.rv_embed_params, e *C.rv_error) C.int32_t {
	return door(e, "embed", func(*guard.Scope) error {
		if err := checkEmbed(p); err != nil {
			return err
		}
		table := text.EmbedTable{Rows: int(p.rows), Dim: int(p.dim),
			Normalize: p.normalize != 0}
		numbers, texts := int64(p.rows*p.dim), int64(p.texts)
		switch stringOf(p.format, 1) {
		case "e":
			table.Float16 = viewAt[uint16](p.table, numbers)
		case "c":
			table.Int8 = viewAt[int8](p.table, numbers)
		default:
			table.Float32 = viewAt[float32](p.table, numbers)
		}
		tokens := text.Tokens{IDs: view[uint32](p.ids, int64(p.n_ids)),
			Offsets: view[int64](p.offsets, texts+1)}
		if p.weights != nil {
			tokens.Weights = view[float64](p.weights, int64(p.n_ids))
		}
		return text.Embed(context.Background(), table, tokens,
			view[float32](p.out, texts*int64(p.dim)), view[byte](p.valid, texts), int(p.threads))
	})
}

func checkEmbed(p *C.rv_embed_params) error {
	const most = math.MaxInt64 / 16
	switch {
	case p == nil || p.size < C.sizeof_rv_embed_params:
		return invalid("embed", "parameters of an older version", "")
	case p.rows < 1 || p.dim < 1 || int64(p.rows) > most/int64(p.dim) || p.texts < 0 ||
		int64(p.texts) > most/int64(p.dim) || p.n_ids < 0:
		return invalid("embed", "a table or texts of an impossible shape", "")
	case p.format == nil || !strings.Contains("cef", stringOf(p.format, 1)):
		return invalid("embed", "the table must be int8, float16 or float32", "")
	case p.table == nil || p.offsets == nil || p.n_ids > 0 && p.ids == nil ||
		p.texts > 0 && (p.out == nil || p.valid == nil):
		return invalid("embed", "data or a place for the answer is missing", "")
	}
	return nil
}

//export goTextsImport
func goTextsImport(
	items *C.struct_ArrowArray, n C.int64_t, s *C.struct_ArrowSchema, out *C.rv_handle,
	e *C.rv_error,
) C.int32_t {
	return door(e, "words", func(*guard.Scope) error {
		if out == nil {
			return invalid("words", "no place for the handle", "")
		}
		chunks, err := importArrays("words", oneSchema(s), arrays(items, int64(n)), ofTexts)
		if err != nil {
			return err
		}
		defer releaseArrays(chunks)
		t, err := text.NewTexts(chunks)
		if err != nil {
			return err
		}
		*out = C.rv_handle(table.Put(handle.Texts, t, t.Release))
		return nil
	})
}

//export goWordsStart
func goWordsStart(
	h C.rv_handle, p *C.rv_values, threads C.int32_t, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "words", func(s *guard.Scope) (err error) {
		if out == nil {
			return invalid("words", "no place for the task", "")
		}
		column := func() (*text.Texts, error) { return lentTexts(p, nil) }
		if h != 0 {
			kept, err := guard.Use[*text.Texts](s, uint64(h), handle.Texts)
			if err != nil {
				return err
			}
			column = func() (*text.Texts, error) { return kept, nil }
		}
		progress := &text.Progress{}
		putTask(out, start(s, "words", progress.Done,
			func(ctx context.Context) (task.Result, error) {
				texts, err := column()
				if err != nil {
					return task.Result{}, err
				}
				x, err := text.BuildWords(ctx, texts, int(threads), progress)
				if err != nil {
					return task.Result{}, err
				}
				return task.Result{Kind: handle.Words, Value: x, Close: x.Close}, nil
			}))
		return nil
	})
}

// lentTexts views texts of the caller's, which stay with the task. Offsets are copied: what was
// checked must not change; letters that change give other terms and nothing worse.
// validity is a bitmap of those that are not null, or NULL.
func lentTexts(p *C.rv_values, validity *C.uint8_t) (texts *text.Texts, err error) {
	err = guard.Reading("words", "the memory of the texts", func() error {
		texts, err = readTexts(p, validity)
		return err
	})
	return texts, err
}

func readTexts(p *C.rv_values, validity *C.uint8_t) (*text.Texts, error) {
	if p == nil || p.n < 0 || p.format == nil || C.GoString(p.format) != "U" ||
		p.offsets == nil || p.len < 0 || p.len > 0 && p.data == nil {
		return nil, invalid("words", "texts without their data", "use format U")
	}
	n := product(int64(p.n), 8) / 8
	cuts, err := checkedOffsets("words", p, n)
	if err != nil {
		return nil, err
	}
	var valid *memory.Buffer
	nulls := 0
	if validity != nil {
		valid = memory.NewBufferBytes(view[byte](validity, (n+7)/8))
		nulls = arrowarray.UnknownNullCount
	}
	data := arrowarray.NewData(arrow.BinaryTypes.LargeString, int(n), []*memory.Buffer{valid,
		memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(cuts)),
		memory.NewBufferBytes(viewAt[byte](p.data, int64(p.len)))}, nil, nulls, 0)
	return text.NewTexts([]arrow.Array{arrowarray.MakeFromData(data)})
}

//export goWordsSearchStart
func goWordsSearchStart(
	h C.rv_handle, queries *C.rv_values, p *C.rv_search_params, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "words", func(s *guard.Scope) error {
		x, err := guard.Use[*text.WordIndex](s, uint64(h), handle.Words)
		if err != nil {
			return err
		}
		if out == nil || queries == nil {
			return invalid("words", "no queries, or no place for the task", "")
		}
		q, hits, err := readWordSearch(p)
		if err != nil {
			return err
		}
		putTask(out, start(s, "words", nil,
			func(ctx context.Context) (task.Result, error) {
				if q.Queries, err = queryTexts(queries, len(hits.Counts)); err != nil {
					return task.Result{}, err
				}
				return task.Result{}, x.Search(ctx, q, hits)
			}))
		return nil
	})
}

// readWordSearch views a question and the places for its answer, after it has refused what would
// reach outside the caller's memory.
func readWordSearch(p *C.rv_search_params) (q text.WordQuery, out text.WordHits, err error) {
	switch {
	case p == nil || p.size < C.sizeof_rv_search_params:
		return q, out, invalid("words", "parameters of an older version", "")
	case p.nq < 0 || p.k < 0:
		return q, out, invalid("words", fmt.Sprintf("k = %d for %d queries", p.k, p.nq),
			"use k >= 0")
	case p.k > 0 && int64(p.nq) > math.MaxInt64/16/int64(p.k):
		return q, out, &arrowidx.Error{Kind: arrowidx.LimitExceeded, Op: "words", Row: -1,
			Column: -1, Msg: fmt.Sprintf("%d queries of k = %d", p.nq, p.k),
			Fix: "search in parts"}
	case p.nq > 0 && p.counts == nil, p.nq*p.k > 0 && (p.ids == nil || p.scores == nil):
		return q, out, invalid("words", "places for answers are missing", "")
	case p.filter_kind != filterNone && p.filter_kind != filterMask,
		p.filter_len < 0, p.filter_len > 0 && p.filter == nil:
		return q, out, invalid("words", "a filter that is no mask", "use one byte for each row")
	}
	cells := int64(p.nq * p.k)
	q = text.WordQuery{K: int(p.k), Threads: int(p.threads)}
	if p.filter_kind == filterMask {
		q.Allowed = viewAt[byte](p.filter, int64(p.filter_len))
		if q.Allowed == nil {
			q.Allowed = []byte{}
		}
	}
	return q, text.WordHits{Rows: view[int64](p.ids, cells), Scores: view[float32](p.scores, cells),
		Counts: view[int64](p.counts, int64(p.nq))}, nil
}

// queryTexts views n texts of the caller's.
func queryTexts(p *C.rv_values, n int) ([]string, error) {
	texts, err := lentTexts(p, nil)
	if err != nil {
		return nil, err
	}
	if texts.Len() != n {
		return nil, invalid("words", fmt.Sprintf("%d texts for %d queries", texts.Len(), n), "")
	}
	queries := make([]string, n)
	for i := range queries {
		queries[i] = texts.At(i)
	}
	return queries, nil
}

//export goChunkStart
func goChunkStart(
	texts *C.rv_values, p *C.rv_chunk_params, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "chunk", func(s *guard.Scope) error {
		if out == nil {
			return invalid("chunk", "no place for the task", "")
		}
		options, marks, err := chunkOptions(p)
		if err != nil {
			return err
		}
		progress := &chunk.Progress{}
		putTask(out, start(s, "chunk", progress.Done,
			func(ctx context.Context) (task.Result, error) {
				column, err := lentTexts(texts, nil)
				if err != nil {
					return task.Result{}, err
				}
				made, err := chunk.New(ctx, column, marks, options, progress)
				if err != nil {
					return task.Result{}, err
				}
				return task.Result{Kind: handle.Chunks, Value: made}, nil
			}))
		return nil
	})
}

// chunkOptions reads how texts are cut; marks are copied.
func chunkOptions(p *C.rv_chunk_params) (o chunk.Options, marks []chunk.Mark, err error) {
	switch {
	case p == nil || p.size < C.sizeof_rv_chunk_params:
		return o, nil, invalid("chunk", "parameters of an older version", "")
	case p.n_marks < 0, p.n_marks > 0 && p.marks == nil:
		return o, nil, invalid("chunk", "marks without their data", "")
	case p.kind < 0 || p.kind > math.MaxUint8 || p.unit < 0 || p.unit > math.MaxUint8:
		return o, nil, invalid("chunk", "an unknown kind or unit", "")
	}
	o = chunk.Options{Kind: chunk.Kind(p.kind), Unit: chunk.Unit(p.unit), Budget: int(p.budget),
		Overlap: int(p.overlap), Base: int(p.base), Break: int(p.line_break),
		Threads: int(p.threads)}
	numbers := view[int64](p.marks, product(int64(p.n_marks), 4))
	marks = make([]chunk.Mark, len(numbers)/4)
	for i := range marks {
		m := numbers[4*i:]
		marks[i] = chunk.Mark{Text: int(m[0]), Start: int(m[1]), End: int(m[2]), Level: int(m[3])}
	}
	return o, marks, nil
}

//export goChunkCountStart
func goChunkCountStart(
	h C.rv_handle, tokens *C.int64_t, n C.int64_t, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "chunk", func(s *guard.Scope) error {
		c, err := guard.Use[*chunk.Cut](s, uint64(h), handle.Chunks)
		if err != nil {
			return err
		}
		if out == nil || n < 0 || n > 0 && tokens == nil {
			return invalid("chunk", "no counts, or no place for the task", "")
		}
		counts := view[int64](tokens, int64(n))
		putTask(out, start(s, "chunk", nil, func(ctx context.Context) (task.Result, error) {
			return task.Result{}, c.Tell(ctx, counts)
		}))
		return nil
	})
}

//export goChunkRead
func goChunkRead(
	h C.rv_handle, what C.int32_t, rows *C.int64_t, n C.int64_t, e *C.rv_error,
) C.int32_t {
	return door(e, "chunk", func(s *guard.Scope) error {
		c, err := guard.Use[*chunk.Cut](s, uint64(h), handle.Chunks)
		if err != nil {
			return err
		}
		if n < 0 || n > 0 && rows == nil || what < 0 || what > 2 {
			return invalid("chunk", "no place for the rows, or rows of an unknown kind", "")
		}
		out := view[int64](rows, product(int64(n), 7))
		written := 0
		put := func(s chunk.Span, one, two int) {
			if at := 7 * written; at < len(out) {
				for i, v := range []int{s.Text, s.Start, s.End, s.From, s.To, one, two} {
					out[at+i] = int64(v)
				}
			}
			written++
		}
		if what == 0 {
			for _, s := range c.Asked() {
				put(s, 0, 0)
			}
		} else {
			putChunks(c, what == 2, put)
		}
		if int64(written) != int64(n) {
			return invalid("chunk", fmt.Sprintf("room for %d rows of %d", n, written), "")
		}
		return nil
	})
}

// putChunks hands over chunks, or their headings.
func putChunks(c *chunk.Cut, titles bool, put func(s chunk.Span, one, two int)) {
	chunks, headings := c.Chunks()
	if titles {
		for _, h := range headings {
			put(h.Span, h.Level, h.Parent)
		}
		return
	}
	for _, p := range chunks {
		put(p.Span, p.Heading, p.Tokens)
	}
}
