package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// embedder is what made the vectors of a collection. What is nil is not known.
type embedder struct {
	ID             string  `json:"embedder"`
	SHA256         *string `json:"sha256,omitempty"` // of its weights
	Dim            *uint64 `json:"dim,omitempty"`
	Normalized     *bool   `json:"normalized,omitempty"` // vectors have length 1
	QueryPrefix    *string `json:"query_prefix,omitempty"`
	DocumentPrefix *string `json:"document_prefix,omitempty"`
	MaxTokens      *uint64 `json:"max_tokens,omitempty"`
	Pooling        *string `json:"pooling,omitempty"`
}

// ReadEmbedder returns what made vectors as Bundle.Embedder has it, out of text that an index file
// or a parquet file carries: an object of JSON with the text "embedder", or one that has such an
// object under that name. "" where the text says nothing that can be read: files say what they
// like.
func ReadEmbedder(text string) string {
	if len(text) > MaxBytes || checkJSON([]byte(text)) != nil {
		return ""
	}
	f, err := readObject("", []byte(text))
	if err != nil {
		return ""
	}
	raw := json.RawMessage(text)
	if inner, ok := f.found["embedder"]; ok && inner[0] == '{' {
		raw = inner
	}
	e, err := readEmbedder(raw)
	if err != nil {
		return ""
	}
	return e.text()
}

// readEmbedder reads the object; fields that are not known are left out.
//
// Errors: LakeError naming the field.
func readEmbedder(raw json.RawMessage) (e embedder, err error) {
	f, err := readObject("embedder", raw)
	if err != nil {
		return e, err
	}
	e.ID = f.text("embedder")
	e.SHA256 = f.known("sha256")
	if f.err == nil && e.SHA256 != nil && !canonical(*e.SHA256) {
		return e, wrongHex("embedder.sha256", *e.SHA256)
	}
	e.Dim, e.MaxTokens = f.count("dim", MaxDim), f.count("max_tokens", math.MaxInt32)
	e.QueryPrefix, e.DocumentPrefix = f.known("query_prefix"), f.known("document_prefix")
	e.Pooling = f.known("pooling")
	if raw, ok := f.found["normalized"]; ok && string(raw) != "null" {
		truth, err := strconv.ParseBool(string(raw))
		if err != nil || raw[0] != 't' && raw[0] != 'f' {
			f.fail("normalized", "is %s, which is neither true nor false", brief(raw))
		}
		e.Normalized = &truth
	}
	return e, f.err
}

// known reads a text that may be null or missing, which is another thing than an empty one.
func (f *fields) known(name string) *string {
	raw, ok := f.found[name]
	if !ok || string(raw) == "null" {
		return nil
	}
	text := f.textOf(name, raw)
	return &text
}

// count reads a whole number from 1 on that may be null or missing.
func (f *fields) count(name string, most uint64) *uint64 {
	if raw, ok := f.found[name]; !ok || string(raw) == "null" {
		return nil
	}
	n := f.number(name, 1, most)
	return &n
}

// text writes what is known as JSON, the same text for the same facts.
func (e *embedder) text() string {
	var out bytes.Buffer
	w := json.NewEncoder(&out)
	w.SetEscapeHTML(false)
	_ = w.Encode(e) // texts and numbers can be written
	return string(bytes.TrimSuffix(out.Bytes(), []byte("\n")))
}

// EmbeddersDiffer says in words by what two of Bundle.Embedder are known to be of embedders whose
// vectors do not compare; "" where they are not, or one of them is "". Where both tell the digest
// of their weights, names are only names; where texts are cut alone is no difference.
func EmbeddersDiffer(a, b string) string {
	if a == "" || b == "" {
		return ""
	}
	x, errX := readEmbedder(json.RawMessage(a))
	y, errY := readEmbedder(json.RawMessage(b))
	if errX != nil || errY != nil {
		return ""
	}
	named := x.ID != y.ID && (x.SHA256 == nil || y.SHA256 == nil)
	if named || differ(x.SHA256, y.SHA256) || differ(x.Dim, y.Dim) ||
		differ(x.Normalized, y.Normalized) || differ(x.QueryPrefix, y.QueryPrefix) ||
		differ(x.DocumentPrefix, y.DocumentPrefix) || differ(x.Pooling, y.Pooling) {
		return fmt.Sprintf("embedder %s, not %s", x.told(), y.told())
	}
	return ""
}

// differ reports whether two values are known and not equal.
func differ[T comparable](a, b *T) bool { return a != nil && b != nil && *a != *b }

// told is an embedder as errors show it.
func (e *embedder) told() string {
	text := shown(e.ID)
	if e.SHA256 != nil {
		text += fmt.Sprintf(" (weights %s...)", (*e.SHA256)[:16])
	}
	return text
}
