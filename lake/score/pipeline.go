package score

import (
	"context"
	"errors"
	"fmt"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// Run reads, searches with and writes all rows of a part of vectors.
//
// Errors: InvalidVector naming the row; DimensionMismatch; those of [arrowidx.Index.Search];
// PersistError where the input is damaged or the output cannot be written; Cancelled. After an
// error the part is of no use.
func (p *Part) Run(ctx context.Context) error {
	if err := p.usable(); err != nil {
		return err
	}
	if p.options.Text {
		return fault.New(fault.InvalidArgument, op, "the column holds texts", "use Texts and Step")
	}
	p.err = p.flow(ctx)
	return p.err
}

// stages hand batches on to each other. done is closed when one of them has ended early.
type stages struct {
	free, read, found chan *batch
	done              context.Context
	stop              context.CancelFunc
}

// flow runs the three stages. A batch that failed is handed on, too, so that the error that is
// returned is that of the first row, whichever stage met it.
func (p *Part) flow(ctx context.Context) error {
	s := &stages{free: make(chan *batch, slots), read: make(chan *batch, slots),
		found: make(chan *batch, slots)}
	s.done, s.stop = context.WithCancel(ctx)
	defer s.stop()
	for slot := range slots {
		b, err := p.batch(slot)
		if err != nil {
			return err
		}
		s.free <- b
	}
	work := []func(context.Context, *stages) error{p.reading, p.searching, p.writing}
	err := mem.Parallel(ctx, op, len(work), len(work), func(_, stage int) error {
		whole := false
		defer func() {
			if !whole { // an error, or a panic that passes by: the others must not wait
				s.stop()
			}
		}()
		err := work[stage](ctx, s)
		whole = err == nil
		return err
	})
	if err != nil {
		return err
	}
	return canceled(ctx)
}

// take returns the next batch of a channel; nil when there will be none.
func (s *stages) take(from <-chan *batch) *batch {
	select {
	case b := <-from:
		return b
	case <-s.done.Done():
		return nil
	}
}

func (p *Part) reading(ctx context.Context, s *stages) error {
	defer close(s.read)
	for p.next < p.rows {
		b := s.take(s.free)
		if b == nil {
			return nil
		}
		b.err = p.load(ctx, b, p.batchRows)
		failed := b.err != nil
		s.read <- b
		if failed {
			return nil
		}
	}
	return nil
}

func (p *Part) searching(ctx context.Context, s *stages) error {
	defer close(s.found)
	for {
		b := s.take(s.read)
		if b == nil {
			return nil
		}
		if b.err == nil {
			b.err = p.search(ctx, b)
		}
		failed := b.err != nil
		s.found <- b
		if failed {
			return nil
		}
	}
}

func (p *Part) writing(_ context.Context, s *stages) error {
	for {
		b := s.take(s.found)
		if b == nil {
			return nil
		}
		if b.err == nil {
			b.err = p.write(b)
		}
		if b.err != nil {
			return b.err
		}
		s.free <- b
	}
}

// batch returns the batch of a slot.
func (p *Part) batch(slot int) (*batch, error) {
	if p.batches[slot] == nil {
		b, err := newBatch(slot, p.batchRows, p.source.width(), p.options.K)
		if err != nil {
			return nil, err
		}
		p.batches[slot] = b
	}
	return p.batches[slot], nil
}

// load reads the next rows, at most n.
func (p *Part) load(ctx context.Context, b *batch, n int) error {
	if err := canceled(ctx); err != nil {
		return err
	}
	b.first, b.n = p.first+p.next, int(min(int64(n), p.rows-p.next))
	p.next += int64(b.n)
	return trusting(p.in.Name(), func() error { return p.fill(ctx, b) })
}

// fill reads the rows of a batch.
func (p *Part) fill(ctx context.Context, b *batch) error {
	if err := p.source.read(ctx, b); err != nil {
		return err
	}
	for _, c := range p.carriers {
		if err := canceled(ctx); err != nil {
			return err
		}
		if err := c.load(ctx, b.slot, b.n); err != nil {
			return err
		}
		p.garbage.collect()
	}
	return nil
}

// search asks the index with a batch's queries.
func (p *Part) search(ctx context.Context, b *batch) error {
	if b.queries == 0 {
		return nil
	}
	ask := p.options.Search
	ask.NQ, ask.K = b.queries, p.options.K
	p.source.ask(b, &ask)
	cells := b.queries * b.k
	out := arrowidx.SearchOut{Rows: b.rows[:cells], Scores: b.scores[:cells],
		Counts: b.counts[:b.queries]}
	plan, err := p.index.Search(ctx, &ask, &out)
	if err != nil {
		return p.located(b, err)
	}
	p.did.add(&plan)
	if p.ids != nil && p.ids != out.IDs {
		return fault.New(fault.InvalidArgument, op, "the index was changed while "+p.in.Name()+
			" was scored", "score with an index that nobody changes")
	}
	p.ids, b.ids = out.IDs, out.IDs
	b.cut(p.options.Least, p.options.Most)
	return nil
}

// located turns the error of a query into that of a row of the file.
func (p *Part) located(b *batch, err error) error {
	var known *fault.Error
	if !errors.As(err, &known) || known.Kind != fault.InvalidVector || known.Row < 0 {
		return err
	}
	row := known.Row
	if b.asked != nil {
		row = int64(b.asked[row])
	}
	row += b.first
	place := ""
	if known.Column >= 0 {
		place = fmt.Sprintf(", dimension %d", known.Column)
	}
	return fault.At(fault.InvalidVector, op, row, known.Column,
		fmt.Sprintf("%s: column %q, row %d%s holds NaN or infinity", p.in.Name(), p.options.On, row,
			place), "leave the row out, or make it null")
}

// write writes what was found.
func (p *Part) write(b *batch) error {
	p.cost = sized(p.cost, b.n)
	clear(p.cost)
	for _, c := range p.carriers {
		c.cost(b.slot, p.cost)
	}
	if err := p.writer.write(b, p.cost); err != nil {
		return err
	}
	p.nulls += int64(b.n - b.queries)
	p.written.Add(int64(b.n))
	return nil
}
