package lake

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// mostTurns is how often a reader follows a bundle that is replaced while it opens the index: that
// a writer saves twice meanwhile is rare, this often in a row it is not seen.
const mostTurns = 100

// WarmOptions say how much of what was saved is verified.
type WarmOptions struct {
	// Content has all ids and vectors hashed and compared with the bundle, which must be of format
	// 3. Else the digest that the index file carries is compared: whoever can write to the folder
	// could have written a false one. All bytes have checksums, which are verified in any case.
	Content bool
}

// openSaved maps the index that a folder's bundle names, and verifies that it is whole and that of
// the bundle.
//
// Errors: FileMissing when there is no bundle or no index, WitnessMismatch when the index is that
// of another state, those of bundle.Read and arrowidx.Open.
func openSaved(
	ctx context.Context, dir string, o WarmOptions,
) (*arrowidx.Index, bundle.Bundle, error) {
	for turn := 1; ; turn++ {
		if err := fault.FromContext(ctx, "warm"); err != nil {
			return nil, bundle.Bundle{}, err
		}
		b, err := bundle.Read(dir)
		if err != nil {
			return nil, bundle.Bundle{}, err
		}
		ix, err := openNamed(ctx, dir, &b, o)
		if err == nil {
			return ix, b, nil
		}
		if now, again := bundle.Read(dir); again == nil && now != b && turn < mostTurns {
			continue // a writer was faster
		}
		return nil, bundle.Bundle{}, err
	}
}

// openNamed maps the index of a bundle and compares them.
func openNamed(
	ctx context.Context, dir string, b *bundle.Bundle, o WarmOptions,
) (_ *arrowidx.Index, err error) {
	name, err := indexOf(dir, b)
	if err != nil {
		return nil, folderError("warm", "cannot read the folder "+dir, err)
	}
	if name == "" {
		return nil, noIndex(dir, b)
	}
	path := filepath.Join(dir, name)
	st, err := os.Lstat(path)
	if err == nil && st.Mode()&fs.ModeSymlink != 0 {
		return nil, fault.New(fault.LakeError, "warm", path+" is a symbolic link",
			"put the index itself there")
	}
	if err != nil {
		return nil, folderError("warm", "cannot open "+path, err)
	}
	ix, err := arrowidx.Open(ctx, path, arrowidx.OpenOptions{Map: true})
	if err != nil {
		return nil, err
	}
	for _, step := range []func() error{
		func() error { return belongs(ix, b) },
		func() error { return ix.Verify(ctx, 0, nil) },
		func() error {
			if !o.Content {
				return nil
			}
			return proved(ctx, ix, b)
		},
		func() error { return rehearse(ctx, ix) },
	} {
		if err := step(); err != nil {
			ix.Close()
			return nil, named(path, err)
		}
	}
	return ix, nil
}

// noIndex is the error of a bundle without its index.
func noIndex(dir string, b *bundle.Bundle) error {
	const fix = "save the collection there: publishing writes the bundle alone"
	kind, what := fault.FileMissing, "no index"
	if others, _ := filepath.Glob(filepath.Join(dir, "index-*.rvx")); len(others) > 0 {
		kind, what = fault.WitnessMismatch, "indexes of other states only, not the one"
	}
	return fault.New(kind, "warm", fmt.Sprintf("%s has %s of its bundle: witness %s, generation %s",
		dir, what, b.Witness, b.Generation), fix)
}

// rehearse searches once, so that the first query of a caller finds memory that is in use.
func rehearse(ctx context.Context, ix *arrowidx.Index) error {
	if ix.Len() == 0 {
		return nil
	}
	p := arrowidx.SearchParams{NQ: 1, K: min(10, ix.Len()), Threads: 1}
	var err error
	if ix.Metric().Binary() {
		p.Bits = make([]byte, ix.Dim()/8)
		err = ix.PackedRow(0, p.Bits)
	} else {
		p.Queries = make([]float32, ix.Dim())
		err = ix.Row(0, p.Queries)
	}
	if err != nil {
		return err
	}
	out := arrowidx.SearchOut{Rows: make([]int64, p.K), Scores: make([]float32, p.K),
		Counts: make([]int64, 1)}
	_, err = ix.Search(ctx, &p, &out)
	return err
}

// named puts a path in front of what an error says, unless it says so already.
func named(path string, err error) error {
	e, ok := err.(*fault.Error)
	if !ok || e.Kind == fault.Cancelled {
		return err
	}
	own := *e
	own.Msg = path + ": " + e.Msg
	return &own
}
