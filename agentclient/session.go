package agentclient

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/card"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/ext"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/web"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/wire"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// session is a card that was believed, and the way to speak to the agent. It is not changed.
type session struct {
	card      *Card
	source    []byte // the card as it came
	trust     TrustResult
	at        Interface
	transport wire.Transport
	skills    []string
	// versions are what else may be spoken, where the agent turns out not to speak this one.
	versions []string
}

// Card is the card that is believed now, decoded from the bytes that verified. It must not be
// changed.
func (c *Client) Card() *Card { return c.held().card }

// CardJSON is the card as 1.0 JSON, of the bytes that verified.
func (c *Client) CardJSON() []byte { return c.held().card.Raw }

// Trust is how far the card is believed.
func (c *Client) Trust() TrustResult { return c.held().trust }

// Interface is the address that is spoken to.
func (c *Client) Interface() Interface { return c.held().at }

// held is the session, also of a client that is closed.
func (c *Client) held() *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// RefreshCard asks for the card again, with the tag that the agent gave it, and reports whether it
// changed. The card before stays where the new one is not believed: then the error says why.
func (c *Client) RefreshCard(ctx context.Context) (*Card, bool, error) {
	if _, err := c.session(); err != nil {
		return nil, false, c.named(err, "refresh_card")
	}
	if c.cardURL == "" {
		return nil, false, &problem.Error{Code: problem.InvalidArgument, Op: "refresh_card",
			Msg: "the card came from the caller, not from an address",
			Fix: "make another client of the newer card"}
	}
	changed, err := c.refresh(ctx, true)
	if err != nil {
		return nil, false, c.named(err, "refresh_card")
	}
	return c.Card(), changed, nil
}

