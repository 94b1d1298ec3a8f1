package artifact

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/bounds"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/ext"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

var witness = strings.Repeat("0123456789abcdef", 4)

func values() []Value {
	return []Value{
		Text{"refunds take 5 days\n"}, Text{},
		StructuredJSON{Value: raw.Of(nil)},
		StructuredJSON{Value: json.RawMessage(`{"id":18446744073709551615,"a":[1.50]}`),
			Schema: json.RawMessage(`{"type":"object"}`)},
		VectorRef{"lake", "faq", witness, 384, 100_000},
		VectorRef{"b", "c", witness, MostDim, 0},
		RuLakeWitness{witness, "s3://bucket/faq", []string{"search", "read"}},
		RuLakeWitness{Witness: witness, DataRef: "x"},
		Raw{[]json.RawMessage{json.RawMessage(`{"text":"one"}`), json.RawMessage(`{"raw":"AAE="}`)}},
		Raw{[]json.RawMessage{json.RawMessage(`{"text":"alone"}`)}},
		Raw{[]json.RawMessage{}},
	}
}

func TestArtifactsGoThereAndBackInBothForms(t *testing.T) {
	for _, v := range values() {
		for _, form := range []Form{Current, Legacy} {
			sent, err := Encode(v, "a-1", form)
			require.NoError(t, err)
			back, err := Decode(sent)
			require.NoError(t, err, string(sent))
			assert.Equal(t, v, back, string(sent))
		}
	}
}

func TestPartsOfMessagesSayWhatTheyAre(t *testing.T) {
	for _, v := range values() {
		parts, err := Parts(v, Current)
		require.NoError(t, err)
		if _, isRaw := v.(Raw); isRaw {
			continue
		}
		require.Len(t, parts, 1)
		back, err := DecodePart(parts[0])
		require.NoError(t, err)
		assert.Equal(t, v, back)
	}
}

func TestHowArtifactsAreWritten(t *testing.T) {
	mark := func(kind string) string {
		return `"metadata":{"` + ext.Artifacts + `":{"kind":"` + kind + `","version":"1"}}`
	}
	ref, old := VectorRef{"lake", "faq", witness, 384, 9}, `"backend":"lake","collection":"faq",
		"witness":"`+witness+`","dim":384,"count":9}`
	lake := RuLakeWitness{Witness: witness, DataRef: "x"}
	for _, c := range []struct {
		v    Value
		form Form
		want string
	}{
		{Text{"hi"}, Current, `{"artifactId":"a","parts":[{"text":"hi"}],` + mark("text") +
			`,"extensions":["` + ext.Artifacts + `"]}`},
		{ref, Current, `{"artifactId":"a","parts":[{"data":{"kind":"vector_ref",` + old +
			`,"mediaType":"application/vnd.ruvector.artifact+json",` + mark("vector_ref") + `}],` +
			mark("vector_ref") + `,"extensions":["` + ext.Artifacts + `"]}`},
		{Text{"hi"}, Legacy, `{"name":"ruvector.artifact_kind","parts":[{"type":"text","text":"hi"}],
			"index":0,"append":false,"lastChunk":true,
			"metadata":{"ruvector":{"artifact_kind":"text","artifact_kind_version":"1"}}}`},
		{lake, Legacy, `{"name":"ruvector.artifact_kind","parts":[{"type":"data","data":{
			"kind":"ru_lake_witness","witness":"` + witness + `","data_ref":"x","capabilities":[]}}],
			"index":0,"append":false,"lastChunk":true,"metadata":{"ruvector":{
			"artifact_kind":"rulake_witness","artifact_kind_version":"1"}}}`},
	} {
		got, err := Encode(c.v, "a", c.form)
		require.NoError(t, err)
		assert.JSONEq(t, c.want, string(got))
	}
}

