package agents

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"
)

const posted = `{"statusUpdate":{"taskId":"t-1","contextId":"c","status":{"state":` +
	`"TASK_STATE_WORKING"},"metadata":{"n":18446744073709551615}}}`

func coded(text string) string {
	return `"` + base64.StdEncoding.EncodeToString([]byte(text)) + `"`
}

func TestWhatWasPostedIsAnUpdate(t *testing.T) {
	said, made := do(t, "verify_push", nil, `{"headers":{"a2a-notification-token":["s3cret"]},
		"body":`+coded(posted)+`,"token":"s3cret"}`)
	require.Nil(t, made)
	require.JSONEq(t, `{"kind":"status","task_id":"t-1","raw":`+posted+`}`, string(said))
	require.Contains(t, string(said), "18446744073709551615")
	for request, code := range map[string]string{
		`{"body":` + coded(posted) + `,"token":"s3cret"}`: "Unauthenticated",
		`{"body":` + coded(posted) + `}`:                  "InvalidArgument",
		`{"headers":{"a2a-notification-token":["s3cret"]},"body":` + coded("{}") +
			`,"token":"s3cret"}`: "InvalidAgentResponse",
		`{"headers":{"a2a-notification-token":["gue55"]},"body":` + coded(posted) +
			`,"token":"s3cret"}`: "PermissionDenied",
		`{"body":"?"}`: "InvalidArgument", `{`: "InvalidArgument",
	} {
		require.Equal(t, code, fails(t, "verify_push", nil, request), request)
	}
}

func TestACardIsJudgedWithoutAnAgent(t *testing.T) {
	card := coded(`{"name":"a","description":"b","version":"1","supportedInterfaces":[{"url":` +
		`"https://a.example/","protocolBinding":"JSONRPC","protocolVersion":"1.0"}],` +
		`"capabilities":{},"defaultInputModes":[],"defaultOutputModes":[],"skills":[]}`)
	said, made := do(t, "verify_card", nil, `{"card":`+card+`,"trust":{"kind":"tls"}}`)
	require.Nil(t, made)
	require.Contains(t, string(said), `"level":"unsigned"`)
	require.Contains(t, string(said), `"name":"a"`)
	for request, code := range map[string]string{
		`{"card":` + card + `,"trust":{"kind":"require","all":[]}}`: "CardUntrusted",
		`{"card":` + card + `,"trust":{"kind":"mine"}}`:             "InvalidArgument",
		`{"card":` + coded("{}") + `,"trust":{"kind":"tls"}}`:       "CardInvalid",
		`[]`: "InvalidArgument",
	} {
		require.Equal(t, code, fails(t, "verify_card", nil, request), request)
	}
}
