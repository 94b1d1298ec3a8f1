package agentclient

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/wire"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

func TestConnectingReadsTheCard(t *testing.T) {
	p := streaming(t, map[string]func(*answer){})
	c := p.connect(Options{})
	assert.Equal(t, "n", c.Card().Name)
	assert.Equal(t, "http://"+p.address+"/rpc", c.Interface().URL)
	assert.Equal(t, "unsigned", c.Trust().Level)
	assert.Contains(t, string(c.CardJSON()), `"supportedInterfaces"`)
	for _, address := range []string{"", "::", "agent.example", "ftp://a.example", "http://a.example",
		"https://user@a.example", "https://a.example:25"} {
		_, err := Connect(soon(t), address, Options{})
		assert.True(t, problem.Is(err, problem.InvalidArgument), "%s: %v", address, err)
		assert.Contains(t, err.Error(), "connect: ")
	}
	p.card = func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }
	_, err := Connect(soon(t), p.url(), quick(Options{}))
	assert.True(t, problem.Is(err, problem.CardNotFound), "%v", err)
	assert.Equal(t, int64(404), detail(err, "status"))
	p.card = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }
	_, err = Connect(soon(t), p.url(), quick(Options{}))
	assert.True(t, problem.Is(err, problem.CardInvalid), "%v", err)
	p.card = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }
	_, err = Connect(soon(t), p.url(), quick(Options{}))
	assert.True(t, problem.Is(err, problem.Unauthenticated), "%v", err)
	p.card = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(strings.Repeat("x", 600<<10)))
	}
	_, err = Connect(soon(t), p.url(), quick(Options{}))
	assert.True(t, problem.Is(err, problem.ResponseTooLarge), "%v", err)
	p.kill()
	_, err = Connect(soon(t), p.url(), quick(Options{}))
	assert.True(t, problem.Is(err, problem.ConnectFailed), "%v", err)
}

func TestWhereCardsAre(t *testing.T) {
	for address, want := range map[string][2]string{
		"https://a.example":           {"", "https://a.example/.well-known/agent-card.json"},
		"https://a.example/":          {"", "https://a.example/.well-known/agent-card.json"},
		"https://a.example/x/":        {"", "https://a.example/x/.well-known/agent-card.json"},
		"https://a.example/x/c.json":  {"", "https://a.example/x/c.json"},
		"https://a.example/x":         {"card", "https://a.example/x/card"},
		"https://a.example/y":         {"https://b.example/c", "https://b.example/c"},
		"https://a.example:8443/?q=1": {"", "https://a.example:8443/.well-known/agent-card.json?q=1"},
	} {
		got, err := cardAddress(address, &Options{CardPath: want[0]})
		require.NoError(t, err)
		assert.Equal(t, want[1], got)
	}
	got, err := cardAddress("https://a.example", &Options{Dialect: "rvagent-0.1"})
	require.NoError(t, err)
	assert.Equal(t, "https://a.example/.well-known/agent.json", got)
}

func TestOptionsThatMeanNothingAreRefused(t *testing.T) {
	minus := int64(-1)
	for name, o := range map[string]Options{
		"versions": {Versions: []string{"2.0"}}, "none": {Versions: []string{}},
		"bindings": {Bindings: []string{"GRPC"}}, "dialect": {Dialect: "x"},
		"extensions": {Extensions: []string{"a,b"}}, "policy": {Policy: &TaskPolicy{MaxTokens: &minus}},
		"recursion": {Recursion: RecursionPolicy{MaxCallDepth: -1}}, "proxy": {Proxy: "x"},
		"auth": {Auth: []Credential{{Kind: "x"}}}, "endpoint": {Endpoint: "x"},
		"origins": {AllowedOrigins: []string{"x"}}, "self": {Self: "me"},
	} {
		_, err := FromCard(soon(t), nil, o)
		assert.True(t, problem.Is(err, problem.InvalidArgument), "%s: %v", name, err)
	}
}

func TestACardOfTheCallers(t *testing.T) {
	p := streaming(t, map[string]func(*answer){"GetTask": func(a *answer) { a.result(bare(Working)) }})
	text := []byte(p.cardText(""))
	_, err := FromCard(soon(t), text, quick(Options{}))
	assert.True(t, problem.Is(err, problem.UntrustedOrigin), "%v", err)
	c, err := FromCard(soon(t), text, quick(Options{Endpoint: p.url() + "/rpc"}))
	require.NoError(t, err)
	defer c.Close()
	text[0] = 'x' // what the caller changes afterwards
	_, err = c.GetTask(soon(t), "t", nil)
	assert.NoError(t, err)
	_, _, err = c.RefreshCard(soon(t))
	assert.True(t, problem.Is(err, problem.InvalidArgument), "%v", err)
	_, err = FromCard(soon(t), make([]byte, 600<<10), quick(Options{}))
	assert.True(t, problem.Is(err, problem.CardInvalid), "%v", err)
}

