package web

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// secure starts a peer that speaks TLS, and HTTP/2, as the configuration says.
func secure(t *testing.T, conf *tls.Config, answer http.HandlerFunc) *httptest.Server {
	s := httptest.NewUnstartedServer(answer)
	s.TLS, s.EnableHTTP2 = conf, true
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// roots are those of a peer's certificate.
func roots(s *httptest.Server) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return &tls.Config{RootCAs: pool}
}

// pairOf makes a certificate and its key, PEM.
func pairOf(t *testing.T, name string) (certificate, key []byte) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

func TestConnectionsThatAreNotSafe(t *testing.T) {
	good := secure(t, nil, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Proto", r.Proto)
	})
	old := secure(t, &tls.Config{MaxVersion: tls.VersionTLS11}, nil)
	unknown := client(t, good.URL, Options{})
	_, err := unknown.Do(soon(t), get(good.URL))
	assert.Contains(t, detail(t, err, problem.TLSFailed).Error(), "check the agent's certificate")
	known := client(t, good.URL, Options{TLS: roots(good)})
	answer, err := known.Do(soon(t), get(good.URL))
	require.NoError(t, err)
	assert.Equal(t, "HTTP/2.0", answer.Header.Get("X-Proto"))
	elsewhere := "https://localhost" + good.URL[strings.LastIndex(good.URL, ":"):]
	require.NoError(t, known.Own(elsewhere))
	_, err = known.Do(soon(t), get(elsewhere)) // the certificate is not for that name
	detail(t, err, problem.TLSFailed)
	weak := client(t, old.URL, Options{TLS: roots(old)})
	_, err = weak.Do(soon(t), get(old.URL))
	detail(t, err, problem.TLSFailed)
	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	none := client(t, strings.Replace(plain.URL, "http:", "https:", 1), Options{})
	_, err = none.Do(soon(t), get(strings.Replace(plain.URL, "http:", "https:", 1)))
	detail(t, err, problem.TLSFailed)
	_, err = New(Options{TLS: &tls.Config{InsecureSkipVerify: true}})
	detail(t, err, problem.InvalidArgument)
}

// Rule 1: a pinned key must be in the chain.
func TestPinnedKeys(t *testing.T) {
	s := secure(t, nil, func(http.ResponseWriter, *http.Request) {})
	sum := sha256.Sum256(s.Certificate().RawSubjectPublicKeyInfo)
	right, wrong := base64.StdEncoding.EncodeToString(sum[:]),
		base64.StdEncoding.EncodeToString(make([]byte, 32))
	conf, asked := roots(s), 0
	conf.VerifyConnection = func(tls.ConnectionState) error {
		asked++
		return nil
	}
	for _, c := range []struct {
		pins []string
		good bool
	}{{nil, true}, {[]string{right}, true}, {[]string{wrong, right}, true}, {[]string{wrong}, false}} {
		asker := client(t, s.URL, Options{TLS: conf, Pins: c.pins})
		_, err := asker.Do(soon(t), get(s.URL))
		if !c.good {
			assert.Contains(t, detail(t, err, problem.TLSFailed).Error(), "pinned")
			continue
		}
		require.NoError(t, err)
	}
	assert.Equal(t, 4, asked, "the caller's own check is asked too")
	conf.VerifyConnection = func(tls.ConnectionState) error {
		return problem.New(problem.CardUntrusted, "mine", "")
	}
	_, err := client(t, s.URL, Options{TLS: conf, Pins: []string{right}}).Do(soon(t), get(s.URL))
	detail(t, err, problem.CardUntrusted)
	for _, bad := range []string{"", "x", right[:20], right + right} {
		_, err := New(Options{Pins: []string{bad}})
		detail(t, err, problem.InvalidArgument)
	}
}

// Rule 5: a certificate is a credential as any other.
func TestACertificateIsShownWhereItBelongs(t *testing.T) {
	who := func(w http.ResponseWriter, r *http.Request) {
		if certificates := r.TLS.PeerCertificates; len(certificates) > 0 {
			w.Header().Set("X-Who", certificates[0].Subject.CommonName)
		}
	}
	conf := &tls.Config{ClientAuth: tls.RequestClientCert}
	own, other := secure(t, conf.Clone(), who), secure(t, conf.Clone(), who)
	certificate, key := pairOf(t, "me")
	mine, err := tls.X509KeyPair(certificate, key)
	require.NoError(t, err)
	base := roots(own)
	base.Certificates = []tls.Certificate{mine} // must not be sent because it is here
	c := client(t, own.URL, Options{TLS: base, AllowPrivate: true})
	require.NoError(t, c.Trust(other.URL, true))
	ask := func(s *httptest.Server, prove bool) string {
		r := get(s.URL)
		r.Credentials = prove
		answer, err := c.Do(soon(t), r)
		require.NoError(t, err)
		return answer.Header.Get("X-Who")
	}
	credential := Credential{Kind: MutualTLS, Certificate: certificate, Key: key}
	require.NoError(t, c.SetCredentials([]Credential{credential}))
	assert.Empty(t, ask(own, true), "the card does not demand it")
	c.Demand(demand("mtls"))
	assert.Equal(t, "me", ask(own, true))
	assert.Empty(t, ask(own, false))
	assert.Empty(t, ask(other, true))
	again, key := pairOf(t, "again")
	credential.Certificate, credential.Key, credential.Force = again, key, true
	require.NoError(t, c.SetCredentials([]Credential{credential}))
	assert.Equal(t, "again", ask(own, true))
	require.NoError(t, c.SetCredentials(nil))
	assert.Empty(t, ask(own, true))
}

// H10: TLS that is cut off in mid-stream is no end.
func TestATruncatedStreamOfTLSIsInterrupted(t *testing.T) {
	s := secure(t, nil, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("data: x\n\n"))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	c := client(t, s.URL, Options{TLS: roots(s)})
	stream, err := c.Open(soon(t), get(s.URL))
	if err == nil {
		_, err = stream.All()
		detail(t, err, problem.ConnectFailed)
	} else {
		detail(t, err, problem.ConnectFailed)
	}
	stream, err = c.Open(soon(t), get(s.URL))
	if err == nil {
		buffer := make([]byte, 100)
		for err == nil {
			_, err = stream.Read(buffer)
		}
		detail(t, err, problem.StreamInterrupted)
	}
}
