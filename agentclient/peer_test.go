package agentclient

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/events"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// patience is far more than a loaded machine takes for anything here.
const patience = time.Minute

// soon is a context that ends a test that hangs.
func soon(t testing.TB) context.Context {
	ctx, stop := context.WithTimeout(context.Background(), patience)
	t.Cleanup(stop)
	return ctx
}

// asked is a request of JSON-RPC as a peer saw it.
type asked struct {
	method string
	id     json.RawMessage
	params raw.Object
	header http.Header
	gone   context.Context // done when the client has gone away
}

// peer is an agent of this machine that does what its script says.
type peer struct {
	t       testing.TB
	secure  bool // speaks TLS
	server  *httptest.Server
	address string

	mu     sync.Mutex
	card   func(w http.ResponseWriter, r *http.Request)
	script map[string]func(*answer)
	seen   []asked
}

// answer is where a script writes its answer to one request.
type answer struct {
	asked
	w http.ResponseWriter
}

// start starts an agent with a card that has these capabilities, as the inside of an object.
func start(t testing.TB, capabilities string, script map[string]func(*answer)) *peer {
	p := &peer{t: t, script: script}
	p.card = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, p.cardText(capabilities))
	}
	p.listen("127.0.0.1:0")
	t.Cleanup(func() { p.kill() })
	return p
}

// streaming is an agent that streams.
func streaming(t testing.TB, script map[string]func(*answer)) *peer {
	return start(t, `"streaming":true`, script)
}

func (p *peer) cardText(capabilities string) string {
	return fmt.Sprintf(`{"name":"n","description":"d","version":"1.0.0","capabilities":{%s},
		"defaultInputModes":["text/plain"],"defaultOutputModes":["text/plain"],
		"skills":[{"id":"s","name":"s","description":"d","tags":["t"]}],
		"supportedInterfaces":[{"url":"%s/rpc","protocolBinding":"JSONRPC",
		"protocolVersion":"1.0"}]}`, capabilities, p.url())
}

// listen starts the agent at an address, which may just have been left.
func (p *peer) listen(address string) {
	var l net.Listener
	require.Eventually(p.t, func() (ok bool) {
		var err error
		l, err = net.Listen("tcp", address)
		return err == nil
	}, patience, 10*time.Millisecond)
	p.address = l.Addr().String()
	p.server = httptest.NewUnstartedServer(http.HandlerFunc(p.serve))
	_ = p.server.Listener.Close()
	p.server.Listener = l
	if p.secure {
		p.server.StartTLS()
		return
	}
	p.server.Start()
}

// kill ends the agent as a kill would: connections break where they are.
func (p *peer) kill() {
	p.server.CloseClientConnections()
	p.server.Close()
}

func (p *peer) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	card := p.card
	p.mu.Unlock()
	if r.Method == http.MethodGet {
		card(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	fields, err := raw.Parse(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a := &answer{w: w, asked: asked{id: fields["id"], header: r.Header, gone: r.Context()}}
	a.method, _ = fields.Text("method")
	a.params, _ = fields.Object("params")
	p.mu.Lock()
	p.seen = append(p.seen, a.asked)
	do := p.script[a.method]
	p.mu.Unlock()
	if do == nil {
		a.fail(-32601, "no such method")
		return
	}
	do(a)
}

// now changes what the agent does.
func (p *peer) now(method string, do func(*answer)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script[method] = do
}

// calls are the methods that the agent was asked for so far.
func (p *peer) calls() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := []string{}
	for _, a := range p.seen {
		list = append(list, a.method)
	}
	return list
}

// times is how often the agent was asked for a method.
func (p *peer) times(method string) (n int) {
	for _, called := range p.calls() {
		if called == method {
			n++
		}
	}
	return n
}

// last is the last request for a method.
func (p *peer) last(method string) asked {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.seen) - 1; i >= 0; i-- {
		if p.seen[i].method == method {
			return p.seen[i]
		}
	}
	return asked{}
}

func (p *peer) url() string {
	if p.secure {
		return "https://" + p.address
	}
	return "http://" + p.address
}

// result answers with a result.
func (a *answer) result(text string) {
	a.w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(a.w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, a.id, text)
}

// fail answers with an error.
func (a *answer) fail(code int, message string) {
	a.w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(a.w, `{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":%q}}`, a.id, code,
		message)
}

