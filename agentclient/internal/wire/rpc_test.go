package wire

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

func rpcAt(p *peer) Interface {
	return Interface{URL: p.URL + "/rpc", Binding: JSONRPC, Version: Current}
}

func TestPayloadsAreNotChanged(t *testing.T) {
	const task = `{"id":"t1","status":{"state":"TASK_STATE_WORKING"},"n":18446744073709551615,` +
		`"later":{"x":[1.50,9007199254740993]}}`
	p := listen(t, func(w http.ResponseWriter, a asked) { result(w, a, task) })
	at := rpcAt(p)
	at.Tenant = "acme corp"
	line := transport(t, at, Options{Extensions: []string{"https://x.example/a"}})
	got, err := line.Call(soon(t), Call{Op: GetTask,
		Params: json.RawMessage(`{"id":"t1","historyLength":2,"tenant":"other"}`),
		Header: http.Header{"A2a-Extensions": {"https://x.example/b,https://x.example/a"},
			"traceparent": {"00-1-2-01"}}})
	require.NoError(t, err)
	assert.Equal(t, task, text(got))
	a := p.requests()[0]
	assert.Equal(t, "POST /rpc", a.Method+" "+a.URL.String())
	assert.Equal(t, `"GetTask"`, text(a.body["method"]))
	assert.JSONEq(t, `{"id":"t1","historyLength":2,"tenant":"acme corp"}`, text(a.body["params"]))
	assert.Equal(t, "1.0", a.Header.Get("A2A-Version"))
	assert.Equal(t, []string{"https://x.example/a, https://x.example/b"}, a.Header["A2a-Extensions"])
	assert.Equal(t, "00-1-2-01", a.Header.Get("traceparent"))
	assert.Equal(t, "application/json", a.Header.Get("Content-Type"))
}

// a2a-go answers the removal of an address with no result at all; nothing else may.
func TestAnAnswerOfNothing(t *testing.T) {
	p := listen(t, func(w http.ResponseWriter, a asked) {
		write(w, "application/json", 200, `{"jsonrpc":"2.0","id":`+a.id()+`}`)
	})
	line := transport(t, rpcAt(p), Options{})
	params := json.RawMessage(`{"taskId":"t1","id":"7"}`)
	got, err := line.Call(soon(t), Call{Op: DeletePush, TaskID: "t1", Params: params})
	require.NoError(t, err)
	assert.Equal(t, "{}", text(got))
	_, err = line.Call(soon(t), Call{Op: GetTask, Params: json.RawMessage(`{"id":"t1"}`)})
	assert.Equal(t, problem.InvalidAgentResponse, problem.CodeOf(err))
}
