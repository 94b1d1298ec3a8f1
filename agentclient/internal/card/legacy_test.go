package card

import (
	"crypto/ed25519"
	"encoding/hex"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
)

// The vector of the design notes: a card that rvagent 0.1 signed with the key of 32 bytes of 7.
const (
	legacyID  = "bb42f5a06cec4f36e3e9173236e88cdba7aa1a7bf737f6c6c372aa4c9268573e"
	legacyKey = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c"
	legacySig = "ad23123533ce0e96e3519d8a0ae090ac4dfad06892a6106fcca59b5fe5351b7b" +
		"42d08bb0714e20b12d8a2dc8260be83494d8dc7526af5507613cbfdb5be17305"
	legacyCard = `{"authentication":{"schemes":[]},"capabilities":{"pushNotifications":false,` +
		`"streaming":true},"description":"legacy vector","metadata":{"ruvector":{"agent_id":"` +
		legacyID + `"}},"name":"vec","provider":{"organization":"ruvector"},"skills":[{` +
		`"description":"x","id":"echo","inputModes":[],"name":"echo","outputModes":[],"tags":[]}],` +
		`"url":"http://127.0.0.1:1","version":"0.1.0"}`
)

// legacySigned is the card with a signature object.
func legacySigned(signature string) string {
	return strings.Replace(legacyCard, `"}},"name"`, `","signature":`+signature+`}},"name"`, 1)
}

func legacyObject(alg, sig, key string) string {
	return `{"alg":"` + alg + `","public_key":"` + key + `","signature":"` + sig + `"}`
}

var legacyGood = legacyObject("ed25519-hex", legacySig, legacyKey)

func TestTheVectorOfALegacyCard(t *testing.T) {
	s := edSigner(7)
	assert.Equal(t, legacySig, hex.EncodeToString(ed25519.Sign(s.private.(ed25519.PrivateKey),
		[]byte(legacyCard))))
	o, err := raw.Parse([]byte(legacySigned(legacyGood)))
	require.NoError(t, err)
	assert.Equal(t, legacyCard, string(canonicalLegacy(o)))
	shuffled := ` { "version" : "0.1.0",` + legacySigned(legacyGood)[1:strings.LastIndex(
		legacySigned(legacyGood), `,"version"`)] + "}"
	for _, data := range []string{legacySigned(legacyGood), shuffled} {
		c, result, err := VerifyLegacy([]byte(data), TLS(), place)
		require.NoError(t, err)
		assert.Equal(t, Result{Level: SelfCertified, KeyID: legacyID, Alg: "ed25519-hex",
			Form: Legacy, AgentID: legacyID}, result)
		assert.Equal(t, legacyCard, string(c.Source))
		assert.Equal(t, []Interface{{"http://127.0.0.1:1", JSONRPC, VersionLegacy, ""}}, c.Interfaces)
		assert.Equal(t, []string{"vec", "ruvector", "echo", VersionLegacy},
			[]string{c.Name, c.Provider.Organization, c.Skills[0].ID, c.Dialect})
		assert.True(t, c.Capabilities.Streaming)
		_, err = Parse(c.Raw)
		require.NoError(t, err)
	}
}

func TestLegacyCardsAreBelievedAsOthersAre(t *testing.T) {
	signed, other := []byte(legacySigned(legacyGood)), edSigner(50)
	pin, err := Pin(legacyID, "", nil)
	require.NoError(t, err)
	p := tofu(t, filepath.Join(t.TempDir(), "first.json"))
	for _, p := range []Policy{pin, pinKey(t, edSigner(7), "k"), Require(pin), Require(pin, p), p} {
		_, result, err := VerifyLegacy(signed, p, place)
		require.NoError(t, err)
		assert.Equal(t, Verified, result.Level)
	}
	_, _, err = VerifyLegacy([]byte(legacyCard), p, place)
	assert.Equal(t, Unsigned, untrusted(t, err))
	wrong, err := Pin(other.agent(), "", nil)
	require.NoError(t, err)
	_, _, err = VerifyLegacy(signed, wrong, place)
	assert.Equal(t, SelfCertified, untrusted(t, err))
	_, _, err = VerifyLegacy([]byte(legacyCard), pin, place)
	assert.Equal(t, Unsigned, untrusted(t, err))
	_, result, err := VerifyLegacy([]byte(legacyCard), TLS(), place)
	require.NoError(t, err)
	assert.Equal(t, Result{Level: Unsigned}, result)
	_, result, err = VerifyLegacy([]byte(strings.Replace(string(signed), "vec", "evil", 1)),
		Insecure(), place)
	require.NoError(t, err)
	assert.Empty(t, result.AgentID)
}

