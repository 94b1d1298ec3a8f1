package text

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"sort"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

const (
	// shardTexts and shardBytes are the most of what is cut into terms in one go; a longer text is
	// a shard of its own.
	shardTexts = 4096
	shardBytes = 2 << 20
	// rangeTerms is about how many terms of shards are joined in one go, mostRanges how often.
	rangeTerms = 32 << 10
	mostRanges = 1024
	// looksAfter is how many terms are cut, or postings read, between looks at the context.
	looksAfter = 1 << 15
)

// Progress says how far a build is; all of its methods may be called while it runs.
type Progress struct{ done, total atomic.Int64 }

// Done returns the work done and the work in all, 0 and 0 before it is known.
func (p *Progress) Done() (done, total int64) { return p.done.Load(), p.total.Load() }

// BuildWords makes the index of a column of texts, which it does not keep. The index has the same
// bytes whatever the threads (0: the default). progress may be nil; it counts texts, each twice.
//
// Errors: LimitExceeded for more than 2^32-1 rows and for a text of as many bytes, OutOfMemory,
// Cancelled.
func BuildWords(
	ctx context.Context, texts *Texts, threads int, progress *Progress,
) (*WordIndex, error) {
	if progress == nil {
		progress = &Progress{}
	}
	rows := texts.Len()
	progress.total.Store(2 * int64(rows))
	cuts, err := shardsOf(texts)
	if err != nil {
		return nil, err
	}
	x := &WordIndex{count: rows}
	if x.slab, err = mem.NewSlab("words", 4*int64(rows)); err != nil {
		return nil, err
	}
	x.lengths = arrow.Uint32Traits.CastFromBytes(x.slab.Mem)
	threads = mem.Threads(threads)
	cutters := make([]cutter, threads)
	shards := make([]shard, len(cuts)-1)
	err = mem.Parallel(ctx, "words", threads, len(shards), func(worker, s int) (err error) {
		shards[s], err = cutters[worker].shard(ctx, texts, cuts[s], cuts[s+1], x.lengths)
		progress.done.Add(int64(cuts[s+1] - cuts[s]))
		return err
	})
	if err == nil {
		err = x.join(ctx, shards, threads, progress)
	}
	if err != nil {
		x.Close()
		return nil, err
	}
	x.sum()
	progress.done.Store(2 * int64(rows))
	return x, nil
}

// shardsOf returns the rows at which shards begin, and the number of rows.
func shardsOf(texts *Texts) ([]int, error) {
	rows := texts.Len()
	if rows > math.MaxUint32 {
		return nil, fault.New(fault.LimitExceeded, "words", fmt.Sprintf("%d rows", rows),
			"index at most 2^32-1 texts at once")
	}
	cuts, held := []int{0}, 0
	for row := range rows {
		n := len(texts.At(row))
		if n > math.MaxUint32 {
			return nil, fault.At(fault.LimitExceeded, "words", int64(row), -1,
				fmt.Sprintf("row %d is a text of %d bytes", row, n), "cut it into passages")
		}
		first := cuts[len(cuts)-1]
		if row > first && (row-first == shardTexts || held+n > shardBytes) {
			cuts, held = append(cuts, row), 0
		}
		held += n
	}
	if rows > 0 {
		cuts = append(cuts, rows)
	}
	return cuts, nil
}

// shard has the terms of some texts in the order of their bytes. The first posting of a term stands
// apart, because its gap depends on the shards before.
type shard struct {
	text        []byte
	ends, stops []int
	first, last []uint32 // rows
	tf          []uint32 // in the first row
	rows        []uint32 // that have the term
	tail        []byte   // the other postings
}

func (s *shard) term(i int) []byte { return s.text[before(s.ends, i):s.ends[i]] }

// from returns the number of the first term that is not below a text; nil is below all.
func (s *shard) from(text []byte) int {
	return sort.Search(len(s.ends), func(i int) bool { return bytes.Compare(s.term(i), text) >= 0 })
}

