package peertest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/a2aproject/a2a-go/v2/a2acompat/a2av0"
	"github.com/a2aproject/a2a-go/v2/a2asrv"
	"github.com/a2aproject/a2a-go/v2/a2asrv/push"
	"github.com/a2aproject/a2a-go/v2/a2asrv/taskstore"
)

// asked is one request that the agent got.
type asked struct {
	method, path, query string
	header              http.Header
	body                []byte
}

// peer is an agent of a2a-go on the loopback; its URL is the server's.
type peer struct {
	*httptest.Server
	executor *executor
	mu       sync.Mutex
	asked    []asked
}

// requests returns what was asked of the interfaces since the last time.
func (p *peer) requests() []asked {
	p.mu.Lock()
	defer p.mu.Unlock()
	took := p.asked
	p.asked = nil
	return took
}

// speech is a way to speak: binding and version, as cards have them.
type speech struct{ binding, version string }

func (s speech) String() string { return s.binding + " " + s.version }

var speeches = []speech{{"JSONRPC", "1.0"}, {"HTTP+JSON", "1.0"}, {"JSONRPC", "0.3"}}

// paths of the interfaces; the one of HTTP+JSON has a path of its own below.
var paths = map[speech]string{
	{"JSONRPC", "1.0"}: "/rpc", {"HTTP+JSON", "1.0"}: "/rest", {"JSONRPC", "0.3"}: "/old",
}

// newPeer starts an agent whose card names the given ways, in their order; it ends with the test.
func newPeer(t *testing.T, speaks ...speech) *peer {
	t.Helper()
	p := &peer{executor: &executor{parked: make(chan struct{}, 1000), release: make(chan struct{})}}
	mux := http.NewServeMux()
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	t.Cleanup(p.CloseClientConnections)
	t.Cleanup(p.executor.open)
	extended := p.card(speaks)
	extended.Skills = append(extended.Skills, a2a.AgentSkill{ID: "hidden", Name: "hidden",
		Description: "only for those who are known", Tags: []string{"test"}})
	everybody := func(context.Context) (string, error) { return "everybody", nil }
	handler := a2asrv.NewHandler(p.executor,
		a2asrv.WithTaskStore(taskstore.NewInMemory(&taskstore.InMemoryStoreConfig{
			Authenticator: everybody})),
		a2asrv.WithExtendedAgentCard(extended),
		a2asrv.WithLogger(slog.New(slog.DiscardHandler)),
		a2asrv.WithPushNotifications(push.NewInMemoryStore(), push.NewHTTPPushSender(nil)))
	mux.Handle("/.well-known/agent-card.json", p.cardHandler(speaks))
	mux.Handle("/rpc", p.noting(a2asrv.NewJSONRPCHandler(handler)))
	mux.Handle("/old", p.noting(a2av0.NewJSONRPCHandler(handler)))
	mux.Handle("/rest/", p.noting(http.StripPrefix("/rest", a2asrv.NewRESTHandler(handler))))
	return p
}

// cardHandler serves the card: that of 0.3 where the agent speaks nothing else.
func (p *peer) cardHandler(speaks []speech) http.Handler {
	if len(speaks) == 1 && speaks[0].version == "0.3" {
		return a2asrv.NewAgentCardHandler(a2av0.NewStaticAgentCardProducer(p.card(speaks)))
	}
	return a2asrv.NewStaticAgentCardHandler(p.card(speaks))
}

func (p *peer) card(speaks []speech) *a2a.AgentCard {
	card := &a2a.AgentCard{Name: "Go peer", Description: "does what the first word says",
		Version: "1.0.0", DefaultInputModes: []string{"text/plain"},
		DefaultOutputModes: []string{"text/plain"},
		Capabilities: a2a.AgentCapabilities{Streaming: true, PushNotifications: true,
			ExtendedAgentCard: true}}
	for _, s := range speaks {
		card.SupportedInterfaces = append(card.SupportedInterfaces, &a2a.AgentInterface{
			URL: p.URL + paths[s], ProtocolBinding: a2a.TransportProtocol(s.binding),
			ProtocolVersion: a2a.ProtocolVersion(s.version)})
	}
	for _, name := range []string{"echo", "count", "ask", "wait"} {
		card.Skills = append(card.Skills, a2a.AgentSkill{ID: name, Name: name,
			Description: name + " what is said", Tags: []string{"test"}})
	}
	return card
}

