package search

import (
	"sync"
)

// KeptBytes is the most that one search leaves for the next.
const KeptBytes = 32 << 20

// GrownShares is how many shares of an index whose memory is limited the memory of one search may
// take that asked for one: slices that grow have room for up to twice of what they hold.
const GrownShares = 2

// The pools hold nothing that belongs to an index or a caller.
var (
	Workspaces = &sync.Pool{New: func() any { return NewWorkspace() }}
	Joins      = &sync.Pool{New: func() any { return &join{rows: []int64{}} }}
	Groupings  = &sync.Pool{New: func() any { return &Grouped{} }}
)

// bytesOf is the memory of a slice whose elements have size bytes.
func bytesOf[T any](s []T, size int) int64 { return int64(cap(s) * size) }

const (
	// Bytes of what slices hold.
	hitSize        = 16
	candidateBytes = 12
	visitBytes     = 64
	placeBytes     = 16
	stretchSize    = 40
	consideredSize = 20
	// queryBytes and probeBytes are about what these take beside their slices.
	queryBytes = 384
	probeBytes = 256
)

func (q *Query) bytes() int64 {
	return queryBytes + bytesOf(q.Rotated, 4) + bytesOf(q.tables, 1) + bytesOf(q.z, 1) +
		bytesOf(q.own, 8) + bytesOf(q.narrow, 4)
}

func (p *Probe) bytes() int64 {
	return probeBytes + bytesOf(p.candidates.Rows, candidateBytes) + bytesOf(p.candidates.Upper, 4) +
		bytesOf(p.wait, candidateBytes) + bytesOf(p.later, candidateBytes) +
		bytesOf(p.Visits, visitBytes) + bytesOf(p.best.Heap, hitSize) +
		bytesOf(p.seen.slots, 4) + bytesOf(p.twins, candidateBytes)
}

func (s *Searcher) bytes() int64 {
	t, v := &s.routes, &s.visitor
	floats := cap(s.read) + cap(s.One) + cap(s.Ones) + cap(s.lengths) + cap(s.out) +
		cap(s.matrix) + cap(s.est) + cap(t.Est) + cap(t.Values) + cap(t.products) +
		cap(s.Sketched.values) + cap(s.Sketched.spare)
	wide := cap(s.Row) + cap(s.Even) + cap(s.sums) + cap(s.lengths64) +
		3*(cap(s.rows64)+cap(s.queries64))
	words := cap(s.rows) + cap(s.masks) + cap(t.masks) + cap(t.near) + cap(t.ids) + cap(t.dots) +
		cap(t.home) + cap(v.begin) + cap(v.busy) + cap(s.Sketched.dots)
	return int64(4*(floats+words)+8*wide) + s.room.Bytes() + bytesOf(s.pick.Heap, hitSize) +
		bytesOf(t.all, visitBytes) + bytesOf(t.fresh, visitBytes) +
		bytesOf(v.pairs, 8) + bytesOf(v.left, 8) +
		bytesOf(v.which, 8) + bytesOf(s.Sketched.Z, 1) +
		bytesOf(s.considered, consideredSize) +
		bytesOf(s.stretches, stretchSize) + bytesOf(s.packed, 1) + bytesOf(s.both, 4) + bytesOf(s.any, 4)
}

// Settle counts the memory of what the search used. Slices only grow, so the most that was ever
// counted stands for those that this search did not reach.
func (w *Workspace) Settle() int64 {
	n := int64(0)
	for i := range w.Queries {
		n += w.Queries[i].bytes()
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
	w.Peak = max(w.Peak, n)
	return w.Peak
}

// putBack leaves the workspace to the next search, without what belongs to this one's caller. A
// search that panics leaves nothing.
func (w *Workspace) putBack() {
	kept := int64(KeptBytes)
	if seg := w.Run.Seg; seg != nil && seg.Share > 0 {
		kept = min(kept, GrownShares*seg.Share)
	}
	w.Run = Run{}
	w.release()
	for i := range w.Queries {
		w.Queries[i].forget()
	}
	if w.Settle() <= kept {
		Workspaces.Put(w)
	}
}

func (j *join) putBack() {
	n := bytesOf(j.rows, 8) + bytesOf(j.units, 8) + bytesOf(j.unsure, 1)
	for i := range j.best {
		n += 32 + bytesOf(j.best[i].Heap, hitSize)
	}
	if j.peak = max(j.peak, n); j.peak <= KeptBytes {
		Joins.Put(j)
	}
}

func (s *groupSearcher) bytes() int64 {
	n := s.Searcher.bytes() + bytesOf(s.places, placeBytes) + bytesOf(s.order, 8)
	for i := range s.probes {
		n += s.probes[i].bytes()
	}
	return n
}

func (f *groupFinds) bytes() int64 {
	return bytesOf(f.tau, 4) + bytesOf(f.filled, 4) + bytesOf(f.upper, 4) +
		bytesOf(f.hits, hitSize) + bytesOf(f.rows, candidateBytes)
}

// PutBack leaves the memory to the next call, without what belongs to this one's caller.
func (g *Grouped) PutBack() {
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
	g.Run, g.Groups, g.Of = Run{}, nil, nil
	g.release()
	if g.peak = max(g.peak, n); g.peak <= KeptBytes {
		Groupings.Put(g)
	}
}
