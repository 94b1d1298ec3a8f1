package card

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Reasons of CardSignatureInvalid.
const (
	ReasonSignature = "bad_signature" // a key that is known did not sign any form of the card
	ReasonAlg       = "alg"           // one that is refused, or that the key is not for
	ReasonCritical  = "crit"
	ReasonPayload   = "b64"
	ReasonKeyID     = "kid" // none
	ReasonExpired   = "expired"
	ReasonEarly     = "not_yet_valid"
	ReasonTime      = "time" // exp, nbf or iat that is no number
	ReasonWeakKey   = "weak_key"
	ReasonMalformed = "malformed"
)

// refusals say what the reasons of refused signatures are.
var refusals = map[string]string{
	ReasonAlg:       "its alg is none of ES256, ES384, EdDSA, RS256 and PS256",
	ReasonCritical:  "it has crit, and nothing of that is understood here",
	ReasonPayload:   "it has b64, and is not over the text of the card",
	ReasonKeyID:     "it names no key",
	ReasonExpired:   "it has expired",
	ReasonEarly:     "it is not valid yet",
	ReasonTime:      "one of its times is no number",
	ReasonMalformed: "it has not the form of a signature",
}

// algorithms are those that verify: nothing without a key, nothing with a secret.
var algorithms = []string{"ES256", "ES384", "EdDSA", "Ed25519", "RS256", "PS256"}

// skew is how wrong clocks may be.
const skew = 5 * time.Minute

// signature is one of a card, as its protected header has it. The unprotected header is not read.
type signature struct {
	protected, value string
	kid, alg         string
	issued           float64 // seconds since 1970, 0 where the header does not say
	refused          string  // the reason why no key can make it good
}

// signatures checks that those of a card have the form that they should.
func (r *reader) signatures(o raw.Object) {
	if _, err := readSignatures(o, time.Time{}); err != nil && r.err == nil {
		r.err = err
	}
}

// readSignatures reads those of a card. What has not the form of a signature is CardInvalid; what
// has, and is refused, is marked.
func readSignatures(o raw.Object, now time.Time) ([]signature, error) {
	r := &reader{}
	var found []signature
	r.each(o, "", "signatures", MostSignatures, func(s raw.Object, at string) {
		one := signature{protected: r.needed(s, at, "protected"), value: r.needed(s, at, "signature")}
		r.object(s, at, "header")
		header := r.base64(one.protected, join(at, "protected"))
		r.base64(one.value, join(at, "signature"))
		if r.err != nil {
			return
		}
		fields, err := raw.Parse(header)
		if err != nil {
			r.fail(join(at, "protected"), problem.Said(err.Error()))
			return
		}
		one.judge(fields, now)
		found = append(found, one)
	})
	return found, r.err
}

// base64 reads base64url without padding, every bit of which counts (RFC 7515, section 2).
func (r *reader) base64(text, at string) []byte {
	if len(text) > MostHeader {
		r.fail(at, fmt.Sprintf("it has %d characters, and may have %d", len(text), MostHeader))
		return nil
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		r.fail(at, "it is not base64url without padding")
	}
	return data
}

// judge fills in what the protected header says, and refuses what it may not say.
func (s *signature) judge(header raw.Object, now time.Time) {
	var err1, err2 error
	s.kid, err1 = header.Text("kid")
	s.alg, err2 = header.Text("alg")
	_, critical := header["crit"]
	plain, payload := header["b64"]
	switch {
	case err2 != nil || !slices.Contains(algorithms, s.alg):
		s.refused = ReasonAlg
	case critical:
		s.refused = ReasonCritical
	case payload && strings.TrimSpace(string(plain)) != "true":
		s.refused = ReasonPayload
	case err1 != nil || s.kid == "":
		s.refused = ReasonKeyID
	default:
		s.refused = s.judgeTimes(header, float64(now.UnixMilli())/1e3)
	}
}

func (s *signature) judgeTimes(header raw.Object, now float64) string {
	times := map[string]float64{}
	for _, name := range []string{"exp", "nbf", "iat"} {
		if _, given := header[name]; !given {
			continue
		}
		seconds, err := header.Number(name)
		if err != nil || raw.KindOf(header[name]) != "number" {
			return ReasonTime
		}
		times[name] = seconds
	}
	s.issued = times["iat"]
	if exp, given := times["exp"]; given && now > exp+skew.Seconds() {
		return ReasonExpired
	}
	if now < max(times["nbf"], times["iat"])-skew.Seconds() {
		return ReasonEarly
	}
	return ""
}

// edwards verifies what newer signers call Ed25519 (RFC 9864), a name that the library has not.
type edwards struct{ key ed25519.PublicKey }

// VerifyPayload is what the library calls.
func (e edwards) VerifyPayload(payload, sig []byte, alg jose.SignatureAlgorithm) error {
	if alg == "Ed25519" && ed25519.Verify(e.key, payload, sig) {
		return nil
	}
	return errors.New("the signature does not verify")
}

// verifies reports whether the signature is the key's of these bytes.
func (s *signature) verifies(k *Key, payload []byte) bool {
	if s.refused != "" || k.weak != "" || !k.fits(s.alg) {
		return false
	}
	parsed, err := jose.ParseDetached(s.protected+".."+s.value, payload,
		[]jose.SignatureAlgorithm{jose.SignatureAlgorithm(s.alg)})
	if err != nil {
		return false
	}
	key := k.key
	if s.alg == "Ed25519" {
		key = edwards{key.(ed25519.PublicKey)}
	}
	return parsed.DetachedVerify(payload, key) == nil
}

// badSignature is the error of a signature that should have been good.
func badSignature(reason, why string) *problem.Error {
	return problem.New(problem.CardSignatureInvalid, "a signature of the agent's card is bad: "+why,
		"do not use the agent until its owner has signed the card again").With("reason", reason)
}
