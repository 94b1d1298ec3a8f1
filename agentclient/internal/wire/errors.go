package wire

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strconv"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// meaning is an error of the protocol (specification, section 5.4).
type meaning struct {
	reason string
	number int64
	code   problem.Code
	says   string
}

var meanings = []meaning{
	{"TASK_NOT_FOUND", -32001, problem.TaskNotFound, "the agent knows no such task"},
	{"TASK_NOT_CANCELABLE", -32002, problem.TaskNotCancelable, "the task cannot be cancelled"},
	{"PUSH_NOTIFICATION_NOT_SUPPORTED", -32003, problem.PushNotSupported,
		"the agent sends no notifications"},
	{"UNSUPPORTED_OPERATION", -32004, problem.UnsupportedOperation, "the agent does not do that"},
	{"CONTENT_TYPE_NOT_SUPPORTED", -32005, problem.ContentTypeNotSupported,
		"the agent does not take or give this type of content"},
	{"INVALID_AGENT_RESPONSE", -32006, problem.InvalidAgentResponse,
		"the agent says that its own answer was not valid"},
	{"EXTENDED_AGENT_CARD_NOT_CONFIGURED", -32007, problem.ExtendedCardNotConfigured,
		"the agent has no extended card"},
	{"EXTENSION_SUPPORT_REQUIRED", -32008, problem.ExtensionRequired,
		"the agent requires an extension"},
	{"VERSION_NOT_SUPPORTED", -32009, problem.VersionNotSupported,
		"the agent does not speak this version"},
	{"", -32700, problem.OtherPeerError, "the agent could not read the request"},
	{"", -32600, problem.OtherPeerError, "the agent takes the request for none"},
	{"", -32601, problem.MethodNotFound, "the agent has no such method"},
	{"", -32602, problem.InvalidParams, "the agent does not take these parameters"},
	{"", -32603, problem.PeerInternalError, "the agent failed"},
	{"", -31401, problem.Unauthenticated, "the agent wants to know who is asking"},
	{"", -31403, problem.PermissionDenied, "the agent refuses this caller"},
}

// oldest are the numbers of the dialect of rvagent, where they mean other things.
var oldest = []meaning{
	{"", -32001, problem.Unauthenticated, "the agent wants to know who is asking"},
	{"", -32002, problem.PolicyViolation, "the agent says that the task breaks its policy"},
	{"", -32003, problem.BudgetExceeded, "the agent has no budget for the task"},
	{"", -32004, problem.RecursionLimit, "the agent says that agents call agents too deeply"},
	{"", -32005, problem.ArtifactVersionUnsupported, "the agent does not read this artifact"},
	{"", -32006, problem.CardSignatureInvalid, "the agent does not trust the signature of a card"},
	{"", -32010, problem.TaskNotFound, "the agent knows no such task"},
	{"", -32011, problem.PeerInternalError, "the agent could not find another agent"},
	{"", -32012, problem.PeerInternalError, "the agent could not reach another agent"},
	{"", -32700, problem.OtherPeerError, "the agent could not read the request"},
	{"", -32600, problem.OtherPeerError, "the agent takes the request for none"},
	{"", -32601, problem.MethodNotFound, "the agent has no such method"},
	{"", -32602, problem.InvalidParams, "the agent does not take these parameters"},
	{"", -32603, problem.PeerInternalError, "the agent failed"},
}

// mostData is how much of an error's data is passed on.
const mostData = 4 << 10

// said is what is known of a peer's error.
type said struct {
	number  int64
	known   bool // whether there was a number
	status  int
	ofTask  bool // whether what was asked for is a task
	reason  string
	message string
	data    json.RawMessage
	// numbers are the meanings of numbers in the peer's dialect.
	numbers []meaning
}

// rpcError reads the error of a response of JSON-RPC. Whatever is wrong with it, it is an error.
func (t *rpc) rpcError(data json.RawMessage, status int) *problem.Error {
	s := said{status: status}
	fields, err := raw.Part(data)
	if err != nil {
		s.message = string(data)
		return t.meant(s)
	}
	s.read(fields)
	s.data = fields["data"]
	s.reason = reasonIn(s.data)
	return t.meant(s)
}

