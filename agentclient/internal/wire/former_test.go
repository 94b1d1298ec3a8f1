package wire

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

func formerAt(p *peer) Interface {
	return Interface{URL: p.URL, Binding: JSONRPC, Version: Former}
}

// parts are one of each kind, in 1.0 and in 0.3.
var parts = [][2]string{
	{`{"text":"a"}`, `{"kind":"text","text":"a"}`},
	{`{"text":"","metadata":{"x":1}}`, `{"kind":"text","text":"","metadata":{"x":1}}`},
	{`{"text":"# a","mediaType":"text/markdown","filename":"a.md"}`,
		`{"kind":"text","text":"# a","metadata":{"mediaType":"text/markdown","filename":"a.md"}}`},
	{`{"raw":"AAE=","mediaType":"image/png","filename":"a.png","metadata":{"x":1}}`,
		`{"kind":"file","file":{"bytes":"AAE=","mimeType":"image/png","name":"a.png"},` +
			`"metadata":{"x":1}}`},
	{`{"url":"https://x/y"}`, `{"kind":"file","file":{"uri":"https://x/y"}}`},
	{`{"data":{"n":9007199254740993}}`, `{"kind":"data","data":{"n":9007199254740993}}`},
	{`{"data":{"a":1},"mediaType":"application/x","metadata":{"k":2}}`,
		`{"kind":"data","data":{"a":1},"metadata":{"k":2,"mediaType":"application/x"}}`},
	{`{"data":[1.50]}`, `{"kind":"data","data":{"value":[1.50]},` +
		`"metadata":{"data_part_compat":true}}`},
	{`{"data":null}`, `{"kind":"data","data":{"value":null},"metadata":{"data_part_compat":true}}`},
	{`{"data":"s","metadata":{"x":1}}`,
		`{"kind":"data","data":{"value":"s"},"metadata":{"data_part_compat":true,"x":1}}`},
	{`{"later":{"x":1}}`, `{"later":{"x":1}}`},
}

// states are all states, in 1.0 and in 0.3.
var states = [][2]string{{"TASK_STATE_SUBMITTED", "submitted"}, {"TASK_STATE_WORKING", "working"},
	{"TASK_STATE_COMPLETED", "completed"}, {"TASK_STATE_FAILED", "failed"},
	{"TASK_STATE_CANCELED", "canceled"}, {"TASK_STATE_REJECTED", "rejected"},
	{"TASK_STATE_INPUT_REQUIRED", "input-required"}, {"TASK_STATE_AUTH_REQUIRED", "auth-required"},
	{"TASK_STATE_UNSPECIFIED", "unknown"}, {"paused-for-tea", "paused-for-tea"}}

// Every part goes out and comes back as it was.
func TestPartsOfTheFormerVersion(t *testing.T) {
	for _, pair := range parts {
		out, err := object(partOut)([]byte(pair[0]))
		require.NoError(t, err)
		assert.JSONEq(t, pair[1], string(out))
		back, err := object(partIn)(out)
		require.NoError(t, err)
		assert.JSONEq(t, pair[0], string(back))
		for _, number := range []string{"9007199254740993", "1.50"} {
			assert.Equal(t, strings.Contains(pair[0], number), strings.Contains(string(back), number))
		}
	}
	for in, want := range map[string]string{
		`{"kind":"hologram","x":1}`:                  `{"kind":"hologram","x":1}`,
		`{"kind":"file"}`:                            `{"kind":"file"}`,
		`{"kind":"data","data":{},"metadata":null}`:  `{"data":{},"metadata":null}`,
		`{"kind":"data","data":7,"metadata":{}}`:     `{"data":7,"metadata":{}}`,
		`{"kind":"text","text":"a","metadata":"no"}`: `{"text":"a","metadata":"no"}`,
		`{"kind":"data","data":7,"metadata":{"data_part_compat":true}}`: `{"data":7,` +
			`"metadata":{"data_part_compat":true}}`,
	} {
		got, err := object(partIn)([]byte(in))
		require.NoError(t, err)
		assert.JSONEq(t, want, string(got))
	}
	for _, bad := range []string{`[]`, `{"kind":7}`, `{"kind":"file","file":[]}`} {
		_, err := object(partIn)([]byte(bad))
		assert.Error(t, err, bad)
	}
}

