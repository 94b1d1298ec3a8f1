package arrowidx

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"
)

// NoGroup is the group of rows that belong to none; they are not found.
const NoGroup = math.MaxUint32

const (
	// groupPass is how many queries share a pass over the rows of a shard.
	groupPass = 8
	// groupRoom is the most places for bounds that a query has in all its shards together.
	groupRoom = 1 << 20
	// groupChunks is into how many parts the groups of a query are cut to be measured.
	groupChunks = 64
)

// SearchGroups finds the K best rows of every group for each query, in one pass over the rows.
// groups has the group of every row, in the order in which the rows were given, from 0 to n-1 or
// NoGroup. The parameters are those of Search without Like and Diversity, but all cells of kind
// ivf are looked into, and Probes is not read.
//
// out has room for NQ x n x K rows and scores and NQ x n counts: the answers of query i in group g
// are Counts[i*n+g] entries from (i*n+g)*K on, best first; the rest of the K are row -1 and score
// NaN. Ties go to the smaller row. An answer depends on the query, the index, the filter, the
// groups, Epsilon0, Recall, Rerank and K alone.
//
// Errors: those of Search; InvalidArgument when groups does not fit the rows, names a group past
// n, or rows were added or deleted since the build; LimitExceeded for more answers than memory
// can address.
func (ix *Index) SearchGroups(
	ctx context.Context, p *SearchParams, groups []uint32, n int, out *SearchOut,
) (Plan, error) {
	v, err := ix.enter("search")
	if err != nil {
		return Plan{}, err
	}
	defer ix.leave(v)
	seg, err := v.only("search")
	if err != nil {
		return Plan{}, err
	}
	if p, err = p.counted(seg); err != nil {
		return Plan{}, err
	}
	own, err := v.admitted(p)
	if err != nil {
		return Plan{}, err
	}
	out.IDs = v.names
	g := groupings.Get().(*grouped)
	plan, err := g.search(ctx, seg, &own, groups, n, out)
	g.putBack()
	return plan, err
}

// grouped is one call of SearchGroups. Its memory is used again by the next.
type grouped struct {
	run
	n      int
	groups []uint32 // of rows
	of     []uint32 // of positions
	moved  []uint32 // memory of the latter for kind ivf
	places []int    // n+1: where a group's places begin; it has as many as rows that count
	admit  []uint32 // memory for run.words

	shards, passes, chunks int
	from, count            int // queries of the round
	queries                []query
	finds                  []groupFinds // queries x shards
	joined                 []groupRows
	unsure                 []bool // queries x chunks: a bound did not close
	searchers              []groupSearcher
	peak                   int64 // bytes that it ever had
}

// groupRows is what a query may find, group by group.
type groupRows struct {
	rows  []candidate
	begin []int // n+1
}

func (g *grouped) search(
	ctx context.Context, seg *segment, p *SearchParams, groups []uint32, n int, out *SearchOut,
) (Plan, error) {
	begin := time.Now()
	if err := checkGroups(seg, p, groups, n, out); err != nil {
		return Plan{}, err
	}
	if n == 0 { // there is no answer to any query
		p.NQ, p.Queries, p.Wide, p.Bits = 0, nil, nil, nil
	}
	g.run = run{ix: seg, p: p, out: out, col: seg.source}
	if p.Source != nil {
		g.col = p.Source
	}
	if err := g.check(); err != nil {
		return Plan{}, err
	}
	g.n, g.groups = n, groups
	if err := g.layOut(); err != nil {
		return Plan{}, err
	}
	if g.k > 0 && p.NQ > 0 {
		if err := g.answer(ctx); err != nil {
			return Plan{}, err
		}
	}
	g.plan.Total = time.Since(begin)
	return g.plan, nil
}

