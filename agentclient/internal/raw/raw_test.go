package raw

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/agenttest"
)

func TestWhatIsNotStrictJSONIsRefused(t *testing.T) {
	for name, data := range map[string]string{
		"empty": "", "two values": "{} {}", "key twice": `{"a":1,"a":2}`,
		"key twice, escaped": `{"a":1,"\u0061":2}`, "inside": `{"x":[{"a":1,"a":2}]}`,
		"mark": "\xef\xbb\xbf{}", "not UTF-8": "{\"a\":\"\xff\"}", "NaN": `{"a":NaN}`,
		"lone surrogate": `{"a":"\ud800"}`, "number": `{"a":1e999}`, "comma": `{"a":1,}`,
		"deep": strings.Repeat("[", 65) + strings.Repeat("]", 65), "cut": `{"a":`,
		"very deep": strings.Repeat("[", 100_000),
	} {
		assert.Error(t, Check([]byte(data)), name)
	}
	for _, data := range []string{`{}`, `[]`, `"a"`, `1`, `null`, ` {"a" : "\"[[["} `,
		strings.Repeat("[", 64) + strings.Repeat("]", 64)} {
		assert.NoError(t, Check([]byte(data)), data)
	}
}

func TestKeysAreExactAndNumbersKept(t *testing.T) {
	o, err := Parse([]byte(`{"url":"good","URL":"evil","n":18446744073709551615,"f":1.0}`))
	require.NoError(t, err)
	url, err := o.Text("url")
	require.NoError(t, err)
	assert.Equal(t, "good", url)
	assert.Equal(t, "18446744073709551615", string(o["n"]))
	assert.Equal(t, "1.0", string(o["f"]))
	assert.False(t, o.Has("Url"))
}

func TestValuesOfOtherKindsAreNamed(t *testing.T) {
	o, err := Parse([]byte(`{"s":"t","b":true,"n":-1.5,"i":"12","o":{"k":null},"a":[1,{}],"z":null}`))
	require.NoError(t, err)
	text, _ := o.Text("s")
	truth, _ := o.Bool("b")
	number, _ := o.Number("n")
	whole, _ := o.Number("i")
	inner, _ := o.Object("o")
	list, _ := o.Array("a")
	assert.Equal(t, []any{"t", true, -1.5, 12.0, false, 2},
		[]any{text, truth, number, whole, inner.Has("k"), len(list)})
	for _, key := range []string{"z", "none"} {
		text, err1 := o.Text(key)
		truth, err2 := o.Bool(key)
		number, err3 := o.Number(key)
		inner, err4 := o.Object(key)
		list, err5 := o.Array(key)
		for _, err := range []error{err1, err2, err3, err4, err5} {
			require.NoError(t, err)
		}
		assert.Equal(t, []any{"", false, 0.0, Object(nil), []json.RawMessage(nil)},
			[]any{text, truth, number, inner, list})
	}
	_, err = o.Text("a")
	assert.EqualError(t, err, "a: array where a string should be")
	_, err = o.Bool("s")
	assert.EqualError(t, err, "s: string where true or false should be")
	_, err = o.Number("s")
	assert.EqualError(t, err, "s: string where a number should be")
	_, err = o.Number("b")
	assert.EqualError(t, err, "b: boolean where a number should be")
	_, err = o.Object("n")
	assert.EqualError(t, err, "n: number where an object should be")
	_, err = o.Array("o")
	assert.EqualError(t, err, "o: object where an array should be")
	_, err = Parse([]byte("null"))
	assert.EqualError(t, err, "null where an object should be")
	assert.Equal(t, "nothing", KindOf(nil))
}

func TestOurValuesAreWrittenAsTheyAre(t *testing.T) {
	assert.Equal(t, `{"a":"<&>\n","n":9007199254740993}`,
		string(Of(map[string]any{"a": "<&>\n", "n": int64(9007199254740993)})))
	assert.Panics(t, func() { Of(make(chan int)) })
}

// texts are where inputs made for parsing begin.
var texts = []string{`{"a":[1,2,{"b":null}]}`, `{"a":1,"a":2}`, "[[[", `"\ud800"`,
	`{"a":"x","b":true,"c":1.5e3,"d":"12","e":{"f":[]},"g":null}`}

func FuzzParse(f *testing.F) {
	for _, seed := range texts {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { readAll(t, data) })
}

func TestMutatedTexts(t *testing.T) {
	agenttest.Mutations(t, texts, func(t testing.TB, next func() []byte) { readAll(t, next()) })
}

