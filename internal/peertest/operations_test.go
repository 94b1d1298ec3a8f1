package peertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// connect makes a client that speaks one way; it ends with the test.
func connect(t *testing.T, p *peer, how speech) *agentclient.Client {
	t.Helper()
	client, err := agentclient.Connect(context.Background(), p.URL, agentclient.Options{
		AllowLoopbackHTTP: true, Versions: []string{how.version}, Bindings: []string{how.binding}})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, client.Close()) })
	at := client.Interface()
	require.Equal(t, how, speech{at.Binding, at.Version})
	return client
}

// each runs a test once for every way to speak, each with an agent of its own; then it reads all
// requests as a2a-go's types.
func each(t *testing.T, test func(t *testing.T, p *peer, client *agentclient.Client)) {
	t.Helper()
	for _, how := range speeches {
		t.Run(how.String(), func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, how)
			test(t, p, connect(t, p, how))
			if how.binding == "JSONRPC" {
				for _, one := range p.requests() {
					checkEnvelope(t, one)
				}
			}
		})
	}
}

// read reads what the client gave back as a2a-go's type, which must know all of it.
func read[T any](t *testing.T, data json.RawMessage) *T {
	t.Helper()
	into := new(T)
	require.NoError(t, readAs(data, into), "%s", data)
	return into
}

// texts are the texts of all artifacts, piece by piece.
func texts(task *a2a.Task) string {
	var all []string
	for _, artifact := range task.Artifacts {
		for _, part := range artifact.Parts {
			all = append(all, part.Text())
		}
	}
	return strings.Join(all, "|")
}

// drain reads a stream to its end.
func drain(t *testing.T, stream *agentclient.Stream) []agentclient.Update {
	t.Helper()
	var all []agentclient.Update
	for {
		update, err := stream.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		read[a2a.StreamResponse](t, update.Raw)
		all = append(all, update)
	}
}

func run(t *testing.T, client *agentclient.Client, text string) *agentclient.TaskState {
	t.Helper()
	state, err := client.Run(context.Background(), agentclient.Text(text))
	require.NoError(t, err)
	return state
}

func TestATaskFromBeginningToEnd(t *testing.T) {
	each(t, func(t *testing.T, _ *peer, client *agentclient.Client) {
		state := run(t, client, "echo hé 漢字 \"quoted\"")
		assert.Equal(t, agentclient.Completed, state.State)
		assert.Equal(t, "echo hé 漢字 \"quoted\"", texts(read[a2a.Task](t, state.Task)))
		one := 1
		got, err := client.GetTask(context.Background(), state.TaskID, &one)
		require.NoError(t, err)
		task := read[a2a.Task](t, got)
		assert.Equal(t, a2a.TaskID(state.TaskID), task.ID)
		assert.Equal(t, a2a.TaskStateCompleted, task.Status.State)
	})
}

func TestPartsOfEveryKindComeBackAsTheyWere(t *testing.T) {
	parts := `[{"text":"echo"},{"raw":"AAEC/w==","mediaType":"image/png","filename":"a.png"},` +
		`{"url":"https://example.org/a","mediaType":"text/plain"},{"data":{"a":[1,null,{"b":""}]}}]`
	each(t, func(t *testing.T, _ *peer, client *agentclient.Client) {
		spec := agentclient.TaskSpec{Message: json.RawMessage(`{"parts":` + parts + `}`)}
		state, err := client.Run(context.Background(), spec)
		require.NoError(t, err)
		var task struct {
			Artifacts []struct{ Parts json.RawMessage }
		}
		require.NoError(t, json.Unmarshal(state.Task, &task))
		require.Len(t, task.Artifacts, 1)
		var sent, back any
		require.NoError(t, json.Unmarshal([]byte(parts), &sent))
		require.NoError(t, json.Unmarshal(task.Artifacts[0].Parts, &back))
		assert.NoError(t, lost("parts", sent, back))
	})
}

func TestAnAnswerWithoutATask(t *testing.T) {
	each(t, func(t *testing.T, _ *peer, client *agentclient.Client) {
		reply, err := client.Send(context.Background(), agentclient.Text("message hello"))
		require.NoError(t, err)
		assert.Nil(t, reply.Task)
		assert.Equal(t, "hello", read[a2a.Message](t, reply.Message).Parts[0].Text())
	})
}

func TestATaskThatFails(t *testing.T) {
	each(t, func(t *testing.T, _ *peer, client *agentclient.Client) {
		state := run(t, client, "fail no luck")
		assert.Equal(t, agentclient.Failed, state.State)
		assert.Equal(t, "no luck", read[a2a.Task](t, state.Task).Status.Message.Parts[0].Text())
	})
}

