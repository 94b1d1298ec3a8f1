package events

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// merge takes events in; one that begins with "resumed" is the snapshot of a resumed stream. It
// returns what was found, as letters: "g" for a gap, "d" for a duplicate, "-" for neither.
func merge(t *testing.T, task *Task, list ...string) string {
	t.Helper()
	found := ""
	for _, text := range list {
		text, resumed := strings.CutPrefix(text, "resumed")
		out, err := task.Merge(parse(t, text), resumed)
		require.NoError(t, err, text)
		require.Equal(t, task.count(), task.size, "sizes are kept: %s", text)
		switch {
		case out.Gap && out.Duplicate:
			found += "b"
		case out.Gap:
			found += "g"
		case out.Duplicate:
			found += "d"
		default:
			found += "-"
		}
	}
	return found
}

// whole is a task in a stream, with artifacts as JSON.
func whole(state State, artifacts ...string) string {
	return fmt.Sprintf(`{"task":{"id":"t","contextId":"c","status":{"state":"%s"},"artifacts":[%s]}}`,
		state, strings.Join(artifacts, ","))
}

func list(id string, texts ...string) string {
	parts := make([]string, len(texts))
	for i, text := range texts {
		parts[i] = string(raw.Of(map[string]any{"text": text}))
	}
	return fmt.Sprintf(`{"artifactId":"%s","parts":[%s]}`, id, strings.Join(parts, ","))
}

func begin(id string, texts ...string) string {
	return `{"artifactUpdate":{"taskId":"t","artifact":` + list(id, texts...) + `}}`
}

func more(id string, texts ...string) string {
	return `{"artifactUpdate":{"taskId":"t","artifact":` + list(id, texts...) + `,"append":true}}`
}

func status(state State, more string) string {
	return fmt.Sprintf(`{"statusUpdate":{"taskId":"t","status":{"state":"%s"%s}}}`, state, more)
}

func said(id, text string) string {
	return fmt.Sprintf(`,"message":{"messageId":"%s","role":"ROLE_AGENT","parts":[{"text":"%s"}]}`,
		id, text)
}

// texts are the texts of all artifacts, pieces joined by "|".
func texts(t *testing.T, task *Task) string {
	var read struct {
		Artifacts []struct {
			ArtifactID string
			Parts      []struct{ Text string }
		}
	}
	require.NoError(t, json.Unmarshal(task.JSON(), &read))
	var all []string
	for _, a := range read.Artifacts {
		var parts []string
		for _, p := range a.Parts {
			parts = append(parts, p.Text)
		}
		all = append(all, a.ArtifactID+":"+strings.Join(parts, "|"))
	}
	return strings.Join(all, " ")
}

func TestMergeArtifacts(t *testing.T) {
	for name, c := range map[string]struct {
		events     []string
		found, got string
	}{
		"a new one is inserted": {
			[]string{begin("a", "x")}, "-", "a:x"},
		"one that is known is replaced": {
			[]string{begin("a", "x", "y"), begin("a", "z")}, "--", "a:z"},
		"pieces follow, and nothing is put between": {
			[]string{begin("a", "x"), more("a", "y", " z")}, "--", "a:x|y| z"},
		"a piece of an unknown one": {
			[]string{more("a", "x"), more("a", "y")}, "g-", "a:x|y"},
		"two are told apart": {
			[]string{begin("a", "x"), begin("b", "y"), more("a", "z")}, "---", "a:x|z b:y"},
		"a piece without parts": {
			[]string{begin("a", "x"), more("a")}, "--", "a:x"},
		"a task has them all": {
			[]string{begin("a", "x"), whole(Working, list("b", "y"), list("a", "z"))},
			"--", "b:y a:z"},
		"a task leaves them out": {
			[]string{begin("a", "x"), whole(Completed)}, "--", "a:x"},
		"one twice in a task": {
			[]string{whole(Working, list("a", "x"), list("a", "y"))}, "-", "a:x"},
		"pieces of one do not touch another": {
			[]string{begin("a", "x"), more("a", "y"), begin("b", "z"), more("b", "w")},
			"----", "a:x|y b:z|w"},
	} {
		task := &Task{}
		assert.Equal(t, c.found, merge(t, task, c.events...), name)
		assert.Equal(t, c.got, texts(t, task), name)
		assert.Equal(t, strings.Contains(c.found, "g"), task.Gap, name)
	}
}

