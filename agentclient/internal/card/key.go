package card

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha3"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Prefixes of key names that are made of the key itself.
const (
	agentPrefix      = "shake256:"
	thumbprintPrefix = "urn:ietf:params:oauth:jwk-thumbprint:sha-256:" // RFC 9278
)

// leastRSA and mostRSA are sizes in bits of keys that verify: weaker ones can be broken, and larger
// ones are slow enough to be an attack.
const (
	leastRSA = 2048
	mostRSA  = 8192
)

// AgentID is the name of an agent that its Ed25519 key proves: 64 hex digits, SHAKE-256 of the 32
// bytes of the key. It is "" for a key of another length.
func AgentID(pk ed25519.PublicKey) string {
	if len(pk) != ed25519.PublicKeySize {
		return ""
	}
	return hex.EncodeToString(sha3.SumSHAKE256(pk, 32))
}

// isAgentID reports whether a text has the form of one.
func isAgentID(text string) bool {
	id, err := hex.DecodeString(text)
	return err == nil && len(id) == 32 && hex.EncodeToString(id) == text
}

// Key is a public key that signatures are checked with. A weak one is known and verifies nothing.
type Key struct {
	key        any // ed25519.PublicKey, *ecdsa.PublicKey, *rsa.PublicKey
	algs       []string
	id         string // its kid, "" for none
	thumbprint string // RFC 7638, SHA-256
	agent      string // of Ed25519 keys
	weak       string
	public     json.RawMessage // the key as JWK, nothing else
}

// names are what a signature may call the key.
func (k *Key) named(kid string) bool {
	if kid == "" || kid == k.id {
		return kid != ""
	}
	if k.thumbprint != "" && (kid == k.thumbprint || kid == thumbprintPrefix+k.thumbprint) {
		return true
	}
	return k.agent != "" && (kid == k.agent || kid == agentPrefix+k.agent)
}

// fits reports whether signatures of the algorithm can be the key's.
func (k *Key) fits(alg string) bool { return slices.Contains(k.algs, alg) }

func badKey(why string) error {
	return problem.New(problem.InvalidArgument, "the key cannot be used: "+why,
		"give a public JWK of Ed25519, P-256, P-384 or RSA with 2048 bits or more")
}

// ParseKey reads a public key written as JWK (RFC 7517). Errors are InvalidArgument.
func ParseKey(jwk []byte) (Key, error) {
	k, err := readKey(jwk)
	if err == nil && k.weak != "" {
		return Key{}, badKey(k.weak)
	}
	return k, err
}

// keyParts are the members of a JWK that are the key, by type.
var keyParts = map[string][]string{"OKP": {"kty", "crv", "x"}, "EC": {"kty", "crv", "x", "y"},
	"RSA": {"kty", "n", "e"}}

// readKey reads a key, weak ones too.
func readKey(jwk []byte) (Key, error) {
	if len(jwk) > MostHeader {
		return Key{}, badKey(fmt.Sprintf("it has more than %d bytes", MostHeader))
	}
	o, err := raw.Parse(jwk)
	if err != nil {
		return Key{}, badKey("no JWK: " + problem.Said(err.Error()))
	}
	for _, private := range []string{"d", "k", "p", "q", "dp", "dq", "qi", "priv"} {
		if o.Has(private) {
			return Key{}, badKey("it has the private part " + private + ", which nobody needs here")
		}
	}
	kind, _ := o.Text("kty")
	public := raw.Object{}
	for _, part := range keyParts[kind] {
		if text, err := o.Text(part); err != nil || text == "" {
			return Key{}, badKey("it has no " + part)
		}
		public[part] = o[part]
	}
	if len(public) == 0 {
		return Key{}, badKey("its kty is " + problem.Said(kind))
	}
	k := Key{public: raw.Of(public)}
	if k.id, err = o.Text("kid"); err != nil {
		return Key{}, badKey("its kid is no text")
	}
	if use, err := o.Text("use"); err != nil || use != "" && use != "sig" {
		return Key{}, badKey("its use is not sig")
	}
	var parsed jose.JSONWebKey
	if err := parsed.UnmarshalJSON(k.public); err != nil {
		return Key{}, badKey(problem.Said(err.Error()))
	}
	thumbprint, err := parsed.Thumbprint(crypto.SHA256)
	if err != nil {
		return Key{}, badKey(problem.Said(err.Error()))
	}
	k.key, k.thumbprint = parsed.Key, base64.RawURLEncoding.EncodeToString(thumbprint)
	alg, err := o.Text("alg")
	if err != nil {
		return Key{}, badKey("its alg is no text")
	}
	return k, k.settle(alg)
}

// settle finds what the key verifies; alg narrows that where it is not empty.
func (k *Key) settle(alg string) error {
	switch key := k.key.(type) {
	case ed25519.PublicKey:
		k.algs, k.agent = []string{"EdDSA", "Ed25519"}, AgentID(key)
	case *ecdsa.PublicKey:
		switch key.Curve.Params().BitSize {
		case 256:
			k.algs = []string{"ES256"}
		case 384:
			k.algs = []string{"ES384"}
		default:
			return badKey("its curve is " + key.Curve.Params().Name)
		}
	case *rsa.PublicKey:
		k.algs = []string{"RS256", "PS256"}
		if bits := key.N.BitLen(); bits < leastRSA || bits > mostRSA {
			k.weak = fmt.Sprintf("it is RSA of %d bits, not %d to %d", bits, leastRSA, mostRSA)
		}
	default:
		return badKey("its type is not known here")
	}
	switch {
	case alg == "" || k.agent != "" && k.fits(alg):
	case k.fits(alg):
		k.algs = []string{alg}
	default:
		return badKey("its alg is " + problem.Said(alg) + ", which does not fit it")
	}
	return nil
}

// ed25519Key makes the key of 32 bytes; those of low order, which verify anything, are none.
func ed25519Key(pk []byte) (Key, error) {
	return ParseKey(raw.Of(map[string]string{"kty": "OKP", "crv": "Ed25519",
		"x": base64.RawURLEncoding.EncodeToString(pk)}))
}
