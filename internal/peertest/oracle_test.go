package peertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	old "github.com/a2aproject/a2a-go/a2a"
	"github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shapes are the types that a2a-go reads params of a method into.
var shapes = map[string]func() any{
	"SendMessage":                      func() any { return new(a2a.SendMessageRequest) },
	"SendStreamingMessage":             func() any { return new(a2a.SendMessageRequest) },
	"GetTask":                          func() any { return new(a2a.GetTaskRequest) },
	"ListTasks":                        func() any { return new(a2a.ListTasksRequest) },
	"CancelTask":                       func() any { return new(a2a.CancelTaskRequest) },
	"SubscribeToTask":                  func() any { return new(a2a.SubscribeToTaskRequest) },
	"CreateTaskPushNotificationConfig": func() any { return new(a2a.PushConfig) },
	"GetTaskPushNotificationConfig":    func() any { return new(a2a.GetTaskPushConfigRequest) },
	"ListTaskPushNotificationConfigs":  func() any { return new(a2a.ListTaskPushConfigRequest) },
	"DeleteTaskPushNotificationConfig": func() any { return new(a2a.DeleteTaskPushConfigRequest) },
	"GetExtendedAgentCard":             func() any { return new(a2a.GetExtendedAgentCardRequest) },

	"message/send":                        func() any { return new(old.MessageSendParams) },
	"message/stream":                      func() any { return new(old.MessageSendParams) },
	"tasks/get":                           func() any { return new(old.TaskQueryParams) },
	"tasks/cancel":                        func() any { return new(old.TaskIDParams) },
	"tasks/resubscribe":                   func() any { return new(old.TaskIDParams) },
	"tasks/pushNotificationConfig/set":    func() any { return new(old.TaskPushConfig) },
	"tasks/pushNotificationConfig/get":    func() any { return new(old.GetTaskPushConfigParams) },
	"tasks/pushNotificationConfig/list":   func() any { return new(old.ListTaskPushConfigParams) },
	"tasks/pushNotificationConfig/delete": func() any { return new(old.DeleteTaskPushConfigParams) },
	"agent/getAuthenticatedExtendedCard":  func() any { return new(struct{}) },
}

// readAs reads JSON into a type of a2a-go and says what did not come out again as it went in, as
// names do that the type does not know, or knows by another case.
func readAs(data []byte, into any) error {
	if err := json.Unmarshal(data, into); err != nil {
		return err
	}
	again, err := json.Marshal(into)
	if err != nil {
		return err
	}
	var sent, read any
	if err := json.Unmarshal(data, &sent); err != nil {
		return err
	}
	if err := json.Unmarshal(again, &read); err != nil {
		return err
	}
	return lost("", sent, read)
}

// lost says where something that was sent is not in what was read. Values that mean nothing, as
// false, "", 0 and null, may be left out, and what was read may have more of them.
func lost(at string, sent, read any) error {
	if empty(sent) && empty(read) {
		return nil
	}
	switch sent := sent.(type) {
	case map[string]any:
		other, _ := read.(map[string]any)
		for name, value := range sent {
			if err := lost(at+"."+name, value, other[name]); err != nil {
				return err
			}
		}
		return nil
	case []any:
		other, _ := read.([]any)
		if len(other) != len(sent) {
			return fmt.Errorf("%s: %d values, read as %d", at, len(sent), len(other))
		}
		for i, value := range sent {
			if err := lost(fmt.Sprintf("%s[%d]", at, i), value, other[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if sent != read {
		return fmt.Errorf("%s: sent %v, read as %v", at, sent, read)
	}
	return nil
}

func empty(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case bool:
		return !value
	case float64:
		return value == 0
	case string:
		return value == ""
	case []any:
		return len(value) == 0
	case map[string]any:
		return len(value) == 0
	}
	return false
}

// checkEnvelope reads one request of JSON-RPC as a2a-go would and returns its method.
func checkEnvelope(t *testing.T, one asked) string {
	t.Helper()
	var envelope struct {
		JSONRPC string          `json:"jsonrpc"`
		ID      any             `json:"id"`
		Method  string          `json:"method"`
		Params  json.RawMessage `json:"params"`
	}
	decoder := json.NewDecoder(bytes.NewReader(one.body))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&envelope), "%s", one.body)
	assert.Equal(t, "2.0", envelope.JSONRPC)
	assert.IsType(t, "", envelope.ID)
	shape, known := shapes[envelope.Method]
	require.True(t, known, "a2a-go has no method %s", envelope.Method)
	if len(envelope.Params) > 0 {
		assert.NoError(t, readAs(envelope.Params, shape()), "%s %s", envelope.Method, envelope.Params)
	}
	return envelope.Method
}

// The oracle must be able to fail: on a name that it does not know and on a value that it drops.
func TestTheOracleFindsWhatIsLost(t *testing.T) {
	send := `{"message":{"messageId":"1","role":"ROLE_USER","parts":[{"text":"a"}]%s}}`
	assert.NoError(t, readAs(fmt.Appendf(nil, send, ""), new(a2a.SendMessageRequest)))
	assert.NoError(t, readAs(fmt.Appendf(nil, send, `,"taskId":""`), new(a2a.SendMessageRequest)))
	for _, more := range []string{`,"task_id":"7"`, `,"TASKID":"7"`, `,"kind":"message"`} {
		assert.Error(t, readAs(fmt.Appendf(nil, send, more), new(a2a.SendMessageRequest)), more)
	}
	assert.ErrorContains(t, lost("", map[string]any{"a": []any{"b"}}, map[string]any{}), ".a: 1")
	assert.ErrorContains(t, lost("", map[string]any{"a": "b"}, map[string]any{"a": "c"}), "sent b")
}