func TestAStreamOfPieces(t *testing.T) {
	each(t, func(t *testing.T, _ *peer, client *agentclient.Client) {
		stream, err := client.Stream(context.Background(), agentclient.Text("count 5"))
		require.NoError(t, err)
		defer func() { assert.NoError(t, stream.Close()) }()
		var kinds []string
		for i, update := range drain(t, stream) {
			assert.Equal(t, uint64(i+1), update.Seq)
			assert.False(t, update.Resumed || update.Gap)
			kinds = append(kinds, string(update.Kind))
		}
		assert.Equal(t, "task status artifact artifact artifact artifact artifact status",
			strings.Join(kinds, " "))
		state := stream.Snapshot()
		assert.Equal(t, "1 |2 |3 |4 |5 ", texts(read[a2a.Task](t, state.Task)))
		assert.Equal(t, agentclient.Completed, state.State)
	})
}

func TestMoreInputIsAskedForAndGiven(t *testing.T) {
	each(t, func(t *testing.T, _ *peer, client *agentclient.Client) {
		state := run(t, client, "ask who?")
		require.Equal(t, agentclient.InputRequired, state.State)
		spec := agentclient.Text("me")
		spec.TaskID, spec.ContextID = state.TaskID, state.ContextID
		done, err := client.Run(context.Background(), spec)
		require.NoError(t, err)
		assert.Equal(t, state.TaskID, done.TaskID)
		assert.Equal(t, agentclient.Completed, done.State)
		assert.Equal(t, "me", texts(read[a2a.Task](t, done.Task)))
	})
}

func TestCancelledInMidStream(t *testing.T) {
	each(t, func(t *testing.T, p *peer, client *agentclient.Client) {
		stream, err := client.Stream(context.Background(), agentclient.Text("wait"))
		require.NoError(t, err)
		defer func() { assert.NoError(t, stream.Close()) }()
		<-p.executor.parked
		for stream.TaskID() == "" {
			_, err := stream.Next(context.Background())
			require.NoError(t, err)
		}
		got, err := stream.Cancel(context.Background())
		require.NoError(t, err)
		assert.Equal(t, a2a.TaskStateCanceled, read[a2a.Task](t, got).Status.State)
		drain(t, stream)
		assert.Equal(t, agentclient.Canceled, stream.Snapshot().State)
		// a2a-go gives back what is cancelled already; what has ended otherwise is an error.
		_, err = client.CancelTask(context.Background(), stream.TaskID(), nil)
		assert.NoError(t, err)
		_, err = client.CancelTask(context.Background(), run(t, client, "echo x").TaskID, nil)
		assert.Equal(t, problem.TaskNotCancelable, problem.CodeOf(err), "%v", err)
	})
}

func TestARunningTaskIsJoined(t *testing.T) {
	each(t, func(t *testing.T, p *peer, client *agentclient.Client) {
		one, err := client.Stream(context.Background(), agentclient.Text("count 5 hold 2"))
		require.NoError(t, err)
		defer func() { assert.NoError(t, one.Close()) }()
		<-p.executor.parked
		for one.TaskID() == "" {
			_, err := one.Next(context.Background())
			require.NoError(t, err)
		}
		two, err := client.Subscribe(context.Background(), one.TaskID())
		require.NoError(t, err)
		defer func() { assert.NoError(t, two.Close()) }()
		first, err := two.Next(context.Background())
		require.NoError(t, err)
		assert.Equal(t, agentclient.KindTask, first.Kind)
		p.executor.open()
		drain(t, two)
		drain(t, one)
		for _, stream := range []*agentclient.Stream{one, two} {
			assert.Equal(t, "1 |2 |3 |4 |5 ", texts(read[a2a.Task](t, stream.Snapshot().Task)))
		}
	})
}

// a2a-go answers -32001 to who subscribes to a task that has ended, others -32004: both are asked
// for the task.
func TestWhatHasEndedIsGivenAsItIs(t *testing.T) {
	each(t, func(t *testing.T, _ *peer, client *agentclient.Client) {
		state := run(t, client, "count 2")
		stream, err := client.Subscribe(context.Background(), state.TaskID)
		require.NoError(t, err)
		defer func() { assert.NoError(t, stream.Close()) }()
		drain(t, stream)
		assert.Equal(t, "1 |2 ", texts(read[a2a.Task](t, stream.Snapshot().Task)))
	})
}

