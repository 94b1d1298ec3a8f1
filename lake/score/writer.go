package score

import (
	"encoding/json"
	"fmt"
	"sort"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/ruvector/ruvector-arrow/fault"
	lake "github.com/ruvector/ruvector-arrow/lake/parquet"
)

// Limits of a row group of the output, in rows and in bytes before encoding.
const (
	groupRows  = 1 << 20
	groupBytes = 32 << 20
	pageBytes  = 1 << 20
)

// writer cuts rows into row groups and gives them to the lanes.
type writer struct {
	sink    *sink
	lanes   []lane
	file    *file.Writer
	group   file.BufferedRowGroupWriter // nil between row groups
	rows    int                         // of the group
	bytes   int64                       // of the group, before encoding
	total   int64
	runs    []run
	uneven  []uneven // lanes whose values have sizes of their own
	fixed   int64    // bytes of a row in the lanes that are neither uneven nor carriers
	garbage *garbage
	failed  error
}

// column is a column of the output's schema and what fills it: a lane for each leaf.
type column struct {
	node  schema.Node
	lanes []lane
	from  string // where it comes from, in words, for errors
	dict  bool
	said  string // of what made its vectors, JSON; "" if nothing is
}

func newWriter(path string, columns []column, g *garbage) (*writer, error) {
	s, err := create(path)
	if err != nil {
		return nil, err
	}
	w := &writer{sink: s, garbage: g}
	if err := w.begin(columns); err != nil {
		s.remove()
		return nil, err
	}
	return w, nil
}

func (w *writer) begin(columns []column) error {
	props := []parquet.WriterProperty{
		parquet.WithCompression(compress.Codecs.Zstd), parquet.WithCompressionLevel(1),
		parquet.WithDataPageSize(pageBytes), parquet.WithStats(false),
		parquet.WithBatchSize(1 << 40), // leaves say where pages may end
		parquet.WithCreatedBy("ruvector"), parquet.WithVersion(parquet.V2_LATEST),
		parquet.WithDictionaryDefault(false), parquet.WithAllocator(memory.NewGoAllocator()),
	}
	nodes := make(schema.FieldList, 0, len(columns))
	for _, c := range columns {
		nodes = append(nodes, c.node)
		w.lanes = append(w.lanes, c.lanes...)
	}
	for _, l := range w.lanes {
		if u, ok := l.(uneven); ok {
			w.uneven = append(w.uneven, u)
		} else if _, ok := l.(carrier); !ok {
			w.fixed += 8
		}
	}
	root, err := schema.NewGroupNode("schema", parquet.Repetitions.Required, nodes, -1)
	if err != nil {
		return fault.New(fault.ColumnError, op, "no schema can be made: "+err.Error(), "")
	}
	leaves, at := schema.NewSchema(root), 0
	for _, c := range columns {
		for range c.lanes {
			if c.dict {
				props = append(props, parquet.WithDictionaryFor(leaves.Column(at).Path(), true))
			}
			at++
		}
	}
	if at != leaves.NumColumns() {
		return fault.New(fault.NativeError, op,
			fmt.Sprintf("%d lanes for %d columns", at, leaves.NumColumns()), "report this")
	}
	w.file, err = file.NewParquetWriterWithError(w.sink, root,
		file.WithWriterProps(parquet.NewWriterProperties(props...)))
	if err == nil {
		err = w.sayMakers(columns)
	}
	return w.told(err)
}

// sayMakers writes into the footer what made the vectors of columns.
func (w *writer) sayMakers(columns []column) error {
	said := map[string]json.RawMessage{}
	for _, c := range columns {
		if json.Valid([]byte(c.said)) {
			said[c.node.Name()] = json.RawMessage(c.said)
		}
	}
	if len(said) == 0 {
		return nil
	}
	text, err := json.Marshal(said) // keys in order
	if err != nil {
		return err
	}
	return w.file.AppendKeyValueMetadata(lake.EmbedderKey, string(text))
}

