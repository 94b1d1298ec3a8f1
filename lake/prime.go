package lake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
	"github.com/ruvector/ruvector-arrow/lake/cache"
)

// bring is a flight: it asks the store what the collection is, and returns the entry of it, held:
// one that is there under another key, or a new one.
func (t *Target) bring(f *flight, b backend.Backend) (*cache.Entry, error) {
	began := time.Now()
	s, err := t.stamp(f.ctx, b)
	if err != nil {
		return nil, err
	}
	if err := t.backwards(t.slot.Pointer(), s.DataRef, s); err != nil {
		return nil, err
	}
	is, err := t.facts(f.ctx, b, s)
	if err != nil {
		return nil, err
	}
	if s.Dim == 0 { // what it would be shared as is not known
		return t.make(f, b, is, began)
	}
	for {
		if e, err := t.share(f, is); e != nil || err != nil {
			return e, err
		}
		other := t.l.building.claim(is.Bundle.Witness)
		if other == nil {
			break
		}
		select {
		case <-other:
		case <-f.ctx.Done():
			return nil, t.ended(f.ctx)
		}
	}
	defer t.l.building.release(is.Bundle.Witness)
	if e, err := t.share(f, is); e != nil || err != nil { // it came before the claim
		return e, err
	}
	return t.make(f, b, is, began)
}

// ended is the error of a flight whose context has ended.
func (t *Target) ended(ctx context.Context) error {
	return failed("search", t.key, fault.FromContext(ctx, "search"))
}

// share points the key to the entry that another key has of the same data; nil: there is none.
func (t *Target) share(f *flight, is cache.Facts) (*cache.Entry, error) {
	return t.settle(f, is, func() (*cache.Entry, error) { return t.l.cache.Share(t.slot, is), nil })
}

// settle changes where the key points, unless nobody wants what the flight brings any more.
func (t *Target) settle(
	f *flight, is cache.Facts, change func() (*cache.Entry, error),
) (*cache.Entry, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.left {
		return nil, t.ended(f.ctx)
	}
	e, err := change()
	f.is = is
	return e, err
}

// facts returns what the bundle of a state says.
//
// Errors: BackendError when the store describes what no bundle can say.
func (t *Target) facts(
	ctx context.Context, b backend.Backend, s backend.Stamp,
) (cache.Facts, error) {
	var said bundle.Bundle
	if d, can := b.(backend.Describer); can {
		err := asked("search", t.key, func() (err error) {
			said, err = d.Describe(ctx, t.key.Collection)
			return err
		})
		if err != nil {
			return cache.Facts{}, err
		}
	}
	is := bundle.Bundle{
		FormatVersion: 2, DataRef: s.DataRef, Dim: s.Dim, RotationSeed: t.l.o.RotationSeed,
		RerankFactor: t.l.o.RerankFactor, Generation: s.Generation,
		PIIPolicy: said.PIIPolicy, LineageID: said.LineageID, MemoryClass: said.MemoryClass,
		Embedder: said.Embedder,
	}
	if said.DataRef != "" {
		is.DataRef = said.DataRef
	}
	facts := cache.Facts{Stamp: s, Bundle: is}
	if s.Dim == 0 {
		return facts, nil
	}
	return facts, t.seal(&facts)
}

// seal fills in the witness.
func (t *Target) seal(is *cache.Facts) error {
	if err := is.Bundle.Seal(); err != nil {
		return failed("search", t.key, storeSaid(err))
	}
	return nil
}

// storeSaid makes an error of a bundle one of the store whose words it was made of.
func storeSaid(err error) error {
	made := fault.New(fault.BackendError, "search", "the store says what no bundle can say", "")
	made.Err = err
	return made
}