func TestWhatIsNotThere(t *testing.T) {
	each(t, func(t *testing.T, _ *peer, client *agentclient.Client) {
		background := context.Background()
		_, err := client.GetTask(background, "no-such-task", nil)
		assert.Equal(t, problem.TaskNotFound, problem.CodeOf(err), "%v", err)
		_, err = client.CancelTask(background, "no-such-task", nil)
		assert.Equal(t, problem.TaskNotFound, problem.CodeOf(err), "%v", err)
		_, err = client.Run(background, agentclient.Text("unheard of"))
		if err == nil { // 2.4.0 makes a failed task of an error behind the first event
			return
		}
		assert.Equal(t, problem.PeerInternalError, problem.CodeOf(err), "%v", err)
	})
}

func TestTasksAreListedPageByPage(t *testing.T) {
	each(t, func(t *testing.T, _ *peer, client *agentclient.Client) {
		made := map[string]bool{}
		for i := range 5 {
			made[run(t, client, fmt.Sprintf("echo %d", i)).TaskID] = true
		}
		query := agentclient.ListQuery{PageSize: 2}
		for pages := 1; ; pages++ {
			page, err := client.ListTasks(context.Background(), query)
			if client.Interface().Version == "0.3" { // which has no such operation
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			for _, task := range page.Tasks {
				delete(made, string(read[a2a.Task](t, task).ID))
			}
			if query.PageToken = page.Next; query.PageToken == "" {
				assert.Equal(t, 3, pages)
				break
			}
		}
		assert.Empty(t, made)
	})
}

func TestAddressesForUpdates(t *testing.T) {
	each(t, func(t *testing.T, _ *peer, client *agentclient.Client) {
		background := context.Background()
		state := run(t, client, "ask who?")
		made, err := client.PushSet(background, state.TaskID, agentclient.PushConfig{
			ID: "7", URL: "https://example.org/hook", Token: "t", Scheme: "Bearer", Credentials: "c"})
		require.NoError(t, err)
		assert.Equal(t, "https://example.org/hook", read[a2a.PushConfig](t, made).URL)
		got, err := client.PushGet(background, state.TaskID, "7")
		require.NoError(t, err)
		assert.Equal(t, "t", read[a2a.PushConfig](t, got).Token)
		all, err := client.PushList(background, state.TaskID)
		require.NoError(t, err)
		assert.Len(t, all, 1)
		require.NoError(t, client.PushDelete(background, state.TaskID, "7"))
	})
}

func TestTheExtendedCard(t *testing.T) {
	each(t, func(t *testing.T, _ *peer, client *agentclient.Client) {
		card, err := client.ExtendedCard(context.Background())
		require.NoError(t, err)
		var skills []string
		for _, skill := range card.Skills {
			skills = append(skills, skill.ID)
		}
		assert.Contains(t, skills, "hidden")
	})
}

// Requests of HTTP+JSON have their ids in paths and the rest in queries.
func TestPathsAndQueries(t *testing.T) {
	p := newPeer(t, speech{"HTTP+JSON", "1.0"})
	client := connect(t, p, speech{"HTTP+JSON", "1.0"})
	state := run(t, client, "echo x")
	p.requests()
	two := 2
	_, err := client.GetTask(context.Background(), state.TaskID, &two)
	require.NoError(t, err)
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	_, err = client.ListTasks(context.Background(), agentclient.ListQuery{
		State: agentclient.Completed, PageSize: 7, Since: since, IncludeArtifacts: true})
	require.NoError(t, err)
	asked := p.requests()
	require.Len(t, asked, 2)
	assert.Equal(t, "/rest/tasks/"+state.TaskID+"?historyLength=2", asked[0].path+"?"+asked[0].query)
	query, err := url.ParseQuery(asked[1].query)
	require.NoError(t, err)
	assert.Equal(t, url.Values{"status": {"TASK_STATE_COMPLETED"}, "pageSize": {"7"},
		"statusTimestampAfter": {"2026-01-02T03:04:05Z"}, "includeArtifacts": {"true"}}, query)
	assert.Equal(t, []string{"1.0"}, asked[1].header["A2a-Version"])
}

func TestAHundredStreamsAtOnce(t *testing.T) {
	for _, how := range speeches {
		p := newPeer(t, how)
		client := connect(t, p, how)
		var all sync.WaitGroup
		for i := range 100 {
			all.Add(1)
			go func() {
				defer all.Done()
				state, err := client.Run(context.Background(),
					agentclient.Text(fmt.Sprintf("count %d", i%9+1)))
				if assert.NoError(t, err) {
					found := strings.Split(texts(read[a2a.Task](t, state.Task)), "|")
					assert.Len(t, found, i%9+1)
				}
			}()
		}
		all.Wait()
	}
}
