package card

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

const card10 = `{
  "name": "Weather", "description": "Tells it", "version": "1.2.0",
  "supportedInterfaces": [
    {"url": "https://a.example/grpc", "protocolBinding": "GRPC", "protocolVersion": "1.0"},
    {"url": "https://a.example/rest", "protocolBinding": "REST", "protocolVersion": "1.0.0"},
    {"url": "https://a.example/rpc", "protocolBinding": "jsonrpc", "protocolVersion": "1.0",
     "tenant": "t1"},
    {"url": "https://a.example/old", "protocolBinding": "JSONRPC", "protocolVersion": "0.3.2"}],
  "provider": {"organization": "Example", "url": "https://example.com"},
  "capabilities": {"streaming": true, "pushNotifications": false, "extendedAgentCard": true,
    "extensions": [{"uri": "https://x.example/e/v1", "required": true, "params": {"n": 1.0}}]},
  "securitySchemes": {
    "key": {"apiKeySecurityScheme": {"location": "header", "name": "X-Key"}},
    "web": {"httpAuthSecurityScheme": {"scheme": "Bearer", "bearerFormat": "JWT"}},
    "oauth": {"oauth2SecurityScheme": {"flows": {"clientCredentials": {"tokenUrl": "https://t/"}}}},
    "oidc": {"openIdConnectSecurityScheme": {"openIdConnectUrl": "https://o/"}},
    "cert": {"mtlsSecurityScheme": {}}, "new": {"quantumSecurityScheme": {"x": 1}}},
  "securityRequirements": [{"schemes": {"key": {}}},
    {"schemes": {"oauth": {"list": ["read", "write"]}, "cert": {"list": []}}}],
  "defaultInputModes": ["text/plain"], "defaultOutputModes": ["application/json"],
  "skills": [{"id": "now", "name": "Now", "description": "d", "tags": ["w"],
    "examples": ["rain?"], "inputModes": ["a/b"], "outputModes": ["c/d"]}],
  "documentationUrl": "https://d.example", "iconUrl": null, "later": {"added": [1]}
}`

const card03 = `{
  "protocolVersion": "0.3.0", "name": "Old", "description": "o", "version": "3",
  "url": "https://o.example/rpc", "preferredTransport": "JSONRPC",
  "additionalInterfaces": [{"url": "https://o.example/rpc", "transport": "JSONRPC"},
    {"url": "https://o.example/rest", "transport": "HTTP+JSON"}],
  "capabilities": {"streaming": true, "stateTransitionHistory": true},
  "supportsAuthenticatedExtendedCard": true,
  "securitySchemes": {"k": {"type": "apiKey", "in": "header", "name": "X"},
    "b": {"type": "http", "scheme": "bearer"}, "odd": {"type": "other"}},
  "security": [{"k": []}, {"b": ["s"]}],
  "defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain"],
  "skills": [{"id": "s", "name": "S", "description": "d", "tags": []}]
}`

// pathOf wants CardInvalid and returns the place that it names.
func pathOf(t *testing.T, err error) string {
	t.Helper()
	var e *problem.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, problem.CardInvalid, e.Code)
	assert.NotEmpty(t, e.Fix)
	return e.Detail["path"].(string)
}

func TestACardIsReadWhole(t *testing.T) {
	c, err := Parse([]byte(card10))
	require.NoError(t, err)
	assert.Equal(t, []string{"Weather", "Tells it", "1.2.0", "https://d.example", "", "1.0"},
		[]string{c.Name, c.Description, c.Version, c.DocumentationURL, c.IconURL, c.Dialect})
	assert.Equal(t, []Interface{{"https://a.example/grpc", "GRPC", "1.0", ""},
		{"https://a.example/rest", REST, "1.0", ""}, {"https://a.example/rpc", JSONRPC, "1.0", "t1"},
		{"https://a.example/old", JSONRPC, "0.3", ""}}, c.Interfaces)
	assert.True(t, c.Capabilities.Streaming && c.Capabilities.ExtendedCard)
	assert.False(t, c.Capabilities.PushNotifications)
	e, found := c.Extension("https://x.example/e/v1")
	assert.True(t, found && e.Required)
	assert.Equal(t, "1.0", string(e.Params["n"]))
	_, found = c.Extension("https://x.example/e/v2")
	assert.False(t, found)
	for name, want := range map[string]Scheme{
		"key": {Kind: "apiKey", Location: "header", Name: "X-Key"}, "oidc": {Kind: "openIdConnect"},
		"web": {Kind: "http", HTTPScheme: "bearer"}, "oauth": {Kind: "oauth2"},
		"cert": {Kind: "mutualTLS"}, "new": {},
	} {
		got := c.Schemes[name]
		assert.NotEmpty(t, got.Raw)
		got.Raw = nil
		assert.Equal(t, want, got, name)
	}
	assert.Equal(t, []map[string][]string{{"key": nil}, {"oauth": {"read", "write"}, "cert": nil}},
		c.Requirements)
	assert.Equal(t, []Skill{{"now", "Now", "d", []string{"w"}, []string{"a/b"}, []string{"c/d"},
		[]string{"rain?"}}}, c.Skills)
	assert.Equal(t, Provider{"Example", "https://example.com"}, c.Provider)
	assert.Equal(t, card10, string(c.Raw))
	assert.Equal(t, card10, string(c.Source))
}

