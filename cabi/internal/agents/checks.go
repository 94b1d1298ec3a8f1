package agents

import (
	"context"
	"encoding/json"

	"github.com/ruvector/ruvector-arrow/agentclient"
	notices "github.com/ruvector/ruvector-arrow/agentclient/push"
)

// verifyCard judges a card that came from anywhere.
func verifyCard(_ context.Context, c *Call) (json.RawMessage, any, error) {
	var r struct {
		Card   []byte          `json:"card"`
		Trust  json.RawMessage `json:"trust"`
		Origin string          `json:"origin"`
	}
	if err := read(c.Request, &r); err != nil {
		return nil, nil, err
	}
	policy, err := agentclient.ParseTrust(r.Trust)
	if err != nil {
		return nil, nil, err
	}
	trust, verified, err := agentclient.VerifyCard(r.Card, policy, r.Origin)
	if err != nil {
		return nil, nil, err
	}
	return object("card", json.RawMessage(verified), "trust", sayTrust(trust)), nil, nil
}

// sayTrust makes JSON of how far a card is believed.
func sayTrust(t agentclient.TrustResult) map[string]string {
	return map[string]string{"level": string(t.Level), "key_id": t.KeyID, "alg": t.Alg,
		"form": string(t.Form), "agent_id": t.AgentID, "warning": t.Warning}
}

// verifyPush judges what was posted to the address of push notifications. Which tasks are waited
// for the caller says when it has the answer, an update.
func verifyPush(_ context.Context, c *Call) (json.RawMessage, any, error) {
	var r struct {
		Headers map[string][]string `json:"headers"`
		Body    []byte              `json:"body"`
		Token   string              `json:"token"`
		Bearer  string              `json:"bearer"`
	}
	if err := read(c.Request, &r); err != nil {
		return nil, nil, err
	}
	came, err := notices.Verify(r.Headers, r.Body, notices.Expected{Token: r.Token, Bearer: r.Bearer,
		Task: func(string) bool { return true }})
	if err != nil {
		return nil, nil, err
	}
	return object("kind", came.Kind, "task_id", came.TaskID, "raw", came.Raw), nil, nil
}
