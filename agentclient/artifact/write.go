package artifact

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/ext"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Form is how an artifact is written.
type Form int

// The forms: protocol version 1.0 with our extension, and the dialect of rvagent.
const (
	Current Form = iota
	Legacy
)

// oldName is the name that rvagent gives every typed artifact.
const oldName = "ruvector.artifact_kind"

// mark is what tells the kind and version of a part or an artifact.
func mark(kind Kind) map[string]any {
	return map[string]any{ext.Artifacts: map[string]any{"kind": kind, "version": Version}}
}

// Encode writes a value as an artifact. The id may be empty in the dialect of rvagent, which has
// none. What its kind does not have is an InvalidArgument error that names the field.
func Encode(v Value, id string, form Form) (json.RawMessage, error) {
	parts, err := Parts(v, form)
	if err != nil {
		return nil, err
	}
	if form == Legacy {
		return raw.Of(map[string]any{"name": oldName, "parts": parts, "index": 0, "append": false,
			"lastChunk": true, "metadata": map[string]any{"ruvector": map[string]any{
				"artifact_kind": v.Kind(), "artifact_kind_version": Version}}}), nil
	}
	if id == "" {
		return nil, wrong(v, fmt.Errorf("artifactId: it is empty"))
	}
	return raw.Of(map[string]any{"artifactId": id, "parts": parts, "metadata": mark(v.Kind()),
		"extensions": []string{ext.Artifacts}}), nil
}

// Parts writes a value as the parts of a message: each typed part carries its own mark, so that it
// is told from what stands beside it.
func Parts(v Value, form Form) ([]json.RawMessage, error) {
	if v == nil {
		return nil, problem.New(problem.InvalidArgument, "an artifact is nil", "give a value")
	}
	if err := v.check(); err != nil {
		return nil, wrong(v, err)
	}
	if ref, ok := v.(VectorRef); ok && form == Legacy && ref.Count > math.MaxUint32 {
		return nil, wrong(v, fmt.Errorf("count: it is %d, and rvagent reads 32 bits", ref.Count))
	}
	switch v := v.(type) {
	case Raw:
		return append([]json.RawMessage{}, v.Parts...), nil
	case Text:
		if form == Legacy {
			return []json.RawMessage{raw.Of(map[string]any{"type": "text", "text": v.Text})}, nil
		}
		return []json.RawMessage{raw.Of(map[string]any{"text": v.Text})}, nil
	}
	body := v.body()
	if form == Current {
		return []json.RawMessage{raw.Of(map[string]any{"data": body, "mediaType": MediaType,
			"metadata": mark(v.Kind())})}, nil
	}
	if v.Kind() == KindRuLakeWitness {
		body["kind"] = oldWitness
	}
	return []json.RawMessage{raw.Of(map[string]any{"type": "data", "data": body})}, nil
}

func wrong(v Value, err error) error {
	return problem.New(problem.InvalidArgument,
		fmt.Sprintf("%s artifact: %s", v.Kind(), problem.Said(err.Error())), "correct the field")
}