// read takes number and message out of an error, of whatever types they are.
func (s *said) read(fields raw.Object) {
	if number, err := fields.Number("code"); err == nil && fields.Has("code") {
		s.number, s.known = int64(max(-1e9, min(1e9, number))), true
	}
	if text, err := fields.Text("message"); err == nil {
		s.message = text
	} else {
		s.message = string(fields["message"])
	}
}

// reasonIn finds the reason of an ErrorInfo of the protocol's domain in an error's details: an
// array of objects, or one.
func reasonIn(data json.RawMessage) string {
	list := []json.RawMessage{data}
	if raw.KindOf(data) == "array" {
		list = nil
		if json.Unmarshal(data, &list) != nil || len(list) > 64 {
			return ""
		}
	}
	for _, one := range list {
		fields, err := raw.Part(one)
		if err != nil {
			continue
		}
		reason, _ := fields.Text("reason")
		domain, _ := fields.Text("domain")
		if reason != "" && (domain == "" || domain == "a2a-protocol.org") {
			return reason
		}
	}
	return ""
}

// find says what an error means: its reason decides, else its number, else the status of HTTP.
func (s said) find() meaning {
	for _, m := range meanings {
		if s.reason != "" && s.reason == m.reason {
			return m
		}
	}
	for _, m := range s.numbers {
		if s.known && s.number == m.number {
			return m
		}
	}
	switch {
	case s.status == http.StatusNotFound && s.ofTask:
		return meanings[0]
	case s.status == http.StatusNotImplemented:
		return meaning{code: problem.UnsupportedOperation, says: "the agent does not do that"}
	case s.status >= 500:
		return meaning{code: problem.PeerInternalError, says: "the agent failed"}
	}
	return meaning{code: problem.OtherPeerError, says: "the agent answered with an error"}
}

// noMethod finds in a message that a method is not known, where the number says only that the
// request is none: so answer agents of the oldest dialect.
var noMethod = regexp.MustCompile(`(?i)(unknown|unsupported|no such|invalid) method|` +
	`method.{0,80}(not found|unknown|not supported|unsupported)`)

// meant makes the error.
func (l *line) meant(s said) *problem.Error {
	if s.numbers = meanings; l.at.Version == Rvagent {
		s.numbers = oldest
	}
	m := s.find()
	if s.number == -32600 && m.code == problem.OtherPeerError && noMethod.MatchString(s.message) {
		m.code, m.says = problem.MethodNotFound, "the agent has no such method"
	}
	text := m.says
	if s.known {
		text += " (" + strconv.FormatInt(s.number, 10) + ")"
	}
	if s.message = problem.Said(l.web.Scrub(s.message)); s.message != "" {
		text += ": " + s.message
	}
	e := problem.New(m.code, text, l.fix(m.code))
	e.URL = problem.Address(l.at.URL)
	if s.known {
		e.With("rpc_code", s.number)
	}
	if s.status != 0 {
		e.With("status", int64(s.status))
	}
	if s.reason != "" {
		e.With("reason", problem.Said(l.web.Scrub(s.reason)))
	}
	if len(s.data) > 0 && len(s.data) <= mostData {
		e.With("data", l.web.ScrubJSON(s.data))
	}
	if m.code == problem.ExtensionRequired {
		e.With("uris", []string{})
	}
	if m.code == problem.Unauthenticated {
		e.With("challenges", []string{})
	}
	return e
}

// fix is what may help against an error.
func (l *line) fix(code problem.Code) string {
	other := map[string]string{Current: "versions=('0.3',), or dialect='rvagent-0.1'",
		Former: "versions=('1.0',)", Rvagent: "dialect='a2a'"}[l.at.Version]
	switch code {
	case problem.MethodNotFound:
		return "it answers no method of A2A " + l.at.Version + "; if its card is wrong, try " + other
	case problem.VersionNotSupported:
		return "try " + other
	case problem.ExtensionRequired:
		return "see its card, and name the extensions in extensions="
	case problem.Unauthenticated, problem.PermissionDenied:
		return "give other credentials with auth="
	}
	return ""
}

// about adds the task of a call to an error.
func about(err error, p *prepared) error {
	if e := (*problem.Error)(nil); errors.As(err, &e) && e.TaskID == "" {
		e.TaskID = p.TaskID
	}
	return err
}

// attempts adds how often was asked.
func attempts(err error, n int) error {
	if e := (*problem.Error)(nil); errors.As(err, &e) {
		e.Attempts = max(e.Attempts, n)
	}
	return err
}
