package score

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
)

// asked is where the vectors that are searched with come from.
type asked interface {
	// dim is the numbers of a vector, 0 where that is not known yet; width its bytes in a batch.
	dim() int
	width() int
	// read fills a batch with the next b.n rows: valid, and the vectors of the valid ones at its
	// beginning, one after another.
	read(ctx context.Context, b *batch) error
	// ask has the search use the batch's vectors.
	ask(b *batch, p *arrowidx.SearchParams)
	close() error
}

// textual is the source of a part of texts: vectors come by Step.
type textual struct {
	texts *carried[parquet.ByteArray]
	floats
}

// floats are vectors of float32.
type floats struct{ n int }

func (f floats) dim() int   { return f.n }
func (f floats) width() int { return 4 * f.n }

func (f floats) ask(b *batch, p *arrowidx.SearchParams) {
	p.Queries = b.vectors.Floats()[:b.queries*f.n]
}

// wide are vectors of float64.
type wide struct{ n int }

func (f wide) width() int { return 8 * f.n }

func (f wide) ask(b *batch, p *arrowidx.SearchParams) {
	p.Wide = arrow.Float64Traits.CastFromBytes(b.vectors.Mem)[:b.queries*f.n]
}

// asks finds the column that is searched with.
func (p *Part) asks(ctx context.Context) (asked, error) {
	if !p.options.Text {
		return p.vectorColumn(ctx)
	}
	node, from, _ := p.in.field(p.options.On)
	if node == nil {
		return nil, p.in.missing(p.options.On)
	}
	return p.textColumn(node, from)
}

// textColumn checks that a column is texts.
func (p *Part) textColumn(n schema.Node, leaf int) (asked, error) {
	if !isText(n) {
		return nil, fault.New(fault.ColumnError, op,
			fmt.Sprintf("%s: column %q is %s, not text", p.in.Name(), n.Name(), typeText(n)),
			"name a column of strings")
	}
	texts := carry[parquet.ByteArray](p.in, p.in.leaf(leaf), leaf, p.group, p.end)
	return &textual{texts: texts, floats: floats{p.index.Dim()}}, nil
}

// isText tells whether a column holds a text a row.
func isText(n schema.Node) bool {
	p, ok := n.(*schema.PrimitiveNode)
	if !ok || p.PhysicalType() != parquet.Types.ByteArray ||
		p.RepetitionType() == parquet.Repetitions.Repeated {
		return false
	}
	switch p.LogicalType().(type) {
	case schema.StringLogicalType, schema.EnumLogicalType:
		return true
	}
	return p.ConvertedType() == schema.ConvertedTypes.UTF8
}

func (t *textual) close() error { return t.texts.close() }

// read loads texts: which rows have one is known then, vectors are not.
func (t *textual) read(ctx context.Context, b *batch) error {
	if err := t.texts.load(ctx, b.slot, b.n); err != nil {
		return err
	}
	r := &t.texts.slots[b.slot]
	for row := range b.n {
		from, to := r.values(row)
		b.valid[row] = from < to
	}
	b.ask()
	return nil
}

// Texts reads the next rows, at most n and at most as many as one batch holds, and returns their
// texts: one a row, and whether it is there. No rows: the end. Vectors of the texts that are there
// are to follow by Step. They are valid until then.
//
// Errors: PersistError, InvalidArgument.
func (p *Part) Texts(ctx context.Context, n int) (texts [][]byte, valid []bool, err error) {
	if err := p.usable(); err != nil {
		return nil, nil, err
	}
	t, ok := p.source.(*textual)
	if !ok || n < 1 {
		return nil, nil, fault.New(fault.InvalidArgument, op, "no texts can be read",
			"open the part of a column of texts, and ask for at least one row")
	}
	if p.next == p.rows {
		return nil, nil, nil
	}
	b, err := p.batch(0)
	if err == nil {
		err = p.load(ctx, b, min(n, p.batchRows))
	}
	if err != nil {
		p.err = err
		return nil, nil, err
	}
	p.waiting = b
	r := &t.texts.slots[b.slot]
	texts = make([][]byte, b.n)
	for row := range b.n {
		if from, to := r.values(row); from < to {
			texts[row] = r.vals[from]
		}
	}
	return texts, b.valid[:b.n], nil
}

// Step searches with the vectors of the last texts, as many as were there, row-major, and writes.
// A text whose numbers are all NaN has no vector, and counts as null.
//
// Errors: those of Run. A wrong number of vectors is a DimensionMismatch, and changes nothing.
func (p *Part) Step(ctx context.Context, vectors []float32) error {
	b := p.waiting
	if b == nil {
		return fault.New(fault.InvalidArgument, op, "no texts were read", "call texts first")
	}
	if want := b.queries * p.source.dim(); len(vectors) != want {
		return fault.New(fault.DimensionMismatch, op,
			fmt.Sprintf("%d numbers for %d texts and an index of %d dimensions", len(vectors),
				b.queries, p.source.dim()), "use the embedder of the index")
	}
	b.take(vectors, p.source.dim())
	p.waiting = nil
	p.err = p.search(ctx, b)
	if p.err == nil {
		p.err = p.write(b)
	}
	return p.err
}
