package web

import (
	"context"
	"encoding/binary"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

func TestOriginsAreComparedWithTheirPorts(t *testing.T) {
	for raw, want := range map[string]string{
		"https://A.example":               "https://a.example:443",
		"https://a.example:8443/x?y":      "https://a.example:8443",
		"http://[::1]/":                   "http://[::1]:80",
		"https://xn--bcher-kva.example/p": "https://xn--bcher-kva.example:443",
	} {
		got, err := Origin(raw)
		require.NoError(t, err, raw)
		assert.Equal(t, want, got)
	}
}

// H6 and rules 1 and 2: what no address of an agent may be, whoever typed it.
var noAddresses = []string{
	"", "file:///etc/passwd", "ftp://a.example/", "https://", "//a.example", "a.example", "https:a",
	"https://good@evil.example/", "https://u:p@a.example", "https://a.example/#f",
	"https://a.example/#", "https://a.example:0/", "https://a.example:25/", "https://a.example:65536/",
	"https://a.example:/", "https://[fe80::1%25eth0]/", "https://bücher.example/",
	"https://a b.example/", "https://a.example:x/", "https://a\x00b/", "https://a%2fb/",
	"https://a.example/" + strings.Repeat("x", mostURL), "javascript:alert(1)", "https://a^b/",
	`https://good.example\@evil.example/`, `https:\\evil.example`, "https://a.example\n.evil/",
	"https://[::1/", "https://::1/", "https://a.example:-1/",
}

func TestWhatIsNoAddressIsRefused(t *testing.T) {
	c := client(t, "https://a.example", Options{})
	for _, raw := range noAddresses {
		_, err := Origin(raw)
		detail(t, err, problem.InvalidArgument)
		detail(t, c.Own(raw), problem.InvalidArgument)
		detail(t, c.Trust(raw, true), problem.UntrustedOrigin)
		_, err = c.Do(context.Background(), get(raw))
		detail(t, err, problem.UntrustedOrigin)
		_, err = New(Options{AllowedOrigins: []string{raw}})
		detail(t, err, problem.InvalidArgument)
	}
}

func TestHTTPIsForThisMachine(t *testing.T) {
	c := client(t, "", Options{})
	for _, raw := range []string{"http://127.0.0.1:80", "http://localhost/", "http://[::1]:1/",
		"http://a.localhost.", "http://127.9.9.9"} {
		assert.NoError(t, c.Own(raw), raw)
	}
	for _, raw := range []string{"http://a.example", "http://10.0.0.1", "http://169.254.169.254/",
		"http://0.0.0.0/", "http://localhost.example/"} {
		detail(t, c.Own(raw), problem.InvalidArgument)
	}
	strict, err := New(Options{})
	require.NoError(t, err)
	defer strict.Close()
	e := detail(t, strict.Own("http://127.0.0.1:8000"), problem.InvalidArgument)
	assert.Contains(t, e.Error(), "allow_loopback_http")
	assert.NoError(t, strict.Own("https://127.0.0.1:8000"))
}

// H6: what a card names is asked only where the caller or a verified signature stands for it.
func TestACardDoesNotChooseItsOrigin(t *testing.T) {
	c := client(t, "https://a.example/card",
		Options{AllowedOrigins: []string{"https://b.example:8443"}})
	for _, raw := range []string{"https://a.example/rpc", "https://A.EXAMPLE:443/rpc",
		"https://b.example:8443/"} {
		assert.NoError(t, c.Trust(raw, false), raw)
	}
	for _, raw := range []string{"https://b.example/", "https://a.example:8443/",
		"https://evil.example/", "http://a.example/", "http://169.254.169.254/latest",
		"http://[::ffff:7f00:1]/", "https://0.0.0.0/"} {
		e := detail(t, c.Trust(raw, false), problem.UntrustedOrigin)
		assert.Contains(t, e.Error(), "allowed_origins")
		assert.NotEmpty(t, e.Detail["origin"])
	}
	for _, raw := range []string{"http://a.example/", "http://127.0.0.1/", "https://c.example:22/"} {
		detail(t, c.Trust(raw, true), problem.UntrustedOrigin)
	}
	assert.NoError(t, c.Trust("https://c.example/rpc", true))
	assert.NoError(t, c.Trust("https://c.example:8443/rpc", true))
}

// Rule 3: names and numbers that lead into this machine or its network are not dialled.
func TestAVouchedOriginIsDialledInPublicOnly(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	port := s.URL[strings.LastIndex(s.URL, ":"):]
	c := client(t, "https://a.example", Options{})
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0",
		"[::]", "10.0.0.1", "169.254.169.254", "[64:ff9b::7f00:1]", "[fd00:ec2::254]"} {
		raw := "https://" + host + port + "/"
		require.NoError(t, c.Trust(raw, true))
		_, err := c.Do(soon(t), get(raw))
		e := detail(t, err, problem.BlockedAddress)
		assert.NotEmpty(t, e.Detail["address"], host)
	}
	assert.Empty(t, s.requests())
}

