// Package nndescent makes the graph of nearest neighbours of all rows as a whole: NN-descent (Dong,
// Moses and Li, WWW 2011) on int8 sketches, begun with the rows of near cells and ended when a
// sample of rows has the recall that was asked for.
//
// Reading order: descent.go (the stages), cells.go and lists.go (first lists), pass.go (neighbours
// of neighbours), check.go (the recall of a sample), exact.go (distances of the answer).
package nndescent

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/sketch"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

const (
	// descentRows is the least number of rows, and descentK the most neighbours of each, for which
	// a graph is made by descent.
	descentRows, descentK = 8192, 128
	// descentBytes is the most memory that a descent takes beside the answer.
	descentBytes = 2 << 30
	// descentWidth is the least length of lists, descentLong that of targets above longFrom, which
	// lists of 24 miss; descentMost the most rows of a list, the nearest ones, that others look at.
	descentWidth, descentLong, longFrom, descentMost = 24, 32, 0.97, 64
	// descentPasses is the most passes over all rows. Where recall is below hopeless after the
	// first, many would be needed.
	descentPasses, hopeless = 8, 0.4
	// fresh marks a row that came into a list in the last pass.
	fresh = 1 << 31
	// nobody fills lists that have fewer rows.
	nobody = fresh - 1
)

// NeighborsParams says which graph of neighbours is wanted: the K nearest other rows of every row.
type NeighborsParams struct {
	K int
	// Recall is the share of true neighbours aimed for; 0 means the index's target. Above 0.99 every
	// distance is measured.
	Recall float64
	// Epsilon0 and Probes are those of SearchParams; 0 takes them from Recall.
	Epsilon0 float64
	Probes   int
	// Threads limits this call; 0 means the default of SetThreads.
	Threads int
	// Progress, if set, counts the rows whose neighbours are known; where the graph is made as a
	// whole, those with a first list count half.
	Progress *build.Progress
}

// NeighborsOut receives a graph of neighbours; the caller allocates. Row Of[i] of the index has
// Counts[i] neighbours, laid out as in SearchOut: Rows and Scores from i*K on, best first.
type NeighborsOut struct {
	search.SearchOut
	Of []int64 // one a row that is not deleted, in the order of IDArray
	N  int     // set by Neighbors, whatever it returns: how many rows are not deleted
}

// Places turns the rows in Rows into their places in Of; absent ones stay -1.
func (o *NeighborsOut) Places() {
	of := o.Of[:o.N]
	if o.N == 0 || of[o.N-1] == int64(o.N-1) {
		return // they are the same
	}
	places := make([]int32, of[o.N-1]+1)
	for i, row := range of {
		places[row] = int32(i)
	}
	for i, row := range o.Rows {
		if row >= 0 {
			o.Rows[i] = int64(places[row])
		}
	}
}

// descent makes a graph of neighbours without a search for each row. Rows are sketched as int8 and
// compared with those of the cells around them; then the neighbours of its neighbours are offered
// to every row, again and again (W. Dong, C. Moses, K. Li: Efficient k-nearest neighbor graph
// construction for generic similarity measures, 2011), until a sample of rows, whose true
// neighbours are found by looking at all rows, says that the recall target is met. Rows are
// numbered by position, in the order of cells. A pass reads lists that only the pass before wrote,
// so that what it finds does not depend on threads.
type descent struct {
	seg     *segment.Segment
	col     *column.Column
	threads int
	recall  float64 // target
	n, k    int
	wide    int // length of lists
	most    int // rows of a list that others look at
	back    int // how many of the rows that have a row in their lists are looked at
	cells   descentCells
	rows    []uint32 // of positions
	owner   []uint16 // cells of positions

	sketch  *sketch.Sketch
	factor  float32     // of a row's products: -1, for distances -2
	lengths []float64   // cosine: of the vectors
	uneven  atomic.Bool // some length is such that products of two are no numbers
	lists   []uint32    // n x wide positions, nearest first, fresh ones marked
	next    []uint32    // the lists that a pass writes
	near    []float32   // n x wide estimates that belong to lists (while a pass runs: to next)
	chosen  []uint16    // n x mostProbes: cells whose rows a row was compared with
	moved   []bool      // whether a list has fresh rows
	reverse []uint32    // n x back positions of rows that have a row in their lists, marked
	behind  []uint8     // how many of these
	sample  []sampled
	workers []descender
	slabs   []mem.Slab
	plan    search.Plan

	out      *NeighborsOut
	progress *build.Progress
}

