package wire

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/web"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// enough is far more than a loaded machine takes for anything here.
const enough = time.Minute

// soon is a context that ends a test that hangs.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), enough)
	t.Cleanup(cancel)
	return ctx
}

// asked is a request as a peer saw it.
type asked struct {
	*http.Request
	body raw.Object
}

// id is the identifier of a request of JSON-RPC, as it was written.
func (a asked) id() string { return string(a.body["id"]) }

// peer is a server of this machine that remembers what it was asked.
type peer struct {
	*httptest.Server
	mu   sync.Mutex
	seen []asked
}

// listen starts a peer that answers with what the function writes.
func listen(t *testing.T, answer func(http.ResponseWriter, asked)) *peer {
	p := &peer{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fields, _ := raw.Parse(body)
		a := asked{r.Clone(r.Context()), fields}
		p.mu.Lock()
		p.seen = append(p.seen, a)
		p.mu.Unlock()
		answer(w, a)
	}))
	t.Cleanup(p.Close)
	return p
}

// requests are what the peer was asked so far.
func (p *peer) requests() []asked {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]asked(nil), p.seen...)
}

// speaks starts a peer that answers every request with one text of JSON, where %ID% is the
// request's identifier.
func write(w http.ResponseWriter, kind string, status int, text string) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// result writes a response of JSON-RPC.
func result(w http.ResponseWriter, a asked, text string) {
	write(w, "application/json", 200, `{"jsonrpc":"2.0","id":`+a.id()+`,"result":`+text+`}`)
}

// transport returns the transport to an interface.
func transport(t *testing.T, at Interface, o Options) Transport {
	client, err := web.New(web.Options{AllowLoopbackHTTP: true,
		Retry: web.Retry{Base: time.Microsecond, Most: time.Microsecond, MostAfter: time.Microsecond}})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	require.NoError(t, client.Own(at.URL))
	made, err := New(at, client, o)
	require.NoError(t, err)
	t.Cleanup(made.Close)
	return made
}

// detail is the error as the one of package problem, of the code that is expected.
func detail(t *testing.T, err error, code problem.Code) *problem.Error {
	t.Helper()
	var e *problem.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, code, e.Code, "%v", err)
	return e
}

// all reads a feed to its end.
func all(t *testing.T, feed Feed) ([]string, error) {
	var found []string
	for {
		event, err := feed.Next(soon(t))
		if err == io.EOF {
			return found, nil
		}
		if err != nil {
			return found, err
		}
		found = append(found, string(event))
	}
}
