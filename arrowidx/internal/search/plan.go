package search

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Plan says how a search was done. Counts are sums over the queries.
type Plan struct {
	Kind      segment.Kind
	Tier      simd.Tier
	Exact     bool // scores are distances, not estimates
	Threads   int
	Bits      int
	Plane     int   // bits per dimension that the scan reads; 8: Neighbors compared sketches
	Cells     int64 // cells of the index: 0 for exact, 1 for flat
	Probed    int64 // cells looked into
	Rows      int64 // rows of the index
	Eligible  int64 // rows that filter and nulls leave
	Nulls     int64 // rows never found because null or bad
	Queries   int64
	Scanned   int64 // rows whose plane or sketch was read, or whose vector was as float32
	Coded     int64 // rows scored with all their bits
	Reranked  int64 // rows measured on the vectors
	Certified int64 // queries whose bounds closed: nothing better can be outside them at Epsilon0
	// Unlike says, once an index and calibration, that many of the queries so far lie further from
	// every cell than those that it was calibrated with: the recall target does not hold for them.
	Unlike   bool
	Epsilon0 float64
	Recall   float64
	Prepare  time.Duration
	Route    time.Duration // choosing cells, with the first threshold
	Scan     time.Duration // with scoring of survivors
	Rerank   time.Duration
	Total    time.Duration
	First    time.Duration // of Route: the first thresholds, summed over the queries
}

// join adds what a search of another segment did.
func (p *Plan) join(o *Plan, first bool) {
	if first {
		*p = *o
		return
	}
	p.Exact = p.Exact && o.Exact
	p.Unlike = p.Unlike && o.Unlike
	p.Threads = max(p.Threads, o.Threads)
	p.Probed += o.Probed
	p.Rows += o.Rows
	p.Eligible += o.Eligible
	p.Nulls += o.Nulls
	p.Scanned += o.Scanned
	p.Coded += o.Coded
	p.Reranked += o.Reranked
	p.Prepare += o.Prepare
	p.Route += o.Route
	p.First += o.First
	p.Scan += o.Scan
	p.Rerank += o.Rerank
}

// Follow adds what another search of the same rows did.
func (p *Plan) Follow(o *Plan) {
	if p.Queries == 0 {
		*p = *o
		return
	}
	p.Queries += o.Queries
	p.Unlike = p.Unlike || o.Unlike
	p.Probed += o.Probed
	p.Scanned += o.Scanned
	p.Coded += o.Coded
	p.Reranked += o.Reranked
	p.Certified += o.Certified
	p.Prepare += o.Prepare
	p.Route += o.Route
	p.First += o.First
	p.Scan += o.Scan
	p.Rerank += o.Rerank
	p.Total += o.Total
}

// String says in a sentence or two what was done.
func (p Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Searched %s of kind %s", counted(p.Rows, "row"), p.Kind)
	if p.Bits > 0 {
		fmt.Fprintf(&b, " (%s a dimension)", counted(int64(p.Bits), "bit"))
	}
	fmt.Fprintf(&b, " for %s", countedQueries(p.Queries))
	if p.Eligible != p.Rows {
		fmt.Fprintf(&b, ", %s eligible", grouped3(p.Eligible))
	}
	if p.Cells > 1 {
		fmt.Fprintf(&b, "; looked into %s of %s", grouped3(p.Probed),
			counted(p.Cells*max(p.Queries, 1), "cell"))
	}
	fmt.Fprintf(&b, "; scanned %s, scored %s with all bits, measured %s",
		grouped3(p.Scanned), grouped3(p.Coded), grouped3(p.Reranked))
	scores := "estimates"
	if p.Exact {
		scores = "exact"
	}
	fmt.Fprintf(&b, ". Scores are %s; the bounds closed for %s of %s", scores,
		grouped3(p.Certified), countedQueries(p.Queries))
	if p.Recall > 0 {
		fmt.Fprintf(&b, " at recall %v", p.Recall)
	}
	if p.Unlike {
		b.WriteString(". Many queries are unlike those of the calibration, and find less than that")
	}
	fmt.Fprintf(&b, ". It took %v on %s.", p.Total.Round(time.Microsecond),
		counted(int64(p.Threads), "thread"))
	return b.String()
}

// counted is a number of things in words.
func counted(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return grouped3(n) + " " + what
}

func countedQueries(n int64) string {
	if n == 1 {
		return "1 query"
	}
	return grouped3(n) + " queries"
}

// grouped3 writes a number that is not negative with a comma before every three digits.
func grouped3(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
