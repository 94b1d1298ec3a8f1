package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// secret is what must never be seen outside a request.
const secret = "s3same-Open+/="

// schemes are one of each kind.
var schemes = map[string]Scheme{
	"bearer": {Kind: "http", HTTPScheme: "Bearer"}, "basic": {Kind: "http", HTTPScheme: "basic"},
	"header": {Kind: "apiKey", Location: "header", Name: "X-Key"},
	"query":  {Kind: "apiKey", Location: "query", Name: "key"},
	"cookie": {Kind: "apiKey", Location: "cookie", Name: "sid"},
	"oauth":  {Kind: "oauth2"}, "oidc": {Kind: "openIdConnect"}, "mtls": {Kind: "mutualTLS"},
	"bad": {Kind: "apiKey", Location: "header", Name: "Host"},
	"odd": {Kind: "apiKey", Location: "body", Name: "x"}, "later": {},
}

// demand wants one of several sets of schemes.
func demand(sets ...string) Demands {
	d := Demands{Schemes: schemes}
	for _, set := range sets {
		requirement := map[string][]string{}
		for _, name := range strings.Fields(set) {
			requirement[name] = nil
		}
		d.Any = append(d.Any, requirement)
	}
	return d
}

// seen is what of a request may be a credential.
func seen(r *http.Request) string {
	var found []string
	for _, name := range []string{"Authorization", "X-Key", "X-Own", "Cookie"} {
		if value := r.Header.Get(name); value != "" {
			found = append(found, name+"="+value)
		}
	}
	if r.URL.RawQuery != "" {
		found = append(found, r.URL.RawQuery)
	}
	return strings.Join(found, " ")
}

// Section 1.5 and rule 5: what is sent for which demand.
func TestCredentialsMeetWhatTheCardDemands(t *testing.T) {
	bearer := Credential{Kind: Bearer, Secret: "tok"}
	basic := Credential{Kind: Basic, User: "u", Secret: "p"}
	key := Credential{Kind: APIKey, Secret: "k"}
	forced := Credential{Kind: APIKey, Secret: "k", Name: "X-Own", Force: true}
	for _, c := range []struct {
		held    []Credential
		demands Demands
		want    string
	}{
		{[]Credential{bearer}, demand("bearer"), "Authorization=Bearer tok"},
		{[]Credential{bearer}, demand("oauth"), "Authorization=Bearer tok"},
		{[]Credential{bearer}, demand("oidc"), "Authorization=Bearer tok"},
		{[]Credential{bearer}, demand("basic"), ""},
		{[]Credential{bearer}, demand("later"), ""},
		{[]Credential{bearer}, demand("missing"), ""},
		{[]Credential{bearer}, demand(), ""},
		{[]Credential{bearer}, demand(""), ""},
		{[]Credential{bearer}, demand("", "bearer"), "Authorization=Bearer tok"},
		{[]Credential{bearer}, demand("basic", "bearer"), "Authorization=Bearer tok"},
		{[]Credential{basic}, demand("basic"), "Authorization=Basic dTpw"},
		{[]Credential{basic}, demand("bearer"), ""},
		{[]Credential{key}, demand("header"), "X-Key=k"},
		{[]Credential{key}, demand("query"), "key=k"},
		{[]Credential{key}, demand("cookie"), `Cookie=sid=k`},
		{[]Credential{{Kind: APIKey, Secret: "k", Name: "X-Own", Location: "header"}}, demand("query"),
			"X-Own=k"},
		{[]Credential{key}, demand("bearer header"), ""},
		{[]Credential{bearer, key}, demand("bearer header"), "Authorization=Bearer tok X-Key=k"},
		{[]Credential{bearer, key}, demand("header", "bearer"), "X-Key=k"},
		{[]Credential{{Kind: Bearer, Secret: "tok", Scheme: "other"}}, demand("bearer"), ""},
		{[]Credential{{Kind: Bearer, Secret: "tok", Scheme: "bearer"}}, demand("bearer"),
			"Authorization=Bearer tok"},
		{[]Credential{forced}, demand(), "X-Own=k"},
		{[]Credential{forced}, demand("header"), "X-Own=k"},
		{[]Credential{forced, bearer}, demand("bearer"), "Authorization=Bearer tok X-Own=k"},
	} {
		s := serve(t, func(http.ResponseWriter, *http.Request) {})
		asker := client(t, s.URL, Options{})
		require.NoError(t, asker.SetCredentials(c.held))
		asker.Demand(c.demands)
		r := get(s.URL)
		_, err := asker.Do(soon(t), r)
		require.NoError(t, err)
		r.Credentials = true
		_, err = asker.Do(soon(t), r)
		require.NoError(t, err)
		assert.Empty(t, seen(s.requests()[0]))
		assert.Equal(t, c.want, seen(s.requests()[1]), "%v", c.demands.Any)
	}
}

