package score

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	lake "github.com/ruvector/ruvector-arrow/lake/parquet"
)

// refused compares an error with its kind, its row, and words of its message.
func refused(t *testing.T, err error, kind fault.Kind, row int64, words ...string) {
	t.Helper()
	require.Error(t, err)
	assert.Equal(t, kind, fault.KindOf(err), "%v", err)
	var known *fault.Error
	require.ErrorAs(t, err, &known)
	assert.Equal(t, row, known.Row, "%v", err)
	for _, word := range words {
		assert.Contains(t, err.Error(), word)
	}
}

func TestWhatCannotBeIsSaidBeforeAFileIsMade(t *testing.T) {
	ix := indexOf(t, 20, arrowidx.BuildOptions{})
	data := encode(t, mixed(), 10, 5)
	for _, c := range []struct {
		o     Options
		kind  fault.Kind
		words []string
	}{
		{Options{On: "embedding"}, fault.ColumnError, []string{"in.parquet", "embedding", "emb"}},
		{Options{On: "n"}, fault.ColumnError, []string{`"n"`, "no vectors"}},
		{Options{On: "n", Text: true}, fault.ColumnError, []string{`"n"`, "not text"}},
		{Options{On: "x", Text: true}, fault.ColumnError, []string{`"x"`, `"title"`}},
		{Options{Columns: []string{"n", "m"}}, fault.ColumnError, []string{`no column "m"`, `"n"`}},
		{Options{Columns: []string{"n", "n"}}, fault.ColumnError, []string{"two columns", `"n"`}},
		{Options{Names: Names{"query_row", "rank", "title", "score"}}, fault.ColumnError,
			[]string{`"title"`, "a column of the input", "what was found", "columns="}},
		{Options{Constants: []Constant{{Name: "n", Value: "x"}}}, fault.ColumnError,
			[]string{`"n"`, "folder"}},
		{Options{Constants: []Constant{{Name: "c", Type: "int7"}}}, fault.InvalidArgument,
			[]string{"int7"}},
		{Options{First: 1, Groups: 2}, fault.InvalidArgument, []string{"row groups 1 to 3 of 2"}},
		{Options{First: -1}, fault.InvalidArgument, []string{"row groups"}},
		{Options{K: -1}, fault.InvalidArgument, []string{"k = -1"}},
		{Options{Memory: 1 << 20}, fault.LimitExceeded, []string{"give at least", "memory="}},
	} {
		o := c.o
		_, err := openBytes(t, data, ix, &o)
		refused(t, err, c.kind, -1, c.words...)
		assert.NoFileExists(t, o.Out)
	}
}

func TestTheLeastMemoryThatIsNamedIsEnough(t *testing.T) {
	ix := indexOf(t, 20, arrowidx.BuildOptions{})
	data := encode(t, mixed(), 200)
	o := Options{Memory: 1}
	_, err := openBytes(t, data, ix, &o)
	require.Error(t, err)
	_, after, _ := strings.Cut(err.Error(), "give at least ")
	digits, _, _ := strings.Cut(after, " ")
	least := int64(0)
	for _, d := range digits {
		least = least*10 + int64(d-'0')
	}
	o.Memory = least - 1
	_, err = openBytes(t, data, ix, &o)
	refused(t, err, fault.LimitExceeded, -1)
	o.Memory = least
	scored(t, data, ix, o)
}

func TestAnIndexOfAnotherDimensionIsRefused(t *testing.T) {
	ix := indexOf(t, 20, arrowidx.BuildOptions{})
	data := encode(t, []made{vectorsOf("emb", func(row int) []float32 {
		return vectorAt(row)[:testDim-1]
	})}, 9)
	_, err := openBytes(t, data, ix, &Options{})
	refused(t, err, fault.DimensionMismatch, -1, "in.parquet", `"emb"`, "7", "8")
}

func TestAnExistingFileIsNotTouched(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.parquet")
	require.NoError(t, os.WriteFile(out, []byte("mine"), 0o600))
	ix := indexOf(t, 20, arrowidx.BuildOptions{})
	_, err := openBytes(t, encode(t, mixed(), 9), ix, &Options{Out: out})
	refused(t, err, fault.PersistError, -1, out, "already")
	kept, err := os.ReadFile(out)
	require.NoError(t, err)
	assert.Equal(t, "mine", string(kept))
	_, err = openBytes(t, encode(t, mixed(), 9), ix, &Options{Out: filepath.Join(out, "x")})
	refused(t, err, fault.PersistError, -1, "cannot create")
}

