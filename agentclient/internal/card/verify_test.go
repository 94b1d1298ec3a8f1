package card

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/ext"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

const place = "https://a.example"

// refusedFor wants an error of a code, and returns what it says of why.
func refusedFor(t *testing.T, code problem.Code, detail string, err error) string {
	t.Helper()
	var e *problem.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, code, e.Code, e.Error())
	require.NotEmpty(t, e.Fix)
	found, _ := e.Detail[detail].(string)
	return found
}

func untrusted(t *testing.T, err error) string {
	t.Helper()
	return refusedFor(t, problem.CardUntrusted, "level", err)
}

func invalidSignature(t *testing.T, err error) string {
	t.Helper()
	return refusedFor(t, problem.CardSignatureInvalid, "reason", err)
}

func pinKey(t *testing.T, s signer, kid string) Policy {
	t.Helper()
	p, err := Pin("", "", s.jwk(t, kid))
	require.NoError(t, err)
	return p
}

// The vectors of the design notes: Ed25519 is deterministic, so the signature can be written down.
func TestTheVectorOfTheWorkedExample(t *testing.T) {
	s := edSigner(7)
	id := "bb42f5a06cec4f36e3e9173236e88cdba7aa1a7bf737f6c6c372aa4c9268573e"
	assert.Equal(t, id, s.agent())
	k, err := ParseKey(s.jwk(t, ""))
	require.NoError(t, err)
	assert.Equal(t, "--6IM5l0OosLj9yWskISYhUA3n_3CURQkmrYMSha_ck", k.thumbprint)
	header := `{"alg":"EdDSA","kid":"shake256:` + id + `","typ":"JOSE"}`
	payload := []byte(canon(t, specExample, Spec))
	entry := s.signText(t, payload, header)
	assert.Equal(t, "1iQUhIMxGkL5UmHwkTanwEWJvtv3Tui9ZufL9ic9oC5OMVlWc-"+
		"m6kJm1yfrJTbs-W0SoNC9JDrjLX60vq9EbCQ", entry["signature"])
	sigs, err := readSignatures(raw.Object{"signatures": raw.Of([]any{entry})}, time.Now())
	require.NoError(t, err)
	assert.True(t, sigs[0].verifies(&k, payload))
	assert.True(t, k.named(sigs[0].kid))
	assert.False(t, sigs[0].verifies(&k, payload[:len(payload)-1]))
}

func TestEveryAlgorithmThatIsAllowedVerifies(t *testing.T) {
	ed := edSigner(1)
	for _, s := range []signer{{"ES256", "k", ecKey()}, {"ES384", "k", ec384Key()},
		{"RS256", "k", rsaKey()}, {"PS256", "k", rsaKey()}, {"EdDSA", "k", ed.private},
		{"Ed25519", "k", ed.private}} {
		data := signedBy(t, plainCard("1", nil, t), Spec, s)
		c, result, err := Verify(data, pinKey(t, s, "k"), "https://"+s.alg+".example")
		require.NoError(t, err, s.alg)
		assert.Equal(t, Result{Level: Verified, KeyID: "k", Alg: s.alg, Form: Spec,
			AgentID: s.agent()}, result)
		assert.NotContains(t, string(c.Source), "signatures")
		tampered := strings.Replace(string(data), `"name":"Agent"`, `"name":"agent"`, 1)
		_, _, err = Verify([]byte(tampered), pinKey(t, s, "k"), place)
		assert.Equal(t, ReasonSignature, invalidSignature(t, err), s.alg)
		other := signedBy(t, plainCard("1", nil, t), Spec, signer{s.alg, "other", s.private})
		_, _, err = Verify(other, pinKey(t, s, "k"), place)
		assert.Equal(t, UnknownKey, untrusted(t, err))
	}
}