// Descend makes the graph by descent where that applies and meets the target; where it does not,
// nothing was done.
func Descend(
	ctx context.Context, v *segment.Version, p *NeighborsParams, out *NeighborsOut,
) (plan search.Plan, met bool, err error) {
	d := newDescent(v, p)
	if d == nil {
		return search.Plan{}, false, nil
	}
	d.out = out
	defer d.free()
	begin := time.Now()
	met, err = d.run(ctx)
	if !met || err != nil {
		if d.progress != nil {
			d.progress.Scanned.Store(0)
		}
		if fault.KindOf(err) == fault.OutOfMemory {
			err = nil // searches need less
		}
		return search.Plan{}, false, err
	}
	d.plan.Total = time.Since(begin)
	return d.plan, true, nil
}

// newDescent prepares a descent, nil where none applies.
func newDescent(v *segment.Version, p *NeighborsParams) *descent {
	if len(v.Segments) != 1 || v.Changed || p.Epsilon0 != 0 || p.Probes != 0 {
		return nil
	}
	seg := v.Segments[0]
	d := &descent{seg: seg, col: seg.Source, threads: mem.Threads(p.Threads), n: seg.Usable, k: p.K,
		progress: p.Progress}
	if d.recall = p.Recall; d.recall == 0 {
		d.recall = seg.Recall
	}
	applies := (seg.Kind == segment.Flat || seg.Kind == segment.IVF) &&
		seg.Metric != column.Dot && seg.Deleted == 0
	if !applies || d.n < descentRows || d.k < 1 || d.k > descentK || d.recall > 0.99 {
		return nil
	}
	width := descentWidth
	if d.recall > longFrom {
		width = descentLong
	}
	d.wide = max(width, (d.k+d.k/2+7)&^7)
	d.most = min(max(width, d.k), descentMost)
	d.back = width
	d.cells.setProbes(d.recall, d.k)
	d.factor = -1
	if !seg.Metric.Larger() {
		d.factor = -2
	}
	if d.bytes() > descentBytes {
		return nil
	}
	return d
}

// bytes is about the memory of the descent.
func (d *descent) bytes() int64 {
	row := rabitq.PaddedDim(d.seg.Dim) + 4*(3+3*d.wide+d.back) + 2*mostProbes + 12
	return int64(d.n) * int64(row)
}

// run reports whether the answer was given.
func (d *descent) run(ctx context.Context) (bool, error) {
	begin := time.Now()
	d.workers = make([]descender, d.threads)
	if ok, err := d.divide(ctx); !ok || err != nil {
		return false, err
	}
	if err := d.allocateAll(); err != nil {
		return false, err
	}
	if err := d.sketchRows(ctx); err != nil || d.uneven.Load() {
		return false, err
	}
	if sure, err := d.drawSample(ctx); !sure || err != nil {
		return false, err
	}
	prepared := time.Now()
	if err := d.compareCells(ctx); err != nil {
		return false, err
	}
	listed := time.Now()
	if met, err := d.refine(ctx); !met || err != nil {
		return false, err
	}
	refined := time.Now()
	if err := d.answer(ctx); err != nil {
		return false, err
	}
	d.describe()
	d.plan.Prepare, d.plan.Route = prepared.Sub(begin), listed.Sub(prepared)
	d.plan.Scan, d.plan.Rerank = refined.Sub(listed), time.Since(refined)
	return true, nil
}

// refine passes over the rows until the sample says that the target is met, and that this is no
// chance. Where passes gain little, more cells are compared, once; what is reached when they gain
// little again is enough if it is the target.
func (d *descent) refine(ctx context.Context) (bool, error) {
	before := 0.0
	for pass := 0; ; pass++ {
		now, sigma := d.measured()
		wanted := min(d.recall+sureErrors*sigma, 1)
		if now >= wanted {
			return true, nil
		}
		var err error
		switch little := pass > 1 && now-before < (wanted-now)/3; {
		case pass == descentPasses, pass == 1 && now < hopeless, little && d.cells.before > 0:
			return now >= d.recall, nil
		case little && d.cells.before == 0:
			err = d.widen(ctx)
		default:
			err = d.pass(ctx, pass == 0)
		}
		if before = now; err != nil {
			return false, err
		}
	}
}