// noting keeps every request that passes.
func (p *peer) noting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // who asked has gone
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		p.mu.Lock()
		p.asked = append(p.asked, asked{r.Method, r.URL.EscapedPath(), r.URL.RawQuery,
			r.Header.Clone(), body})
		p.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

// executor does what the first word of a task says: echo TEXT, count N [hold K], fail TEXT, raise,
// ask TEXT, wait, message TEXT. A task that holds or waits says so in parked.
type executor struct {
	parked  chan struct{}
	release chan struct{}
	once    sync.Once
}

// open lets every task that holds go on.
func (e *executor) open() { e.once.Do(func() { close(e.release) }) }

// Execute is the agent's work.
func (e *executor) Execute(ctx context.Context, now *a2asrv.ExecutorContext,
) iter.Seq2[a2a.Event, error] {
	return func(yield func(a2a.Event, error) bool) {
		said := now.Message.Parts[0].Text()
		verb, rest, _ := strings.Cut(said, " ")
		status := func(state a2a.TaskState, text string) bool {
			var message *a2a.Message
			if text != "" {
				message = a2a.NewMessageForTask(a2a.MessageRoleAgent, now, a2a.NewTextPart(text))
			}
			return yield(a2a.NewStatusUpdateEvent(now, state, message), nil)
		}
		if now.StoredTask != nil {
			_ = yield(a2a.NewArtifactEvent(now, a2a.NewTextPart(said)), nil) &&
				status(a2a.TaskStateCompleted, "")
			return
		}
		if verb == "message" {
			yield(a2a.NewMessage(a2a.MessageRoleAgent, a2a.NewTextPart(rest)), nil)
			return
		}
		if !yield(a2a.NewSubmittedTask(now, now.Message), nil) ||
			!status(a2a.TaskStateWorking, "") {
			return
		}
		switch verb {
		case "echo":
			_ = yield(a2a.NewArtifactEvent(now, now.Message.Parts...), nil) &&
				status(a2a.TaskStateCompleted, "")
		case "count":
			_ = e.count(ctx, now, strings.Fields(rest), yield) && status(a2a.TaskStateCompleted, "")
		case "fail":
			status(a2a.TaskStateFailed, rest)
		case "ask":
			status(a2a.TaskStateInputRequired, rest)
		case "wait":
			e.parked <- struct{}{}
			<-ctx.Done()
		default:
			yield(nil, fmt.Errorf("the agent does not know %q", verb))
		}
	}
}

// count sends pieces of one artifact and tells whether all went out.
func (e *executor) count(ctx context.Context, now *a2asrv.ExecutorContext, words []string,
	yield func(a2a.Event, error) bool) bool {
	count, _ := strconv.Atoi(words[0])
	hold := -1
	if at := slices.Index(words, "hold"); at >= 0 {
		hold, _ = strconv.Atoi(words[at+1])
	}
	for i := range count {
		if i == hold {
			e.parked <- struct{}{}
			select {
			case <-e.release:
			case <-ctx.Done():
				return false
			}
		}
		part := a2a.NewTextPart(strconv.Itoa(i+1) + " ")
		event := a2a.NewArtifactUpdateEvent(now, "numbers", part)
		event.Append, event.LastChunk = i > 0, i == count-1
		if !yield(event, nil) {
			return false
		}
	}
	return true
}

// Cancel says that the task is cancelled.
func (e *executor) Cancel(_ context.Context, now *a2asrv.ExecutorContext,
) iter.Seq2[a2a.Event, error] {
	return func(yield func(a2a.Event, error) bool) {
		yield(a2a.NewStatusUpdateEvent(now, a2a.TaskStateCanceled, nil), nil)
	}
}
