package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
)

const written = `{
  "format_version": 2,
  "data_ref": "gs://bucket/<x>.parquet",
  "dim": 128,
  "rotation_seed": 18446744073709551615,
  "rerank_factor": 20,
  "generation": 7,
  "rvf_witness": "%s",
  "pii_policy": null,
  "lineage_id": null
}`

func TestADocumentHasItsFieldsInOrder(t *testing.T) {
	b := Bundle{DataRef: "gs://bucket/<x>.parquet", Dim: 128, RotationSeed: math.MaxUint64,
		RerankFactor: 20, Generation: Number(7)}
	require.NoError(t, b.Seal())
	text, err := b.Encode()
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf(written, b.Witness), string(text))

	text, err = sample(t, 3).Encode()
	require.NoError(t, err)
	var keys []string
	d := json.NewDecoder(bytes.NewReader(text))
	for {
		token, err := d.Token()
		if err != nil {
			break
		}
		if key, ok := token.(string); ok && strings.Contains(string(text), `"`+key+`": `) {
			keys = append(keys, key)
		}
	}
	assert.Equal(t, []string{"format_version", "data_ref", "dim", "rotation_seed", "rerank_factor",
		"generation", "rvf_witness", "pii_policy", "lineage_id", "memory_class", "content", "rotation",
		"metric", "kind", "codec", "rows", "digest"}, keys)
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	texts := []string{"", "é\u2028\"\\\n<&>", strings.Repeat("x", MaxText), "a\x00b", "\U0001f600"}
	for format := 1; format <= 3; format++ {
		for i, text := range texts {
			for _, g := range []Generation{Number(0), Number(math.MaxUint64), Opaque(""), Opaque(text),
				Opaque("7")} {
				b := sample(t, format)
				b.DataRef, b.Generation, b.PIIPolicy = text, g, texts[(i+1)%len(texts)]
				b.MemoryClass, b.LineageID = text, text
				require.NoError(t, b.Seal())
				wrote, err := b.Encode()
				require.NoError(t, err)
				read, err := Decode(wrote)
				require.NoError(t, err)
				require.Equal(t, b, read)
				require.NoError(t, read.Verify())
			}
		}
	}
}

func TestADocumentThatWouldBeTooLongIsNotWritten(t *testing.T) {
	b := sample(t, 2)
	text := strings.Repeat("\x01", MaxText) // each is six bytes in JSON
	b.DataRef, b.Generation, b.PIIPolicy, b.LineageID = text, Opaque(text), text, text
	require.NoError(t, b.Seal())
	_, err := b.Encode()
	requireKind(t, err, fault.LakeError, "would have", "65536")
}

// with returns a document in which fields have other JSON; "-" leaves one out.
func with(t testing.TB, format int, other map[string]string) []byte {
	text, err := sample(t, format).Encode()
	require.NoError(t, err)
	var fields map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &fields))
	var out []string
	for name, value := range other {
		fields[name] = json.RawMessage(value)
	}
	for name, value := range fields {
		if string(value) != "-" {
			out = append(out, fmt.Sprintf("%q:%s", name, value))
		}
	}
	return []byte("{" + strings.Join(out, ",") + "}")
}

func TestUnknownFieldsAreIgnored(t *testing.T) {
	deep := strings.Repeat("[", 900) + strings.Repeat("]", 900)
	for format := 1; format <= 3; format++ {
		b, err := Decode(with(t, format, map[string]string{"new": "1e99", "Dim": "5", "deep": deep,
			"data": `{"dim": 3, "dim": 4}`, "": "null", "DATA_REF": `"x"`}))
		require.NoError(t, err)
		require.Equal(t, sample(t, format), b)
	}
	b, err := Decode(with(t, 2, map[string]string{"content": "7"}))
	require.NoError(t, err, "format 2 has no content")
	require.Equal(t, sample(t, 2), b)
}

