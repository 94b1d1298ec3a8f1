package bounds

import (
	"fmt"
	"slices"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// defaultDepth is how deep agents call agents where the caller does not say.
const defaultDepth = 8

// RecursionPolicy is how deep agents may call agents. The zero value allows 8 calls and no agent
// twice.
type RecursionPolicy struct {
	// MaxCallDepth is the greatest depth of a task that is sent: 1 lets tasks that a person asked
	// for be sent, and nobody call further. 0 is 8, at most 64 are possible.
	MaxCallDepth int
	// AllowRevisit lets any agent be called again by one that it called; RevisitAllowed only those.
	AllowRevisit   bool
	RevisitAllowed []string
}

// Check reports limits that mean nothing as InvalidArgument.
func (p RecursionPolicy) Check() error {
	if p.MaxCallDepth < 0 || p.MaxCallDepth > mostVisited {
		return badLimit("max_call_depth", p.MaxCallDepth, fmt.Sprintf("1 to %d", mostVisited))
	}
	if len(p.RevisitAllowed) > mostSkills {
		return badLimit("revisit_allowlist", len(p.RevisitAllowed), "at most 512 agents")
	}
	for _, agent := range p.RevisitAllowed {
		if Agent(agent) == "" {
			return badLimit("revisit_allowlist", problem.Said(agent), "agent ids (64 hex) and origins")
		}
	}
	return nil
}

// Call returns the context to send with a task that self gives target while it handles the task of
// c as parentTask, or RecursionLimit. Target is the agent_id that was verified, else the URL it is
// reached at; what counts is whom the task goes to, not who began.
func (p RecursionPolicy) Call(c TaskContext, self, target, parentTask string) (TaskContext, error) {
	child := c.Child(self, parentTask)
	target = Agent(target)
	path := slices.Clone(child.VisitedAgents)
	if target != "" {
		path = append(path, target)
	}
	most := p.MaxCallDepth
	if most == 0 {
		most = defaultDepth
	}
	if child.Depth > most {
		return child, tooDeep(int64(child.Depth), path,
			fmt.Sprintf("the task would be %d calls deep, max_call_depth is %d", child.Depth, most))
	}
	if slices.Contains(child.VisitedAgents, target) && !p.mayRevisit(target) {
		return child, tooDeep(int64(child.Depth), path,
			fmt.Sprintf("agent %s has called to get here, and would be called again", target))
	}
	return child, nil
}

// Receive checks a context that came to self: whose own name is among the visited is in a circle
// already.
func (p RecursionPolicy) Receive(c TaskContext, self string) error {
	self = Agent(self)
	if self == "" || !slices.Contains(c.VisitedAgents, self) || p.mayRevisit(self) {
		return nil
	}
	return tooDeep(int64(c.Depth), append(slices.Clone(c.VisitedAgents), self),
		"this agent is among those that called to get here")
}

func (p RecursionPolicy) mayRevisit(agent string) bool {
	agent = Agent(agent)
	return p.AllowRevisit || slices.ContainsFunc(p.RevisitAllowed,
		func(allowed string) bool { return Agent(allowed) == agent })
}

func tooDeep(depth int64, path []string, msg string) error {
	return problem.New(problem.RecursionLimit, msg,
		"end the chain of calls, or widen the recursion policy").
		With("depth", depth).With("path", path)
}
