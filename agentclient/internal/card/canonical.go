package card

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gowebpki/jcs"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Form is one of the byte strings that signers make of one card. Cards without empty values have
// the same in all forms.
type Form string

const (
	// Spec is the rule of section 8.4.1: what is a default is dropped where the schema says so, what
	// the schema does not know stays.
	Spec Form = "A"
	// Pruned is what the SDKs for JavaScript and Python sign: only what the schema knows, without
	// anything empty, and that inside params too.
	Pruned Form = "B"
	// Served is the card as it came, without its signatures.
	Served Form = "C"
)

// Forms are all of them, in the order in which they are tried.
var Forms = []Form{Spec, Pruned, Served}

// Canonical returns the bytes of a card that are signed in that form. Cards of 0.3, whose schema is
// another, keep in Pruned what 1.0 does not know. Errors are CardInvalid, and InvalidArgument for a
// form that there is not.
func Canonical(data []byte, form Form) ([]byte, error) {
	o, err := open(data)
	if err != nil {
		return nil, err
	}
	return canonical(o, form)
}

func canonical(o raw.Object, form Form) ([]byte, error) {
	bare := make(raw.Object, len(o))
	for key, value := range o {
		if key != "signatures" {
			bare[key] = value
		}
	}
	value := raw.Of(bare)
	switch form {
	case Spec:
		value = omitDefaults(cardSchema, value)
	case Pruned:
		var err error
		if bare.Has("supportedInterfaces") {
			value, err = roundTrip(cardSchema, "", value)
		} else {
			value = prune(value)
		}
		if err != nil {
			return nil, err
		}
		if value == nil {
			value = json.RawMessage("{}")
		}
	case Served:
	default:
		return nil, problem.New(problem.InvalidArgument,
			fmt.Sprintf("there is no form %q of a card", problem.Said(string(form))),
			`give "A", "B" or "C"`)
	}
	made, err := jcs.Transform(value)
	if err != nil {
		return nil, invalid("", problem.Said(err.Error()))
	}
	return made, nil
}

// omitDefaults drops the fields of a message that hold their default and may be dropped. What is of
// another kind than the schema says stays.
func omitDefaults(s schema, value json.RawMessage) json.RawMessage {
	o, err := raw.Part(value)
	if err != nil {
		return value
	}
	kept := raw.Object{}
	for key, value := range o {
		f, known := s[key]
		switch {
		case !known:
			kept[key] = value
		case !o.Has(key) && f.is != required:
		case f.is == plain && isDefault(f.kind, value):
		default:
			kept[key] = f.inside(value, func(inner json.RawMessage) json.RawMessage {
				return omitDefaults(f.of, inner)
			})
		}
	}
	return raw.Of(kept)
}

// inside applies a change to the messages that a field holds.
func (f field) inside(value json.RawMessage,
	do func(json.RawMessage) json.RawMessage) json.RawMessage {
	switch {
	case f.of == nil:
	case f.kind == message:
		return do(value)
	case f.kind == list && raw.KindOf(value) == "array":
		var entries []json.RawMessage
		if json.Unmarshal(value, &entries) == nil {
			for i := range entries {
				entries[i] = do(entries[i])
			}
			return raw.Of(entries)
		}
	case f.kind == table && raw.KindOf(value) == "object":
		if o, err := raw.Part(value); err == nil {
			for key := range o {
				o[key] = do(o[key])
			}
			return raw.Of(o)
		}
	}
	return value
}

// isDefault reports whether a value is what a field of that kind has when nobody sets it.
func isDefault(kind shape, value json.RawMessage) bool {
	value = json.RawMessage(strings.TrimSpace(string(value)))
	switch kind {
	case text:
		return string(value) == `""`
	case truth:
		return string(value) == "false"
	case list:
		return raw.KindOf(value) == "array" && isEmpty(value)
	case table:
		return raw.KindOf(value) == "object" && isEmpty(value)
	}
	return false
}

// isEmpty reports whether an array or object has nothing between its brackets.
func isEmpty(value json.RawMessage) bool {
	inner := strings.TrimSpace(string(value))
	return len(inner) >= 2 && strings.TrimSpace(inner[1:len(inner)-1]) == ""
}