// Rule 5: nothing goes to an origin that only the card named, unless it was given for it.
func TestCredentialsStayWithTheirOrigin(t *testing.T) {
	own := serve(t, func(http.ResponseWriter, *http.Request) {})
	other := serve(t, func(http.ResponseWriter, *http.Request) {})
	c := client(t, own.URL, Options{})
	c.mu.Lock()
	c.vouched["http://"+strings.TrimPrefix(other.URL, "http://")] = true
	c.doors[strings.TrimPrefix(other.URL, "http://")] = &place{}
	c.mu.Unlock()
	c.Demand(demand("bearer"))
	both := func() {
		for _, s := range []*server{own, other} {
			r := get(s.URL)
			r.Credentials = true
			_, err := c.Do(soon(t), r)
			require.NoError(t, err)
		}
	}
	require.NoError(t, c.SetCredentials([]Credential{{Kind: Bearer, Secret: "tok", Force: true}}))
	both()
	require.NoError(t, c.SetCredentials([]Credential{{Kind: Bearer, Secret: "new",
		Origins: []string{other.URL}}}))
	both()
	require.NoError(t, c.SetCredentials(nil))
	both()
	var got []string
	for i := range 3 {
		got = append(got, seen(own.requests()[i]), seen(other.requests()[i]))
	}
	assert.Equal(t,
		[]string{"Authorization=Bearer tok", "", "", "Authorization=Bearer new", "", ""}, got)
}

func TestCredentialsThatCannotBe(t *testing.T) {
	c := client(t, "https://a.example", Options{})
	for _, bad := range []Credential{
		{}, {Kind: "sesame", Secret: secret}, {Kind: Bearer},
		{Kind: Bearer, Secret: secret, Token: func(context.Context) (string, error) { return "", nil }},
		{Kind: Bearer, Secret: secret + "\r\nX: y"}, {Kind: APIKey},
		{Kind: APIKey, Secret: secret, Force: true},
		{Kind: APIKey, Secret: secret, Location: "body"}, {Kind: Basic, Secret: secret},
		{Kind: Basic, User: "a:b", Secret: secret}, {Kind: OAuth2, User: "id", Secret: secret},
		{Kind: OAuth2, User: "id", TokenURL: "https://a.example"},
		{Kind: OAuth2, User: "id", Secret: secret, TokenURL: "http://a.example/token"},
		{Kind: MutualTLS, Certificate: []byte(secret), Key: []byte(secret)},
		{Kind: Bearer, Secret: secret, Origins: []string{"a.example"}},
	} {
		err := c.SetCredentials([]Credential{bad})
		detail(t, err, problem.InvalidArgument)
		assert.NotContains(t, fmt.Sprintf("%v %+v", err, err), secret)
	}
}

func TestPlacesThatAreNoneForAKey(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	c := client(t, s.URL, Options{})
	require.NoError(t, c.SetCredentials([]Credential{{Kind: APIKey, Secret: secret}}))
	r := get(s.URL)
	r.Credentials = true
	for _, name := range []string{"bad", "odd"} {
		c.Demand(demand(name))
		_, err := c.Do(soon(t), r)
		detail(t, err, problem.CardInvalid)
		assert.NotContains(t, err.Error(), secret)
	}
	require.NoError(t, c.SetCredentials([]Credential{{Kind: Bearer, Secret: "a", Force: true},
		{Kind: Basic, User: "u", Secret: "b", Force: true}}))
	_, err := c.Do(soon(t), r)
	detail(t, err, problem.InvalidArgument)
	require.NoError(t, c.SetCredentials([]Credential{{Kind: APIKey, Secret: `a;"` + secret}}))
	c.Demand(demand("cookie"))
	_, err = c.Do(soon(t), r)
	assert.NotContains(t, detail(t, err, problem.InvalidArgument).Error(), secret)
	assert.Empty(t, s.requests())
}

func TestATokenMayComeFromAFunction(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	c := client(t, s.URL, Options{})
	token, failure := "one", error(nil)
	require.NoError(t, c.SetCredentials([]Credential{{Kind: Bearer, Force: true,
		Token: func(context.Context) (string, error) { return token, failure }}}))
	r := get(s.URL)
	r.Credentials = true
	for _, token = range []string{"one", "two"} {
		_, err := c.Do(soon(t), r)
		require.NoError(t, err)
	}
	assert.Equal(t, "Authorization=Bearer two", seen(s.requests()[1]))
	for _, token = range []string{"", "a\nb"} {
		_, err := c.Do(soon(t), r)
		detail(t, err, problem.InvalidArgument)
	}
	failure = errors.New("no " + secret)
	_, err := c.Do(soon(t), r)
	assert.NotContains(t, detail(t, err, problem.Unauthenticated).Error(), secret)
	assert.Len(t, s.requests(), 2)
}