// told returns the error of the sink where that is the cause.
func (w *writer) told(err error) error {
	if err != nil && w.sink.err != nil {
		return w.sink.err
	}
	return err
}

// write writes every row of the batch as often as it has hits. cost is the bytes of each row.
func (w *writer) write(b *batch, cost []int64) error {
	if w.failed == nil {
		w.failed = w.told(w.split(b, cost))
	}
	return w.failed
}

func (w *writer) split(b *batch, cost []int64) error {
	w.runs = w.runs[:0]
	taken := 0
	for row := range b.n {
		for first, hits := 0, b.hits(row); first < hits; {
			bytes, n := w.fixed+cost[row], hits-first
			if len(w.uneven) > 0 {
				n = 1
				for _, l := range w.uneven {
					bytes += l.size(b, row, first)
				}
			}
			if n = w.room(bytes, n); n == 0 {
				if err := w.put(b, taken); err != nil {
					return err
				}
				taken = 0
				if err := w.endGroup(); err != nil {
					return err
				}
				continue
			}
			if last := len(w.runs) - 1; last >= 0 && w.runs[last].row == row {
				w.runs[last].n += n
			} else {
				w.runs = append(w.runs, run{row, first, n})
			}
			w.rows, w.bytes, taken, first = w.rows+n, w.bytes+int64(n)*bytes, taken+n, first+n
		}
	}
	return w.put(b, taken)
}

// room is how many of the rows, of so many bytes each, still belong to this row group.
func (w *writer) room(cost int64, rows int) int {
	if w.rows == 0 {
		rows = min(rows, int(max(groupBytes/max(cost, 1), 1)))
		return min(rows, groupRows)
	}
	rows = min(rows, groupRows-w.rows)
	return int(min(int64(rows), max(groupBytes-w.bytes, 0)/max(cost, 1)))
}

// put gives the runs that were gathered to the lanes.
func (w *writer) put(b *batch, rows int) error {
	if rows == 0 {
		return nil
	}
	if w.group == nil {
		if err := w.beginGroup(); err != nil {
			return err
		}
	}
	block := &block{batch: b, runs: w.runs, rows: rows}
	for _, l := range w.lanes {
		if err := l.put(block); err != nil {
			return err
		}
		w.garbage.collect()
	}
	w.total += int64(rows)
	w.runs = w.runs[:0]
	return nil
}

func (w *writer) beginGroup() error {
	group, err := w.file.AppendBufferedRowGroupChecked()
	if err != nil {
		return err
	}
	w.group = group
	for i, l := range w.lanes {
		c, err := w.group.Column(i)
		if err == nil {
			err = l.bind(c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) endGroup() error {
	if w.group == nil {
		return nil
	}
	for _, l := range w.lanes {
		if err := l.flush(); err != nil {
			return err
		}
	}
	err := w.group.Close()
	w.group, w.rows, w.bytes = nil, 0, 0
	return err
}

// finish writes the footer, everything to the disk, and closes the file.
func (w *writer) finish() error {
	if w.failed == nil {
		w.failed = w.told(w.endGroup())
	}
	if w.failed == nil {
		w.failed = w.settle()
	}
	if w.failed == nil {
		w.failed = w.told(w.file.Close())
	}
	if w.failed == nil {
		w.failed = w.sink.finish()
	}
	return w.failed
}

// settle puts the footer's lists in order that arrow-go makes from maps, in an order of chance.
func (w *writer) settle() error {
	meta, err := w.file.FileMetadata() // what Close will write, not a copy
	if err != nil {
		return err
	}
	for _, group := range meta.RowGroups {
		for _, c := range group.Columns {
			stats := c.MetaData.EncodingStats
			sort.Slice(stats, func(i, j int) bool {
				a, b := stats[i], stats[j]
				return a.PageType < b.PageType || a.PageType == b.PageType && a.Encoding < b.Encoding
			})
		}
	}
	return nil
}
