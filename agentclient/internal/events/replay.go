package events

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
)

// replay finds pieces of an artifact that a resumed stream sends although its snapshot had them.
// A piece counts as sent again only where it is what the snapshot has at a place that fits: behind
// what was known before the break, in order, or from the start where the peer starts over.
type replay struct {
	// from is how many of the snapshot's parts were known before the break.
	from int
	// at are the places where the next piece may be found again; nil before the first one.
	at []int
	// over tells that the peer started over.
	over bool
}

// repeats tells whether parts are a repetition. gap tells that the peer, who started over, goes
// on in another way than before: what it repeated is all that is left of the artifact.
func (a *artifact) repeats(parts []json.RawMessage, more bool) (duplicate, gap bool) {
	r := a.replay
	if len(parts) == 0 && more {
		return false, false
	}
	if !more {
		if !a.holds(parts, 0) {
			a.replay = nil
			return false, false
		}
		*r = replay{over: true}
		a.advance([]int{0}, len(parts))
		return true, false
	}
	places := r.at
	if places == nil {
		for i := r.from; i < len(a.parts); i++ {
			places = append(places, i)
		}
	}
	var left []int
	for _, place := range places {
		if a.holds(parts, place) {
			left = append(left, place)
		}
	}
	if len(left) > 0 {
		a.advance(left, len(parts))
		return true, false
	}
	a.replay = nil
	if r.over && len(places) > 0 {
		a.size -= sizeOf(a.parts[places[0]:])
		a.parts = a.parts[:places[0]:places[0]]
		return false, true
	}
	return false, false
}

// advance moves the places on; once none is left before the end nothing more is repeated.
func (a *artifact) advance(places []int, by int) {
	a.replay.at = a.replay.at[:0]
	for _, place := range places {
		if place+by < len(a.parts) {
			a.replay.at = append(a.replay.at, place+by)
		}
	}
	if len(a.replay.at) == 0 {
		a.replay = nil
	}
}

// holds tells whether an artifact has the parts at a place.
func (a *artifact) holds(parts []json.RawMessage, place int) bool {
	if place+len(parts) > len(a.parts) {
		return false
	}
	for i, part := range parts {
		if !same(a.parts[place+i], part) {
			return false
		}
	}
	return true
}

// same tells whether two values are the same JSON but for space and the order of keys.
func same(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) {
		return true
	}
	a, b = compact(a), compact(b)
	return bytes.Equal(a, b) || len(a) == len(b) && reflect.DeepEqual(tree(a), tree(b))
}

func compact(value json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if json.Compact(&b, value) != nil {
		return value
	}
	return b.Bytes()
}

// tree reads a value with its numbers as they are written.
func tree(value json.RawMessage) any {
	var found any
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	if d.Decode(&found) != nil {
		return string(value)
	}
	return found
}

// flat joins neighbouring parts that are nothing but text: "t" and the text, or "j" and the JSON.
func flat(parts []json.RawMessage) [][]byte {
	var list [][]byte
	for _, part := range parts {
		text, plain := "", false
		if given, err := raw.Part(part); err == nil && len(given) == 1 && given.Has("text") {
			text, err = given.Text("text")
			plain = err == nil
		}
		switch last := len(list) - 1; {
		case !plain:
			list = append(list, append([]byte("j"), compact(part)...))
		case last >= 0 && list[last][0] == 't':
			list[last] = append(list[last], text...)
		default:
			list = append(list, []byte("t"+text))
		}
	}
	return list
}

// grew tells whether parts begin with what was known of them, however their text is cut, and how
// many of them were known: all where that cannot be told.
func grew(known, now []json.RawMessage) (bool, int) {
	if begins(known, now) {
		return true, len(known)
	}
	before, after := flat(known), flat(now)
	for i, value := range before {
		if i >= len(after) || !bytes.HasPrefix(after[i], value) ||
			len(after[i]) > len(value) && (value[0] != 't' || i < len(before)-1) {
			return false, len(now)
		}
	}
	return true, len(now)
}

// begins tells whether a list begins with another.
func begins(known, now []json.RawMessage) bool {
	if len(known) > len(now) {
		return false
	}
	for i, part := range known {
		if !same(part, now[i]) {
			return false
		}
	}
	return true
}
