// Package raw reads JSON of strangers without changing it: objects by exact key, numbers as they
// were written. What it lets through has no key twice, no lone surrogate, no number outside float64
// and no depth that costs a stack (RFC 8785 section 3.2.2 and RFC 7493).
package raw

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/gowebpki/jcs"
)

// MostDepth is how deep arrays and objects of a peer may be nested.
const MostDepth = 64

// Object is an object of JSON: exact keys, values as they were written.
type Object map[string]json.RawMessage

// Check reports what keeps bytes from being one value of strict JSON; nil if nothing does.
func Check(data []byte) error {
	if plain(data) {
		return nil
	}
	return strict(data)
}

// strict is Check by the rules one after the other, to say which one was broken.
func strict(data []byte) error {
	if !utf8.Valid(data) {
		return fmt.Errorf("it is not UTF-8")
	}
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		return fmt.Errorf("it begins with a byte order mark")
	}
	if depth(data) > MostDepth {
		return fmt.Errorf("it is nested deeper than %d", MostDepth)
	}
	if !json.Valid(data) {
		return syntax(data)
	}
	// Of a scalar, which jcs does not take, an array is made.
	if _, err := jcs.Transform(bytes.Join([][]byte{[]byte("["), data, []byte("]")}, nil)); err != nil {
		return fmt.Errorf("%s", err)
	}
	return nil
}

// syntax says where JSON ends being JSON.
func syntax(data []byte) error {
	var any json.RawMessage
	if err := json.Unmarshal(data, &any); err != nil {
		return err
	}
	return fmt.Errorf("it is no JSON")
}

// depth is how deep arrays and objects are nested, counted outside strings, whether or not they are
// closed.
func depth(data []byte) int {
	now, most, text := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '{' || c == '[':
			now++
			most = max(most, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return most
}

// Parse reads an object that Check has let through.
func Parse(data []byte) (Object, error) {
	if err := Check(data); err != nil {
		return nil, err
	}
	return Part(data)
}

// Part reads an object inside of what was checked. Its values are parts of data, which must not be
// changed afterwards.
func Part(data []byte) (Object, error) {
	if kind := KindOf(data); kind != "object" {
		return nil, fmt.Errorf("%s where an object should be", kind)
	}
	found := Object{}
	if parts(data, func(key string, value json.RawMessage) { found[key] = value }) {
		return found, nil
	}
	found = nil
	if err := json.Unmarshal(data, &found); err != nil {
		return nil, err
	}
	return found, nil
}

// Each calls do for every key of an object inside of what was checked, in order, and spares making
// an Object of it. The error is that it is none.
func Each(data []byte, do func(key string, value json.RawMessage)) error {
	if KindOf(data) == "object" && parts(data, do) {
		return nil
	}
	found, err := Part(data)
	for key, value := range found {
		do(key, value)
	}
	return err
}

// KindOf names what a value is: "object", "array", "string", "number", "boolean", "null", and
// "nothing" for no bytes.
func KindOf(value json.RawMessage) string {
	s := scanner{data: value}
	if s.space(); s.at == len(value) {
		return "nothing"
	}
	switch value[s.at] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}

// Has reports whether an object has a key whose value is not null.
func (o Object) Has(key string) bool { return o[key] != nil && KindOf(o[key]) != "null" }

// Text returns a string, "" where there is none or null.
func (o Object) Text(key string) (string, error) {
	if !o.Has(key) {
		return "", nil
	}
	if kind := KindOf(o[key]); kind != "string" {
		return "", fmt.Errorf("%s: %s where a string should be", key, kind)
	}
	s := scanner{data: bytes.TrimSpace(o[key])}
	if text, ok := s.text(); ok && s.at == len(s.data) {
		return string(text), nil
	}
	var text string
	err := json.Unmarshal(o[key], &text)
	return text, err
}

// Bool returns a truth value, false where there is none or null.
func (o Object) Bool(key string) (bool, error) {
	if !o.Has(key) {
		return false, nil
	}
	if kind := KindOf(o[key]); kind != "boolean" {
		return false, fmt.Errorf("%s: %s where true or false should be", key, kind)
	}
	return string(bytes.TrimSpace(o[key])) == "true", nil
}

// Number returns a finite number, 0 where there is none or null. ProtoJSON writes 64-bit integers
// as strings: those are read too.
func (o Object) Number(key string) (float64, error) {
	if !o.Has(key) {
		return 0, nil
	}
	text := string(bytes.TrimSpace(o[key]))
	if KindOf(o[key]) == "string" {
		text, _ = o.Text(key)
	}
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(number) || math.IsInf(number, 0) {
		return 0, fmt.Errorf("%s: %s where a number should be", key, KindOf(o[key]))
	}
	return number, nil
}

// Object returns an object, nil where there is none or null.
func (o Object) Object(key string) (Object, error) {
	if !o.Has(key) {
		return nil, nil
	}
	found, err := Part(o[key])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return found, nil
}

// Array returns the values of an array, nil where there is none or null.
func (o Object) Array(key string) ([]json.RawMessage, error) {
	if !o.Has(key) {
		return nil, nil
	}
	if kind := KindOf(o[key]); kind != "array" {
		return nil, fmt.Errorf("%s: %s where an array should be", key, kind)
	}
	found := []json.RawMessage{}
	if parts(o[key], func(_ string, value json.RawMessage) { found = append(found, value) }) {
		return found, nil
	}
	found = nil
	err := json.Unmarshal(o[key], &found)
	return found, err
}

// Of writes a value of ours as JSON. What cannot be written is a fault of ours, and panics.
func Of(value any) json.RawMessage {
	var b bytes.Buffer
	w := json.NewEncoder(&b)
	w.SetEscapeHTML(false)
	if err := w.Encode(value); err != nil {
		panic(fmt.Sprintf("raw.Of: %v", err))
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
