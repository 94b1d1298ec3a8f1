package card

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// reader reads fields and keeps the first thing that is wrong.
type reader struct{ err error }

func (r *reader) fail(path, why string) {
	if r.err == nil {
		r.err = invalid(path, why)
	}
}

// join is the path of a field within an object.
func join(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}

func (r *reader) kind(o raw.Object, at, key, want string) bool {
	if !o.Has(key) {
		return false
	}
	if kind := raw.KindOf(o[key]); kind != want {
		r.fail(join(at, key), fmt.Sprintf("%s where the kind should be %s", kind, want))
		return false
	}
	return true
}

func (r *reader) text(o raw.Object, at, key string) string {
	if !r.kind(o, at, key, "string") {
		return ""
	}
	text, err := o.Text(key)
	if err != nil {
		r.fail(join(at, key), problem.Said(err.Error()))
	}
	return text
}

// needed is a text that is there and not empty.
func (r *reader) needed(o raw.Object, at, key string) string {
	text := r.text(o, at, key)
	if text == "" {
		r.fail(join(at, key), "it is missing or empty")
	}
	return text
}

func (r *reader) truth(o raw.Object, at, key string) bool {
	return r.kind(o, at, key, "boolean") && strings.TrimSpace(string(o[key])) == "true"
}

func (r *reader) object(o raw.Object, at, key string) raw.Object {
	if !r.kind(o, at, key, "object") {
		return nil
	}
	found, err := o.Object(key)
	if err != nil {
		r.fail(join(at, key), problem.Said(err.Error()))
	}
	return found
}

// array returns values, of which there may be only so many; 0 is for any number.
func (r *reader) array(o raw.Object, at, key string, most int) []json.RawMessage {
	if !r.kind(o, at, key, "array") {
		return nil
	}
	found, err := o.Array(key)
	if err != nil {
		r.fail(join(at, key), problem.Said(err.Error()))
	}
	if most > 0 && len(found) > most {
		r.fail(join(at, key), fmt.Sprintf("it has %d entries, and may have %d", len(found), most))
		return nil
	}
	return found
}

func (r *reader) texts(o raw.Object, at, key string) []string {
	var found []string
	for i, value := range r.array(o, at, key, 0) {
		var text string
		if kind := raw.KindOf(value); kind != "string" {
			r.fail(fmt.Sprintf("%s[%d]", join(at, key), i), kind+" where the kind should be string")
			return nil
		}
		if err := json.Unmarshal(value, &text); err != nil {
			r.fail(fmt.Sprintf("%s[%d]", join(at, key), i), problem.Said(err.Error()))
		}
		found = append(found, text)
	}
	return found
}

// each calls do for every object of an array.
func (r *reader) each(o raw.Object, at, key string, most int, do func(raw.Object, string)) {
	for i, value := range r.array(o, at, key, most) {
		path := fmt.Sprintf("%s[%d]", join(at, key), i)
		entry, err := raw.Part(value)
		if err != nil {
			r.fail(path, problem.Said(err.Error()))
		}
		if r.err != nil {
			return
		}
		do(entry, path)
	}
}

// noVariants refuses keys that are one of the schema's but for the case of letters: readers that do
// not mind the case would see another card than this one does.
func (r *reader) noVariants(s schema, o raw.Object, at string) {
	for key := range o {
		if _, known := s[key]; known {
			continue
		}
		for name := range s {
			if strings.EqualFold(name, key) {
				r.fail(join(at, key), "a key that differs from "+name+" by the case of letters only")
				return
			}
		}
	}
}

func (r *reader) card(o raw.Object) *Card {
	c := &Card{
		Name: r.text(o, "", "name"), Description: r.text(o, "", "description"),
		Version: r.text(o, "", "version"), InputModes: r.texts(o, "", "defaultInputModes"),
		OutputModes: r.texts(o, "", "defaultOutputModes"), IconURL: r.text(o, "", "iconUrl"),
		DocumentationURL: r.text(o, "", "documentationUrl"),
		Capabilities:     r.capabilities(o), Schemes: r.schemes(o), Requirements: r.requirements(o),
	}
	if p := r.object(o, "", "provider"); p != nil {
		r.noVariants(providerSchema, p, "provider")
		c.Provider = Provider{r.text(p, "provider", "organization"), r.text(p, "provider", "url")}
	}
	r.each(o, "", "supportedInterfaces", MostInterfaces, func(i raw.Object, at string) {
		r.noVariants(interfaceSchema, i, at)
		version := Version10
		if given := r.text(i, at, "protocolVersion"); given != "" {
			version = versionOf(given)
		}
		c.Interfaces = append(c.Interfaces, Interface{URL: r.needed(i, at, "url"), Version: version,
			Binding: bindingOf(r.text(i, at, "protocolBinding")), Tenant: r.text(i, at, "tenant")})
	})
	if len(c.Interfaces) == 0 {
		r.fail("supportedInterfaces", "it names no interface")
	}
	r.each(o, "", "skills", MostSkills, func(s raw.Object, at string) {
		r.noVariants(skillSchema, s, at)
		c.Skills = append(c.Skills, Skill{
			ID: r.text(s, at, "id"), Name: r.text(s, at, "name"),
			Description: r.text(s, at, "description"), Tags: r.texts(s, at, "tags"),
			InputModes: r.texts(s, at, "inputModes"), OutputModes: r.texts(s, at, "outputModes"),
			Examples: r.texts(s, at, "examples"),
		})
	})
	return c
}

