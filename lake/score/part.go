// Package score searches with the rows of parquet files and writes what they find as parquet: rows
// of one file in, one file out.
//
// A [Part] reads vectors or texts of consecutive row groups, a [arrowidx.Index] answers, and for
// each hit a row is written: columns of the input, the input's row, rank, id and score, and columns
// of the row that was found. Columns of the input pass as levels and values, of which a row is a
// run; nothing of their types is interpreted, so that all of them survive. Three batches are at
// work at once: one is read, one searched, one written. The bytes written depend on the input, the
// index and the parameters alone.
//
// Reading order: part.go, batch.go, pipeline.go; input.go, records.go (rows out of pages), leaf.go
// and lanes.go (rows into pages), writer.go, sink.go; output.go (schema), right.go, right_types.go.
package score

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	lake "github.com/ruvector/ruvector-arrow/lake/parquet"
)

// Options say what a part reads and writes.
type Options struct {
	Label string // what errors call the input
	Out   string // path of the file to write, which must not be there
	On    string // column of vectors, or of texts
	Text  bool   // On is texts: use Texts and Step
	// First and Groups are the row groups; Groups -1: all from First on.
	First, Groups int
	Columns       []string // of the input to write; nil: all but On
	Constants     []Constant
	Names         Names
	Right         *Right
	K             int
	// Least and Most are bounds of the score: of hits outside nothing is written.
	Least, Most *float64
	// Search holds Recall, Rerank, Estimates, Probes, Mask and Threads.
	Search arrowidx.SearchParams
	// Memory is about how many bytes the part may hold; Batch the most rows at once, 0: as many as
	// fit, up to 16,384.
	Memory int64
	Batch  int
	Limits lake.Limits
	// Dim and Type say what bytes of fixed length are; 0: the column is lists.
	Dim  int
	Type lake.Element
}

// Part is a file that is being scored. Not safe for concurrent use, but for Progress.
type Part struct {
	in         *Input
	index      *arrowidx.Index
	options    Options
	group, end int
	first      int64 // row of the file that is the part's first
	rows       int64
	idKind     arrowidx.IDKind
	place      func(int64) int64
	carriers   []carrier
	out        []column
	writer     *writer
	source     asked
	batches    [slots]*batch
	batchRows  int
	cost       []int64
	garbage    garbage
	next       int64 // row of the part that is read next
	nulls      int64
	did        Counts // by searching, so far
	ids        *arrowidx.IDs
	written    atomic.Int64
	waiting    *batch // texts were given out, vectors are awaited
	err        error
	finished   bool
}

// Counts say what a part did: rows read and written, rows read that were null, bytes of the file;
// and what the plans of its searches say, summed.
type Counts struct {
	RowsIn, RowsOut, Nulls, Bytes                        int64
	Queries, Probed, Scanned, Coded, Reranked, Certified int64
}

// add adds what a search did.
func (c *Counts) add(p *arrowidx.Plan) {
	c.Queries += p.Queries
	c.Probed += p.Probed
	c.Scanned += p.Scanned
	c.Coded += p.Coded
	c.Reranked += p.Reranked
	c.Certified += p.Certified
}

// Open opens the input and creates the output, which the part owns until Finish or Abandon. It
// takes the file in every outcome.
//
// Errors: ColumnError where a column is missing, of the wrong kind, or called as another;
// DimensionMismatch; LimitExceeded naming the least memory; PersistError.
func Open(
	ctx context.Context, f *lake.File, ix *arrowidx.Index, o Options,
) (*Part, error) {
	p := &Part{index: ix, options: o}
	err := trusting(o.Label, func() error { return p.prepare(ctx, f) })
	if err == nil {
		p.writer, err = newWriter(o.Out, p.out, &p.garbage)
	}
	if err != nil {
		p.Abandon()
		return nil, err
	}
	return p, nil
}

// trusting runs what believes a file. What it panics with is the file's fault.
func trusting(label string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = damaged(label, fmt.Sprintf("it is damaged, or of a form that is not read: %v", r), nil)
		}
	}()
	return f()
}

// prepare finds out everything that can be known before rows are read.
func (p *Part) prepare(ctx context.Context, f *lake.File) (err error) {
	if p.in, err = open(p.options.Label, f, p.options.Limits); err != nil {
		_ = f.Close() // only read from
		return err
	}
	if err := p.cover(); err != nil {
		return err
	}
	if err := p.know(); err != nil {
		return err
	}
	if p.out, err = p.columns(); err != nil {
		return err
	}
	if p.source, err = p.asks(ctx); err != nil {
		return err
	}
	return p.plan()
}

