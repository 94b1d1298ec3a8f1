package parquet

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand"
	"testing"

	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/stretchr/testify/require"
)

// row is a vector of a test: nil is null, an empty one an empty list, NaN a null number.
type row []float64

// made says how a file of the columns id (INT64) and v is written.
type made struct {
	elem       Element
	outer      pq.Repetition // of v
	inner      pq.Repetition // of its numbers
	twoLevel   bool          // a list of old days
	bare       bool          // a repeated field
	groups     [][]row
	codec      compress.Compression
	encoding   pq.Encoding
	dictionary bool
	version2   bool
	index      bool
	page       int64
}

func number(e Element, rep pq.Repetition, name string) schema.Node {
	switch e {
	case Float64:
		return schema.NewFloat64Node(name, rep, -1)
	case Float16:
		return schema.MustPrimitive(schema.NewPrimitiveNodeLogical(name, rep, schema.Float16LogicalType{},
			pq.Types.FixedLenByteArray, 2, -1))
	case Int8, Uint8:
		return schema.MustPrimitive(schema.NewPrimitiveNodeLogical(name, rep,
			schema.NewIntLogicalType(8, e == Int8), pq.Types.Int32, -1, -1))
	}
	return schema.NewFloat32Node(name, rep, -1)
}

// tree returns the schema.
func (m *made) tree() *schema.GroupNode {
	var v schema.Node
	required := pq.Repetitions.Required
	switch {
	case m.bare:
		v = number(m.elem, pq.Repetitions.Repeated, "v")
	case m.twoLevel:
		v = schema.MustGroup(schema.NewGroupNodeConverted("v", m.outer,
			schema.FieldList{number(m.elem, pq.Repetitions.Repeated, "array")},
			schema.ConvertedTypes.List, -1))
	default:
		list := schema.MustGroup(schema.NewGroupNode("list", pq.Repetitions.Repeated,
			schema.FieldList{number(m.elem, m.inner, "element")}, -1))
		v = schema.MustGroup(schema.NewGroupNodeLogical("v", m.outer, schema.FieldList{list},
			schema.ListLogicalType{}, -1))
	}
	id := schema.NewInt64Node("id", required, -1)
	return schema.MustGroup(schema.NewGroupNode("schema", required, schema.FieldList{id, v}, -1))
}

// levels returns levels and numbers of rows.
func (m *made) levels(rows []row) (numbers []float64, def, rep []int16) {
	list := int16(1) // the level of an entry
	if !m.bare && m.outer == pq.Repetitions.Optional {
		list++
	}
	most := list
	if !m.bare && !m.twoLevel && m.inner == pq.Repetitions.Optional {
		most++
	}
	for _, r := range rows {
		if len(r) == 0 {
			rep = append(rep, 0)
			d := list - 1 // empty
			if r == nil {
				d = list - 2
			}
			def = append(def, d)
		}
		for i, x := range r {
			rep = append(rep, int16(min(i, 1)))
			if math.IsNaN(x) {
				def = append(def, most-1)
				continue
			}
			def = append(def, most)
			numbers = append(numbers, x)
		}
	}
	return numbers, def, rep
}

