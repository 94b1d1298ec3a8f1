package arrowidxtest

import (
	"math"
	"testing"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// Within asks an index for ranges and returns the rows and scores of each query.
func Within(
	t testing.TB, ix *arrowidx.Index, p arrowidx.WithinParams,
) (rows [][]int64, scores [][]float32, plan arrowidx.Plan) {
	t.Helper()
	rows, scores = make([][]int64, p.NQ), make([][]float32, p.NQ)
	plan, err := ix.Within(t.Context(), &p, func(r arrowidx.Range) error {
		if r.First != len(rows[r.Query]) || len(r.Rows) != len(r.Scores) {
			t.Fatalf("query %d: %d rows and %d scores from place %d, after %d", r.Query,
				len(r.Rows), len(r.Scores), r.First, len(rows[r.Query]))
		}
		rows[r.Query] = append(rows[r.Query], r.Rows...)
		scores[r.Query] = append(scores[r.Query], r.Scores...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows, scores, plan
}

// Threshold sets the threshold that the metric has.
func Threshold(p *arrowidx.WithinParams, metric arrowidx.Metric, value float64) {
	if metric.Larger() {
		p.MinSimilarity = &value
	} else {
		p.MaxDistance = &value
	}
}

// ranges asks for the scores that a search found: exactly the rows that it found at that score or
// a better one must be there, in its order.
func (s suite) ranges(t *testing.T) {
	const n = 1500
	k := newTask(Rand(t, 110), n, 33, 4)
	for _, metric := range Metrics {
		ix := s.index(t, k, 2, arrowidx.BuildOptions{Metric: metric})
		out, _ := Search(t, ix, k.params(n))
		for _, place := range []int{0, 1, 20, n / 2, n - 1} {
			for q := range k.nq {
				all, own := out.Rows[q*n:(q+1)*n], out.Scores[q*n:(q+1)*n]
				last := place
				for last+1 < n && own[last+1] == own[place] {
					last++
				}
				p := arrowidx.WithinParams{Queries: k.query(q), NQ: 1}
				Threshold(&p, metric, float64(own[place]))
				rows, scores, plan := Within(t, ix, p)
				if len(rows[0]) != last+1 || !plan.Exact {
					t.Fatalf("%s query %d at place %d: %d rows, want %d; plan %+v", metric, q, place,
						len(rows[0]), last+1, plan)
				}
				for j, row := range rows[0] {
					if row != all[j] || math.Float32bits(scores[0][j]) != math.Float32bits(own[j]) {
						t.Fatalf("%s query %d at place %d: row %d (%v), want %d (%v)", metric, q, j,
							row, scores[0][j], all[j], own[j])
					}
				}
			}
		}
		ix.Close()
	}
}
