package lake

import (
	"context"
	"fmt"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
	"github.com/ruvector/ruvector-arrow/lake/cache"
)

// RefreshResult says what a folder's bundle meant for the entry of a key.
type RefreshResult uint8

// The results.
const (
	UpToDate      RefreshResult = iota // the entry is of the bundle's data, or there is none
	Invalidated                        // it was of other data, and is gone: the next search pulls
	BundleMissing                      // the folder has no bundle
)

// String returns the result's name.
func (r RefreshResult) String() string {
	if r > BundleMissing {
		return fmt.Sprintf("RefreshResult(%d)", uint8(r))
	}
	return [...]string{"UP_TO_DATE", "INVALIDATED", "BUNDLE_MISSING"}[r]
}

// Publish writes the bundle of what a collection is now to a folder, which is made if need be, and
// returns it. The store is asked, whatever the consistency. Format 2 needs no entry, unless the
// store does not know the dimension; format 3 covers ids and vectors, and makes one. 0 is 2.
//
// Errors: InvalidArgument for other formats; UnknownBackend, UnknownCollection, BackendError and
// LimitExceeded as of [Target.Prime]; LakeError when the folder holds other data; PersistError and
// LakeError, naming the folder, when it cannot be written.
func (l *Lake) Publish(
	ctx context.Context, k backend.Key, dir string, format int,
) (bundle.Bundle, error) {
	if err := l.closed("publish"); err != nil {
		return bundle.Bundle{}, err
	}
	t := l.Target(k)
	var b bundle.Bundle
	var err error
	switch format {
	case 0, 2:
		b, err = t.describe(ctx)
	case 3:
		b, err = t.describeContent(ctx)
	default:
		err = refuse("publish", "a bundle of format %d", "formats 2 and 3 are written", format)
	}
	if err != nil {
		return bundle.Bundle{}, err
	}
	return writer{}.publish(ctx, dir, b)
}

// describe returns the bundle of what the collection is now.
func (t *Target) describe(ctx context.Context) (bundle.Bundle, error) {
	b, err := t.backend()
	if err != nil {
		return bundle.Bundle{}, err
	}
	s, err := t.stamp(ctx, b)
	if err != nil {
		return bundle.Bundle{}, err
	}
	made := ""
	if p := t.slot.Pointer(); p != nil && p.Is(s) {
		s.Dim, made = p.Stamp.Dim, p.Bundle.Embedder
	}
	if s.Dim == 0 {
		p, e, err := t.entered(ctx)
		if err != nil {
			return bundle.Bundle{}, err
		}
		e.Release()
		return p.Bundle, nil
	}
	is, err := t.facts(ctx, b, s)
	if made != "" {
		is.Bundle.Embedder = made
	}
	return is.Bundle, err
}

// describeContent returns the bundle, of format 3, of what the collection is now.
func (t *Target) describeContent(ctx context.Context) (bundle.Bundle, error) {
	p, e, err := t.entered(ctx)
	if err != nil {
		return bundle.Bundle{}, err
	}
	defer e.Release()
	b := p.Bundle
	b.FormatVersion = 3
	b.Content, err = contentOf(ctx, e.Index)
	if err != nil {
		return bundle.Bundle{}, located(t.key, err)
	}
	return b, b.Seal()
}

// entered returns the entry of what the collection is now, held, and what is known of it.
func (t *Target) entered(ctx context.Context) (*cache.Pointer, *cache.Entry, error) {
	for {
		e, err := t.current(ctx, t.slot.Pointer(), false)
		if err != nil {
			return nil, nil, err
		}
		if e == nil {
			return nil, nil, t.large.Load().err
		}
		if p := t.slot.Pointer(); p != nil && p.Entry == e {
			return p, e, nil
		}
		e.Release() // it was replaced or evicted meanwhile
		if err := fault.FromContext(ctx, "publish"); err != nil {
			return nil, nil, err
		}
	}
}

// Refresh compares the entry of a key with the bundle of a folder, and invalidates it if that is of
// other data. No store is asked, so that it works under Frozen, too. Where there is no entry there
// is nothing to do, and the key is up to date.
//
// Errors: those of bundle.Read; LakeError when the lake is closed.
func (l *Lake) Refresh(k backend.Key, dir string) (RefreshResult, error) {
	if err := l.closed("refresh"); err != nil {
		return 0, err
	}
	b, err := bundle.Read(dir)
	if fault.KindOf(err) == fault.FileMissing {
		return BundleMissing, nil
	}
	if err != nil {
		return 0, err
	}
	t := l.Target(k)
	if now, is := t.Witness(); !is || now == witness2(&b) {
		return UpToDate, nil
	}
	t.Invalidate()
	return Invalidated, nil
}

