package raw

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// plain tells, in one pass, that bytes are strict JSON: what it lets through, strict lets through
// too. It says no to more than strict does; that is what strict is then asked for.
func plain(data []byte) bool {
	if !utf8.Valid(data) {
		return false
	}
	var first [16][]byte
	s := scanner{data: data, keys: first[:0]}
	if !s.value(0) {
		return false
	}
	s.space()
	return s.at == len(data)
}

// scanner walks over JSON. keys are those of the objects that it is in, the innermost last.
type scanner struct {
	data []byte
	at   int
	keys [][]byte
}

func (s *scanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// is steps over one character, if it is that one.
func (s *scanner) is(c byte) bool {
	if s.at < len(s.data) && s.data[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) value(depth int) bool {
	s.space()
	if s.at == len(s.data) || depth > MostDepth {
		return false
	}
	switch s.data[s.at] {
	case '{':
		return depth < MostDepth && s.object(depth)
	case '[':
		return depth < MostDepth && s.array(depth)
	case '"':
		_, ok := s.text()
		return ok
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number()
}

func (s *scanner) word(word string) bool {
	if !bytes.HasPrefix(s.data[s.at:], []byte(word)) {
		return false
	}
	s.at += len(word)
	return true
}

func (s *scanner) array(depth int) bool {
	s.at++
	if s.space(); s.is(']') {
		return true
	}
	for s.value(depth + 1) {
		if s.space(); s.is(']') {
			return true
		}
		if !s.is(',') {
			return false
		}
	}
	return false
}

// mostPlainKeys is how many keys of an object are compared one by one.
const mostPlainKeys = 24

func (s *scanner) object(depth int) bool {
	s.at++
	first := len(s.keys)
	defer func() { s.keys = s.keys[:first] }()
	if s.space(); s.is('}') {
		return true
	}
	for {
		s.space()
		key, ok := s.text()
		if !ok || len(s.keys)-first == mostPlainKeys {
			return false
		}
		for _, other := range s.keys[first:] {
			if bytes.Equal(other, key) {
				return false
			}
		}
		s.keys = append(s.keys, key)
		if s.space(); !s.is(':') || !s.value(depth+1) {
			return false
		}
		if s.space(); s.is('}') {
			return true
		}
		if !s.is(',') {
			return false
		}
	}
}

// text reads a string and returns what it says, which may be a part of the data.
func (s *scanner) text() ([]byte, bool) {
	if !s.is('"') {
		return nil, false
	}
	begin, escaped := s.at, false
	for s.at < len(s.data) {
		switch c := s.data[s.at]; {
		case c == '"':
			inside := s.data[begin:s.at]
			s.at++
			if !escaped {
				return inside, true
			}
			var text string
			err := json.Unmarshal(s.data[begin-1:s.at], &text)
			return []byte(text), err == nil
		case c < ' ':
			return nil, false
		case c == '\\':
			escaped = true
			if !s.escape() {
				return nil, false
			}
		default:
			s.at++
		}
	}
	return nil, false
}

// escape steps over one, or over two that are a pair of surrogates.
func (s *scanner) escape() bool {
	if s.at+1 >= len(s.data) {
		return false
	}
	if strings.IndexByte(`"\/bfnrt`, s.data[s.at+1]) >= 0 {
		s.at += 2
		return true
	}
	unit, ok := s.unit()
	if !ok || unit >= 0xdc00 && unit <= 0xdfff {
		return false
	}
	if unit < 0xd800 || unit > 0xdfff {
		return true
	}
	low, ok := s.unit()
	return ok && low >= 0xdc00 && low <= 0xdfff
}

// unit steps over \u and four digits.
func (s *scanner) unit() (uint64, bool) {
	if s.at+6 > len(s.data) || s.data[s.at] != '\\' || s.data[s.at+1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(s.data[s.at+2:s.at+6]), 16, 16)
	s.at += 6
	return unit, err == nil
}

func (s *scanner) digits() bool {
	begin := s.at
	for s.at < len(s.data) && s.data[s.at] >= '0' && s.data[s.at] <= '9' {
		s.at++
	}
	return s.at > begin
}

func (s *scanner) number() bool {
	begin := s.at
	s.is('-')
	if !s.is('0') && !s.digits() {
		return false
	}
	if s.is('.') && !s.digits() {
		return false
	}
	if s.is('e') || s.is('E') {
		if !s.is('+') {
			s.is('-')
		}
		if !s.digits() {
			return false
		}
		_, err := strconv.ParseFloat(string(s.data[begin:s.at]), 64)
		return err == nil
	}
	return s.at-begin < 300
}

// end steps over a value of JSON that is known to be valid.
func (s *scanner) end() bool {
	if s.at == len(s.data) {
		return false
	}
	switch s.data[s.at] {
	case '"':
		return s.quoted()
	case '{', '[':
	default:
		begin := s.at
		for s.at < len(s.data) && strings.IndexByte(",]} \t\r\n", s.data[s.at]) < 0 {
			s.at++
		}
		return s.at > begin
	}
	for depth := 0; s.at < len(s.data); {
		switch s.data[s.at] {
		case '"':
			if !s.quoted() {
				return false
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if s.at++; depth == 0 {
			return true
		}
	}
	return false
}

// quoted steps over a string.
func (s *scanner) quoted() bool {
	s.at++
	for begin := s.at; ; {
		next := bytes.IndexByte(s.data[s.at:], '"')
		if next < 0 {
			s.at = len(s.data)
			return false
		}
		s.at += next + 1
		slashes := s.at - 1
		for slashes > begin && s.data[slashes-1] == '\\' {
			slashes--
		}
		if (s.at-1-slashes)%2 == 0 {
			return true
		}
	}
}

// parts returns the values of an object or an array of valid JSON, as parts of its bytes; name gets
// each with its key. It reports false where something is not as it should be.
func parts(data []byte, name func(key string, value json.RawMessage)) bool {
	s := scanner{data: data}
	s.space()
	if s.at == len(data) {
		return false
	}
	object := data[s.at] == '{'
	closing := byte(']')
	if object {
		closing = '}'
	}
	s.at++
	if s.space(); s.is(closing) {
		return s.rest()
	}
	for {
		var key []byte
		s.space()
		if object {
			ok := false
			if key, ok = s.text(); !ok {
				return false
			}
			if s.space(); !s.is(':') {
				return false
			}
			s.space()
		}
		begin := s.at
		if !s.end() {
			return false
		}
		name(keyOf(key), data[begin:s.at:s.at])
		if s.space(); s.is(closing) {
			return s.rest()
		}
		if !s.is(',') {
			return false
		}
	}
}

// known are keys that come in every event, so that none is made anew.
var known = func() map[string]string {
	names := map[string]string{}
	for name := range strings.FieldsSeq(`jsonrpc id result error code message data task statusUpdate
		artifactUpdate taskId contextId status state timestamp artifact artifactId name description
		parts text raw url mediaType filename metadata append lastChunk extensions history artifacts
		messageId role referenceTaskIds final kind`) {
		names[name] = name
	}
	return names
}()

func keyOf(key []byte) string {
	if name, ok := known[string(key)]; ok {
		return name
	}
	return string(key)
}

// rest tells that nothing but space follows.
func (s *scanner) rest() bool {
	s.space()
	return s.at == len(s.data)
}
