package store

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// Local keeps collections in memory. Every change makes a new state of a collection, whose
// generation is one more than that of the state before; 1 is the first. A pull reads the state that
// it began with. States share what they have in common, so that a change copies little more than
// what it changes.
type Local struct {
	id     string
	seed   maphash.Seed
	shards [shardCount]shard
}

// shardCount is in how many parts the collections are kept: a new one copies the names of a part.
const shardCount = 256

// shard is some of the collections.
type shard struct {
	grow sync.Mutex // held to add one
	all  atomic.Pointer[map[string]*collection]
}

// collection is a collection of Local. One that was never put has no stamp.
type collection struct {
	name  string
	write sync.Mutex   // held by the one change under way
	where map[name]int // the key of the piece that has an id; nil: not looked up yet
	tail  tail

	swap  sync.Mutex // guards now
	now   *state
	stamp atomic.Pointer[backend.Stamp]
}

// NewLocal makes a store without collections.
//
// Errors: InvalidArgument for an id that cannot be a name.
func NewLocal(id string) (*Local, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	return &Local{id: id, seed: maphash.MakeSeed()}, nil
}

// ID implements backend.Backend.
func (b *Local) ID() string { return b.id }

// Collections implements backend.Backend.
func (b *Local) Collections(ctx context.Context) ([]string, error) {
	if err := fault.FromContext(ctx, op); err != nil {
		return nil, err
	}
	var names []string
	for i := range b.shards {
		if all := b.shards[i].all.Load(); all != nil {
			for name, c := range *all {
				if c.stamp.Load() != nil {
					names = append(names, name)
				}
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// find returns a collection, nil if it was never put. A name that is found was checked.
func (b *Local) find(name string) *collection {
	all := b.shards[maphash.String(b.seed, name)%shardCount].all.Load()
	if all == nil {
		return nil
	}
	c := (*all)[name]
	if c == nil || c.stamp.Load() == nil {
		return nil
	}
	return c
}

// Stamp implements backend.Backend. It waits for nobody and allocates nothing.
func (b *Local) Stamp(ctx context.Context, collection string) (backend.Stamp, error) {
	if err := fault.FromContext(ctx, op); err != nil {
		return backend.Stamp{}, err
	}
	c := b.find(collection)
	if c == nil {
		return backend.Stamp{}, unknown(b.id, collection)
	}
	return *c.stamp.Load(), nil
}

// Pull implements backend.Backend. Nothing is copied; a batch is at most a MiB of vectors.
func (b *Local) Pull(ctx context.Context, collection string) (*backend.Pulled, error) {
	if err := fault.FromContext(ctx, op); err != nil {
		return nil, err
	}
	c := b.find(collection)
	if c == nil {
		return nil, unknown(b.id, collection)
	}
	s := c.use()
	at, schema := 0, schemaOf(s.idType(), s.form.dataType())
	next := func(context.Context) (arrow.Array, arrow.Array, error) {
		if at >= max(len(s.pieces), 1) {
			return nil, nil, nil
		}
		p := &piece{block: &block{}, off: []int64{0}} // of no rows, which tell the types
		if len(s.pieces) > 0 {
			p = s.pieces[at]
		}
		at++
		return p.ids(s.ids), s.form.vectors(p.block, p.from, p.n), nil
	}
	return &backend.Pulled{
		Rows:       newRows(ctx, schema, next, s.drop),
		Generation: bundle.Number(s.generation), Owned: true,
	}, nil
}

// use returns the current state, which must be dropped.
func (c *collection) use() *state {
	c.swap.Lock()
	defer c.swap.Unlock()
	c.now.uses.Add(1)
	return c.now
}

// make returns a collection, which is made if there is none.
func (b *Local) make(name string) *collection {
	s := &b.shards[maphash.String(b.seed, name)%shardCount]
	s.grow.Lock()
	defer s.grow.Unlock()
	all := map[string]*collection{}
	if old := s.all.Load(); old != nil {
		if c := (*old)[name]; c != nil {
			return c
		}
		all = maps.Clone(*old)
	}
	c := &collection{name: name}
	all[name] = c
	s.all.Store(&all)
	return c
}

// Put makes a collection of these rows, or replaces all that it was, dimension and type of ids
// included. Ids and vectors are copied: they may change afterwards. Ids that are positions become
// int64.
//
// Errors: LakeError for a name that none can have; InvalidArgument when there are not as many ids
// as vectors, or no vector tells the dimension; InvalidVector naming row and column of what is
// null, NaN or infinite; LimitExceeded; OutOfMemory; Cancelled. The collection is then as it was.
func (b *Local) Put(
	ctx context.Context, collection string, ids *arrowidx.IDs, vectors *arrowidx.Column,
) error {
	_, err := b.put(ctx, collection, ids, vectors, false)
	return err
}

// put is Put. With ifNew it does nothing but say so if there is such a collection already.
func (b *Local) put(
	ctx context.Context, collection string, ids *arrowidx.IDs, vectors *arrowidx.Column, ifNew bool,
) (found bool, err error) {
	if err := bundle.CheckName(collection); err != nil {
		return false, err
	}
	in, err := readGiven(ctx, collection, ids, vectors)
	if err != nil {
		return false, err
	}
	if in.form.dim == 0 {
		return false, fault.New(fault.InvalidArgument, "put",
			fmt.Sprintf("collection %q: no vector tells the dimension", collection),
			"put a vector at least, or none of a given dimension")
	}
	c := b.make(collection)
	c.write.Lock()
	defer c.write.Unlock()
	if ifNew && c.stamp.Load() != nil {
		return true, nil
	}
	block, err := in.copied(ctx, in.form)
	if err != nil {
		return false, err
	}
	s := &state{form: in.form, ids: in.kind}
	s.pieces = cut(block, in)
	c.tail.drop()
	c.where = nil
	b.publish(c, s)
	block.buffer.Release() // the state uses it
	return false, nil
}

// publish makes a state the current one. The caller holds write.
func (b *Local) publish(c *collection, s *state) {
	s.uses.Store(1)
	for _, p := range s.pieces {
		p.block.buffer.Retain()
		s.rows += p.n
	}
	c.swap.Lock()
	old := c.now
	s.generation = 1
	if old != nil {
		s.generation = old.generation + 1
	}
	c.now = s
	c.swap.Unlock()
	ref := "local://" + b.id + "/" + c.name
	c.stamp.Store(&backend.Stamp{
		DataRef: ref, Dim: s.form.dim, Generation: bundle.Number(s.generation),
	})
	if old != nil {
		old.drop()
	}
}
