package agentclient

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/wire"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// TaskSpec is what an agent is asked for.
type TaskSpec struct {
	// Message is a 1.0 Message. Its messageId is made and its role is ROLE_USER where it has none.
	Message json.RawMessage
	// TaskID answers a task that waits for input; ContextID is one that the agent gave.
	TaskID, ContextID string
	// Skill is one of the card's.
	Skill string
	// Policy takes the place of the client's, Context too; ParentTask is the id of the task which
	// the caller handles.
	Policy     *TaskPolicy
	Context    *TaskContext
	ParentTask string
	Estimate   Estimate
	// OutputModes are the types of content that the caller takes; nil is any.
	OutputModes []string
	// HistoryLength is how many messages the agent is to give back, nil for what it likes.
	HistoryLength *int
	// Metadata is that of the request, an object. Push is a 1.0 TaskPushNotificationConfig.
	Metadata, Push json.RawMessage
	// ReturnAtOnce has Send not wait for the task.
	ReturnAtOnce bool
	// CancelOnAbort has the task cancelled where the context of Run ends before it.
	CancelOnAbort bool
	// Resume takes the place of the client's.
	Resume *Resume
}

// Text is a task of one text.
func Text(text string) TaskSpec {
	return TaskSpec{Message: raw.Of(map[string]any{"parts": []any{map[string]any{"text": text}}})}
}

// message reads the message and adds what it lacks.
func (t *TaskSpec) message() (raw.Object, error) {
	given, err := raw.Parse(t.Message)
	if err != nil {
		return nil, badSpec("message: "+err.Error(), "give a Message of A2A 1.0")
	}
	parts, err := given.Array("parts")
	if err != nil || len(parts) == 0 {
		return nil, badSpec("message has no parts", "give at least one part")
	}
	set := func(key, value string) error {
		if value == "" || given.Has(key) {
			return nil
		}
		given[key] = raw.Of(value)
		return nil
	}
	for _, id := range []struct{ key, value string }{
		{"taskId", t.TaskID}, {"contextId", t.ContextID}} {
		if id.value != "" {
			if err := wire.CheckID(id.key, id.value); err != nil {
				return nil, err
			}
		}
		_ = set(id.key, id.value)
	}
	_ = set("messageId", newID())
	_ = set("role", "ROLE_USER")
	return given, nil
}

// params are those of the request that sends a message.
func (t *TaskSpec) params(message raw.Object, atOnce bool) (json.RawMessage, error) {
	params := map[string]any{"message": message}
	if len(t.Metadata) > 0 {
		if _, err := raw.Parse(t.Metadata); err != nil {
			return nil, badSpec("metadata: "+err.Error(), "give an object")
		}
		params["metadata"] = t.Metadata
	}
	configuration := map[string]any{"returnImmediately": atOnce}
	if len(t.OutputModes) > 0 {
		configuration["acceptedOutputModes"] = t.OutputModes
	}
	if t.HistoryLength != nil {
		if *t.HistoryLength < 0 {
			return nil, badSpec(fmt.Sprintf("history_length is %d", *t.HistoryLength), "give 0 or more")
		}
		configuration["historyLength"] = *t.HistoryLength
	}
	if len(t.Push) > 0 {
		if _, err := raw.Parse(t.Push); err != nil {
			return nil, badSpec("push: "+err.Error(), "give an object")
		}
		configuration["taskPushNotificationConfig"] = t.Push
	}
	params["configuration"] = configuration
	return raw.Of(params), nil
}

func badSpec(what, fix string) error {
	return problem.New(problem.InvalidArgument, problem.Said(what), fix)
}

// newID is a UUID of version 7 (RFC 9562): ordered by time, and never given twice.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // ends the process where the system has no random bytes
	binary.BigEndian.PutUint64(b[:8], uint64(time.Now().UnixMilli())<<16|
		uint64(binary.BigEndian.Uint16(b[6:8])))
	b[6], b[8] = b[6]&0x0f|0x70, b[8]&0x3f|0x80
	text := hex.EncodeToString(b[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// jitter is a random number of 0 up to n, n not among them; 0 for n below 1.
func jitter(n int64) int64 {
	if n < 1 {
		return 0
	}
	found, err := rand.Int(rand.Reader, big.NewInt(n))
	if err != nil {
		return 0
	}
	return found.Int64()
}