// However a credential is printed or encoded, and whatever a peer repeats: no secret is seen.
func TestSecretsAreNotSeen(t *testing.T) {
	held := Credential{Kind: Basic, User: "me", Secret: secret, Key: []byte(secret), Force: true}
	text, err := json.Marshal(map[string]any{"c": held, "p": &held})
	require.NoError(t, err)
	shown := fmt.Sprintf("%v %+v %#v %s %q %d %x %v", held, held, held, held, held, held, held,
		[]any{held, &held, Options{}}) + string(text) + held.String()
	var logged strings.Builder
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "c", held)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "c", &held)
	assert.NotContains(t, shown+logged.String(), "s3same")
	assert.NotContains(t, shown+logged.String(), fmt.Sprintf("%x", secret))
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		w.Header().Set("WWW-Authenticate", `Basic realm="`+password+`"`)
		w.WriteHeader(map[string]int{"/a": 401, "/b": 403, "/c": 500}[r.URL.Path])
		_, _ = io.WriteString(w, user+password+r.Header.Get("Authorization")+r.URL.RawQuery)
	})
	c := client(t, s.URL, Options{})
	require.NoError(t, c.SetCredentials([]Credential{held, {Kind: APIKey, Secret: secret + "2",
		Force: true, Name: "key", Location: "query"}}))
	for path, code := range map[string]problem.Code{"/a": problem.Unauthenticated,
		"/b": problem.PermissionDenied, "/c": problem.HTTPStatus} {
		r := get(s.URL + path)
		r.Credentials = true
		answer, err := c.Do(soon(t), r)
		require.NoError(t, err)
		require.Contains(t, string(answer.Body), secret)
		e := detail(t, c.Refusal(answer), code)
		shown := fmt.Sprintf("%v %#v %v", e, e.Detail, e.URL)
		assert.NotContains(t, shown, "s3same")
		assert.NotContains(t, shown, "bWU6czNzYW1l")
		assert.Contains(t, shown, "***")
	}
}

// H18: what an answer without success means.
func TestRefusals(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for range 20 {
			w.Header().Add("WWW-Authenticate", `Bearer realm="`+strings.Repeat("x", 1000)+`"`)
		}
		w.WriteHeader(401)
		_, _ = io.WriteString(w, strings.Repeat("y", 10_000)+"\xff")
	})
	c := client(t, s.URL, Options{})
	c.Demand(demand("bearer", "basic header"))
	answer, err := c.Do(soon(t), get(s.URL+"/?token="+secret))
	require.NoError(t, err)
	e := detail(t, c.Refusal(answer), problem.Unauthenticated)
	assert.Equal(t, s.URL+"/", e.URL)
	assert.Len(t, e.Detail["challenges"], 8)
	assert.Less(t, len(e.Detail["challenges"].([]string)[0]), 310)
	assert.Len(t, e.Detail["body"], 4<<10)
	assert.Contains(t, e.Error(), "bearer (http Bearer), or basic (http basic) and header (apiKey)")
	c.Demand(Demands{})
	assert.Contains(t, c.Refusal(answer).Error(), "forced")
	for status, fix := range map[int]string{404: "check the address", 405: "check the address",
		429: "less often", 500: "later", 503: "later", 418: ""} {
		e := detail(t, c.Refusal(&Response{Status: status, URL: s.URL}), problem.HTTPStatus)
		assert.Equal(t, int64(status), e.Detail["status"])
		assert.Contains(t, e.Fix, fix)
	}
	assert.Equal(t, json.RawMessage(`null`), c.ScrubJSON(json.RawMessage(`{`)))
	assert.Equal(t, json.RawMessage(`[1]`), c.ScrubJSON(json.RawMessage(`[1]`)))
}

func TestOnlySoManySecretsAreRemembered(t *testing.T) {
	c := client(t, "https://a.example", Options{})
	for i := range 1000 {
		c.mu.Lock()
		c.remember(fmt.Sprintf("token %d", i))
		c.mu.Unlock()
	}
	assert.Len(t, c.keys.secrets, mostSecrets)
	assert.Equal(t, "*** abc", c.Scrub("token 999 abc"))
}
