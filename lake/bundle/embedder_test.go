package bundle

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
)

var weights = strings.Repeat("0123456789abcdef", 4)

// whole is what is known of an embedder, in the order that it is written in.
var whole = `{"embedder":"a/<model>","sha256":"` + weights + `","dim":128,"normalized":true,` +
	`"query_prefix":"query: ","document_prefix":"","max_tokens":256,"pooling":"mean"}`

func TestABundleSaysWhatMadeItsVectors(t *testing.T) {
	for format := 1; format <= 3; format++ {
		b := sample(t, format)
		before := b.Witness
		b.Embedder = whole
		require.NoError(t, b.Seal())
		assert.Equal(t, before, b.Witness, "no witness covers it")
		text, err := b.Encode()
		require.NoError(t, err)
		assert.Contains(t, string(text), "\n  \"embedder\": {\n    \"embedder\": \"a/<model>\",")
		read, err := Decode(text)
		require.NoError(t, err)
		require.Equal(t, b, read)
		require.NoError(t, read.Verify())
		require.NoError(t, read.VerifyAgainst(sample(t, format)), "as other policies may differ")
	}
	for _, value := range []string{"-", "null"} {
		b, err := Decode(with(t, 2, map[string]string{"embedder": value}))
		require.NoError(t, err)
		require.Equal(t, sample(t, 2), b)
		text, err := b.Encode()
		require.NoError(t, err)
		assert.NotContains(t, string(text), "embedder", "old documents stay what they are")
	}
	b, err := Decode(with(t, 2, map[string]string{"embedder": `{"pooling": null, "new": [1e9],
		"embedder": "x", "dim": null}`}))
	require.NoError(t, err)
	assert.Equal(t, `{"embedder":"x"}`, b.Embedder)
}

func TestEmbeddersOfNoMeaningAreNamed(t *testing.T) {
	long := `"` + strings.Repeat("x", MaxText+1) + `"`
	wrong := map[string][]string{
		"embedder":        {"-", "null", "5", "[]", long, `"x", "embedder": "y"`},
		"sha256":          {"5", `""`, `"` + strings.Repeat("A", 64) + `"`, long},
		"dim":             {"0", "-1", "1.5", "true", `"5"`, "8193", "1e2"},
		"normalized":      {"1", `"true"`, "[]", "0"},
		"query_prefix":    {"5", long, "{}"},
		"document_prefix": {"true", long},
		"max_tokens":      {"0", "2147483648", `"9"`, "2.0"},
		"pooling":         {"[]", long},
	}
	for name, values := range wrong {
		for _, value := range values {
			text := fmt.Sprintf(`{"embedder": "x", %q: %s}`, name, value)
			if name == "embedder" {
				text = strings.Replace(fmt.Sprintf(`{"embedder": %s}`, value), `"embedder": -`, "", 1)
			}
			_, err := Decode(with(t, 2, map[string]string{"embedder": text}))
			requireKind(t, err, fault.LakeError, "embedder."+name)
			assert.Less(t, len(err.Error()), 400)
			b := sample(t, 2)
			b.Embedder = text
			requireKind(t, b.Seal(), fault.LakeError, name)
			assert.Empty(t, ReadEmbedder(text))
		}
	}
	for _, value := range []string{"5", "[]", `"x"`, "true"} {
		_, err := Decode(with(t, 2, map[string]string{"embedder": value}))
		requireKind(t, err, fault.LakeError, "embedder", "no object")
	}
	b := sample(t, 2)
	for _, text := range []string{"no json", `{"embedder": "\ud800"}`, "{", "\xff"} {
		b.Embedder = text
		requireKind(t, b.Seal(), fault.LakeError, "embedder")
	}
}

func TestWhatFilesSayIsReadOrNothing(t *testing.T) {
	assert.Equal(t, whole, ReadEmbedder(whole))
	assert.Equal(t, whole, ReadEmbedder(`{"witness": "abc", "embedder": `+whole+`}`))
	assert.Equal(t, `{"embedder":"x","dim":3}`,
		ReadEmbedder(`{"column": "body", "texts": "0f", "dim": 3, "embedder": "x"}`))
	for _, text := range []string{"", "by hand", "5", "[]", `{"column": "body"}`, `{"embedder": {}}`,
		`{"embedder": {"embedder": {"embedder": "x"}}}`, strings.Repeat("[", 1<<15),
		`{"embedder": "` + strings.Repeat("x", MaxBytes) + `"}`} {
		assert.Empty(t, ReadEmbedder(text))
	}
}

func TestWhichEmbeddersDoNotCompare(t *testing.T) {
	other := func(old, now string) string {
		text := strings.Replace(whole, old, now, 1)
		require.NotEqual(t, whole, text)
		return text
	}
	for _, text := range []string{other(weights, strings.Repeat("f", 64)), other("128", "64"),
		other("true", "false"), other("query: ", ""), other(`"document_prefix":""`,
			`"document_prefix":"passage: "`), other("mean", "cls"), `{"embedder":"b"}`} {
		said := EmbeddersDiffer(whole, text)
		assert.Contains(t, said, `"a/<model>" (weights 0123456789abcdef...)`)
		assert.NotEmpty(t, EmbeddersDiffer(text, whole))
	}
	for _, text := range []string{whole, other("256", "512"), other("a/<model>", "another name"),
		`{"embedder":"a/<model>"}`, "", "no json"} {
		assert.Empty(t, EmbeddersDiffer(whole, text))
		assert.Empty(t, EmbeddersDiffer(text, whole))
	}
}