func TestWhatAKindDoesNotHaveIsNotWritten(t *testing.T) {
	long := strings.Repeat("x", 1e5)
	for field, list := range map[string][]Value{
		"witness": {VectorRef{"b", "c", "", 1, 1}, VectorRef{"b", "c", witness[1:], 1, 1},
			VectorRef{"b", "c", strings.ToUpper(witness), 1, 1}, RuLakeWitness{Witness: long, DataRef: "x"}},
		"dim": {VectorRef{"b", "c", witness, 0, 1},
			VectorRef{"b", "c", witness, MostDim + 1, 1}},
		"count":      {VectorRef{"b", "c", witness, 1, -1}, VectorRef{"b", "c", witness, 1, 1 << 53}},
		"backend":    {VectorRef{"", "c", witness, 1, 1}, VectorRef{"b\n", "c", witness, 1, 1}},
		"collection": {VectorRef{"b", long, witness, 1, 1}, VectorRef{"b", "\xff", witness, 1, 1}},
		"data_ref":   {RuLakeWitness{Witness: witness}, RuLakeWitness{Witness: witness, DataRef: long}},
		"capabilities": {RuLakeWitness{witness, "x", make([]string, 65)},
			RuLakeWitness{witness, "x", []string{""}}},
		"value":    {StructuredJSON{}, StructuredJSON{Value: json.RawMessage(`{"a":1,"a":2}`)}},
		"schema":   {StructuredJSON{json.RawMessage(`1`), json.RawMessage(`{`)}},
		"text":     {Text{"\xff"}},
		"parts[0]": {Raw{[]json.RawMessage{json.RawMessage(`[]`)}}, Raw{[]json.RawMessage{nil}}},
	} {
		for _, v := range list {
			_, err := Encode(v, "a", Current)
			assert.Equal(t, problem.InvalidArgument, problem.CodeOf(err), field)
			assert.Contains(t, err.Error(), " "+field+": ")
			assert.Less(t, len(err.Error()), 1000)
		}
	}
	_, err := Encode(VectorRef{"b", "c", witness, 1, math.MaxUint32 + 1}, "", Legacy)
	assert.Equal(t, problem.InvalidArgument, problem.CodeOf(err))
	for _, v := range []Value{nil, Text{"x"}} {
		_, err = Encode(v, "", Current)
		assert.Equal(t, problem.InvalidArgument, problem.CodeOf(err))
	}
}

// artifactOf is an artifact with our mark and one part.
func artifactOf(kind, version, part string) json.RawMessage {
	return json.RawMessage(`{"artifactId":"a","parts":[` + part + `],"metadata":{"` + ext.Artifacts +
		`":{"kind":"` + kind + `","version":` + version + `}}}`)
}

// The original failed on any data with a "kind" that it did not know.
func TestArtifactsOfOthersAreNoErrors(t *testing.T) {
	for _, foreign := range []string{
		`{"parts":[{"data":{"kind":"invoice"}}]}`,
		`{"parts":[{"data":{"kind":"vector_ref"}}]}`,
		`{"parts":[{"data":{"kind":7}}],"metadata":{"ruvector":"theirs"}}`,
		`{"parts":[{"data":null}],"metadata":{"ruvector":{"x":1}}}`,
		`{"parts":[{"kind":"data","data":[1]}],"metadata":null}`,
		`{"parts":[{"type":"file","file":{"uri":"https://a.example"}}]}`,
		`{"parts":[{"text":"a"},{"text":"b"}]}`,
		`{"parts":[{"text":"a","url":"https://a.example"}]}`,
		`{"parts":[{"text":7}]}`,
		`{"parts":[{"metadata":5,"data":{}}]}`,
		`{"parts":[{"mediaType":"` + MediaType + `","data":{"kind":"tomorrow"}}]}`,
		`{"parts":[{"mediaType":"` + MediaType + `","data":[]}]}`,
		`{"parts":[{"mediaType":"` + MediaType + `","data":{"kind":{}}}]}`,
		`{"parts":[{"mediaType":9,"data":{}}]}`,
		`{"parts":[]}`, `{}`,
		string(artifactOf("tomorrow", `"1"`, `{"data":{"kind":"tomorrow"}}`)),
	} {
		v, err := Decode(json.RawMessage(foreign))
		require.NoError(t, err, foreign)
		found, isRaw := v.(Raw)
		require.True(t, isRaw, foreign)
		object, err := raw.Parse([]byte(foreign))
		require.NoError(t, err)
		parts, err := object.Array("parts")
		require.NoError(t, err)
		assert.Equal(t, parts, found.Parts)
	}
	for _, text := range []string{`{"parts":[{"text":"hi","mediaType":"text/plain"}]}`,
		`{"parts":[{"type":"text","text":"hi"}]}`, `{"parts":[{"kind":"text","text":"hi"}]}`} {
		v, err := Decode(json.RawMessage(text))
		require.NoError(t, err)
		assert.Equal(t, Text{"hi"}, v)
	}
}

