package agentclient

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/ext"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Closing ends many streams for one reason, and each error is its stream's own.
func TestClosingTellsEachStreamByItself(t *testing.T) {
	p := streaming(t, map[string]func(*answer){"SubscribeToTask": func(a *answer) {
		id, _ := a.params.Text("id")
		a.events(`{"task":{"id":"` + id + `","status":{"state":"TASK_STATE_WORKING"}}}`)
		a.hang()
	}})
	c := p.connect(Options{})
	var all sync.WaitGroup
	for i := range 20 {
		id := fmt.Sprintf("t-%d", i)
		s, err := c.Subscribe(soon(t), id)
		require.NoError(t, err)
		_, err = s.Next(soon(t))
		require.NoError(t, err)
		all.Go(func() {
			_, err := s.Next(soon(t))
			var e *problem.Error
			if assert.ErrorAs(t, err, &e) {
				assert.Equal(t, problem.Closed, e.Code)
				assert.Contains(t, []string{"", id}, e.TaskID)
			}
		})
	}
	require.NoError(t, c.Close())
	all.Wait()
}

// A connection that breaks after the request has left says nothing of whether the agent works: the
// task stays booked, or an agent that hangs up each time could be asked without end.
func TestATaskThatMayHaveBegunStaysBooked(t *testing.T) {
	most := int64(1)
	budget, err := NewLedger(Caps{TasksPerMinute: &most})
	require.NoError(t, err)
	p := streaming(t, map[string]func(*answer){"SendStreamingMessage": (*answer).cut,
		"SendMessage": (*answer).cut})
	c := p.connect(Options{Budget: budget})
	_, err = c.Send(soon(t), Text("x"))
	require.Error(t, err)
	assert.Equal(t, int64(1), budget.Snapshot().Tasks, "%v", err)
	assert.Zero(t, budget.Snapshot().Open)
	_, err = c.Stream(soon(t), Text("x"))
	assert.Equal(t, problem.BudgetExceeded, problem.CodeOf(err), "%v", err)
	p.kill()
	other, err := NewLedger(Caps{TasksPerMinute: &most})
	require.NoError(t, err)
	c.guard.Ledger = other
	_, err = c.Send(soon(t), Text("x"))
	require.Equal(t, problem.ConnectFailed, problem.CodeOf(err), "%v", err)
	assert.Zero(t, other.Snapshot().Tasks, "nothing left this side")
}

func TestALimitOfTimeSaysWhatItWas(t *testing.T) {
	p := start(t, "", map[string]func(*answer){"SendMessage": (*answer).hang})
	c := p.connect(Options{})
	most := 20 * time.Millisecond
	for _, send := range []func(TaskSpec) error{
		func(spec TaskSpec) error { _, err := c.Send(soon(t), spec); return err },
		func(spec TaskSpec) error { _, err := c.Run(soon(t), spec); return err },
	} {
		spec := Text("x")
		spec.Policy = &TaskPolicy{MaxDuration: &most}
		err := send(spec)
		require.Equal(t, problem.PolicyViolation, problem.CodeOf(err), "%v", err)
		assert.Equal(t, "max_duration_ms", detail(err, "field"))
		assert.Equal(t, int64(20), detail(err, "limit"))
		assert.GreaterOrEqual(t, detail(err, "actual"), int64(20))
	}
}

// What an agent is given to prove itself with elsewhere is as secret as what it is asked with.
func TestNoErrorTellsWhatNotificationsArePostedWith(t *testing.T) {
	p := start(t, `"pushNotifications":true`, map[string]func(*answer){
		"CreateTaskPushNotificationConfig": func(a *answer) {
			a.fail(-32603, "cannot store s3cret-token and s3cret-bearer")
		}})
	c := p.connect(Options{})
	_, err := c.PushSet(soon(t), "t", PushConfig{URL: "https://a.example", Token: "s3cret-token",
		Scheme: "Bearer", Credentials: "s3cret-bearer"})
	require.Equal(t, problem.PeerInternalError, problem.CodeOf(err))
	assert.NotContains(t, fmt.Sprintf("%v %v", err, err.(*problem.Error).Detail), "s3cret")
}