func TestStatesOfTheFormerVersion(t *testing.T) {
	for _, pair := range states {
		for _, data := range []string{
			`{"kind":"status-update","taskId":"t","contextId":"c","final":true,"status":{"state":%q}}`,
			`{"kind":"task","id":"t","status":{"state":%q}}`} {
			event, err := former{}.event([]byte(fmt.Sprintf(data, pair[1])))
			require.NoError(t, err)
			assert.Contains(t, string(event), `"status":{"state":"`+pair[0]+`"}`)
			assert.NotContains(t, string(event), "final")
			assert.NotContains(t, string(event), "kind")
		}
	}
	assert.Equal(t, "TASK_STATE_CANCELED", stateIn("cancelled"))
	event, err := former{}.event([]byte(`{"kind":"status-update","status":{"state":7}}`))
	require.NoError(t, err)
	assert.JSONEq(t, `{"statusUpdate":{"status":{"state":7}}}`, string(event))
}

// Whole tasks, messages and events, with what this version does not know.
func TestEventsOfTheFormerVersion(t *testing.T) {
	message := `{"kind":"message","messageId":"m","role":"agent","parts":[{"kind":"text",` +
		`"text":"a"}],` +
		`"contextId":"c","taskId":"t","extensions":["u"],"referenceTaskIds":["r"],` +
		`"metadata":{"k":1},"x":2}`
	message10 := `{"messageId":"m","role":"ROLE_AGENT","parts":[{"text":"a"}],` +
		`"contextId":"c","taskId":"t","extensions":["u"],"referenceTaskIds":["r"],` +
		`"metadata":{"k":1},"x":2}`
	artifact := `{"artifactId":"a","name":"n","parts":[{"kind":"data",` +
		`"data":{"v":18446744073709551615}}]}`
	artifact10 := `{"artifactId":"a","name":"n","parts":[{"data":{"v":18446744073709551615}}]}`
	task := `{"kind":"task","id":"t","contextId":"c","status":{"state":"working","timestamp":"T",` +
		`"message":` + message + `},"artifacts":[` + artifact + `],"history":[` + message + `],` +
		`"metadata":{"k":1},"x":2}`
	task10 := `{"id":"t","contextId":"c","status":{"state":"TASK_STATE_WORKING","timestamp":"T",` +
		`"message":` + message10 + `},"artifacts":[` + artifact10 + `],"history":[` + message10 +
		`],"metadata":{"k":1},"x":2}`
	for _, c := range []struct{ in, want string }{
		{task, `{"task":` + task10 + `}`},
		{`{"id":"t","status":{}}`, `{"task":{"id":"t","status":{}}}`},
		{message, `{"message":` + message10 + `}`},
		{`{"role":"user","parts":[]}`, `{"message":{"role":"ROLE_USER","parts":[]}}`},
		{`{"role":"wizard","parts":[]}`, `{"message":{"role":"wizard","parts":[]}}`},
		{`{"kind":"artifact-update","taskId":"t","append":true,"lastChunk":false,"artifact":` +
			artifact + `}`, `{"artifactUpdate":{"taskId":"t","append":true,"lastChunk":false,` +
			`"artifact":` + artifact10 + `}}`},
		{`{"kind":"status-update","status":{"state":"failed","message":` + message + `}}`,
			`{"statusUpdate":{"status":{"state":"TASK_STATE_FAILED","message":` + message10 + `}}}`},
		{`{"kind":"poem","x":1}`, `{"kind":"poem","x":1}`},
		{`{}`, `{}`},
	} {
		got, err := former{}.event([]byte(c.in))
		require.NoError(t, err, c.in)
		assert.JSONEq(t, c.want, string(got))
		assert.Equal(t, strings.Contains(c.in, "18446744073709551615"),
			strings.Contains(string(got), "18446744073709551615"))
	}
	for _, bad := range []string{`[]`, `7`, `{"kind":[]}`, `{"kind":"task","status":7}`,
		`{"kind":"task","history":{}}`, `{"kind":"task","artifacts":[7]}`,
		`{"kind":"message","parts":[[]]}`, `{"kind":"task","status":{"message":[]}}`} {
		_, err := former{}.event([]byte(bad))
		assert.Error(t, err, bad)
	}
}

