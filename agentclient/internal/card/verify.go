package card

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/ext"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Levels of trust, from the highest down.
const (
	Verified      = "verified"           // a key that the caller knows signed the card
	SelfCertified = "self_certified"     // the key that the card names as its own did
	UnknownKey    = "signed_unknown_key" // it is signed, and nobody here can tell by whom
	Unsigned      = "unsigned"
)

// Result is how far a card is to be believed. KeyID, Alg and Form are of the signature that
// decided, AgentID of the key that a signature proved; all are "" where none did. Warning says
// what was let through and should be known, as a card that is older than one seen before.
type Result struct {
	Level, KeyID, Alg string
	Form              Form
	AgentID, Warning  string
}

// proof is a key and a signature of it that is good.
type proof struct {
	key *Key
	sig *signature
}

// version is a card in one form: the bytes, what they decode to, and who signed them. own is the
// proof by the key that the card itself names.
type version struct {
	form    Form
	payload []byte
	card    *Card
	err     error
	good    []proof
	own     *proof
}

// verifier is one question whether to believe a card.
type verifier struct {
	policy   Policy
	origin   string
	now      time.Time
	sigs     []signature
	versions []*version
	stores   map[string]*store
	warning  string
}

// Verify reads a card and decides whether to believe it under the policy. origin is where it came
// from, "" for nowhere. The card is decoded from the bytes that a signature covers, if one
// decided, so that nothing that was added counts. A signature that does not verify under a key
// that is known, or that the card names as its own, is fatal under all policies but Insecure.
//
// Errors are CardInvalid, CardSignatureInvalid (reason), CardUntrusted (level), and InvalidArgument
// for an origin, or a file of first uses, that cannot be used.
func Verify(data []byte, p Policy, origin string) (*Card, Result, error) {
	return verifyAt(data, p, origin, time.Now())
}

func verifyAt(data []byte, p Policy, origin string, now time.Time) (*Card, Result, error) {
	o, err := open(data)
	if err != nil {
		return nil, Result{}, err
	}
	v := &verifier{policy: p, now: now, stores: map[string]*store{}}
	if v.sigs, err = readSignatures(o, now); err != nil {
		return nil, Result{}, err
	}
	served := func() (*Card, error) { return decode(o, data) }
	return v.decide(origin, served, func() error { return v.examine(o) })
}

// decide runs examine, which finds the versions, and asks the policy.
func (v *verifier) decide(origin string, served func() (*Card, error),
	examine func() error) (*Card, Result, error) {
	if v.policy.kind == kindInsecure {
		c, err := served()
		return c, Result{Level: v.base()}, err
	}
	if err := v.place(origin); err != nil {
		return nil, Result{}, err
	}
	defer func() {
		for _, s := range v.stores {
			s.close()
		}
	}()
	if err := examine(); err != nil {
		return nil, Result{}, err
	}
	chosen, by, level, err := v.choose(served)
	if err != nil {
		return nil, Result{}, err
	}
	result := Result{Level: level}
	if by != nil {
		result.KeyID, result.Alg, result.Form = by.sig.kid, by.sig.alg, chosen.form
		if result.AgentID = by.key.agent; chosen.own != nil {
			result.AgentID = chosen.own.key.agent
		}
	}
	if chosen.form == Pruned {
		chosen.card.wantSchemes()
	}
	if err := v.remember(chosen, by, level); err != nil {
		return nil, Result{}, err
	}
	result.Warning = v.warning
	return chosen.card, result, nil
}

// place settles the origin and opens the files of first uses, in one order, so that two processes
// do not wait for each other.
func (v *verifier) place(origin string) error {
	if origin != "" {
		var err error
		if v.origin, err = originOf(origin); err != nil {
			return err
		}
	}
	var paths []string
	v.policy.each(func(p *Policy) {
		if p.kind == kindTOFU && !slices.Contains(paths, p.path) {
			paths = append(paths, p.path)
		}
	})
	if len(paths) > 0 && v.origin == "" {
		return badPolicy("a card that comes from nowhere has no first use",
			"give the address that it came from, or pin its key")
	}
	slices.Sort(paths)
	for _, path := range paths {
		s, err := openStore(path)
		if err != nil {
			for _, opened := range v.stores {
				opened.close()
			}
			return err
		}
		v.stores[path] = s
	}
	return nil
}

// known are the keys that the caller has for the origin.
func (v *verifier) known() []*Key {
	var keys []*Key
	v.policy.each(func(p *Policy) {
		if s := v.stores[p.path]; s != nil && p.kind == kindTOFU {
			if e, found := s.entries[v.origin]; found {
				keys = append(keys, &e.key)
			}
		}
		for i := range p.keys {
			if len(p.origins) == 0 || slices.Contains(p.origins, v.origin) {
				keys = append(keys, &p.keys[i])
			}
		}
	})
	return keys
}