// names is a server of names of this machine: every A record is what answer says.
func names(t *testing.T, answer func() [4]byte) *net.Resolver {
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = socket.Close() })
	go func() {
		question := make([]byte, 512)
		for {
			n, from, err := socket.ReadFrom(question)
			if err != nil {
				return
			}
			_, _ = socket.WriteTo(reply(question[:n], answer), from)
		}
	}()
	return &net.Resolver{PreferGo: true,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "udp", socket.LocalAddr().String())
		}}
}

// reply answers a question of DNS (RFC 1035 section 4.1) with one A record, or with none.
func reply(question []byte, answer func() [4]byte) []byte {
	end := 12
	for question[end] != 0 {
		end += int(question[end]) + 1
	}
	end += 5
	kind := binary.BigEndian.Uint16(question[end-4:])
	said := append([]byte{}, question[:end]...)
	binary.BigEndian.PutUint16(said[2:], 0x8180)
	binary.BigEndian.PutUint16(said[6:], 0)
	binary.BigEndian.PutUint32(said[8:], 0)
	if kind != 1 {
		return said
	}
	binary.BigEndian.PutUint16(said[6:], 1)
	ip := answer()
	return append(said, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ip[0], ip[1], ip[2], ip[3])
}

// H6: a name that was in public when the caller typed it, and is bound to this machine later.
func TestANameThatIsBoundAnewIsNotFollowed(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.URL, "http://"))
	require.NoError(t, err)
	c := client(t, "https://agent.example:"+port, Options{})
	c.resolver = names(t, func() [4]byte { return [4]byte{127, 0, 0, 1} })
	c.settle("agent.example:"+port, &net.TCPAddr{IP: net.IPv4(93, 184, 216, 34), Port: 443})
	_, err = c.Do(soon(t), get("https://agent.example:"+port))
	assert.Equal(t, "127.0.0.1", detail(t, err, problem.BlockedAddress).Detail["address"])
	require.NoError(t, c.Trust("https://other.example:"+port, true))
	_, err = c.Do(soon(t), get("https://other.example:"+port))
	detail(t, err, problem.BlockedAddress)
	assert.Empty(t, s.requests())
}

// The caller's own name may lead into its own network; then it must stay there.
func TestTheCallersNameMayBePrivate(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.URL, "http://"))
	require.NoError(t, err)
	c := client(t, "https://agent.example:"+port, Options{})
	var last atomic.Int32
	last.Store(1)
	c.resolver = names(t, func() [4]byte { return [4]byte{127, 0, 0, byte(last.Load())} })
	_, err = c.Do(soon(t), get("https://agent.example:"+port))
	detail(t, err, problem.TLSFailed) // it was dialled, and speaks no TLS
	c.mu.Lock()
	assert.Equal(t, place{true, loopback}, *c.doors["agent.example:"+port])
	c.mu.Unlock()
	c.resolver = names(t, func() [4]byte { return [4]byte{10, 0, 0, 1} })
	c.ways = map[way]*http.Transport{}
	_, err = c.Do(soon(t), get("https://agent.example:"+port))
	detail(t, err, problem.BlockedAddress)
	c.resolver = names(t, func() [4]byte { return [4]byte{169, 254, 169, 254} })
	require.NoError(t, c.Own("https://new.example"))
	_, err = c.Do(soon(t), get("https://new.example"))
	detail(t, err, problem.BlockedAddress)
}

// What the caller typed opens one port of a machine: a card, verified or not, reaches no other.
func TestACardReachesNoOtherPortOfTheCallersMachine(t *testing.T) {
	mine := serve(t, func(http.ResponseWriter, *http.Request) {})
	other := serve(t, func(http.ResponseWriter, *http.Request) {})
	c := client(t, mine.URL, Options{})
	address := strings.Replace(other.URL, "http:", "https:", 1)
	detail(t, c.Trust(address, false), problem.UntrustedOrigin)
	require.NoError(t, c.Trust(address, true))
	_, err := c.Do(soon(t), get(address))
	detail(t, err, problem.BlockedAddress)
	_, err = c.Do(soon(t), get(mine.URL))
	require.NoError(t, err)
	assert.Empty(t, other.requests())
}