// Section 1.2 and version 0.3: the parameters of every operation.
func TestRequestsOfTheFormerVersion(t *testing.T) {
	for _, c := range []struct{ op, in, method, want string }{
		{SendMessage, `{"tenant":"x","message":{"messageId":"m","role":"ROLE_USER",` +
			`"parts":[{"text":"a"}],` +
			`"taskId":"t"},"metadata":{"k":1}}`, "message/send",
			`{"message":{"kind":"message","messageId":"m","role":"user","taskId":"t",` +
				`"parts":[{"kind":"text","text":"a"}]},"metadata":{"k":1},"configuration":{"blocking":true}}`},
		{SendMessage, `{"message":{"role":"ROLE_AGENT","parts":[]},` +
			`"configuration":{"returnImmediately":true,` +
			`"acceptedOutputModes":["text"],"historyLength":2,` +
			`"taskPushNotificationConfig":{"url":"https://u",` +
			`"token":"k","tenant":"z","taskId":"","authentication":{"scheme":"Bearer",` +
			`"credentials":"c"}}}}`,
			"message/send", `{"message":{"kind":"message","role":"agent","parts":[]},"configuration":{` +
				`"blocking":false,"acceptedOutputModes":["text"],"historyLength":2,` +
				`"pushNotificationConfig":{` +
				`"url":"https://u","token":"k","authentication":{"schemes":["Bearer"],"credentials":"c"}}}}`},
		{GetTask, `{"id":"t","historyLength":3}`, "tasks/get", `{"id":"t","historyLength":3}`},
		{CancelTask, `{"id":"t","metadata":{}}`, "tasks/cancel", `{"id":"t","metadata":{}}`},
		{CreatePush, `{"taskId":"t","id":"c","url":"https://u","authentication":{}}`,
			"tasks/pushNotificationConfig/set",
			`{"taskId":"t","pushNotificationConfig":{"id":"c","url":"https://u","authentication":{}}}`},
		{GetPush, `{"taskId":"t","id":"c"}`, "tasks/pushNotificationConfig/get",
			`{"id":"t","pushNotificationConfigId":"c"}`},
		{ListPush, `{"taskId":"t","pageSize":3}`, "tasks/pushNotificationConfig/list", `{"id":"t"}`},
		{DeletePush, `{"taskId":"t","id":"c"}`, "tasks/pushNotificationConfig/delete",
			`{"id":"t","pushNotificationConfigId":"c"}`},
		{GetExtendedCard, `{}`, "agent/getAuthenticatedExtendedCard", `{}`},
	} {
		p := listen(t, func(w http.ResponseWriter, a asked) { result(w, a, `{"kind":"task"}`) })
		at := formerAt(p)
		at.Tenant = "acme"
		line := transport(t, at, Options{Extensions: []string{"https://x.example/a"}})
		_, err := line.Call(soon(t), Call{Op: c.op, Params: params(c.in)})
		require.NoError(t, err, c.op)
		a := p.requests()[0]
		assert.Equal(t, `"`+c.method+`"`, string(a.body["method"]))
		assert.JSONEq(t, c.want, string(a.body["params"]))
		assert.Empty(t, a.Header.Values("A2A-Version"))
		assert.Empty(t, a.Header.Values("A2A-Extensions"))
		assert.Equal(t, "https://x.example/a", a.Header.Get("X-A2A-Extensions"))
	}
	p := listen(t, nil)
	line := transport(t, formerAt(p), Options{})
	_, err := line.Call(soon(t), Call{Op: ListTasks})
	assert.Contains(t, detail(t, err, problem.UnsupportedOperation).Error(), "0.3 has no ListTasks")
	for op, bad := range map[string]string{SendMessage: `{"message":{"parts":{}}}`,
		SendStreamingMessage: `{"message":7}`, CreatePush: `{"taskId":"t","authentication":7}`} {
		_, err := line.Call(soon(t), Call{Op: op, Params: params(bad)})
		detail(t, err, problem.InvalidArgument)
		_, err = line.Call(soon(t), Call{Op: SendMessage,
			Params: params(`{"configuration":{"returnImmediately":7}}`)})
		detail(t, err, problem.InvalidArgument)
	}
}

