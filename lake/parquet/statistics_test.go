package parquet

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"math/rand"
	"slices"
	"testing"

	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
)

// cell is a value of a test's table, of the column's type; nil is null.
type cell any

// flatColumns are the columns of a random table.
var flatColumns = []schema.Node{
	schema.NewInt64Node("i64", pq.Repetitions.Optional, -1),
	schema.NewInt32Node("i32", pq.Repetitions.Optional, -1),
	schema.MustPrimitive(schema.NewPrimitiveNodeLogical("u64", pq.Repetitions.Optional,
		schema.NewIntLogicalType(64, false), pq.Types.Int64, -1, -1)),
	schema.NewFloat64Node("f64", pq.Repetitions.Optional, -1),
	schema.NewFloat32Node("f32", pq.Repetitions.Optional, -1),
	schema.NewBooleanNode("bool", pq.Repetitions.Optional, -1),
	schema.MustPrimitive(schema.NewPrimitiveNodeLogical("text", pq.Repetitions.Optional,
		schema.StringLogicalType{}, pq.Types.ByteArray, -1, -1)),
}

// drawCell draws a value of column c: a few that are equal, some at the ends.
func drawCell(r *rand.Rand, c int, nulls float64) cell {
	if r.Float64() < nulls {
		return nil
	}
	switch c {
	case 0:
		return []int64{-5, 0, 3, math.MaxInt64, math.MinInt64, r.Int63n(9)}[r.Intn(6)]
	case 1:
		return int64(int32(r.Intn(9) - 4))
	case 2:
		return []int64{0, 3, -1, math.MinInt64, r.Int63n(9)}[r.Intn(5)] // as unsigned
	case 3:
		some := []float64{-1.5, math.Copysign(0, -1), 0, math.NaN(), math.Inf(1), r.NormFloat64()}
		return some[r.Intn(6)]
	case 4:
		nan := float32(math.NaN())
		return float64([]float32{-1.5, 0, nan, 2, float32(r.NormFloat64())}[r.Intn(5)])
	case 5:
		return r.Intn(2) == 0
	}
	return []string{"", "a", "ab", "\xff\xff", "zebra", string(rune('a' + r.Intn(4)))}[r.Intn(6)]
}

