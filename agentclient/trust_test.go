package agentclient

import (
	"bytes"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/ext"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/wire"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// signing is a key that signs cards.
type signing struct{ key ed25519.PrivateKey }

func keyOf(seed byte) signing {
	return signing{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))}
}

func (s signing) public() ed25519.PublicKey { return s.key.Public().(ed25519.PublicKey) }

func (s signing) id() string { return AgentID(s.public()) }

func (s signing) jwk() json.RawMessage {
	return raw.Of(map[string]string{"kty": "OKP", "crv": "Ed25519", "kid": s.id(),
		"x": base64.RawURLEncoding.EncodeToString(s.public())})
}

// identity is the extension by which a card names the key as its own.
func (s signing) identity() string {
	return fmt.Sprintf(`"extensions":[{"uri":%q,"params":{"agentId":%q,"jwk":%s}}]`, ext.Identity,
		s.id(), s.jwk())
}

// sign adds a signature over a form of the card, with more in its header.
func (s signing) sign(t testing.TB, text string, form Form, more string) string {
	t.Helper()
	payload, err := Canonicalize([]byte(text), form)
	require.NoError(t, err)
	protected := base64.RawURLEncoding.EncodeToString(
		[]byte(fmt.Sprintf(`{"alg":"EdDSA","kid":%q%s}`, s.id(), more)))
	value := ed25519.Sign(s.key,
		[]byte(protected+"."+base64.RawURLEncoding.EncodeToString(payload)))
	card, err := raw.Parse([]byte(text))
	require.NoError(t, err)
	list, err := card.Array("signatures")
	require.NoError(t, err)
	card["signatures"] = raw.Of(append(list, raw.Of(map[string]string{"protected": protected,
		"signature": base64.RawURLEncoding.EncodeToString(value)})))
	return string(raw.Of(card))
}

// show has the agent serve a card from now on.
func (p *peer) show(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.card = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write([]byte(text))
	}
}

func pinned(t testing.TB, s signing) TrustPolicy {
	t.Helper()
	p, err := TrustPin("", "", s.jwk())
	require.NoError(t, err)
	return p
}

// refusal is the code and the detail of an agent that was not believed.
func (p *peer) refusal(o Options, name string) []any {
	p.t.Helper()
	c, err := Connect(soon(p.t), p.url(), quick(o))
	require.Error(p.t, err)
	require.Nil(p.t, c)
	assert.Contains(p.t, err.Error(), "connect: ")
	return []any{problem.CodeOf(err), detail(err, name)}
}

// An agent that is not believed is asked for nothing but its card, and nobody is asked for keys.
func TestWhoIsNotBelievedIsNotAsked(t *testing.T) {
	var asked atomic.Int32
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write(raw.Of(map[string]any{"keys": []any{keyOf(2).jwk()}}))
	}))
	defer keys.Close()
	p := streaming(t, map[string]func(*answer){})
	mine, other := keyOf(1), keyOf(2)
	named := fmt.Sprintf(`,"jku":%q,"x5u":%q,"jwk":%s`, keys.URL, keys.URL, other.jwk())
	text := p.cardText(mine.identity())
	secret := []Credential{{Kind: "bearer", Secret: "t0ken", Force: true}}
	for _, row := range []struct {
		card   string
		trust  TrustPolicy
		code   problem.Code
		detail [2]string
	}{
		{text, pinned(t, mine), problem.CardUntrusted, [2]string{"level", "unsigned"}},
		{other.sign(t, text, "A", named), pinned(t, mine), problem.CardUntrusted,
			[2]string{"level", "signed_unknown_key"}},
		{strings.Replace(mine.sign(t, text, "A", named), `"name":"n"`, `"name":"m"`, 1), TrustTLS(),
			problem.CardSignatureInvalid, [2]string{"reason", "bad_signature"}},
		{mine.sign(t, text, "A", named+`,"exp":1`), pinned(t, mine), problem.CardSignatureInvalid,
			[2]string{"reason", "expired"}},
		{mine.sign(t, text, "A", named+`,"crit":["exp"]`), pinned(t, mine),
			problem.CardSignatureInvalid, [2]string{"reason", "crit"}},
		{mine.sign(t, text, "A", ""), pinned(t, other), problem.CardUntrusted,
			[2]string{"level", "self_certified"}},
		{text, TrustRequire(), problem.CardUntrusted, [2]string{"level", "unsigned"}},
		{strings.Replace(mine.sign(t, text, "A", named), `"protected":"`, `"protected":"+`, 1),
			TrustTLS(), problem.CardInvalid, [2]string{"path", "signatures[0].protected"}},
	} {
		p.show(row.card)
		assert.Equal(t, []any{row.code, row.detail[1]},
			p.refusal(Options{Trust: row.trust, Auth: secret}, row.detail[0]))
	}
	p.show(mine.sign(t, text, "A", named))
	for want, trust := range map[string]TrustPolicy{"verified": pinned(t, mine),
		"self_certified": TrustTLS()} {
		c := p.connect(Options{Trust: trust})
		assert.Equal(t, []string{want, mine.id(), "EdDSA"},
			[]string{c.Trust().Level, c.Trust().AgentID, c.Trust().Alg})
	}
	assert.Zero(t, asked.Load())
	assert.Empty(t, p.calls())
}