func TestTasksAreAskedForListedAndCancelled(t *testing.T) {
	p := streaming(t, map[string]func(*answer){
		"GetTask":    func(a *answer) { a.result(bare(Working)) },
		"CancelTask": func(a *answer) { a.result(bare(Canceled)) },
		"ListTasks": func(a *answer) {
			a.result(`{"tasks":[` + bare(Working) + `],"nextPageToken":"n","totalSize":7}`)
		},
	})
	c, two := p.connect(Options{}), 2
	got, err := c.GetTask(soon(t), "t", &two)
	require.NoError(t, err)
	assert.JSONEq(t, bare(Working), string(got))
	assert.JSONEq(t, `{"id":"t","historyLength":2}`, string(raw.Of(p.last("GetTask").params)))
	got, err = c.CancelTask(soon(t), "t", map[string]any{"why": 1})
	require.NoError(t, err)
	assert.JSONEq(t, bare(Canceled), string(got))
	assert.JSONEq(t, `{"id":"t","metadata":{"why":1}}`, string(raw.Of(p.last("CancelTask").params)))
	page, err := c.ListTasks(soon(t), ListQuery{ContextID: "c", State: Working, PageSize: 1,
		Since: time.Unix(0, 0), PageToken: "p", HistoryLength: &two, IncludeArtifacts: true})
	require.NoError(t, err)
	assert.Equal(t, []any{1, "n", int64(7)}, []any{len(page.Tasks), page.Next, page.Total})
	assert.JSONEq(t, `{"contextId":"c","status":"TASK_STATE_WORKING","pageSize":1,"pageToken":"p",
		"statusTimestampAfter":"1970-01-01T00:00:00Z","historyLength":2,"includeArtifacts":true}`,
		string(raw.Of(p.last("ListTasks").params)))
	p.now("ListTasks", func(a *answer) { a.result(`{"tasks":3}`) })
	_, err = c.ListTasks(soon(t), ListQuery{})
	assert.True(t, problem.Is(err, problem.InvalidAgentResponse), "%v", err)
	p.now("ListTasks", func(a *answer) { a.result(`{}`) })
	page, err = c.ListTasks(soon(t), ListQuery{})
	require.NoError(t, err)
	assert.Equal(t, ListPage{Total: -1}, page)

	before, minus := len(p.calls()), -1
	for name, do := range map[string]func() error{
		"path":  func() error { _, err := c.GetTask(soon(t), "../x?y", nil); return err },
		"lines": func() error { _, err := c.CancelTask(soon(t), "a\r\nb", nil); return err },
		"long": func() error {
			_, err := c.Subscribe(soon(t), strings.Repeat("x", 1<<20))
			return err
		},
		"empty":   func() error { _, err := c.GetTask(soon(t), "", nil); return err },
		"history": func() error { _, err := c.GetTask(soon(t), "t", &minus); return err },
		"page":    func() error { _, err := c.ListTasks(soon(t), ListQuery{PageSize: 101}); return err },
		"context": func() error {
			_, err := c.ListTasks(soon(t), ListQuery{ContextID: "a/b"})
			return err
		},
		"meta": func() error {
			_, err := c.CancelTask(soon(t), "t", map[string]any{"x": func() {}})
			return err
		},
	} {
		err := do()
		assert.True(t, problem.Is(err, problem.InvalidArgument), "%s: %v", name, err)
	}
	assert.Equal(t, before, len(p.calls()), "nothing is sent")
}

func TestPushConfigurations(t *testing.T) {
	config := `{"taskId":"t","id":"p1","url":"https://me.example/"}`
	p := start(t, `"pushNotifications":true`, map[string]func(*answer){
		wire.CreatePush: func(a *answer) { a.result(config) },
		wire.GetPush:    func(a *answer) { a.result(config) },
		wire.DeletePush: func(a *answer) { a.result("null") },
		wire.ListPush: func(a *answer) {
			if a.params.Has("pageToken") {
				a.result(`{"configs":[` + config + `]}`)
				return
			}
			a.result(`{"configs":[` + config + `,` + config + `],"nextPageToken":"n"}`)
		},
	})
	c := p.connect(Options{})
	made, err := c.PushSet(soon(t), "t", PushConfig{ID: "p1", URL: "https://me.example/", Token: "k",
		Scheme: "Bearer", Credentials: "x"})
	require.NoError(t, err)
	assert.JSONEq(t, config, string(made))
	assert.JSONEq(t, `{"taskId":"t","id":"p1","url":"https://me.example/","token":"k",
		"authentication":{"scheme":"Bearer","credentials":"x"}}`,
		string(raw.Of(p.last(wire.CreatePush).params)))
	_, err = c.PushGet(soon(t), "t", "p1")
	require.NoError(t, err)
	list, err := c.PushList(soon(t), "t")
	require.NoError(t, err)
	assert.Len(t, list, 3)
	require.NoError(t, c.PushDelete(soon(t), "t", "p1"))
	_, err = c.PushSet(soon(t), "t", PushConfig{})
	assert.True(t, problem.Is(err, problem.InvalidArgument), "%v", err)
	_, err = c.PushSet(soon(t), "t", PushConfig{ID: "a/b", URL: "https://me.example/"})
	assert.True(t, problem.Is(err, problem.InvalidArgument), "%v", err)
	p.now(wire.ListPush, func(a *answer) { a.result(`{"configs":1}`) })
	_, err = c.PushList(soon(t), "t")
	assert.True(t, problem.Is(err, problem.InvalidAgentResponse), "%v", err)

	none := streaming(t, map[string]func(*answer){}).connect(Options{})
	_, err = none.PushGet(soon(t), "t", "p1")
	assert.True(t, problem.Is(err, problem.PushNotSupported), "%v", err)
}

