package score

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	lake "github.com/ruvector/ruvector-arrow/lake/parquet"
)

// made is a column of an input that a test writes: its levels and values of each row.
type made struct {
	node   schema.Node
	leaves []madeLeaf
}

// madeLeaf writes rows of one leaf.
type madeLeaf func(w file.ColumnChunkWriter, from, to int) error

// rowsOf writes a leaf whose rows are levels and values.
func rowsOf[T physical](rep, def func(row int) []int16, vals func(row int) []T) madeLeaf {
	return func(w file.ColumnChunkWriter, from, to int) error {
		var r, d []int16
		v := []T{}
		for row := from; row < to; row++ {
			if rep != nil {
				r = append(r, rep(row)...)
			}
			if def != nil {
				d = append(d, def(row)...)
			}
			v = append(v, vals(row)...)
		}
		_, err := w.(writes[T]).WriteBatch(v, d, r)
		return err
	}
}

// required is a column of one value a row.
func required[T physical](n schema.Node, value func(row int) T) made {
	return made{n, []madeLeaf{rowsOf(nil, nil, func(row int) []T { return []T{value(row)} })}}
}

// optional is a column of a value or null.
func optional[T physical](n schema.Node, value func(row int) (T, bool)) made {
	return made{n, []madeLeaf{rowsOf(nil, func(row int) []int16 {
		if _, ok := value(row); ok {
			return []int16{1}
		}
		return []int16{0}
	}, func(row int) []T {
		if v, ok := value(row); ok {
			return []T{v}
		}
		return nil
	})}}
}

// listNode is the schema of a list.
func listNode(element schema.Node) func(name string) schema.Node {
	return func(name string) schema.Node {
		group := schema.MustGroup(schema.NewGroupNode("list", parquet.Repetitions.Repeated,
			schema.FieldList{element}, -1))
		return schema.MustGroup(schema.NewGroupNodeLogical(name, parquet.Repetitions.Optional,
			schema.FieldList{group}, schema.ListLogicalType{}, -1))
	}
}

// lists is an optional list of required numbers; nil is null.
func listsOf[T physical](name string, element schema.Node, value func(row int) []T) made {
	rep := func(row int) []int16 {
		r := make([]int16, max(len(value(row)), 1))
		for i := range r[1:] {
			r[i+1] = 1
		}
		return r
	}
	def := func(row int) []int16 {
		v := value(row)
		if v == nil {
			return []int16{0}
		}
		d := make([]int16, max(len(v), 1))
		for i := range d {
			d[i] = 1
			if len(v) > 0 {
				d[i] = 2
			}
		}
		return d
	}
	return made{listNode(element)(name), []madeLeaf{rowsOf(rep, def, value)}}
}

func vectorsOf(name string, value func(row int) []float32) made {
	return listsOf(name, node("element", parquet.Repetitions.Required, none,
		parquet.Types.Float, -1), value)
}