// refresh gets the card, from what is remembered where that is fresh and fresher is not wanted.
func (c *Client) refresh(ctx context.Context, again bool) (changed bool, err error) {
	done, err := c.change(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	key := c.cardKey()
	known := cards.get(key)
	if !again && known != nil && known.fresh(time.Now()) {
		if changed, err = c.adopt(known.data, c.cardURL); err == nil {
			return changed, nil
		}
	}
	got, err := c.fetch(ctx, known)
	if err != nil {
		return false, err
	}
	if changed, err = c.adopt(got.data, c.cardURL); err != nil {
		cards.drop(key)
		return false, err
	}
	cards.put(key, got)
	return changed, nil
}

// fetch asks for the card; what is known is sent along as a tag.
func (c *Client) fetch(ctx context.Context, known *cached) (*cached, error) {
	request := web.Request{Method: http.MethodGet, URL: c.cardURL, Accept: "application/json",
		MaxBody: card.MostBytes, Credentials: true, Follow: 3, Again: web.Reading,
		Total: c.options.Timeouts.Card, Header: http.Header{}}
	if request.Total <= 0 {
		request.Total = 15 * time.Second
	}
	if known != nil && known.tag != "" {
		request.Header.Set("If-None-Match", known.tag)
	}
	answer, err := c.web.Do(ctx, request)
	if err != nil {
		return nil, err
	}
	if answer.Status == http.StatusNotModified {
		if known != nil && known.tag != "" {
			return known.renewed(answer.Header, time.Now()), nil
		}
		// The agent speaks of a card that nobody here has.
		request.Header.Set("Cache-Control", "no-cache")
		if answer, err = c.web.Do(ctx, request); err != nil {
			return nil, err
		}
	}
	switch answer.Status {
	case http.StatusOK:
		return newCached(answer.Body, answer.Header, time.Now()), nil
	case http.StatusNotFound, http.StatusGone, http.StatusNotModified:
		e := &problem.Error{Code: problem.CardNotFound, URL: problem.Address(c.cardURL),
			Attempts: answer.Attempts,
			Msg:      fmt.Sprintf("there is no agent card here (status %d)", answer.Status),
			Fix:      "check the address, or name the card's place with card_path="}
		return nil, e.With("status", int64(answer.Status))
	}
	return nil, c.web.Refusal(answer)
}

// adopt believes a card, or says why not, and speaks to its agent from now on. from is where it
// came from.
func (c *Client) adopt(data []byte, from string) (changed bool, err error) {
	next, err := c.examine(data, from)
	if err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.now
	if before != nil && bytes.Equal(before.source, next.source) {
		next.transport.Close()
		return false, nil
	}
	c.now = next
	if before != nil && before.transport != nil {
		before.transport.Close()
	}
	c.web.Demand(demands(next.card))
	return before != nil, nil
}

// examine makes a session of a card.
func (c *Client) examine(data []byte, from string) (*session, error) {
	origin := ""
	if from != "" {
		var err error
		if origin, err = web.Origin(from); err != nil {
			return nil, err
		}
	}
	found, trust, err := c.verify(data, origin)
	if err != nil {
		if e := (*problem.Error)(nil); asProblem(err, &e) && e.URL == "" && from != "" {
			e.URL = problem.Address(from)
		}
		return nil, err
	}
	if trust.Warning != "" && c.options.Logger != nil {
		c.options.Logger.Warn("agent card: "+trust.Warning, "url", problem.Address(from))
	}
	versions, bindings := c.options.ways()
	s := &session{card: found, source: data, trust: trust}
	for _, skill := range found.Skills {
		s.skills = append(s.skills, skill.ID)
	}
	if s.at, err = card.Select(found, versions, bindings); err != nil {
		return nil, err
	}
	for _, version := range versions {
		if version != s.at.Version {
			s.versions = append(s.versions, version)
		}
	}
	return s, c.reach(s)
}

// reach makes the way to a session's interface, if it may be asked.
func (c *Client) reach(s *session) (err error) {
	if c.options.Endpoint != "" {
		s.at.URL = c.options.Endpoint
	} else if err = c.web.Trust(s.at.URL, s.trust.Level == card.Verified); err != nil {
		return err
	}
	s.transport, err = wire.New(wire.Interface(s.at), c.web,
		wire.Options{Extensions: c.options.Extensions, MaxEvent: c.options.Limits.Event})
	return err
}

// verify asks the trust policy.
func (c *Client) verify(data []byte, origin string) (*Card, TrustResult, error) {
	if len(data) > card.MostBytes {
		return nil, TrustResult{}, problem.New(problem.CardInvalid,
			fmt.Sprintf("the card has %d bytes, at most %d are read", len(data), card.MostBytes),
			"ask the agent's owner for a smaller one").With("path", "")
	}
	if c.options.Dialect == card.VersionLegacy {
		return card.VerifyLegacy(data, c.options.Trust, origin)
	}
	return card.Verify(data, c.options.Trust, origin)
}

// demands are what a card wants to be proved.
func demands(found *Card) web.Demands {
	d := web.Demands{Schemes: map[string]web.Scheme{}, Any: found.Requirements}
	for name, scheme := range found.Schemes {
		d.Schemes[name] = web.Scheme{Kind: scheme.Kind, Location: scheme.Location, Name: scheme.Name,
			HTTPScheme: scheme.HTTPScheme}
	}
	return d
}

// ready returns the session if the agent may be sent to: its card requires no extension that the
// caller did not name.
func (c *Client) ready() (*session, error) {
	s, err := c.session()
	if err != nil {
		return nil, err
	}
	var required []string
	for _, e := range s.card.Capabilities.Extensions {
		if e.Required {
			required = append(required, e.URI)
		}
	}
	return s, ext.CheckRequired(required, c.options.Extensions)
}

// speaks tells whether an extension may be used: the caller named it, or the card declares it. What
// ours say is a part of the dialect of rvagent.
func (c *Client) speaks(s *session, uri string) bool {
	if s.at.Version == card.VersionLegacy {
		return true
	}
	if slices.Contains(c.options.Extensions, uri) {
		return true
	}
	_, declared := s.card.Extension(uri)
	return declared
}

// ExtendedCard asks for the card that the agent shows to those it knows. Believed under the same
// rules, it takes the place of the public one for this client. Errors: ExtendedCardNotConfigured,
// and those of Connect.
func (c *Client) ExtendedCard(ctx context.Context) (*Card, error) {
	const op = "get_extended_card"
	s, err := c.session()
	if err != nil {
		return nil, c.named(err, op)
	}
	if !s.card.Capabilities.ExtendedCard {
		return nil, &problem.Error{Code: problem.ExtendedCardNotConfigured, Op: op,
			Msg: "the agent's card says that it has no extended one", Fix: "use the card that is there"}
	}
	data, err := c.call(ctx, wire.Call{Op: wire.GetExtendedCard})
	if err != nil {
		return nil, c.named(err, op)
	}
	done, err := c.change(ctx)
	if err != nil {
		return nil, named(err, op)
	}
	defer done()
	if _, err := c.adopt(data, c.cardURL); err != nil {
		return nil, c.named(err, op)
	}
	return c.Card(), nil
}

// call does an operation with one result. Where the agent does not know what its card says it does,
// and Fallback is set, another version is tried.
func (c *Client) call(ctx context.Context, call wire.Call) (json.RawMessage, error) {
	s, err := c.session()
	if err != nil {
		return nil, err
	}
	answer, err := s.transport.Call(ctx, call)
	if other := c.other(s, err); other != nil {
		return other.transport.Call(ctx, call)
	}
	return answer, err
}

// open is call for an operation that streams.
func (c *Client) open(ctx context.Context, call wire.Call) (wire.Feed, error) {
	s, err := c.session()
	if err != nil {
		return nil, err
	}
	feed, err := s.transport.Open(ctx, call)
	if other := c.other(s, err); other != nil {
		return other.transport.Open(ctx, call)
	}
	return feed, err
}

// other changes to another version of the same card after an error that says that this one is not
// spoken; nil where there is none, or the caller does not want it. Such an agent has done nothing,
// so that it may be asked again.
func (c *Client) other(s *session, err error) *session {
	if !c.options.Fallback || len(s.versions) == 0 ||
		!problem.Is(err, problem.MethodNotFound, problem.VersionNotSupported) {
		return nil
	}
	_, bindings := c.options.ways()
	next := *s
	at, err := card.Select(s.card, s.versions, bindings)
	if err != nil {
		return nil
	}
	next.at, next.versions = at, nil
	if c.reach(&next) != nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now == s {
		c.now = &next
	}
	return &next
}
