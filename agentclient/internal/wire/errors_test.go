package wire

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// fails asks a peer that answers with this error, in the dialect of the interface.
func fails(t *testing.T, version, text string) *problem.Error {
	p := listen(t, func(w http.ResponseWriter, a asked) {
		write(w, "application/json", 200, `{"jsonrpc":"2.0","id":`+a.id()+`,"error":`+text+`}`)
	})
	at := rpcAt(p)
	at.Version = version
	_, err := transport(t, at, Options{}).Call(soon(t), Call{Op: GetTask,
		Params: params(`{"id":"t1"}`)})
	var e *problem.Error
	require.ErrorAs(t, err, &e)
	return e
}

// Specification, section 5.4: the reason decides, then the number.
func TestWhatErrorsMean(t *testing.T) {
	for text, want := range map[string]problem.Code{
		`{"code":-32001}`: problem.TaskNotFound, `{"code":-32002}`: problem.TaskNotCancelable,
		`{"code":-32003}`: problem.PushNotSupported, `{"code":-32004}`: problem.UnsupportedOperation,
		`{"code":-32005}`: problem.ContentTypeNotSupported,
		`{"code":-32006}`: problem.InvalidAgentResponse,
		`{"code":-32007}`: problem.ExtendedCardNotConfigured,
		`{"code":-32008}`: problem.ExtensionRequired, `{"code":-32009}`: problem.VersionNotSupported,
		`{"code":-32700}`: problem.OtherPeerError, `{"code":-32600}`: problem.OtherPeerError,
		`{"code":-32601}`: problem.MethodNotFound, `{"code":-32602}`: problem.InvalidParams,
		`{"code":-32603}`: problem.PeerInternalError, `{"code":-31401}`: problem.Unauthenticated,
		`{"code":-31403}`: problem.PermissionDenied, `{"code":-1}`: problem.OtherPeerError,
	} {
		assert.Equal(t, want, fails(t, Current, text).Code, text)
	}
	for _, c := range []struct {
		text string
		want problem.Code
	}{
		{`{"code":-32603,"data":[{"reason":"TASK_NOT_FOUND","domain":"a2a-protocol.org"}]}`,
			problem.TaskNotFound},
		{`{"code":-32603,"data":[{},7,{"reason":"VERSION_NOT_SUPPORTED"}]}`,
			problem.VersionNotSupported},
		{`{"code":-32603,"data":{"reason":"TASK_NOT_CANCELABLE"}}`, problem.TaskNotCancelable},
		{`{"code":-32001,"data":[{"reason":"TASK_NOT_CANCELABLE","domain":"evil.example"}]}`,
			problem.TaskNotFound},
		{`{"code":-32001,"data":[{"reason":"SOMETHING_NEW"}]}`, problem.TaskNotFound},
	} {
		assert.Equal(t, c.want, fails(t, Current, c.text).Code, c.text)
	}
}

// H11: errors of every shape are errors, with what is known.
func TestErrorsOfAnyShape(t *testing.T) {
	for text, want := range map[string]problem.Code{
		`{"code":"-32001","message":"x"}`:   problem.TaskNotFound,
		`{"code":-32001.0}`:                 problem.TaskNotFound,
		`{"code":-32001,"message":{"a":1}}`: problem.TaskNotFound,
		`{"code":-32001,"message":["a"]}`:   problem.TaskNotFound,
		`{"code":-32001,"data":"text"}`:     problem.TaskNotFound,
		`{"code":-32001,"data":null}`:       problem.TaskNotFound,
		`{"code":-32001,"data":{"a":1}}`:    problem.TaskNotFound,
		`{"code":-32001,"data":[[[]]]}`:     problem.TaskNotFound,
		`{"code":[]}`:                       problem.OtherPeerError, `{}`: problem.OtherPeerError,
		`"broken"`: problem.OtherPeerError, `[1]`: problem.OtherPeerError, `7`: problem.OtherPeerError,
		`true`: problem.OtherPeerError, `{"code":1e300}`: problem.OtherPeerError,
		`{"code":null,"message":null}`: problem.OtherPeerError,
	} {
		e := fails(t, Current, text)
		assert.Equal(t, want, e.Code, text)
		assert.Equal(t, "t1", e.TaskID)
	}
	e := fails(t, Current, `{"code":-32050,"message":"a\u001b[31m\n`+strings.Repeat("b", 5000)+
		`","data":{"k":[9007199254740993]}}`)
	assert.Equal(t, int64(-32050), e.Detail["rpc_code"])
	assert.Equal(t, json.RawMessage(`{"k":[9007199254740993]}`), e.Detail["data"])
	assert.Equal(t, int64(200), e.Detail["status"])
	assert.Less(t, len(e.Error()), 600)
	assert.NotContains(t, e.Error(), "\x1b")
	huge := fails(t, Current, `{"code":-32001,"message":"x","data":"`+strings.Repeat("x", 1<<20)+`"}`)
	assert.Nil(t, huge.Detail["data"])
	many := `[` + strings.Repeat(`{"reason":"TASK_NOT_CANCELABLE"},`, 100) + `{}]`
	assert.Equal(t, problem.TaskNotFound, fails(t, Current, `{"code":-32001,"data":`+many+`}`).Code)
}

// H19: a peer that speaks another dialect than its card says; nothing is tried behind the caller's
// back.
func TestErrorsSayWhichDialectToTry(t *testing.T) {
	unknown := `{"code":-32601,"message":"Method not found: SendMessage"}`
	assert.Contains(t, fails(t, Current, unknown).Error(), "versions=('0.3',)")
	assert.Contains(t, fails(t, Former, unknown).Error(), "versions=('1.0',)")
	assert.Contains(t, fails(t, Rvagent, unknown).Error(), "dialect='a2a'")
	e := fails(t, Current, `{"code":-32600,"message":"json-rpc: method not found: GetTask"}`)
	assert.Equal(t, problem.MethodNotFound, e.Code)
	assert.Contains(t, e.Error(), "rvagent-0.1")
	assert.Equal(t, problem.OtherPeerError, fails(t, Current, `{"code":-32600,"message":"no"}`).Code)
	assert.Contains(t, fails(t, Current, `{"code":-32009}`).Error(), "0.3")
	assert.Equal(t, []string{}, fails(t, Current, `{"code":-32008}`).Detail["uris"])
	assert.Equal(t, []string{}, fails(t, Current, `{"code":-31401}`).Detail["challenges"])
}

// Section 4: rvagent gives the numbers other meanings.
func TestNumbersOfTheOldestDialect(t *testing.T) {
	for text, want := range map[string]problem.Code{
		`{"code":-32001}`: problem.Unauthenticated, `{"code":-32002}`: problem.PolicyViolation,
		`{"code":-32003}`: problem.BudgetExceeded, `{"code":-32004}`: problem.RecursionLimit,
		`{"code":-32005}`: problem.ArtifactVersionUnsupported,
		`{"code":-32006}`: problem.CardSignatureInvalid, `{"code":-32010}`: problem.TaskNotFound,
		`{"code":-32011}`: problem.PeerInternalError, `{"code":-32012}`: problem.PeerInternalError,
		`{"code":-32602}`: problem.InvalidParams, `{"code":-32013}`: problem.OtherPeerError,
		`{"code":-32600,"message":"method not found: x"}`: problem.MethodNotFound,
	} {
		assert.Equal(t, want, fails(t, Rvagent, text).Code, text)
	}
}
