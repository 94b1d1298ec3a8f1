package search

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/topk"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
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

// Grouped is one call of SearchGroups. Its memory is used again by the next.
type Grouped struct {
	pipeline
	Run
	n      int
	Groups []uint32 // of rows
	Of     []uint32 // of positions
	moved  []uint32 // memory of the latter for kind ivf
	places []int    // n+1: where a group's places begin; it has as many as rows that count
	admit  []uint32 // memory for run.words

	chunks    int
	queries   []Query
	finds     []groupFinds // queries x shards
	joined    []groupRows
	unsure    []bool // queries x chunks: a bound did not close
	searchers []groupSearcher
	peak      int64 // bytes that it ever had
}

// groupRows is what a query may find, group by group.
type groupRows struct {
	rows  []topk.Candidate
	begin []int // n+1
}

// Search finds the K best rows of each of n groups for every query. groups has the group of every
// row of the segment, NoGroup for none; out has K cells for each query and group, query by query.
// Then PutBack.
func (g *Grouped) Search(
	ctx context.Context, seg *segment.Segment, p *SearchParams, groups []uint32, n int, out *SearchOut,
) (Plan, error) {
	begin := time.Now()
	if err := checkGroups(seg, p, groups, n, out); err != nil {
		return Plan{}, err
	}
	if n == 0 { // there is no answer to any query
		p.NQ, p.Queries, p.Wide, p.Bits = 0, nil, nil, nil
	}
	g.Run = Run{Seg: seg, P: p, out: out, Col: seg.Source}
	if p.Source != nil {
		g.Col = p.Source
	}
	if err := g.check(); err != nil {
		return Plan{}, err
	}
	g.n, g.Groups = n, groups
	if err := g.layOut(); err != nil {
		return Plan{}, err
	}
	if g.K > 0 && p.NQ > 0 {
		if err := g.answer(ctx); err != nil {
			return Plan{}, err
		}
	}
	g.plan.Total = time.Since(begin)
	return g.plan, nil
}

// checkGroups refuses groups that do not fit the index and answers that do not fit out.
func checkGroups(
	seg *segment.Segment, p *SearchParams, groups []uint32, n int, out *SearchOut,
) error {
	switch {
	case n < 0 || len(groups) != seg.Rows:
		return fault.New(fault.InvalidArgument, "search",
			fmt.Sprintf("%d rows in %d groups given for an index of %d rows", len(groups), n,
				seg.Rows), "give one group a row")
	case p.Like != nil || p.Diversity != 0:
		return fault.New(fault.InvalidArgument, "search",
			"rows to be like, or diversity, together with groups",
			"give their vectors as queries, and choose among the answers")
	case n > NoGroup:
		return fault.New(fault.LimitExceeded, "search", fmt.Sprintf("%d groups", n),
			"rows name their groups in 32 bits")
	case p.K < 0 || p.NQ < 0 || n == 0:
		return nil // said by run.check
	case p.NQ > math.MaxInt/16/n || p.K > 0 && p.NQ*n > math.MaxInt/16/p.K:
		return fault.New(fault.LimitExceeded, "search",
			fmt.Sprintf("%d queries in %d groups of k = %d", p.NQ, n, p.K), "search in parts")
	case !out.Holds(p.NQ*n, p.K):
		return fault.New(fault.InvalidArgument, "search",
			fmt.Sprintf("no room for %d answers in %d groups of k = %d", p.NQ, n, p.K),
			"make Rows and Scores NQ*n*K long and Counts NQ*n")
	}
	return nil
}

// layOut counts the rows of every group that may be found, and leaves those of none out.
func (g *Grouped) layOut() error {
	g.places = mem.Grow(g.places, g.n+1)
	clear(g.places)
	words := append(g.admit[:0], g.words...)
	g.admit, g.words = words, words
	g.Eligible = 0
	for row, group := range g.Groups {
		switch {
		case uint64(group) < uint64(g.n):
			if g.admits(row) {
				g.places[group+1]++
				g.Eligible++
			}
		case group == NoGroup:
			g.words[row/32] &^= 1 << (row % 32)
		default:
			return fault.At(fault.InvalidArgument, "search", int64(row), -1,
				fmt.Sprintf("row %d is in group %d of %d", row, group, g.n),
				"groups are numbered from 0; NoGroup is for rows that are in none")
		}
	}
	g.plan.Eligible = int64(g.Eligible)
	g.K = min(g.P.K, g.Eligible)
	most := g.collect()
	for i := range g.n {
		g.places[i+1] = g.places[i] + min(g.places[i+1], most)
	}
	g.Of = g.Groups
	if c := g.Seg.Cells; c != nil {
		g.slots = c.Admit(g.words)
		g.moved = mem.Grow(g.moved, len(c.Rows))
		for pos, row := range c.Rows {
			g.moved[pos] = g.Groups[row]
		}
		g.Of = g.moved
	}
	return nil
}

// wanted is the number of places for bounds, or hits, of all groups.
func (g *Grouped) wanted() int { return g.places[g.n] }

