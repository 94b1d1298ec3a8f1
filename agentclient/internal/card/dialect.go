package card

import (
	"encoding/json"
	"maps"
	"strings"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
)

// bindingOf names a binding as the specification does; cards are found that write it otherwise.
func bindingOf(text string) string {
	text = strings.ToUpper(strings.TrimSpace(text))
	switch text {
	case "", "JSON-RPC", "JSON_RPC":
		return JSONRPC
	case "REST", "HTTP_JSON", "HTTPJSON", "HTTP-JSON":
		return REST
	}
	return text
}

// versionOf cuts a version to major and minor. What is no version stays, and is spoken by nobody.
func versionOf(text string) string {
	parts := strings.SplitN(strings.TrimPrefix(strings.TrimSpace(text), "v"), ".", 3)
	for _, part := range parts[:min(2, len(parts))] {
		if part == "" || strings.Trim(part, "0123456789") != "" {
			return text
		}
	}
	if len(parts) == 1 {
		return parts[0] + ".0"
	}
	return parts[0] + "." + parts[1]
}

// olderInterfaces are those that a card names in the way of 0.3: one by itself, others in a list.
func (r *reader) olderInterfaces(o raw.Object) []Interface {
	version := Version03
	if given := r.text(o, "", "protocolVersion"); given != "" {
		version = versionOf(given)
	}
	found := []Interface{{URL: r.needed(o, "", "url"), Version: version,
		Binding: bindingOf(r.text(o, "", "preferredTransport"))}}
	r.each(o, "", "additionalInterfaces", MostInterfaces-1, func(i raw.Object, at string) {
		r.noVariants(schema{"url": {}, "transport": {}}, i, at)
		more := Interface{URL: r.needed(i, at, "url"), Version: version,
			Binding: bindingOf(r.text(i, at, "transport"))}
		if more != found[0] { // 0.3 wants the first one named again in the list
			found = append(found, more)
		}
	})
	return found
}

// upgrade writes a card of 0.3 as one of 1.0. What 1.0 does not know stays under its name.
func (r *reader) upgrade(o raw.Object) raw.Object {
	made := maps.Clone(o)
	for name := range oldNames {
		delete(made, name)
	}
	var list []map[string]string
	for _, i := range r.olderInterfaces(o) {
		list = append(list, map[string]string{"url": i.URL, "protocolBinding": i.Binding,
			"protocolVersion": i.Version})
	}
	made["supportedInterfaces"] = raw.Of(list)
	if r.truth(o, "", "supportsAuthenticatedExtendedCard") {
		capabilities := maps.Clone(r.object(o, "", "capabilities"))
		if capabilities == nil {
			capabilities = raw.Object{}
		}
		capabilities["extendedAgentCard"] = json.RawMessage("true")
		made["capabilities"] = raw.Of(capabilities)
	}
	if schemes := r.object(o, "", "securitySchemes"); schemes != nil {
		rewritten := raw.Object{}
		for name, value := range schemes {
			rewritten[name] = upgradeScheme(value)
		}
		made["securitySchemes"] = raw.Of(rewritten)
	}
	if o.Has("security") {
		var rewritten []map[string]any
		for _, one := range r.requirements(raw.Object{"security": o["security"]}) {
			schemes := map[string]any{}
			for name, scopes := range one {
				schemes[name] = map[string]any{"list": append([]string{}, scopes...)}
			}
			rewritten = append(rewritten, map[string]any{"schemes": schemes})
		}
		made["securityRequirements"] = raw.Of(rewritten)
	}
	return made
}

// upgradeScheme writes a security scheme of 0.3 as one of 1.0; what is none stays as it is, for the
// reader to judge.
func upgradeScheme(value json.RawMessage) json.RawMessage {
	o, err := raw.Part(value)
	if err != nil {
		return value
	}
	kind, err := o.Text("type")
	if err != nil {
		return value
	}
	for key, known := range schemeKinds {
		if kind != known {
			continue
		}
		inner := maps.Clone(o)
		delete(inner, "type")
		if in, ok := inner["in"]; ok && kind == "apiKey" {
			inner["location"] = in
			delete(inner, "in")
		}
		return raw.Of(map[string]any{key: inner})
	}
	return value
}