// H16: another version.
func TestOtherVersionsAreUnsupported(t *testing.T) {
	ref := `{"data":{"kind":"vector_ref"}}`
	for version, got := range map[string]string{`"2"`: "2", `"10"`: "10", `"01"`: "01", `2`: "2",
		`1`: "1", `{"x":1}`: `{"x":1}`, `""`: "", `true`: "true", `"1\n"`: `1\u000a`} {
		for _, kind := range []string{"vector_ref", "raw", "tomorrow"} {
			old := `{"parts":[` + ref + `],"metadata":{"ruvector":{"artifact_kind":"` + kind +
				`","artifact_kind_version":` + version + `}}}`
			for _, sent := range []string{string(artifactOf(kind, version, ref)), old} {
				_, err := Decode(json.RawMessage(sent))
				if version == `1` {
					assert.NotEqual(t, problem.ArtifactVersionUnsupported, problem.CodeOf(err))
					continue
				}
				var found *problem.Error
				require.ErrorAs(t, err, &found, sent)
				assert.Equal(t, problem.ArtifactVersionUnsupported, found.Code)
				assert.Equal(t, got, found.Detail["got"])
				assert.Equal(t, []string{"1"}, found.Detail["supported"])
			}
		}
	}
	part := `{"data":{},"metadata":{"` + ext.Artifacts + `":{"kind":"vector_ref","version":"2"}}}`
	_, err := DecodePart(json.RawMessage(part))
	assert.Equal(t, problem.ArtifactVersionUnsupported, problem.CodeOf(err))
}

func TestAMarkWithoutAVersionIsOfThisOne(t *testing.T) {
	v, err := Decode(json.RawMessage(`{"parts":[{"text":"x"}],"metadata":{"` + ext.Artifacts +
		`":{"kind":"text","version":null}}}`))
	require.NoError(t, err)
	assert.Equal(t, Text{"x"}, v)
}

func TestBothSpellingsOfTheWitnessAreRead(t *testing.T) {
	for _, outside := range []string{"rulake_witness", "ru_lake_witness"} {
		for _, inside := range []string{"rulake_witness", "ru_lake_witness"} {
			v, err := Decode(artifactOf(outside, `"1"`, `{"data":{"kind":"`+inside+`","witness":"`+witness+
				`","data_ref":"x"}}`))
			require.NoError(t, err)
			assert.Equal(t, RuLakeWitness{Witness: witness, DataRef: "x"}, v)
		}
	}
}

// H16: what a marked artifact says and cannot be.
func TestHostileArtifacts(t *testing.T) {
	ref := func(change, to string) string {
		whole := `{"data":{"kind":"vector_ref","backend":"b","collection":"c","witness":"` + witness +
			`","dim":384,"count":5}}`
		require.Contains(t, whole, change)
		return strings.Replace(whole, change, to, 1)
	}
	for what, part := range map[string]string{
		"witness is short":      ref(witness, witness[2:]),
		"witness is no hex":     ref(witness, witness[1:]+"g"),
		"witness is upper case": ref(witness, strings.ToUpper(witness)),
		"witness is huge":       ref(witness, strings.Repeat("a", 1e6)),
		"witness is a number":   ref(`"`+witness+`"`, "7"),
		"dim 2^40":              ref("384", "1099511627776"),
		"dim 0":                 ref("384", "0"),
		"dim -1":                ref("384", "-1"),
		"dim 1.5":               ref("384", "1.5"),
		"dim 1e308":             ref("384", "1e308"),
		"dim is text":           ref("384", `"many"`),
		"no dim":                ref(`"dim":384,`, ""),
		"count -1":              ref("5}", "-1}"),
		"count 2^53":            ref("5}", "9007199254740993}"),
		"count is null":         ref("5}", "null}"),
		"no backend":            ref(`"backend":"b",`, ""),
		"another kind":          ref("vector_ref", "structured_json"),
		"no kind":               ref(`"kind":"vector_ref",`, ""),
		"kind is a number":      ref(`"vector_ref"`, "1"),
		"data is a list":        `{"data":[1]}`,
		"data is null":          `{"data":null}`,
		"no data":               `{"text":"x"}`,
		"two parts":             `{"text":"x"},{"text":"x"}`,
		"no object":             `7`,
		"the same key twice":    ref(`"count":5`, `"count":5,"count":6`),
		"deep":                  strings.Repeat("[", 100) + strings.Repeat("]", 100),
	} {
		_, err := Decode(artifactOf("vector_ref", `"1"`, part))
		assert.Equal(t, problem.InvalidAgentResponse, problem.CodeOf(err), what)
		assert.Less(t, len(err.Error()), 1000)
		assert.NotContains(t, err.Error(), "\n")
	}
	for kind, part := range map[string]string{
		"text": `{"data":{}}`, "structured_json": `{"data":{"kind":"structured_json"}}`,
		"rulake_witness": `{"data":{"kind":"rulake_witness","witness":"` + witness +
			`","data_ref":"x","capabilities":["` + strings.Repeat(`a","`, 65) + `"]}}`,
		"ru_lake_witness": `{"data":{"kind":"rulake_witness","witness":"` + witness +
			`","data_ref":"x","capabilities":[7]}}`,
	} {
		_, err := Decode(artifactOf(kind, `"1"`, part))
		assert.Equal(t, problem.InvalidAgentResponse, problem.CodeOf(err), kind)
	}
	for _, whole := range []string{``, `[]`, `{"parts":{}}`, `{"metadata":[]}`,
		`{"metadata":{"` + ext.Artifacts + `":7}}`, `{"metadata":{"` + ext.Artifacts + `":{"kind":7}}}`} {
		_, err := Decode(json.RawMessage(whole))
		assert.Equal(t, problem.InvalidAgentResponse, problem.CodeOf(err), whole)
	}
	_, err := DecodePart(json.RawMessage(`{`))
	assert.Equal(t, problem.InvalidAgentResponse, problem.CodeOf(err))
	_, err = Decode(artifactOf("vector_ref", `"1"`, ref("384", "384.0")))
	require.NoError(t, err, "proto peers write doubles")
}