// table writes groups of rows of all columns.
func writeTable(t *testing.T, groups [][][]cell) []byte {
	t.Helper()
	var out bytes.Buffer
	root := schema.MustGroup(schema.NewGroupNode("schema", pq.Repetitions.Required, flatColumns, -1))
	w := file.NewParquetWriter(&out, root)
	for _, rows := range groups {
		g, err := w.AppendRowGroupChecked()
		require.NoError(t, err)
		for c := range flatColumns {
			column, err := g.NextColumn()
			require.NoError(t, err)
			var def []int16
			var values []cell
			for _, row := range rows {
				def = append(def, int16(min(1, len(present(row[c])))))
				values = append(values, present(row[c])...)
			}
			require.NoError(t, writeCells(column, values, def))
			require.NoError(t, column.Close())
		}
		require.NoError(t, g.Close())
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func present(c cell) []cell {
	if c == nil {
		return nil
	}
	return []cell{c}
}

// of returns cells as values of one type.
func of[T any](cells []cell, as func(cell) T) (out []T) {
	for _, c := range cells {
		out = append(out, as(c))
	}
	return out
}

func writeCells(w file.ColumnChunkWriter, cells []cell, def []int16) (err error) {
	switch w := w.(type) {
	case *file.Int64ColumnChunkWriter:
		_, err = w.WriteBatch(of(cells, func(c cell) int64 { return c.(int64) }), def, nil)
	case *file.Int32ColumnChunkWriter:
		_, err = w.WriteBatch(of(cells, func(c cell) int32 { return int32(c.(int64)) }), def, nil)
	case *file.Float64ColumnChunkWriter:
		_, err = w.WriteBatch(of(cells, func(c cell) float64 { return c.(float64) }), def, nil)
	case *file.Float32ColumnChunkWriter:
		single := func(c cell) float32 { return float32(c.(float64)) }
		_, err = w.WriteBatch(of(cells, single), def, nil)
	case *file.BooleanColumnChunkWriter:
		_, err = w.WriteBatch(of(cells, func(c cell) bool { return c.(bool) }), def, nil)
	case *file.ByteArrayColumnChunkWriter:
		text := func(c cell) pq.ByteArray { return []byte(c.(string)) }
		_, err = w.WriteBatch(of(cells, text), def, nil)
	}
	return err
}

// fulfils is the meaning of a predicate, row by row.
func fulfils(p Predicate, c cell, unsigned bool) bool {
	if c == nil || p.Op == IsNull || p.Op == NotNull {
		return (c == nil) == (p.Op == IsNull) && (c != nil || p.Op == IsNull)
	}
	less, equal := false, false
	switch v := c.(type) {
	case int64:
		want := p.Value.(int64)
		less, equal = v < want, v == want
		if unsigned {
			less, equal = want > 0 && uint64(v) < uint64(want), want >= 0 && v == want
		}
	case float64:
		less, equal = v < p.Value.(float64), v == p.Value.(float64)
		if v != v || p.Value.(float64) != p.Value.(float64) {
			return p.Op == NotEqual
		}
	case bool:
		less, equal = !v && p.Value.(bool), v == p.Value.(bool)
	case string:
		less, equal = v < p.Value.(string), v == p.Value.(string)
	}
	return [...]bool{equal, !equal, less, less || equal, !less && !equal, !less}[p.Op]
}

func TestNoGroupWithAMatchIsLeftOut(t *testing.T) {
	seed := rand.Int63()
	t.Log("seed", seed)
	r := rand.New(rand.NewSource(seed))
	left, kept := 0, 0
	for range 60 {
		groups := make([][][]cell, 1+r.Intn(4))
		for g := range groups {
			nulls := []float64{0, 0.3, 1}[r.Intn(3)]
			for range r.Intn(5) {
				var row []cell
				for c := range flatColumns {
					row = append(row, drawCell(r, c, nulls))
				}
				groups[g] = append(groups[g], row)
			}
		}
		f := openBytes(t, writeTable(t, groups))
		for range 60 {
			c := r.Intn(len(flatColumns))
			p := Predicate{Column: flatColumns[c].Name(), Op: Op(r.Intn(8)), Value: drawCell(r, c, 0)}
			chosen, err := f.Select([]Predicate{p})
			require.NoError(t, err)
			for g, rows := range groups {
				match := slices.ContainsFunc(rows, func(row []cell) bool {
					return fulfils(p, row[c], c == 2)
				})
				if slices.Contains(chosen, g) {
					kept++
				} else {
					left++
					require.False(t, match, "%+v leaves out %v", p, rows)
				}
			}
		}
	}
	assert.Greater(t, left, kept/4)
}

func TestStatisticsThatCannotBeBelievedLeaveGroupsIn(t *testing.T) {
	word := binary.LittleEndian.AppendUint64(nil, 5)
	nan := binary.LittleEndian.AppendUint64(nil, math.Float64bits(math.NaN()))
	integer, text, double := Leaf{Physical: Int64, MaxDef: 1}, Leaf{Physical: ByteArray, MaxDef: 1},
		Leaf{Physical: Double, MaxDef: 1}
	count := Leaf{Physical: Int64, MaxDef: 1, Logical: "INT(64,false)"}
	above := binary.LittleEndian.AppendUint64(nil, 9)
	for name, c := range map[string]struct {
		leaf    Leaf
		s       statistics
		value   any
		ordered bool
		may     bool
	}{
		"believed":         {integer, statistics{min: word, max: word}, int64(9), true, false},
		"none":             {integer, statistics{}, int64(9), true, true},
		"no order":         {integer, statistics{min: word, max: word}, int64(9), false, true},
		"old":              {integer, statistics{oldMin: word, oldMax: word}, int64(9), false, false},
		"old, unsigned":    {count, statistics{oldMin: word, oldMax: word}, int64(9), false, true},
		"old text":         {text, statistics{oldMin: word, oldMax: word}, "z", false, true},
		"too short":        {integer, statistics{min: word[:3], max: word}, int64(9), true, true},
		"NaN":              {double, statistics{min: nan, max: word}, 9.0, true, true},
		"crossed":          {integer, statistics{min: above, max: word}, int64(7), true, true},
		"wide for doubles": {double, statistics{min: word, max: word}, int64(1<<53 + 1), true, true},
	} {
		f := &File{footer: footer{ordered: c.ordered}}
		c.s.nulls = -1
		chunk := Chunk{Values: 3, statistics: c.s}
		assert.Equal(t, c.may, f.may(&Predicate{Op: Equal, Value: c.value}, &c.leaf, &chunk), name)
	}
}

func TestPredicatesThatDoNotFitAreNamed(t *testing.T) {
	m := made{groups: [][]row{{{1, 2}}}}
	f := openBytes(t, m.bytes(t))
	for says, p := range map[string]Predicate{
		`no column "x"`:                {Column: "x", Op: IsNull},
		"lies in a list":               {Column: "v.list.element", Op: IsNull},
		"is not compared with string":  {Column: "id", Value: "a"},
		"is not compared with float64": {Column: "id", Value: 1.5},
		"is not compared with <nil>":   {Column: "id"},
	} {
		_, err := f.Select([]Predicate{p})
		assert.Equal(t, fault.ColumnError, fault.KindOf(err))
		assert.ErrorContains(t, err, says)
	}
	groups, err := f.Select(nil)
	require.NoError(t, err)
	assert.Equal(t, []int{0}, groups)
	_, err = f.Vectors(context.Background(), "v", Options{})
	require.NoError(t, err)
}
