package arrowidx

import "sync"

// Scratch memory of searches is shared by all indexes: a process that makes and drops many of them
// has no more of it than searches that ran at once need. What a pool of each index held would be
// kept by the collector for two rounds, and what is kept makes the next round come later.

// keptBytes is the most that one search leaves for the next.
const keptBytes = 32 << 20

// The pools hold nothing that belongs to an index or a caller.
var (
	workspaces = &sync.Pool{New: func() any { return newWorkspace() }}
	joins      = &sync.Pool{New: func() any { return &join{rows: []int64{}} }}
	groupings  = &sync.Pool{New: func() any { return &grouped{} }}
)

// bytesOf is the memory of a slice whose elements have size bytes.
func bytesOf[T any](s []T, size int) int64 { return int64(cap(s) * size) }

const (
	// Bytes of what slices hold.
	foundBytes     = 16
	candidateBytes = 12
	cellBytes      = 64
	// queryBytes and probeBytes are about what these take beside their slices.
	queryBytes = 384
	probeBytes = 256
)

func (q *query) bytes() int64 {
	return queryBytes + bytesOf(q.rotated, 4) + bytesOf(q.tables, 1) + bytesOf(q.z, 1) +
		bytesOf(q.own, 8) + bytesOf(q.narrow, 4)
}

func (p *probe) bytes() int64 {
	return probeBytes + bytesOf(p.found.rows, candidateBytes) + bytesOf(p.found.upper, 4) +
		bytesOf(p.wait, candidateBytes) + bytesOf(p.visits, cellBytes) +
		bytesOf(p.best.heap, foundBytes)
}

func (s *searcher) bytes() int64 {
	t, v := &s.routes, &s.visitor
	floats := cap(s.read) + cap(s.one) + cap(s.ones) + cap(s.lengths) + cap(s.out) +
		cap(s.matrix) + cap(s.est) + cap(t.est) + cap(t.values) + cap(t.spare) +
		cap(s.sketched.values) + cap(s.sketched.spare)
	wide := cap(s.row) + cap(s.even)
	words := cap(s.rows) + cap(s.masks) + cap(t.masks) + cap(t.near) + cap(t.ids) + cap(t.dots) +
		cap(t.home) + cap(v.begin) + cap(v.busy) + cap(s.sketched.dots)
	return int64(4*(floats+words)+8*wide) + bytesOf(s.pick.heap, foundBytes) +
		bytesOf(t.all, cellBytes) + bytesOf(v.pairs, 8) + bytesOf(v.left, 8) +
		bytesOf(v.slots, 8) + bytesOf(v.which, 8) + bytesOf(s.sketched.z, 1)
}

// settle counts the memory of what the search used. Slices only grow, so the most that was ever
// counted stands for those that this search did not reach.
func (w *workspace) settle() int64 {
	n := int64(0)
	for i := range w.queries {
		n += w.queries[i].bytes()
	}
	for i := range w.probes {
		n += w.probes[i].bytes()
	}
	for i := range w.searchers {
		n += w.searchers[i].bytes()
	}
	for i := range w.lists {
		n += bytesOf(w.lists[i], 8)
	}
	w.peak = max(w.peak, n)
	return w.peak
}

// putBack leaves the workspace to the next search, without what belongs to this one's caller. A
// search that panics leaves nothing.
func (w *workspace) putBack() {
	w.run, w.ctx = run{}, nil
	for i := range w.queries {
		w.queries[i].forget()
	}
	if w.settle() <= keptBytes {
		workspaces.Put(w)
	}
}

func (j *join) putBack() {
	n := bytesOf(j.rows, 8) + bytesOf(j.units, 8) + bytesOf(j.unsure, 1)
	for i := range j.best {
		n += 32 + bytesOf(j.best[i].heap, foundBytes)
	}
	if j.peak = max(j.peak, n); j.peak <= keptBytes {
		joins.Put(j)
	}
}

func (s *groupSearcher) bytes() int64 {
	n := s.searcher.bytes() + bytesOf(s.cells, cellBytes) + bytesOf(s.packed, 1) +
		bytesOf(s.both, 4) + bytesOf(s.any, 4)
	for i := range s.probes {
		n += s.probes[i].bytes()
	}
	return n
}

func (f *groupFinds) bytes() int64 {
	return bytesOf(f.tau, 4) + bytesOf(f.filled, 4) + bytesOf(f.upper, 4) +
		bytesOf(f.hits, foundBytes) + bytesOf(f.rows, candidateBytes)
}

// putBack leaves the memory to the next call, without what belongs to this one's caller.
func (g *grouped) putBack() {
	n := bytesOf(g.moved, 4) + bytesOf(g.places, 8) + bytesOf(g.admit, 4) + bytesOf(g.unsure, 1)
	for i := range g.queries {
		g.queries[i].forget()
		n += g.queries[i].bytes()
	}
	for i := range g.finds {
		n += g.finds[i].bytes()
	}
	for i := range g.joined {
		n += bytesOf(g.joined[i].rows, candidateBytes) + bytesOf(g.joined[i].begin, 8)
	}
	for i := range g.searchers {
		g.searchers[i].release()
		n += g.searchers[i].bytes()
	}
	g.run, g.groups, g.of = run{}, nil, nil
	if g.peak = max(g.peak, n); g.peak <= keptBytes {
		groupings.Put(g)
	}
}