// Save writes the entry of a key to a folder: its index with vectors and ids, and a bundle of
// format 3, all of one state, see docs/decisions/0024. Neither is the store asked nor does it
// matter what it has by now. It returns the path of the index. A reader who warms a lake from the
// folder meanwhile, also when this process is killed, finds what was there before or what is there
// then.
//
// Errors: CacheMiss when there is no entry; LakeError when the folder holds other data;
// PersistError and LakeError naming the step that failed; Cancelled. The folder is then as it was.
func (l *Lake) Save(ctx context.Context, k backend.Key, dir string) (path string, err error) {
	if err := l.closed("save"); err != nil {
		return "", err
	}
	for {
		p := l.Target(k).slot.Pointer()
		if p == nil {
			return "", fault.New(fault.CacheMiss, "save", k.String()+" has no entry to save",
				"prime it or search it first")
		}
		if e := p.Acquire(); e != nil {
			defer e.Release()
			return writer{}.save(ctx, dir, e.Index, p.Bundle)
		}
	}
}

// Warm is [Lake.WarmWith] without options.
func (l *Lake) Warm(ctx context.Context, k backend.Key, dir string) (rows int64, err error) {
	return l.WarmWith(ctx, k, dir, WarmOptions{})
}

// WarmWith makes what [Lake.Save] wrote the entry of a key, as it is, and returns its rows. The
// index stays in its file, which is mapped; later saves leave it alone. The key's backend need not
// be there: Frozen is then served at once. Where the cache has an entry of the same witness, that
// one is shared. A store that is at an earlier generation than what was saved is pulled from. One
// whose generations begin anew with each process may have other rows under the one that was saved,
// which nothing tells.
//
// Errors: FileMissing when there is no bundle or no index; WitnessMismatch when bundle and index
// are not of one state, or are of a lake with another metric, seed or rerank factor; CorruptIndex,
// NotAnIndex and PersistError of the file; LimitExceeded when the cache has no room; LakeError.
func (l *Lake) WarmWith(
	ctx context.Context, k backend.Key, dir string, o WarmOptions,
) (rows int64, err error) {
	if err := l.closed("warm"); err != nil {
		return 0, err
	}
	t := l.Target(k)
	ix, b, err := openSaved(ctx, dir, o)
	if err != nil {
		return 0, err
	}
	for _, f := range []field{
		{"metric", ix.Metric(), l.o.Metric}, {"rotation seed", b.RotationSeed, l.o.RotationSeed},
		{"rerank factor", b.RerankFactor, l.o.RerankFactor},
	} {
		if f.index != f.bundle {
			ix.Close()
			return 0, fault.New(fault.WitnessMismatch, "warm", fmt.Sprintf(
				"%s was saved by a lake of %s %v, this one has %v", dir, f.name, f.index, f.bundle),
				"make the lake with the same options")
		}
	}
	if b.Embedder == "" {
		b.Embedder = bundle.ReadEmbedder(ix.Provenance())
	}
	if err := t.sameMaker(dir, &b); err != nil {
		ix.Close()
		return 0, err
	}
	b.FormatVersion, b.Content, b.Witness = 2, bundle.Content{}, witness2(&b)
	is := cache.Facts{Bundle: b, Saved: true, Stamp: backend.Stamp{
		DataRef: b.DataRef, Dim: b.Dim, Generation: b.Generation}}
	e, err := l.cache.Install(t.slot, is, cache.Made{Index: ix, Warm: true})
	if err != nil {
		return 0, err
	}
	defer e.Release()
	return int64(e.Rows), nil
}

// sameMaker refuses a bundle whose vectors another embedder made than those of the entry.
//
// Errors: WitnessMismatch naming both.
func (t *Target) sameMaker(dir string, b *bundle.Bundle) error {
	p := t.slot.Pointer()
	if p == nil {
		return nil
	}
	other := bundle.EmbeddersDiffer(b.Embedder, p.Bundle.Embedder)
	if other == "" {
		return nil
	}
	return fault.New(fault.WitnessMismatch, "warm",
		fmt.Sprintf("%s was made by another embedder than what is in the cache of %s: %s", dir, t.key,
			other), "invalidate the key first, or warm another one")
}
