package card

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/agenttest"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
)

// cardSeeds are cards of all kinds; own is whose identity one of them proves.
func cardSeeds(t testing.TB, own signer) []string {
	t.Helper()
	return []string{card10, card03, emptyCard, specExample, legacySigned(legacyGood),
		string(signedBy(t, plainCard("1", &own, t), Spec, own)), `{"supportedInterfaces":[null]}`,
		`{"url":"https://good","URL":"https://evil"}`, "[[[[", `{"signatures":[{"protected":"e30"}]}`}
}

// readCard reads whatever comes as a card, in all ways, and holds what must always hold.
func readCard(t testing.TB, data []byte, agent string, pin Policy) {
	c, result, err := Verify(data, TLS(), "https://a.example")
	if err == nil {
		if _, err := Select(c, nil, nil); err == nil && len(c.Interfaces) == 0 {
			t.Fatal("an interface of none")
		}
		if again, err := Parse(c.Raw); err != nil || len(again.Interfaces) < 1 {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		if result.Level == SelfCertified && result.AgentID != agent {
			t.Fatal("a signature by nobody")
		}
	}
	if bytes.Contains(data, []byte(agent)) {
		if _, _, err := Verify(data, pin, ""); err == nil && result.AgentID != agent {
			t.Fatal("pinned, and not proved")
		}
	}
	if o, err := open(data); err == nil {
		formsStay(t, o)
	}
	if !bytes.Contains(data, []byte("url")) {
		return
	}
	if legacy, result, err := VerifyLegacy(data, TLS(), ""); err == nil &&
		(len(legacy.Interfaces) != 1 || result.Level == SelfCertified && result.AgentID != legacyID) {
		t.Fatal("a legacy card of nobody")
	}
}

// formsStay holds that a canonical form of a canonical form is that form.
func formsStay(t testing.TB, o raw.Object) {
	var before []byte
	for _, form := range Forms {
		once, err := canonical(o, form)
		if err != nil || bytes.Equal(once, before) {
			continue
		}
		before = once
		twice, err := Canonical(once, form)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("form %s changes: %s, then %s (%v)", form, once, twice, err)
		}
	}
}

func FuzzCard(f *testing.F) {
	own := edSigner(60)
	for _, seed := range cardSeeds(f, own) {
		f.Add([]byte(seed))
	}
	pin, err := Pin(own.agent(), "", nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) { readCard(t, data, own.agent(), pin) })
}

func TestMutatedCards(t *testing.T) {
	own := edSigner(60)
	pin, err := Pin(own.agent(), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	agenttest.Mutations(t, cardSeeds(t, own), func(t testing.TB, next func() []byte) {
		readCard(t, next(), own.agent(), pin)
	})
}

// Whatever a file of first uses holds, what is taken from it is a key under its own names.
func TestMutatedFilesOfFirstUses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "first.json")
	for i, origin := range []string{place, "http://127.0.0.1:8080"} {
		own := edSigner(byte(61 + i))
		_, _, err := Verify(signedBy(t, plainCard("1", &own, t), Spec, own), tofu(t, path), origin)
		require.NoError(t, err)
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	seeds := []string{string(text), `{"version":1,"origins":{}}`}
	agenttest.Mutations(t, seeds, func(t testing.TB, next func() []byte) {
		s := &store{path: path, entries: map[string]entry{}}
		if s.parse(next()) != nil {
			return
		}
		for origin, e := range s.entries {
			again, err := originOf(origin)
			if err != nil || again != origin || e.key.agent != edSigner(61).agent() &&
				e.key.agent != edSigner(62).agent() {
				t.Fatal("a key that nobody proved")
			}
		}
	})
}

// A policy is read as what it says or not at all: what comes out never believes an unsigned card,
// unless it says so.
func TestMutatedPolicies(t *testing.T) {
	own := edSigner(63)
	unsigned := raw.Of(plainCard("1", &own, t))
	jwk := string(own.jwk(t, "k"))
	seeds := []string{`{"kind":"pin","agent_id":"` + own.agent() + `","rollback":"refuse"}`,
		`{"kind":"keys","jwks":{"keys":[` + jwk + `]},"origins":["https://a.example"]}`,
		`{"kind":"pin","jwk":` + jwk + `,"kid":"k","min_version":"1.0"}`,
		`{"kind":"require","all":[{"kind":"pin","agent_id":"` + own.agent() + `"}]}`}
	agenttest.Mutations(t, seeds, func(t testing.TB, next func() []byte) {
		p, err := ParsePolicy(next())
		if err != nil {
			return
		}
		if _, _, err := Verify(unsigned, p, place); err == nil {
			t.Fatalf("a card that nobody signed is believed under %+v", p)
		}
	})
}