// encode writes row groups of the columns.
func encode(t *testing.T, columns []made, groups ...int) []byte {
	t.Helper()
	var fields schema.FieldList
	for _, c := range columns {
		fields = append(fields, c.node)
	}
	root, err := schema.NewGroupNode("schema", parquet.Repetitions.Required, fields, -1)
	require.NoError(t, err)
	var out bytes.Buffer
	w := file.NewParquetWriter(&out, root, file.WithWriterProps(parquet.NewWriterProperties(
		parquet.WithDataPageSize(4<<10))))
	at := 0
	for _, n := range groups {
		g, err := w.AppendRowGroupChecked()
		require.NoError(t, err)
		for _, c := range columns {
			for _, l := range c.leaves {
				chunk, err := g.NextColumn()
				require.NoError(t, err)
				require.NoError(t, l(chunk, at, at+n))
			}
		}
		require.NoError(t, g.Close())
		at += n
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

const testDim = 8

// vectorAt is a vector that depends on the row alone.
func vectorAt(row int) []float32 {
	r := rand.New(rand.NewPCG(7, uint64(row)))
	v := make([]float32, testDim)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

// indexOf is an index of n rows, those of vectorAt from 1,000,000 on.
func indexOf(t *testing.T, n int, options arrowidx.BuildOptions) *arrowidx.Index {
	t.Helper()
	var all []float32
	for i := range n {
		all = append(all, vectorAt(1_000_000+i)...)
	}
	c, err := arrowidx.MatrixColumn(all, n, testDim)
	require.NoError(t, err)
	ix, err := arrowidx.Build(context.Background(), c, options)
	require.NoError(t, err)
	t.Cleanup(ix.Close)
	return ix
}

var testNames = Names{"query_row", "rank", "id", "cosine_similarity"}

// scored runs a part over bytes of a file and returns the output's path.
func scored(t *testing.T, data []byte, ix *arrowidx.Index, o Options) (string, Counts) {
	t.Helper()
	p := opened(t, data, ix, &o)
	require.NoError(t, p.Run(context.Background()))
	c, err := p.Finish()
	require.NoError(t, err)
	return o.Out, c
}

// opened opens a part with what tests mostly want.
func opened(t *testing.T, data []byte, ix *arrowidx.Index, o *Options) *Part {
	t.Helper()
	p, err := openBytes(t, data, ix, o)
	require.NoError(t, err)
	t.Cleanup(p.Abandon)
	return p
}

func openBytes(t *testing.T, data []byte, ix *arrowidx.Index, o *Options) (*Part, error) {
	t.Helper()
	if o.Out == "" {
		o.Out = filepath.Join(t.TempDir(), "out.parquet")
	}
	if o.On == "" {
		o.On = "emb"
	}
	if o.Label == "" {
		o.Label = "in.parquet"
	}
	if o.Groups == 0 {
		o.Groups = -1
	}
	if o.K == 0 {
		o.K = 3
	}
	if o.Names == (Names{}) {
		o.Names = testNames
	}
	f, err := lake.Open(context.Background(), bytes.NewReader(data), int64(len(data)), lake.Limits{})
	require.NoError(t, err)
	return Open(context.Background(), f, ix, *o)
}

// table is the output as text, a row a line, with levels, so that nothing hides.
func table(t *testing.T, path string) (names []string, cells map[string][]string) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	r, err := file.NewParquetReader(bytes.NewReader(data))
	require.NoError(t, err)
	s := r.MetaData().Schema
	cells = map[string][]string{}
	for i := range s.NumColumns() {
		name := s.Column(i).Path()
		names = append(names, name)
		for g := range r.NumRowGroups() {
			chunk, err := r.RowGroup(g).Column(i)
			require.NoError(t, err)
			cells[name] = append(cells[name], cellsOf(t, chunk, s.Column(i))...)
		}
	}
	return names, cells
}

func cellsOf(t *testing.T, c file.ColumnChunkReader, d *schema.Column) []string {
	t.Helper()
	switch d.PhysicalType() {
	case parquet.Types.Boolean:
		return readCells[bool](t, c, d)
	case parquet.Types.Int32:
		return readCells[int32](t, c, d)
	case parquet.Types.Int64:
		return readCells[int64](t, c, d)
	case parquet.Types.Float:
		return readCells[float32](t, c, d)
	case parquet.Types.Double:
		return readCells[float64](t, c, d)
	case parquet.Types.ByteArray:
		return readCells[parquet.ByteArray](t, c, d)
	case parquet.Types.Int96:
		return readCells[parquet.Int96](t, c, d)
	}
	return readCells[parquet.FixedLenByteArray](t, c, d)
}

type readsCells[T physical] interface {
	ReadBatch(n int64, values []T, def, rep []int16) (levels int64, read int, err error)
}

// readCells returns the rows of a chunk: values and levels of each.
func readCells[T physical](t *testing.T, c file.ColumnChunkReader, d *schema.Column) []string {
	t.Helper()
	var out []string
	for {
		vals, rep, def := make([]T, 500), make([]int16, 500), make([]int16, 500)
		levels, _, err := c.(readsCells[T]).ReadBatch(500, vals, def, rep)
		require.NoError(t, err)
		if levels == 0 {
			return out
		}
		at := 0
		for i := range int(levels) {
			if d.MaxRepetitionLevel() == 0 || rep[i] == 0 {
				out = append(out, "")
			}
			cell := &out[len(out)-1]
			if d.MaxDefinitionLevel() > 0 && def[i] < d.MaxDefinitionLevel() {
				*cell += fmt.Sprintf("<%d,%d>", rep[i], def[i])
				continue
			}
			switch v := any(vals[at]).(type) {
			case parquet.ByteArray:
				*cell += fmt.Sprintf("(%q)", []byte(v))
			case parquet.FixedLenByteArray:
				*cell += fmt.Sprintf("(%x)", []byte(v))
			default:
				*cell += fmt.Sprintf("(%v)", v)
			}
			at++
		}
	}
}