func TestMergeDescriptions(t *testing.T) {
	task := &Task{}
	merge(t, task, `{"artifactUpdate":{"taskId":"t","artifact":{"artifactId":"a","name":"n","parts":[],
		"description":"d","metadata":{"x":1,"y":2}}}}`,
		`{"artifactUpdate":{"taskId":"t","append":true,"artifact":{"artifactId":"a","name":null,
		"description":"e","extensions":["u"],"future":1,"metadata":{"y":3,"z":18446744073709551615}}}}`)
	assert.JSONEq(t, `{"id":"t","status":{"state":"TASK_STATE_UNSPECIFIED"},"artifacts":[
		{"artifactId":"a","name":"n","description":"e","extensions":["u"],"future":1,"parts":[],
		"metadata":{"x":1,"y":3,"z":18446744073709551615}}]}`, string(task.JSON()))
	assert.Contains(t, string(task.JSON()), "18446744073709551615")
}

func TestMergeStatus(t *testing.T) {
	task := &Task{}
	assert.Nil(t, task.JSON())
	merge(t, task, `{"task":{"id":"t","contextId":"c","status":{"state":"TASK_STATE_SUBMITTED"},
		"history":[{"messageId":"m0"}],"metadata":{"a":1},"future":{"k":[1]}}}`,
		status(Working, said("m1", "one")), status(Working, said("m1", "one more")),
		`{"statusUpdate":{"taskId":"t","status":{"state":"TASK_STATE_WORKING","timestamp":"bad"},
		"metadata":{"b":2}}}`, status(Working, said("m0", "known")),
		status("TASK_STATE_SLEEPING", ""))
	assert.Equal(t, State("TASK_STATE_SLEEPING"), task.State)
	assert.JSONEq(t, `{"id":"t","contextId":"c","status":{"state":"TASK_STATE_SLEEPING"},
		"history":[{"messageId":"m0"},
		{"messageId":"m1","role":"ROLE_AGENT","parts":[{"text":"one more"}]}],
		"metadata":{"a":1,"b":2},"future":{"k":[1]}}`, string(task.JSON()))
	merge(t, task, whole(Completed))
	assert.JSONEq(t, `{"id":"t","contextId":"c","status":{"state":"TASK_STATE_COMPLETED"},
		"history":[{"messageId":"m0"},
		{"messageId":"m1","role":"ROLE_AGENT","parts":[{"text":"one more"}]}],
		"metadata":{"a":1,"b":2}}`, string(task.JSON()))
}

func TestMergeMessages(t *testing.T) {
	task := &Task{}
	merge(t, task, `{"message":{"messageId":"m","role":"ROLE_AGENT","parts":[],"contextId":"c"}}`)
	assert.Nil(t, task.JSON())
	assert.Equal(t, "c", task.ContextID)
	assert.JSONEq(t, `{"messageId":"m","role":"ROLE_AGENT","parts":[],"contextId":"c"}`,
		string(task.Message))
}

func TestEventsOfOtherTasksAreRefused(t *testing.T) {
	task := &Task{}
	merge(t, task, whole(Working))
	for _, text := range []string{`{"statusUpdate":{"taskId":"u","status":{}}}`,
		`{"task":{"id":"u","status":{}}}`, `{"message":{"taskId":"u"}}`} {
		_, err := task.Merge(parse(t, text), false)
		require.True(t, problem.Is(err, problem.InvalidAgentResponse), text)
		assert.Contains(t, err.Error(), "task u came in the stream of task t")
	}
	merge(t, task, `{"statusUpdate":{"status":{"state":3}}}`)
	assert.Equal(t, []any{"t", Completed}, []any{task.ID, task.State})
}

func TestTasksAreBounded(t *testing.T) {
	task := &Task{Most: 10_000}
	n := 0
	for ; n < 1000; n++ {
		if _, err := task.Merge(parse(t, more("a", "some text")), false); err != nil {
			require.True(t, problem.Is(err, problem.ResponseTooLarge))
			assert.Contains(t, err.Error(), "over 10000 bytes")
			break
		}
	}
	assert.Greater(t, n, 50)
	assert.Less(t, n, 200)
}

func TestMergingIsLinear(t *testing.T) {
	task := &Task{}
	for i := range 50_000 {
		e := parse(t, more("a", fmt.Sprint(i)))
		_, err := task.Merge(e, false)
		require.NoError(t, err)
	}
	assert.Equal(t, task.count(), task.size)
	assert.Equal(t, 50_000, len(task.byID["a"].parts))
}
