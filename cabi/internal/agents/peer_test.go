package agents

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const patience = 30 * time.Second

// peer is an agent on the loopback: "count N" tells of N updates, "hang" of one, and is then silent
// until whoever asked goes away, "cut N" breaks off after N.
type peer struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []string // methods, and the Authorization that came with them
	gone   int
	refuse func(method, proof string) bool
}

func start(t *testing.T) *peer {
	p := &peer{}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	return p
}

func (p *peer) card() string {
	return fmt.Sprintf(`{"name":"counter","description":"d","version":"1.0.0",
		"supportedInterfaces":[{"url":%q,"protocolBinding":"JSONRPC","protocolVersion":"1.0"}],
		"capabilities":{"streaming":true,"pushNotifications":true},"defaultInputModes":["text/plain"],
		"defaultOutputModes":["text/plain"],"skills":[{"id":"s","name":"s","description":"d",
		"tags":["t"]}],"securitySchemes":{"b":{"httpAuthSecurityScheme":{"scheme":"Bearer"}}},
		"securityRequirements":[{"schemes":{"b":{"list":[]}}}]}`, p.URL+"/rpc")
}

// heard notes what was asked, and tells whether it is answered.
func (p *peer) heard(method, proof string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, strings.TrimSpace(method+" "+proof))
	return p.refuse == nil || !p.refuse(method, proof)
}

func (p *peer) methods() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.asked...)
}

func (p *peer) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, p.card())
		return
	}
	var q struct {
		ID     json.RawMessage
		Method string
		Params struct {
			ID      string
			Message struct{ Parts []struct{ Text string } }
		}
	}
	if json.NewDecoder(r.Body).Decode(&q) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if !p.heard(q.Method, r.Header.Get("Authorization")) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	say := func(result string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, q.ID, result)
	}
	switch {
	case q.Method == "SendStreamingMessage":
		p.stream(w, r, say, q.Params.Message.Parts[0].Text)
		return
	case q.Method == "SubscribeToTask":
		p.stream(w, r, say, "count 2")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, say(p.result(q.Method)))
}

func (p *peer) result(method string) string {
	switch method {
	case "SendMessage":
		return `{"task":` + task("WORKING") + `}`
	case "ListTasks":
		return `{"tasks":[` + task("COMPLETED") + `],"nextPageToken":"2"}`
	case "CancelTask":
		return task("CANCELED")
	case "ListTaskPushNotificationConfigs":
		return `{"configs":[` + push + `]}`
	case "CreateTaskPushNotificationConfig", "GetTaskPushNotificationConfig":
		return push
	case "DeleteTaskPushNotificationConfig":
		return `{}`
	}
	return task("COMPLETED")
}

const push = `{"taskId":"t-1","id":"p-1","url":"https://me.example/"}`

func task(state string) string {
	return `{"id":"t-1","contextId":"c-1","status":{"state":"TASK_STATE_` + state + `"}}`
}

func (p *peer) stream(
	w http.ResponseWriter, r *http.Request, say func(string) string, text string,
) {
	w.Header().Set("Content-Type", "text/event-stream")
	tell := func(event string) {
		_, _ = fmt.Fprintf(w, "data: %s\n\n", say(event))
		w.(http.Flusher).Flush()
	}
	verb, number, _ := strings.Cut(text, " ")
	tell(`{"task":` + task("WORKING") + `}`)
	n, _ := strconv.Atoi(number)
	for i := range n - 2 {
		tell(fmt.Sprintf(`{"artifactUpdate":{"taskId":"t-1","contextId":"c-1","append":%t,`+
			`"artifact":{"artifactId":"a","parts":[{"data":%d}]}}}`, i > 0, 9007199254740993+i))
	}
	switch verb {
	case "hang":
		<-r.Context().Done()
		p.mu.Lock()
		p.gone++
		p.mu.Unlock()
	case "cut":
		panic(http.ErrAbortHandler)
	default:
		tell(`{"statusUpdate":{"taskId":"t-1","contextId":"c-1","status":{"state":` +
			`"TASK_STATE_COMPLETED"}}}`)
	}
}

func (p *peer) left() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone
}

// eventually waits until something is true.
func eventually(t *testing.T, true func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !true(); time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(end), "it does not become true")
	}
}

// answered is an answer of Call.Do or Ask, read.
type answered struct {
	OK    json.RawMessage `json:"ok"`
	Error *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		TaskID  string `json:"task_id"`
	} `json:"error"`
}

func parsed(t *testing.T, text []byte) (a answered) {
	t.Helper()
	require.NoError(t, json.Unmarshal(text, &a), string(text))
	return a
}

// do carries an operation out that succeeds, and returns its answer and what it made.
func do(t *testing.T, op string, on any, request string) (json.RawMessage, any) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	answer := Call{Op: op, On: on, Request: []byte(request)}.Do(ctx)
	said := parsed(t, answer.JSON)
	require.Nil(t, said.Error, string(answer.JSON))
	return said.OK, answer.Made
}

// fails carries an operation out that does not succeed, and returns the error's code.
func fails(t *testing.T, op string, on any, request string) string {
	t.Helper()
	answer := Call{Op: op, On: on, Request: []byte(request)}.Do(context.Background())
	said := parsed(t, answer.JSON)
	require.NotNil(t, said.Error, string(answer.JSON))
	require.Nil(t, answer.Made)
	require.NotEmpty(t, said.Error.Message)
	return said.Error.Code
}

const local = `"network":{"allow_loopback_http":true},"retry":{"retries":0,"first_wait":0.01,` +
	`"longest_wait":0.1,"longest_retry_after":1,"send":"safe","resume_attempts":3,"resume_for":20}`

// connected is a client of a peer.
func connected(t *testing.T, p *peer, more string) *Agent {
	t.Helper()
	_, made := do(t, "connect", nil, fmt.Sprintf(`{"url":%q,%s%s}`, p.URL, local, more))
	a := made.(*Agent)
	t.Cleanup(func() { _ = a.client.Close() })
	return a
}

func streamed(t *testing.T, a *Agent, text string) *Stream {
	t.Helper()
	_, made := do(t, "stream", a, `{"task":{"message":{"parts":[{"text":"`+text+`"}]}}}`)
	s := made.(*Stream)
	t.Cleanup(s.Close)
	return s
}