func TestAnOlderCardIsReadAsANewOne(t *testing.T) {
	c, err := Parse([]byte(card03))
	require.NoError(t, err)
	assert.Equal(t, []Interface{{"https://o.example/rpc", JSONRPC, "0.3", ""},
		{"https://o.example/rest", REST, "0.3", ""}}, c.Interfaces)
	assert.True(t, c.Capabilities.Streaming && c.Capabilities.ExtendedCard)
	assert.Equal(t, "apiKey", c.Schemes["k"].Kind)
	assert.Equal(t, "header", c.Schemes["k"].Location)
	assert.Equal(t, "bearer", c.Schemes["b"].HTTPScheme)
	assert.Empty(t, c.Schemes["odd"].Kind)
	assert.Equal(t, []map[string][]string{{"k": nil}, {"b": {"s"}}}, c.Requirements)
	assert.Equal(t, Version03, c.Dialect)
	assert.Equal(t, card03, string(c.Source))
	again, err := Parse(c.Raw)
	require.NoError(t, err)
	assert.Equal(t, Version10, again.Dialect)
	assert.Equal(t, string(c.Raw), string(again.Raw))
	again.Dialect, again.Source = c.Dialect, c.Source
	assert.Equal(t, c, again)
	assert.NotContains(t, string(c.Raw), "preferredTransport")
	assert.Contains(t, string(c.Raw), "stateTransitionHistory")
}

func TestACardOfBothVersionsHasTheInterfacesOfBoth(t *testing.T) {
	c, err := Parse([]byte(`{"name":"n","supportedInterfaces":[
		{"url":"https://a/1","protocolBinding":"JSONRPC","protocolVersion":"1.0"},
		{"url":"https://a/2","protocolBinding":"JSONRPC","protocolVersion":"0.3"}],
		"url":"https://a/2","preferredTransport":"JSONRPC","protocolVersion":"0.3.0",
		"additionalInterfaces":[{"url":"https://a/3","transport":"JSONRPC"}]}`))
	require.NoError(t, err)
	assert.Equal(t, []Interface{{"https://a/1", JSONRPC, "1.0", ""},
		{"https://a/2", JSONRPC, "0.3", ""}, {"https://a/3", JSONRPC, "0.3", ""}}, c.Interfaces)
}

// The least that is a card, with one thing replaced.
func with(old, fresh string) string {
	least := `{"name":"n","supportedInterfaces":[{"url":"https://a/"}],"capabilities":{},"skills":[]}`
	return strings.Replace(least, old, fresh, 1)
}

// Hostile row H1: interfaces that are none.
func TestInterfacesThatAreNone(t *testing.T) {
	list := `[{"url":"https://a/"}]`
	for fresh, path := range map[string]string{
		`[null]`: "supportedInterfaces[0]", `{}`: "supportedInterfaces", `[]`: "supportedInterfaces",
		`null`: "supportedInterfaces", `[{}]`: "supportedInterfaces[0].url",
		`[{"url":7}]`: "supportedInterfaces[0].url", `[{"url":""}]`: "supportedInterfaces[0].url",
		`[{"url":"https://a/","protocolVersion":1}]`:    "supportedInterfaces[0].protocolVersion",
		"[" + strings.Repeat("null,", 99_999) + "null]": "supportedInterfaces",
		"[" + strings.Repeat("{},", 64) + "{}]":         "supportedInterfaces",
		`[[{"url":"https://a/"}]]`:                      "supportedInterfaces[0]",
	} {
		_, err := Parse([]byte(with(list, fresh)))
		assert.Equal(t, path, pathOf(t, err), fresh[:min(40, len(fresh))])
	}
	_, err := Parse([]byte(`{}`))
	assert.Equal(t, "supportedInterfaces", pathOf(t, err))
	_, err = Parse([]byte(`{"url":"","name":"n"}`))
	assert.Equal(t, "url", pathOf(t, err))
	_, err = Parse([]byte(with(list, list)))
	require.NoError(t, err)
}

