package card

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gowebpki/jcs"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Legacy is the form of cards of rvagent 0.1: their own keys in the order of bytes, numbers as they
// are written, without metadata.ruvector.signature.
const Legacy Form = "rvagent"

const (
	legacyAlg = "ed25519-hex"
	legacyAt  = "metadata.ruvector.signature"
)

// ReasonIdentity is the reason for a card that claims the agent_id of another key.
const ReasonIdentity = "identity"

// ParseLegacy reads a card of rvagent 0.1 that nobody vouches for, as one of A2A 1.0 whose
// interface has the version rvagent-0.1. Errors are CardInvalid.
func ParseLegacy(data []byte) (*Card, error) {
	o, err := open(data)
	if err != nil {
		return nil, err
	}
	return decodeLegacy(o, data)
}

// VerifyLegacy is Verify for cards of rvagent 0.1. Their signature carries its key, so it is good
// or the card is refused: one that is malformed is not taken for none.
func VerifyLegacy(data []byte, p Policy, origin string) (*Card, Result, error) {
	o, err := open(data)
	if err != nil {
		return nil, Result{}, err
	}
	v := &verifier{policy: p, now: time.Now(), stores: map[string]*store{}}
	served := func() (*Card, error) { return decodeLegacy(o, data) }
	return v.decide(origin, served, func() error { return v.examineLegacy(o) })
}

var legacySchema = schema{"name": {}, "description": {}, "url": {}, "version": {}, "provider": {},
	"capabilities": {}, "authentication": {}, "skills": {}, "metadata": {}}

func decodeLegacy(o raw.Object, data []byte) (*Card, error) {
	r := &reader{}
	r.noVariants(legacySchema, o, "")
	made := maps.Clone(o)
	for _, older := range []string{"url", "authentication", "metadata", "signatures"} {
		delete(made, older)
	}
	made["supportedInterfaces"] = raw.Of([]map[string]string{{"url": r.needed(o, "", "url"),
		"protocolBinding": JSONRPC, "protocolVersion": VersionLegacy}})
	if a := r.object(o, "", "authentication"); len(a) > 0 {
		schemes, needs := map[string]any{}, []any{}
		for _, name := range r.texts(a, "authentication", "schemes") {
			schemes[name] = map[string]any{"httpAuthSecurityScheme": map[string]any{"scheme": name}}
			needs = append(needs, map[string]any{"schemes": map[string]any{name: map[string]any{}}})
		}
		made["securitySchemes"], made["securityRequirements"] = raw.Of(schemes), raw.Of(needs)
	}
	c := r.card(made)
	if r.err != nil {
		return nil, r.err
	}
	c.Dialect, c.Raw, c.Source = VersionLegacy, raw.Of(made), data
	return c, nil
}

// legacySignature returns the metadata's own object and the signature, nil for none.
func legacySignature(o raw.Object) (own, sig raw.Object, err error) {
	r := &reader{}
	own = r.object(r.object(o, "", "metadata"), "metadata", "ruvector")
	if _, there := own["signature"]; r.err != nil || !there {
		return own, nil, r.err
	}
	if sig, err = raw.Part(own["signature"]); err != nil {
		return nil, nil, badLegacy(ReasonMalformed, problem.Said(err.Error()))
	}
	return own, sig, nil
}

func badLegacy(reason, why string) error { return badSignature(reason, legacyAt+": "+why) }

// examineLegacy checks the one signature that a card may have.
func (v *verifier) examineLegacy(o raw.Object) error {
	own, sig, err := legacySignature(o)
	if err != nil || sig == nil {
		return err
	}
	texts := map[string]string{}
	for _, name := range []string{"alg", "signature", "public_key"} {
		if texts[name], err = sig.Text(name); err != nil {
			return badLegacy(ReasonMalformed, problem.Said(err.Error()))
		}
	}
	if texts["alg"] != legacyAlg {
		return badLegacy(ReasonAlg, "alg is not "+legacyAlg)
	}
	value, err1 := hex.DecodeString(texts["signature"])
	pk, err2 := hex.DecodeString(texts["public_key"])
	if err1 != nil || err2 != nil || len(value) != ed25519.SignatureSize ||
		len(pk) != ed25519.PublicKeySize {
		return badLegacy(ReasonMalformed, "signature and public_key are not 64 and 32 bytes in hex")
	}
	key, err := ed25519Key(pk)
	if err != nil {
		return badLegacy(ReasonWeakKey, "public_key is no key")
	}
	payload := canonicalLegacy(o)
	if !ed25519.Verify(pk, payload, value) {
		return badLegacy(ReasonSignature, "public_key did not sign this card")
	}
	if agent, err := own.Text("agent_id"); err != nil || own.Has("agent_id") && agent != key.agent {
		return badLegacy(ReasonIdentity, "agent_id is not that of public_key")
	}
	signed, err := raw.Parse(payload)
	if err != nil {
		return invalid("", problem.Said(err.Error()))
	}
	one := &version{form: Legacy, payload: payload}
	one.card, one.err = decodeLegacy(signed, payload)
	by := proof{&key, &signature{kid: key.agent, alg: legacyAlg}}
	one.good, one.own = []proof{by}, &by
	v.sigs, v.versions = []signature{*by.sig}, []*version{one}
	return nil
}

// canonicalLegacy is what is signed of a card of rvagent.
func canonicalLegacy(o raw.Object) []byte {
	bare := maps.Clone(o)
	if metadata, err := o.Object("metadata"); err == nil && metadata != nil {
		if own, err := metadata.Object("ruvector"); err == nil && own != nil {
			delete(own, "signature")
			metadata["ruvector"] = raw.Of(own)
			bare["metadata"] = raw.Of(metadata)
		}
	}
	var b bytes.Buffer
	writeSorted(&b, raw.Of(bare))
	return b.Bytes()
}

// writeSorted writes a value with the keys of its objects in the order of their bytes and strings
// as canonical JSON has them, but numbers as they are.
func writeSorted(b *bytes.Buffer, value json.RawMessage) {
	value = bytes.TrimSpace(value)
	switch raw.KindOf(value) {
	case "object":
		var o raw.Object
		_ = json.Unmarshal(value, &o) // a part of what was read before
		b.WriteByte('{')
		for i, key := range slices.Sorted(maps.Keys(o)) {
			if i > 0 {
				b.WriteByte(',')
			}
			writeSorted(b, raw.Of(key))
			b.WriteByte(':')
			writeSorted(b, o[key])
		}
		b.WriteByte('}')
	case "array":
		var entries []json.RawMessage
		_ = json.Unmarshal(value, &entries)
		b.WriteByte('[')
		for i, entry := range entries {
			if i > 0 {
				b.WriteByte(',')
			}
			writeSorted(b, entry)
		}
		b.WriteByte(']')
	case "string":
		if text, err := jcs.Transform(value); err == nil {
			value = text
		}
		b.Write(value)
	default:
		b.WriteString(strings.TrimSpace(string(value)))
	}
}