// examine makes the versions of a card and finds who signed which.
func (v *verifier) examine(o raw.Object) error {
	if len(v.sigs) == 0 {
		return nil
	}
	for _, form := range Forms {
		payload, err := canonical(o, form)
		known := err != nil || slices.ContainsFunc(v.versions, func(have *version) bool {
			return bytes.Equal(have.payload, payload)
		})
		if !known {
			v.versions = append(v.versions, &version{form: form, payload: payload})
		}
	}
	keys := v.known()
	for i := range v.sigs {
		if err := v.check(&v.sigs[i], keys); err != nil {
			return err
		}
	}
	for _, one := range v.versions {
		signed := raw.Object(nil)
		if signed, one.err = raw.Parse(one.payload); one.err == nil {
			one.card, one.err = decode(signed, one.payload)
		}
	}
	return v.checkOwn()
}

// check looks for a version that the signature covers under a key of its name.
func (v *verifier) check(s *signature, keys []*Key) error {
	if s.refused != "" {
		return nil
	}
	named, fitting, strong, good := false, false, false, false
	for _, k := range keys {
		mine := k.named(s.kid)
		if !mine && k.id != "" {
			continue
		}
		if mine {
			named, fitting, strong = true, fitting || k.fits(s.alg), strong || k.weak == ""
		}
		for _, one := range v.versions {
			if s.verifies(k, one.payload) {
				one.good, good = append(one.good, proof{k, s}), true
			}
		}
	}
	switch {
	case good || !named:
		return nil
	case !strong:
		return badSignature(ReasonWeakKey, "the key that it names is too weak")
	case !fitting:
		return badSignature(ReasonAlg, problem.Said(s.alg)+" is not for the key that it names")
	}
	return badSignature(ReasonSignature, "the key that it names did not sign this card")
}

// checkOwn looks for the signature of the key that the card names as its own.
func (v *verifier) checkOwn() error {
	claimed, proved := false, false
	for _, one := range v.versions {
		if one.err != nil {
			continue
		}
		key := identity(one.card)
		if key == nil {
			continue
		}
		for i := range v.sigs {
			s := &v.sigs[i]
			if s.refused != "" || s.kid != key.agent && s.kid != agentPrefix+key.agent {
				continue
			}
			claimed = true
			if s.verifies(key, one.payload) {
				one.own, proved = &proof{key, s}, true
			}
		}
	}
	if claimed && !proved {
		return badSignature(ReasonSignature, "the key that the card names as its own did not sign it")
	}
	return nil
}

// identity is the key that a card names as its own, nil if it names none, several, or one that its
// agentId is not made of.
func identity(c *Card) *Key {
	var found *Key
	for _, e := range c.Capabilities.Extensions {
		if e.URI != ext.Identity {
			continue
		}
		agent, err := e.Params.Text("agentId")
		if err != nil || found != nil {
			return nil
		}
		k, err := ParseKey(e.Params["jwk"])
		if err != nil || k.agent == "" || k.agent != agent {
			return nil
		}
		found = &k
	}
	return found
}

// choose asks the policy for each version that somebody signed, and at last for the card as it
// came.
func (v *verifier) choose(served func() (*Card, error)) (*version, *proof, string, error) {
	var last error
	for _, one := range v.versions {
		if len(one.good) == 0 && one.own == nil {
			continue
		}
		if one.err != nil {
			last = one.err
			continue
		}
		by, level, err := v.accept(&v.policy, one)
		if err == nil {
			return one, by, level, nil
		}
		last = err
	}
	c, err := served()
	if err != nil && last == nil {
		return nil, nil, "", err
	}
	if last != nil {
		return nil, nil, "", last
	}
	one := &version{card: c}
	by, level, err := v.accept(&v.policy, one)
	return one, by, level, err
}

// base is the level of a card that nobody proved anything of.
func (v *verifier) base() string {
	if len(v.sigs) > 0 {
		return UnknownKey
	}
	return Unsigned
}

// accept asks one policy for one version.
func (v *verifier) accept(p *Policy, one *version) (*proof, string, error) {
	by, level := one.own, SelfCertified
	if by == nil {
		level = v.base()
	}
	var err error
	switch p.kind {
	case kindPin, kindKeys:
		if by = v.pinned(p, one); by == nil {
			return nil, "", v.untrusted(p, level)
		}
		level = Verified
	case kindTOFU:
		if by, level, err = v.firstUse(p, one, level); err != nil {
			return nil, "", err
		}
	case kindRequire:
		for i := range p.all {
			inner, innerLevel, err := v.accept(&p.all[i], one)
			if err != nil {
				return nil, "", err
			}
			if innerLevel == Verified && level != Verified {
				by, level = inner, Verified
			}
		}
		if by == nil {
			return nil, "", v.untrusted(p, level)
		}
	}
	if p.leastVersion != "" {
		if order, ok := compareVersions(one.card.Version, p.leastVersion); !ok || order < 0 {
			return nil, "", problem.New(problem.CardUntrusted, "the agent's card has version "+
				problem.Said(one.card.Version)+", and at least "+p.leastVersion+" is wanted",
				"ask its owner for the newer card").With("level", level)
		}
	}
	return by, level, nil
}