// Hostile row H2: JSON that readers read differently.
func TestJSONThatReadersReadDifferently(t *testing.T) {
	for fresh, path := range map[string]string{
		`"https://a/","URL":"https://evil"`:                "supportedInterfaces[0].URL",
		`"https://a/","url":"https://evil"`:                "",
		`"https://a/","\u0075rl":"https://evil"`:           "",
		`"https://a/","x":NaN`:                             "",
		`"https://a/","x":"\ud800"`:                        "",
		`"https://a/","x":1e400`:                           "",
		`"https://a/","x":` + strings.Repeat("[", 100_000): "",
	} {
		_, err := Parse([]byte(with(`"https://a/"`, fresh)))
		assert.Equal(t, path, pathOf(t, err), fresh[:min(40, len(fresh))])
	}
	for _, data := range []string{"\xef\xbb\xbf" + with("", ""), "", "null", "[]", "{", with("n",
		"\xff"),
		with("", "") + "{}"} {
		_, err := Parse([]byte(data))
		assert.Equal(t, "", pathOf(t, err), data)
	}
	for key, path := range map[string]string{`"Capabilities":{}`: "Capabilities",
		`"URL":"https://evil"`: "URL", `"ſupportedInterfaces":[]`: "ſupportedInterfaces",
		`"provider":{"Url":"x"}`: "provider.Url", `"securitySchemes":{"a":{"TYPE":1}}`: "",
		`"securitySchemes":{"a":{"mtlssecurityscheme":{}}}`: "securitySchemes.a.mtlssecurityscheme",
	} {
		_, err := Parse([]byte(with(`"name"`, key+`,"name"`)))
		if path != "" {
			assert.Equal(t, path, pathOf(t, err), key)
		} else {
			assert.NoError(t, err)
		}
	}
}

func TestValuesOfOtherKindsAreNamedByTheirPlace(t *testing.T) {
	many := func(n int, entry string) string {
		return "[" + strings.Repeat(entry+",", n-1) + entry + "]"
	}
	var schemes []string
	for i := range 65 {
		schemes = append(schemes, fmt.Sprintf(`"s%d":{}`, i))
	}
	for _, row := range [][2]string{
		{`"description":7`, "description"}, {`"version":{}`, "version"}, {`"iconUrl":[]`, "iconUrl"},
		{`"defaultInputModes":"text"`, "defaultInputModes"},
		{`"defaultInputModes":["a",1]`, "defaultInputModes[1]"}, {`"provider":[]`, "provider"},
		{`"provider":{"organization":true}`, "provider.organization"},
		{`"securitySchemes":[]`, "securitySchemes"},
		{`"securitySchemes":{"a":"b"}`, "securitySchemes.a"},
		{`"securitySchemes":{` + strings.Join(schemes, ",") + `}`, "securitySchemes"},
		{`"securitySchemes":{"a":{"mtlsSecurityScheme":{},"apiKeySecurityScheme":{}}}`,
			"securitySchemes.a"},
		{`"securityRequirements":[{"schemes":{"a":7}}]`, "securityRequirements[0].schemes.a.list"},
		{`"securityRequirements":[{"schemes":[]}]`, "securityRequirements[0].schemes"},
		{`"securityRequirements":` + many(65, "{}"), "securityRequirements"},
		{`"signatures":{}`, "signatures"},
		{`"documentationUrl":false`, "documentationUrl"},
	} {
		field, path := row[0], row[1]
		_, err := Parse([]byte(with(`"name"`, field+`,"name"`)))
		assert.Equal(t, path, pathOf(t, err), field[:min(60, len(field))])
	}
	for replaced, path := range map[string]string{
		`{"streaming":"yes"}`: "capabilities.streaming", `[]`: "capabilities",
		`{"extensions":[{}]}`:                            "capabilities.extensions[0].uri",
		`{"extensions":[{"uri":"a","required":1}]}`:      "capabilities.extensions[0].required",
		`{"extensions":[{"uri":"a","params":[]}]}`:       "capabilities.extensions[0].params",
		`{"extensions":` + many(65, `{"uri":"a"}`) + `}`: "capabilities.extensions",
	} {
		_, err := Parse([]byte(with(`"capabilities":{}`, `"capabilities":`+replaced)))
		assert.Equal(t, path, pathOf(t, err), replaced[:min(60, len(replaced))])
	}
	for replaced, path := range map[string]string{`[null]`: "skills[0]", `[{"id":1}]`: "skills[0].id",
		`[{},{"tags":[{}]}]`: "skills[1].tags[0]", many(513, "{}"): "skills", `{}`: "skills"} {
		_, err := Parse([]byte(with(`"skills":[]`, `"skills":`+replaced)))
		assert.Equal(t, path, pathOf(t, err), replaced[:min(60, len(replaced))])
	}
	_, err := Parse([]byte(with("n", strings.Repeat("n", MostBytes))))
	assert.Equal(t, "", pathOf(t, err))
	_, err = Parse([]byte(with(`"skills":[]`, `"skills":`+many(512, "{}"))))
	assert.NoError(t, err)
}

