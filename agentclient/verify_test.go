package agentclient

import (
	"crypto/ed25519"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