func TestWhatOldDocumentsLeaveOutIsAbsent(t *testing.T) {
	for _, value := range []string{"-", "null", `""`} {
		b, err := Decode(with(t, 1, map[string]string{
			"pii_policy": value, "lineage_id": value, "memory_class": value}))
		require.NoError(t, err)
		require.NoError(t, b.Verify())
		assert.Equal(t, []string{"", "", ""}, []string{b.PIIPolicy, b.LineageID, b.MemoryClass})
	}
}

func TestFieldsOfNoMeaningAreNamed(t *testing.T) {
	digits := strings.Repeat("9", 20_000)
	wrong := map[string][]string{
		"format_version": {"-", "0", "99", "4", "-1", "2.0", `"2"`, "null", "1e0", digits},
		"dim":            {"-", "0", "-5", "8193", "1.5", "1e2", "1e999999999", "null", `"5"`, digits},
		"rotation_seed":  {"-", "-1", "18446744073709551616", "1e3", "null", "true", digits},
		"rerank_factor":  {"-", "0", "2147483648", "20.0", "null", "{}", digits},
		"generation":     {"-", "-1", "1.0", "18446744073709551616", "null", "[7]", "{}", "true", digits},
		"data_ref":       {"-", "null", "5", `["x"]`},
		"rvf_witness":    {"-", "null", "7", `""`, `"` + strings.Repeat("A", 64) + `"`, `"abc"`},
		"pii_policy":     {"5", "{}", "false"},
		"lineage_id":     {"[]", "1.5"},
		"memory_class":   {"true", "{}"},
		"content":        {"-", "null", "7", "[]", "{}", `{"rotation":"fht","metric":"l2"}`},
	}
	for name, values := range wrong {
		for _, value := range values {
			_, err := Decode(with(t, 3, map[string]string{name: value}))
			requireKind(t, err, fault.LakeError, name)
			assert.Less(t, len(err.Error()), 400, "an error shows no more than the beginning")
		}
	}
	long := `"` + strings.Repeat("x", MaxText+1) + `"`
	for _, name := range []string{"data_ref", "generation", "pii_policy", "lineage_id",
		"memory_class", "rvf_witness"} {
		_, err := Decode(with(t, 2, map[string]string{name: long}))
		requireKind(t, err, fault.LakeError, name, "4097", "4096")
	}
}

func TestContentIsReadAsStrictly(t *testing.T) {
	good := map[string]string{"rotation": `"fht"`, "metric": `"l2"`, "kind": `"flat"`, "codec": "0",
		"rows": "1000", "digest": `"` + strings.Repeat("0123456789abcdef", 4) + `"`}
	for name := range good {
		for _, value := range []string{"-", "null", "-1", "1.5", "[]", "9223372036854775808"} {
			var parts []string
			for key, v := range good {
				if key == name {
					v = value
				}
				if v != "-" {
					parts = append(parts, fmt.Sprintf("%q:%s", key, v))
				}
			}
			_, err := Decode(with(t, 3, map[string]string{
				"content": "{" + strings.Join(parts, ",") + "}"}))
			requireKind(t, err, fault.LakeError, "content."+name)
		}
	}
	_, err := Decode(with(t, 3, map[string]string{"content": `{"rows":1,"rows":1}`}))
	requireKind(t, err, fault.LakeError, "content.rows", "twice")
}

func TestAKeyThatComesTwiceIsRefused(t *testing.T) {
	text := string(with(t, 2, nil))
	for _, more := range []string{`"dim":128`, `"dim":5`, `"\u0064im":128`, `"new":1,"new":1`} {
		_, err := Decode([]byte(text[:len(text)-1] + "," + more + "}"))
		requireKind(t, err, fault.LakeError, "twice")
	}
}

func TestALaterFormatIsRefusedForItsNumber(t *testing.T) {
	_, err := Decode([]byte(`{"format_version": 99, "dim": "as words"}`))
	requireKind(t, err, fault.LakeError, "99", "1 to 3", "later version")
}

