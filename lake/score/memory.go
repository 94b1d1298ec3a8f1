package score

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync"

	"github.com/ruvector/ruvector-arrow/fault"
)

// What a part holds beside its batches: pages that are read, and what columns read ahead and
// gather, each; and a row group of the output, twice while its memory grows.
const (
	mostBatch  = 16 << 10
	leastBatch = 64
	pagesBytes = 48 << 20
	laneBytes  = 1 << 20
)

// plan chooses the rows of a batch so that all that is held fits the memory. Beside what is held
// for sure, batches have a third of it, garbage a sixth between two collections; the rest is for
// what is allocated while one of them is read or written.
func (p *Part) plan() error {
	lanes := 0
	for _, c := range p.out {
		lanes += len(c.lanes)
	}
	row, out := p.rowBytes(), int64(lanes)*8 // rows of the input and of the output, in bytes
	for _, c := range p.carriers {
		out = min(out+c.average(), mostClaimed)
	}
	group := int64(groupBytes)
	if p.options.Right == nil && p.rows < group/out/int64(p.options.K) {
		group = p.rows * int64(p.options.K) * out
	}
	held := pagesBytes + int64(lanes)*laneBytes + 2*group
	n := int64(mostBatch)
	if p.options.Batch > 0 {
		n = min(int64(p.options.Batch), n)
	}
	if memory := p.options.Memory; memory > 0 {
		least := held + 3*slots*row*min(leastBatch, n)
		if memory < least {
			return fault.New(fault.LimitExceeded, op,
				fmt.Sprintf("%s: %d bytes of memory are not enough for %d rows at once, at %d each",
					p.in.Name(), memory, min(leastBatch, n), row),
				fmt.Sprintf("give at least %d bytes (memory=)", least))
		}
		n = min(n, (memory-held)/(3*slots*row))
		p.garbage.allowed = uint64(min(max((memory-held)/6, 8<<20), mostGarbage))
	}
	p.batchRows = int(max(min(n, p.rows), 1))
	return nil
}

// rowBytes is about what a row takes in a batch: its vector, hits, and columns as the footer says.
func (p *Part) rowBytes() int64 {
	const hit, slice = 8 + 4, 24
	bytes := int64(p.source.width()) + int64(p.options.K)*hit + 64
	for _, c := range p.carriers {
		bytes += slice + c.average()
	}
	return min(bytes, mostClaimed)
}

// mostClaimed is the most that a footer is believed, whose sums and products must not overflow.
const mostClaimed = 1 << 40

// average is the bytes of a row of a column, as the footer has them: plainly encoded, with levels.
func (in *Input) average(column, from, to int) int64 {
	var bytes, rows int64
	for g := from; g < to; g++ {
		rows += in.groupRows(g)
		if c, err := in.pages.MetaData().RowGroup(g).ColumnChunk(column); err == nil {
			// Dictionaries and runs hide what values take: four bytes a value at least.
			bytes += claimed(c.TotalUncompressedSize()) + 4*claimed(c.NumValues())
			bytes = min(bytes, mostClaimed)
		}
	}
	return bytes / max(rows, 1)
}

// levels is how many levels a row of a column has, rounded up.
func (in *Input) levels(column, from, to int) int {
	var levels, rows int64
	for g := from; g < to; g++ {
		rows += in.groupRows(g)
		if c, err := in.pages.MetaData().RowGroup(g).ColumnChunk(column); err == nil {
			levels = min(levels+claimed(c.NumValues()), mostClaimed)
		}
	}
	return int(levels/max(rows, 1)) + 1
}

func claimed(n int64) int64 { return min(max(n, 0), mostClaimed) }

// mostGarbage is how much more than that nobody minds.
const mostGarbage = 256 << 20

// garbage has the collector run when so much was allocated since it last did. The library lets the
// heap grow to a multiple of what lives there, which is more than a part may hold.
type garbage struct {
	allowed uint64
	after   uint64 // bytes on the heap when it had run
	sample  []metrics.Sample
	mu      sync.Mutex
}

// collect looks whether it is time, unless another stage does.
func (g *garbage) collect() {
	if g.allowed == 0 || !g.mu.TryLock() {
		return
	}
	defer g.mu.Unlock()
	if g.sample == nil {
		g.sample = []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		g.after = g.heap()
	}
	if now := g.heap(); now > g.after+g.allowed {
		runtime.GC()
		g.after = g.heap()
	}
}

func (g *garbage) heap() uint64 {
	metrics.Read(g.sample)
	return g.sample[0].Value.Uint64()
}
