package arrowidx_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// model is what an index of changing rows should hold: a vector for every id.
type model struct {
	d    int
	rows map[int64][]float32
	next *int64 // what a row added without an id is called
}

// idArray makes an Arrow array of ids: int64, uint64 or strings.
func idArray(kind arrowidx.IDKind, ids []int64) arrow.Array {
	switch kind {
	case arrowidx.IDUint64:
		b := array.NewUint64Builder(memory.DefaultAllocator)
		for _, id := range ids {
			b.Append(uint64(id))
		}
		return b.NewArray()
	case arrowidx.IDString:
		b := array.NewStringBuilder(memory.DefaultAllocator)
		for _, id := range ids {
			b.Append(fmt.Sprint("id ", id))
		}
		return b.NewArray()
	}
	b := array.NewInt64Builder(memory.DefaultAllocator)
	b.AppendValues(ids, nil)
	return b.NewArray()
}

func namesOf(t testing.TB, kind arrowidx.IDKind, ids []int64) *arrowidx.IDs {
	names, err := arrowidx.NewIDs(idArray(kind, ids))
	require.NoError(t, err)
	return names
}

// check asks the index for the nearest rows of a few queries, surely, and compares ids and scores
// with the model.
func (m model) check(t testing.TB, ix *arrowidx.Index, r *rand.Rand) {
	t.Helper()
	ids := slices.Sorted(maps.Keys(m.rows))
	require.Equal(t, len(ids), ix.Len())
	const k, nq = 5, 2
	flat := make([]float32, 0, len(ids)*m.d)
	for _, id := range ids {
		flat = append(flat, m.rows[id]...)
	}
	queries := arrowidxtest.Clustered(r, nq, m.d, 3)
	out := arrowidxtest.Outputs(nq, k)
	_, err := ix.Search(t.Context(), &arrowidx.SearchParams{
		Queries: queries, NQ: nq, K: k, Rerank: -1, Epsilon0: arrowidxtest.Sure, Probes: 1 << 30,
	}, &out)
	require.NoError(t, err)
	for i := range nq {
		want := arrowidxtest.Nearest(ix.Metric(), flat, queries[i*m.d:(i+1)*m.d], k, nil)
		require.Equal(t, int64(len(want)), out.Counts[i], "%d rows", len(ids))
		seen := map[int64]bool{}
		for j, h := range want {
			row := out.Rows[i*k+j]
			score := out.Scores[i*k+j]
			require.InDelta(t, h.Score, score, 1e-5*max(1, abs(h.Score)), "place %d of %+v", j,
				ix.Info())
			// Rows of equal scores have no order that the model knows once they have moved.
			var id int64
			name := strings.TrimPrefix(strings.Trim(out.IDs.Name(row), `"`), "id ")
			_, err := fmt.Sscan(name, &id)
			require.NoError(t, err)
			require.False(t, seen[id], "id %d twice", id)
			seen[id] = true
			x := m.rows[id]
			require.NotNil(t, x, "id %d is not there", id)
			own := arrowidxtest.Score(ix.Metric(), x, queries[i*m.d:(i+1)*m.d])
			require.InDelta(t, h.Score, own, 1e-5*max(1, abs(own)), "id %d at place %d", id, j)
		}
	}
}

func abs(x float64) float64 { return max(x, -x) }

// TestAnyOrderOfChangesLeavesWhatAPlainModelHolds runs random sequences of changes, with save and
// load between them.
func TestAnyOrderOfChangesLeavesWhatAPlainModelHolds(t *testing.T) {
	sequences := 2500
	switch {
	case arrowidxtest.Whole():
		sequences = 10_000
	case testing.Short():
		sequences = 400
	}
	r := arrowidxtest.Rand(t, 500)
	for i := range sequences {
		changes{t: t, r: r, i: i}.run()
		if t.Failed() {
			return
		}
	}
}

type changes struct {
	t testing.TB
	r *rand.Rand
	i int
}

func (c changes) run() {
	t, r := c.t, c.r
	d := 1 + r.IntN(12)
	n := r.IntN(80)
	kinds := []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF}
	idKinds := []arrowidx.IDKind{arrowidx.IDPositions, arrowidx.IDInt64, arrowidx.IDUint64,
		arrowidx.IDString}
	kind, idKind := kinds[r.IntN(3)], idKinds[r.IntN(4)]
	o := arrowidx.BuildOptions{
		Kind: kind, Metric: arrowidxtest.Metrics[r.IntN(4)], Seed: uint64(c.i), Cells: r.IntN(5),
		Bits: 1 + r.IntN(9), Threads: 1,
	}
	next := int64(n)
	m := model{d, map[int64][]float32{}, &next}
	rows := arrowidxtest.Clustered(r, n, d, 3)
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = int64(i)
		m.rows[ids[i]] = rows[i*d : (i+1)*d]
	}
	if idKind != arrowidx.IDPositions {
		o.IDs = namesOf(t, idKind, ids)
	}
	col := arrowidxtest.Column(t, rows, d, 1+r.IntN(2))
	ix, err := arrowidx.Build(t.Context(), col, o)
	col.Release()
	require.NoError(t, err)
	defer func() { ix.Close() }()
	for step := range 1 + r.IntN(8) {
		ix = c.step(ix, m, idKind, step)
		if r.IntN(3) == 0 {
			m.check(t, ix, r)
		}
	}
	m.check(t, ix, r)
}

