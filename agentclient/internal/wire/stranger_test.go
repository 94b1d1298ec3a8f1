package wire

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/web"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// An agent repeats the token that it was sent wherever its answer may be quoted.
func TestNoErrorOfAnAgentTellsTheToken(t *testing.T) {
	const token = "sk-live-0123456789"
	wrong := func(body string) string { return `{"jsonrpc":"2.0","id":%ID%,"error":` + body + `}` }
	for name, answer := range map[string]string{
		"message":         wrong(`{"code":-32603,"message":"` + token + `"}`),
		"message no text": wrong(`{"code":-32603,"message":["` + token + `"]}`),
		"data":            wrong(`{"code":-32603,"message":"x","data":{"a":"` + token + `"}}`),
		"reason":          wrong(`{"code":1,"data":[{"reason":"` + token + `"}]}`),
		"no object":       wrong(`"` + token + `"`),
		"other id":        `{"jsonrpc":"2.0","id":"` + token + `","result":{}}`,
		"version":         `{"jsonrpc":"` + token + `","id":%ID%,"result":{}}`,
		"no JSON":         `{` + token,
		"a key twice":     `{"` + token + `":1,"` + token + `":2}`,
		"escaped":         wrong(`{"code":1,"message":"\u0073k-live-0123456789"}`),
		"result":          `{"jsonrpc":"2.0","id":%ID%,"result":"` + token + `"}`,
		"kind":            token,
	} {
		p := listen(t, func(w http.ResponseWriter, a asked) {
			kind := "application/json"
			if name == "kind" {
				kind = token
			}
			write(w, kind, 200, strings.ReplaceAll(answer, "%ID%", a.id()))
		})
		client, err := web.New(web.Options{AllowLoopbackHTTP: true, Retry: web.Retry{Max: -1}})
		require.NoError(t, err)
		t.Cleanup(client.Close)
		require.NoError(t, client.Own(p.URL))
		require.NoError(t, client.SetCredentials(
			[]web.Credential{{Kind: web.Bearer, Secret: token, Force: true}}))
		made, err := New(Interface{URL: p.URL, Binding: JSONRPC, Version: Current}, client, Options{})
		require.NoError(t, err)
		_, err = made.Call(soon(t), Call{Op: GetTask, Params: []byte(`{"id":"t"}`)})
		var e *problem.Error
		require.ErrorAs(t, err, &e, name)
		assert.NotContains(t, fmt.Sprintf("%v %s %v", e, e.Detail, e.URL), token, name)
		assert.Equal(t, "Bearer "+token, p.requests()[0].Header.Get("Authorization"))
	}
}

// Whoever asks for a stream says who they are, as for everything else.
func TestEveryRequestShowsWhoAsks(t *testing.T) {
	for _, at := range []Interface{{Binding: JSONRPC, Version: Current},
		{Binding: HTTPJSON, Version: Current}, {Binding: JSONRPC, Version: Former}} {
		p := listen(t, func(w http.ResponseWriter, _ asked) {
			write(w, "application/json", 503, "{}")
		})
		client, err := web.New(web.Options{AllowLoopbackHTTP: true, Retry: web.Retry{Max: -1}})
		require.NoError(t, err)
		t.Cleanup(client.Close)
		require.NoError(t, client.Own(p.URL))
		require.NoError(t, client.SetCredentials(
			[]web.Credential{{Kind: web.Bearer, Secret: "sk", Force: true}}))
		at.URL = p.URL
		made, err := New(at, client, Options{})
		require.NoError(t, err)
		task := Call{TaskID: "t", Params: []byte(`{"id":"t"}`)}
		for _, op := range []string{GetTask, CancelTask, SubscribeToTask} {
			task.Op = op
			if op == SubscribeToTask {
				_, err = made.Open(soon(t), task)
			} else {
				_, err = made.Call(soon(t), task)
			}
			require.Error(t, err)
		}
		message := []byte(`{"message":{"messageId":"m","role":"ROLE_USER","parts":[{"text":"x"}]}}`)
		_, err = made.Open(soon(t), Call{Op: SendStreamingMessage, Params: message})
		require.Error(t, err)
		for _, a := range p.requests() {
			assert.Equal(t, "Bearer sk", a.Header.Get("Authorization"), a.URL)
		}
		assert.GreaterOrEqual(t, len(p.requests()), 4)
	}
}
