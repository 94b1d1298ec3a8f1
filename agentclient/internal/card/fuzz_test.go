package card

import (
	"bytes"
	"testing"
)

// FuzzCard reads whatever comes as a card, in all ways, and holds what must always hold.
func FuzzCard(f *testing.F) {
	s := edSigner(60)
	for _, seed := range []string{card10, card03, emptyCard, specExample, legacySigned(legacyGood),
		string(signedBy(f, plainCard("1", &s, f), Spec, s)), `{"supportedInterfaces":[null]}`,
		`{"url":"https://good","URL":"https://evil"}`, "[[[[", `{"signatures":[{"protected":"e30"}]}`} {
		f.Add([]byte(seed))
	}
	pin, err := Pin(s.agent(), "", nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, result, err := Verify(data, TLS(), "https://a.example")
		if err == nil {
			if _, err := Select(c, nil, nil); err == nil && len(c.Interfaces) == 0 {
				t.Fatal("an interface of none")
			}
			if again, err := Parse(c.Raw); err != nil || len(again.Interfaces) < 1 {
				t.Fatalf("what was read cannot be read again: %v", err)
			}
			if result.Level == SelfCertified && result.AgentID != s.agent() {
				t.Fatal("a signature by nobody")
			}
		}
		if _, _, err := Verify(data, pin, ""); err == nil && result.AgentID != s.agent() {
			t.Fatal("pinned, and not proved")
		}
		for _, form := range Forms {
			once, err := Canonical(data, form)
			if err != nil {
				continue
			}
			twice, err := Canonical(once, form)
			if err != nil || !bytes.Equal(once, twice) {
				t.Fatalf("form %s changes: %s, then %s (%v)", form, once, twice, err)
			}
		}
		if legacy, result, err := VerifyLegacy(data, TLS(), ""); err == nil &&
			(len(legacy.Interfaces) != 1 || result.Level == SelfCertified && result.AgentID != legacyID) {
			t.Fatal("a legacy card of nobody")
		}
	})
}