func (r *reader) capabilities(o raw.Object) Capabilities {
	at := "capabilities"
	found := r.object(o, "", at)
	r.noVariants(capabilitiesSchema, found, at)
	c := Capabilities{Streaming: r.truth(found, at, "streaming"),
		PushNotifications: r.truth(found, at, "pushNotifications"),
		ExtendedCard:      r.truth(found, at, "extendedAgentCard")}
	r.each(found, at, "extensions", MostExtensions, func(e raw.Object, at string) {
		r.noVariants(extensionSchema, e, at)
		c.Extensions = append(c.Extensions, Extension{URI: r.needed(e, at, "uri"),
			Description: r.text(e, at, "description"), Required: r.truth(e, at, "required"),
			Params: r.object(e, at, "params")})
	})
	return c
}

// schemeKinds are the keys of 1.0 and the kinds of 0.3.
var schemeKinds = map[string]string{
	"apiKeySecurityScheme": "apiKey", "httpAuthSecurityScheme": "http",
	"oauth2SecurityScheme": "oauth2", "openIdConnectSecurityScheme": "openIdConnect",
	"mtlsSecurityScheme": "mutualTLS",
}

func (r *reader) schemes(o raw.Object) map[string]Scheme {
	found := r.object(o, "", "securitySchemes")
	if len(found) > MostSchemes {
		r.fail("securitySchemes", fmt.Sprintf("it has %d entries, and may have %d", len(found),
			MostSchemes))
		return nil
	}
	schemes := map[string]Scheme{}
	for name := range found {
		if one := r.object(found, "securitySchemes", name); one != nil {
			schemes[name] = r.scheme(one, "securitySchemes."+name, found[name])
		}
	}
	return schemes
}

// scheme reads one in the way of 1.0 or of 0.3. Of kinds that are unknown here nothing is read, so
// that they are no reason to refuse the card.
func (r *reader) scheme(o raw.Object, at string, value json.RawMessage) Scheme {
	s := Scheme{Raw: value}
	r.noVariants(schemeSchema, o, at)
	for key, kind := range schemeKinds {
		inner := r.object(o, at, key)
		if inner == nil {
			continue
		}
		if s.Kind != "" {
			r.fail(at, "it is of two kinds at once")
		}
		in := join(at, key)
		r.noVariants(schemeSchema[key].of, inner, in)
		s.Kind, s.Location = kind, r.text(inner, in, "location")
		s.Name, s.HTTPScheme = r.text(inner, in, "name"), r.text(inner, in, "scheme")
	}
	if s.Kind == "" {
		kind := r.text(o, at, "type")
		for _, known := range schemeKinds {
			if kind == known {
				s.Kind, s.Location = kind, r.text(o, at, "in")
				s.Name, s.HTTPScheme = r.text(o, at, "name"), r.text(o, at, "scheme")
			}
		}
	}
	s.Location, s.HTTPScheme = strings.ToLower(s.Location), strings.ToLower(s.HTTPScheme)
	return s
}

func (r *reader) requirements(o raw.Object) []map[string][]string {
	var found []map[string][]string
	key := "securityRequirements"
	if !o.Has(key) {
		key = "security"
	}
	r.each(o, "", key, MostRequirements, func(one raw.Object, at string) {
		if o.Has("securityRequirements") {
			one, at = r.object(one, at, "schemes"), join(at, "schemes")
		}
		scopes := map[string][]string{}
		for name, value := range one {
			in := raw.Object{"list": value}
			if raw.KindOf(value) == "object" {
				in = r.object(one, at, name)
			}
			scopes[name] = r.texts(in, join(at, name), "list")
		}
		found = append(found, scopes)
	})
	return found
}
