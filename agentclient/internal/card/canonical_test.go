package card

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// The worked example of section 8.4.1 of the specification, and what it says comes out.
const (
	specExample = `{
  "name": "Example Agent",
  "description": "",
  "capabilities": {
    "streaming": false,
    "pushNotifications": false,
    "extensions": []
  },
  "skills": []
}`
	specCanonical = `{"capabilities":{"pushNotifications":false,"streaming":false},"description":"",` +
		`"name":"Example Agent","skills":[]}`
)

func canon(t *testing.T, data string, form Form) string {
	t.Helper()
	made, err := Canonical([]byte(data), form)
	require.NoError(t, err)
	return string(made)
}

func TestTheWorkedExampleOfTheSpecification(t *testing.T) {
	assert.Equal(t, specCanonical, canon(t, specExample, Spec))
	assert.Equal(t, specCanonical, canon(t, specCanonical, Spec))
}

// A card with every kind of emptiness, and keys and numbers that canonical JSON writes in one way.
const emptyCard = `{
  "signatures": [{"protected": "e30", "signature": ""}],
  "name": "é\u20ac", "description": "", "version": "1",
  "supportedInterfaces": [{"url": "https://a/", "protocolBinding": "JSONRPC",
    "protocolVersion": "1.0", "tenant": ""}],
  "provider": {"organization": "", "url": ""},
  "documentationUrl": "", "iconUrl": null,
  "capabilities": {"streaming": false, "extensions": [
    {"uri": "u", "description": "", "required": false,
     "params": {"\ufb33": "", "\ud83d\ude00": 1E21, "a": [], "b": {"c": null}, "d": [[], 0.10, ""],
       "e": false, "f": 0}},
    {"uri": "v", "required": true, "params": {}}]},
  "securitySchemes": {}, "securityRequirements": [{"schemes": {"k": {"list": []}}},
{"schemes": {}}],
  "defaultInputModes": [], "defaultOutputModes": ["", "a/b"],
  "skills": [{"id": "s", "name": "", "description": "d", "tags": [], "examples": [],
    "unknown": ""}],
  "unknown": {"x": "", "y": []}
}`

func TestTheThreeFormsOfACardWithEmptyValues(t *testing.T) {
	params := `{"a":[],"b":{"c":null},"d":[[],0.1,""],"e":false,"f":0,"😀":1e+21,"` + "\ufb33" + `":""}`
	assert.Equal(t, `{"capabilities":{"extensions":[{"params":`+params+`,"uri":"u"},`+
		`{"params":{},"required":true,"uri":"v"}],"streaming":false},"defaultInputModes":[],`+
		`"defaultOutputModes":["","a/b"],"description":"","documentationUrl":"","name":"é€",`+
		`"provider":{"organization":"","url":""},"securityRequirements":[{"schemes":{"k":{}}},{}],`+
		`"skills":[{"description":"d","id":"s","name":"","tags":[],"unknown":""}],`+
		`"supportedInterfaces":[{"protocolBinding":"JSONRPC","protocolVersion":"1.0",`+
		`"url":"https://a/"}],"unknown":{"x":"","y":[]},"version":"1"}`, canon(t, emptyCard, Spec))
	assert.Equal(t, `{"capabilities":{"extensions":[{"params":{"d":[0.1],"e":false,"f":0,`+
		`"😀":1e+21},"uri":"u"},{"required":true,"uri":"v"}],"streaming":false},`+
		`"defaultOutputModes":["a/b"],"name":"é€","skills":[{"description":"d","id":"s"}],`+
		`"supportedInterfaces":[{"protocolBinding":"JSONRPC","protocolVersion":"1.0",`+
		`"url":"https://a/"}],"version":"1"}`, canon(t, emptyCard, Pruned))
	assert.Equal(t, `{"capabilities":{"extensions":[{"description":"","params":`+params+
		`,"required":false,"uri":"u"},{"params":{},"required":true,"uri":"v"}],"streaming":false},`+
		`"defaultInputModes":[],"defaultOutputModes":["","a/b"],"description":"",`+
		`"documentationUrl":"","iconUrl":null,"name":"é€","provider":{"organization":"","url":""},`+
		`"securityRequirements":[{"schemes":{"k":{"list":[]}}},{"schemes":{}}],"securitySchemes":{},`+
		`"skills":[{"description":"d","examples":[],"id":"s","name":"","tags":[],"unknown":""}],`+
		`"supportedInterfaces":[{"protocolBinding":"JSONRPC","protocolVersion":"1.0","tenant":"",`+
		`"url":"https://a/"}],"unknown":{"x":"","y":[]},"version":"1"}`, canon(t, emptyCard, Served))
}

