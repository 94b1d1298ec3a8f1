package agentclient

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/wire"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// PushConfig is where an agent is to tell of a task. ID is the agent's to give, or the caller's.
type PushConfig struct {
	ID, URL string
	// Token comes back in the header A2A-Notification-Token; Scheme and Credentials in
	// Authorization.
	Token, Scheme, Credentials string
}

// PushSet has the agent tell of a task at an address, and returns the 1.0
// TaskPushNotificationConfig that it made. Errors: PushNotSupported where the card says so,
// InvalidArgument, TaskNotFound, and those of the connection.
func (c *Client) PushSet(ctx context.Context, taskID string, p PushConfig) (json.RawMessage,
	error) {
	params := map[string]any{"taskId": taskID, "url": p.URL}
	if p.URL == "" {
		return nil, c.named(badSpec("push: there is no url", "give the address to be told at"),
			"set_push")
	}
	if p.ID != "" {
		if err := wire.CheckID("push id", p.ID); err != nil {
			return nil, c.named(err, "set_push")
		}
		params["id"] = p.ID
	}
	if p.Token != "" {
		params["token"] = p.Token
	}
	if p.Scheme != "" || p.Credentials != "" {
		params["authentication"] = map[string]any{"scheme": p.Scheme, "credentials": p.Credentials}
	}
	c.web.Secret(p.Token, p.Credentials)
	return c.push(ctx, "set_push", wire.CreatePush, taskID, params)
}

// PushGet asks for one configuration of a task.
func (c *Client) PushGet(ctx context.Context, taskID, id string) (json.RawMessage, error) {
	return c.push(ctx, "get_push", wire.GetPush, taskID, map[string]any{"taskId": taskID, "id": id})
}

// mostConfigs is how many bytes of configurations are read of one task, in at most mostPages: an
// agent may have always one page more.
const mostConfigs, mostPages = 8 << 20, 100

// PushList asks for all configurations of a task.
func (c *Client) PushList(ctx context.Context, taskID string) ([]json.RawMessage, error) {
	var list []json.RawMessage
	token, size := "", 0
	for pages := 1; ; pages++ {
		params := map[string]any{"taskId": taskID}
		if token != "" {
			params["pageToken"] = token
		}
		answer, err := c.push(ctx, "list_push", wire.ListPush, taskID, params)
		if err != nil {
			return nil, err
		}
		found, err := raw.Part(answer)
		if err != nil {
			return nil, err
		}
		configs, err := found.Array("configs")
		if err == nil {
			token, err = found.Text("nextPageToken")
		}
		if err != nil {
			return nil, &problem.Error{Code: problem.InvalidAgentResponse, Op: "list_push",
				Msg: "a page of configurations: " + problem.Said(err.Error()),
				Fix: "tell those who run the agent"}
		}
		if size += len(answer); size > mostConfigs || pages > mostPages {
			return nil, (&problem.Error{Code: problem.ResponseTooLarge, Op: "list_push",
				Msg: fmt.Sprintf("the configurations are over %d bytes or %d pages", mostConfigs, mostPages),
				Fix: "tell those who run the agent"}).With("what", "pages").
				With("limit", int64(mostConfigs))
		}
		if list = append(list, configs...); token == "" {
			return list, nil
		}
	}
}

// PushDelete has the agent forget a configuration.
func (c *Client) PushDelete(ctx context.Context, taskID, id string) error {
	_, err := c.push(ctx, "delete_push", wire.DeletePush, taskID,
		map[string]any{"taskId": taskID, "id": id})
	return err
}

func (c *Client) push(ctx context.Context, op, method, taskID string,
	params map[string]any) (json.RawMessage, error) {
	s, err := c.session()
	if err != nil {
		return nil, c.named(err, op)
	}
	if !s.card.Capabilities.PushNotifications {
		return nil, &problem.Error{Code: problem.PushNotSupported, Op: op, TaskID: problem.Said(taskID),
			Msg: "the agent's card says that it sends no notifications",
			Fix: "follow the task with Subscribe, or ask for it with GetTask"}
	}
	answer, err := c.call(ctx, wire.Call{Op: method, TaskID: taskID, Params: raw.Of(params)})
	return answer, c.named(err, op)
}
