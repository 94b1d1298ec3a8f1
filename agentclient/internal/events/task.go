package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// MostTask is how many bytes a merged task may hold.
const MostTask = 256 << 20

// itemCost is what a part, message or value takes beside its bytes.
const itemCost = 64

// Task is what all events of a task say together. The zero value is a task of which nothing is
// known. It is for one goroutine at a time.
type Task struct {
	ID, ContextID string
	State         State
	// Message is the answer of an agent that made no task of a request.
	Message json.RawMessage
	// Gap tells that an artifact may lack what was sent while nobody listened.
	Gap bool
	// Most is how many bytes may be held, 0 for MostTask.
	Most int

	status    json.RawMessage
	rest      raw.Object
	metadata  raw.Object
	history   []json.RawMessage
	said      map[string]bool
	artifacts []*artifact
	byID      map[string]*artifact
	again     json.RawMessage
	size      int
}

// artifact is one of a task's; rest is all but id, parts and metadata.
type artifact struct {
	id       string
	rest     raw.Object
	metadata raw.Object
	parts    []json.RawMessage
	replay   *replay
	size     int
}

// Outcome is what merging an event found.
type Outcome struct {
	// Gap tells that what came before this event may have been lost.
	Gap bool
	// Duplicate tells that the event said again what a resumed stream's snapshot had said.
	Duplicate bool
}

// Merge takes an event in. resumed tells that a task is the snapshot with which a stream goes on.
// The error is InvalidAgentResponse for an event of another task, and ResponseTooLarge.
func (t *Task) Merge(e Event, resumed bool) (Outcome, error) {
	if e.TaskID != "" && t.ID != "" && e.TaskID != t.ID {
		return Outcome{}, invalid("an event of task %s came in the stream of task %s", e.TaskID, t.ID)
	}
	if e.TaskID != "" && e.Kind != KindMessage {
		t.ID = e.TaskID
	}
	if e.ContextID != "" {
		t.ContextID = e.ContextID
	}
	var found Outcome
	switch e.Kind {
	case KindMessage:
		t.size += len(e.value) - len(t.Message)
		t.Message = bytes.Clone(e.value)
	case KindTask:
		found.Gap = t.replace(e, resumed)
	case KindStatus:
		found.Duplicate = t.update(e)
	case KindArtifact:
		found = t.extend(e)
	}
	t.Gap = t.Gap || found.Gap
	most := t.Most
	if most <= 0 {
		most = MostTask
	}
	if t.size > most {
		return found, problem.New(problem.ResponseTooLarge,
			fmt.Sprintf("artifacts and messages of task %s are over %d bytes together",
				problem.Said(t.ID), most),
			"raise the limit of tasks, or take the updates without merging them").
			With("what", "task").With("limit", int64(most))
	}
	return found, nil
}

// replace takes a whole task. What it lacks of artifacts stays: agents leave out what they think is
// known.
func (t *Task) replace(e Event, resumed bool) (gap bool) {
	t.State, t.status, t.again = e.State, bytes.Clone(e.body["status"]), nil
	if resumed {
		t.again = t.status
	}
	t.rest = own(e.body, "id", "contextId", "status", "artifacts", "history", "metadata")
	if e.Metadata != nil {
		t.metadata = own(e.Metadata)
	}
	if said, err := e.body.Array("history"); err == nil && len(said) > 0 {
		t.history, t.said = owns(nil, said), map[string]bool{}
		for _, message := range said {
			t.said[messageID(message)] = true
		}
	}
	gap = t.replaceArtifacts(e, resumed)
	t.size = t.count()
	return gap
}

func (t *Task) replaceArtifacts(e Event, resumed bool) (gap bool) {
	listed, _ := e.body.Array("artifacts")
	before, known := t.byID, t.artifacts
	t.byID, t.artifacts = map[string]*artifact{}, nil
	for _, value := range listed {
		given, err := raw.Part(value)
		if err != nil {
			continue
		}
		id, _ := given.Text("artifactId")
		parts, _ := given.Array("parts")
		now := newArtifact(id, given, parts)
		if t.byID[id] != nil {
			continue
		}
		t.byID[id] = now
		t.artifacts = append(t.artifacts, now)
		if !resumed {
			continue
		}
		now.replay = &replay{from: len(parts)}
		if old := before[id]; old == nil {
			gap = true
		} else if ok, from := grew(old.parts, parts); ok {
			now.replay.from = from
		} else {
			gap = true
		}
	}
	for _, old := range known {
		if t.byID[old.id] == nil {
			gap = gap || resumed
			old.replay = nil
			t.byID[old.id] = old
			t.artifacts = append(t.artifacts, old)
		}
	}
	return gap
}

// update takes a status; it reports whether a snapshot had said the same.
func (t *Task) update(e Event) (duplicate bool) {
	status := e.body["status"]
	duplicate = t.again != nil && same(t.again, status)
	t.again = nil
	if duplicate {
		return true
	}
	if old, err := raw.Part(t.status); err == nil && old.Has("message") {
		id := messageID(old["message"])
		if now, err := raw.Part(status); !t.said[id] &&
			(err != nil || id == "" || !now.Has("message") || messageID(now["message"]) != id) {
			t.remember(id, old["message"])
		}
	}
	t.State, t.size = e.State, t.size+len(status)-len(t.status)
	t.status = bytes.Clone(status)
	if t.metadata == nil {
		t.metadata = raw.Object{}
	}
	t.size += upsert(t.metadata, e.Metadata)
	return false
}