// step does one change to the index and the model.
func (c changes) step(
	ix *arrowidx.Index, m model, kind arrowidx.IDKind, step int,
) *arrowidx.Index {
	t, r := c.t, c.r
	known := slices.Sorted(maps.Keys(m.rows))
	switch op := r.IntN(6); op {
	case 0, 1:
		c.add(ix, m, kind, 1000*int64(step+1), known, op == 1)
	case 2, 3: // delete some or all
		var ids []int64
		for _, id := range known {
			if r.IntN(3) == 0 || op == 3 && r.IntN(10) > 0 {
				ids = append(ids, id)
				delete(m.rows, id)
			}
		}
		n, err := ix.Delete(idArray(max(kind, arrowidx.IDInt64), ids), false)
		require.NoError(t, err)
		require.Equal(t, len(ids), n)
	case 4:
		require.NoError(t, ix.Compact(t.Context(), 1))
	default:
		var b bytes.Buffer
		require.NoError(t, ix.Encode(t.Context(), &b, true))
		next, err := arrowidx.Decode(t.Context(), b.Bytes())
		require.NoError(t, err)
		require.Equal(t, ix.Len(), next.Len())
		ix.Close()
		return next
	}
	return ix
}

func TestNumbersOfBothTypesNameRowsAsLongAsTheyFit(t *testing.T) {
	for _, c := range []struct {
		built, added arrowidx.IDKind
		id           int64
		fits         bool
	}{
		{arrowidx.IDInt64, arrowidx.IDUint64, 7, true},
		{arrowidx.IDInt64, arrowidx.IDUint64, -7, false}, // as uint64 a number beyond int64
		{arrowidx.IDUint64, arrowidx.IDInt64, 7, true},
		{arrowidx.IDUint64, arrowidx.IDInt64, -7, false},
		{arrowidx.IDPositions, arrowidx.IDUint64, 7, true},
		{arrowidx.IDPositions, arrowidx.IDUint64, -7, false},
		{arrowidx.IDPositions, arrowidx.IDInt64, -7, true},
		{arrowidx.IDString, arrowidx.IDInt64, 7, false},
		{arrowidx.IDInt64, arrowidx.IDString, 7, false},
	} {
		o := arrowidx.BuildOptions{}
		if c.built != arrowidx.IDPositions {
			o.IDs = namesOf(t, c.built, []int64{0})
		}
		col := arrowidxtest.Column(t, []float32{1, 2}, 2, 1)
		ix, err := arrowidx.Build(t.Context(), col, o)
		require.NoError(t, err)
		_, err = ix.Add(t.Context(), namesOf(t, c.added, []int64{c.id}), col, arrowidx.AddOptions{})
		if !c.fits {
			require.Equal(t, arrowidx.InvalidArgument, arrowidx.KindOf(err), "%+v: %v", c, err)
			require.Equal(t, 1, ix.Len())
		} else {
			require.NoError(t, err, "%+v", c)
			rows, err := ix.Lookup(idArray(c.added, []int64{c.id}))
			require.NoError(t, err)
			require.Equal(t, []int64{1}, rows, "%+v", c)
		}
		col.Release()
		ix.Close()
	}
}

// add adds new rows, and replaces some known ones if asked to.
func (c changes) add(
	ix *arrowidx.Index, m model, kind arrowidx.IDKind, from int64, known []int64, replace bool,
) {
	t, r := c.t, c.r
	n := r.IntN(40)
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = from + int64(i) + *m.next
		if replace && len(known) > i && r.IntN(2) == 0 {
			ids[i] = known[i]
		}
	}
	rows := arrowidxtest.Clustered(r, n, m.d, 3)
	if r.IntN(8) == 0 { // much longer than all before
		for i := range rows {
			rows[i] *= 50
		}
	}
	names := namesOf(t, max(kind, arrowidx.IDInt64), ids)
	if kind == arrowidx.IDPositions && !replace {
		names = nil
		for i := range ids {
			ids[i] = *m.next + int64(i)
		}
	}
	col := arrowidxtest.Column(t, rows, m.d, 1)
	_, err := ix.Add(t.Context(), names, col,
		arrowidx.AddOptions{Replace: replace, Threads: 1})
	col.Release()
	require.NoError(t, err)
	for _, id := range ids {
		*m.next = max(*m.next, id+1)
	}
	for i, id := range ids {
		m.rows[id] = rows[i*m.d : (i+1)*m.d]
	}
}