// checkGroups refuses groups that do not fit the index and answers that do not fit out.
func checkGroups(seg *segment, p *SearchParams, groups []uint32, n int, out *SearchOut) error {
	switch {
	case n < 0 || len(groups) != seg.rows:
		return newError(InvalidArgument, "search",
			fmt.Sprintf("%d rows in %d groups given for an index of %d rows", len(groups), n,
				seg.rows), "give one group a row")
	case p.Like != nil || p.Diversity != 0:
		return newError(InvalidArgument, "search",
			"rows to be like, or diversity, together with groups",
			"give their vectors as queries, and choose among the answers")
	case n > NoGroup:
		return newError(LimitExceeded, "search", fmt.Sprintf("%d groups", n),
			"rows name their groups in 32 bits")
	case p.K < 0 || p.NQ < 0 || n == 0:
		return nil // said by run.check
	case p.NQ > math.MaxInt/16/n || p.K > 0 && p.NQ*n > math.MaxInt/16/p.K:
		return newError(LimitExceeded, "search",
			fmt.Sprintf("%d queries in %d groups of k = %d", p.NQ, n, p.K), "search in parts")
	case len(out.Rows) < p.NQ*n*p.K || len(out.Scores) != len(out.Rows) ||
		len(out.Counts) < p.NQ*n:
		return newError(InvalidArgument, "search",
			fmt.Sprintf("no room for %d answers in %d groups of k = %d", p.NQ, n, p.K),
			"make Rows and Scores NQ*n*K long and Counts NQ*n")
	}
	return nil
}

// layOut counts the rows of every group that may be found, and leaves those of none out.
func (g *grouped) layOut() error {
	g.places = grow(g.places, g.n+1)
	clear(g.places)
	words := append(g.admit[:0], g.words...)
	g.admit, g.words = words, words
	g.eligible = 0
	for row, group := range g.groups {
		switch {
		case uint64(group) < uint64(g.n):
			if g.admits(row) {
				g.places[group+1]++
				g.eligible++
			}
		case group == NoGroup:
			g.words[row/32] &^= 1 << (row % 32)
		default:
			return errorAt(InvalidArgument, "search", int64(row), -1,
				fmt.Sprintf("row %d is in group %d of %d", row, group, g.n),
				"groups are numbered from 0; NoGroup is for rows that are in none")
		}
	}
	g.plan.Eligible = int64(g.eligible)
	g.k = min(g.p.K, g.eligible)
	most := g.collect()
	for i := range g.n {
		g.places[i+1] = g.places[i] + min(g.places[i+1], most)
	}
	g.of = g.groups
	if c := g.ix.cells; c != nil {
		g.slots = c.admit(g.words)
		g.moved = grow(g.moved, len(c.rows))
		for pos, row := range c.rows {
			g.moved[pos] = g.groups[row]
		}
		g.of = g.moved
	}
	return nil
}

// wanted is the number of places for bounds, or hits, of all groups.
func (g *grouped) wanted() int { return g.places[g.n] }

// answer runs the queries, a round of bounded memory at a time. Shards are fixed by the index and
// the groups, so that what a query finds does not depend on threads.
func (g *grouped) answer(ctx context.Context) error {
	threads := Threads(g.p.Threads)
	g.plan.Threads = threads
	blocks := max(len(g.words), len(g.slots))
	g.shards = min((blocks+shardBlocks-1)/shardBlocks, max(1, groupRoom/(g.n+g.wanted())))
	g.chunks = min(g.n, groupChunks)
	g.searchers = grow(g.searchers, threads)
	for i := range g.searchers {
		g.searchers[i].enter(g)
	}
	each := int64(g.shards) * int64(8*g.n+64*g.wanted()+16<<10)
	round := int(min(max(batchBytes/each, 1), batchQueries))
	for from := 0; from < g.p.NQ; from += round {
		if err := g.round(ctx, from, min(from+round, g.p.NQ), threads); err != nil {
			return err
		}
	}
	for i := range g.searchers {
		g.run.count(&g.searchers[i].counts)
	}
	return nil
}

