// Package card reads cards of agents, decides which bytes of them are to be believed, and how far.
//
// A card is what an agent says of itself. It comes from strangers, so it is read by exact keys and
// with limits; and where it is signed, what is used is decoded from the bytes that verified, never
// from the bytes that came. Nothing here asks the network: keys are those that the caller has, or
// that the card proves to be its own.
//
// Reading order: card.go and parse.go, cards of A2A 1.0; dialect.go, older ones as 1.0; select.go;
// schema.go and canonical.go, the three byte strings that are signed; key.go, jws.go, policy.go and
// verify.go, whom to believe; store.go and memory.go, what was believed before; legacy.go, cards of
// rvagent.
package card

import (
	"encoding/json"
	"fmt"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// What a card may have at most. Longer ones are refused before they are looked at.
const (
	MostBytes        = 512 << 10
	MostInterfaces   = 64
	MostSkills       = 512
	MostExtensions   = 64
	MostSchemes      = 64
	MostRequirements = 64
	MostSignatures   = 8
	MostHeader       = 4 << 10 // of the protected header and of the signature, in characters
)

// Names of bindings and of versions that an interface may have here.
const (
	JSONRPC = "JSONRPC"
	REST    = "HTTP+JSON"

	Version10     = "1.0"
	Version03     = "0.3"
	VersionLegacy = "rvagent-0.1"
)

// Card is a card as A2A 1.0 has it, whatever it was written as. It is not changed once it is made.
type Card struct {
	Name, Description, Version         string
	Interfaces                         []Interface // in the card's order, bindings unknown here too
	Capabilities                       Capabilities
	Skills                             []Skill
	Schemes                            map[string]Scheme
	Requirements                       []map[string][]string // one of these; scopes by scheme
	InputModes, OutputModes            []string
	Provider                           Provider
	DocumentationURL, IconURL, Dialect string
	// Raw is the card as JSON of 1.0. Source is what it was decoded from: what verified, or else
	// what came. They differ for cards of older dialects only.
	Raw, Source json.RawMessage
}

// Interface is a place where an agent is asked. Binding is upper case with its known synonyms
// resolved, Version is cut to major and minor; both may be ones that nobody here speaks.
type Interface struct {
	URL, Binding, Version, Tenant string
}

// Capabilities is what an agent says it can do.
type Capabilities struct {
	Streaming, PushNotifications, ExtendedCard bool
	Extensions                                 []Extension
}

// Extension is one that an agent supports; where Required, it takes no request without.
type Extension struct {
	URI, Description string
	Required         bool
	Params           raw.Object
}

// Skill is what an agent says it is good at.
type Skill struct {
	ID, Name, Description                   string
	Tags, InputModes, OutputModes, Examples []string
}

// Scheme is a way to say who asks. Kind is one of "apiKey", "http", "oauth2", "openIdConnect" and
// "mutualTLS", or "" for one that is unknown here. Location and Name are of keys, HTTPScheme, lower
// case, is of http.
type Scheme struct {
	Kind, Location, Name, HTTPScheme string
	Raw                              json.RawMessage
}

// Provider is who runs an agent.
type Provider struct{ Organization, URL string }

// Extension returns the one of that URI.
func (c *Card) Extension(uri string) (Extension, bool) {
	for _, e := range c.Capabilities.Extensions {
		if e.URI == uri {
			return e, true
		}
	}
	return Extension{}, false
}

// Parse reads a card of A2A 1.0 or 0.3 that nobody vouches for. Errors are CardInvalid with a path.
func Parse(data []byte) (*Card, error) {
	o, err := open(data)
	if err != nil {
		return nil, err
	}
	return decode(o, data)
}

// open reads the object of a card within the limits of all cards.
func open(data []byte) (raw.Object, error) {
	if len(data) > MostBytes {
		return nil, invalid("", fmt.Sprintf("it has %d bytes, and cards at most %d", len(data),
			MostBytes))
	}
	o, err := raw.Parse(data)
	if err != nil {
		return nil, invalid("", problem.Said(err.Error()))
	}
	return o, nil
}

// decode makes a card of an object and of the bytes that it was read from.
func decode(o raw.Object, data []byte) (*Card, error) {
	r := &reader{}
	r.noVariants(cardSchema, o, "")
	r.noVariants(oldNames, o, "")
	dialect, older := Version10, raw.Object(nil)
	if !o.Has("supportedInterfaces") {
		if !o.Has("url") {
			return nil, invalid("supportedInterfaces", "it names no interface: it has neither this, "+
				"as cards of A2A 1.0 have, nor url, as cards of 0.3")
		}
		dialect, older = Version03, o
		o = r.upgrade(o)
	}
	c := r.card(o)
	c.Dialect, c.Raw, c.Source = dialect, data, data
	if older != nil {
		c.Raw = raw.Of(o)
	} else if o.Has("url") {
		c.addOlder(r.olderInterfaces(o))
	}
	r.signatures(o)
	if r.err != nil {
		return nil, r.err
	}
	return c, nil
}

// addOlder adds interfaces that the card names in the way of 0.3 beside its own.
func (c *Card) addOlder(more []Interface) {
	for _, i := range more {
		known := false
		for _, have := range c.Interfaces {
			same := have.URL == i.URL && have.Binding == i.Binding && have.Version == i.Version
			known = known || same
		}
		if !known {
			c.Interfaces = append(c.Interfaces, i)
		}
	}
}

// invalid is the error of a card that cannot be read.
func invalid(path, why string) *problem.Error {
	where := "the agent's card cannot be read: "
	if path != "" {
		where = "the agent's card cannot be read at " + problem.Said(path) + ": "
	}
	return problem.New(problem.CardInvalid, where+why,
		"the agent's owner has to mend it").With("path", path)
}
