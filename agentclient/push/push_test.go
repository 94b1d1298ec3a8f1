package push

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

const update = `{"statusUpdate":{"taskId":"t-1","contextId":"c-1","status":{"state":` +
	`"TASK_STATE_COMPLETED"},"metadata":{"id":18446744073709551615}}}`

func waits(id string) bool { return id == "t-1" }

func want() Expected {
	return Expected{Token: "s3cret-token", Bearer: "s3cret-bearer", Task: waits}
}

func headers(pairs ...string) map[string][]string {
	all := map[string][]string{}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = append(all[pairs[i]], pairs[i+1])
	}
	return all
}

func whole() map[string][]string {
	return headers("Content-Type", "application/a2a+json; charset=utf-8",
		"A2A-Notification-Token", "s3cret-token", "Authorization", "Bearer s3cret-bearer")
}

func TestANotificationThatWasAgreedOn(t *testing.T) {
	n, err := Verify(whole(), []byte(update), want())
	require.NoError(t, err)
	assert.Equal(t, Notification{Kind: "status", TaskID: "t-1", ContextID: "c-1",
		State: "TASK_STATE_COMPLETED", Raw: []byte(update)}, n)
	for body, kind := range map[string]string{
		`{"task":{"id":"t-1","status":{"state":"TASK_STATE_WORKING"}}}`:                  "task",
		`{"artifactUpdate":{"taskId":"t-1","artifact":{"artifactId":"a","parts":[]}}}`:   "artifact",
		`{"message":{"taskId":"t-1","messageId":"m","role":"ROLE_AGENT","parts":[]}}`:    "message",
		` {"task":{"id":"t-1","status":{"state":"TASK_STATE_WORKING"}},"unknown":null} `: "task",
	} {
		n, err := Verify(whole(), []byte(body), want())
		require.NoError(t, err, body)
		assert.Equal(t, kind, n.Kind)
	}
}

func TestHeadersAreOfAnyCaseAndAge(t *testing.T) {
	for _, h := range []map[string][]string{
		headers("a2a-notification-token", "s3cret-token"),
		headers("X-A2A-NOTIFICATION-TOKEN", "s3cret-token"),
		headers("x-a2a-notification-token", "s3cret-token", "A2A-Notification-Token", "s3cret-token"),
	} {
		_, err := Verify(h, []byte(update), Expected{Token: "s3cret-token", Task: waits})
		assert.NoError(t, err)
	}
	for _, value := range []string{"Bearer s3cret-bearer", "bearer  s3cret-bearer",
		"BEARER s3cret-bearer"} {
		_, err := Verify(headers("AUTHORIZATION", value), []byte(update),
			Expected{Bearer: "s3cret-bearer", Task: waits})
		assert.NoError(t, err, value)
	}
}

// refused requires an error of a code that tells no secret.
func refused(t *testing.T, code problem.Code, h map[string][]string, body string, e Expected) {
	t.Helper()
	_, err := Verify(h, []byte(body), e)
	require.Equal(t, code, problem.CodeOf(err), "%v %.100s", h, body)
	shown := fmt.Sprintf("%v %+v %#v %s", err, err, e, e)
	for _, secret := range []string{"s3cret", "gue55"} {
		assert.NotContains(t, shown, secret)
	}
	assert.Less(t, len(err.Error()), 2500) // 300 characters, escaped
	assert.NotContains(t, err.Error(), "\n")
}

func TestWithoutASecretNothingIsChecked(t *testing.T) {
	for _, e := range []Expected{{}, {Task: waits}, {Token: "s3cret"}, {Bearer: "s3cret"}} {
		refused(t, problem.InvalidArgument, whole(), update, e)
	}
}