// events answers with events, each a StreamResponse.
func (a *answer) events(list ...string) {
	for _, text := range list {
		a.raw(fmt.Sprintf("data: {\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":%s}\n\n", a.id,
			strings.ReplaceAll(text, "\n", "")))
	}
}

// raw answers with a piece of a stream.
func (a *answer) raw(text string) {
	a.w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(a.w, text)
	_ = http.NewResponseController(a.w).Flush()
}

// hang keeps the answer open until the client goes away.
func (a *answer) hang() { <-a.gone.Done() }

// cut ends the connection with a reset.
func (a *answer) cut() {
	conn, _, err := http.NewResponseController(a.w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	if safe, ok := conn.(*tls.Conn); ok { // without the end that TLS wants
		conn = safe.NetConn()
	}
	_ = conn.Close()
}

// quick has everything that waits be short.
func quick(o Options) Options {
	o.AllowLoopbackHTTP = true
	if o.Resume == (Resume{}) {
		o.Resume = Resume{First: time.Millisecond, Most: 4 * time.Millisecond,
			Poll: time.Millisecond, PollMost: 4 * time.Millisecond}
	}
	if o.Retry == (Retry{}) {
		o.Retry = Retry{Max: 1, Base: time.Millisecond, Most: 2 * time.Millisecond}
	}
	return o
}

// connect makes a client of the agent.
func (p *peer) connect(o Options) *Client {
	c, err := Connect(soon(p.t), p.url(), quick(o))
	require.NoError(p.t, err)
	p.t.Cleanup(func() { _ = c.Close() })
	return c
}

// What agents tell of task "t".
func task(state State, artifacts ...string) string {
	return fmt.Sprintf(`{"task":%s}`, bare(state, artifacts...))
}

func bare(state State, artifacts ...string) string {
	return fmt.Sprintf(`{"id":"t","contextId":"c","status":{"state":"%s"},"artifacts":[%s]}`, state,
		strings.Join(artifacts, ","))
}

func artifact(texts ...string) string {
	var parts []string
	for _, text := range texts {
		parts = append(parts, string(raw.Of(map[string]string{"text": text})))
	}
	return `{"artifactId":"a","parts":[` + strings.Join(parts, ",") + `]}`
}

func piece(texts ...string) string {
	return `{"artifactUpdate":{"taskId":"t","contextId":"c","append":true,"artifact":` +
		artifact(texts...) + `}}`
}

func state(s State) string {
	return fmt.Sprintf(`{"statusUpdate":{"taskId":"t","contextId":"c","status":{"state":"%s"}}}`, s)
}

// textOf joins the texts of all artifacts of a task.
func textOf(t testing.TB, taskJSON json.RawMessage) string {
	var read struct {
		Artifacts []struct{ Parts []struct{ Text string } }
	}
	require.NoError(t, json.Unmarshal(taskJSON, &read))
	var b strings.Builder
	for _, a := range read.Artifacts {
		for _, part := range a.Parts {
			b.WriteString(part.Text)
		}
	}
	return b.String()
}

// all reads a stream to its end.
func all(t testing.TB, s *Stream) ([]Update, error) {
	var list []Update
	for {
		update, err := s.Next(soon(t))
		if err != nil {
			_, again := s.Next(soon(t))
			assert.Equal(t, err, again, "the end stays")
			return list, err
		}
		list = append(list, update)
	}
}

// kinds are the kinds of updates, with "+" for resumed and "!" for a gap.
func kinds(list []Update) string {
	var said []string
	for i, update := range list {
		text := string(update.Kind)
		if update.Resumed {
			text += "+"
		}
		if update.Gap {
			text += "!"
		}
		if update.Seq != uint64(i+1) {
			text += fmt.Sprintf("(%d)", update.Seq)
		}
		said = append(said, text)
	}
	return strings.Join(said, " ")
}

func detail(err error, key string) any {
	e := (*problem.Error)(nil)
	if !asProblem(err, &e) {
		return nil
	}
	return e.Detail[key]
}

// artifactOf is the artifact of an update.
func artifactOf(t testing.TB, update Update) string {
	outer, err := raw.Part(update.Raw)
	require.NoError(t, err)
	inner, err := outer.Object("artifactUpdate")
	require.NoError(t, err)
	return string(inner["artifact"])
}

func eventOf(t testing.TB, text string) events.Event {
	e, err := events.Parse([]byte(text))
	require.NoError(t, err)
	return e
}
