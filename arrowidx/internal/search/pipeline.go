package search

import (
	"context"
	"time"

	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// stage is one of the steps that every round of queries goes through, whatever is asked. The tasks
// of a stage run at the same time; a stage begins when the one before has ended.
type stage int

const (
	preparing stage = iota // queries are made ready: a task a pass
	routing                // first thresholds, and cells of kind ivf: a task a pass
	scanning               // rows are looked at: a task a pass and shard
	joining                // what the shards of a query found is put together: a task a query
	finishing              // distances and answers: a task a query, or more
	stageCount
)

// stages is what a verb does in a round: nearest for Search, Grouped for SearchGroups, sweep for
// Within. It is called once a task, which is thousands of rows: the scans, visits and candidates
// that a task goes on to are reached by concrete calls alone.
type stages interface {
	// prepare and route are given queries [lo, hi) of the round, scan these and a shard.
	prepare(worker, lo, hi int) error
	route(worker, lo, hi int) error
	scan(worker, lo, hi, shard int) error
	// join and finish are given the number of their task; those of join are queries of the round.
	join(worker, i int) error
	finish(worker, i int) error
}

// pipeline drives a verb through the stages of a round. Shards are fixed by the index and the verb,
// so that what a query finds does not depend on threads or on the queries beside it.
type pipeline struct {
	Ctx          context.Context
	from, count  int // queries of the round: count from number `from` on
	pass, passes int // most queries that share a pass over the rows; how many passes
	shards       int
	tasks        [stageCount]int // of each stage; 0 leaves it out

	verb stages
	work [stageCount]func(worker, i int) error // made once, so that a search allocates nothing
}

// span lays out a round of queries [from, to).
func (l *pipeline) span(from, to, pass, shards int) {
	l.from, l.count, l.pass, l.shards = from, to-from, pass, shards
	l.passes = (l.count + pass - 1) / pass
	l.tasks = [stageCount]int{
		preparing: l.passes, routing: l.passes, scanning: l.passes * shards, finishing: l.count,
	}
}

// drive runs the round that was laid out and adds the time of its stages to the plan. The error is
// that of the first task of a stage that has one.
func (l *pipeline) drive(
	ctx context.Context, verb stages, op string, threads int, plan *Plan,
) error {
	l.Ctx, l.verb = ctx, verb
	if l.work[preparing] == nil {
		l.employ()
	}
	spent := [stageCount]*time.Duration{
		&plan.Prepare, &plan.Route, &plan.Scan, &plan.Rerank, &plan.Rerank,
	}
	begin := time.Now()
	for i, n := range l.tasks {
		if n == 0 {
			continue
		}
		if err := mem.Parallel(ctx, op, threads, n, l.work[i]); err != nil {
			return err
		}
		end := time.Now()
		*spent[i] += end.Sub(begin)
		begin = end
	}
	return nil
}

// employ makes the tasks from the verb's methods.
func (l *pipeline) employ() {
	l.work = [stageCount]func(worker, i int) error{
		preparing: func(worker, i int) error {
			return l.verb.prepare(worker, i*l.pass, min((i+1)*l.pass, l.count))
		},
		routing: func(worker, i int) error {
			return l.verb.route(worker, i*l.pass, min((i+1)*l.pass, l.count))
		},
		scanning: func(worker, i int) error {
			lo := i % l.passes * l.pass
			return l.verb.scan(worker, lo, min(lo+l.pass, l.count), i/l.passes)
		},
		joining:   func(worker, i int) error { return l.verb.join(worker, i) },
		finishing: func(worker, i int) error { return l.verb.finish(worker, i) },
	}
}

// release lets go of what belongs to the caller.
func (l *pipeline) release() { l.Ctx, l.verb = nil, nil }
