package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
)

// former is A2A 0.3 as JSON-RPC has it. What has no place there is kept in metadata or left out;
// what is not known passes through both ways.
type former struct{}

func (former) method(op string) string { return methods[op].former }

// change rewrites one value.
type change func(json.RawMessage) (json.RawMessage, error)

// at rewrites the value under a key, if there is one.
func at(o raw.Object, key string, do change) error {
	if !o.Has(key) {
		return nil
	}
	value, err := do(o[key])
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	o[key] = value
	return nil
}

// each rewrites the values of an array.
func each(do change) change {
	return func(data json.RawMessage) (json.RawMessage, error) {
		if kind := raw.KindOf(data); kind != "array" {
			return nil, fmt.Errorf("%s where an array should be", kind)
		}
		var list []json.RawMessage
		if err := json.Unmarshal(data, &list); err != nil {
			return nil, err
		}
		for i := range list {
			value, err := do(list[i])
			if err != nil {
				return nil, fmt.Errorf("[%d]: %w", i, err)
			}
			list[i] = value
		}
		return raw.Of(list), nil
	}
}

// object rewrites the members of an object.
func object(do func(raw.Object) error) change {
	return func(data json.RawMessage) (json.RawMessage, error) {
		o, err := raw.Part(data)
		if err != nil {
			return nil, err
		}
		if err := do(o); err != nil {
			return nil, err
		}
		return raw.Of(o), nil
	}
}

// rename moves a value to another key.
func rename(o raw.Object, from, to string) {
	if value, ok := o[from]; ok {
		delete(o, from)
		o[to] = value
	}
}

// compat marks data that is no object, which 0.3 has no other place for; the official client and
// server of Python use the same mark.
const compat = "data_part_compat"

// params rewrites what is sent.
func (former) params(op string, params raw.Object) (raw.Object, error) {
	o := with(params, "tenant", nil)
	var err error
	switch op {
	case SendMessage, SendStreamingMessage:
		if err = at(o, "message", object(messageOut)); err == nil {
			err = configurationOut(o)
		}
	case CreatePush:
		task := o["taskId"]
		delete(o, "taskId")
		if err = pushOut(o); err == nil {
			o = raw.Object{"taskId": task, "pushNotificationConfig": raw.Of(o)}
		}
	case GetPush, DeletePush:
		rename(o, "id", "pushNotificationConfigId")
		rename(o, "taskId", "id")
	case ListPush:
		o = raw.Object{"id": o["taskId"]}
	}
	return o, err
}

func configurationOut(o raw.Object) error {
	c, err := o.Object("configuration")
	if err != nil {
		return err
	}
	if c == nil {
		c = raw.Object{}
	}
	now, err := c.Bool("returnImmediately")
	if err != nil {
		return err
	}
	delete(c, "returnImmediately")
	c["blocking"] = raw.Of(!now) // 0.3 names no default
	rename(c, "taskPushNotificationConfig", "pushNotificationConfig")
	if err := at(c, "pushNotificationConfig", object(pushOut)); err != nil {
		return err
	}
	o["configuration"] = raw.Of(c)
	return nil
}

func messageOut(o raw.Object) error {
	o["kind"] = raw.Of("message")
	if role, err := o.Text("role"); err == nil && strings.HasPrefix(role, "ROLE_") {
		o["role"] = raw.Of(strings.ToLower(strings.TrimPrefix(role, "ROLE_")))
	}
	return at(o, "parts", each(object(partOut)))
}

func partOut(o raw.Object) error {
	for _, key := range []string{"text", "raw", "url", "data"} {
		if o[key] == nil {
			continue
		}
		switch key {
		case "text", "data":
			o["kind"] = raw.Of(key)
			return dataOut(o, key)
		}
		file := raw.Object{}
		for from, to := range map[string]string{"raw": "bytes", "url": "uri",
			"filename": "name", "mediaType": "mimeType"} {
			if o.Has(from) {
				file[to] = o[from]
			}
			delete(o, from)
		}
		o["kind"], o["file"] = raw.Of("file"), raw.Of(file)
		return nil
	}
	return nil
}

// dataOut keeps in metadata what a part of text or data has no member for.
func dataOut(o raw.Object, key string) error {
	if !o.Has("mediaType") && !o.Has("filename") && (key == "text" ||
		raw.KindOf(o["data"]) == "object") {
		return nil
	}
	metadata, err := o.Object("metadata")
	if err != nil {
		return err
	}
	if metadata == nil {
		metadata = raw.Object{}
	}
	for _, name := range []string{"mediaType", "filename"} {
		if o.Has(name) {
			metadata[name] = o[name]
		}
		delete(o, name)
	}
	if key == "data" && raw.KindOf(o["data"]) != "object" {
		o["data"] = raw.Of(raw.Object{"value": o["data"]})
		metadata[compat] = raw.Of(true)
	}
	o["metadata"] = raw.Of(metadata)
	return nil
}

func pushOut(o raw.Object) error {
	delete(o, "tenant")
	delete(o, "taskId")
	return at(o, "authentication", object(func(a raw.Object) error {
		if scheme := a["scheme"]; scheme != nil {
			a["schemes"] = raw.Of([]json.RawMessage{scheme})
		}
		delete(a, "scheme")
		return nil
	}))
}

