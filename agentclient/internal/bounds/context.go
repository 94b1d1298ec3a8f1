package bounds

import (
	"fmt"
	"math"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/ext"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Limits of a context that comes with a request.
const (
	mostVisited = 64
	mostContext = 64 << 10
	mostName    = 256
)

var taskID = regexp.MustCompile(`^[A-Za-z0-9._~:@-]{1,256}$`)

// TaskContext is how a task came to be: which agents have called each other up to here. The zero
// value is a task that nobody has called for.
//
// Agents are named by agent_id (64 lower case hex) where a signature proved it, else by the origin
// of their URL, so that a loop through an agent without a key is found too.
type TaskContext struct {
	Trace        Trace
	ParentTaskID string
	// Depth is how many calls led here: 0 where a person asked.
	Depth int
	// RootAgent was the first to call, and VisitedAgents are all who called, in order, the one that
	// handles this task not among them.
	RootAgent     string
	VisitedAgents []string
}

// Child is the context of a task that self, which handles this one as parentTask, gives another
// agent. Self may be empty: then depth alone ends a loop.
func (c TaskContext) Child(self, parentTask string) TaskContext {
	child := TaskContext{Trace: c.Trace.Next(), ParentTaskID: parentTask, Depth: c.Depth + 1,
		RootAgent: c.RootAgent, VisitedAgents: slices.Clone(c.VisitedAgents)}
	if c.Trace.TraceID == "" {
		child.Trace = NewTrace()
	}
	if self = Agent(self); self != "" {
		child.VisitedAgents = append(child.VisitedAgents, self)
		if child.RootAgent == "" {
			child.RootAgent = self
		}
	}
	return child
}

// Agent is the one way to write the name of an agent: hex in lower case; of a URL its origin, the
// host in lower case and without the port that its scheme has anyway. What is neither is "".
func Agent(name string) string {
	if lower := strings.ToLower(name); isHex(lower, 64) {
		return lower
	}
	if len(name) > 8*mostName {
		return ""
	}
	u, err := url.Parse(name)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if port != "" && !(u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80") {
		host = net.JoinHostPort(host, port)
	} else if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if host == "" || len(host) > mostName || problem.Said(host) != host {
		return ""
	}
	return u.Scheme + "://" + host
}

// Metadata is the context as it goes into the metadata of a message, under ext.Trace.
func (c TaskContext) Metadata() map[string]any {
	said := map[string]any{"traceparent": c.Trace.String(), "depth": c.Depth}
	if c.ParentTaskID != "" {
		said["parentTaskId"] = c.ParentTaskID
	}
	if c.RootAgent != "" {
		said["rootAgentId"] = c.RootAgent
	}
	if len(c.VisitedAgents) > 0 {
		said["visitedAgents"] = c.VisitedAgents
	}
	return said
}

// ParseContext reads the context that came with a request: the metadata of its message, or the
// object under ext.Trace. What has no context gives the zero value. Contexts are strangers' words:
// one that is out of form is InvalidArgument, one that is past any depth RecursionLimit.
func ParseContext(metadata []byte) (TaskContext, error) {
	if len(metadata) > mostContext {
		return TaskContext{}, badContext("context", fmt.Sprintf("has %d bytes", len(metadata)),
			fmt.Sprintf("at most %d are read", mostContext))
	}
	outer, err := raw.Parse(metadata)
	if err != nil {
		return TaskContext{}, badContext("context", problem.Said(err.Error()), "give an object")
	}
	said := outer
	if !outer.Has("traceparent") && !outer.Has("depth") {
		if said, err = outer.Object(ext.Trace); err != nil {
			return TaskContext{}, badContext("context", "is no object", "give an object")
		}
	}
	if said == nil {
		return TaskContext{}, nil
	}
	return readContext(said)
}

func readContext(said raw.Object) (c TaskContext, err error) {
	parent, err := said.Text("traceparent")
	if err != nil {
		return c, badTrace("something that is no text")
	}
	if parent != "" {
		if c.Trace, err = ParseTrace(parent); err != nil {
			return c, err
		}
	}
	if c.ParentTaskID, err = said.Text("parentTaskId"); err != nil ||
		c.ParentTaskID != "" && !taskID.MatchString(c.ParentTaskID) {
		return c, badContext("parentTaskId", fmt.Sprintf("is %q", problem.Said(c.ParentTaskID)),
			"ids of tasks are 1 to 256 letters, digits and . _ ~ : @ -")
	}
	if c.Depth, err = readDepth(said); err != nil {
		return c, err
	}
	if c.RootAgent, err = readAgent(said, "rootAgentId"); err != nil {
		return c, err
	}
	c.VisitedAgents, err = readVisited(said, "visitedAgents")
	if err == nil && len(c.VisitedAgents) > c.Depth {
		err = badContext("depth", fmt.Sprintf("is %d, and %d agents were visited", c.Depth,
			len(c.VisitedAgents)), "each call is one deeper and visits one agent")
	}
	return c, err
}

func readDepth(said raw.Object) (int, error) {
	depth, err := said.Number("depth")
	if err != nil || depth < 0 || depth != math.Trunc(depth) {
		return 0, badContext("depth", "is no count", "0 is a task that a person asked for")
	}
	if depth > mostVisited {
		return 0, tooDeep(int64(min(depth, 1<<53)), nil,
			fmt.Sprintf("the task comes %v calls deep, no chain may be longer than %d", depth, mostVisited))
	}
	return int(depth), nil
}

func readAgent(said raw.Object, key string) (string, error) {
	text, err := said.Text(key)
	if err != nil || text != "" && Agent(text) != text {
		return "", badContext(key, fmt.Sprintf("is %q", problem.Said(text)),
			"agents are named by 64 lower case hex, or by an origin as https://a.example")
	}
	return text, nil
}

func readVisited(said raw.Object, key string) ([]string, error) {
	list, err := said.Array(key)
	if err != nil {
		return nil, badContext(key, "is no array", "give an array of agents")
	}
	if len(list) > mostVisited {
		return nil, tooDeep(int64(len(list)), nil,
			fmt.Sprintf("%s has %d agents, no chain may be longer than %d", key, len(list), mostVisited))
	}
	var visited []string
	for _, item := range list {
		agent, err := readAgent(raw.Object{key: item}, key)
		if err != nil {
			return nil, err
		}
		if agent == "" {
			return nil, badContext(key, "has an agent without a name", "leave it out")
		}
		visited = append(visited, agent)
	}
	return visited, nil
}

func badContext(field, what, fix string) error {
	return problem.New(problem.InvalidArgument, "task context: "+field+" "+what, fix).
		With("field", field)
}