// bad is vectors of which one row is what the test says.
func bad(at int, row []float32) []made {
	return []made{vectorsOf("emb", func(i int) []float32 {
		if i == at {
			return row
		}
		return vectorAt(i)
	})}
}

func TestARowThatIsNoVectorIsNamed(t *testing.T) {
	ix := indexOf(t, 20, arrowidx.BuildOptions{})
	nan := vectorAt(0)
	nan[5] = float32(math.NaN())
	infinite := vectorAt(0)
	infinite[0] = float32(math.Inf(-1))
	for _, c := range []struct {
		row   []float32
		words []string
	}{
		{nan, []string{"in.parquet", `"emb"`, "row 137", "dimension 5", "NaN"}},
		{infinite, []string{"row 137", "dimension 0"}},
		{vectorAt(0)[:3], []string{"in.parquet", "137"}},
		{[]float32{}, []string{"in.parquet", "137"}},
	} {
		for _, batch := range []int{0, 10} {
			o := Options{Batch: batch}
			p := opened(t, encode(t, bad(137, c.row), 100, 100), ix, &o)
			err := p.Run(context.Background())
			refused(t, err, fault.InvalidVector, 137, c.words...)
			_, again := p.Finish()
			assert.Equal(t, err, again, "a part that failed stays so")
			p.Abandon()
			assert.NoFileExists(t, o.Out)
		}
	}
}

func TestNullRowsBeforeABadOneDoNotShiftIt(t *testing.T) {
	ix := indexOf(t, 20, arrowidx.BuildOptions{})
	columns := []made{vectorsOf("emb", func(i int) []float32 {
		v := vectorAt(i)
		switch {
		case i < 30:
			return nil
		case i == 40:
			v[2] = float32(math.NaN())
		}
		return v
	})}
	p := opened(t, encode(t, columns, 50), ix, &Options{})
	refused(t, p.Run(context.Background()), fault.InvalidVector, 40, "row 40", "dimension 2")
}

