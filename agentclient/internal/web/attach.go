package web

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// use is a credential beside the scheme that it is sent for.
type use struct {
	*held
	scheme Scheme
}

// attach writes into a request what proves the caller to this origin, and tells which connections
// it takes.
func (c *Client) attach(f *flight, h *http.Request, at *url.URL) (way, error) {
	c.mu.Lock()
	uses := c.keys.pick(origin(at), c.own[origin(at)])
	c.mu.Unlock()
	w := way{}
	for _, u := range uses {
		secret, err := u.write(f.life, h)
		if err != nil {
			return w, err
		}
		c.mu.Lock()
		c.remember(secret)
		c.mu.Unlock()
		if u.tokens != nil {
			f.tokens, f.token = u.tokens, secret
		}
		w.certified = w.certified || u.Kind == MutualTLS
	}
	return w, nil
}

// pick returns what meets the first requirement that can be met, and what is sent in any case.
func (k *keyring) pick(at string, own bool) []use {
	var here []*held
	for _, h := range k.held {
		if len(h.origins) == 0 && own || h.origins[at] {
			here = append(here, h)
		}
	}
	var chosen []use
	for _, requirement := range k.demands.Any {
		if chosen = k.meet(requirement, here); len(chosen) > 0 {
			break
		}
	}
	for _, h := range here {
		used := slices.ContainsFunc(chosen, func(u use) bool { return u.held == h })
		if h.Force && !used {
			chosen = append(chosen, use{h, Scheme{}})
		}
	}
	return chosen
}

// meet returns one credential for each scheme of a requirement, nil if one is missing.
func (k *keyring) meet(requirement map[string][]string, here []*held) []use {
	var chosen []use
	for _, name := range slices.Sorted(maps.Keys(requirement)) {
		scheme := k.demands.Schemes[name]
		i := slices.IndexFunc(here, func(h *held) bool { return h.fits(name, scheme) })
		if i < 0 {
			return nil
		}
		chosen = append(chosen, use{here[i], scheme})
	}
	return chosen
}

// fits tells whether a credential is of a scheme.
func (c Credential) fits(name string, scheme Scheme) bool {
	if c.Scheme != "" && c.Scheme != name {
		return false
	}
	as := strings.ToLower(scheme.HTTPScheme)
	switch c.Kind {
	case Bearer, OAuth2:
		return scheme.Kind == "oauth2" || scheme.Kind == "openIdConnect" ||
			scheme.Kind == "http" && as == "bearer"
	case Basic:
		return scheme.Kind == "http" && as == "basic"
	case APIKey:
		return scheme.Kind == "apiKey"
	case MutualTLS:
		return scheme.Kind == "mutualTLS"
	}
	return false
}

// write puts a credential into a request, and returns what is secret of it.
func (u use) write(ctx context.Context, h *http.Request) (string, error) {
	switch u.Kind {
	case Bearer, OAuth2:
		token, err := u.token(ctx)
		if err != nil {
			return "", err
		}
		return token, authorize(h, "Bearer "+token)
	case Basic:
		shadow := &http.Request{Header: http.Header{}}
		shadow.SetBasicAuth(u.User, u.Secret)
		return u.Secret, authorize(h, shadow.Header.Get("Authorization"))
	case APIKey:
		return u.Secret, u.writeKey(h)
	}
	return "", nil
}

// authorize sets the one header that all schemes of HTTP share.
func authorize(h *http.Request, value string) error {
	if h.Header.Get("Authorization") != "" {
		return problem.New(problem.InvalidArgument,
			"two credentials want to be the header Authorization", "give one of them")
	}
	h.Header.Set("Authorization", value)
	return nil
}

// token returns the token of a bearer.
func (u use) token(ctx context.Context) (string, error) {
	if u.tokens != nil {
		return u.tokens.get(ctx)
	}
	token := u.Secret
	if u.Token != nil {
		var err error
		if token, err = u.Token(ctx); err != nil {
			if ctx.Err() != nil {
				return "", ctx.Err()
			}
			return "", problem.New(problem.Unauthenticated,
				"the function that gives the token failed", "")
		}
	}
	if token == "" || plain("Authorization", token) != nil {
		return "", problem.New(problem.InvalidArgument,
			"the token is empty or has a control character", "give the bare token")
	}
	return token, nil
}

// reserved are headers that a card must not name as the place of a key.
var reserved = []string{"host", "connection", "content-length", "content-type", "transfer-encoding",
	"te", "trailer", "upgrade", "expect", "accept-encoding", "content-encoding", "keep-alive"}

// writeKey puts an API key where the caller or else the card wants it.
func (u use) writeKey(h *http.Request) error {
	name, location := u.Name, u.Location
	if name == "" {
		name = u.scheme.Name
	}
	if location == "" {
		location = u.scheme.Location
	}
	if !isToken(name) || slices.Contains(reserved, strings.ToLower(name)) {
		return problem.New(problem.CardInvalid, "the card wants an API key in "+
			problem.Said(name)+", which is no place for one", "give its name and location")
	}
	switch location {
	case "", "header":
		h.Header.Set(name, u.Secret)
	case "query":
		q := h.URL.Query()
		q.Set(name, u.Secret)
		h.URL.RawQuery = q.Encode()
	case "cookie":
		cookie := &http.Cookie{Name: name, Value: u.Secret}
		if cookie.Valid() != nil {
			return problem.New(problem.InvalidArgument,
				"the API key has a character that no cookie can hold", "give its location")
		}
		h.AddCookie(cookie)
	default:
		return problem.New(problem.CardInvalid, "the card wants an API key in "+
			problem.Said(location), "give its location: header, query or cookie")
	}
	return nil
}

// isToken tells whether a text can be the name of a header (RFC 9110 section 5.6.2).
func isToken(text string) bool {
	for _, r := range text {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", r) {
			return false
		}
	}
	return text != ""
}

// wanted says in words what the card demands, for an error.
func (c *Client) wanted() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ways []string
	for _, requirement := range c.keys.demands.Any {
		var all []string
		for _, name := range slices.Sorted(maps.Keys(requirement)) {
			s := c.keys.demands.Schemes[name]
			all = append(all, problem.Said(strings.TrimSpace(name+" ("+s.Kind+" "+s.HTTPScheme)+")"))
		}
		ways = append(ways, strings.Join(all, " and "))
	}
	if len(ways) == 0 {
		return "give credentials with auth=; the card names no scheme, so they must be forced"
	}
	return problem.Said("give what the card demands with auth=: " + strings.Join(ways, ", or "))
}
