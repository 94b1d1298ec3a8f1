package artifact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/ext"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// marked is what an artifact says that it is: no kind where it says nothing that we know.
type marked struct {
	kind    string
	version string
}

// Decode reads an artifact of any form. One that bears no mark of ours is Text, if it is one text,
// else Raw; so is one of a kind that is not known. A mark of another version is
// ArtifactVersionUnsupported, and a marked artifact that is not what its kind says
// InvalidAgentResponse.
func Decode(artifact json.RawMessage) (Value, error) {
	object, err := raw.Parse(artifact)
	if err != nil {
		return nil, broken("", err)
	}
	parts, err := object.Array("parts")
	if err != nil {
		return nil, broken("", err)
	}
	metadata, err := object.Object("metadata")
	if err != nil {
		return nil, broken("", err)
	}
	mark, err := markOf(metadata)
	if err != nil {
		return nil, err
	}
	return decode(parts, mark)
}

// DecodePart reads one part of a message as Decode reads an artifact that consists of it.
func DecodePart(part json.RawMessage) (Value, error) {
	if err := raw.Check(part); err != nil {
		return nil, broken("", err)
	}
	return decode([]json.RawMessage{part}, marked{})
}

func decode(parts []json.RawMessage, mark marked) (Value, error) {
	var only raw.Object
	for i, part := range parts {
		object, err := raw.Part(part)
		if err != nil {
			return nil, broken(fmt.Sprintf("parts[%d]: ", i), err)
		}
		only = object
	}
	single := len(parts) == 1
	if mark.kind == "" && single {
		var err error
		if mark, err = markOfPart(only); err != nil {
			return nil, err
		}
	}
	if mark.kind != "" && mark.version != Version {
		return nil, problem.New(problem.ArtifactVersionUnsupported,
			fmt.Sprintf("an artifact of the kind %q has the version %q, version %s can be read",
				problem.Said(mark.kind), problem.Said(mark.version), Version),
			"read its parts, or have the agent write version "+Version).
			With("got", problem.Said(mark.version)).With("supported", []string{Version})
	}
	return ofKind(mark.kind, parts, only, single)
}

// ofKind reads parts of a kind that was named, or of none.
func ofKind(kind string, parts []json.RawMessage, only raw.Object, single bool) (Value, error) {
	switch kind {
	case "":
		if single && isText(only) {
			return readText(only)
		}
	case string(KindText):
		if !single || !isText(only) {
			return nil, broken("text: ", fmt.Errorf("it is not one part with a text"))
		}
		return readText(only)
	case string(KindStructuredJSON), string(KindVectorRef), string(KindRuLakeWitness), oldWitness:
		if !single {
			return nil, broken(kind+": ", fmt.Errorf("it has %d parts instead of one", len(parts)))
		}
		return readTyped(kind, only)
	}
	return Raw{Parts: parts}, nil
}

// markOf reads the metadata of an artifact.
func markOf(metadata raw.Object) (marked, error) {
	if metadata.Has(ext.Artifacts) {
		said, err := metadata.Object(ext.Artifacts)
		if err != nil {
			return marked{}, broken("metadata: ", err)
		}
		return readMark(said, "kind", "version")
	}
	// Others may have a "ruvector" of their own: only an object that names a kind is a mark.
	said, err := metadata.Object("ruvector")
	if err != nil || !said.Has("artifact_kind") {
		return marked{}, nil
	}
	return readMark(said, "artifact_kind", "artifact_kind_version")
}

// readMark takes a mark without a version for one of this version, which its address names too.
func readMark(said raw.Object, kind, version string) (m marked, err error) {
	if m.kind, err = said.Text(kind); err != nil {
		return m, broken("metadata: ", err)
	}
	switch raw.KindOf(said[version]) {
	case "nothing", "null":
		m.version = Version
	case "string":
		m.version, _ = said.Text(version)
	default:
		m.version = string(bytes.TrimSpace(said[version]))
	}
	return m, nil
}