// occurrence is a posting before it is sorted by term.
type occurrence struct{ term, row, tf uint32 }

// cutter is one worker's scratch memory.
type cutter struct {
	words  Words
	terms  vocabulary
	met    []occurrence
	at     []int // of each term's latest occurrence in met
	order  []uint32
	begins []int
	sorted []occurrence
}

// shard cuts the texts [from, to) and writes how many terms each has.
func (c *cutter) shard(
	ctx context.Context, texts *Texts, from, to int, lengths []uint32,
) (shard, error) {
	c.terms.reset()
	c.met, c.at = c.met[:0], c.at[:0]
	count := 0
	for row := from; row < to; row++ {
		begin := len(c.met)
		c.words.Reset(texts.At(row))
		for c.words.Next() {
			n := int(c.terms.number(c.words.Term()))
			if n == len(c.at) {
				c.at = append(c.at, -1)
			}
			if c.at[n] >= begin {
				c.met[c.at[n]].tf++
			} else {
				c.at[n] = len(c.met)
				c.met = append(c.met, occurrence{uint32(n), uint32(row), 1})
			}
			lengths[row]++
			if count++; count%looksAfter == 0 {
				if err := fault.FromContext(ctx, "words"); err != nil {
					return shard{}, err
				}
			}
		}
	}
	return c.write(ctx)
}

// write sorts what was met by term and returns it.
func (c *cutter) write(ctx context.Context) (s shard, err error) {
	n := c.terms.len()
	if c.order, err = c.terms.sorted(ctx, c.order); err != nil {
		return s, err
	}
	c.begins = mem.Grow(c.begins, n+1)
	clear(c.begins)
	for _, o := range c.met {
		c.begins[o.term+1]++
	}
	for i := range n {
		c.begins[i+1] += c.begins[i]
	}
	c.sorted = mem.Grow(c.sorted, len(c.met))
	for _, o := range c.met { // now begins[term] moves to where the next term begins
		c.sorted[c.begins[o.term]] = o
		c.begins[o.term]++
	}
	s = shard{ends: make([]int, n), stops: make([]int, n), first: make([]uint32, n),
		last: make([]uint32, n), tf: make([]uint32, n), rows: make([]uint32, n),
		text: make([]byte, 0, len(c.terms.text))}
	for i, term := range c.order {
		of := c.sorted[before(c.begins, int(term)):c.begins[term]]
		s.text = append(s.text, c.terms.term(int(term))...)
		s.ends[i] = len(s.text)
		s.first[i], s.tf[i], s.rows[i] = of[0].row, of[0].tf, uint32(len(of))
		row := of[0].row
		for _, o := range of[1:] {
			s.tail = appendPosting(s.tail, o.row-row, o.tf)
			row = o.row
		}
		s.last[i], s.stops[i] = row, len(s.tail)
	}
	return s, nil
}

// join makes the pieces of the index, a range of terms each.
func (x *WordIndex) join(
	ctx context.Context, shards []shard, threads int, progress *Progress,
) error {
	bounds := boundsOf(shards)
	x.pieces = make([]piece, len(bounds))
	mergers := make([]merger, threads)
	per := int64(x.count) / int64(len(bounds))
	return mem.Parallel(ctx, "words", threads, len(bounds), func(worker, r int) (err error) {
		var end []byte
		if r+1 < len(bounds) {
			end = bounds[r+1]
		}
		x.pieces[r], err = mergers[worker].piece(ctx, shards, bounds[r], end)
		progress.done.Add(per)
		return err
	})
}

