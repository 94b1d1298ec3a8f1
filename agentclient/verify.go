package agentclient

import (
	"crypto/ed25519"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/card"
)

// Card is what an agent says of itself, as A2A 1.0 has it; see Client.Card.
type Card = card.Card

// Interface is a place where an agent is asked.
type Interface = card.Interface

// Form is one of the byte strings that signers make of one card: "A" is the specification's, "B"
// that of the SDKs, "C" the card as it is served.
type Form = card.Form

// Canonicalize returns the bytes of a card that are signed in that form, without the card's
// signatures (specification 1.0, section 8.4.1). It is safe for concurrent use, as all functions of
// this file are.
func Canonicalize(data []byte, form Form) ([]byte, error) { return card.Canonical(data, form) }

// AgentID is the name of an agent that its Ed25519 key proves: 64 hex digits, SHAKE-256 of the key.
// It is "" for a key that has not 32 bytes.
func AgentID(pk ed25519.PublicKey) string { return card.AgentID(pk) }