// Every form of a card in a canonical form is that form again, or has less; and a card without
// empty values has one form.
func TestCanonicalFormsAreStable(t *testing.T) {
	for _, form := range Forms {
		once := canon(t, emptyCard, form)
		assert.Equal(t, once, canon(t, once, form), form)
		assert.Equal(t, canon(t, emptyCard, Pruned), canon(t, once, Pruned), form)
	}
	full := `{"name":"n","description":"d","version":"1","capabilities":{"streaming":true},
		"supportedInterfaces":[{"url":"u","protocolBinding":"JSONRPC","protocolVersion":"1.0"}],
		"securitySchemes":{"o":{"oauth2SecurityScheme":{"flows":{"authorizationCode":{
		"authorizationUrl":"a","tokenUrl":"t","scopes":{"r":"read"},"pkceRequired":true}}}}},
		"securityRequirements":[{"schemes":{"o":{"list":["r"]}}}],
		"defaultInputModes":["a"],"defaultOutputModes":["b"],
		"skills":[{"id":"i","name":"n","description":"d","tags":["t"]}]}`
	assert.Equal(t, canon(t, full, Served), canon(t, full, Spec))
	assert.Equal(t, canon(t, full, Served), canon(t, full, Pruned))
}

func TestDefaultsOfSchemesAreDroppedByTheirOwnRules(t *testing.T) {
	card := `{"supportedInterfaces":[],"securitySchemes":{
		"a":{"apiKeySecurityScheme":{"description":"","location":"","name":"k"}},
		"m":{"mtlsSecurityScheme":{"description":""}},
		"h":{"httpAuthSecurityScheme":{"scheme":"","bearerFormat":""}},
		"o":{"oauth2SecurityScheme":{"oauth2MetadataUrl":"","flows":{"clientCredentials":{
			"tokenUrl":"","refreshUrl":"","scopes":{}},"implicit":{"scopes":{}}}}},
		"x":{"other":{"y":""}},"n":null,"s":"text"}}`
	assert.Equal(t, `{"securitySchemes":{"a":{"apiKeySecurityScheme":{"location":"","name":"k"}},`+
		`"h":{"httpAuthSecurityScheme":{"scheme":""}},"m":{"mtlsSecurityScheme":{}},"n":null,`+
		`"o":{"oauth2SecurityScheme":{"flows":{"clientCredentials":{"scopes":{},"tokenUrl":""},`+
		`"implicit":{}}}},"s":"text","x":{"other":{"y":""}}},"supportedInterfaces":[]}`,
		canon(t, card, Spec))
	card = strings.Replace(strings.Replace(card, `,"s":"text"`, "", 1), `"n":null`, `"n":{}`, 1)
	assert.Equal(t, `{"securitySchemes":{"a":{"apiKeySecurityScheme":{"name":"k"}}}}`,
		canon(t, card, Pruned))
}

func TestWhatATypeWouldNotTakeHasNoPrunedForm(t *testing.T) {
	for field, path := range map[string]string{`"name":7`: "name", `"skills":[null]`: "skills[0]",
		`"capabilities":{"streaming":"x"}`:              "capabilities.streaming",
		`"defaultInputModes":[1]`:                       "defaultInputModes[0]",
		`"securitySchemes":{"s":1}`:                     "securitySchemes.s",
		`"capabilities":{"extensions":[{"params":[]}]}`: "capabilities.extensions[0].params"} {
		card := `{"supportedInterfaces":[],` + field + `}`
		_, err := Canonical([]byte(card), Pruned)
		assert.Equal(t, path, pathOf(t, err), field)
		_, err = Canonical([]byte(card), Spec)
		assert.NoError(t, err)
	}
	assert.Equal(t, `{}`, canon(t, `{"supportedInterfaces":[],"name":"","x":1}`, Pruned))
}