// round answers queries [from, to): prepare, scan by (shard, pass), join by query, measure by
// (query, chunk of groups).
func (g *grouped) round(ctx context.Context, from, to, threads int) error {
	g.from, g.count = from, to-from
	g.passes = (g.count + groupPass - 1) / groupPass
	g.queries = grow(g.queries, g.count)
	g.finds = grow(g.finds, g.count*g.shards)
	g.joined = grow(g.joined, g.count)
	g.unsure = grow(g.unsure, g.count*g.chunks)
	clear(g.unsure)
	t0 := time.Now()
	if err := parallel(ctx, "search", threads, g.count, g.prepare); err != nil {
		return err
	}
	t1 := time.Now()
	err := parallel(ctx, "search", threads, g.passes*g.shards, func(worker, i int) error {
		lo := i % g.passes * groupPass
		return g.searchers[worker].scanShard(ctx, lo, min(lo+groupPass, g.count), i/g.passes)
	})
	if err != nil {
		return err
	}
	t2 := time.Now()
	err = parallel(ctx, "search", threads, g.count, func(_, i int) error {
		g.join(i)
		return nil
	})
	if err != nil {
		return err
	}
	err = parallel(ctx, "search", threads, g.count*g.chunks, func(worker, i int) error {
		return g.searchers[worker].finish(ctx, i/g.chunks, i%g.chunks)
	})
	if err != nil {
		return err
	}
	for i := range g.count {
		if !slices.Contains(g.unsure[i*g.chunks:(i+1)*g.chunks], true) {
			g.plan.Certified++
		}
	}
	g.plan.Prepare += t1.Sub(t0)
	g.plan.Scan += t2.Sub(t1)
	g.plan.Rerank += time.Since(t2)
	return nil
}

// prepare makes a query ready. Where the groups want an eighth of the rows, all are scored.
func (g *grouped) prepare(_, i int) error {
	q := &g.queries[i]
	if g.ix.metric.Binary() {
		q.prepareBits()
	} else if err := g.prepareNumbers(q, g.from+i); err != nil {
		return err
	}
	for s := range g.shards {
		g.finds[i*g.shards+s].reset(g, q.way)
	}
	return nil
}

func (g *grouped) prepareNumbers(q *query, i int) error {
	if err := q.prepare(&g.run, i); err != nil {
		return err
	}
	if err := g.choose(q, i); err != nil {
		return err
	}
	if q.way == wayScan && g.wanted() >= g.eligible/8 {
		q.way = wayCode
		if g.col != nil && !g.p.Estimates {
			q.way = wayMeasure
		}
	}
	return nil
}

// join puts together what a query found in its shards.
func (g *grouped) join(i int) {
	finds := g.finds[i*g.shards : (i+1)*g.shards]
	all, rest := &finds[0], finds[1:]
	if !g.queries[i].way.bounded() {
		for j := range rest {
			all.mergeHits(g, &rest[j])
		}
		return
	}
	for j := range rest {
		all.mergeBounds(g, &rest[j])
	}
	to := &g.joined[i]
	to.begin = grow(to.begin, g.n+1)
	clear(to.begin)
	for j := range finds {
		finds[j].prune(g, all.tau)
		for _, c := range finds[j].rows {
			to.begin[g.of[c.pos]+1]++
		}
	}
	for at := range g.n {
		to.begin[at+1] += to.begin[at]
	}
	to.rows = grow(to.rows, to.begin[g.n])
	for j := range finds {
		for _, c := range finds[j].rows {
			at := &to.begin[g.of[c.pos]]
			to.rows[*at] = c
			*at++
		}
	}
	copy(to.begin[1:], to.begin[:g.n])
	to.begin[0] = 0
}

// shard returns which of `blocks` blocks belong to a shard.
func (g *grouped) shard(i, blocks int) (from, to int) {
	return i * blocks / g.shards, (i + 1) * blocks / g.shards
}

// cellsOf returns the cells that begin in a shard of slots.
func (g *grouped) cellsOf(shard int) (from, to int) {
	c := g.ix.cells
	lo, hi := g.shard(shard, len(g.slots))
	first := func(block int) int {
		return sort.Search(c.n, func(i int) bool { return int(c.block[i]) >= block })
	}
	if to = first(hi); shard == g.shards-1 {
		to = c.n
	}
	return first(lo), to
}

// put writes the hits of a query in a group to the caller's arrays.
func (g *grouped) put(i, group int, hits []hit) {
	cell := (g.from+i)*g.n + group
	for j, h := range hits {
		g.out.Rows[cell*g.p.K+j] = int64(h.row)
		g.out.Scores[cell*g.p.K+j] = g.queries[i].score(g.ix.metric, h.dist)
	}
	g.out.Counts[cell] = int64(len(hits))
}