func TestHalfCharactersAreRefused(t *testing.T) {
	for _, text := range []string{`"\ud800"`, `"\udc00"`, `"\ud83d\ud83d"`, `"\ud83dx"`,
		`"\ude00\ud83d"`, `"\ud83d\\ude00"`, `"x\uD800\n"`} {
		_, err := Decode(with(t, 2, map[string]string{"data_ref": text}))
		requireKind(t, err, fault.LakeError, "half a character")
	}
	b, err := Decode(with(t, 2, map[string]string{"data_ref": `"\ud83d\ude00\\ud800\u00e9"`}))
	require.NoError(t, err)
	assert.Equal(t, "\U0001f600\\ud800é", b.DataRef)
}

func TestBytesThatAreNoDocumentAreRefused(t *testing.T) {
	good := string(with(t, 2, nil))
	for _, text := range []string{"", " ", "null", "7", `"x"`, "[]", "[" + good + "]", good + good,
		good + "x", good[:len(good)-1], "\xef\xbb\xbf" + good, "{,}", `{"dim":}`, "{'dim':1}",
		`{"data_ref":"` + "\n" + `"}`, `{"data_ref":"` + "\xff" + `"}`, "\x00", `{"dim":007}`,
		strings.Repeat("[", 60_000), strings.Repeat(`{"a":`, 12_000), `{"dim":NaN}`, "{}"} {
		_, err := Decode([]byte(text))
		requireKind(t, err, fault.LakeError)
		assert.Less(t, len(err.Error()), 400)
	}
}

func TestEveryCutOfADocumentIsRefused(t *testing.T) {
	text, err := sample(t, 3).Encode()
	require.NoError(t, err)
	for n := range text {
		_, err := Decode(text[:n])
		requireKind(t, err, fault.LakeError)
	}
}

func TestADocumentIsMeasuredBeforeItIsParsed(t *testing.T) {
	text := with(t, 2, map[string]string{"pad": `"` + strings.Repeat("x", 128<<10) + `"`})
	_, err := Decode(text)
	requireKind(t, err, fault.LakeError, "65536")
	text = with(t, 2, nil)
	padded := append(text, bytes.Repeat([]byte(" "), MaxBytes-len(text))...)
	_, err = Decode(padded)
	require.NoError(t, err, "as long as is allowed")
	_, err = Decode(append(padded, ' '))
	requireKind(t, err, fault.LakeError, "65537")
	big := make([]byte, 1<<30)
	allocated := testing.AllocsPerRun(1, func() { _, err = Decode(big) })
	requireKind(t, err, fault.LakeError, "1073741824")
	assert.Less(t, allocated, 20.)
}

func FuzzDecode(f *testing.F) {
	for format := 1; format <= 3; format++ {
		text, err := sample(f, format).Encode()
		require.NoError(f, err)
		f.Add(text)
	}
	f.Add([]byte(`{"format_version":2,"data_ref":"\ud83d\ude00","generation":"","dim":1e9}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := Decode(text)
		if err != nil {
			require.Equal(t, fault.LakeError, fault.KindOf(err))
			return
		}
		require.True(t, json.Valid(text))
		again, err := b.Encode()
		if err != nil { // escapes may be longer than what they stand for
			requireKind(t, err, fault.LakeError, "would have")
			return
		}
		read, err := Decode(again)
		require.NoError(t, err)
		require.Equal(t, b, read)
		if err := b.Verify(); err != nil {
			require.Equal(t, fault.WitnessMismatch, fault.KindOf(err))
		}
		require.NoError(t, b.Seal())
		require.NoError(t, b.Verify())
	})
}

func FuzzCheckName(f *testing.F) {
	for _, name := range []string{"docs", "../x", "com¹", "e\u0301", "a."} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if err := CheckName(name); err != nil {
			require.Equal(t, fault.LakeError, fault.KindOf(err))
			return
		}
		require.NotContains(t, name, "/")
		require.NotContains(t, []string{"", ".", ".."}, name)
		require.LessOrEqual(t, len(name), 255)
		require.NotContains(t, name, "\x00")
	})
}
