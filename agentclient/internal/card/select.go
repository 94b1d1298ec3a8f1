package card

import (
	"slices"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Select returns the interface to ask: of the first of the versions that the card has in one of the
// bindings, the one that the card names first, as section 8.3.2 wants it. No versions or bindings
// are all that are spoken here. A2A 0.3 is spoken over JSON-RPC only. The error is UnsupportedPeer
// and names what there is.
func Select(c *Card, versions, bindings []string) (Interface, error) {
	if len(versions) == 0 {
		versions = []string{Version10, Version03}
	}
	if len(bindings) == 0 {
		bindings = []string{JSONRPC, REST}
	}
	var spoken []string
	for _, binding := range bindings {
		spoken = append(spoken, bindingOf(binding))
	}
	for _, version := range versions {
		if version != VersionLegacy {
			version = versionOf(version)
		}
		for _, i := range c.Interfaces {
			over := i.Binding == JSONRPC || i.Binding == REST && version == Version10
			if i.Version == version && over && slices.Contains(spoken, i.Binding) {
				return i, nil
			}
		}
	}
	return Interface{}, unsupported(c, versions, spoken)
}

func unsupported(c *Card, versions, bindings []string) error {
	offered := []string{}
	for _, i := range c.Interfaces {
		offered = append(offered, problem.Said(i.Binding+" "+i.Version+" at "+problem.Address(i.URL)))
	}
	text := ""
	for n, one := range offered[:min(4, len(offered))] {
		if n > 0 {
			text += ", "
		}
		text += one
	}
	msg := "the agent has no interface that is spoken here; it offers " + text
	fix := "ask for other versions= or bindings="
	if slices.Contains(versions, Version03) && slices.Contains(versions, Version10) &&
		len(bindings) > 1 {
		fix = "A2A 1.0 over JSONRPC or HTTP+JSON and 0.3 over JSONRPC are spoken here"
	}
	return problem.New(problem.UnsupportedPeer, msg, fix).With("offered", offered)
}
