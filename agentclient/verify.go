package agentclient

import (
	"crypto/ed25519"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/card"
)

// Card is what an agent says of itself, as A2A 1.0 has it. It is not changed once it is made.
type Card = card.Card

// Interface is a place where an agent is asked.
type Interface = card.Interface

// Form is one of the byte strings that signers make of one card: "A" is the specification's, "B"
// that of the SDKs, "C" the card as it is served.
type Form = card.Form

// TrustPolicy says which cards are believed. The zero value is TrustTLS().
type TrustPolicy = card.Policy

// TrustResult is how far a card is believed: Level is "verified", "self_certified",
// "signed_unknown_key" or "unsigned"; KeyID, Alg and Form are of the signature that decided,
// AgentID is proved by it; Warning is what was let through and should be known.
type TrustResult = card.Result

// VerifyCard decides whether a card is believed under a policy and returns the bytes that are:
// those that a signature covers, or the card as it came where none decided. origin is where it
// came from, as "https://a.example", "" for nowhere. Keys are those of the policy and the one that
// a card proves to be its own; none is fetched, whatever the card names (jku, x5u).
//
// Errors are CardInvalid with the path, CardSignatureInvalid with the reason, CardUntrusted with
// the level, InvalidArgument for an origin or a file of first uses that cannot be used. It is safe
// for concurrent use, as all functions of this file are, between processes too.
func VerifyCard(data []byte, policy TrustPolicy, origin string) (TrustResult, []byte, error) {
	c, result, err := card.Verify(data, policy, origin)
	if err != nil {
		return TrustResult{}, nil, err
	}
	return result, c.Source, nil
}

// TrustTLS believes whoever answers at the address, and says what a signature is worth. A signature
// that is bad under the key which the card names as its own is fatal all the same.
func TrustTLS() TrustPolicy { return card.TLS() }

// TrustInsecure looks at no signature, not even at bad ones.
func TrustInsecure() TrustPolicy { return card.Insecure() }

// TrustPin believes the card that one key signed: the one that agentID is made of, or jwk, a public
// key as JWK; "" and nil are for what is not pinned. A kid narrows that to signatures of this name.
func TrustPin(agentID, kid string, jwk []byte) (TrustPolicy, error) {
	return card.Pin(agentID, kid, jwk)
}

// TrustKeys believes cards that one key of a JWK set signed, of those origins if there are any.
func TrustKeys(jwks []byte, origins ...string) (TrustPolicy, error) {
	return card.Keys(jwks, origins...)
}

// TrustTOFU believes the key that an origin's card proves to be its own at first, and then that key
// only, or one that it signs for. The file has mode 0600 and is locked while a card is judged.
func TrustTOFU(path string) (TrustPolicy, error) { return card.TOFU(path) }

// TrustRequire believes what all policies believe and what some key vouches for.
func TrustRequire(all ...TrustPolicy) TrustPolicy { return card.Require(all...) }

// ParseTrust reads a policy from JSON: "kind" is "tls", "insecure", "pin" (with "agent_id", "kid",
// "jwk"), "keys" ("jwks", "origins"), "tofu" ("path") or "require" ("all"); each may have
// "min_version", and "rollback", which is "warn" or "refuse". Errors are InvalidArgument.
func ParseTrust(data []byte) (TrustPolicy, error) { return card.ParsePolicy(data) }

// Canonicalize returns the bytes of a card that are signed in that form, without the card's
// signatures (specification 1.0, section 8.4.1).
func Canonicalize(data []byte, form Form) ([]byte, error) { return card.Canonical(data, form) }

// AgentID is the name of an agent that its Ed25519 key proves: 64 hex digits, SHAKE-256 of the key.
// It is "" for a key that has not 32 bytes.
func AgentID(pk ed25519.PublicKey) string { return card.AgentID(pk) }
