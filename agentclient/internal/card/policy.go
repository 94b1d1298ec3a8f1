package card

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Kinds of policies.
const (
	kindTLS      = ""
	kindInsecure = "insecure"
	kindPin      = "pin"
	kindKeys     = "keys"
	kindTOFU     = "tofu"
	kindRequire  = "require"
)

// mostKeys is how many keys a policy may have, and mostPolicies how many policies one may require.
const (
	mostKeys     = 64
	mostPolicies = 16
)

// Policy says which cards are believed. The zero value is TLS(). It is not changed once it is made.
type Policy struct {
	kind           string
	keys           []Key
	agent, kid     string // of a pin
	origins        []string
	path           string // of the file of first uses
	all            []Policy
	leastVersion   string
	refuseRollback bool
}

// TLS believes whoever answers at the address: cards need no signature, and the result says what a
// signature is worth.
func TLS() Policy { return Policy{} }

// Insecure looks at no signature, not even at bad ones.
func Insecure() Policy { return Policy{kind: kindInsecure} }

// Pin believes the card that one key signed: the one that agent is the AgentID of, or jwk, a public
// key; "" and nil are for what is not pinned. A kid narrows that to signatures of this name; alone
// it has to be made of the key, as an AgentID and a thumbprint (RFC 7638) are.
func Pin(agent, kid string, jwk []byte) (Policy, error) {
	p := Policy{kind: kindPin, agent: strings.TrimPrefix(agent, agentPrefix), kid: kid}
	if p.agent != "" && !isAgentID(p.agent) {
		return Policy{}, badPolicy("agent_id is no 64 hex digits in lower case",
			"give the AgentID of the agent's key")
	}
	if jwk != nil {
		k, err := ParseKey(jwk)
		if err != nil {
			return Policy{}, err
		}
		if p.agent != "" && k.agent != p.agent {
			return Policy{}, badPolicy("agent_id is not that of jwk", "pin one of them")
		}
		switch {
		case kid == "" || k.named(kid):
		case k.id == "":
			k.id = kid
		default:
			return Policy{}, badPolicy("kid is not that of jwk", "pin one of them")
		}
		p.keys = []Key{k}
	}
	named := isAgentID(strings.TrimPrefix(kid, agentPrefix)) ||
		len(strings.TrimPrefix(kid, thumbprintPrefix)) == 43
	if jwk == nil && p.agent == "" && !named {
		return Policy{}, badPolicy("nothing is pinned: a kid that is not made of a key is a name "+
			"that anybody can use", "pin agent_id or jwk")
	}
	return p, nil
}

// Keys believes cards that one of the keys of a JWK set signed, of those origins only if there are
// any. Keys that nothing can be done with here are passed over, as RFC 7517 wants it.
func Keys(jwks []byte, origins ...string) (Policy, error) {
	p := Policy{kind: kindKeys}
	for _, given := range origins {
		origin, err := originOf(given)
		if err != nil {
			return Policy{}, err
		}
		p.origins = append(p.origins, origin)
	}
	list, err := keyList(jwks)
	if err != nil {
		return Policy{}, err
	}
	var last error
	for _, one := range list {
		k, err := readKey(one)
		if err != nil {
			last = err
			continue
		}
		p.keys = append(p.keys, k)
	}
	if len(p.keys) == 0 && last == nil {
		last = badPolicy("the key set is empty", "give the keys that sign the agents' cards")
	}
	if len(p.keys) == 0 {
		return Policy{}, last
	}
	return p, nil
}

// keyList returns the keys of a set, of a list of keys, or of one key.
func keyList(jwks []byte) ([]json.RawMessage, error) {
	fix := `give a JWK set: {"keys": [...]}`
	if len(jwks) > mostKeys*MostHeader {
		return nil, badPolicy("the key set is too large", fix)
	}
	if err := raw.Check(jwks); err != nil {
		return nil, badPolicy("the key set is no JSON: "+problem.Said(err.Error()), fix)
	}
	set := raw.Object{"keys": jwks}
	if raw.KindOf(jwks) == "object" {
		o, err := raw.Part(jwks)
		if err != nil || !o.Has("keys") {
			return []json.RawMessage{jwks}, nil
		}
		set = o
	}
	list, err := set.Array("keys")
	if err != nil {
		return nil, badPolicy("the key set has no list of keys", fix)
	}
	if len(list) > mostKeys {
		return nil, badPolicy(fmt.Sprintf("the key set has %d keys, and may have %d", len(list),
			mostKeys), "leave out those of other agents")
	}
	return list, nil
}

// TOFU believes the key that an origin's card proves to be its own at first, and from then on that
// key only, or one that it signs for. What was believed is kept in a file.
func TOFU(path string) (Policy, error) {
	if path == "" || strings.ContainsRune(path, 0) {
		return Policy{}, badPolicy("there is no path of the file of first uses", "give path")
	}
	return Policy{kind: kindTOFU, path: path}, nil
}

