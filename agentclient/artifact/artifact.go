// Package artifact is what agents of this family hand each other beside prose: JSON with a schema,
// and references to vectors, which stay where they are. A reference names a collection and its
// witness, so that a few hundred bytes stand for any number of vectors, and whoever opens it checks
// that they are the ones that were meant.
//
// On the wire (extension /artifacts/v1) a typed artifact is one part with data, of the media type
// MediaType, marked in the metadata of part and artifact with its kind and version. The dialect of
// rvagent has the same under other names. What others make is never an error: it reads as Text or
// as Raw.
//
// Reading order: artifact.go, the kinds; write.go; read.go.
package artifact

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// MediaType is what a part with a typed artifact is.
const MediaType = "application/vnd.ruvector.artifact+json"

// Version is the version that is written, and the only one that is read.
const Version = "1"

// Kind is what an artifact is, by its name on the wire.
type Kind string

// The kinds.
const (
	KindText           Kind = "text"
	KindStructuredJSON Kind = "structured_json"
	KindVectorRef      Kind = "vector_ref"
	KindRuLakeWitness  Kind = "rulake_witness"
	KindRaw            Kind = "raw"
)

// oldWitness is how rvagent writes KindRuLakeWitness inside data. Both are read everywhere.
const oldWitness = "ru_lake_witness"

// Limits of what a reference may say. A dimension is at most what an index takes; counts fit what
// every reader of JSON keeps exact.
const (
	MostDim          = 65_536
	MostCount        = 1<<53 - 1
	mostName         = 1024
	mostRef          = 4096
	mostCapabilities = 64
	mostCapability   = 256
	witnessDigits    = 64
)

// Value is one of Text, StructuredJSON, VectorRef, RuLakeWitness and Raw.
type Value interface {
	// Kind is the name on the wire.
	Kind() Kind
	// check says what a value has that its kind does not.
	check() error
	// body is the object of the part with data, nil where there is none.
	body() map[string]any
}

// Text is prose.
type Text struct{ Text string }

// StructuredJSON is any JSON, with the schema that describes it or none. Numbers are kept as they
// are written; ids above 2^53 should be strings, because many agents read numbers as doubles.
type StructuredJSON struct{ Value, Schema json.RawMessage }

// VectorRef is a collection of vectors in a store that both sides can reach.
type VectorRef struct {
	Backend, Collection string
	// Witness is 64 digits of lower case hex.
	Witness string
	// Dim is 1 to MostDim, and Count, how many vectors, at most MostCount.
	Dim, Count int64
}

// RuLakeWitness is a published index: the witness of its bundle, where its data is, and what may be
// done with it. Capabilities are words; nothing here acts on them.
type RuLakeWitness struct {
	Witness, DataRef string
	Capabilities     []string
}

// Raw is parts that are none of the others, as they are written.
type Raw struct{ Parts []json.RawMessage }

// Kind is KindText.
func (Text) Kind() Kind { return KindText }

// Kind is KindStructuredJSON.
func (StructuredJSON) Kind() Kind { return KindStructuredJSON }

// Kind is KindVectorRef.
func (VectorRef) Kind() Kind { return KindVectorRef }

// Kind is KindRuLakeWitness.
func (RuLakeWitness) Kind() Kind { return KindRuLakeWitness }

// Kind is KindRaw.
func (Raw) Kind() Kind { return KindRaw }

func (v Text) check() error {
	if !utf8.ValidString(v.Text) {
		return fmt.Errorf("text: it is not UTF-8")
	}
	return nil
}

func (v StructuredJSON) check() error {
	if err := raw.Check(v.Value); err != nil {
		return fmt.Errorf("value: %w", err)
	}
	if len(v.Schema) == 0 {
		return nil
	}
	if err := raw.Check(v.Schema); err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	return nil
}

func (v VectorRef) check() error {
	if err := checkName("backend", v.Backend, mostName); err != nil {
		return err
	}
	if err := checkName("collection", v.Collection, mostName); err != nil {
		return err
	}
	if err := checkWitness(v.Witness); err != nil {
		return err
	}
	if v.Dim < 1 || v.Dim > MostDim {
		return fmt.Errorf("dim: it is %d, 1 to %d are possible", v.Dim, MostDim)
	}
	if v.Count < 0 || v.Count > MostCount {
		return fmt.Errorf("count: it is %d, 0 to %d are possible", v.Count, int64(MostCount))
	}
	return nil
}

func (v RuLakeWitness) check() error {
	if err := checkWitness(v.Witness); err != nil {
		return err
	}
	if err := checkName("data_ref", v.DataRef, mostRef); err != nil {
		return err
	}
	if len(v.Capabilities) > mostCapabilities {
		return fmt.Errorf("capabilities: there are %d, at most %d are possible",
			len(v.Capabilities), mostCapabilities)
	}
	for _, c := range v.Capabilities {
		if err := checkName("capabilities", c, mostCapability); err != nil {
			return err
		}
	}
	return nil
}

func (v Raw) check() error {
	for i, part := range v.Parts {
		if _, err := raw.Parse(part); err != nil {
			return fmt.Errorf("parts[%d]: %w", i, err)
		}
	}
	return nil
}

// checkName takes a name that has something to say, fits and can be shown.
func checkName(field, name string, most int) error {
	if name == "" || len(name) > most {
		return fmt.Errorf("%s: it has %d bytes, 1 to %d are possible", field, len(name), most)
	}
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return fmt.Errorf("%s: it has control characters, or is not UTF-8", field)
	}
	return nil
}

func checkWitness(witness string) error {
	if len(witness) != witnessDigits || strings.Trim(witness, "0123456789abcdef") != "" {
		return fmt.Errorf("witness: it is %q, and not 64 digits of lower case hex",
			problem.Said(witness))
	}
	return nil
}

func (Text) body() map[string]any { return nil }

func (v StructuredJSON) body() map[string]any {
	body := map[string]any{"kind": KindStructuredJSON, "value": v.Value}
	if len(v.Schema) > 0 {
		body["schema"] = v.Schema
	}
	return body
}

func (v VectorRef) body() map[string]any {
	return map[string]any{"kind": KindVectorRef, "backend": v.Backend, "collection": v.Collection,
		"witness": v.Witness, "dim": v.Dim, "count": v.Count}
}

func (v RuLakeWitness) body() map[string]any {
	return map[string]any{"kind": KindRuLakeWitness, "witness": v.Witness, "data_ref": v.DataRef,
		"capabilities": append([]string{}, v.Capabilities...)}
}

func (Raw) body() map[string]any { return nil }