// What is added to a signed card changes no address, and its bytes are not what is shown.
func TestWhatIsAddedToACardOnItsWayHasNoEffect(t *testing.T) {
	p := streaming(t, map[string]func(*answer){"GetTask": func(a *answer) { a.result(bare(Working)) }})
	mine := keyOf(3)
	text := mine.sign(t, p.cardText(mine.identity()), "A", "")
	p.show(`{"URL":"http://127.0.0.1:1/","url":"http://127.0.0.1:1/","x":1,` + text[1:])
	for _, trust := range []TrustPolicy{pinned(t, mine), TrustTLS()} {
		c := p.connect(Options{Trust: trust})
		assert.Equal(t, p.url()+"/rpc", c.Interface().URL)
		assert.Len(t, c.Card().Interfaces, 1)
		assert.NotContains(t, string(c.CardJSON()), "127.0.0.1:1/")
		_, err := c.GetTask(soon(t), "t", nil)
		require.NoError(t, err)
	}
}

// A card that an SDK signed has lost the requirement of its key; the key is sent all the same, as
// the card names its scheme.
func TestCardsThatSDKsSignGetTheKeyThatTheyWant(t *testing.T) {
	p := streaming(t, map[string]func(*answer){"GetTask": func(a *answer) { a.result(bare(Working)) }})
	mine := keyOf(4)
	text := strings.Replace(p.cardText(""), `"name":"n"`, `"name":"n","securitySchemes":{"k":{
		"apiKeySecurityScheme":{"location":"header","name":"X-Key","description":""}}},
		"securityRequirements":[{"schemes":{"k":{"list":[]}}}]`, 1)
	p.show(mine.sign(t, text, "B", ""))
	c := p.connect(Options{Trust: pinned(t, mine),
		Auth: []Credential{{Kind: "api_key", Secret: "s3cret"}}})
	assert.Equal(t, Form("B"), c.Trust().Form)
	assert.NotContains(t, string(c.CardJSON()), "securityRequirements")
	_, err := c.GetTask(soon(t), "t", nil)
	require.NoError(t, err)
	assert.Equal(t, "s3cret", p.last("GetTask").header.Get("X-Key"))
}

