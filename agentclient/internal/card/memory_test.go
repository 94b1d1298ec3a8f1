package card

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
)

// Hostile row H17: an old card, signed as well as ever, in the place of a new one.
func TestACardThatGoesBackIsNoticed(t *testing.T) {
	forget(t)
	s := edSigner(40)
	at := "https://rollback.example"
	card := func(version string) []byte { return signedBy(t, plainCard(version, &s, t), Spec, s) }
	warn := pinKey(t, s, "")
	refuse, err := warn.With("", true)
	require.NoError(t, err)
	for _, version := range []string{"1.9", "1.10", "1.10"} {
		_, result, err := Verify(card(version), refuse, at)
		require.NoError(t, err)
		assert.Empty(t, result.Warning)
	}
	for range 2 { // having seen it does not make it the newest
		_, result, err := Verify(card("1.9"), warn, at)
		require.NoError(t, err)
		assert.Contains(t, result.Warning, "from 1.10 to 1.9")
		_, _, err = Verify(card("1.9"), refuse, at)
		assert.Equal(t, Verified, untrusted(t, err))
	}
	_, _, err = Verify(card("1.10"), refuse, at)
	assert.NoError(t, err)
	_, _, err = Verify(card("1.9"), refuse, "https://elsewhere.example")
	assert.NoError(t, err)
	inner, err := TLS().With("", true)
	require.NoError(t, err)
	_, _, err = Verify(card("1.9"), Require(inner), at)
	assert.Equal(t, SelfCertified, untrusted(t, err))
}

func TestACardThatWasReplacedIsOldWhateverItsVersion(t *testing.T) {
	forget(t)
	s := signer{"ES256", "k", ecKey()}
	at := "https://replaced.example"
	refuse, err := pinKey(t, s, "k").With("", true)
	require.NoError(t, err)
	first, second := plainCard("same", nil, t), plainCard("same", nil, t)
	second["description"] = raw.Of("other")
	for i, o := range []raw.Object{first, second, first, second} {
		_, _, err := Verify(signedBy(t, o, Spec, s), refuse, at)
		assert.Equal(t, i == 2, err != nil)
	}
}

func TestTheDateOfASignatureCounts(t *testing.T) {
	forget(t)
	s := edSigner(41)
	at := "https://dated.example"
	refuse, err := pinKey(t, s, "").With("", true)
	require.NoError(t, err)
	for i, row := range []struct {
		text string
		iat  int
		bad  bool
	}{{"a", 1000, false}, {"b", 2000, false}, {"c", 1500, true}, {"d", 2000, false},
		{"e", 0, false}, {"f", 1999, true}} {
		o := plainCard("1", nil, t)
		o["description"] = raw.Of(row.text)
		payload, err := canonical(o, Spec)
		require.NoError(t, err)
		header := s.header()
		if row.iat > 0 {
			header["iat"] = row.iat
		}
		_, _, err = Verify(withSignatures(o, s.sign(t, payload, header)), refuse, at)
		assert.Equal(t, row.bad, err != nil, i)
	}
}

// The file of first uses knows of cards that another process believed.
func TestAFileOfFirstUsesRemembersTheNewestCard(t *testing.T) {
	forget(t)
	s := edSigner(42)
	path := filepath.Join(t.TempDir(), "first.json")
	p, err := tofu(t, path).With("", true)
	require.NoError(t, err)
	card := func(version string) []byte { return signedBy(t, plainCard(version, &s, t), Spec, s) }
	_, _, err = Verify(card("3.0"), p, "https://file.example")
	require.NoError(t, err)
	_, _, err = Verify(card("3.1"), p, "https://file.example")
	require.NoError(t, err)
	forget(t) // as a process that starts
	_, _, err = Verify(card("3.0"), p, "https://file.example")
	assert.Equal(t, Verified, untrusted(t, err))
	_, _, err = Verify(card("3.1"), p, "https://file.example")
	assert.NoError(t, err)
	store, err := openStore(path)
	require.NoError(t, err)
	defer store.close()
	assert.Equal(t, "3.1", store.entries["https://file.example"].version)
}

func TestMemoryIsBounded(t *testing.T) {
	m := &memory{seen: map[string]*history{}}
	for i := range mostRemembered + 100 {
		assert.Empty(t, m.note(fmt.Sprint(i), nil, history{version: "2", hashes: []string{"a"}}))
	}
	assert.Len(t, m.seen, mostRemembered)
	assert.Len(t, m.order, mostRemembered)
	assert.NotEmpty(t, m.note("200", nil, history{version: "1", hashes: []string{"b"}}))
	assert.Empty(t, m.note("50", nil, history{version: "1", hashes: []string{"b"}}))
	for i := range 100 {
		m.note("200", nil, history{version: "2", hashes: []string{fmt.Sprint("h", i)}})
	}
	assert.Len(t, m.seen["200"].hashes, mostBefore)
	// What is known from elsewhere counts if it is newer.
	seed := &history{version: "5", hashes: []string{"s"}}
	assert.NotEmpty(t, m.note("200", seed, history{version: "4", hashes: []string{"x"}}))
	assert.Empty(t, m.note("200", &history{version: "3", hashes: []string{"y"}},
		history{version: "5", hashes: []string{"z"}}))
}

// A card that went back is no reason to forget whose card it was.
func TestTheFirstKeyIsKeptOfAnOldCardToo(t *testing.T) {
	forget(t)
	s := edSigner(43)
	path := filepath.Join(t.TempDir(), "first.json")
	for i, version := range []string{"2", "1"} {
		data := signedBy(t, plainCard(version, &s, t), Spec, s)
		_, result, err := Verify(data, []Policy{TLS(), tofu(t, path)}[i], place)
		require.NoError(t, err)
		assert.Equal(t, i == 1, result.Warning != "")
	}
	_, _, err := Verify(raw.Of(plainCard("2", nil, t)), tofu(t, path), place)
	assert.Equal(t, Unsigned, untrusted(t, err))
}