// answer runs the queries, a round of bounded memory at a time. Shards are fixed by the index and
// the groups, so that what a query finds does not depend on threads.
func (g *Grouped) answer(ctx context.Context) error {
	threads := mem.Threads(g.P.Threads)
	g.plan.Threads = threads
	blocks := max(len(g.words), len(g.slots))
	shards := min((blocks+shardBlocks-1)/shardBlocks, max(1, groupRoom/(g.n+g.wanted())))
	g.chunks = min(g.n, groupChunks)
	g.searchers = mem.Grow(g.searchers, threads)
	for i := range g.searchers {
		g.searchers[i].enter(g)
	}
	each := int64(shards) * int64(8*g.n+64*g.wanted()+16<<10)
	round := int(min(max(batchBytes/each, 1), batchQueries))
	for from := 0; from < g.P.NQ; from += round {
		g.span(from, min(from+round, g.P.NQ), groupPass, shards)
		if err := g.round(ctx, threads); err != nil {
			return err
		}
	}
	for i := range g.searchers {
		g.tally(&g.searchers[i].counts)
	}
	return nil
}

// round answers the queries laid out. Answers are finished by (query, chunk of groups).
func (g *Grouped) round(ctx context.Context, threads int) error {
	g.tasks[routing], g.tasks[joining], g.tasks[finishing] = 0, g.count, g.count*g.chunks
	g.queries = mem.Grow(g.queries, g.count)
	g.finds = mem.Grow(g.finds, g.count*g.shards)
	g.joined = mem.Grow(g.joined, g.count)
	g.unsure = mem.Grow(g.unsure, g.count*g.chunks)
	clear(g.unsure)
	if err := g.drive(ctx, g, "search", threads, &g.plan); err != nil {
		return err
	}
	for i := range g.count {
		if !slices.Contains(g.unsure[i*g.chunks:(i+1)*g.chunks], true) {
			g.plan.Certified++
		}
	}
	return nil
}

// prepare makes queries [lo, hi) of the round ready.
func (g *Grouped) prepare(_, lo, hi int) error {
	for i := lo; i < hi; i++ {
		q := &g.queries[i]
		if err := g.ready(q, g.from+i); err != nil {
			return err
		}
		for s := range g.shards {
			g.finds[i*g.shards+s].reset(g, q.strategy)
		}
	}
	return nil
}

// ready makes query i ready. Where the groups want an eighth of the rows, all are scored.
func (g *Grouped) ready(q *Query, i int) error {
	if g.Seg.Metric.Binary() {
		q.pack(&g.Run, i)
		return nil
	}
	if err := q.Prepare(&g.Run, i); err != nil {
		return err
	}
	if err := g.choose(q, i); err != nil {
		return err
	}
	if q.strategy == scanPlane && g.wanted() >= g.Eligible/8 {
		q.strategy = codeEvery
		if g.Col != nil && !g.P.Estimates {
			q.strategy = measureEvery
		}
	}
	return nil
}

// route is left out: all cells are looked into, and a group has no threshold before its rows.
func (g *Grouped) route(_, _, _ int) error { return nil }

// scan looks at one shard of rows for queries [lo, hi) of the round.
func (g *Grouped) scan(worker, lo, hi, shard int) error {
	return g.searchers[worker].scanShard(g.Ctx, lo, hi, shard)
}

// finish measures one chunk of a query's groups and writes the answers.
func (g *Grouped) finish(worker, i int) error {
	return g.searchers[worker].finish(g.Ctx, i/g.chunks, i%g.chunks)
}

// join puts together what a query found in its shards.
func (g *Grouped) join(_, i int) error {
	finds := g.finds[i*g.shards : (i+1)*g.shards]
	all, rest := &finds[0], finds[1:]
	if !g.queries[i].strategy.bounded() {
		for j := range rest {
			all.mergeHits(g, &rest[j])
		}
		return nil
	}
	for j := range rest {
		all.mergeBounds(g, &rest[j])
	}
	to := &g.joined[i]
	to.begin = mem.Grow(to.begin, g.n+1)
	clear(to.begin)
	for j := range finds {
		finds[j].prune(g, all.tau)
		for _, c := range finds[j].rows {
			to.begin[g.Of[c.Pos]+1]++
		}
	}
	for at := range g.n {
		to.begin[at+1] += to.begin[at]
	}
	to.rows = mem.Grow(to.rows, to.begin[g.n])
	for j := range finds {
		for _, c := range finds[j].rows {
			at := &to.begin[g.Of[c.Pos]]
			to.rows[*at] = c
			*at++
		}
	}
	copy(to.begin[1:], to.begin[:g.n])
	to.begin[0] = 0
	return nil
}

// shard returns which of `blocks` blocks belong to a shard.
func (g *Grouped) shard(i, blocks int) (from, to int) {
	return i * blocks / g.shards, (i + 1) * blocks / g.shards
}

// cellsOf returns the cells that begin in a shard of slots.
func (g *Grouped) cellsOf(shard int) (from, to int) {
	c := g.Seg.Cells
	lo, hi := g.shard(shard, len(g.slots))
	if to = c.FirstFrom(hi); shard == g.shards-1 {
		to = c.N
	}
	return c.FirstFrom(lo), to
}

// put writes the hits of a query in a group to the caller's arrays.
func (g *Grouped) put(i, group int, hits []topk.Hit) {
	cell := (g.from+i)*g.n + group
	for j, h := range hits {
		g.out.Rows[cell*g.P.K+j] = int64(h.Row)
		g.out.Scores[cell*g.P.K+j] = g.queries[i].Score(g.Seg.Metric, h.Dist)
	}
	g.out.Counts[cell] = int64(len(hits))
}