// boundsOf returns the terms at which ranges of about equal size begin; the first is nil.
func boundsOf(shards []shard) [][]byte {
	total := 0
	for i := range shards {
		total += len(shards[i].ends)
	}
	ranges := min(total/rangeTerms+1, mostRanges)
	if ranges == 1 {
		return [][]byte{nil}
	}
	const spread = 64 // samples of a range
	step := max(total/(ranges*spread), 1)
	var sample [][]byte
	next := 0
	for i := range shards {
		for ; next < len(shards[i].ends); next += step {
			sample = append(sample, shards[i].term(next))
		}
		next -= len(shards[i].ends)
	}
	slices.SortFunc(sample, bytes.Compare)
	bounds := [][]byte{nil}
	for r := 1; r < ranges; r++ {
		if at := sample[r*len(sample)/ranges]; bytes.Compare(at, bounds[len(bounds)-1]) > 0 {
			bounds = append(bounds, at)
		}
	}
	return bounds
}

// merger is one worker's scratch memory.
type merger struct {
	terms   vocabulary
	numbers []uint32 // of the terms of the shards, one shard after the other
	rows    []uint32 // of each term
	last    []uint32
	sizes   []int64 // of each term's postings
	order   []uint32
}

// piece joins the terms of the shards from begin up to, not with, end; nil is no end.
func (m *merger) piece(
	ctx context.Context, shards []shard, begin, end []byte,
) (p piece, err error) {
	m.measure(shards, begin, end)
	if m.order, err = m.terms.sorted(ctx, m.order); err != nil {
		return p, err
	}
	size := int64(0)
	for _, s := range m.sizes {
		size += s
	}
	if p, err = newPiece(m.terms.len(), int64(len(m.terms.text)), size); err != nil {
		return p, err
	}
	text := p.text[:0]
	size = 0
	for i, term := range m.order {
		text = append(text, m.terms.term(int(term))...)
		p.ends[i], p.rows[i] = int64(len(text)), m.rows[term]
		begins := size
		size += m.sizes[term]
		p.stops[i], m.sizes[term] = size, begins // from here on: where the next posting goes
	}
	clear(m.last)
	at := 0
	m.each(shards, begin, end, func(s *shard, i int) {
		term := m.numbers[at]
		at++
		to := p.postings[m.sizes[term]:]
		to = appendPosting(to[:0], s.first[i]-m.last[term], s.tf[i])
		to = append(to, s.tail[before(s.stops, i):s.stops[i]]...)
		m.sizes[term] += int64(len(to))
		m.last[term] = s.last[i]
	})
	return p, nil
}

// measure numbers the terms of a range and finds how many rows and bytes of postings each has.
func (m *merger) measure(shards []shard, begin, end []byte) {
	m.terms.reset()
	m.numbers, m.rows, m.last, m.sizes = m.numbers[:0], m.rows[:0], m.last[:0], m.sizes[:0]
	var room [mostPosting]byte
	m.each(shards, begin, end, func(s *shard, i int) {
		term := m.terms.number(s.term(i))
		m.numbers = append(m.numbers, term)
		if int(term) == len(m.rows) {
			m.rows, m.last = append(m.rows, 0), append(m.last, 0)
			m.sizes = append(m.sizes, 0)
		}
		first := appendPosting(room[:0], s.first[i]-m.last[term], s.tf[i])
		m.rows[term] += s.rows[i]
		m.sizes[term] += int64(len(first) + s.stops[i] - before(s.stops, i))
		m.last[term] = s.last[i]
	})
}

// each calls f with every term of a range, shard after shard.
func (m *merger) each(shards []shard, begin, end []byte, f func(s *shard, i int)) {
	for k := range shards {
		s := &shards[k]
		stop := len(s.ends)
		if end != nil {
			stop = s.from(end)
		}
		for i := s.from(begin); i < stop; i++ {
			f(s, i)
		}
	}
}

// sum counts what the index holds.
func (x *WordIndex) sum() {
	for _, n := range x.lengths {
		x.tokens += int64(n)
		if n > 0 {
			x.texts++
		}
	}
	for i := range x.pieces {
		x.terms += len(x.pieces[i].ends)
	}
}
