package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"
)

// document is a bundle as it is written: keys in this order.
type document struct {
	FormatVersion int             `json:"format_version"`
	DataRef       string          `json:"data_ref"`
	Dim           int             `json:"dim"`
	RotationSeed  uint64          `json:"rotation_seed"`
	RerankFactor  int             `json:"rerank_factor"`
	Generation    any             `json:"generation"`
	Witness       string          `json:"rvf_witness"`
	PIIPolicy     *string         `json:"pii_policy"`
	LineageID     *string         `json:"lineage_id"`
	MemoryClass   *string         `json:"memory_class,omitempty"`
	Embedder      json.RawMessage `json:"embedder,omitempty"`
	Content       *contentWritten `json:"content,omitempty"`
}

type contentWritten struct {
	Rotation string `json:"rotation"`
	Metric   string `json:"metric"`
	Kind     string `json:"kind"`
	Codec    int    `json:"codec"`
	Rows     int64  `json:"rows"`
	Digest   string `json:"digest"`
}

// Encode returns the bundle as JSON, indented by two spaces, without a line break at the end. The
// witness is written as it is; Write verifies it.
//
// Errors: LakeError naming the field that no bundle can have, or when the document would be longer
// than MaxBytes.
func (b Bundle) Encode() ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	if !canonical(b.Witness) {
		return nil, wrongHex("rvf_witness", b.Witness)
	}
	d := document{FormatVersion: b.FormatVersion, DataRef: b.DataRef, Dim: b.Dim,
		RotationSeed: b.RotationSeed, RerankFactor: b.RerankFactor, Witness: b.Witness,
		PIIPolicy: optional(b.PIIPolicy), LineageID: optional(b.LineageID),
		MemoryClass: optional(b.MemoryClass), Embedder: json.RawMessage(b.Embedder)}
	if text, ok := b.Generation.Text(); ok {
		d.Generation = text
	} else {
		d.Generation, _ = b.Generation.Number()
	}
	if b.FormatVersion == 3 {
		written := contentWritten(b.Content)
		d.Content = &written
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		return nil, refuse("", "the document cannot be written: %v", err)
	}
	text := bytes.TrimSuffix(out.Bytes(), []byte("\n"))
	if len(text) > MaxBytes {
		return nil, refuse("shorten its texts",
			"the document would have %d bytes, at most %d are allowed", len(text), MaxBytes)
	}
	return text, nil
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func wrongHex(name, value string) error {
	return refuse("it is what the publisher wrote, lower-case",
		"%s is %s, which is not 64 lower-case hex digits", name, shown(value))
}

// Decode reads a bundle from JSON. Fields that are not known are ignored; a key that comes twice is
// refused, as are numbers that are not whole. Whether the witness is that of the fields is what
// Verify tells.
//
// Errors: LakeError that says what is wrong, with the field.
func Decode(text []byte) (Bundle, error) {
	if len(text) > MaxBytes {
		return Bundle{}, tooLong(int64(len(text)))
	}
	if err := checkJSON(text); err != nil {
		return Bundle{}, err
	}
	f, err := readObject("", text)
	if err != nil {
		return Bundle{}, err
	}
	b := Bundle{FormatVersion: int(f.number("format_version", 0, math.MaxInt32))}
	if f.err == nil && (b.FormatVersion < 1 || b.FormatVersion > 3) {
		return Bundle{}, b.check() // what other formats mean by the fields is not known
	}
	b.DataRef = f.text("data_ref")
	b.Dim = int(f.number("dim", 1, MaxDim))
	b.RotationSeed = f.number("rotation_seed", 0, math.MaxUint64)
	b.RerankFactor = int(f.number("rerank_factor", 1, math.MaxInt32))
	b.Generation = f.generation()
	b.Witness = f.hex("rvf_witness")
	b.PIIPolicy = f.optional("pii_policy")
	b.LineageID = f.optional("lineage_id")
	b.MemoryClass = f.optional("memory_class")
	if raw := f.raw("embedder"); raw != nil && string(raw) != "null" && f.err == nil {
		var made embedder
		if made, f.err = readEmbedder(raw); f.err == nil {
			b.Embedder = made.text()
		}
	}
	if b.FormatVersion == 3 && f.err == nil {
		b.Content, f.err = readContent(f.raw("content"))
	}
	if f.err != nil {
		return Bundle{}, f.err
	}
	return b, nil
}

func readContent(text json.RawMessage) (Content, error) {
	if text == nil {
		return Content{}, refuse("", "a bundle of format 3 has no content")
	}
	f, err := readObject("content", text)
	if err != nil {
		return Content{}, err
	}
	return Content{
		Rotation: f.text("rotation"), Metric: f.text("metric"), Kind: f.text("kind"),
		Codec: int(f.number("codec", 0, math.MaxInt32)),
		Rows:  int64(f.number("rows", 0, math.MaxInt64)), Digest: f.hex("digest"),
	}, f.err
}

func tooLong(bytes int64) error {
	return refuse("a bundle holds no data: this is something else",
		"the document has %d bytes, at most %d are allowed", bytes, MaxBytes)
}

