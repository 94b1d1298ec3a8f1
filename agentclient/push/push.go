// Package push checks what somebody posted to the address that a task's push notifications go to
// (specification 1.0, sections 4.3 and 13.2). It is no web server: the caller has one, and hands
// over what came. Anybody can post there, so that a notification counts only with the secret that
// was agreed on and for a task that is waited for; and as none has a date, one that was seen may
// come again: whoever acts on it reads the task from the agent first.
package push

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/events"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// MostBody is how many bytes a notification has at most: as many as an event of a stream. A server
// should stop reading there.
const MostBody = 4 << 20

// tokenHeaders bear the token of the configuration: that of 1.0, and that of agents before it.
var tokenHeaders = []string{"a2a-notification-token", "x-a2a-notification-token"}

// Expected is what was agreed on when the notifications were set up.
type Expected struct {
	// Token is the configuration's token, and Bearer its credentials under the scheme Bearer. What
	// is given must match, and one of them must be given.
	Token, Bearer string
	// Task reports whether the notifications of a task are waited for.
	Task func(id string) bool
}

// String keeps secrets out of logs.
func (e Expected) String() string { return "push.Expected{...}" }

// GoString keeps secrets out of logs.
func (e Expected) GoString() string { return e.String() }

// Notification is a StreamResponse that came by itself.
type Notification struct {
	// Kind is "task", "status", "artifact" or "message".
	Kind              string
	TaskID, ContextID string
	// State is that of a task or a status, in names of 1.0.
	State string
	// Raw is the StreamResponse as JSON of 1.0.
	Raw json.RawMessage
}

// Verify checks headers (of any case) and body of a post, without doing anything.
//
// Errors: InvalidArgument without a secret or without Task, ResponseTooLarge, Unauthenticated where
// the secret is missing, PermissionDenied where it is another one, InvalidAgentResponse for what is
// no StreamResponse, TaskNotFound for a task that is not waited for. No secret is in any of them,
// and comparing takes as long for a near miss as for a far one.
func Verify(headers map[string][]string, body []byte, want Expected) (Notification, error) {
	if want.Token == "" && want.Bearer == "" || want.Task == nil {
		return Notification{}, problem.New(problem.InvalidArgument,
			"push notifications are checked by nothing", "give token or bearer, and the tasks that "+
				"are waited for: anybody can post to this address")
	}
	if len(body) > MostBody {
		return Notification{}, problem.New(problem.ResponseTooLarge,
			fmt.Sprintf("a push notification has %d bytes", len(body)),
			fmt.Sprintf("at most %d are read", MostBody)).
			With("what", "push notification").With("limit", int64(MostBody))
	}
	if err := checkSecrets(headers, want); err != nil {
		return Notification{}, err
	}
	if err := checkType(headers); err != nil {
		return Notification{}, err
	}
	if err := raw.Check(body); err != nil {
		return Notification{}, invalid("it is no JSON: " + err.Error())
	}
	return read(body, want.Task)
}

// read takes the body apart.
func read(body []byte, waits func(string) bool) (Notification, error) {
	event, err := events.Parse(body)
	if errors.Is(err, events.ErrUnknown) {
		return Notification{}, invalid("it is no task, message or update")
	}
	if err != nil {
		return Notification{}, invalid(err.Error())
	}
	if event.TaskID == "" || !waits(event.TaskID) {
		id := problem.Said(event.TaskID)
		return Notification{}, &problem.Error{Code: problem.TaskNotFound, TaskID: id,
			Msg: fmt.Sprintf("a push notification is about the task %q, which is not waited for", id),
			Fix: "drop it, or add the task"}
	}
	return Notification{Kind: string(event.Kind), TaskID: event.TaskID, ContextID: event.ContextID,
		State: string(event.State), Raw: event.Raw}, nil
}

// checkSecrets compares what was agreed on with what came. A header that came twice is refused,
// because two servers may take different ones of it.
func checkSecrets(headers map[string][]string, want Expected) error {
	if want.Token != "" {
		var came []string
		for _, name := range tokenHeaders {
			came = append(came, find(headers, name)...)
		}
		if err := compare("token", came, len(tokenHeaders), want.Token); err != nil {
			return err
		}
	}
	if want.Bearer == "" {
		return nil
	}
	var came []string
	for _, value := range find(headers, "authorization") {
		scheme, secret, _ := strings.Cut(value, " ")
		if !strings.EqualFold(scheme, "bearer") {
			secret = ""
		}
		came = append(came, strings.TrimLeft(secret, " "))
	}
	return compare("bearer", came, 1, want.Bearer)
}

func compare(what string, came []string, most int, want string) error {
	if len(came) == 0 {
		return problem.New(problem.Unauthenticated, "a push notification came without its "+what,
			"answer 401; if the agent should have sent it, set the notifications up again").
			With("challenges", []string{})
	}
	right := len(came) <= most
	for _, one := range came {
		right = same(one, want) && right
	}
	if !right {
		return problem.New(problem.PermissionDenied,
			"a push notification came with another "+what+" than was agreed on", "answer 403")
	}
	return nil
}

// same compares digests, so that not even the length shows in how long it takes.
func same(a, b string) bool {
	one, two := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(one[:], two[:]) == 1
}

// find returns the values of a header whose name may be written in any case.
func find(headers map[string][]string, name string) (values []string) {
	for key, list := range headers {
		if strings.EqualFold(key, name) {
			values = append(values, list...)
		}
	}
	return values
}

// checkType takes both types that agents send, and none.
func checkType(headers map[string][]string) error {
	for _, value := range find(headers, "content-type") {
		media, _, err := mime.ParseMediaType(value)
		if err != nil || media != "application/json" && media != "application/a2a+json" {
			return invalid(fmt.Sprintf("its type is %q", value))
		}
	}
	return nil
}

func invalid(why string) error {
	return problem.New(problem.InvalidAgentResponse, "a push notification: "+problem.Said(why),
		"answer 400; tell the agent's owner")
}
