package parquet

import (
	"bytes"
	"context"
	"encoding/base64"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const mine = `{"embedder": "mine"}`

// arrowSchemaOf returns a schema as writers of parquet files keep it.
func arrowSchemaOf(t testing.TB, fields ...arrow.Field) []byte {
	var b bytes.Buffer
	w := ipc.NewWriter(&b, ipc.WithSchema(arrow.NewSchema(fields, nil)))
	require.NoError(t, w.Close())
	return b.Bytes()
}

func vectorsBy(name, said string) arrow.Field {
	f := arrow.Field{Name: name, Type: arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Float32)}
	if said != "" {
		f.Metadata = arrow.NewMetadata([]string{"other", EmbedderKey}, []string{"x", said})
	}
	return f
}

// saying returns a file of no rows with metadata of its own.
func saying(t testing.TB, pairs ...string) *File {
	f, err := Open(context.Background(), bytes.NewReader(sayingBytes(t, pairs...)),
		int64(len(sayingBytes(t, pairs...))), Limits{})
	require.NoError(t, err)
	return f
}

func sayingBytes(t testing.TB, pairs ...string) []byte {
	kept := metadata.NewKeyValueMetadata()
	for i := 0; i < len(pairs); i += 2 {
		require.NoError(t, kept.Append(pairs[i], pairs[i+1]))
	}
	var fields schema.FieldList
	for _, name := range []string{"a", "v"} {
		list, err := schema.ListOf(number(Float32, pq.Repetitions.Required, name),
			pq.Repetitions.Optional, -1)
		require.NoError(t, err)
		fields = append(fields, list)
	}
	root, err := schema.NewGroupNode("schema", pq.Repetitions.Required, fields, -1)
	require.NoError(t, err)
	var b bytes.Buffer
	w, err := file.NewParquetWriterWithError(&b, root, file.WithWriteMetadata(kept))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func keptAs(schema []byte) []string {
	return []string{"ARROW:schema", base64.StdEncoding.EncodeToString(schema)}
}

func TestAColumnSaysWhatMadeIt(t *testing.T) {
	inner := arrow.Field{Name: "s", Type: arrow.StructOf(vectorsBy("v", mine), vectorsBy("w", ""))}
	f := saying(t, keptAs(arrowSchemaOf(t, vectorsBy("a", ""), vectorsBy("v", mine),
		arrow.Field{Name: "n", Type: arrow.PrimitiveTypes.Int64}, inner))...)
	for path, want := range map[string]string{"v": mine, "v.list.element": mine, "a": "", "n": "",
		"s": "", "s.v": mine, "s.v.list.element": mine, "s.w": "", "none": "", "": ""} {
		assert.Equal(t, want, f.Embedder(strings.Split(path, ".")), path)
	}
	old := arrowSchemaOf(t, vectorsBy("v", mine))[4:] // without the mark
	assert.Equal(t, mine, saying(t, keptAs(old)...).Embedder([]string{"v"}))
}

func TestAFileSaysWhatMadeItsColumns(t *testing.T) {
	own := `{"v": ` + mine + `, "s.v": {"embedder": "yours"}, "n": 5}`
	f := saying(t, EmbedderKey, own)
	assert.Equal(t, mine, f.Embedder([]string{"v", "list", "element"}))
	assert.Equal(t, `{"embedder": "yours"}`, f.Embedder([]string{"s", "v", "list"}))
	assert.Equal(t, "5", f.Embedder([]string{"n"}), "who reads it checks it")
	assert.Empty(t, f.Embedder([]string{"a"}))

	field := keptAs(arrowSchemaOf(t, vectorsBy("v", `{"embedder": "field"}`)))
	f = saying(t, append(field, EmbedderKey, own)...)
	assert.Equal(t, `{"embedder": "field"}`, f.Embedder([]string{"v"}), "the field knows better")
}

func TestWhatIsNoSuchThingSaysNothing(t *testing.T) {
	long := strings.Repeat("x", mostEmbedder+1)
	for _, pairs := range [][]string{
		{}, {EmbedderKey, "no json"}, {EmbedderKey, `["v"]`}, {EmbedderKey, `{"v": "` + long + `"}`},
		{EmbedderKey, `{"v":` + strings.Repeat("[", 1<<19) + `}`},
		{EmbedderKey, `{"v": "` + strings.Repeat("x", mostColumns) + `"}`},
		{"ARROW:schema", "no base64"}, {"ARROW:schema", ""}, {"ARROW:schema", "AAAA"},
		keptAs(arrowSchemaOf(t, vectorsBy("v", long))), keptAs(arrowSchemaOf(t, vectorsBy("v", "\xff"))),
		keptAs(bytes.Repeat([]byte{0xff}, 1000)), keptAs(make([]byte, 1000)),
		keptAs(make([]byte, mostSchema)),
	} {
		assert.Empty(t, saying(t, pairs...).Embedder([]string{"v"}))
	}
}

func TestADamagedSchemaIsSurvived(t *testing.T) {
	whole := arrowSchemaOf(t, vectorsBy("a", ""), vectorsBy("v", mine))
	rng := rand.New(rand.NewSource(16))
	for range 20_000 {
		data := bytes.Clone(whole[:1+rng.Intn(len(whole))])
		for range 1 + rng.Intn(8) {
			at := rng.Intn(len(data))
			data[at] = []byte{0, 0xff, 0x7f, 0x80, byte(rng.Intn(256))}[rng.Intn(5)]
		}
		s := said{schema: data, fields: map[string]int{"v": rng.Intn(len(data))}}
		s.ofField([]string{"v", "element"})
		f := &File{footer: footer{pairs: []pair{{"ARROW:schema",
			base64.StdEncoding.EncodeToString(data)}}}}
		f.Embedder([]string{"v", "item"})
	}
}

func TestFilesSayEachThingOnce(t *testing.T) {
	folder := t.TempDir()
	var paths []string
	for name, said := range map[string]string{"1": mine, "2": mine, "3": "",
		"4": `{"embedder": "x"}`} {
		data := sayingBytes(t, keptAs(arrowSchemaOf(t, vectorsBy("v", said)))...)
		paths = append(paths, filepath.Join(folder, name+".parquet"))
		require.NoError(t, os.WriteFile(paths[len(paths)-1], data, 0o600))
	}
	for i := range paths {
		paths[i] = filepath.Join(folder, string(rune('1'+i))+".parquet")
	}
	want := []Maker{{mine, paths[0]}, {"", paths[2]}, {`{"embedder": "x"}`, paths[3]}}
	set, err := OpenSet(context.Background(), paths, "v", Options{Dim: 2}, Limits{})
	require.NoError(t, err)
	defer set.Close()
	assert.Equal(t, want, set.Makers())
	column, pages, err := Column(context.Background(), paths, "v", Options{Dim: 2}, Limits{}, 2)
	require.NoError(t, err)
	defer column.Release()
	for range 2 * mostMakers {
		want = appendMaker(want, strings.Repeat("y", len(want)), "z")
	}
	assert.Equal(t, want[:3], pages.Makers())
	assert.Len(t, want, mostMakers)
}