// A signature that is verified lets the card name another place; one that proves only itself not.
func TestOnlyVerifiedCardsNameOtherPlaces(t *testing.T) {
	p, elsewhere := streaming(t, nil), streaming(t, map[string]func(*answer){
		"GetTask": func(a *answer) { a.result(bare(Working)) }})
	secure := httptest.NewTLSServer(http.HandlerFunc(elsewhere.serve))
	defer secure.Close()
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	o := Options{AllowPrivate: true, TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	mine := keyOf(5)
	p.show(mine.sign(t, strings.Replace(p.cardText(mine.identity()), p.url(), secure.URL, 1), "A", ""))
	assert.Equal(t, problem.UntrustedOrigin, p.refusal(o, "origin")[0])
	o.Trust = pinned(t, mine)
	c := p.connect(o)
	_, err := c.GetTask(soon(t), "t", nil)
	require.NoError(t, err)
	assert.Equal(t, secure.URL+"/rpc", c.Interface().URL)
	assert.Equal(t, []string{"GetTask"}, elsewhere.calls())
	assert.Empty(t, p.calls())
}

func TestTheFirstKeyOfAnAgentIsKept(t *testing.T) {
	p := streaming(t, map[string]func(*answer){})
	first, next := keyOf(6), keyOf(7)
	trust, err := TrustTOFU(filepath.Join(t.TempDir(), "first.json"))
	require.NoError(t, err)
	o := Options{Trust: trust}
	p.show(first.sign(t, p.cardText(first.identity()), "A", ""))
	assert.Equal(t, "self_certified", p.connect(o).Trust().Level)
	assert.Equal(t, "verified", p.connect(o).Trust().Level)
	p.show(next.sign(t, p.cardText(next.identity()), "A", ""))
	assert.Equal(t, []any{problem.CardUntrusted, "self_certified"}, p.refusal(o, "level"))
	p.show(p.cardText(""))
	assert.Equal(t, []any{problem.CardUntrusted, "unsigned"}, p.refusal(o, "level"))
	both := next.sign(t, first.sign(t, p.cardText(next.identity()), "A", ""), "A", "")
	p.show(both)
	assert.Equal(t, next.id(), p.connect(o).Trust().AgentID)
	p.show(next.sign(t, p.cardText(next.identity()), "A", ""))
	assert.Equal(t, "verified", p.connect(o).Trust().Level)
}

// Hostile row H17: an older card, as well signed as the newer one.
func TestAnOlderCardDoesNotTakeTheNewersPlace(t *testing.T) {
	p := streaming(t, map[string]func(*answer){})
	_, fresh, err := ed25519.GenerateKey(nil) // of whom this process has seen no card
	require.NoError(t, err)
	mine := signing{fresh}
	version := func(v string) {
		text := strings.Replace(p.cardText(mine.identity()), `"version":"1.0.0"`,
			fmt.Sprintf(`"version":%q`, v), 1)
		p.show(mine.sign(t, text, "A", ""))
	}
	var policies []TrustPolicy
	for _, rollback := range []string{"warn", "refuse"} {
		trust, err := ParseTrust(raw.Of(map[string]any{"kind": "pin", "agent_id": mine.id(),
			"rollback": rollback}))
		require.NoError(t, err)
		policies = append(policies, trust)
	}
	version("2.1.0")
	strict := p.connect(Options{Trust: policies[1]})
	version("2.0.9")
	_, _, err = strict.RefreshCard(soon(t))
	assert.True(t, problem.Is(err, problem.CardUntrusted), "%v", err)
	assert.Equal(t, "2.1.0", strict.Card().Version)
	lenient := p.connect(Options{Trust: policies[0]})
	assert.Contains(t, lenient.Trust().Warning, "from 2.1.0 to 2.0.9")
	assert.Equal(t, []any{problem.CardUntrusted, "verified"},
		p.refusal(Options{Trust: policies[1]}, "level"))
	version("2.2.0")
	_, changed, err := strict.RefreshCard(soon(t))
	require.NoError(t, err)
	assert.True(t, changed)
	assert.Equal(t, "2.2.0", strict.Card().Version)
}

// The extended card is judged as the public one was, before it takes its place.
func TestTheExtendedCardIsJudgedToo(t *testing.T) {
	p := streaming(t, map[string]func(*answer){})
	mine := keyOf(9)
	text := p.cardText(`"extendedAgentCard":true,` + mine.identity())
	p.show(mine.sign(t, text, "A", ""))
	c := p.connect(Options{Trust: pinned(t, mine)})
	longer := strings.Replace(text, `"name":"n"`, `"name":"more"`, 1)
	p.now(wire.GetExtendedCard, func(a *answer) { a.result(longer) })
	_, err := c.ExtendedCard(soon(t))
	assert.True(t, problem.Is(err, problem.CardUntrusted), "%v", err)
	assert.Equal(t, "n", c.Card().Name)
	p.now(wire.GetExtendedCard, func(a *answer) { a.result(mine.sign(t, longer, "C", "")) })
	found, err := c.ExtendedCard(soon(t))
	require.NoError(t, err)
	assert.Equal(t, "more", found.Name)
	assert.Equal(t, mine.id(), c.Trust().AgentID)
}

// Agents of rvagent prove their key in their own way, and are pinned by the same name.
func TestLegacyAgentsArePinnedToo(t *testing.T) {
	p := streaming(t, map[string]func(*answer){})
	mine := keyOf(10)
	bare := fmt.Sprintf(`{"authentication":{"schemes":[]},"capabilities":{"streaming":true},`+
		`"description":"d","metadata":{"ruvector":{"agent_id":%q}},"name":"legacy",`+
		`"skills":[{"description":"x","id":"echo","name":"echo"}],"url":"%s/","version":"0.1.0"}`,
		mine.id(), p.url())
	object := fmt.Sprintf(`,"signature":{"alg":"ed25519-hex","public_key":"%s","signature":"%s"}}}`,
		hex.EncodeToString(mine.public()), hex.EncodeToString(ed25519.Sign(mine.key, []byte(bare))))
	signed := strings.Replace(bare, "}}", object, 1)
	trust, err := TrustPin(mine.id(), "", nil)
	require.NoError(t, err)
	o := Options{Trust: trust, Dialect: "rvagent-0.1"}
	p.show(signed)
	c := p.connect(o)
	assert.Equal(t, TrustResult{Level: "verified", KeyID: mine.id(), Alg: "ed25519-hex",
		Form: "rvagent", AgentID: mine.id()}, c.Trust())
	assert.Equal(t, "legacy", c.Card().Name)
	p.show(strings.Replace(signed, `"name":"legacy"`, `"name":"forged"`, 1))
	assert.Equal(t, []any{problem.CardSignatureInvalid, "bad_signature"}, p.refusal(o, "reason"))
	p.show(bare)
	assert.Equal(t, []any{problem.CardUntrusted, "unsigned"}, p.refusal(o, "level"))
}