// Require believes what all of the policies believe, if a key vouches for it that they know or that
// is the card's own.
func Require(all ...Policy) Policy { return Policy{kind: kindRequire, all: all} }

// With returns the policy with bounds on going back: the least version of a card, "" for any; and
// whether a card is refused that a newer one was seen of under the same key, which otherwise is a
// warning.
func (p Policy) With(leastVersion string, refuseRollback bool) (Policy, error) {
	if _, ok := compareVersions(leastVersion, leastVersion); leastVersion != "" && !ok {
		return Policy{}, badPolicy("min_version is no version", `give one like "1.2.0"`)
	}
	p.leastVersion, p.refuseRollback = leastVersion, refuseRollback
	return p, nil
}

// ParsePolicy reads a policy from JSON: "kind" is "tls", "insecure", "pin" (with "agent_id", "kid",
// "jwk"), "keys" ("jwks", "origins"), "tofu" ("path") or "require" ("all"); each may have
// "min_version", and "rollback", which is "warn" or "refuse". Errors are InvalidArgument, for what
// there is not too: a misspelt condition is none.
func ParsePolicy(data []byte) (Policy, error) {
	o, err := raw.Parse(data)
	if err != nil {
		return Policy{}, badPolicy(problem.Said(err.Error()), "give an object of JSON")
	}
	return policyOf(o, 0)
}

// policyFields are what each kind has beside what all have.
var policyFields = map[string][]string{"tls": {}, kindInsecure: {}, kindTOFU: {"path"},
	kindPin: {"agent_id", "kid", "jwk"}, kindKeys: {"jwks", "origins"}, kindRequire: {"all"}}

func policyOf(o raw.Object, depth int) (Policy, error) {
	text := func(key string) string {
		found, err2 := o.Text(key)
		if err2 != nil {
			found = "\x00"
		}
		return found
	}
	kind := text("kind")
	fields, known := policyFields[kind]
	if !known {
		return Policy{}, badPolicy("there is no kind "+problem.Said(kind),
			"give tls, pin, keys, tofu, require or insecure")
	}
	for key := range o {
		all := append([]string{"kind", "min_version", "rollback"}, fields...)
		if !slices.Contains(all, key) {
			return Policy{}, badPolicy(kind+" has no "+problem.Said(key),
				"it has "+strings.Join(all, ", "))
		}
	}
	p, err := policyOfKind(kind, o, text, depth)
	if err != nil {
		return Policy{}, err
	}
	rollback := text("rollback")
	if rollback != "" && rollback != "warn" && rollback != "refuse" {
		return Policy{}, badPolicy("rollback is neither warn nor refuse", "give one of them")
	}
	return p.With(text("min_version"), rollback == "refuse")
}

func policyOfKind(kind string, o raw.Object, text func(string) string, depth int) (Policy, error) {
	switch kind {
	case kindInsecure:
		return Insecure(), nil
	case kindPin:
		var jwk []byte
		if o.Has("jwk") {
			jwk = o["jwk"]
		}
		return Pin(text("agent_id"), text("kid"), jwk)
	case kindKeys:
		r := &reader{}
		origins := r.texts(o, "", "origins")
		if r.err != nil {
			return Policy{}, badPolicy("origins is no list of texts", `give ["https://a.example"]`)
		}
		return Keys(o["jwks"], origins...)
	case kindTOFU:
		return TOFU(text("path"))
	case kindRequire:
		list, err := o.Array("all")
		if err != nil || len(list) > mostPolicies || depth > 1 {
			return Policy{}, badPolicy("all is no list of policies, or there are too many",
				fmt.Sprintf("give at most %d, nested twice", mostPolicies))
		}
		var all []Policy
		for _, one := range list {
			inner, err := raw.Part(bytes.TrimSpace(one))
			if err != nil {
				return Policy{}, badPolicy("all has "+problem.Said(err.Error()), "give policies")
			}
			p, err := policyOf(inner, depth+1)
			if err != nil {
				return Policy{}, err
			}
			all = append(all, p)
		}
		return Require(all...), nil
	}
	return TLS(), nil
}

// each calls do for the policy and for those that it requires.
func (p *Policy) each(do func(*Policy)) {
	do(p)
	for i := range p.all {
		p.all[i].each(do)
	}
}

func badPolicy(why, fix string) error {
	return problem.New(problem.InvalidArgument, "trust: "+why, fix)
}

// originOf is scheme, host and port of an address, the port left out where the scheme says it.
func originOf(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
		return "", badPolicy(problem.Address(address)+" is no origin",
			`give one like "https://a.example"`)
	}
	origin, port := u.Scheme+"://"+strings.ToLower(u.Host), u.Port()
	if port == map[string]string{"https": "443", "http": "80"}[u.Scheme] || port == "" {
		origin = strings.TrimSuffix(strings.TrimSuffix(origin, port), ":")
	}
	return origin, nil
}