// Cards with empty values have three forms. Whichever was signed, what is used is what was signed.
func TestWhatIsUsedIsWhatWasSigned(t *testing.T) {
	s := signer{"ES256", "k", ecKey()}
	o, err := raw.Parse([]byte(emptyCard))
	require.NoError(t, err)
	delete(o, "signatures")
	for _, form := range Forms {
		c, result, err := Verify(signedBy(t, o, form, s), pinKey(t, s, "k"), "https://"+string(form)+".x")
		require.NoError(t, err)
		assert.Equal(t, form, result.Form)
		assert.Equal(t, canon(t, emptyCard, form), string(c.Source))
		assert.Equal(t, string(c.Source), string(c.Raw))
	}
	old, err := raw.Parse([]byte(card03))
	require.NoError(t, err)
	c, result, err := Verify(signedBy(t, old, Pruned, s), pinKey(t, s, "k"), place)
	require.NoError(t, err)
	assert.Equal(t, []string{Version03, Verified, "Old"}, []string{c.Dialect, result.Level, c.Name})
}

// Hostile row H3: what is added to a signed card has no effect.
func TestWhatIsAddedToASignedCardDoesNotCount(t *testing.T) {
	s := edSigner(2)
	honest := plainCard("1", &s, t)
	want, _, err := Verify(signedBy(t, honest, Spec, s), pinKey(t, s, ""), place)
	require.NoError(t, err)
	for _, added := range []string{`"URL":"https://evil"`, `"url":"https://evil"`, `"x":{"y":""}`,
		`"SupportedInterfaces":[{"url":"https://evil"}]`, `"securitySchemes":{}`, `"iconUrl":""`,
		`"documentationUrl":null`, `"supportsAuthenticatedExtendedCard":true`,
		`"security":[{"x":[]}]`} {
		data := string(signedBy(t, honest, Spec, s))
		data = "{" + added + "," + data[1:]
		for _, p := range []Policy{pinKey(t, s, ""), TLS()} {
			got, result, err := Verify([]byte(data), p, place)
			require.NoError(t, err, added)
			assert.Equal(t, want, got, added)
			assert.Equal(t, s.agent(), result.AgentID)
		}
	}
	data := string(signedBy(t, honest, Spec, s))
	data = strings.Replace(data, `{"protocolBinding"`, `{"URL":"https://evil","protocolBinding"`, 1)
	got, _, err := Verify([]byte(data), TLS(), place)
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

// Hostile row H4: signatures that must not count. None is a reason to ask anybody for a key.
func TestSignaturesThatMustNotCount(t *testing.T) {
	s := edSigner(3)
	o := plainCard("1", nil, t)
	payload, err := canonical(o, Spec)
	require.NoError(t, err)
	pin := pinKey(t, s, "k")
	for name, row := range map[string]struct {
		change map[string]any
		reason string
	}{
		"none": {map[string]any{"alg": "none"}, ReasonAlg}, "no alg": {map[string]any{"alg": ""},
			ReasonAlg},
		"HS256": {map[string]any{"alg": "HS256"}, ReasonAlg}, "ES512": {map[string]any{"alg": "ES512"},
			ReasonAlg},
		"case": {map[string]any{"alg": "eddsa"}, ReasonAlg}, "number": {map[string]any{"alg": 1},
			ReasonAlg},
		"crit":     {map[string]any{"crit": []string{"b64"}, "b64": true}, ReasonCritical},
		"crit[]":   {map[string]any{"crit": []string{}}, ReasonCritical},
		"b64":      {map[string]any{"b64": false}, ReasonPayload},
		"b64 text": {map[string]any{"b64": "true"}, ReasonPayload},
		"no kid":   {map[string]any{"kid": ""}, ReasonKeyID}, "kid": {map[string]any{"kid": 5},
			ReasonKeyID},
		"expired": {map[string]any{"exp": 1000}, ReasonExpired}, "exp": {map[string]any{"exp": "never"},
			ReasonTime},
		"exp null": {map[string]any{"exp": nil}, ReasonTime},
		"early":    {map[string]any{"nbf": 1e11}, ReasonEarly}, "iat": {map[string]any{"iat": 1e11},
			ReasonEarly},
		"fit":     {map[string]any{"alg": "ES256"}, ReasonAlg + "!"},
		"fit RSA": {map[string]any{"alg": "RS256"}, ReasonAlg + "!"},
	} {
		header := maps.Clone(s.header())
		header["kid"] = "k"
		maps.Copy(header, row.change)
		entry := s.sign(t, payload, header)
		_, _, err := Verify(withSignatures(o, entry), pin, place)
		assert.Equal(t, strings.TrimSuffix(row.reason, "!"), invalidSignature(t, err), name)
		// A good one beside it is enough, unless what is bad is under the key itself.
		header = s.header()
		header["kid"] = "k"
		_, _, err = Verify(withSignatures(o, entry, s.sign(t, payload, header)), pin, place)
		assert.Equal(t, strings.HasSuffix(row.reason, "!"), err != nil, name)
		// Under tls() it is worth nothing, and is no harm.
		_, result, err := Verify(withSignatures(o, entry), TLS(), place)
		require.NoError(t, err)
		assert.Equal(t, Result{Level: UnknownKey}, result)
	}
}

func TestKeysOfAnotherKindOrTooWeakVerifyNothing(t *testing.T) {
	o := plainCard("1", nil, t)
	payload, err := canonical(o, Spec)
	require.NoError(t, err)
	p384 := signer{"ES256", "k", ec384Key()}
	_, _, err = Verify(signedBy(t, o, Spec, p384), pinKey(t, p384, "k"), place)
	assert.Equal(t, ReasonAlg, invalidSignature(t, err))
	// A secret that is the public key: the confusion of HS256 with RS256.
	public := signer{"RS256", "k", rsaKey()}.jwk(t, "k")
	protected := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"k"}`))
	mac := hmac.New(sha256.New, public)
	mac.Write([]byte(protected + "." + base64.RawURLEncoding.EncodeToString(payload)))
	entry := map[string]any{"protected": protected,
		"signature": base64.RawURLEncoding.EncodeToString(mac.Sum(nil))}
	pin, err := Pin("", "", public)
	require.NoError(t, err)
	_, _, err = Verify(withSignatures(o, entry), pin, place)
	assert.Equal(t, ReasonAlg, invalidSignature(t, err))
	t.Setenv("GODEBUG", "rsa1024min=0")
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	short := signer{"RS256", "k", weak}
	_, err = Pin("", "", short.jwk(t, "k"))
	assert.Equal(t, problem.InvalidArgument, problem.CodeOf(err))
	keys, err := Keys(raw.Of(map[string]any{"keys": []any{short.jwk(t, "k")}}))
	require.NoError(t, err)
	_, _, err = Verify(signedBy(t, o, Spec, short), keys, place)
	assert.Equal(t, ReasonWeakKey, invalidSignature(t, err))
}

// A key of low order has signatures that verify whatever was signed.
func TestKeysOfLowOrderAreNone(t *testing.T) {
	low := make([]byte, 32)
	low[0] = 1
	zero := make([]byte, 64)
	zero[0] = 1
	require.True(t, ed25519.Verify(low, []byte("anything"), zero))
	jwk := raw.Of(map[string]string{"kty": "OKP", "crv": "Ed25519",
		"x": base64.RawURLEncoding.EncodeToString(low)})
	_, err := ParseKey(jwk)
	assert.Equal(t, problem.InvalidArgument, problem.CodeOf(err))
	o := plainCard("1", nil, t)
	o["capabilities"] = raw.Of(map[string]any{"extensions": []any{map[string]any{"uri": ext.Identity,
		"params": map[string]any{"agentId": AgentID(low), "jwk": jwk}}}})
	protected := raw.Of(map[string]any{"alg": "EdDSA", "kid": AgentID(low)})
	data := withSignatures(o, map[string]any{
		"protected": base64.RawURLEncoding.EncodeToString(protected),
		"signature": base64.RawURLEncoding.EncodeToString(zero)})
	_, result, err := Verify(data, TLS(), place)
	require.NoError(t, err)
	assert.Equal(t, Result{Level: UnknownKey}, result)
	pin, err := Pin(AgentID(low), "", nil)
	require.NoError(t, err)
	_, _, err = Verify(data, pin, place)
	assert.Equal(t, UnknownKey, untrusted(t, err))
}

// What a header says of keys is not asked: jwk, jku, x5c and x5u are the signer's, not ours.
func TestKeysInHeadersAreNotUsed(t *testing.T) {
	good, evil := edSigner(4), edSigner(5)
	o := plainCard("1", nil, t)
	payload, err := canonical(o, Spec)
	require.NoError(t, err)
	header := map[string]any{"alg": "EdDSA", "kid": "k", "jwk": evil.jwk(t, ""),
		"jku": "https://evil.example/keys", "x5u": "https://evil.example/c"}
	_, _, err = Verify(withSignatures(o, evil.sign(t, payload, header)), pinKey(t, good, "k"), place)
	assert.Equal(t, ReasonSignature, invalidSignature(t, err))
	entry := evil.sign(t, payload, evil.header())
	entry["header"] = map[string]any{"alg": "none", "kid": "k", "jwk": evil.jwk(t, "")}
	_, _, err = Verify(withSignatures(o, entry), pinKey(t, good, "k"), place)
	assert.Equal(t, UnknownKey, untrusted(t, err))
	// They are no harm beside a key of ours.
	_, _, err = Verify(withSignatures(o, good.sign(t, payload, header)), pinKey(t, good, "k"), place)
	assert.NoError(t, err)
}

// Hostile row H5: signatures that are none, refused before anything is computed.
func TestSignaturesThatAreNone(t *testing.T) {
	o := plainCard("1", nil, t)
	b64 := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	good := map[string]any{"protected": b64(`{"alg":"EdDSA","kid":"k"}`), "signature": b64("s")}
	entry := func(protected, signature any) []any {
		return []any{map[string]any{"protected": protected, "signature": signature}}
	}
	many := make([]any, 10_000)
	for i := range many {
		many[i] = map[string]any{}
	}
	nine := make([]any, 9)
	for i := range nine {
		nine[i] = good
	}
	for _, row := range []struct {
		entries any
		path    string
	}{
		{many, "signatures"}, {nine, "signatures"}, {"text", "signatures"},
		{[]any{nil}, "signatures[0]"}, {entry(nil, "s"), "signatures[0].protected"},
		{entry(b64("{}"), ""), "signatures[0].signature"},
		{entry(strings.Repeat("A", 400_000), "AA"), "signatures[0].protected"},
		{entry(b64("{}"), strings.Repeat("A", 4097)), "signatures[0].signature"},
		{entry("e30=", "AA"), "signatures[0].protected"}, {entry("e3\n0", "AA"),
			"signatures[0].protected"},
		{entry("e31", "AA"), "signatures[0].protected"}, {entry("+/", "AA"), "signatures[0].protected"},
		{entry(b64("{}"), "A"), "signatures[0].signature"}, {entry(7, "AA"), "signatures[0].protected"},
		{entry(b64("[]"), "AA"), "signatures[0].protected"}, {entry(b64("no"), "AA"),
			"signatures[0].protected"},
		{entry(b64(`{"kid":"a","kid":"b"}`), "AA"), "signatures[0].protected"},
		{[]any{map[string]any{"protected": b64("{}"), "signature": "AA", "header": "x"}},
			"signatures[0].header"},
	} {
		data := maps.Clone(o)
		data["signatures"] = raw.Of(row.entries)
		began := time.Now()
		_, err := Parse(raw.Of(data))
		assert.Equal(t, row.path, pathOf(t, err))
		_, _, err = Verify(raw.Of(data), TLS(), place)
		assert.Equal(t, row.path, pathOf(t, err))
		assert.Less(t, time.Since(began), 20*time.Second)
	}
	o["x"] = raw.Of(strings.Repeat("x", 1<<20))
	_, _, err := Verify(raw.Of(o), TLS(), place)
	assert.Equal(t, "", pathOf(t, err))
}

func TestTimesInHeadersAreHonoured(t *testing.T) {
	s := edSigner(6)
	o := plainCard("1", nil, t)
	payload, err := canonical(o, Spec)
	require.NoError(t, err)
	now := time.Unix(2_000_000_000, 0)
	for seconds, want := range map[int64][2]string{ // by exp, by nbf
		0: {"", ""}, -299: {"", ""}, -301: {ReasonExpired, ""}, 299: {"", ""}, 301: {"", ReasonEarly},
	} {
		for i, name := range []string{"exp", "nbf"} {
			header := s.header()
			header[name] = now.Unix() + seconds
			data := withSignatures(o, s.sign(t, payload, header))
			_, _, err := verifyAt(data, pinKey(t, s, ""), place, now)
			if want[i] == "" {
				assert.NoError(t, err)
			} else {
				assert.Equal(t, want[i], invalidSignature(t, err))
			}
		}
	}
}

func TestLevelsOfATransportThatIsTrusted(t *testing.T) {
	own, other := edSigner(8), signer{"ES256", "vendor", ecKey()}
	none := plainCard("1", nil, t)
	c, result, err := Verify(raw.Of(none), TLS(), place)
	require.NoError(t, err)
	assert.Equal(t, Result{Level: Unsigned}, result)
	assert.Equal(t, "Agent", c.Name)
	_, result, err = Verify(signedBy(t, none, Spec, other), TLS(), place)
	require.NoError(t, err)
	assert.Equal(t, Result{Level: UnknownKey}, result)
	mine := plainCard("1", &own, t)
	_, result, err = Verify(signedBy(t, mine, Served, other, own), TLS(), place)
	require.NoError(t, err)
	assert.Equal(t, Result{Level: SelfCertified, KeyID: own.agent(), Alg: "EdDSA", Form: Spec,
		AgentID: own.agent()}, result)
	// A card that names a key which did not sign it claims nothing; one whose signature under that
	// key is bad is refused under every policy.
	_, result, err = Verify(raw.Of(mine), TLS(), place)
	require.NoError(t, err)
	assert.Equal(t, Result{Level: Unsigned}, result)
	_, result, err = Verify(signedBy(t, mine, Spec, other), TLS(), place)
	require.NoError(t, err)
	assert.Equal(t, Result{Level: UnknownKey}, result)
	tampered := strings.Replace(string(signedBy(t, mine, Spec, own)), "https://a.example/rpc",
		"https://evil.example/rpc", 1)
	_, _, err = Verify([]byte(tampered), TLS(), place)
	assert.Equal(t, ReasonSignature, invalidSignature(t, err))
	c, result, err = Verify([]byte(tampered), Insecure(), "")
	require.NoError(t, err)
	assert.Equal(t, Result{Level: UnknownKey}, result)
	assert.Equal(t, "https://evil.example/rpc", c.Interfaces[0].URL)
	_, result, err = Verify(raw.Of(none), Insecure(), "")
	require.NoError(t, err)
	assert.Equal(t, Unsigned, result.Level)
	_, _, err = Verify([]byte("{}"), Insecure(), "")
	assert.Equal(t, "supportedInterfaces", pathOf(t, err))
}

func TestIdentitiesThatProveNothing(t *testing.T) {
	own, other := edSigner(9), edSigner(10)
	entry := func(params any) any { return map[string]any{"uri": ext.Identity, "params": params} }
	right := entry(map[string]any{"agentId": own.agent(), "jwk": own.jwk(t, "")})
	for name, extensions := range map[string][]any{
		"twice": {right, right}, "id of another": {entry(map[string]any{"agentId": other.agent(),
			"jwk": own.jwk(t, "")})}, "no params": {map[string]any{"uri": ext.Identity}},
		"no key": {entry(map[string]any{"agentId": own.agent()})},
		"EC": {entry(map[string]any{"agentId": own.agent(), "jwk": signer{"", "", ecKey()}.jwk(t,
			"")})},
		"number": {entry(map[string]any{"agentId": 5, "jwk": own.jwk(t, "")})},
	} {
		o := plainCard("1", nil, t)
		o["capabilities"] = raw.Of(map[string]any{"extensions": extensions})
		_, result, err := Verify(signedBy(t, o, Spec, own), TLS(), place)
		require.NoError(t, err, name)
		assert.Equal(t, Result{Level: UnknownKey}, result, name)
		pin, err := Pin(own.agent(), "", nil)
		require.NoError(t, err)
		_, _, err = Verify(signedBy(t, o, Spec, own), pin, place)
		assert.Equal(t, UnknownKey, untrusted(t, err), name)
	}
	// Both ways to write the key's name are its own; a name of the owner's is not.
	for kid, want := range map[string]string{own.agent(): SelfCertified,
		agentPrefix + own.agent(): SelfCertified, "mine": UnknownKey} {
		data := signedBy(t, plainCard("1", &own, t), Spec, signer{"EdDSA", kid, own.private})
		_, result, err := Verify(data, TLS(), place)
		require.NoError(t, err)
		assert.Equal(t, want, result.Level)
	}
}

func TestPinsOfAgentsAreSelfCertifying(t *testing.T) {
	own, other := edSigner(11), edSigner(12)
	data := signedBy(t, plainCard("1", &own, t), Pruned, own)
	for _, kid := range []string{"", own.agent(), agentPrefix + own.agent()} {
		pin, err := Pin(own.agent(), kid, nil)
		require.NoError(t, err)
		c, result, err := Verify(data, pin, place)
		require.NoError(t, err)
		assert.Equal(t, Verified, result.Level)
		assert.Equal(t, own.agent(), result.AgentID)
		assert.NotContains(t, string(c.Source), "signatures")
	}
	k, err := ParseKey(own.jwk(t, ""))
	require.NoError(t, err)
	for _, kid := range []string{k.thumbprint, thumbprintPrefix + k.thumbprint, own.agent()} {
		pin, err := Pin("", kid, nil)
		require.NoError(t, err)
		_, result, err := Verify(data, pin, place)
		require.NoError(t, err)
		assert.Equal(t, Verified, result.Level)
	}
	pin, err := Pin(other.agent(), "", nil)
	require.NoError(t, err)
	_, _, err = Verify(data, pin, place)
	assert.Equal(t, SelfCertified, untrusted(t, err))
	// Stripped of its signature, or signed by somebody else, it is not the pinned agent's.
	pin, err = Pin(own.agent(), "", nil)
	require.NoError(t, err)
	_, _, err = Verify(raw.Of(plainCard("1", &own, t)), pin, place)
	assert.Equal(t, Unsigned, untrusted(t, err))
	_, _, err = Verify(signedBy(t, plainCard("1", &own, t), Spec, other), pin, place)
	assert.Equal(t, UnknownKey, untrusted(t, err))
	_, _, err = Verify(signedBy(t, plainCard("1", &own, t), Spec, signer{"EdDSA", own.agent(),
		other.private}), pin, place)
	assert.Equal(t, ReasonSignature, invalidSignature(t, err))
}

func TestSignaturesOfTwoKeysAllowRotation(t *testing.T) {
	old, fresh := signer{"ES256", "2025", ecKey()}, signer{"ES384", "2026", ec384Key()}
	o := plainCard("1", nil, t)
	data := signedBy(t, o, Spec, old, fresh)
	for _, s := range []signer{old, fresh} {
		_, result, err := Verify(data, pinKey(t, s, s.kid), place)
		require.NoError(t, err)
		assert.Equal(t, s.kid, result.KeyID)
	}
	// A bad signature under a key that is known is fatal beside a good one.
	var entries []json.RawMessage
	signed, err := raw.Parse(data)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(signed["signatures"], &entries))
	bad := signer{"ES256", "2025", func() signer { return old }().private}
	forged := bad.sign(t, []byte("{}"), bad.header())
	keys, err := Keys(raw.Of([]any{old.jwk(t, "2025"), fresh.jwk(t, "2026")}))
	require.NoError(t, err)
	_, _, err = Verify(withSignatures(o, forged, entries[1]), keys, place)
	assert.Equal(t, ReasonSignature, invalidSignature(t, err))
	_, _, err = Verify(withSignatures(o, forged, entries[1]), pinKey(t, fresh, "2026"), place)
	assert.NoError(t, err)
}

func TestASignedCardThatCannotBeReadIsRefused(t *testing.T) {
	s := edSigner(13)
	o := plainCard("1", nil, t)
	o["supportedInterfaces"] = json.RawMessage(`[{"url":"https://a/","URL":"https://evil"}]`)
	data := signedBy(t, o, Served, s)
	_, _, err := Verify(data, pinKey(t, s, ""), place)
	assert.Equal(t, "supportedInterfaces[0].URL", pathOf(t, err))
	o["supportedInterfaces"] = json.RawMessage(`[]`)
	for _, form := range Forms {
		_, _, err := Verify(signedBy(t, o, form, s), pinKey(t, s, ""), place)
		assert.Equal(t, "supportedInterfaces", pathOf(t, err))
	}
}