// describe fills in the plan.
func (d *descent) describe() {
	seg := d.seg
	d.plan = search.Plan{
		Kind: seg.Kind, Tier: simd.Active(), Exact: true, Threads: d.threads, Bits: seg.Bits,
		Plane: 8, Cells: int64(seg.CellCount()), Probed: int64(d.n) * int64(d.cells.probes),
		Rows: int64(seg.Rows), Eligible: int64(seg.Usable), Nulls: int64(seg.Nulls + seg.Bad),
		Queries: int64(d.n), Recall: d.recall,
	}
	for i := range d.workers {
		d.plan.Scanned += d.workers[i].scanned
		d.plan.Reranked += d.workers[i].measured
	}
}

// allocate makes n zeroed bytes that free gives back.
func (d *descent) allocate(n int64) ([]byte, error) {
	s, err := mem.NewSlab("neighbors", n)
	if err != nil {
		return nil, err
	}
	d.slabs = append(d.slabs, s)
	return s.Mem, nil
}

func (d *descent) free() {
	for i := range d.slabs {
		d.slabs[i].Free()
	}
}

// allocateAll makes the memory of sketches and lists.
func (d *descent) allocateAll() error {
	n, padded := int64(d.n), rabitq.PaddedDim(d.seg.Dim)
	var parts [8][]byte
	for i, each := range [...]int{
		padded, 8, 4 * d.wide, 4 * d.wide, 4 * d.wide, 2 * mostProbes, 4 * d.back, 8,
	} {
		var err error
		if parts[i], err = d.allocate(n * int64(each)); err != nil {
			return err
		}
	}
	floats, words := arrow.Float32Traits.CastFromBytes, arrow.Uint32Traits.CastFromBytes
	d.sketch = &sketch.Sketch{Padded: padded, Codes: arrow.Int8Traits.CastFromBytes(parts[0]),
		Step: floats(parts[1][:4*n]), Add: floats(parts[1][4*n:])}
	d.lists, d.next, d.near = words(parts[2]), words(parts[3]), floats(parts[4])
	d.chosen, d.reverse = arrow.Uint16Traits.CastFromBytes(parts[5]), words(parts[6])
	d.lengths = arrow.Float64Traits.CastFromBytes(parts[7])
	d.moved, d.behind = make([]bool, n), make([]uint8, n)
	return nil
}

// shards runs a task for every shard of MaxTileRows positions.
func (d *descent) shards(
	ctx context.Context, task func(w *descender, from, to int) error,
) error {
	n := (d.n + build.MaxTileRows - 1) / build.MaxTileRows
	return mem.Parallel(ctx, "neighbors", d.threads, n, func(worker, i int) error {
		return task(&d.workers[worker], i*build.MaxTileRows, min((i+1)*build.MaxTileRows, d.n))
	})
}

// count tells the progress: the first list of a row and its answer count half each.
func (d *descent) count(rows int) {
	if d.progress != nil {
		d.progress.Scanned.Add(int64(rows))
	}
}

// list returns the list of a position.
func (d *descent) list(at int) []uint32 { return d.lists[at*d.wide : (at+1)*d.wide] }

// descender is one worker's memory.
type descender struct {
	rotator  *build.Rotator
	scanned  int64 // int8 products with rows
	measured int64 // distances of vectors
	compared comparison
	offered  offering
	query    []float32 // the vector that distances are taken from
	own      []float32 // room for it, where it must be converted
	other    []float32 // the same for the other vector
	// The same for columns of float64.
	wideQuery, wideOwn, wideOther []float64
}

// sketchRows sketches all rows by position.
func (d *descent) sketchRows(ctx context.Context) error {
	type bound struct{ lack, longest float32 }
	shards := make([]bound, (d.n+build.MaxTileRows-1)/build.MaxTileRows)
	cosine := d.seg.Metric == column.Cosine
	err := d.shards(ctx, func(w *descender, from, to int) error {
		if w.rotator == nil {
			w.rotator = build.NewRotator(d.seg, nil, d.n)
		}
		b, tile := &shards[from/build.MaxTileRows], build.TileRows(d.sketch.Padded)
		for at := from; at < to; at += tile {
			end := min(at+tile, to)
			w.rotator.List(d.col, d.rows[at:end])
			for i := at; i < end; i++ {
				lack, length := d.sketch.Put(i, w.rotator.Of(i-at), d.seg.Metric.Larger(),
					w.rotator.Dots[i-at])
				b.lack, b.longest = max(b.lack, lack), max(b.longest, length)
				if cosine {
					d.lengths[i] = w.length(d, int(d.rows[i]))
				}
			}
		}
		return nil
	})
	for _, b := range shards {
		d.sketch.Lack = max(d.sketch.Lack, b.lack)
		d.sketch.Longest = max(d.sketch.Longest, b.longest)
	}
	return err
}