// The results of every operation arrive as those of 1.0.
func TestResultsOfTheFormerVersion(t *testing.T) {
	push := `{"taskId":"t","pushNotificationConfig":{"id":"c","url":"https://u",` +
		`"authentication":{"schemes":["Bearer","x"],"credentials":"s"}}}`
	push10 := `{"taskId":"t","id":"c","url":"https://u","authentication":{"scheme":"Bearer",` +
		`"credentials":"s"}}`
	for _, c := range []struct{ op, in, want string }{
		{SendMessage, `{"kind":"task","id":"t","status":{"state":"working"}}`,
			`{"task":{"id":"t","status":{"state":"TASK_STATE_WORKING"}}}`},
		{SendMessage, `{"kind":"message","role":"agent","parts":[]}`,
			`{"message":{"role":"ROLE_AGENT","parts":[]}}`},
		{GetTask, `{"kind":"task","id":"t","status":{"state":"completed"}}`,
			`{"id":"t","status":{"state":"TASK_STATE_COMPLETED"}}`},
		{CancelTask, `{"kind":"task","id":"t"}`, `{"id":"t"}`},
		{CreatePush, push, push10}, {GetPush, push, push10},
		{ListPush, `[` + push + `]`, `{"configs":[` + push10 + `]}`},
		{ListPush, `{"configs":[]}`, `{"configs":[]}`},
		{DeletePush, `null`, `{}`},
		{GetExtendedCard, `{"url":"u","security":[{}]}`, `{"url":"u","security":[{}]}`},
	} {
		p := listen(t, func(w http.ResponseWriter, a asked) { result(w, a, c.in) })
		got, err := transport(t, formerAt(p), Options{}).Call(soon(t),
			Call{Op: c.op, Params: params(`{"id":"i","taskId":"t"}`)})
		require.NoError(t, err, c.op)
		assert.JSONEq(t, c.want, string(got))
	}
	for op, bad := range map[string]string{SendMessage: `{"kind":"poem"}`, GetTask: `[]`,
		CancelTask: `{"status":[]}`, ListPush: `[7]`, GetPush: `{"pushNotificationConfig":7}`,
		CreatePush: `{"authentication":{"schemes":7}}`} {
		p := listen(t, func(w http.ResponseWriter, a asked) { result(w, a, bad) })
		_, err := transport(t, formerAt(p), Options{}).Call(soon(t),
			Call{Op: op, Params: params(`{"id":"i","taskId":"t"}`)})
		detail(t, err, problem.InvalidAgentResponse)
	}
}

func TestAStreamOfTheFormerVersion(t *testing.T) {
	p := listen(t, func(w http.ResponseWriter, a asked) {
		write(w, "text/event-stream", 200, strings.ReplaceAll(
			`data: {"jsonrpc":"2.0","id":%ID%,"result":{"kind":"task","id":"t",`+
				`"status":{"state":"working"}}}`+
				"\n\n"+`data: {"jsonrpc":"2.0","id":%ID%,"result":{"kind":"status-update","taskId":"t",`+
				`"status":{"state":"completed"},"final":true}}`+"\n\n"+
				`data: {"jsonrpc":"2.0","id":%ID%,"result":{"kind":"task","status":7}}`+"\n\n",
			"%ID%", a.id()))
	})
	feed, err := transport(t, formerAt(p), Options{}).Open(soon(t),
		Call{Op: SubscribeToTask, Params: params(`{"id":"t"}`)})
	require.NoError(t, err)
	got, err := all(t, feed)
	detail(t, err, problem.InvalidAgentResponse)
	assert.Equal(t, []string{`{"task":{"id":"t","status":{"state":"TASK_STATE_WORKING"}}}`,
		`{"statusUpdate":{"status":{"state":"TASK_STATE_COMPLETED"},"taskId":"t"}}`}, got)
	assert.Equal(t, `"tasks/resubscribe"`, string(p.requests()[0].body["method"]))
	one := listen(t, func(w http.ResponseWriter, a asked) {
		result(w, a, `{"kind":"message","role":"agent","parts":[]}`)
	})
	feed, err = transport(t, formerAt(one), Options{}).Open(soon(t),
		Call{Op: SendStreamingMessage, Params: params(hello)})
	require.NoError(t, err)
	got, err = all(t, feed)
	require.NoError(t, err)
	assert.Equal(t, []string{`{"message":{"parts":[],"role":"ROLE_AGENT"}}`}, got)
	assert.Equal(t, `"message/stream"`, string(one.requests()[0].body["method"]))
}

// A rewriting leaves its input alone: the caller may send it again.
func TestParametersAreNotChanged(t *testing.T) {
	given, err := raw.Parse([]byte(hello))
	require.NoError(t, err)
	before := string(raw.Of(given))
	_, err = former{}.params(SendMessage, given)
	require.NoError(t, err)
	_, err = oldestDialect{}.params(SendMessage, given)
	require.NoError(t, err)
	assert.Equal(t, before, string(raw.Of(given)))
	assert.True(t, json.Valid([]byte(before)))
}
