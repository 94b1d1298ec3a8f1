package wire

import (
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/web"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// The operations of A2A 1.0 (specification, section 5.3).
const (
	SendMessage          = "SendMessage"
	SendStreamingMessage = "SendStreamingMessage"
	GetTask              = "GetTask"
	ListTasks            = "ListTasks"
	CancelTask           = "CancelTask"
	SubscribeToTask      = "SubscribeToTask"
	CreatePush           = "CreateTaskPushNotificationConfig"
	GetPush              = "GetTaskPushNotificationConfig"
	ListPush             = "ListTaskPushNotificationConfigs"
	DeletePush           = "DeleteTaskPushNotificationConfig"
	GetExtendedCard      = "GetExtendedAgentCard"
)

// method is an operation: its verb and path over HTTP+JSON, its name in version 0.3, what of its
// parameters is an identifier, and when it may be asked again.
type method struct {
	verb, path, former string
	task, config       string // keys of identifiers in the parameters
	again              web.Again
	stream             bool
}

var methods = map[string]method{
	SendMessage: {verb: "POST", path: "/message:send", former: "message/send", again: web.Sending},
	SendStreamingMessage: {verb: "POST", path: "/message:stream", former: "message/stream",
		again: web.Sending, stream: true},
	GetTask: {verb: "GET", path: "/tasks/{task}", former: "tasks/get", task: "id",
		again: web.Reading},
	ListTasks: {verb: "GET", path: "/tasks", again: web.Reading},
	CancelTask: {verb: "POST", path: "/tasks/{task}:cancel", former: "tasks/cancel", task: "id",
		again: web.Reading},
	SubscribeToTask: {verb: "POST", path: "/tasks/{task}:subscribe", former: "tasks/resubscribe",
		task: "id", again: web.Reading, stream: true},
	CreatePush: {verb: "POST", path: "/tasks/{task}/pushNotificationConfigs",
		former: "tasks/pushNotificationConfig/set", task: "taskId", again: web.Sending},
	GetPush: {verb: "GET", path: "/tasks/{task}/pushNotificationConfigs/{config}",
		former: "tasks/pushNotificationConfig/get", task: "taskId", config: "id", again: web.Reading},
	ListPush: {verb: "GET", path: "/tasks/{task}/pushNotificationConfigs",
		former: "tasks/pushNotificationConfig/list", task: "taskId", again: web.Reading},
	DeletePush: {verb: "DELETE", path: "/tasks/{task}/pushNotificationConfigs/{config}",
		former: "tasks/pushNotificationConfig/delete", task: "taskId", config: "id",
		again: web.Sending},
	GetExtendedCard: {verb: "GET", path: "/extendedAgentCard",
		former: "agent/getAuthenticatedExtendedCard", again: web.Reading},
}

// identifier is what the identifiers of tasks, contexts and configurations may be made of: nothing
// that has a meaning in a path or a header.
var identifier = regexp.MustCompile(`^[A-Za-z0-9._~:@-]{1,256}$`)

// CheckID refuses what cannot be an identifier; what names it in the error.
func CheckID(what, id string) error {
	if identifier.MatchString(id) && id != "." && id != ".." {
		return nil
	}
	return problem.New(problem.InvalidArgument,
		fmt.Sprintf("%s: %q with %d bytes is no identifier", what, problem.Said(id), len(id)),
		"give 1 to 256 letters, digits and . _ ~ : @ - as the agent gave them")
}

// prepared is a call that was checked.
type prepared struct {
	Call
	method
	params raw.Object
	// taskID and configID are the identifiers in params.
	taskID, configID string
}

// check looks at a call before anything is sent.
func (l *line) check(call Call, stream bool) (*prepared, error) {
	m, known := methods[call.Op]
	if !known || m.stream != stream {
		return nil, problem.New(problem.InvalidArgument,
			problem.Said(call.Op)+" is no such operation", "")
	}
	p := &prepared{Call: call, method: m, params: raw.Object{}}
	var err error
	if len(call.Params) > 0 {
		if p.params, err = raw.Parse(call.Params); err != nil {
			return nil, problem.New(problem.InvalidArgument, "the parameters of "+call.Op+": "+
				problem.Said(err.Error()), "")
		}
	}
	if p.taskID, err = idOf(p.params, m.task); err != nil {
		return nil, err
	}
	if p.configID, err = idOf(p.params, m.config); err != nil {
		return nil, err
	}
	if p.TaskID == "" {
		p.TaskID = p.taskID
	}
	return p, nil
}

// idOf returns the identifier under a key; "" if the operation has none.
func idOf(params raw.Object, key string) (string, error) {
	if key == "" {
		return "", nil
	}
	id, err := params.Text(key)
	if err != nil {
		return "", problem.New(problem.InvalidArgument, problem.Said(err.Error()), "")
	}
	return id, CheckID(key, id)
}

// with returns params with another value under a key, nil to take it out.
func with(params raw.Object, key string, value json.RawMessage) raw.Object {
	changed := make(raw.Object, len(params)+1)
	for name, old := range params {
		changed[name] = old
	}
	if changed[key] = value; value == nil {
		delete(changed, key)
	}
	return changed
}
