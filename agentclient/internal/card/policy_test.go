package card

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

func wrongArgument(t *testing.T, err error) string {
	t.Helper()
	refusedFor(t, problem.InvalidArgument, "", err)
	return err.Error()
}

func TestPoliciesAreReadFromJSON(t *testing.T) {
	s, vendor := edSigner(20), signer{"ES256", "v", ecKey()}
	file := t.TempDir() + "/first.json"
	jwk, key := string(s.jwk(t, "")), string(vendor.jwk(t, "v"))
	data := signedBy(t, plainCard("2.0", &s, t), Spec, s, vendor)
	unsigned := raw.Of(plainCard("2.0", nil, t))
	for text, want := range map[string][2]string{ // for the signed card, for the other one
		`{"kind":"tls"}`:      {SelfCertified, Unsigned},
		`{"kind":"insecure"}`: {UnknownKey, Unsigned},
		`{"kind":"pin","agent_id":"` + s.agent() + `"}`:      {Verified, ""},
		`{"kind":"pin","jwk":` + jwk + `,"kid":null}`:        {Verified, ""},
		`{"kind":"pin","jwk":` + key + `,"kid":"v"}`:         {Verified, ""},
		`{"kind":"keys","jwks":{"keys":[` + key + `]}}`:      {Verified, ""},
		`{"kind":"keys","jwks":[` + key + `,` + jwk + `]}`:   {Verified, ""},
		`{"kind":"keys","jwks":` + key + `,"origins":[]}`:    {Verified, ""},
		`{"kind":"tofu","path":"` + file + `"}`:              {SelfCertified, ""},
		`{"kind":"require","all":[]}`:                        {SelfCertified, ""},
		`{"kind":"require","all":[{"kind":"tls"}]}`:          {SelfCertified, ""},
		`{"kind":"tls","min_version":"2","rollback":"warn"}`: {SelfCertified, Unsigned},
		`{"kind":"tls","min_version":"2.0.1"}`:               {"", ""},
		`{"kind":"require","all":[{"kind":"pin","jwk":` + jwk + `},{"kind":"keys","jwks":` + key +
			`}]}`: {Verified, ""},
		`{"kind":"keys","jwks":` + key + `,"origins":["https://A.example:443/x"]}`: {Verified, ""},
		`{"kind":"keys","jwks":` + key + `,"origins":["https://b.example"]}`:       {"", ""},
	} {
		p, err := ParsePolicy([]byte(text))
		require.NoError(t, err, text)
		for i, card := range [][]byte{data, unsigned} {
			_, result, err := Verify(card, p, place)
			if want[i] == "" {
				assert.Equal(t, problem.CardUntrusted, problem.CodeOf(err), text)
				continue
			}
			require.NoError(t, err, text)
			assert.Equal(t, want[i], result.Level, text)
		}
	}
}

