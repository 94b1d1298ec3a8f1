package wire

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/bounds"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/ext"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
)

// oldestDialect is rvagent-0.1, of early 2025: the client names tasks, parts have a type, artifacts
// an index.
type oldestDialect struct{}

func (oldestDialect) method(op string) string {
	switch op {
	case SendMessage, SendStreamingMessage:
		return "tasks/send"
	case GetTask, CancelTask:
		return methods[op].former
	}
	return ""
}

// params rewrites what is sent. Skill, policy and context come from the metadata of our extensions,
// where they are not given under their own names.
func (oldestDialect) params(op string, params raw.Object) (raw.Object, error) {
	if op == GetTask || op == CancelTask {
		return raw.Object{"id": params["id"]}, nil
	}
	message, err := params.Object("message")
	if err != nil || message == nil {
		return nil, fmt.Errorf("there is no message")
	}
	metadata := raw.Object{}
	for _, from := range []raw.Object{params, message} {
		said, err := from.Object("metadata")
		if err != nil {
			return nil, err
		}
		for name, value := range said {
			metadata[name] = value
		}
	}
	made := raw.Object{"id": raw.Of(taskIDOf(message)), "message": nil, "skill": raw.Of("")}
	if made["context"], err = contextOut(metadata); err != nil {
		return nil, err
	}
	policyOut(metadata, made)
	for _, name := range []string{"skill", "policy", "context"} {
		if params.Has(name) {
			made[name] = params[name]
		}
	}
	for _, uri := range []string{ext.Policy, ext.Trace} {
		delete(metadata, uri)
	}
	if len(metadata) > 0 {
		made["metadata"] = raw.Of(metadata)
	}
	sent := raw.Object{"role": raw.Of("user"), "parts": message["parts"]}
	if err := at(sent, "parts", each(object(oldPartOut))); err != nil {
		return nil, err
	}
	made["message"] = raw.Of(sent)
	return made, nil
}

// taskIDOf is the task that a message belongs to: the one it names, or a new one that is called as
// the message is, so that asking again does not begin another.
func taskIDOf(message raw.Object) string {
	for _, key := range []string{"taskId", "messageId"} {
		if id, err := message.Text(key); err == nil && CheckID(key, id) == nil {
			return id
		}
	}
	return ""
}

// contextOut is the context of a task in this dialect.
func contextOut(metadata raw.Object) (json.RawMessage, error) {
	said := bounds.TaskContext{Trace: bounds.NewTrace()}
	if metadata.Has(ext.Trace) {
		var err error
		if said, err = bounds.ParseContext(metadata[ext.Trace]); err != nil {
			return nil, err
		}
	}
	return raw.Of(bounds.LegacyContext(said, "")), nil
}

// policyOut writes skill and policy.
func policyOut(metadata, made raw.Object) {
	said, err := metadata.Object(ext.Policy)
	if err != nil {
		said = nil
	}
	if raw.KindOf(metadata["skill"]) == "string" {
		made["skill"] = metadata["skill"]
	}
	if raw.KindOf(said["skillId"]) == "string" {
		made["skill"] = said["skillId"]
	}
	policy := raw.Object{}
	for from, to := range map[string]string{"maxTokens": "max_tokens",
		"maxCostUsd": "max_cost_usd", "maxDurationMs": "max_duration_ms"} {
		if said.Has(from) {
			policy[to] = said[from]
		}
	}
	if len(policy) > 0 {
		made["policy"] = raw.Of(policy)
	}
}

func oldPartOut(o raw.Object) error {
	data := o["data"]
	if err := partOut(o); err != nil {
		return err
	}
	if data != nil {
		o["data"] = data // any value may stand there
	}
	delete(o, "metadata")
	rename(o, "kind", "type")
	return nil
}

// result rewrites a result.
func (oldestDialect) result(op string, result json.RawMessage) (json.RawMessage, error) {
	if op == CancelTask {
		return result, nil
	}
	task, err := object(oldTaskIn)(result)
	if err != nil || op == GetTask {
		return task, err
	}
	return raw.Of(raw.Object{"task": task}), nil
}

// event is that of a JSON answer to a stream's request, which this dialect does not have.
func (oldestDialect) event(data json.RawMessage) (json.RawMessage, error) { return data, nil }

func oldTaskIn(o raw.Object) error {
	rename(o, "sessionId", "contextId")
	if err := at(o, "status", object(oldStatusIn)); err != nil {
		return err
	}
	if err := at(o, "history", each(object(oldMessageIn))); err != nil {
		return err
	}
	seen := map[string]int{}
	return at(o, "artifacts", each(object(func(a raw.Object) error {
		if err := oldArtifactIn(a); err != nil {
			return err
		}
		delete(a, "append")
		delete(a, "lastChunk")
		id, _ := a.Text("artifactId")
		if seen[id]++; seen[id] > 1 {
			a["artifactId"] = raw.Of(fmt.Sprintf("%s-%d", id, seen[id]))
		}
		return nil
	})))
}

func oldStatusIn(o raw.Object) error {
	if state, err := o.Text("state"); err == nil && o.Has("state") {
		o["state"] = raw.Of(stateIn(state))
	}
	return at(o, "message", object(oldMessageIn))
}

func oldMessageIn(o raw.Object) error {
	if role, err := o.Text("role"); err == nil && (role == "user" || role == "agent") {
		o["role"] = raw.Of("ROLE_" + strings.ToUpper(role))
	}
	return at(o, "parts", each(object(oldPartIn)))
}

func oldPartIn(o raw.Object) error {
	rename(o, "type", "kind")
	return partIn(o)
}

// oldArtifactIn gives an artifact the name that its index is.
func oldArtifactIn(o raw.Object) error {
	index, err := o.Number("index")
	if err != nil {
		return err
	}
	delete(o, "index")
	o["artifactId"] = raw.Of(fmt.Sprintf("artifact-%d", int64(max(0, min(index, 1<<32)))))
	return at(o, "parts", each(object(oldPartIn)))
}

// oldEvent is an event of a stream in 1.0, nil for one that says nothing there; last tells that it
// is the last, at is its time.
func oldEvent(name string, data []byte) (event json.RawMessage, last bool, at string, err error) {
	o, err := raw.Parse(data)
	if err != nil {
		return nil, false, "", err
	}
	rename(o, "id", "taskId")
	switch name {
	case "status":
		if last, err = o.Bool("final"); err != nil {
			return nil, false, "", err
		}
		delete(o, "final")
		status, err := o.Object("status")
		if err != nil || status == nil {
			return nil, false, "", fmt.Errorf("a status without a status")
		}
		if at, err = status.Text("timestamp"); err != nil {
			at = ""
		}
		if err := oldStatusIn(status); err != nil {
			return nil, false, "", err
		}
		o["status"] = raw.Of(status)
		return raw.Of(raw.Object{"statusUpdate": raw.Of(o)}), last, at, nil
	case "artifact":
		artifact, err := o.Object("artifact")
		if err != nil || artifact == nil {
			return nil, false, "", fmt.Errorf("an artifact without an artifact")
		}
		for _, key := range []string{"append", "lastChunk"} {
			if artifact[key] != nil {
				o[key] = artifact[key]
			}
			delete(artifact, key)
		}
		if err := oldArtifactIn(artifact); err != nil {
			return nil, false, "", err
		}
		o["artifact"] = raw.Of(artifact)
		return raw.Of(raw.Object{"artifactUpdate": raw.Of(o)}), false, "", nil
	}
	return nil, false, "", nil // a warning: the final task has what was left out
}
