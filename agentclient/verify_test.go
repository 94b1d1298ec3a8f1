package agentclient

import (
	"crypto/ed25519"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

func TestTheCanonicalFormsHaveNames(t *testing.T) {
	data := []byte(`{"name":"","signatures":[],"supportedInterfaces":[],"iconUrl":""}`)
	for form, want := range map[Form]string{"A": `{"iconUrl":"","name":"","supportedInterfaces":[]}`,
		"B": `{}`, "C": `{"iconUrl":"","name":"","supportedInterfaces":[]}`} {
		got, err := Canonicalize(data, form)
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
}

func TestTheNameOfAnAgentIsMadeOfItsKey(t *testing.T) {
	seed := make([]byte, ed25519.SeedSize)
	for i := range seed {
		seed[i] = 7
	}
	pk := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	assert.Equal(t, "bb42f5a06cec4f36e3e9173236e88cdba7aa1a7bf737f6c6c372aa4c9268573e", AgentID(pk))
	assert.Empty(t, AgentID(pk[:31]))
	assert.Empty(t, AgentID(nil))
}

// A card that is believed comes back as the bytes that are.
func TestVerifyCardReturnsWhatIsBelieved(t *testing.T) {
	data := []byte(`{"name":"n","supportedInterfaces":[{"url":"https://a.example/"}],"signatures":[]}`)
	result, believed, err := VerifyCard(data, TrustTLS(), "https://a.example")
	require.NoError(t, err)
	assert.Equal(t, TrustResult{Level: "unsigned"}, result)
	assert.Equal(t, data, believed)
	result, believed, err = VerifyCard(data, TrustRequire(TrustTLS()), "")
	assert.True(t, problem.Is(err, problem.CardUntrusted))
	assert.Nil(t, believed)
	assert.Equal(t, TrustResult{}, result)
	_, _, err = VerifyCard(data, TrustInsecure(), "")
	assert.NoError(t, err)
}

func TestPoliciesAreMadeOfTheSameParts(t *testing.T) {
	id := AgentID(make([]byte, 32))
	jwk := []byte(`{"kty":"OKP","crv":"Ed25519","x":"6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw"}`)
	path := t.TempDir() + "/first.json"
	pin, err := TrustPin(id, "", nil)
	require.NoError(t, err)
	keys, err := TrustKeys(jwk, "https://a.example")
	require.NoError(t, err)
	tofu, err := TrustTOFU(path)
	require.NoError(t, err)
	for text, want := range map[string]TrustPolicy{`{"kind":"tls"}`: TrustTLS(),
		`{"kind":"insecure"}`: TrustInsecure(), `{"kind":"tofu","path":"` + path + `"}`: tofu,
		`{"kind":"pin","agent_id":"` + id + `"}`:                                     pin,
		`{"kind":"keys","origins":["https://a.example"],"jwks":` + string(jwk) + `}`: keys,
		`{"kind":"require","all":[]}`:                                                TrustRequire()} {
		got, err := ParseTrust([]byte(text))
		require.NoError(t, err)
		assert.Equal(t, want, got, text)
	}
	_, err = ParseTrust([]byte(`{"kind":"trust me"}`))
	assert.True(t, problem.Is(err, problem.InvalidArgument))
}