func TestACancelledPartEndsSoonAndLeavesNothing(t *testing.T) {
	ix := indexOf(t, 20, arrowidx.BuildOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o := Options{}
	p := opened(t, encode(t, mixed(), 50), ix, &o)
	refused(t, p.Run(ctx), fault.Cancelled, -1)
	p.Abandon()
	assert.NoFileExists(t, o.Out)
}

func TestAnIndexThatIsClosedMeanwhileIsSaid(t *testing.T) {
	ix := indexOf(t, 20, arrowidx.BuildOptions{})
	p := opened(t, encode(t, mixed(), 50), ix, &Options{})
	ix.Close()
	refused(t, p.Run(context.Background()), fault.IndexClosed, -1)
}

func TestAFullDiskIsSaid(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	ix := indexOf(t, 20, arrowidx.BuildOptions{})
	o := Options{}
	p := opened(t, encode(t, mixed(), 5000), ix, &o)
	require.NoError(t, p.writer.sink.file.Close())
	p.writer.sink.file = full
	p.writer.sink.w.Reset(full)
	err = p.Run(context.Background())
	if err == nil {
		_, err = p.Finish()
	}
	refused(t, err, fault.PersistError, -1, o.Out, "no space left on device")
	p.Abandon()
	assert.NoFileExists(t, o.Out)
}

func TestFinishWaitsForAllRows(t *testing.T) {
	ix := indexOf(t, 20, arrowidx.BuildOptions{})
	p := opened(t, encode(t, mixed(), 50), ix, &Options{})
	_, err := p.Finish()
	refused(t, err, fault.InvalidArgument, -1, "50 of 50 rows")
	require.NoError(t, p.Run(context.Background()))
	_, err = p.Finish()
	require.NoError(t, err)
	refused(t, p.Run(context.Background()), fault.InvalidArgument, -1, "finished")
}

// Whatever bytes a file has, a part of it is rows or a named error, and no file is left of the
// latter.
func TestDamagedFilesGiveRowsOrNamedErrors(t *testing.T) {
	ix := indexOf(t, 20, arrowidx.BuildOptions{})
	data := encode(t, mixed(), 40, 30)
	failed := 0
	for at := 0; at < len(data); at += 7 {
		own := bytes.Clone(data)
		own[at] ^= 1 << (at % 8)
		f, err := lake.Open(context.Background(), bytes.NewReader(own), int64(len(own)),
			lake.Limits{})
		if err == nil {
			o := Options{Label: "x.parquet", On: "emb", Groups: -1, K: 2, Names: testNames,
				Out: filepath.Join(t.TempDir(), "o")}
			var p *Part
			if p, err = Open(context.Background(), f, ix, o); err == nil {
				if err = p.Run(context.Background()); err == nil {
					_, err = p.Finish()
				}
				p.Abandon()
			}
			if err != nil {
				assert.NoFileExists(t, o.Out)
			}
		}
		if err != nil {
			failed++
			kind := fault.KindOf(err)
			assert.Contains(t, []fault.Kind{fault.PersistError, fault.LimitExceeded,
				fault.ColumnError, fault.InvalidVector, fault.DimensionMismatch}, kind,
				"byte %d: %v", at, err)
		}
	}
	assert.Positive(t, failed)
}

func TestTextsAndVectorsTakeTurns(t *testing.T) {
	ctx := context.Background()
	ix := indexOf(t, 20, arrowidx.BuildOptions{})
	data := encode(t, mixed(), 10)
	p := opened(t, data, ix, &Options{On: "title", Text: true})
	refused(t, p.Step(ctx, nil), fault.InvalidArgument, -1, "no texts were read")
	refused(t, p.Run(ctx), fault.InvalidArgument, -1, "texts")
	texts, valid, err := p.Texts(ctx, 4)
	require.NoError(t, err)
	assert.Equal(t, []bool{false, true, true, true}, valid)
	assert.Equal(t, [][]byte{nil, []byte("title 1"), []byte("title 2"), []byte("title 3")}, texts)
	_, _, err = p.Texts(ctx, 4)
	refused(t, err, fault.InvalidArgument, -1, "missing")
	refused(t, p.Step(ctx, make([]float32, 5)), fault.DimensionMismatch, -1, "5 numbers", "3 texts")
	three := append(append(vectorAt(1), vectorAt(2)...), vectorAt(3)...)
	require.NoError(t, p.Step(ctx, three))
	vectors := opened(t, data, ix, &Options{})
	_, _, err = vectors.Texts(ctx, 4)
	refused(t, err, fault.InvalidArgument, -1, "no texts")
}

func TestAConstantMustBeOfItsType(t *testing.T) {
	for kind, value := range map[string]string{"bool": "maybe", "int64": "1.5", "float64": "x",
		"date32": "2020-13-01"} {
		_, err := ParseConstant("c", kind, &value)
		refused(t, err, fault.InvalidArgument, -1, kind, value)
	}
	day := "1969-12-31"
	c, err := ParseConstant("c", "date32", &day)
	require.NoError(t, err)
	assert.Equal(t, Date(-1), c.Value)
}

func TestLevelsThatLieAreFound(t *testing.T) {
	s := &source[int32]{in: inputOf(t, encode(t, mixed(), 3)), maxDef: 1, group: 1}
	refused(t, s.check([]int16{1, 2}, 2), fault.PersistError, -1, "definition level is 2")
	refused(t, s.check([]int16{1, 0}, 2), fault.PersistError, -1, "2 values for 1 levels")
	assert.NoError(t, s.check([]int16{1, 0}, 1))
}

// inputOf opens bytes.
func inputOf(t *testing.T, data []byte) *Input {
	t.Helper()
	f, err := lake.Open(context.Background(), bytes.NewReader(data), int64(len(data)), lake.Limits{})
	require.NoError(t, err)
	in, err := open("in.parquet", f, lake.Limits{})
	require.NoError(t, err)
	return in
}

func TestColumnsAreOfOneType(t *testing.T) {
	in := inputOf(t, encode(t, mixed(), 3))
	s := carry[int32](in, in.leaf(0), 0, 0, 1).source // the leaf is int64
	var r records[int32]
	refused(t, s.load(context.Background(), 1, &r), fault.PersistError, -1, "another type", `"n"`)
	l := newLeaf[parquet.ByteArray](0, 0)
	assert.Error(t, l.bind(nil))
}