// make pulls the collection, builds its index and files it under the generation of the pull.
func (t *Target) make(
	f *flight, b backend.Backend, is cache.Facts, began time.Time,
) (*cache.Entry, error) {
	got, err := t.read(f.ctx, b)
	if err != nil {
		t.remember(is.Stamp, err)
		return nil, err
	}
	defer got.vectors.Release()
	asked := is.Stamp
	if is, err = t.reconcile(f.ctx, b, is, got); err != nil {
		return nil, err
	}
	ix, err := t.build(f.ctx, got, is.Bundle)
	if err != nil {
		return nil, err
	}
	e, err := t.settle(f, is, func() (*cache.Entry, error) {
		return t.l.cache.Install(t.slot, is, cache.Made{Index: ix, Took: time.Since(began)})
	})
	if e == nil && f.left {
		ix.Close()
	}
	t.remember(asked, err)
	return e, err
}

// remember keeps in mind that a state does not fit into the cache, so that it is not pulled again.
func (t *Target) remember(s backend.Stamp, err error) {
	if cache.NeverFits(err) {
		t.large.Store(&tooLarge{stamp: s, err: err})
	}
}

// got is a collection that was pulled and checked.
type got struct {
	ids        *arrowidx.IDs
	vectors    *arrowidx.Column
	generation bundle.Generation
	owned      bool
	embedder   string
}

// read pulls the collection.
func (t *Target) read(ctx context.Context, b backend.Backend) (*got, error) {
	var pulled *backend.Pulled
	err := asked("search", t.key, func() (err error) {
		pulled, err = b.Pull(ctx, t.key.Collection)
		return err
	})
	if err != nil {
		return nil, err
	}
	ids, vectors, err := backend.Read(ctx, pulled,
		backend.Limits{Key: t.key, Bytes: t.l.o.CacheBytes})
	if err != nil {
		return nil, err
	}
	return &got{ids, vectors, pulled.Generation, pulled.Owned, pulled.Embedder}, nil
}

// reconcile asks for the stamp again, and returns the facts of what was pulled: those of the state
// before or after, or, when the collection moved on twice, of a state that no stamp was seen of.
//
// Errors: BackendError when generation or dimension are not those that the store told.
func (t *Target) reconcile(
	ctx context.Context, b backend.Backend, is cache.Facts, g *got,
) (cache.Facts, error) {
	after, err := t.stamp(ctx, b)
	if err != nil {
		return is, err
	}
	told := is.Stamp.Dim
	if g.generation != is.Stamp.Generation {
		told = 0
		s := is.Stamp
		if g.generation == after.Generation {
			s, told = after, after.Dim
		}
		s.Generation, s.Dim = g.generation, 0
		before := &cache.Pointer{Facts: is}
		if err := t.backwards(before, s.DataRef, s); err != nil {
			return is, err
		}
		if is, err = t.facts(ctx, b, s); err != nil {
			return is, err
		}
	}
	dim := g.vectors.Dim()
	if told != 0 && dim != told && g.vectors.Len() > 0 {
		return is, fault.New(fault.BackendError, "search",
			fmt.Sprintf("%s: its store says %d dimensions, and gave vectors of %d", t.key, told, dim),
			"what the stamp says must be so")
	}
	if dim == 0 {
		dim = told
	}
	is.Stamp.Dim, is.Bundle.Dim = dim, dim
	if g.embedder != "" {
		is.Bundle.Embedder = g.embedder
	}
	return is, t.seal(&is)
}

// build makes the index of what was pulled.
func (t *Target) build(
	ctx context.Context, g *got, is bundle.Bundle,
) (*arrowidx.Index, error) {
	o := t.l.o
	keep := arrowidx.KeepCopy
	if g.owned {
		keep = arrowidx.KeepBorrow
	}
	ix, err := arrowidx.Build(ctx, g.vectors, arrowidx.BuildOptions{
		Metric: o.Metric, Kind: o.Kind, Recall: o.Recall, Seed: o.RotationSeed, Threads: o.Threads,
		Keep: keep, IDs: g.ids, Provenance: provenanceOf(&is),
	})
	if err == nil {
		return ix, nil
	}
	if known := (*fault.Error)(nil); errors.As(err, &known) && known.Kind == fault.InvalidVector {
		return nil, failed("search", t.key, err)
	}
	return nil, located(t.key, err)
}