// A signature that is no good one is never taken for none, which rvagent does.
func TestLegacySignaturesThatAreNone(t *testing.T) {
	for signature, reason := range map[string]string{
		"null": ReasonMalformed, `"x"`: ReasonMalformed, "{}": ReasonAlg, "[]": ReasonMalformed,
		legacyObject("none", legacySig, legacyKey):                                 ReasonAlg,
		legacyObject("Ed25519-hex", legacySig, legacyKey):                          ReasonAlg,
		legacyObject("ed25519-hex", legacySig[2:], legacyKey):                      ReasonMalformed,
		legacyObject("ed25519-hex", legacySig, "zz"+legacyKey[2:]):                 ReasonMalformed,
		legacyObject("ed25519-hex", "", ""):                                        ReasonMalformed,
		legacyObject("ed25519-hex", strings.Repeat("00", 64), legacyKey):           ReasonSignature,
		legacyObject("ed25519-hex", legacySig, "01"+strings.Repeat("00", 31)):      ReasonWeakKey,
		legacyObject("ed25519-hex", legacySig, strings.Repeat("ab", 32)):           "",
		strings.Replace(legacyGood, `"alg":"ed25519-hex"`, `"alg":["x"]`, 1):       ReasonMalformed,
		strings.Replace(legacyGood, `"signature":"`, `"signature":7,"other":"`, 1): ReasonMalformed,
	} {
		_, _, err := VerifyLegacy([]byte(legacySigned(signature)), TLS(), place)
		got := invalidSignature(t, err)
		if reason != "" {
			assert.Equal(t, reason, got, signature)
		}
	}
	for _, change := range [][2]string{{`"vec"`, `"vex"`}, {`"tags":[]`, `"tags":["a"]`},
		{`"agent_id"`, `"agent":1,"agent_id"`}, {`"name":"vec"`, `"URL":"http://evil","name":"vec"`}} {
		data := strings.Replace(legacySigned(legacyGood), change[0], change[1], 1)
		_, _, err := VerifyLegacy([]byte(data), TLS(), place)
		assert.Equal(t, ReasonSignature, invalidSignature(t, err))
	}
	// The key has to be the one of the name that the card claims.
	s := edSigner(51)
	o, err := raw.Parse([]byte(legacyCard))
	require.NoError(t, err)
	value := ed25519.Sign(s.private.(ed25519.PrivateKey), canonicalLegacy(o))
	pk := s.private.Public().(ed25519.PublicKey)
	_, _, err = VerifyLegacy([]byte(legacySigned(legacyObject("ed25519-hex",
		hex.EncodeToString(value), hex.EncodeToString(pk)))), TLS(), place)
	assert.Equal(t, ReasonIdentity, invalidSignature(t, err))
}

func TestLegacyCardsThatAreNone(t *testing.T) {
	for data, path := range map[string]string{"": "", "{}": "url", `{"url":5}`: "url",
		`{"url":"http://a","URL":"http://b"}`:                             "URL",
		`{"url":"http://a","authentication":[]}`:                          "authentication",
		`{"url":"http://a","authentication":{"schemes":[1]}}`:             "authentication.schemes[0]",
		`{"url":"http://a","skills":[{"ID":"x"}]}`:                        "skills[0].ID",
		`{"url":"http://a","skills":null,"capabilities":{"streaming":1}}`: "capabilities.streaming"} {
		_, err := ParseLegacy([]byte(data))
		assert.Equal(t, path, pathOf(t, err), data)
		_, _, err = VerifyLegacy([]byte(data), TLS(), place)
		assert.Equal(t, path, pathOf(t, err), data)
	}
	for _, data := range []string{`{"url":"http://a","metadata":[]}`,
		`{"url":"http://a","metadata":{"ruvector":7}}`} {
		_, _, err := VerifyLegacy([]byte(data), TLS(), place)
		pathOf(t, err)
	}
	c, err := ParseLegacy([]byte(`{"url":"http://a","authentication":{"schemes":["Bearer"]}}`))
	require.NoError(t, err)
	assert.Equal(t, "bearer", c.Schemes["Bearer"].HTTPScheme)
	assert.Equal(t, []map[string][]string{{"Bearer": nil}}, c.Requirements)
}

// Keys are ordered by their bytes and numbers stay as they are, which canonical JSON does
// otherwise.
func TestLegacyOrderIsThatOfBytes(t *testing.T) {
	o, err := raw.Parse([]byte(`{"\ud83d\ude00":1.0,"\ufb33":[1e2,{"b":"\u0041\u2028/","a":null}],` +
		`"n":12345678901234567890,"s":"\b\u001f\"","metadata":{"ruvector":{"signature":1}}}`))
	require.NoError(t, err)
	assert.Equal(t, `{"metadata":{"ruvector":{}},"n":12345678901234567890,"s":"\b\u001f\"",`+
		"\"\ufb33\":[1e2,{\"a\":null,\"b\":\"A\u2028/\"}],\"😀\":1.0}", string(canonicalLegacy(o)))
}