func TestPrivateAddressesMayBeAllowed(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	port := s.URL[strings.LastIndex(s.URL, ":"):]
	c := client(t, "https://a.example", Options{AllowPrivate: true})
	require.NoError(t, c.Trust("https://127.0.0.1"+port, true))
	_, err := c.Do(soon(t), get("https://127.0.0.1"+port))
	detail(t, err, problem.TLSFailed)
	require.NoError(t, c.Trust("https://169.254.169.254", true))
	_, err = c.Do(soon(t), get("https://169.254.169.254"))
	detail(t, err, problem.BlockedAddress)
}

func TestWithAProxyTheWrittenHostIsChecked(t *testing.T) {
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(418) })
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	c := client(t, s.URL, Options{Proxy: proxy.URL})
	answer, err := c.Do(soon(t), get(s.URL))
	require.NoError(t, err)
	assert.Equal(t, 418, answer.Status)
	assert.Empty(t, s.requests())
	for _, host := range []string{"10.0.0.1", "localhost", "[::ffff:10.0.0.1]", "2.localhost"} {
		require.NoError(t, c.Trust("https://"+host, true))
		_, err := c.Do(soon(t), get("https://"+host))
		detail(t, err, problem.BlockedAddress)
	}
	for _, bad := range []string{"socks://a", "a.example", "http://", "\x00"} {
		_, err := New(Options{Proxy: bad})
		detail(t, err, problem.InvalidArgument)
	}
	t.Setenv("NO_PROXY", "*")
	plain := client(t, s.URL, Options{Proxy: "env"})
	_, err = plain.Do(soon(t), get(s.URL))
	require.NoError(t, err)
	assert.Len(t, s.requests(), 1)
}

// H7: where a redirect leads is decided here.
func TestRedirects(t *testing.T) {
	other := serve(t, func(http.ResponseWriter, *http.Request) {})
	var to atomic.Value
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/end":
			_, _ = w.Write([]byte("here"))
		case "/twice":
			w.Header().Set("Location", "/once")
			w.WriteHeader(307)
		case "/once":
			w.Header().Set("Location", "end")
			w.WriteHeader(301)
		default:
			w.Header().Set("Location", to.Load().(string))
			w.WriteHeader(302)
		}
	})
	c := client(t, s.URL, Options{AllowedOrigins: []string{other.URL}})
	require.NoError(t, c.SetCredentials([]Credential{{Kind: Bearer, Secret: "sesame-1", Force: true}}))
	r := Request{Method: "GET", URL: s.URL + "/twice", Follow: 3, Credentials: true}
	answer, err := c.Do(soon(t), r)
	require.NoError(t, err)
	assert.Equal(t, "here", string(answer.Body))
	var proofs []string
	for _, asked := range s.requests() {
		proofs = append(proofs, asked.Header.Get("Authorization"))
	}
	assert.Equal(t, []string{"Bearer sesame-1", "", ""}, proofs)
	for _, location := range []string{"", "/loop", other.URL, "https://evil.example/?k=1", "file:///x",
		"http://169.254.169.254/", strings.Replace(s.URL, "http:", "https:", 1),
		"http://u:p@" + strings.TrimPrefix(s.URL, "http://"), "%zz"} {
		to.Store(location)
		r.URL = s.URL + "/loop"
		_, err := c.Do(soon(t), r)
		e := detail(t, err, problem.RedirectBlocked)
		assert.NotContains(t, e.Error(), "k=1")
		assert.NotContains(t, e.Error(), "u:p")
	}
	to.Store("/end")
	for _, r := range []Request{{Method: "POST", URL: s.URL + "/loop", Follow: 3},
		get(s.URL + "/loop")} {
		_, err := c.Do(soon(t), r)
		detail(t, err, problem.RedirectBlocked)
		_, err = c.Open(soon(t), r)
		detail(t, err, problem.RedirectBlocked)
	}
	assert.Empty(t, other.requests())
}

func TestAddressesAreParsedAsTheyAreDialled(t *testing.T) {
	for _, raw := range noAddresses {
		if u, wrong := read(raw); wrong == "" {
			t.Errorf("%q was read as %v", raw, (*url.URL)(u))
		}
	}
}