func TestPoliciesThatAreNone(t *testing.T) {
	s, vendor := edSigner(21), signer{"ES256", "v", ecKey()}
	jwk, key := string(s.jwk(t, "")), string(vendor.jwk(t, "v"))
	private := strings.Replace(jwk, `"kty"`, `"d":"AA","kty"`, 1)
	many := "[" + strings.Repeat(key+",", 64) + key + "]"
	nested := `{"kind":"require","all":[`
	for _, text := range []string{"", "[]", "{}", `{"kind":"TLS"}`, `{"kind":7}`, `{"kind":"pin"}`,
		`{"kind":"tls","min_version":"x"}`, `{"kind":"tls","rollback":"never"}`,
		`{"kind":"tls","rolback":"refuse"}`, `{"kind":"tls","agent_id":"x"}`,
		`{"kind":"pin","kid":"key-1"}`, `{"kind":"pin","agent_id":"AB"}`, `{"kind":"pin","agent_id":5}`,
		`{"kind":"pin","agent_id":"` + strings.ToUpper(s.agent()) + `"}`,
		`{"kind":"pin","jwk":` + private + `}`, `{"kind":"pin","jwk":"x"}`, `{"kind":"pin","jwk":{}}`,
		`{"kind":"pin","jwk":{"kty":"oct","k":"AA"}}`, `{"kind":"pin","jwk":{"kty":"OKP"}}`,
		`{"kind":"pin","jwk":` + strings.Replace(key, `"P-256"`, `"P-521"`, 1) + `}`,
		`{"kind":"pin","jwk":` + strings.Replace(key, `"kty"`, `"use":"enc","kty"`, 1) + `}`,
		`{"kind":"pin","jwk":` + strings.Replace(key, `"kty"`, `"alg":"ES384","kty"`, 1) + `}`,
		`{"kind":"pin","jwk":` + strings.Replace(jwk, `"kty"`, `"alg":3,"kty"`, 1) + `}`,
		`{"kind":"pin","jwk":` + strings.Replace(jwk, `"kty"`, `"kid":3,"kty"`, 1) + `}`,
		`{"kind":"pin","kid":"w","jwk":` + key + `}`,
		`{"kind":"pin","agent_id":"` + edSigner(22).agent() + `","jwk":` + jwk + `}`,
		`{"kind":"keys"}`, `{"kind":"keys","jwks":[]}`, `{"kind":"keys","jwks":{"keys":{}}}`,
		`{"kind":"keys","jwks":"x"}`, `{"kind":"keys","jwks":[{"kty":"new"}]}`,
		`{"kind":"keys","jwks":` + many + `}`, `{"kind":"keys","jwks":` + key + `,"origins":"x"}`,
		`{"kind":"keys","jwks":` + key + `,"origins":["a.example"]}`, `{"kind":"tofu"}`,
		`{"kind":"tofu","path":"a\u0000b"}`, `{"kind":"require"` + `,"all":{}}`,
		`{"kind":"require","all":[7]}`, `{"kind":"require","all":[{"kind":"x"}]}`,
		nested + nested + nested + `]}]}]}`, nested + strings.Repeat(`{"kind":"tls"},`, 16) +
			`{"kind":"tls"}]}`} {
		_, err := ParsePolicy([]byte(text))
		assert.Equal(t, problem.InvalidArgument, problem.CodeOf(err), text)
	}
	_, err := Keys([]byte("{"))
	wrongArgument(t, err)
	_, err = Keys(make([]byte, mostKeys*MostHeader+1))
	wrongArgument(t, err)
	_, err = ParseKey([]byte(`{"kty":"` + strings.Repeat("x", MostHeader) + `"}`))
	wrongArgument(t, err)
}

func TestKeysOfASetThatCannotBeUsedArePassedOver(t *testing.T) {
	s := signer{"ES256", "v", ecKey()}
	p, err := Keys([]byte(`{"keys":[{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"},7,{"kty":"oct"},` +
		string(s.jwk(t, "v")) + `]}`))
	require.NoError(t, err)
	_, _, err = Verify(signedBy(t, plainCard("1", nil, t), Spec, s), p, place)
	assert.NoError(t, err)
}

// Two keys of one kid are both tried; keys without one are tried on whatever they fit.
func TestKeysWithOneNameOrNone(t *testing.T) {
	a, b := edSigner(23), edSigner(24)
	a.kid, b.kid = "same", "same"
	p, err := Keys(raw.Of([]any{a.jwk(t, "same"), b.jwk(t, "same")}))
	require.NoError(t, err)
	for _, s := range []signer{a, b} {
		_, _, err := Verify(signedBy(t, plainCard("1", nil, t), Spec, s), p, "")
		assert.NoError(t, err)
	}
	_, _, err = Verify(signedBy(t, plainCard("1", nil, t), Spec, signer{"EdDSA", "same",
		edSigner(25).private}), p, "")
	assert.Equal(t, ReasonSignature, invalidSignature(t, err))
	_, _, err = Verify(signedBy(t, plainCard("1", nil, t), Spec, a), pinKey(t, a, ""), "")
	assert.NoError(t, err)
	_, _, err = Verify(signedBy(t, plainCard("1", nil, t), Spec, b), pinKey(t, a, ""), "")
	assert.Equal(t, UnknownKey, untrusted(t, err))
	// A pin's kid is the name of a key that has none.
	p, err = Pin("", "same", a.jwk(t, ""))
	require.NoError(t, err)
	_, _, err = Verify(signedBy(t, plainCard("1", nil, t), Spec, b), p, "")
	assert.Equal(t, ReasonSignature, invalidSignature(t, err))
}

