// Package events reads what agents stream, and merges it into the task that it tells of
// (A2A 1.0, sections 3.2.3 and 3.7).
//
// Reading order: reader.go, server-sent events; event.go, what one says; task.go, the merged task;
// replay.go, what a peer says again after a stream was resumed.
package events

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Kind is what an event brings.
type Kind string

// The kinds.
const (
	KindTask     Kind = "task"
	KindStatus   Kind = "status"
	KindArtifact Kind = "artifact"
	KindMessage  Kind = "message"
)

// State is the state of a task, by its 1.0 name. One that is unknown to us is kept as it came.
type State string

// The states.
const (
	Unspecified   State = "TASK_STATE_UNSPECIFIED"
	Submitted     State = "TASK_STATE_SUBMITTED"
	Working       State = "TASK_STATE_WORKING"
	Completed     State = "TASK_STATE_COMPLETED"
	Failed        State = "TASK_STATE_FAILED"
	Canceled      State = "TASK_STATE_CANCELED"
	InputRequired State = "TASK_STATE_INPUT_REQUIRED"
	Rejected      State = "TASK_STATE_REJECTED"
	AuthRequired  State = "TASK_STATE_AUTH_REQUIRED"
)

// numbered are the states by their numbers of a2a.proto: ProtoJSON lets enums be numbers.
var numbered = []State{Unspecified, Submitted, Working, Completed, Failed, Canceled, InputRequired,
	Rejected, AuthRequired}

// Terminal reports whether nothing can follow.
func (s State) Terminal() bool {
	return s == Completed || s == Failed || s == Canceled || s == Rejected
}

// Interrupted reports whether the agent waits for somebody.
func (s State) Interrupted() bool { return s == InputRequired || s == AuthRequired }

// Ended reports whether a stream may end in this state.
func (s State) Ended() bool { return s.Terminal() || s.Interrupted() }

// stateOf reads the state of a status; one that is no name and no number has none.
func stateOf(value json.RawMessage) State {
	text := strings.Trim(string(value), " \t\r\n")
	switch raw.KindOf(value) {
	case "string":
		if json.Unmarshal(value, &text) != nil {
			return Unspecified
		}
	case "number":
		for i, state := range numbered {
			if text == fmt.Sprint(i) {
				return state
			}
		}
	default:
		return Unspecified
	}
	if text == "TASK_STATE_CANCELLED" {
		return Canceled
	}
	return State(text)
}

// Event is one StreamResponse, taken apart once.
type Event struct {
	Kind              Kind
	TaskID, ContextID string
	// State is what a task or a status says, "" for other kinds.
	State State
	// Metadata is that of the task or the update, nil where it has none.
	Metadata raw.Object
	// Raw is the whole StreamResponse as it came.
	Raw json.RawMessage

	value    json.RawMessage
	body     raw.Object
	artifact raw.Object
	id       string
	parts    []json.RawMessage
	more     bool
}

// ErrUnknown is the error of Parse for a StreamResponse that says nothing that is known: later
// versions may add such, and they are to be skipped.
var ErrUnknown = fmt.Errorf("a StreamResponse of an unknown kind")

// payloads are what a StreamResponse may hold, exactly one of them.
var payloads = map[string]Kind{"task": KindTask, "statusUpdate": KindStatus,
	"artifactUpdate": KindArtifact, "message": KindMessage}

// Parse takes a StreamResponse apart that raw.Parse has let through already, as a whole or inside
// of its envelope. The error is ErrUnknown, or InvalidAgentResponse.
func Parse(data json.RawMessage) (Event, error) {
	e, other := Event{Raw: data}, Kind("")
	err := raw.Each(data, func(key string, value json.RawMessage) {
		kind := payloads[key]
		if kind == "" || raw.KindOf(value) == "null" {
			return
		}
		if e.Kind != "" {
			other = kind
		}
		e.Kind, e.value = kind, value
	})
	if err != nil {
		return Event{}, invalid("an event of the stream is %s", err)
	}
	if other != "" {
		return Event{}, invalid("an event of the stream is both %s and another kind", other)
	}
	if e.Kind != "" {
		if e.body, err = raw.Part(e.value); err != nil {
			return Event{}, invalid("an event of the stream: the %s is %s", e.Kind, err)
		}
	}
	switch e.Kind {
	case "":
		return Event{}, ErrUnknown
	case KindTask:
		err = e.readTask()
	case KindStatus:
		err = e.readStatus(e.body)
	case KindArtifact:
		err = e.readArtifact()
	}
	if err == nil {
		err = e.readCommon()
	}
	if err != nil {
		return Event{}, invalid("a %s in the stream: %s", e.Kind, err)
	}
	return e, nil
}

// TaskEvent makes the event that a stream would have brought of a Task that was asked for.
func TaskEvent(task json.RawMessage) (Event, error) {
	return Parse(raw.Of(map[string]json.RawMessage{"task": task}))
}

func (e *Event) readCommon() (err error) {
	if e.TaskID == "" {
		if e.TaskID, err = e.body.Text("taskId"); err != nil {
			return err
		}
	}
	if e.ContextID, err = e.body.Text("contextId"); err != nil {
		return err
	}
	if e.body.Has("metadata") {
		// Metadata is for who knows it; what is no object says nothing.
		e.Metadata, _ = e.body.Object("metadata")
	}
	return nil
}

func (e *Event) readTask() (err error) {
	if e.TaskID, err = e.body.Text("id"); err != nil {
		return err
	}
	if e.TaskID == "" {
		return fmt.Errorf("id is missing")
	}
	for _, key := range []string{"artifacts", "history"} {
		if _, err = e.body.Array(key); err != nil {
			return err
		}
	}
	return e.readStatus(e.body)
}

func (e *Event) readStatus(from raw.Object) error {
	status, err := from.Object("status")
	if err != nil {
		return err
	}
	if status == nil {
		return fmt.Errorf("status is missing")
	}
	e.State = stateOf(status["state"])
	return nil
}

func (e *Event) readArtifact() (err error) {
	if e.artifact, err = e.body.Object("artifact"); err != nil {
		return err
	}
	if e.id, err = e.artifact.Text("artifactId"); err != nil {
		return err
	}
	if e.id == "" {
		return fmt.Errorf("artifact.artifactId is missing")
	}
	if e.parts, err = e.artifact.Array("parts"); err != nil {
		return err
	}
	e.more, err = e.body.Bool("append")
	return err
}

// invalid is the error for what no agent may say.
func invalid(format string, args ...any) error {
	for i, arg := range args {
		args[i] = problem.Said(fmt.Sprint(arg))
	}
	return problem.New(problem.InvalidAgentResponse, fmt.Sprintf(format, args...),
		"the agent does not keep to A2A 1.0; tell those who run it")
}

// AllMetadata are the objects in which an event may report something: its own, that of the artifact
// or of the message in its status; none twice.
func (e *Event) AllMetadata() []raw.Object {
	var list []raw.Object
	add := func(found raw.Object, err error) {
		if err == nil && len(found) > 0 {
			list = append(list, found)
		}
	}
	add(e.Metadata, nil)
	add(e.artifact.Object("metadata"))
	if status, err := e.body.Object("status"); err == nil && status.Has("message") {
		if message, err := status.Object("message"); err == nil {
			add(message.Object("metadata"))
		}
	}
	return list
}