// markOfPart reads the mark of a part, or takes the kind from inside data of our media type.
func markOfPart(part raw.Object) (marked, error) {
	metadata, err := part.Object("metadata")
	if err != nil {
		return marked{}, nil
	}
	if metadata.Has(ext.Artifacts) {
		return markOf(metadata)
	}
	if media, err := part.Text("mediaType"); err != nil || media != MediaType {
		return marked{}, nil
	}
	data, err := part.Object("data")
	if err != nil {
		return marked{}, nil
	}
	kind, err := data.Text("kind")
	if err != nil {
		return marked{}, nil
	}
	return marked{kind, Version}, nil
}

// isText reports whether a part is a text and nothing else, in any of the three forms.
func isText(part raw.Object) bool {
	for _, other := range []string{"data", "raw", "url", "file"} {
		if part.Has(other) {
			return false
		}
	}
	return raw.KindOf(part["text"]) == "string"
}

func readText(part raw.Object) (Value, error) {
	text, err := part.Text("text")
	if err != nil {
		return nil, broken("", err)
	}
	return Text{text}, nil
}

func readTyped(kind string, part raw.Object) (Value, error) {
	data, err := part.Object("data")
	if err == nil && data == nil {
		err = fmt.Errorf("it has no data")
	}
	if err != nil {
		return nil, broken(kind+": ", err)
	}
	inside, err := data.Text("kind")
	if err != nil || normal(inside) != normal(kind) {
		return nil, broken(kind+": ", fmt.Errorf("its data is of the kind %q", inside))
	}
	value, err := readBody(normal(kind), data)
	if err == nil {
		err = value.check()
	}
	if err != nil {
		return nil, broken(kind+": ", err)
	}
	return value, nil
}

// normal is the one spelling of a kind.
func normal(kind string) Kind {
	if kind == oldWitness {
		return KindRuLakeWitness
	}
	return Kind(kind)
}

func readBody(kind Kind, data raw.Object) (Value, error) {
	read := &reader{data: data}
	switch kind {
	case KindStructuredJSON:
		v := StructuredJSON{Value: data["value"]}
		if data.Has("schema") {
			v.Schema = data["schema"]
		}
		return v, nil
	case KindVectorRef:
		v := VectorRef{read.text("backend"), read.text("collection"), read.text("witness"),
			read.count("dim"), read.count("count")}
		return v, read.err
	}
	v := RuLakeWitness{Witness: read.text("witness"), DataRef: read.text("data_ref")}
	list, err := data.Array("capabilities")
	if err != nil || len(list) > mostCapabilities {
		return v, fmt.Errorf("capabilities: not an array of at most %d texts", mostCapabilities)
	}
	for _, item := range list {
		one := &reader{data: raw.Object{"capabilities": item}}
		v.Capabilities = append(v.Capabilities, one.text("capabilities"))
		read.keep(one.err)
	}
	return v, read.err
}

// reader reads fields of data and keeps the first error.
type reader struct {
	data raw.Object
	err  error
}

func (r *reader) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) text(key string) string {
	text, err := r.data.Text(key)
	r.keep(err)
	return text
}

// count is a number without a fraction; proto peers write it as a double.
func (r *reader) count(key string) int64 {
	if !r.data.Has(key) {
		r.keep(fmt.Errorf("%s: it is missing", key))
		return 0
	}
	number, err := r.data.Number(key)
	r.keep(err)
	if number != math.Trunc(number) || math.Abs(number) > MostCount {
		r.keep(fmt.Errorf("%s: %s is no count up to %d", key, problem.Said(string(r.data[key])),
			int64(MostCount)))
		return 0
	}
	return int64(number)
}

func broken(where string, err error) error {
	return problem.New(problem.InvalidAgentResponse, "artifact: "+where+problem.Said(err.Error()),
		"read its parts instead, and tell the agent's owner")
}