// result rewrites the result of an operation.
func (former) result(op string, result json.RawMessage) (json.RawMessage, error) {
	switch op {
	case SendMessage:
		kind, value, err := answered(result)
		if err != nil || kind == "" {
			return value, err
		}
		return raw.Of(raw.Object{kind: value}), nil
	case GetTask, CancelTask:
		return object(taskIn)(result)
	case CreatePush, GetPush:
		return object(pushIn)(result)
	case ListPush:
		if raw.KindOf(result) != "array" {
			return result, nil
		}
		list, err := each(object(pushIn))(result)
		if err != nil {
			return nil, err
		}
		return raw.Of(raw.Object{"configs": list}), nil
	}
	return result, nil // a card is read, and verified, as it was written
}

// event rewrites an event of a stream.
func (former) event(data json.RawMessage) (json.RawMessage, error) {
	kind, value, err := answered(data)
	if err != nil || kind == "" {
		return value, err
	}
	return raw.Of(raw.Object{kind: value}), nil
}

// answered says what an object of 0.3 is in 1.0, and rewrites it; "" for what is not known.
func answered(data json.RawMessage) (string, json.RawMessage, error) {
	o, err := raw.Part(data)
	if err != nil {
		return "", nil, err
	}
	kind, err := o.Text("kind")
	if err != nil {
		return "", nil, err
	}
	name, do := "", func(raw.Object) error { return nil }
	switch {
	case kind == "task", kind == "" && o.Has("id") && o.Has("status"):
		name, do = "task", taskIn
	case kind == "message", kind == "" && o.Has("parts") && o.Has("role"):
		name, do = "message", messageIn
	case kind == "status-update":
		name, do = "statusUpdate", statusUpdateIn
	case kind == "artifact-update":
		name, do = "artifactUpdate", artifactUpdateIn
	}
	if err := do(o); err != nil {
		return "", nil, err
	}
	return name, raw.Of(o), nil
}

func taskIn(o raw.Object) error {
	delete(o, "kind")
	if err := at(o, "status", object(statusIn)); err != nil {
		return err
	}
	if err := at(o, "artifacts", each(object(artifactIn))); err != nil {
		return err
	}
	return at(o, "history", each(object(messageIn)))
}

func statusUpdateIn(o raw.Object) error {
	delete(o, "kind")
	delete(o, "final")
	return at(o, "status", object(statusIn))
}

func artifactUpdateIn(o raw.Object) error {
	delete(o, "kind")
	return at(o, "artifact", object(artifactIn))
}

func statusIn(o raw.Object) error {
	if state, err := o.Text("state"); err == nil && o.Has("state") {
		o["state"] = raw.Of(stateIn(state))
	}
	return at(o, "message", object(messageIn))
}

// stateIn names a state as 1.0 does; one that is not known keeps its name.
func stateIn(state string) string {
	switch state {
	case "submitted", "working", "completed", "failed", "canceled", "rejected", "input-required",
		"auth-required":
		return "TASK_STATE_" + strings.ToUpper(strings.ReplaceAll(state, "-", "_"))
	case "cancelled":
		return "TASK_STATE_CANCELED"
	case "unknown":
		return "TASK_STATE_UNSPECIFIED"
	}
	return state
}

func artifactIn(o raw.Object) error { return at(o, "parts", each(object(partIn))) }

func messageIn(o raw.Object) error {
	delete(o, "kind")
	if role, err := o.Text("role"); err == nil && (role == "user" || role == "agent") {
		o["role"] = raw.Of("ROLE_" + strings.ToUpper(role))
	}
	return at(o, "parts", each(object(partIn)))
}

func partIn(o raw.Object) error {
	kind, err := o.Text("kind")
	if err != nil {
		return err
	}
	switch kind {
	case "text", "data":
		delete(o, "kind")
		return dataIn(o, kind)
	case "file":
		file, err := o.Object("file")
		if err != nil || file == nil {
			return err
		}
		delete(o, "kind")
		delete(o, "file")
		for from, to := range map[string]string{"bytes": "raw", "uri": "url", "name": "filename",
			"mimeType": "mediaType"} {
			if file.Has(from) {
				o[to] = file[from]
			}
		}
	}
	return nil
}

// dataIn takes out of metadata what dataOut put there.
func dataIn(o raw.Object, kind string) error {
	metadata, err := o.Object("metadata")
	if err != nil || metadata == nil {
		return nil
	}
	had := len(metadata)
	for _, name := range []string{"mediaType", "filename"} {
		if raw.KindOf(metadata[name]) == "string" {
			o[name] = metadata[name]
			delete(metadata, name)
		}
	}
	if kind == "data" && bytes.Equal(bytes.TrimSpace(metadata[compat]), []byte("true")) {
		if inner, err := raw.Part(o["data"]); err == nil && inner["value"] != nil {
			o["data"] = inner["value"]
			delete(metadata, compat)
		}
	}
	if len(metadata) == had {
		return nil // it stays as it was written
	}
	if o["metadata"] = raw.Of(metadata); len(metadata) == 0 {
		delete(o, "metadata")
	}
	return nil
}

func pushIn(o raw.Object) error {
	inner, err := o.Object("pushNotificationConfig")
	if err != nil {
		return err
	}
	delete(o, "pushNotificationConfig")
	for name, value := range inner {
		o[name] = value
	}
	return at(o, "authentication", object(func(a raw.Object) error {
		schemes, err := a.Array("schemes")
		if err == nil && len(schemes) > 0 {
			a["scheme"] = schemes[0]
		}
		delete(a, "schemes")
		return err
	}))
}