// An agent that has always one page more does not fill the memory, or take forever.
func TestConfigurationsWithoutEnd(t *testing.T) {
	for asked, bytes := range map[int]int{9: 1 << 20, 101: 0} {
		page := `{"configs":[{"id":"` + strings.Repeat("x", bytes) + `"}],"nextPageToken":"more"}`
		p := start(t, `"pushNotifications":true`, map[string]func(*answer){
			"ListTaskPushNotificationConfigs": func(a *answer) { a.result(page) }})
		_, err := p.connect(Options{}).PushList(soon(t), "t")
		assert.Equal(t, problem.ResponseTooLarge, problem.CodeOf(err), "%v", err)
		assert.LessOrEqual(t, p.times("ListTaskPushNotificationConfigs"), asked)
	}
}

// An agent repeats the token that it was sent as the name of things.
func TestNoErrorOfAStreamTellsTheToken(t *testing.T) {
	const token = "sk-live-0123456789"
	for name, said := range map[string]string{
		"another task": `{"task":{"id":"` + token + `","status":{}}}`,
		"no object":    `{"task":"` + token + `"}`,
		"no artifact":  `{"artifactUpdate":{"taskId":"t","artifact":{"artifactId":["` + token + `"]}}}`,
		"a key twice":  `{"` + token + `":1,"` + token + `":1}`,
	} {
		p := streaming(t, map[string]func(*answer){
			"SubscribeToTask": func(a *answer) { a.events(task(Working), said) },
			"GetTask":         func(a *answer) { a.fail(-32001, token) }})
		c := p.connect(Options{Auth: []Credential{{Kind: "bearer", Secret: token, Force: true}}})
		s, err := c.Subscribe(soon(t), "t")
		require.NoError(t, err)
		_, err = all(t, s)
		var e *problem.Error
		require.ErrorAs(t, err, &e, name)
		assert.NotContains(t, fmt.Sprintf("%v %v %s", e, e.Detail, e.TaskID), token, name)
	}
	p := start(t, "", map[string]func(*answer){
		"SendMessage": func(a *answer) { a.result(`{"task":{"id":["` + token + `"]}}`) },
		"ListTasks":   func(a *answer) { a.result(`{"tasks":[],"totalSize":"` + token + `"}`) }})
	c := p.connect(Options{Auth: []Credential{{Kind: "bearer", Secret: token, Force: true}}})
	_, err := c.Send(soon(t), Text("x"))
	require.Error(t, err)
	assert.NotContains(t, fmt.Sprint(err, err.(*problem.Error).Detail), token)
	_, err = c.ListTasks(soon(t), ListQuery{})
	require.Error(t, err)
	assert.NotContains(t, fmt.Sprint(err, err.(*problem.Error).Detail), token)
}

// A task that took more than it may in its first answer is not left to go on.
func TestAnAnswerOverTheLimitIsCancelled(t *testing.T) {
	most := int64(5)
	cancelled := make(chan string, 1)
	p := start(t, "", map[string]func(*answer){
		"SendMessage": func(a *answer) {
			a.result(`{"task":{"id":"t","status":{"state":"TASK_STATE_WORKING"},"metadata":{"` +
				ext.Usage + `":{"inputTokens":6}}}}`)
		},
		"CancelTask": func(a *answer) {
			id, _ := a.params.Text("id")
			cancelled <- id
			a.result(bare(Canceled))
		}})
	spec := Text("x")
	spec.Policy, spec.ReturnAtOnce = &TaskPolicy{MaxTokens: &most}, true
	_, err := p.connect(Options{}).Send(soon(t), spec)
	require.Equal(t, problem.PolicyViolation, problem.CodeOf(err), "%v", err)
	select {
	case id := <-cancelled:
		assert.Equal(t, "t", id)
	case <-soon(t).Done():
		t.Fatal("the task goes on")
	}
}
