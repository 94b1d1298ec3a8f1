package agentclient

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/wire"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// GetTask asks for a task, with at most so many messages of its history, nil for what the agent
// likes. The answer is a 1.0 Task. Errors: TaskNotFound, InvalidArgument for an id that is none,
// and those of the connection.
func (c *Client) GetTask(ctx context.Context, id string, history *int) (json.RawMessage, error) {
	params := map[string]any{"id": id}
	if history != nil {
		if *history < 0 {
			return nil, c.named(badSpec(fmt.Sprintf("history_length is %d", *history), "give 0 or more"),
				"get_task")
		}
		params["historyLength"] = *history
	}
	answer, err := c.call(ctx, wire.Call{Op: wire.GetTask, TaskID: id, Params: raw.Of(params)})
	return answer, c.named(err, "get_task")
}

// CancelTask asks the agent to cancel a task; meta is metadata of the request, or nil. The answer
// is a 1.0 Task, which may still be on its way to be cancelled. Errors: TaskNotCancelable,
// TaskNotFound, and those of the connection.
func (c *Client) CancelTask(ctx context.Context, id string, meta map[string]any) (json.RawMessage,
	error) {
	params := map[string]any{"id": id}
	if meta != nil {
		written, err := json.Marshal(meta)
		if err != nil {
			return nil, c.named(badSpec("metadata is no JSON", "give texts, numbers, lists and objects"),
				"cancel_task")
		}
		params["metadata"] = json.RawMessage(written)
	}
	answer, err := c.call(ctx, wire.Call{Op: wire.CancelTask, TaskID: id, Params: raw.Of(params)})
	return answer, c.named(err, "cancel_task")
}

// ListQuery says which tasks to list; zero values are all.
type ListQuery struct {
	ContextID string
	State     State
	// Since keeps those whose status is of this time or later.
	Since time.Time
	// PageSize is 1 to 100, 0 for 50; PageToken is Next of the page before.
	PageSize         int
	PageToken        string
	HistoryLength    *int
	IncludeArtifacts bool
}

// ListPage is one page of tasks, the newest status first.
type ListPage struct {
	Tasks []json.RawMessage // 1.0 Tasks
	// Next is the token of the next page, "" after the last; Total is how many tasks there are, -1
	// where the agent does not say.
	Next  string
	Total int64
}

// ListTasks asks for a page of tasks. Errors: UnsupportedOperation and MethodNotFound of agents
// that list none, InvalidArgument, and those of the connection.
func (c *Client) ListTasks(ctx context.Context, q ListQuery) (ListPage, error) {
	const op = "list_tasks"
	params, err := q.params()
	if err != nil {
		return ListPage{}, c.named(err, op)
	}
	answer, err := c.call(ctx, wire.Call{Op: wire.ListTasks, Params: params})
	if err != nil {
		return ListPage{}, c.named(err, op)
	}
	page, err := readPage(answer)
	return page, c.named(err, op)
}

func (q *ListQuery) params() (json.RawMessage, error) {
	params := map[string]any{}
	if q.ContextID != "" {
		if err := wire.CheckID("context_id", q.ContextID); err != nil {
			return nil, err
		}
		params["contextId"] = q.ContextID
	}
	if q.State != "" {
		params["status"] = q.State
	}
	if !q.Since.IsZero() {
		params["statusTimestampAfter"] = q.Since.UTC().Format(time.RFC3339Nano)
	}
	switch {
	case q.PageSize < 0 || q.PageSize > 100:
		return nil, badSpec(fmt.Sprintf("page_size is %d", q.PageSize), "give 1 to 100")
	case q.PageSize > 0:
		params["pageSize"] = q.PageSize
	}
	if q.PageToken != "" {
		params["pageToken"] = q.PageToken
	}
	if q.HistoryLength != nil {
		if *q.HistoryLength < 0 {
			return nil, badSpec(fmt.Sprintf("history_length is %d", *q.HistoryLength), "give 0 or more")
		}
		params["historyLength"] = *q.HistoryLength
	}
	if q.IncludeArtifacts {
		params["includeArtifacts"] = true
	}
	return raw.Of(params), nil
}

func readPage(answer json.RawMessage) (ListPage, error) {
	page := ListPage{Total: -1}
	found, err := raw.Part(answer)
	if err == nil {
		page.Tasks, err = found.Array("tasks")
	}
	if err == nil {
		page.Next, err = found.Text("nextPageToken")
	}
	if err == nil && found.Has("totalSize") {
		var total float64
		total, err = found.Number("totalSize")
		page.Total = int64(max(-1, min(total, 1<<53)))
	}
	if err != nil {
		return ListPage{}, problem.New(problem.InvalidAgentResponse,
			"a page of tasks: "+problem.Said(err.Error()), "tell those who run the agent")
	}
	return page, nil
}