// roundTrip is what a message is after it was read into its type and written again, without what is
// empty: nil for nothing. It fails where reading into the type would.
func roundTrip(s schema, at string, value json.RawMessage) (json.RawMessage, error) {
	o, err := raw.Part(value)
	if err != nil {
		return nil, invalid(at, problem.Said(err.Error()))
	}
	kept := raw.Object{}
	for key, f := range s {
		if !o.Has(key) {
			continue
		}
		again, err := f.roundTrip(join(at, key), o[key])
		if err != nil {
			return nil, err
		}
		if again != nil {
			kept[key] = again
		}
	}
	if len(kept) == 0 {
		return nil, nil
	}
	return raw.Of(kept), nil
}

// kindNames are what values of each shape are in JSON.
var kindNames = map[shape]string{text: "string", truth: "boolean", list: "array", table: "object",
	message: "object", free: "object"}

func (f field) roundTrip(at string, value json.RawMessage) (json.RawMessage, error) {
	if kind := raw.KindOf(value); kind != kindNames[f.kind] {
		return nil, invalid(at, kind+" where the kind should be "+kindNames[f.kind])
	}
	switch f.kind {
	case truth:
		if f.is != optional && isDefault(truth, value) {
			return nil, nil
		}
		return value, nil
	case message:
		return roundTrip(f.of, at, value)
	case list:
		var entries, kept []json.RawMessage
		if err := json.Unmarshal(value, &entries); err != nil {
			return nil, invalid(at, problem.Said(err.Error()))
		}
		for i, entry := range entries {
			again, err := f.element(fmt.Sprintf("%s[%d]", at, i), entry)
			if err != nil {
				return nil, err
			}
			if again != nil {
				kept = append(kept, again)
			}
		}
		return nothingOr(kept, len(kept)), nil
	case table:
		o, err := raw.Part(value)
		if err != nil {
			return nil, invalid(at, problem.Said(err.Error()))
		}
		kept := raw.Object{}
		for key, entry := range o {
			again, err := f.element(join(at, key), entry)
			if err != nil {
				return nil, err
			}
			if again != nil {
				kept[key] = again
			}
		}
		return nothingOr(kept, len(kept)), nil
	}
	return prune(value), nil
}

// element is the round trip of what a list or a table holds.
func (f field) element(at string, value json.RawMessage) (json.RawMessage, error) {
	if f.of != nil {
		return roundTrip(f.of, at, value)
	}
	return field{kind: text}.roundTrip(at, value)
}

// nothingOr writes a value that has n entries, nil for none.
func nothingOr(value any, n int) json.RawMessage {
	if n == 0 {
		return nil
	}
	return raw.Of(value)
}

// prune removes what is empty at any depth; nil for nothing.
func prune(value json.RawMessage) json.RawMessage {
	switch raw.KindOf(value) {
	case "null":
		return nil
	case "string":
		if isDefault(text, value) {
			return nil
		}
	case "array":
		var entries, kept []json.RawMessage
		if json.Unmarshal(value, &entries) != nil {
			return value
		}
		for _, entry := range entries {
			if again := prune(entry); again != nil {
				kept = append(kept, again)
			}
		}
		return nothingOr(kept, len(kept))
	case "object":
		o, err := raw.Part(value)
		if err != nil {
			return value
		}
		for key := range o {
			if o[key] = prune(o[key]); o[key] == nil {
				delete(o, key)
			}
		}
		return nothingOr(o, len(o))
	}
	return value
}

// wantSchemes puts back what pruning takes: a requirement without scopes is empty, and so SDKs
// sign cards that declare a scheme and want none. What is declared counts as wanted by itself;
// both names are signed.
func (c *Card) wantSchemes() {
	for _, name := range slices.Sorted(maps.Keys(c.Schemes)) {
		if !slices.ContainsFunc(c.Requirements, func(one map[string][]string) bool {
			_, named := one[name]
			return named
		}) {
			c.Requirements = append(c.Requirements, map[string][]string{name: nil})
		}
	}
}