// bytes writes the file.
func (m *made) bytes(t testing.TB) []byte {
	t.Helper()
	options := []pq.WriterProperty{pq.WithCompression(m.codec), pq.WithDictionaryDefault(m.dictionary),
		pq.WithPageIndexEnabled(m.index), pq.WithBatchSize(100)}
	if m.page > 0 {
		options = append(options, pq.WithDataPageSize(m.page))
	}
	if m.version2 {
		options = append(options, pq.WithDataPageVersion(pq.DataPageV2))
	}
	if !m.dictionary {
		options = append(options, pq.WithEncodingFor("v.list.element", m.encoding))
	}
	var out bytes.Buffer
	props := pq.NewWriterProperties(options...)
	w := file.NewParquetWriter(&out, m.tree(), file.WithWriterProps(props))
	first := 0
	for _, rows := range m.groups {
		g, err := w.AppendRowGroupChecked()
		require.NoError(t, err)
		ids := make([]int64, len(rows))
		for i := range ids {
			ids[i] = int64(first + i)
		}
		first += len(rows)
		c, err := g.NextColumn()
		require.NoError(t, err)
		_, err = c.(*file.Int64ColumnChunkWriter).WriteBatch(ids, nil, nil)
		require.NoError(t, err)
		require.NoError(t, c.Close())
		c, err = g.NextColumn()
		require.NoError(t, err)
		numbers, def, rep := m.levels(rows)
		require.NoError(t, m.write(c, numbers, def, rep))
		require.NoError(t, c.Close())
		require.NoError(t, g.Close())
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func (m *made) write(w file.ColumnChunkWriter, x []float64, def, rep []int16) (err error) {
	switch w := w.(type) {
	case *file.Float32ColumnChunkWriter:
		some := make([]float32, len(x))
		for i := range x {
			some[i] = float32(x[i])
		}
		_, err = w.WriteBatch(some, def, rep)
	case *file.Float64ColumnChunkWriter:
		_, err = w.WriteBatch(x, def, rep)
	case *file.Int32ColumnChunkWriter:
		some := make([]int32, len(x))
		for i := range x {
			some[i] = int32(x[i])
		}
		_, err = w.WriteBatch(some, def, rep)
	case *file.FixedLenByteArrayColumnChunkWriter:
		some := make([]pq.FixedLenByteArray, len(x))
		for i := range x {
			some[i] = binary.LittleEndian.AppendUint16(nil, uint16(x[i]))
		}
		_, err = w.WriteBatch(some, def, rep)
	default:
		err = fmt.Errorf("no writer of %T", w)
	}
	return err
}

// appendNumber writes a number as it lies in memory; those of float16 are their bits.
func appendNumber(out []byte, e Element, x float64) []byte {
	switch e {
	case Float64:
		return binary.LittleEndian.AppendUint64(out, math.Float64bits(x))
	case Float16:
		return binary.LittleEndian.AppendUint16(out, uint16(x))
	case Int8:
		return append(out, byte(int8(x)))
	case Uint8:
		return append(out, byte(x))
	}
	return binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(x)))
}

// inMemory returns the rows of dim numbers as ReadGroup gives them.
func inMemory(e Element, dim int, rows []row) (data, valid []byte) {
	valid = make([]byte, (len(rows)+7)/8)
	for i, r := range rows {
		if r != nil {
			valid[i/8] |= 1 << (i % 8)
		}
		for j := range dim {
			if r == nil {
				data = append(data, make([]byte, e.Size())...)
			} else {
				data = appendNumber(data, e, r[j])
			}
		}
	}
	return data, valid
}

// vectors draws rows of whole numbers between 0 and 120, which every type holds.
func vectors(r *rand.Rand, n, dim int, nulls float64) []row {
	rows := make([]row, n)
	for i := range rows {
		if r.Float64() < nulls {
			continue
		}
		rows[i] = make(row, dim)
		for j := range rows[i] {
			rows[i][j] = float64(r.Intn(120))
		}
	}
	return rows
}

// openBytes opens a file in memory.
func openBytes(t testing.TB, data []byte) *File {
	t.Helper()
	f, err := Open(context.Background(), bytes.NewReader(data), int64(len(data)), Limits{})
	require.NoError(t, err)
	return f
}

// open finds the vectors of a file in memory.
func open(t testing.TB, data []byte) *Vectors {
	t.Helper()
	v, err := openBytes(t, data).Vectors(context.Background(), "v", Options{})
	require.NoError(t, err)
	return v
}

// readAll reads all vectors of a file in memory, with their validity, group by group.
func readAll(data []byte, o Options) error {
	ctx := context.Background()
	f, err := Open(ctx, bytes.NewReader(data), int64(len(data)), Limits{})
	if err != nil {
		return err
	}
	v, err := f.Vectors(ctx, "v", o)
	for g := 0; err == nil && g < f.Groups(); g++ {
		if err = v.CheckGroup(g); err != nil {
			break
		}
		rows, _ := f.GroupRows(g)
		err = v.ReadGroup(ctx, g, make([]byte, rows*int64(v.RowBytes())), make([]byte, (rows+7)/8))
	}
	return err
}
