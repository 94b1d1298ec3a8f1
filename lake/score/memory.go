package score

import (
	"fmt"

	"github.com/ruvector/ruvector-arrow/fault"
)

// What a part holds beside its batches: a row group of the output, as it is encoded, and what
// columns read ahead and gather.
const (
	mostBatch   = 16 << 10
	leastBatch  = 64
	outputBytes = 48 << 20
	laneBytes   = 2 << 20
)

// plan chooses the rows of a batch so that all that is held fits the memory.
func (p *Part) plan() error {
	lanes := 0
	for _, c := range p.out {
		lanes += len(c.lanes)
	}
	held := int64(outputBytes) + int64(lanes)*laneBytes
	row := p.rowBytes()
	n := int64(mostBatch)
	if p.options.Batch > 0 {
		n = min(int64(p.options.Batch), n)
	}
	least := min(int64(leastBatch), n)
	if memory := p.options.Memory; memory > 0 {
		if memory < held+slots*row*least {
			return fault.New(fault.LimitExceeded, op,
				fmt.Sprintf("%s: %d bytes of memory are not enough for %d rows at once, at %d each",
					p.in.Name(), memory, least, row),
				fmt.Sprintf("give at least %d bytes (memory=)", held+slots*row*least))
		}
		n = min(n, (memory-held)/(slots*row))
	}
	p.batchRows = int(max(min(n, p.rows), 1))
	return nil
}

// rowBytes is about what a row takes in a batch: its vector, hits, and columns as the footer says.
func (p *Part) rowBytes() int64 {
	const hit, slice = 8 + 4, 24
	bytes := int64(p.source.width()) + int64(p.options.K)*hit + 64
	for _, c := range p.carriers {
		bytes += slice
		bytes += c.average()
	}
	return bytes
}

// average is the bytes of a row of a column, as the footer has them: plainly encoded, with levels.
func (in *Input) average(column, from, to int) int64 {
	var bytes, rows int64
	for g := from; g < to; g++ {
		rows += in.groupRows(g)
		if c, err := in.pages.MetaData().RowGroup(g).ColumnChunk(column); err == nil {
			// Dictionaries and runs hide what values take: four bytes a value at least.
			bytes += max(c.TotalUncompressedSize(), 0) + 4*max(c.NumValues(), 0)
		}
	}
	return bytes / max(rows, 1)
}