// pinned is the proof by a key that the policy names.
func (v *verifier) pinned(p *Policy, one *version) *proof {
	away := len(p.origins) > 0 && !slices.Contains(p.origins, v.origin)
	for i := range one.good {
		for k := range p.keys {
			by := &one.good[i]
			if !away && by.key.thumbprint == p.keys[k].thumbprint {
				return by
			}
		}
	}
	if p.kind == kindPin && len(p.keys) == 0 && one.own != nil &&
		(p.kid == "" || one.own.key.named(p.kid)) &&
		(p.agent == "" || p.agent == one.own.key.agent) {
		return one.own
	}
	return nil
}

// firstUse compares with what an origin proved at first.
func (v *verifier) firstUse(p *Policy, one *version, level string) (*proof, string, error) {
	e, found := v.stores[p.path].entries[v.origin]
	if !found {
		return one.own, level, nil
	}
	for i := range one.good {
		if one.good[i].key.thumbprint == e.key.thumbprint {
			return &one.good[i], Verified, nil
		}
	}
	if err := v.refusal(level); err != nil {
		return nil, "", err
	}
	return nil, "", problem.New(problem.CardUntrusted, "the agent's card is not signed by the key "+
		"that "+v.origin+" proved first, on "+e.firstSeen,
		"if its owner says that the key changed, remove the origin from "+p.path).With("level", level)
}

// refusal is the error of what kept signatures from counting, nil if nothing did.
func (v *verifier) refusal(level string) error {
	for _, s := range v.sigs {
		if level == UnknownKey && s.refused != "" {
			return badSignature(s.refused, refusals[s.refused])
		}
	}
	return nil
}

// untrusted is the error of a policy that no key satisfies.
func (v *verifier) untrusted(p *Policy, level string) error {
	if err := v.refusal(level); err != nil {
		return err
	}
	what := map[string]string{Unsigned: "it is not signed",
		UnknownKey:    "it is signed by keys that are not known here",
		SelfCertified: "it is signed by its own key only, which is another one"}[level]
	fix := "check the pin with the agent's owner"
	switch p.kind {
	case kindKeys:
		fix = "add the key that signs the agent's card, if its owner confirms it"
	case kindRequire:
		fix = "ask the agent's owner to sign its card, or require less"
	}
	return problem.New(problem.CardUntrusted, "the agent's card is not trusted: "+what, fix).
		With("level", level)
}

// remember compares with what was believed before and records what is believed now.
func (v *verifier) remember(one *version, by *proof, level string) error {
	if by == nil {
		if len(v.stores) > 0 {
			v.warning = "the agent proved no key at its first use, so there is none to remember"
		}
		return nil
	}
	sum := sha256.Sum256(one.payload)
	now := history{version: one.card.Version, issued: by.sig.issued,
		hashes: []string{hex.EncodeToString(sum[:])}}
	refuse := false
	var seed *history
	v.policy.each(func(p *Policy) {
		refuse = refuse || p.refuseRollback
		if s := v.stores[p.path]; s != nil && p.kind == kindTOFU {
			if e, found := s.entries[v.origin]; found {
				seed = e.history()
			}
		}
	})
	name := by.key.thumbprint + "\n" + v.origin + "\n" + one.card.Name
	if how := remembered.note(name, seed, now); how != "" {
		if refuse {
			return problem.New(problem.CardUntrusted, "the agent's card is older than one that was "+
				"seen before: "+problem.Said(how), "fetch it again; if its owner went back on "+
				`purpose, allow it with rollback="warn"`).With("level", level)
		}
		v.warning = "the card is older than one that was seen before: " + problem.Said(how)
	}
	return v.record(one, now)
}

// record puts what is believed now into the files of first uses; of a card that went back, only the
// key.
func (v *verifier) record(one *version, now history) error {
	for _, s := range v.stores {
		e, found := s.entries[v.origin]
		before := e
		if one.own != nil && (!found || e.key.thumbprint != one.own.key.thumbprint) {
			e.key, e.firstSeen = *one.own.key, v.now.UTC().Format(time.RFC3339)
		} else if !found {
			continue
		}
		if v.warning == "" || !found {
			e.hash, e.version, e.issued = now.hashes[0], now.version, now.issued
		}
		if e.hash != before.hash || e.key.thumbprint != before.key.thumbprint {
			s.entries[v.origin], s.changed = e, true
		}
		if err := s.save(); err != nil {
			return err
		}
	}
	return nil
}
