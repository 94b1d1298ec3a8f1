package store_test

import (
	"bytes"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/stretchr/testify/require"
)

// keyNode is a column of ids.
func keyNode(ids arrow.Array) schema.Node {
	required := pq.Repetitions.Required
	switch ids.DataType().ID() {
	case arrow.UINT64:
		return schema.MustPrimitive(schema.NewPrimitiveNodeLogical("key", required,
			schema.NewIntLogicalType(64, false), pq.Types.Int64, -1, -1))
	case arrow.STRING:
		return schema.MustPrimitive(schema.NewPrimitiveNodeLogical("key", required,
			schema.StringLogicalType{}, pq.Types.ByteArray, -1, -1))
	}
	return schema.NewInt64Node("key", required, -1)
}

// parquetBytes is a parquet file of columns "key" and "v", with row groups of so many rows.
func parquetBytes(t testing.TB, ids, vectors arrow.Array, group int) []byte {
	required, optional := pq.Repetitions.Required, pq.Repetitions.Optional
	var number schema.Node = schema.NewFloat32Node("element", required, -1)
	values := vectors.(*array.FixedSizeList).ListValues()
	if values.DataType().ID() == arrow.FLOAT64 {
		number = schema.NewFloat64Node("element", required, -1)
	}
	list := schema.MustGroup(schema.NewGroupNode("list", pq.Repetitions.Repeated,
		schema.FieldList{number}, -1))
	v := schema.MustGroup(schema.NewGroupNodeLogical("v", optional, schema.FieldList{list},
		schema.ListLogicalType{}, -1))
	tree := schema.MustGroup(schema.NewGroupNode("schema", required,
		schema.FieldList{keyNode(ids), v}, -1))
	var out bytes.Buffer
	w := file.NewParquetWriter(&out, tree,
		file.WithWriterProps(pq.NewWriterProperties(pq.WithDictionaryDefault(false))))
	dim := int(vectors.DataType().(*arrow.FixedSizeListType).Len())
	for from := 0; from < max(ids.Len(), 1); from += group {
		end := min(from+group, ids.Len())
		g, err := w.AppendRowGroupChecked()
		require.NoError(t, err)
		c, err := g.NextColumn()
		require.NoError(t, err)
		require.NoError(t, writeKeys(c, ids, from, end))
		require.NoError(t, c.Close())
		c, err = g.NextColumn()
		require.NoError(t, err)
		var def, rep []int16
		at := from * dim
		for row := from; row < end; row++ {
			if vectors.IsNull(row) {
				def, rep = append(def, 0), append(rep, 0)
				continue
			}
			for i := range dim {
				def, rep = append(def, 2), append(rep, int16(min(i, 1)))
			}
		}
		require.NoError(t, writeNumbers(c, values, at, end*dim, def, rep))
		require.NoError(t, c.Close())
		require.NoError(t, g.Close())
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func writeKeys(c file.ColumnChunkWriter, ids arrow.Array, from, end int) (err error) {
	switch w := c.(type) {
	case *file.Int64ColumnChunkWriter:
		keys := make([]int64, 0, end-from)
		for i := from; i < end; i++ {
			if u, ok := ids.(*array.Uint64); ok {
				keys = append(keys, int64(u.Value(i)))
			} else {
				keys = append(keys, ids.(*array.Int64).Value(i))
			}
		}
		_, err = w.WriteBatch(keys, nil, nil)
	case *file.ByteArrayColumnChunkWriter:
		var keys []pq.ByteArray
		for i := from; i < end; i++ {
			keys = append(keys, pq.ByteArray(ids.(*array.String).Value(i)))
		}
		_, err = w.WriteBatch(keys, nil, nil)
	}
	return err
}

// writeNumbers writes numbers [from, end), none where the levels say that there are none.
func writeNumbers(
	c file.ColumnChunkWriter, values arrow.Array, from, end int, def, rep []int16,
) (err error) {
	if len(def) > 0 && def[0] == 0 { // null vectors alone
		end = from
	}
	switch w := c.(type) {
	case *file.Float32ColumnChunkWriter:
		_, err = w.WriteBatch(values.(*array.Float32).Float32Values()[from:end], def, rep)
	case *file.Float64ColumnChunkWriter:
		_, err = w.WriteBatch(values.(*array.Float64).Float64Values()[from:end], def, rep)
	}
	return err
}