func TestWithoutTheSecretNothingIsTaken(t *testing.T) {
	token := Expected{Token: "s3cret-token", Task: waits}
	refused(t, problem.Unauthenticated, nil, update, token)
	refused(t, problem.Unauthenticated, headers("Authorization", "Bearer s3cret-token"), update, token)
	for _, guess := range []string{"", "gue55", "s3cret-toke", "s3cret-token ", "S3cret-token",
		"s3cret-tokenx", strings.Repeat("gue55", 1e5)} {
		refused(t, problem.PermissionDenied, headers("A2A-Notification-Token", guess), update, token)
	}
	refused(t, problem.PermissionDenied, headers("A2A-Notification-Token", "s3cret-token",
		"a2a-notification-token", "gue55"), update, token)
	refused(t, problem.PermissionDenied, headers("A2A-Notification-Token", "s3cret-token",
		"X-A2A-Notification-Token", "gue55"), update, token)
	bearer := Expected{Bearer: "s3cret-bearer", Task: waits}
	refused(t, problem.Unauthenticated, headers("A2A-Notification-Token", "s3cret-bearer"), update,
		bearer)
	for _, guess := range []string{"", "Bearer", "Bearer ", "Basic s3cret-bearer", "s3cret-bearer",
		"Bearer gue55", "Bearer\ts3cret-bearer"} {
		refused(t, problem.PermissionDenied, headers("Authorization", guess), update, bearer)
	}
	refused(t, problem.PermissionDenied, headers("Authorization", "Bearer s3cret-bearer",
		"Authorization", "Bearer s3cret-bearer"), update, bearer)
	half := whole()
	delete(half, "Authorization")
	refused(t, problem.Unauthenticated, half, update, want())
}

func TestHostileBodies(t *testing.T) {
	for body, code := range map[string]problem.Code{
		"":                      problem.InvalidAgentResponse,
		"null":                  problem.InvalidAgentResponse,
		"[]":                    problem.InvalidAgentResponse,
		"{}":                    problem.InvalidAgentResponse,
		`{"later":{}}`:          problem.InvalidAgentResponse,
		`{"task":{"id":"t-1"}}`: problem.InvalidAgentResponse,
		`{"task":{},"task":{}}`: problem.InvalidAgentResponse,
		`{"task":{"id":"t-1","status":{}},"message":{}}`:             problem.InvalidAgentResponse,
		`{"statusUpdate":{"taskId":7,"status":{}}}`:                  problem.InvalidAgentResponse,
		`{"Task":{"id":"t-1","status":{}}}`:                          problem.InvalidAgentResponse,
		strings.Repeat("[", 1e6):                                     problem.InvalidAgentResponse,
		"\xef\xbb\xbf" + update:                                      problem.InvalidAgentResponse,
		update + update:                                              problem.InvalidAgentResponse,
		strings.Replace(update, "t-1", "t-2", 1):                     problem.TaskNotFound,
		strings.Replace(update, "t-1", strings.Repeat(`\n`, 1e5), 1): problem.TaskNotFound,
		`{"message":{"messageId":"m"}}`:                              problem.TaskNotFound,
		update + strings.Repeat(" ", MostBody):                       problem.ResponseTooLarge,
	} {
		refused(t, code, whole(), body, want())
	}
	for _, kind := range []string{"text/html", "application/x-www-form-urlencoded", ";", "gue\n55"} {
		h := whole()
		h["content-TYPE"] = []string{kind}
		_, err := Verify(h, []byte(update), want())
		assert.Equal(t, problem.InvalidAgentResponse, problem.CodeOf(err), kind)
	}
	none := whole()
	delete(none, "Content-Type")
	_, err := Verify(none, []byte(update), want())
	assert.NoError(t, err)
}

// As a web server would: what net/http received.
func TestBehindAServer(t *testing.T) {
	results := make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MostBody))
		assert.NoError(t, err)
		_, err = Verify(r.Header, body, want())
		results <- err
	}))
	defer server.Close()
	for _, token := range []string{"s3cret-token", "gue55"} {
		post, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL,
			strings.NewReader(update))
		require.NoError(t, err)
		post.Header = http.Header(whole()).Clone()
		post.Header.Set("A2A-Notification-Token", token)
		answer, err := server.Client().Do(post)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		if err = <-results; token == "gue55" {
			assert.Equal(t, problem.PermissionDenied, problem.CodeOf(err))
		} else {
			assert.NoError(t, err)
		}
	}
}