func TestRequiredPoliciesAgreeOnOneCard(t *testing.T) {
	a, b := signer{"ES256", "a", ecKey()}, signer{"ES384", "b", ec384Key()}
	o, err := raw.Parse([]byte(emptyCard))
	require.NoError(t, err)
	delete(o, "signatures")
	sign := func(s signer, form Form) any {
		payload, err := canonical(o, form)
		require.NoError(t, err)
		return s.sign(t, payload, s.header())
	}
	both := Require(pinKey(t, a, "a"), pinKey(t, b, "b"))
	_, result, err := Verify(withSignatures(o, sign(a, Pruned), sign(b, Pruned)), both, "")
	require.NoError(t, err)
	assert.Equal(t, []any{Verified, Pruned}, []any{result.Level, result.Form})
	_, _, err = Verify(withSignatures(o, sign(a, Spec), sign(b, Pruned)), both, "")
	assert.Equal(t, UnknownKey, untrusted(t, err))
	_, _, err = Verify(withSignatures(o, sign(a, Spec)), both, "")
	assert.Equal(t, UnknownKey, untrusted(t, err))
	_, _, err = Verify(raw.Of(plainCard("1", nil, t)), Require(TLS()), "")
	assert.Equal(t, Unsigned, untrusted(t, err))
}

func TestOriginsAreWrittenInOneWay(t *testing.T) {
	for given, want := range map[string]string{"https://A.Example/x?y#z": "https://a.example",
		"https://a.example:443": "https://a.example", "http://a.example:80/": "http://a.example",
		"https://a.example:80": "https://a.example:80", "https://u:p@a.example": "https://a.example",
		"http://[::1]:8080/": "http://[::1]:8080", "https://[::1]": "https://[::1]",
		"https://a.example:": "https://a.example"} {
		got, err := originOf(given)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, bad := range []string{"", "a.example", "ftp://a", "file:///x", "https://", "https:///x",
		"https://%zz", "https://u:secret@", "javascript:1"} {
		_, err := originOf(bad)
		assert.NotContains(t, wrongArgument(t, err), "secret")
	}
	_, _, err := Verify(raw.Of(plainCard("1", nil, t)), TLS(), "nowhere")
	wrongArgument(t, err)
}

func TestTheLeastVersionOfACard(t *testing.T) {
	for version, ok := range map[string]bool{"1.2.0": true, "1.2.1": true, "2": true, "1.10": true,
		"v1.2": true, "1.2.0-rc.1": false, "1.1.9": false, "": false, "new": false, "1.2.0+b": true} {
		p, err := TLS().With("1.2.0", false)
		require.NoError(t, err)
		_, _, err = Verify(raw.Of(plainCard(version, nil, t)), p, place)
		if ok {
			assert.NoError(t, err, version)
		} else {
			assert.Equal(t, Unsigned, untrusted(t, err), version)
		}
	}
}

func TestVersionsAreOrdered(t *testing.T) {
	ordered := []string{"0", "0.1", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta",
		"1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.9", "1.10", "2", "10",
		"18446744073709551616"}
	for i, a := range ordered {
		for k, b := range ordered {
			order, ok := compareVersions(a, b)
			require.True(t, ok)
			assert.Equal(t, i < k, order < 0, "%s %s", a, b)
			assert.Equal(t, i > k, order > 0, "%s %s", a, b)
		}
	}
	for _, none := range []string{"", "x", "1..2", "1.x", ".", "-1", fmt.Sprintf("1-%0300d", 1)} {
		_, ok := compareVersions(none, "1")
		assert.False(t, ok, none)
		_, ok = compareVersions("1", none)
		assert.False(t, ok, none)
	}
}

func TestAKeyVerifiesItsOwnAlgorithmsOnly(t *testing.T) {
	rsa := signer{"RS256", "k", rsaKey()}
	narrow := strings.Replace(string(rsa.jwk(t, "k")), `"kty"`, `"alg":"PS256","use":"sig","kty"`, 1)
	for alg, want := range map[string]string{"PS256": "", "RS256": ReasonAlg} {
		p, err := Pin("", "", []byte(narrow))
		require.NoError(t, err)
		_, _, err = Verify(signedBy(t, plainCard("1", nil, t), Spec, signer{alg, "k", rsaKey()}), p, "")
		if want == "" {
			assert.NoError(t, err)
		} else {
			assert.Equal(t, want, invalidSignature(t, err))
		}
	}
	// EdDSA and Ed25519 are two names of one algorithm.
	ed := edSigner(26)
	p, err := Pin("", "", []byte(strings.Replace(string(ed.jwk(t, "")), `"kty"`,
		`"alg":"Ed25519","kty"`, 1)))
	require.NoError(t, err)
	_, _, err = Verify(signedBy(t, plainCard("1", nil, t), Spec, ed), p, "")
	assert.NoError(t, err)
	large, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	require.NoError(t, err)
	_, err = ParseKey(signer{"ES512", "k", large}.jwk(t, "k"))
	assert.Contains(t, wrongArgument(t, err), "P-521")
}
