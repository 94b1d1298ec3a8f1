// Package bounds holds tasks within what the caller set: a policy for each task, a budget for many
// clients, and a limit to how deep agents call agents. All of it is enforced on this side; what
// goes to the peer is a hint, because nobody can trust a peer to stop itself.
//
// Reading order: guard.go, the order of checks; policy.go and usage.go, one task; gate.go, how many
// at once; ledger.go, window.go and queue.go, the budget; recursion.go, context.go and trace.go,
// who called whom; legacy.go, the same in the dialect of rvagent.
//
// Time comes from a Clock, so that nothing here needs to sleep to be tested. Everything is safe for
// use by many goroutines at once.
package bounds

import "time"

// Clock is where time comes from. Now must not go backwards: the system's clock is read with its
// monotonic part, which setting the time of the machine does not move.
type Clock interface {
	// Now is the time.
	Now() time.Time
	// Timer returns a channel that gets a value after a while, and what stops it.
	Timer(after time.Duration) (<-chan time.Time, func())
}

// System is the clock of the machine.
type System struct{}

// Now is time.Now.
func (System) Now() time.Time { return time.Now() }

// Timer is time.NewTimer.
func (System) Timer(after time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(after)
	return t.C, func() { t.Stop() }
}
