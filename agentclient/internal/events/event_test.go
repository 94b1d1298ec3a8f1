package events

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// parse takes an event apart that a test wrote.
func parse(t *testing.T, text string) Event {
	t.Helper()
	require.NoError(t, raw.Check([]byte(text)), text)
	e, err := Parse([]byte(text))
	require.NoError(t, err, text)
	return e
}

func TestEventsAreTakenApart(t *testing.T) {
	e := parse(t, `{"task":{"id":"t1","contextId":"c1","status":{"state":"TASK_STATE_WORKING"},
		"metadata":{"k":9007199254740993}}}`)
	assert.Equal(t, []any{KindTask, "t1", "c1", Working, "9007199254740993"},
		[]any{e.Kind, e.TaskID, e.ContextID, e.State, string(e.Metadata["k"])})
	e = parse(t, `{"statusUpdate":{"taskId":"t1","contextId":"c1","final":true,
		"status":{"state":"x"}}}`)
	assert.Equal(t, []any{KindStatus, "t1", "c1", State("x")},
		[]any{e.Kind, e.TaskID, e.ContextID, e.State})
	e = parse(t, `{"artifactUpdate":{"taskId":"t1","append":true,"metadata":{"u":1},
		"artifact":{"artifactId":"a","parts":[{"text":"x"}]}},"statusUpdate":null}`)
	assert.Equal(t, []any{KindArtifact, "t1", "", State(""), true, 1},
		[]any{e.Kind, e.TaskID, e.ContextID, e.State, e.more, len(e.parts)})
	e = parse(t, `{"message":{"messageId":"m","role":"ROLE_AGENT","parts":[],"contextId":"c"}}`)
	assert.Equal(t, []any{KindMessage, "", "c"}, []any{e.Kind, e.TaskID, e.ContextID})
	e, err := TaskEvent(json.RawMessage(`{"id":"t","status":{"state":"TASK_STATE_FAILED"}}`))
	require.NoError(t, err)
	assert.Equal(t, []any{KindTask, Failed}, []any{e.Kind, e.State})
}

func TestStatesAreNamesOrNumbers(t *testing.T) {
	for text, want := range map[string]State{
		`"TASK_STATE_COMPLETED"`: Completed, `3`: Completed, ` 8 `: AuthRequired, `0`: Unspecified,
		`"TASK_STATE_CANCELLED"`: Canceled, `"TASK_STATE_SLEEPING"`: "TASK_STATE_SLEEPING", `77`: "77",
		`null`: Unspecified, `{}`: Unspecified, ``: Unspecified, `"working"`: "working",
	} {
		assert.Equal(t, want, stateOf(json.RawMessage(text)), text)
	}
	for state, want := range map[State][3]bool{
		Completed: {true, false, true}, Failed: {true, false, true}, Canceled: {true, false, true},
		Rejected: {true, false, true}, InputRequired: {false, true, true},
		AuthRequired: {false, true, true}, Working: {}, Submitted: {}, Unspecified: {}, "else": {},
	} {
		assert.Equal(t, want, [3]bool{state.Terminal(), state.Interrupted(), state.Ended()}, state)
	}
}

func TestWhatIsNoEventIsRefused(t *testing.T) {
	for text, says := range map[string]string{
		`null`: "null where an object should be",
		`[]`:   "array where an object",

		`{"task":{"id":"a","status":{}},"message":{}}`: "both message and another kind",

		`{"task":3}`:                       "the task is number where an object",
		`{"task":{"status":{}}}`:           "id is missing",
		`{"task":{"id":7,"status":{}}}`:    "id: number where a string",
		`{"task":{"id":"a"}}`:              "status is missing",
		`{"task":{"id":"a","history":1}}`:  "history: number where an array",
		`{"task":{"id":"a","status":"x"}}`: "status: string where an object",

		`{"task":{"id":"a","status":{},"artifacts":{}}}`: "artifacts: object where an array",

		`{"statusUpdate":{"taskId":"a"}}`:                  "status is missing",
		`{"statusUpdate":{"taskId":"a","status":[]}}`:      "status: array where an object",
		`{"statusUpdate":{"taskId":1,"status":{}}}`:        "taskId: number where a string",
		`{"statusUpdate":{"contextId":1,"status":{}}}`:     "contextId: number",
		`{"artifactUpdate":{"taskId":"a"}}`:                "artifactId is missing",
		`{"artifactUpdate":{"artifact":[]}}`:               "artifact: array where an object",
		`{"artifactUpdate":{"artifact":{"parts":[]}}}`:     "artifactId is missing",
		`{"artifactUpdate":{"artifact":{"artifactId":1}}}`: "artifactId: number",

		`{"artifactUpdate":{"artifact":{"artifactId":"x","parts":{}}}}`:     "parts: object where",
		`{"artifactUpdate":{"artifact":{"artifactId":"x"},"append":"yes"}}`: "append: string where",
		`{"task":{"id":"\u001b[31m` + strings.Repeat("x", 900) + `"}}`:      "status is missing",
	} {
		_, err := Parse([]byte(text))
		require.True(t, problem.Is(err, problem.InvalidAgentResponse), "%s: %v", text, err)
		assert.Contains(t, err.Error(), says, text)
		assert.Less(t, len(err.Error()), 600)
	}
	for _, text := range []string{`{}`, `{"later":{}}`, `{"task":null}`, `{"Task":{"id":"a"}}`} {
		_, err := Parse([]byte(text))
		assert.Equal(t, ErrUnknown, err, text)
	}
	e := parse(t, `{"statusUpdate":{"status":{},"metadata":[1]}}`)
	assert.Nil(t, e.Metadata)
}
