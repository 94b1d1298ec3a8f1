package agentclient

import (
	"bytes"
	"container/list"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

func TestHowLongACardIsFresh(t *testing.T) {
	now := time.Unix(1_000_000_000, 0)
	for control, want := range map[string]time.Duration{
		"": cardFresh, "max-age=60": time.Minute, "public, max-age=\"60\"": time.Minute,
		"no-cache": 0, "no-cache, max-age=60": 0, "max-age=60, no-cache": 0, "max-age=x": 0,
		"max-age=-5": 0, "max-age=99999999999999999999": 0, "max-age=9999999999": cardOldest,
		"MAX-AGE=10": 10 * time.Second, "private": cardFresh,
	} {
		k := newCached(nil, http.Header{"Cache-Control": {control}}, now)
		assert.Equal(t, want, k.until.Sub(now), control)
		assert.True(t, k.keep)
		assert.Equal(t, want > 0, k.fresh(now), control)
		assert.False(t, k.fresh(now.Add(want)), control)
	}
	assert.False(t, newCached(nil, http.Header{"Cache-Control": {"no-store"}}, now).keep)
	aged := newCached(nil, http.Header{"Cache-Control": {"max-age=60"}, "Age": {"45"}}, now)
	assert.Equal(t, 15*time.Second, aged.until.Sub(now))
	assert.Empty(t, newCached(nil, http.Header{"Etag": {strings.Repeat("x", 2000)}}, now).tag)
	assert.Equal(t, `W/"1"`, newCached(nil, http.Header{"Etag": {`W/"1"`}}, now).
		renewed(http.Header{}, now).tag)
}

func TestTheCacheIsBounded(t *testing.T) {
	m := &cardCache{byKey: map[string]*list.Element{}}
	for i := range 2 * mostCards {
		m.put(fmt.Sprint(i), &cached{keep: true})
		assert.NotNil(t, m.get("0"), "what is used stays")
	}
	assert.Equal(t, mostCards, m.used.Len())
	assert.Len(t, m.byKey, mostCards)
	m.put("0", &cached{})
	assert.Nil(t, m.get("0"), "what must not be kept takes the place of what was")
	m.drop("none")
}

func TestWhoAsksAndHowHaveCardsOfTheirOwn(t *testing.T) {
	base := func() *Client { return &Client{cardURL: "https://a.example/c", number: clients.Add(1)} }
	same := base().cardKey()
	assert.Equal(t, same, base().cardKey())
	seen := map[string]string{same: "nothing"}
	for name, change := range map[string]func(*Client){
		"address": func(c *Client) { c.cardURL = "https://b.example/c" },
		"proxy":   func(c *Client) { c.options.Proxy = "env" },
		"pins":    func(c *Client) { c.options.Pins = []string{"x"} },
		"dialect": func(c *Client) { c.options.Dialect = "rvagent-0.1" },
		"token":   func(c *Client) { c.options.Auth = []Credential{{Kind: "bearer", Secret: "one"}} },
		"another": func(c *Client) { c.options.Auth = []Credential{{Kind: "bearer", Secret: "two"}} },
		"kind":    func(c *Client) { c.options.Auth = []Credential{{Kind: "api_key", Secret: "one"}} },
		"user": func(c *Client) {
			c.options.Auth = []Credential{{Kind: "basic", User: "u", Secret: "one"}}
		},
	} {
		c := base()
		change(c)
		key := c.cardKey()
		assert.Empty(t, seen[key], "%s and %s", name, seen[key])
		assert.NotContains(t, key, "one")
		seen[key] = name
	}
	local, other := base(), base()
	for _, address := range []string{"http://127.0.0.1:1/", "http://[::1]/", "https://localhost/",
		"http://a.localhost/", "http://[::ffff:127.0.0.1]/"} {
		local.cardURL, other.cardURL = address, address
		assert.NotEqual(t, local.cardKey(), other.cardKey(), address)
	}
	assert.False(t, isLoopback("%zz"))
}

// cardServer is an agent whose card is in a state of its own.
type cardServer struct {
	*peer
	name, tag, control string
	unchanged, bare304 bool
	tags               []string // what came as If-None-Match
}

func serveCard(t *testing.T) *cardServer {
	s := &cardServer{peer: streaming(t, map[string]func(*answer){}), name: "n", tag: `W/"1"`}
	s.card = func(w http.ResponseWriter, r *http.Request) {
		s.tags = append(s.tags, r.Header.Get("If-None-Match"))
		w.Header().Set("ETag", s.tag)
		w.Header().Set("Cache-Control", s.control)
		if s.bare304 || s.unchanged && r.Header.Get("If-None-Match") == s.tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write([]byte(strings.Replace(s.cardText(""), `"name":"n"`, `"name":"`+s.name+`"`, 1)))
	}
	return s
}

func TestCardsAreAskedForWithTheirTag(t *testing.T) {
	s := serveCard(t)
	s.unchanged = true
	c := s.connect(Options{})
	_, changed, err := c.RefreshCard(soon(t))
	require.NoError(t, err)
	assert.False(t, changed)
	// An agent that uses one tag for two cards (H17).
	s.name, s.unchanged = "other", false
	found, changed, err := c.RefreshCard(soon(t))
	require.NoError(t, err)
	assert.True(t, changed)
	assert.Equal(t, "other", found.Name)
	// A card that is not believed does not take the place of one that was, and is not kept.
	s.name = `n","version":5,"x":"`
	_, _, err = c.RefreshCard(soon(t))
	assert.True(t, problem.Is(err, problem.CardInvalid), "%v", err)
	assert.Equal(t, "other", c.Card().Name)
	s.name = "third"
	_, changed, err = c.RefreshCard(soon(t))
	require.NoError(t, err)
	assert.True(t, changed)
	assert.Equal(t, []string{"", `W/"1"`, `W/"1"`, `W/"1"`, ""}, s.tags)
}

// An answer that nothing changed, to who has nothing, is asked for again and then an error (H17).
func TestNothingIsNotUnchanged(t *testing.T) {
	s := serveCard(t)
	s.bare304 = true
	_, err := Connect(soon(t), s.url(), quick(Options{}))
	assert.True(t, problem.Is(err, problem.CardNotFound), "%v", err)
	assert.Equal(t, int64(304), detail(err, "status"))
	assert.Len(t, s.tags, 2)
}

// A card that the agent said is fresh is not asked for, one that must not be kept is.
func TestFreshCardsAreNotAskedFor(t *testing.T) {
	s := serveCard(t)
	s.control = "max-age=600"
	c := s.connect(Options{})
	changed, err := c.refresh(soon(t), false)
	require.NoError(t, err)
	assert.False(t, changed)
	assert.Len(t, s.tags, 1)
	s.control = "no-store"
	_, _, err = c.RefreshCard(soon(t))
	require.NoError(t, err)
	_, err = c.refresh(soon(t), false)
	require.NoError(t, err)
	assert.Len(t, s.tags, 3)
}

// A signed card verifies for ever; one that is older than what was seen is refused where the caller
// says so, and the newer one stays (H17).
func TestACardThatWentBackIsRefused(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))
	text := base64.RawURLEncoding.EncodeToString
	p := streaming(t, map[string]func(*answer){})
	version := "2.0.0"
	p.card = func(w http.ResponseWriter, _ *http.Request) {
		data := strings.Replace(p.cardText(""), `"version":"1.0.0"`, `"version":"`+version+`"`, 1)
		payload, err := Canonicalize([]byte(data), "A")
		assert.NoError(t, err)
		header := text([]byte(`{"alg":"EdDSA","kid":"k"}`))
		signed := text(ed25519.Sign(key, []byte(header+"."+text(payload))))
		_, _ = fmt.Fprintf(w, `%s,"signatures":[{"protected":"%s","signature":"%s"}]}`,
			strings.TrimSuffix(data, "}"), header, signed)
	}
	trust, err := ParseTrust([]byte(`{"kind":"pin","rollback":"refuse","jwk":{"kty":"OKP",
		"crv":"Ed25519","kid":"k","x":"` + text(key.Public().(ed25519.PublicKey)) + `"}}`))
	require.NoError(t, err)
	c := p.connect(Options{Trust: trust})
	assert.Equal(t, "verified", c.Trust().Level)
	version = "1.5.0"
	_, _, err = c.RefreshCard(soon(t))
	assert.True(t, problem.Is(err, problem.CardUntrusted), "%v", err)
	assert.Equal(t, "2.0.0", c.Card().Version)
	version = "2.1.0"
	found, changed, err := c.RefreshCard(soon(t))
	require.NoError(t, err)
	assert.Equal(t, []any{"2.1.0", true}, []any{found.Version, changed})
}
