package ext

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Addresses of extensions are ours: under the module's own path, versioned, and no reserved ones.
func TestAddressesAreOurs(t *testing.T) {
	module, err := os.ReadFile("../../../go.mod")
	require.NoError(t, err)
	path, _, _ := strings.Cut(strings.TrimPrefix(string(module), "module "), "\n")
	assert.Equal(t, "https://"+path+"/a2a/ext", ExtBase)
	for _, uri := range []string{Identity, Policy, Trace, Artifacts} {
		assert.True(t, strings.HasPrefix(uri, ExtBase+"/") && strings.HasSuffix(uri, "/v1"), uri)
		assert.NoError(t, CheckURI(uri))
		assert.NotContains(t, uri, "a2a-protocol.org")
	}
	assert.Equal(t, Policy+"/usage", Usage)
}

func TestExtensionsAreOneHeader(t *testing.T) {
	value, err := HeaderValue([]string{Trace, "urn:a:b", Trace})
	require.NoError(t, err)
	assert.Equal(t, Trace+", urn:a:b", value)
	value, err = HeaderValue(nil)
	require.NoError(t, err)
	assert.Empty(t, value)
	assert.Equal(t, []string{Trace, "urn:a:b"}, On([]string{Trace + ",urn:a:b", " " + Trace}))
}

func TestWhatWouldBreakTheHeaderIsRefused(t *testing.T) {
	for _, uri := range []string{"", "a", "/a", "//host/a", "https://a,https://b", "https://a\r\nX: y",
		"https://a b", "https://ä.example", "https://a\x00", "https://a\x7f", `https://a"b`,
		"https://a/%zz", "https://" + strings.Repeat("a", 1024)} {
		_, err := HeaderValue([]string{Policy, uri})
		assert.Equal(t, problem.InvalidArgument, problem.CodeOf(err), "%q", uri)
		assert.NotContains(t, err.Error(), "\n")
		assert.Less(t, len(err.Error()), 1000)
		assert.NotContains(t, On([]string{uri}), uri)
	}
	var many []string
	for i := range 65 {
		many = append(many, fmt.Sprintf("urn:a:%d", i))
	}
	_, err := HeaderValue(many)
	assert.Equal(t, problem.InvalidArgument, problem.CodeOf(err))
	assert.Len(t, On([]string{strings.Join(many, ",")}), 64)
	assert.Empty(t, On([]string{strings.Repeat(",", 1_000_000)}))
}

func TestARequiredExtensionThatIsOffIsAnError(t *testing.T) {
	assert.NoError(t, CheckRequired(nil, nil))
	assert.NoError(t, CheckRequired([]string{Trace}, []string{Policy, Trace}))
	err := CheckRequired([]string{"urn:pay\n", Trace, "urn:other"}, []string{Trace})
	var found *problem.Error
	require.ErrorAs(t, err, &found)
	assert.Equal(t, problem.ExtensionRequired, found.Code)
	assert.Equal(t, []string{`urn:pay\u000a`, "urn:other"}, found.Detail["uris"])
	assert.Contains(t, err.Error(), `urn:pay\u000a and urn:other`)
}

func object(t *testing.T, text string) raw.Object {
	t.Helper()
	found, err := raw.Parse([]byte(text))
	require.NoError(t, err)
	return found
}

func TestAnExtensionWritesIntoItsOwnPlace(t *testing.T) {
	for _, c := range []struct{ message, want string }{
		{`{}`, `{"extensions":["U"],"metadata":{"U":{"depth":1}}}`},
		{`{"metadata":null,"extensions":null,"n":9007199254740993}`,
			`{"extensions":["U"],"metadata":{"U":{"depth":1}},"n":9007199254740993}`},
		{`{"metadata":{"a":18446744073709551615},"extensions":["x","U"]}`,
			`{"extensions":["x","U"],"metadata":{"a":18446744073709551615,"U":{"depth":1}}}`},
	} {
		message := object(t, strings.ReplaceAll(c.message, "U", Trace))
		before := string(raw.Of(message))
		got, err := Put(message, Trace, map[string]int{"depth": 1})
		require.NoError(t, err)
		assert.Equal(t, before, string(raw.Of(message)), "what was given is changed")
		var one, two map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(raw.Of(got), &one))
		require.NoError(t, json.Unmarshal([]byte(strings.ReplaceAll(c.want, "U", Trace)), &two))
		assert.Equal(t, len(two), len(one))
		for key := range two {
			assert.JSONEq(t, string(two[key]), string(one[key]), key)
		}
	}
}

func TestNumbersOfOthersStayAsTheyAre(t *testing.T) {
	got, err := Put(object(t, `{"metadata":{"id":18446744073709551615}}`), Policy, struct{}{})
	require.NoError(t, err)
	assert.Contains(t, string(raw.Of(got)), "18446744073709551615")
}

func TestWhatTheCallerWroteIsNotOverwritten(t *testing.T) {
	for _, text := range []string{`{"metadata":{"U":{}}}`, `{"metadata":[]}`, `{"extensions":{}}`} {
		_, err := Put(object(t, strings.ReplaceAll(text, "U", Trace)), Trace, 1)
		assert.Equal(t, problem.InvalidArgument, problem.CodeOf(err), text)
	}
}

func TestWhatAnExtensionWroteIsRead(t *testing.T) {
	found, err := Value(object(t, `{"`+Usage+`":{"final":true}}`), Usage)
	require.NoError(t, err)
	final, err := found.Bool("final")
	require.NoError(t, err)
	assert.True(t, final)
	for _, text := range []string{`{}`, `{"` + Usage + `":null}`} {
		found, err = Value(object(t, text), Usage)
		require.NoError(t, err)
		assert.Nil(t, found)
	}
	found, err = Value(nil, Usage)
	require.NoError(t, err)
	assert.Nil(t, found)
	for _, value := range []string{"1", `"x"`, "[]", "true"} {
		_, err = Value(object(t, `{"`+Usage+`":`+value+`}`), Usage)
		assert.Equal(t, problem.InvalidAgentResponse, problem.CodeOf(err), value)
	}
}