func TestFormsOfOlderCardsKeepTheirFields(t *testing.T) {
	old := `{"url":"https://a/","protocolVersion":"0.3.0","security":[],"name":"","signatures":[]}`
	assert.Equal(t, `{"protocolVersion":"0.3.0","url":"https://a/"}`, canon(t, old, Pruned))
	assert.Equal(t, `{"name":"","protocolVersion":"0.3.0","security":[],"url":"https://a/"}`,
		canon(t, old, Spec))
}

func TestWhatIsNoCardHasNoForm(t *testing.T) {
	for _, form := range Forms {
		for _, data := range []string{"", "[]", `{"a":1,"a":2}`, "{", strings.Repeat("[", 70)} {
			_, err := Canonical([]byte(data), form)
			assert.Equal(t, "", pathOf(t, err))
		}
	}
	_, err := Canonical([]byte(`{}`), "D\x1b")
	assert.Equal(t, problem.InvalidArgument, problem.CodeOf(err))
	assert.NotContains(t, err.Error(), "\x1b")
}

// Numbers as RFC 8785 writes them (its appendix B), whatever they were written as.
func TestNumbersHaveOneText(t *testing.T) {
	for given, want := range map[string]string{"-0": "0", "1.0": "1", "1e2": "100",
		"333333333.33333329": "333333333.3333333",
		"1E30":               "1e+30", "4.50": "4.5", "2e-3": "0.002",
		"0.000000000000000000000000001": "1e-27",
		"9007199254740993":              "9007199254740992", "5e-324": "5e-324",
		"1.7976931348623157e308": "1.7976931348623157e+308",
		"999999999999999900000":  "999999999999999900000", "1e21": "1e+21"} {
		assert.Equal(t, fmt.Sprintf(`{"n":%s}`, want), canon(t, `{"n":`+given+`}`, Served))
	}
}

// signed.json has cards that two SDKs signed, as they hold them and as they serve them: the one for
// Python adds the fields of 0.3 to what it signed. All have empty values, so only Pruned verifies.
func TestCardsThatSDKsSigned(t *testing.T) {
	var rows []struct {
		Maker, Card, Canonical string
		JWK                    json.RawMessage
	}
	data, err := os.ReadFile("testdata/signed.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &rows))
	require.Len(t, rows, 6)
	for _, row := range rows {
		pin, err := Pin("", "", row.JWK)
		require.NoError(t, err)
		c, result, err := Verify([]byte(row.Card), pin, place)
		require.NoError(t, err, row.Maker)
		assert.Equal(t, Pruned, result.Form, row.Maker)
		assert.Equal(t, row.Canonical, string(c.Source), row.Maker)
		assert.Equal(t, []string{"Signed € 😀", "https://a.example/rpc", "https://a.example/old"},
			[]string{c.Name, c.Interfaces[0].URL, c.Interfaces[1].URL})
		assert.Len(t, c.Interfaces, 2)
		// Pruning took the requirement of a key without scopes; the scheme is still declared.
		assert.Equal(t, []map[string][]string{{"o": {"r"}}, {"k": nil}}, c.Requirements)
		assert.Equal(t, "X-Key", c.Schemes["k"].Name)
		_, result, err = Verify([]byte(row.Card), TLS(), place)
		require.NoError(t, err)
		assert.Equal(t, UnknownKey, result.Level)
		tampered := strings.Replace(row.Card, "https://a.example/rpc", "https://b.example/rpc", 1)
		_, _, err = Verify([]byte(tampered), pin, place)
		assert.Equal(t, ReasonSignature, invalidSignature(t, err))
	}
}