// checkJSON refuses what is no JSON, or text that has no meaning.
func checkJSON(text []byte) error {
	if !utf8.Valid(text) {
		return refuse("", "the document is not UTF-8")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(text, &whole); err != nil {
		var at *json.SyntaxError
		if errors.As(err, &at) {
			return refuse("", "the document is no JSON from byte %d on: %v", at.Offset, err)
		}
		return refuse("", "the document is no JSON: %v", err)
	}
	if at := loneSurrogate(text); at >= 0 {
		return refuse("", "the escape at byte %d is half a character", at)
	}
	return nil
}

// loneSurrogate returns where valid JSON has an escape that is half a character, or -1. Readers
// replace it silently, and two documents become one.
func loneSurrogate(text []byte) int {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if i++; text[i] != 'u' {
			continue
		}
		switch first := escaped(text, i); {
		case first >= 0xdc00 && first < 0xe000:
			return i - 1
		case first >= 0xd800 && first < 0xdc00:
			if i += 6; i >= len(text) || text[i-1] != '\\' || text[i] != 'u' ||
				escaped(text, i)&^0x3ff != 0xdc00 {
				return i - 7
			}
		}
	}
	return -1
}

// escaped is the number of the escape whose "u" is at i.
func escaped(text []byte, i int) uint64 {
	if i+5 > len(text) {
		return 0
	}
	v, _ := strconv.ParseUint(string(text[i+1:i+5]), 16, 16)
	return v
}

// fields are those of a JSON object, with the first error that reading them gave.
type fields struct {
	place string // in front of names
	found map[string]json.RawMessage
	err   error
}

// readObject takes valid JSON apart.
func readObject(place string, text []byte) (*fields, error) {
	what := place
	if what == "" {
		what = "the document"
	} else {
		place += "."
	}
	f := &fields{place: place, found: map[string]json.RawMessage{}}
	d := json.NewDecoder(bytes.NewReader(text))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return nil, refuse("", "%s is %s, which is no object", what, shown(string(text)))
	}
	for d.More() {
		token, err := d.Token()
		key, ok := token.(string)
		if err != nil || !ok {
			return nil, refuse("", "%s is no JSON", what)
		}
		if _, twice := f.found[key]; twice {
			return nil, refuse("readers would not agree which counts", "%s comes twice",
				shown(place+key))
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil && !errors.Is(err, io.EOF) {
			return nil, refuse("", "%s is no JSON: %v", what, err)
		}
		f.found[key] = value
	}
	return f, nil
}

func (f *fields) fail(name, format string, values ...any) {
	if f.err == nil {
		f.err = refuse("", "%s%s %s", f.place, name, fmt.Sprintf(format, values...))
	}
}

func (f *fields) raw(name string) json.RawMessage { return f.found[name] }

// required returns a field's JSON, nil if it is missing.
func (f *fields) required(name string) json.RawMessage {
	raw, ok := f.found[name]
	if !ok {
		f.fail(name, "is missing")
		return nil
	}
	return raw
}

// number reads a whole number without sign, fraction or exponent.
func (f *fields) number(name string, least, most uint64) uint64 {
	raw := f.required(name)
	if raw == nil {
		return least
	}
	v, err := strconv.ParseUint(string(raw), 10, 64)
	if err != nil || v < least || v > most {
		f.fail(name, "is %s, which is no whole number between %d and %d", brief(raw), least, most)
		return least
	}
	return v
}

func brief(raw json.RawMessage) string {
	const most = 80
	if len(raw) > most {
		return fmt.Sprintf("%s... (%d bytes)", raw[:most], len(raw))
	}
	return string(raw)
}

// text reads a text of at most MaxText bytes.
func (f *fields) text(name string) string {
	if raw := f.required(name); raw != nil {
		return f.textOf(name, raw)
	}
	return ""
}

func (f *fields) textOf(name string, raw json.RawMessage) string {
	if raw[0] != '"' {
		f.fail(name, "is %s, which is no text", brief(raw))
		return ""
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		f.fail(name, "cannot be read: %v", err)
	}
	if err := checkText(f.place+name, text); err != nil && f.err == nil {
		f.err = err
	}
	return text
}

// optional reads a text that may be null or missing.
func (f *fields) optional(name string) string {
	raw, ok := f.found[name]
	if !ok || string(raw) == "null" {
		return ""
	}
	return f.textOf(name, raw)
}

// hex reads 32 bytes in lower-case hex.
func (f *fields) hex(name string) string {
	text := f.text(name)
	if f.err == nil && !canonical(text) {
		f.err = wrongHex(f.place+name, text)
	}
	return text
}

// generation reads a number or a text.
func (f *fields) generation() Generation {
	raw := f.required("generation")
	switch {
	case raw == nil:
		return Generation{}
	case raw[0] == '"':
		return Opaque(f.textOf("generation", raw))
	}
	v, err := strconv.ParseUint(string(raw), 10, 64)
	if err != nil {
		f.fail("generation", "is %s, which is neither a text nor a whole number below 2^64",
			brief(raw))
	}
	return Number(v)
}