// The quick way to check and to read lets nothing through that the slow one does not, and reads the
// same.
func compare(t testing.TB, data []byte) {
	err := strict(data)
	if plain(data) && err != nil {
		t.Fatalf("let through: %v", err)
	}
	if err != nil {
		return
	}
	var want []json.RawMessage
	if KindOf(data) == "array" {
		got, err := (Object{"a": data}).Array("a")
		if json.Unmarshal(data, &want) != nil || err != nil || !reflect.DeepEqual(want, got) {
			t.Fatalf("%q, not %q", got, want)
		}
	}
	if KindOf(data) != "object" {
		return
	}
	var fields Object
	got, err := Part(data)
	if json.Unmarshal(data, &fields) != nil || err != nil || !reflect.DeepEqual(fields, got) {
		t.Fatalf("%q, not %q: %v", got, fields, err)
	}
	each := Object{}
	if err := Each(data, func(key string, value json.RawMessage) { each[key] = value }); err != nil ||
		!reflect.DeepEqual(each, got) {
		t.Fatalf("%q, not %q: %v", each, got, err)
	}
	for key, value := range got {
		if KindOf(value) == "string" {
			var text string
			said, err := got.Text(key)
			if json.Unmarshal(value, &text) != nil || err != nil || text != said {
				t.Fatalf("%q, not %q", said, text)
			}
		}
	}
}

func TestTheQuickWayIsNoOtherWay(t *testing.T) {
	many := "{"
	for i := range 30 {
		many += fmt.Sprintf(`"k%d":%d,`, i, i)
	}
	for text, quick := range map[string]bool{
		` {"a" : [1 , 2.5e3, -0, {"b":null}], "c":"x\u00e4\ud83d\ude00\n", "d" : true } `: true,
		`[]`: true, `[[],{}]`: true, `"a"`: true, `12`: true, ` false`: true, `1e999`: false,
		`[1,]`: false, `{"a":1,"a":2}`: false, `{"a":1,"\u0061":2}`: false, `01`: false, `1.`: false,
		`"\ud800"`: false, `"\udc00"`: false, `"\ud800\u0041"`: false, "\"\x01\"": false,
		`"\x"`: false, `{"a"}`: false, `{a:1}`: false, `tru`: false, `nul`: false, `+1`: false,
		`"\u12"`: false, `"a`: false, `{"a":1`: false, `{} x`: false, "\ufeff{}": false, `"\`: false,
		strings.Repeat("[", 64) + strings.Repeat("]", 64): true,
		strings.Repeat("[", 65) + strings.Repeat("]", 65): false,
		many + `"z":0}`: false, many + `"k7":0}`: false, strings.Repeat("9", 299): true,
		strings.Repeat("9", 400): false, `{"a":{"x":1},"b":{"x":1}}`: true, `-`: false, `1e`: false,
		`1e400`: false, `1e-400`: true, `{"a":1 "b":2}`: false, `[1 2]`: false, ``: false,
	} {
		assert.Equal(t, quick, plain([]byte(text)), "%q", text)
		compare(t, []byte(text))
		readAll(t, []byte(text))
	}
}

// What was not checked is read without a panic, whatever it is.
func TestPartsOfWhatIsBrokenAreNone(t *testing.T) {
	for _, text := range []string{"", "{", "[", `{"a"`, `{"a":`, `{"a":"`, `{"a":[`, `{"a":"x\`, "[,]",
		`{"a":1}}`, `[1]]`, "{:}", `{"a":1,`, "[1"} {
		assert.False(t, parts([]byte(text), func(string, json.RawMessage) {}), text)
	}
}

func TestEachIsOfObjects(t *testing.T) {
	var keys []string
	note := func(key string, _ json.RawMessage) { keys = append(keys, key) }
	assert.EqualError(t, Each([]byte("[1]"), note), "array where an object should be")
	assert.Error(t, Each([]byte(`{"a":`), note))
	assert.Empty(t, keys[min(1, len(keys)):])
	keys = nil
	require.NoError(t, Each([]byte(` {"b":1,"a":{"c":2}}`), note))
	assert.Equal(t, []string{"b", "a"}, keys)
}

// readAll reads an object; what is let through is JSON, and the values say what they are.
func readAll(t testing.TB, data []byte) {
	compare(t, data)
	o, err := Parse(data)
	if err != nil {
		return
	}
	if !json.Valid(data) {
		t.Fatal("not JSON, and let through")
	}
	for key := range o {
		_, _ = o.Text(key)
		_, _ = o.Object(key)
		_, _ = o.Array(key)
		if number, err := o.Number(key); err == nil && math.IsInf(number, 0) {
			t.Fatal("an infinite number")
		}
	}
}
