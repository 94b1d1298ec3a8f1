package lake

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// writer writes to folders that are published to.
type writer struct {
	after func(step string) error // of tests: called between any two steps; an error ends it there
}

// did ends a step.
func (w writer) did(step string) error {
	if w.after == nil {
		return nil
	}
	return w.after(step)
}

// save writes an index and the bundle of its data to a folder and returns the index's path. The
// bundle is sealed here, as format 3. Until the bundle is renamed, the last step but tidying, the
// folder is what it was; both indexes are there until the next save.
func (w writer) save(
	ctx context.Context, dir string, ix *arrowidx.Index, b bundle.Bundle,
) (path string, err error) {
	b.FormatVersion = 3
	if b.Content, err = contentOf(ctx, ix); err != nil {
		return "", err
	}
	if err := b.Seal(); err != nil {
		return "", err
	}
	f, err := writeTo(ctx, "save", dir)
	if err != nil {
		return "", err
	}
	defer f.done()
	before, err := f.before("save", &b)
	if err != nil {
		return "", err
	}
	defer func() { f.clear(before, f.named()) }() // what the bundle names now, whatever failed
	if err := w.did("locked"); err != nil {
		return "", err
	}
	path = filepath.Join(dir, indexFile(witness2(&b), b.Content.Digest))
	o := arrowidx.SaveOptions{Vectors: true, Provenance: provenanceOf(&b)}
	if err := ix.SaveAs(ctx, path, o); err != nil {
		return "", err
	}
	if err := w.did("index"); err != nil {
		return "", err
	}
	if _, err := b.Write(dir); err != nil {
		return "", err
	}
	return path, w.did("bundle")
}

// publish writes a bundle to a folder and seals it before, in its own format.
func (w writer) publish(ctx context.Context, dir string, b bundle.Bundle) (bundle.Bundle, error) {
	if err := b.Seal(); err != nil {
		return bundle.Bundle{}, err
	}
	f, err := writeTo(ctx, "publish", dir)
	if err != nil {
		return bundle.Bundle{}, err
	}
	defer f.done()
	if _, err := f.before("publish", &b); err != nil {
		return bundle.Bundle{}, err
	}
	if err := w.did("locked"); err != nil {
		return bundle.Bundle{}, err
	}
	if _, err := b.Write(dir); err != nil {
		return bundle.Bundle{}, err
	}
	return b, w.did("bundle")
}

// before returns the name of the index that the folder's bundle goes with, "" if there is none.
//
// Errors: LakeError where the folder is that of other data: what is saved there would be lost.
func (f *folder) before(op string, b *bundle.Bundle) (string, error) {
	old, err := bundle.Read(f.path)
	if err != nil {
		return "", nil // none, or one that nobody can read: it is replaced
	}
	if old.DataRef != b.DataRef {
		return "", fault.New(fault.LakeError, op,
			fmt.Sprintf("%s holds %s, not %s", f.path, old.DataRef, b.DataRef),
			"give every collection a folder of its own, or remove "+bundle.FileName+" there")
	}
	return f.named(), nil
}

// named returns the name of the index that the folder's bundle goes with now.
func (f *folder) named() string {
	b, err := bundle.Read(f.path)
	if err != nil {
		return ""
	}
	name, err := indexOf(f.path, &b)
	if err != nil {
		return ""
	}
	return name
}