// remember puts a message into the history.
func (t *Task) remember(id string, message json.RawMessage) {
	t.history = append(t.history, bytes.Clone(message))
	t.size += len(message) + itemCost
	if id != "" {
		if t.said == nil {
			t.said = map[string]bool{}
		}
		t.said[id] = true
	}
}

// extend takes an artifact, whole or a piece of it.
func (t *Task) extend(e Event) Outcome {
	known := t.byID[e.id]
	if known == nil {
		if t.byID == nil {
			t.byID = map[string]*artifact{}
		}
		known = newArtifact(e.id, e.artifact, e.parts)
		t.byID[e.id] = known
		t.artifacts = append(t.artifacts, known)
		t.size += known.size
		return Outcome{Gap: e.more}
	}
	before, found := known.size, Outcome{}
	if known.replay != nil {
		found.Duplicate, found.Gap = known.repeats(e.parts, e.more)
	}
	switch {
	case found.Duplicate:
		known.describe(e.artifact)
	case e.more:
		known.parts = owns(known.parts, e.parts)
		known.size += sizeOf(e.parts)
		known.describe(e.artifact)
	default:
		*known = *newArtifact(e.id, e.artifact, e.parts)
	}
	t.size += known.size - before
	return found
}

// newArtifact makes an artifact of its JSON.
func newArtifact(id string, given raw.Object, parts []json.RawMessage) *artifact {
	a := &artifact{id: id, rest: own(given, "artifactId", "parts", "metadata")}
	if parts != nil {
		a.parts = owns(make([]json.RawMessage, 0, len(parts)), parts)
	}
	if metadata, err := given.Object("metadata"); err == nil && metadata != nil {
		a.metadata = own(metadata)
	}
	a.size = itemCost + sizeOf(parts) + len(given["metadata"])
	for key, value := range a.rest {
		a.size += len(key) + len(value) + itemCost
	}
	return a
}

// describe takes what a piece says of its artifact beside parts.
func (a *artifact) describe(given raw.Object) {
	for key, value := range given {
		if key != "artifactId" && key != "parts" && key != "metadata" && given.Has(key) {
			a.size += put(a.rest, key, value)
		}
	}
	if metadata, err := given.Object("metadata"); err == nil && len(metadata) > 0 {
		if a.metadata == nil {
			a.metadata = raw.Object{}
		}
		a.size += upsert(a.metadata, metadata)
	}
}

// upsert puts the values of one object into another, and returns by how much that grew.
func upsert(into, from raw.Object) (size int) {
	for key, value := range from {
		size += put(into, key, value)
	}
	return size
}

func put(into raw.Object, key string, value json.RawMessage) (size int) {
	old, known := into[key]
	if size = len(value) - len(old); !known {
		size += len(key) + itemCost
	}
	into[key] = bytes.Clone(value)
	return size
}

// own copies the values of an object but those of some keys, and owns appends copies: values of an
// event are parts of it, and who keeps one keeps all of it, which nothing counts.
func own(given raw.Object, but ...string) raw.Object {
	kept := make(raw.Object, len(given))
	for key, value := range given {
		if !slices.Contains(but, key) {
			kept[key] = bytes.Clone(value)
		}
	}
	return kept
}

func owns(list, more []json.RawMessage) []json.RawMessage {
	for _, value := range more {
		list = append(list, bytes.Clone(value))
	}
	return list
}

func sizeOf(values []json.RawMessage) (size int) {
	for _, value := range values {
		size += len(value) + itemCost
	}
	return size
}

// count is the size of all that is held.
func (t *Task) count() int {
	size := len(t.status) + len(t.Message) + sizeOf(t.history)
	for _, o := range []raw.Object{t.rest, t.metadata} {
		for key, value := range o {
			size += len(key) + len(value) + itemCost
		}
	}
	for _, a := range t.artifacts {
		size += a.size
	}
	return size
}

func messageID(message json.RawMessage) string {
	given, err := raw.Part(message)
	if err != nil {
		return ""
	}
	id, _ := given.Text("messageId")
	return id
}

// JSON writes the task as a 1.0 Task; nil where none is known.
func (t *Task) JSON() json.RawMessage {
	if t.ID == "" {
		return nil
	}
	task := map[string]any{"id": t.ID}
	for key, value := range t.rest {
		task[key] = value
	}
	if t.ContextID != "" {
		task["contextId"] = t.ContextID
	}
	if t.status != nil {
		task["status"] = t.status
	} else {
		task["status"] = map[string]any{"state": Unspecified}
	}
	if len(t.artifacts) > 0 {
		list := make([]any, len(t.artifacts))
		for i, a := range t.artifacts {
			list[i] = a.json()
		}
		task["artifacts"] = list
	}
	if len(t.history) > 0 {
		task["history"] = t.history
	}
	if len(t.metadata) > 0 {
		task["metadata"] = t.metadata
	}
	return raw.Of(task)
}

func (a *artifact) json() any {
	given := map[string]any{"artifactId": a.id}
	for key, value := range a.rest {
		given[key] = value
	}
	if a.parts == nil {
		given["parts"] = []any{}
	} else {
		given["parts"] = a.parts
	}
	if len(a.metadata) > 0 {
		given["metadata"] = a.metadata
	}
	return given
}