// cover finds the rows of the row groups.
func (p *Part) cover() error {
	groups := p.in.file.Groups()
	p.group, p.end = p.options.First, p.options.First+p.options.Groups
	if p.options.Groups == -1 {
		p.end = groups
	}
	if p.group < 0 || p.end < p.group || p.end > groups {
		return fault.New(fault.InvalidArgument, op, fmt.Sprintf("row groups %d to %d of %d in %s",
			p.group, p.end, groups, p.in.Name()), "ask for row groups that there are")
	}
	for g := range p.end {
		rows, first := p.in.file.GroupRows(g)
		if g < p.group {
			p.first = first + rows
		} else {
			p.rows += rows
		}
	}
	return nil
}

// know asks the index what its rows are called.
func (p *Part) know() error {
	if p.options.K < 1 {
		return fault.New(fault.InvalidArgument, op, fmt.Sprintf("k = %d", p.options.K), "use k >= 1")
	}
	// No row has more hits than the index has rows: room is made for these.
	p.options.K = min(p.options.K, max(p.index.Len(), 1))
	p.idKind = p.index.IDs().Kind()
	if p.options.Right == nil {
		return nil
	}
	if n := int64(p.index.Len()); n != p.options.Right.rows {
		return fault.New(fault.InvalidArgument, op,
			fmt.Sprintf("right= is for an index of %d rows, this one has %d", p.options.Right.rows, n),
			"make it for this index")
	}
	p.place = func(row int64) int64 { return row }
	if !p.index.Info().Changed {
		return nil
	}
	// Deleted rows keep their numbers, and have no place in the order of ids.
	ids, err := p.index.IDArray(memory.NewGoAllocator())
	if err != nil {
		return err
	}
	defer ids.Release()
	rows, err := p.index.Lookup(ids)
	if err != nil {
		return err
	}
	places := make([]int64, p.index.IDs().Len())
	for place, row := range rows {
		places[row] = int64(place)
	}
	p.place = func(row int64) int64 { return places[row] }
	return nil
}

// Rows is how many rows the part reads.
func (p *Part) Rows() int64 { return p.rows }

// FirstRow is the row of the file that is the part's first.
func (p *Part) FirstRow() int64 { return p.first }

// Dim is the dimensions of the vectors, 0 where they are not known before they are read.
func (p *Part) Dim() int { return p.source.dim() }

// BatchRows is how many rows are read at once, at most.
func (p *Part) BatchRows() int { return p.batchRows }

// Schema is the output's columns as JSON, a list of names and types.
func (p *Part) Schema() string { return schemaText(p.out) }

// Progress returns the rows that are done, and all. Safe at any time.
func (p *Part) Progress() (done, total int64) { return p.written.Load(), p.rows }

// usable refuses work after an error or the end.
func (p *Part) usable() error {
	switch {
	case p.err != nil:
		return p.err
	case p.finished:
		return fault.New(fault.InvalidArgument, op, "the part is finished", "make another")
	case p.waiting != nil:
		return fault.New(fault.InvalidArgument, op, "the vectors of the last texts are missing",
			"pass them to step")
	}
	return nil
}

// Finish writes the end of the file, to the disk, and closes it.
//
// Errors: InvalidArgument where rows were not read yet; PersistError.
func (p *Part) Finish() (Counts, error) {
	if err := p.usable(); err != nil {
		return Counts{}, err
	}
	if p.next != p.rows {
		return Counts{}, fault.New(fault.InvalidArgument, op,
			fmt.Sprintf("%d of %d rows were not scored", p.rows-p.next, p.rows), "score them first")
	}
	if p.err = p.writer.finish(); p.err != nil {
		return Counts{}, p.err
	}
	p.finished = true
	p.free()
	c := p.did
	c.RowsIn, c.RowsOut, c.Nulls, c.Bytes = p.rows, p.writer.total, p.nulls, p.writer.sink.bytes
	return c, nil
}

// Abandon frees everything, and removes the output unless it was finished. It may be called at any
// time but while another method runs, and again.
func (p *Part) Abandon() {
	if p.writer != nil && !p.finished {
		p.writer.sink.remove()
	}
	p.finished = true
	p.free()
}

// free gives back what is held but the output.
func (p *Part) free() {
	for i, b := range p.batches {
		if b != nil {
			b.free()
			p.batches[i] = nil
		}
	}
	for _, c := range p.carriers {
		_ = c.close() // only read from
	}
	p.carriers = nil
	if p.source != nil {
		_ = p.source.close() // only read from
	}
	if p.in != nil {
		_ = p.in.close() // only read from
		p.in = nil
	}
}
