package card

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/ext"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
)

// signer is a private key, and what signs with it. It does not use the library that verifies.
type signer struct {
	alg, kid string
	private  crypto.Signer
}

func edSigner(seed byte) signer {
	s := signer{alg: "EdDSA", private: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))}
	s.kid = s.agent()
	return s
}

var ecKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	k, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return k
})

var ec384Key = sync.OnceValue(func() *ecdsa.PrivateKey {
	k, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	return k
})

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, _ := rsa.GenerateKey(rand.Reader, 2048)
	return k
})

func (s signer) agent() string {
	pk, _ := s.private.Public().(ed25519.PublicKey)
	return AgentID(pk)
}

// jwk is the public key, with a kid if there is one.
func (s signer) jwk(t testing.TB, kid string) json.RawMessage {
	t.Helper()
	data, err := jose.JSONWebKey{Key: s.private.Public(), KeyID: kid}.MarshalJSON()
	require.NoError(t, err)
	return data
}

func (s signer) header() map[string]any {
	return map[string]any{"alg": s.alg, "kid": s.kid, "typ": "JOSE"}
}

// sign returns an entry of signatures over these bytes.
func (s signer) sign(t testing.TB, payload []byte, header map[string]any) map[string]any {
	t.Helper()
	return s.signText(t, payload, string(raw.Of(header)))
}

func (s signer) signText(t testing.TB, payload []byte, header string) map[string]any {
	t.Helper()
	protected := base64.RawURLEncoding.EncodeToString([]byte(header))
	input := []byte(protected + "." + base64.RawURLEncoding.EncodeToString(payload))
	value, err := s.value(input)
	require.NoError(t, err)
	return map[string]any{"protected": protected,
		"signature": base64.RawURLEncoding.EncodeToString(value)}
}

func (s signer) value(input []byte) ([]byte, error) {
	switch key := s.private.(type) {
	case ed25519.PrivateKey:
		return ed25519.Sign(key, input), nil
	case *rsa.PrivateKey:
		sum := sha256.Sum256(input)
		if s.alg == "PS256" {
			return rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:],
				&rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
		return rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	case *ecdsa.PrivateKey:
		sum := sha256.Sum256(input)
		hash, size := sum[:], 32
		if key.Curve == elliptic.P384() {
			sum := sha512.Sum384(input)
			hash, size = sum[:], 48
		}
		r, v, err := ecdsa.Sign(rand.Reader, key, hash)
		if err != nil {
			return nil, err
		}
		return append(r.FillBytes(make([]byte, size)), v.FillBytes(make([]byte, size))...), nil
	}
	return nil, fmt.Errorf("no signer")
}

// plainCard is a card without empty values; own is whose identity it carries, nil for none.
func plainCard(version string, own *signer, t testing.TB) raw.Object {
	t.Helper()
	capabilities := map[string]any{"streaming": true}
	if own != nil {
		capabilities["extensions"] = []any{map[string]any{"uri": ext.Identity,
			"params": map[string]any{"agentId": own.agent(), "jwk": own.jwk(t, "")}}}
	}
	o, err := raw.Parse(raw.Of(map[string]any{"name": "Agent", "description": "d", "version": version,
		"supportedInterfaces": []any{map[string]any{"url": "https://a.example/rpc",
			"protocolBinding": "JSONRPC", "protocolVersion": "1.0"}},
		"capabilities": capabilities, "defaultInputModes": []string{"text/plain"},
		"defaultOutputModes": []string{"text/plain"},
		"skills": []any{map[string]any{"id": "s", "name": "S", "description": "d",
			"tags": []string{"t"}}}}))
	require.NoError(t, err)
	return o
}

// signedBy is the card with one signature of each, over its form.
func signedBy(t testing.TB, o raw.Object, form Form, signers ...signer) []byte {
	t.Helper()
	payload, err := canonical(o, form)
	require.NoError(t, err)
	var entries []any
	for _, s := range signers {
		entries = append(entries, s.sign(t, payload, s.header()))
	}
	return withSignatures(o, entries...)
}

func withSignatures(o raw.Object, entries ...any) []byte {
	made := raw.Object{"signatures": raw.Of(entries)}
	for key, value := range o {
		made[key] = value
	}
	return raw.Of(made)
}

// forget makes this process one that has seen no card, until the end of the test.
func forget(t *testing.T) {
	t.Helper()
	before := remembered
	remembered = &memory{seen: map[string]*history{}}
	t.Cleanup(func() { remembered = before })
}