func TestAnOlderCardIsRefusedByItsOwnNames(t *testing.T) {
	for _, row := range [][2]string{
		{`"additionalInterfaces":[null]`, "additionalInterfaces[0]"},
		{`"additionalInterfaces":[{"transport":"GRPC"}]`, "additionalInterfaces[0].url"},
		{`"additionalInterfaces":[{"url":"a","URL":"b"}]`, "additionalInterfaces[0].URL"},
		{`"preferredTransport":[]`, "preferredTransport"},
		{`"security":{}`, "security"},
		{`"security":[{"a":1}]`, "security[0].a.list"}, {`"protocolVersion":3`, "protocolVersion"},
		{`"supportsAuthenticatedExtendedCard":"no"`, "supportsAuthenticatedExtendedCard"},
		{`"securitySchemes":{"a":[]}`, "securitySchemes.a"},
		{`"PreferredTransport":"x"`, "PreferredTransport"},
		{`"securitySchemes":{"a":{"type":1}}`, "securitySchemes.a.type"},
	} {
		field, path := row[0], row[1]
		_, err := Parse([]byte(`{"name":"n","url":"https://a/",` + field + `}`))
		assert.Equal(t, path, pathOf(t, err), field)
	}
	c, err := Parse([]byte(`{"url":"https://a/","supportsAuthenticatedExtendedCard":true}`))
	require.NoError(t, err)
	assert.True(t, c.Capabilities.ExtendedCard)
	assert.Equal(t, []Interface{{"https://a/", JSONRPC, Version03, ""}}, c.Interfaces)
}

func TestBindingsAndVersionsAreNormalised(t *testing.T) {
	for given, want := range map[string]string{"": JSONRPC, "jsonrpc": JSONRPC, "JSON-RPC": JSONRPC,
		"rest": REST, "HTTP_JSON": REST, "HTTPJSON": REST, "Http+Json": REST, "grpc": "GRPC",
		" REST ": REST, "urn:x:y": "URN:X:Y"} {
		assert.Equal(t, want, bindingOf(given), given)
	}
	for given, want := range map[string]string{"1.0": "1.0", "1.0.1": "1.0", "1": "1.0", "v1.0": "1.0",
		"0.3.0": "0.3", "0.2.6": "0.2", "1.0-dev": "1.0-dev", "1.": "1.", "": "", "x": "x",
		"10.12.13.14": "10.12"} {
		assert.Equal(t, want, versionOf(given), given)
	}
}

func TestTheInterfaceIsTheFirstThatIsSpoken(t *testing.T) {
	c, err := Parse([]byte(card10))
	require.NoError(t, err)
	for _, row := range []struct {
		versions, bindings []string
		url                string
	}{
		{nil, nil, "https://a.example/rest"},
		{nil, []string{"JSONRPC"}, "https://a.example/rpc"},
		{[]string{"0.3", "1.0"}, nil, "https://a.example/old"},
		{[]string{"0.3.1"}, []string{"rest", "jsonrpc"}, "https://a.example/old"},
		{[]string{"1.0"}, []string{"rest"}, "https://a.example/rest"},
	} {
		i, err := Select(c, row.versions, row.bindings)
		require.NoError(t, err)
		assert.Equal(t, row.url, i.URL)
	}
	_, err = Select(c, []string{"0.3"}, []string{"HTTP+JSON"})
	var e *problem.Error
	require.True(t, errors.As(err, &e))
	assert.Equal(t, problem.UnsupportedPeer, e.Code)
	assert.Equal(t, []string{"GRPC 1.0 at https://a.example/grpc",
		"HTTP+JSON 1.0 at https://a.example/rest", "JSONRPC 1.0 at https://a.example/rpc",
		"JSONRPC 0.3 at https://a.example/old"}, e.Detail["offered"])
	c.Interfaces = []Interface{{"https://u:secret@a.example/?k=1", REST, Version03, ""}}
	_, err = Select(c, nil, nil)
	require.ErrorContains(t, err, "0.3 over JSONRPC are spoken here")
	assert.NotContains(t, err.Error(), "secret")
	c.Interfaces = []Interface{{"https://a.example/", JSONRPC, VersionLegacy, ""}}
	_, err = Select(c, nil, nil)
	require.Error(t, err)
	_, err = Select(c, []string{VersionLegacy}, nil)
	require.NoError(t, err)
}

func TestRawStaysAsItCame(t *testing.T) {
	data := with(`"name"`, `"big":18446744073709551615,"name"`)
	c, err := Parse([]byte(data))
	require.NoError(t, err)
	var o map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(c.Raw, &o))
	assert.Equal(t, "18446744073709551615", string(o["big"]))
}
