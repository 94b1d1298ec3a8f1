package web

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// mostURL is how long an address may be.
const mostURL = 8 << 10

// origin names scheme, host and port of an address, the port always.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	host := strings.ToLower(u.Hostname())
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return u.Scheme + "://" + host + ":" + port
}

// doorOf names host and port of an address as they are dialled. What a caller typed opens one door
// of a machine, not all.
func doorOf(u *url.URL) string {
	_, host, _ := strings.Cut(origin(u), "://")
	return host
}

// Origin returns scheme, host and port of an address as they are compared, and an error that says
// what keeps it from being one that could be asked.
func Origin(raw string) (string, error) {
	u, wrong := read(raw)
	if wrong != "" {
		return "", problem.New(problem.InvalidArgument, "the address "+wrong,
			"give one as https://host:port/path")
	}
	return origin(u), nil
}

// read parses an address; wrong says what is against it whoever wrote it.
func read(raw string) (u *url.URL, wrong string) {
	if len(raw) > mostURL {
		return nil, fmt.Sprintf("has %d bytes", len(raw))
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, "cannot be read"
	}
	host := u.Hostname()
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, "is not of https"
	case u.User != nil:
		return nil, "has a user or a password in it"
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return nil, "has a fragment"
	case host == "" || u.Opaque != "":
		return nil, "names no host"
	case strings.Contains(host, "%"):
		return nil, "has a zone in its host"
	case strings.HasSuffix(u.Host, ":"):
		return nil, "has no port after its colon"
	}
	for _, r := range host {
		if r <= ' ' || r > '~' || strings.ContainsRune(`"<>\^{|}`, r) {
			return nil, "has a host that is no plain name; write it in IDNA's ASCII form"
		}
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 || n == 25 {
			return nil, "has a port that no agent has"
		}
	}
	return u, ""
}

// isLocal tells whether a host as written is this machine.
func isLocal(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && reachOf(ip) == loopback
}

// Own takes an address that the caller typed: its origin may be asked, and gets what the caller
// gives to prove itself.
func (c *Client) Own(raw string) error {
	u, err := c.typed(raw)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.own[origin(u)] = true
	return nil
}

// typed reads an address that the caller typed; its host may be dialled where it resolves to.
func (c *Client) typed(raw string) (*url.URL, error) {
	u, wrong := read(raw)
	if wrong == "" && u.Scheme == "http" {
		if !isLocal(u.Hostname()) {
			wrong = "is of http, which anyone on the way reads and changes"
		} else if !c.options.AllowLoopbackHTTP {
			wrong = "is of http"
		}
	}
	if wrong != "" {
		e := problem.New(problem.InvalidArgument, "the address "+wrong,
			"use https; http is for agents of this machine, with allow_loopback_http=True")
		e.URL = problem.Address(raw)
		return nil, e
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if door := doorOf(u); c.doors[door] == nil {
		c.doors[door] = &place{}
	}
	return u, nil
}

// Trust takes an address that a card names. It may be asked if its origin is one that the caller
// typed; or, if the card was verified, any other of https, which gets no credential that was not
// given for it by name.
func (c *Client) Trust(raw string, verified bool) error {
	u, wrong := read(raw)
	fix := "if it is right, add its origin to allowed_origins, or give endpoint="
	switch {
	case wrong != "":
	case c.isOwn(origin(u)):
		return nil
	case !verified:
		wrong = "is at " + problem.Said(origin(u)) + ", which the caller did not name"
	case u.Scheme != "https":
		wrong = "is not of https"
	case u.Port() != "" && u.Port() != "443" && len(u.Port()) < 4:
		wrong = "has a port of another service"
	default:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.vouched[origin(u)] = true
		return nil
	}
	e := problem.New(problem.UntrustedOrigin, "the card's address "+wrong, fix)
	e.URL = problem.Address(raw)
	if u != nil {
		e.With("origin", problem.Said(origin(u)))
	}
	return e
}

// isOwn tells whether the caller typed an address of this origin.
func (c *Client) isOwn(origin string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.own[origin]
}

// target reads the address of a request, and refuses an origin that nobody vouched for.
func (c *Client) target(raw string) (*url.URL, error) {
	u, wrong := read(raw)
	if wrong == "" {
		c.mu.Lock()
		known := c.own[origin(u)] || c.vouched[origin(u)]
		c.mu.Unlock()
		if known {
			return u, nil
		}
		wrong = "is of an origin that nobody trusts"
	}
	e := problem.New(problem.UntrustedOrigin, "the address "+wrong,
		"add its origin to allowed_origins, or give endpoint=")
	e.URL = problem.Address(raw)
	if u != nil {
		e.With("origin", problem.Said(origin(u)))
	}
	return nil, e
}
