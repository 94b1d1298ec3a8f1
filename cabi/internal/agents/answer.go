package agents

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
	"github.com/ruvector/ruvector-arrow/fault"
)

// failure is an error as JSON: what the error of Python is made of.
type failure struct {
	Code     string         `json:"code"`
	Message  string         `json:"message"`
	Op       string         `json:"op,omitempty"`
	URL      string         `json:"url,omitempty"`
	TaskID   string         `json:"task_id,omitempty"`
	Attempts int            `json:"attempts"`
	Detail   map[string]any `json:"detail,omitempty"`
}

// Describe makes JSON of an error. Of one that is neither the client's nor a panic, the text is not
// told: it may hold anything.
func Describe(err error) json.RawMessage {
	said := failure{Code: string(problem.Internal), Message: "the client of agents failed"}
	if known := (*problem.Error)(nil); errors.As(err, &known) {
		said = failure{string(known.Code), known.Error(), known.Op, known.URL, known.TaskID,
			known.Attempts, known.Detail}
	}
	if broken := (*fault.Error)(nil); errors.As(err, &broken) && broken.Kind == fault.NativeError {
		said.Code, said.Message = "NativeError", broken.Error()
	}
	text, wrong := marshal(said)
	if wrong != nil { // a detail that is no JSON
		said.Detail = nil
		text, _ = marshal(said)
	}
	return text
}

// marshal writes JSON with the texts as they are.
func marshal(value any) (json.RawMessage, error) {
	var b bytes.Buffer
	w := json.NewEncoder(&b)
	w.SetEscapeHTML(false)
	err := w.Encode(value)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// object makes JSON of names and values in turn; a nil json.RawMessage is null.
func object(pairs ...any) []byte {
	var b bytes.Buffer
	for i := 0; i < len(pairs); i += 2 {
		b.WriteByte("{,"[min(i, 1)])
		name, _ := marshal(pairs[i])
		b.Write(name)
		b.WriteByte(':')
		if ready, ok := pairs[i+1].(json.RawMessage); ok && ready != nil {
			b.Write(ready) // as it came: nothing is copied through a value of Go
			continue
		}
		value, err := marshal(pairs[i+1])
		if err != nil {
			value = []byte("null")
		}
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// list makes an array of JSON.
func list(parts [][]byte) []byte {
	size := 2
	for _, p := range parts {
		size += len(p) + 1
	}
	text := append(make([]byte, 0, size), '[')
	for i, p := range parts {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, p...)
	}
	return append(text, ']')
}