// A task that hands over a witness says so in at most 2 KiB, however many vectors it stands for,
// with everything that the client adds to it.
func TestARequestWithAWitnessIsSmall(t *testing.T) {
	for _, count := range []int64{0, 100_000, MostCount} {
		var parts []json.RawMessage
		for _, v := range []Value{Text{"Which refunds took weeks? Answer with the ids of passages."},
			VectorRef{"lake-frankfurt", "support-tickets-2026", witness, 4096, count}} {
			made, err := Parts(v, Current)
			require.NoError(t, err)
			parts = append(parts, made...)
		}
		guard := &bounds.Guard{Gate: bounds.NewGate(), Self: witness}
		tokens, cost := int64(1e6), 12.5
		run, err := guard.Begin(t.Context(), bounds.Dispatch{Skill: "search-and-summarise",
			Offered: []string{"search-and-summarise"}, Target: strings.Repeat("ab", 32),
			Policy: bounds.TaskPolicy{MaxTokens: &tokens, MaxCostUSD: &cost},
			Context: bounds.TaskContext{Depth: 3, RootAgent: strings.Repeat("cd", 32),
				VisitedAgents: []string{strings.Repeat("cd", 32), strings.Repeat("ef", 32)}},
			ParentTask: "0197a5f2-7e0f-7bb1-8a3a-6a5d2e1c9f00"})
		require.NoError(t, err)
		message, err := run.Annotate(raw.Object{
			"messageId": raw.Of("0197a5f2-7e0f-7bb1-8a3a-6a5d2e1c9f01"),
			"role":      raw.Of("ROLE_USER"), "parts": raw.Of(parts)}, func(string) bool { return true })
		require.NoError(t, err)
		body := raw.Of(map[string]any{"jsonrpc": "2.0", "id": "0197a5f2-7e0f-7bb1-8a3a-6a5d2e1c9f02",
			"method": "SendMessage", "params": map[string]any{"message": message,
				"configuration": map[string]any{"returnImmediately": true}}})
		assert.LessOrEqual(t, len(body), 2048, fmt.Sprint(count))
		run.End()
	}
}

func FuzzArtifact(f *testing.F) {
	for _, v := range values() {
		for _, form := range []Form{Current, Legacy} {
			sent, err := Encode(v, "a", form)
			require.NoError(f, err)
			f.Add([]byte(sent))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Decode(data)
		if err != nil {
			require.NotEqual(t, problem.Internal, problem.CodeOf(err))
			return
		}
		sent, err := Encode(v, "a", Current)
		require.NoError(t, err)
		back, err := Decode(sent)
		require.NoError(t, err)
		require.Equal(t, v.Kind(), back.Kind())
	})
}
