package agentclient

import (
	"encoding/json"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/events"
)

// Kind is what an update brings: "task", "status", "artifact" or "message".
type Kind = events.Kind

// The kinds of updates.
const (
	KindTask     = events.KindTask
	KindStatus   = events.KindStatus
	KindArtifact = events.KindArtifact
	KindMessage  = events.KindMessage
)

// State is the state of a task by its 1.0 name, as "TASK_STATE_WORKING". One that is unknown is
// kept as the agent wrote it, and counts as one in which the task goes on.
type State = events.State

// The states of tasks.
const (
	Unspecified   = events.Unspecified
	Submitted     = events.Submitted
	Working       = events.Working
	Completed     = events.Completed
	Failed        = events.Failed
	Canceled      = events.Canceled
	InputRequired = events.InputRequired
	Rejected      = events.Rejected
	AuthRequired  = events.AuthRequired
)

// Update is one event of a stream.
type Update struct {
	Kind Kind
	// Seq counts the updates of a stream from 1, over all of its connections.
	Seq               uint64
	TaskID, ContextID string
	// State is what a task or a status says, "" for other kinds.
	State State
	// Usage is what the agent reports here of what it has used up; nil where it reports nothing.
	Usage *Usage
	// Resumed tells that this is the snapshot with which the stream goes on after a break, Gap that
	// pieces that came before it, or belong before it, may be missing. Messages that were sent during
	// a break are lost: no agent sends them again.
	Resumed, Gap bool
	// Raw is the 1.0 StreamResponse, with its numbers as they were written.
	Raw json.RawMessage
}

// TaskState is a task as all updates tell it together.
type TaskState struct {
	// Task is a 1.0 Task, nil where the agent answered with a message only; Message is that message.
	Task, Message     json.RawMessage
	TaskID, ContextID string
	State             State
	Usage             *Usage
	// Gap tells that an artifact may lack pieces.
	Gap bool
}