func TestTheExtendedCardTakesTheOthersPlace(t *testing.T) {
	p := start(t, `"extendedAgentCard":true`, map[string]func(*answer){})
	c := p.connect(Options{})
	p.now(wire.GetExtendedCard, func(a *answer) {
		a.result(strings.Replace(p.cardText(`"streaming":true`), `"name":"n"`, `"name":"more"`, 1))
	})
	found, err := c.ExtendedCard(soon(t))
	require.NoError(t, err)
	assert.Equal(t, "more", found.Name)
	assert.True(t, c.Card().Capabilities.Streaming)
	_, err = c.ExtendedCard(soon(t))
	assert.True(t, problem.Is(err, problem.ExtendedCardNotConfigured), "%v", err)

	other := p.connect(Options{})
	p.now(wire.GetExtendedCard, func(a *answer) {
		a.result(strings.Replace(p.cardText(""), p.address, "169.254.169.254", 1))
	})
	_, err = other.ExtendedCard(soon(t))
	assert.True(t, problem.Is(err, problem.UntrustedOrigin), "%v", err)
	assert.Equal(t, "n", other.Card().Name, "the card before stays")
}

// An agent that knows another version than its card says is asked in that one, if the caller wants.
func TestAnotherVersionIsTriedOnlyWhereWanted(t *testing.T) {
	p := streaming(t, map[string]func(*answer){
		"tasks/get": func(a *answer) {
			a.result(`{"id":"t","contextId":"c","kind":"task","status":{"state":"working"}}`)
		},
	})
	p.card = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, strings.Replace(p.cardText(""), `"supportedInterfaces":[`,
			`"supportedInterfaces":[{"url":"http://`+p.address+
				`/","protocolBinding":"JSONRPC","protocolVersion":"0.3"},`, 1))
	}
	_, err := p.connect(Options{}).GetTask(soon(t), "t", nil)
	assert.True(t, problem.Is(err, problem.MethodNotFound), "%v", err)
	assert.Contains(t, err.Error(), "0.3")
	c := p.connect(Options{Fallback: true})
	got, err := c.GetTask(soon(t), "t", nil)
	require.NoError(t, err)
	assert.Contains(t, string(got), "TASK_STATE_WORKING")
	assert.Equal(t, "0.3", c.Interface().Version)
	_, err = c.GetTask(soon(t), "t", nil)
	require.NoError(t, err)
	assert.Equal(t, 2, p.times("GetTask"))
}

func TestCredentialsAreReplaced(t *testing.T) {
	p := streaming(t, map[string]func(*answer){"GetTask": func(a *answer) { a.result(bare(Working)) }})
	key := func(secret string) []Credential {
		return []Credential{{Kind: "bearer", Secret: secret, Force: true}}
	}
	c := p.connect(Options{Auth: key("one")})
	for _, secret := range []string{"one", "two"} {
		require.NoError(t, c.SetCredentials(key(secret)))
		_, err := c.GetTask(soon(t), "t", nil)
		require.NoError(t, err)
		assert.Equal(t, "Bearer "+secret, p.last("GetTask").header.Get("Authorization"))
	}
	assert.True(t, problem.Is(c.SetCredentials([]Credential{{}}), problem.InvalidArgument))
}

func TestAPanicIsAnError(t *testing.T) {
	c := streaming(t, map[string]func(*answer){}).connect(Options{})
	told := make(chan error, 1)
	require.NoError(t, c.spawn(func() error { panic("here") }, func(err error) { told <- err }))
	err := <-told
	assert.ErrorContains(t, err, "panicked")
	assert.NotContains(t, err.Error(), "here")
	assert.Equal(t, err, named(err, "x"))
	assert.True(t, problem.Is(named(io.ErrUnexpectedEOF, "x"), problem.Internal))
	assert.NoError(t, named(nil, "x"))
}

// What many goroutines do at once is done by each.
func TestAClientIsForManyGoroutines(t *testing.T) {
	p := streaming(t, map[string]func(*answer){
		"GetTask":              func(a *answer) { a.result(bare(Working)) },
		"SendStreamingMessage": func(a *answer) { a.events(task(Working), state(Completed)) },
	})
	c := p.connect(Options{})
	var running sync.WaitGroup
	for range 8 {
		running.Add(1)
		go func() {
			defer running.Done()
			for range 5 {
				_, err := c.GetTask(context.Background(), "t", nil)
				assert.NoError(t, err)
				_, _, err = c.RefreshCard(context.Background())
				assert.NoError(t, err)
				done, err := c.Run(context.Background(), Text("x"))
				assert.NoError(t, err)
				assert.Equal(t, Completed, done.State)
			}
		}()
	}
	running.Wait()
}
