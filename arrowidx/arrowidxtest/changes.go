package arrowidxtest

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// changes deletes, replaces and adds rows of an index whose rows are called by their positions, and
// expects the answers of brute force over what is left: at once, after compaction, and from a file.
func (s suite) changes(t *testing.T) {
	const n, more, d, nq = 1100, 150, 17, 5
	r := Rand(t, 130)
	for _, metric := range Metrics {
		k := task{d: d, n: n + more, nq: nq, rows: Gaussian(r, n+more, d),
			queries: Gaussian(r, nq, d)}
		built := k
		built.n, built.rows = n, k.rows[:n*d]
		ix := s.index(t, built, 2, arrowidx.BuildOptions{Metric: metric})
		add(t, ix, nil, k.rows[n*d:], d)
		var gone, replaced []int64
		for i := range int64(k.n) {
			switch {
			case i%3 == 0:
				gone = append(gone, i)
			case i%7 == 0:
				replaced = append(replaced, i)
			}
		}
		if m, err := ix.Delete(Positions(gone...), false); err != nil || m != len(gone) {
			t.Fatalf("%d of %d rows deleted: %v", m, len(gone), err)
		}
		fresh := Gaussian(r, len(replaced), d)
		for i, row := range replaced {
			copy(k.row(int(row)), fresh[i*d:(i+1)*d])
		}
		if m := add(t, ix, replaced, fresh, d); m != len(replaced) {
			t.Fatalf("%d rows replaced, want %d", m, len(replaced))
		}
		left := func(row int) bool { return row%3 != 0 }
		k.checkIDs(t, ix, left)
		if err := ix.Compact(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		k.checkIDs(t, ix, left)
		loaded, err := arrowidx.Decode(t.Context(), Bytes(t, ix, true))
		if err != nil {
			t.Fatal(err)
		}
		k.checkIDs(t, loaded, left)
		loaded.Close()
		ix.Close()
	}
}

// add adds rows, replacing those of the same ids; nil continues positions.
func add(t testing.TB, ix *arrowidx.Index, ids []int64, rows []float32, d int) int {
	t.Helper()
	var names *arrowidx.IDs
	if ids != nil {
		var err error
		if names, err = arrowidx.NewIDs(Positions(ids...)); err != nil {
			t.Fatal(err)
		}
	}
	col := Column(t, rows, d, 1)
	defer col.Release()
	replaced, err := ix.Upsert(t.Context(), names, col, arrowidx.AddOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return replaced
}

// checkIDs compares answers with brute force over the rows that are left; ids are positions.
func (k task) checkIDs(t testing.TB, ix *arrowidx.Index, left func(int) bool) {
	t.Helper()
	out, plan := Search(t, ix, k.params(10))
	out.IDs.Numbers(out.Rows, 0)
	k.check(t, ix.Metric(), out, 10, left)
	names, err := ix.IDArray(memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	defer names.Release()
	if names.Len() != ix.Len() || plan.Eligible != int64(ix.Len()) {
		t.Fatalf("%d names, %d eligible rows, %d rows", names.Len(), plan.Eligible, ix.Len())
	}
}
