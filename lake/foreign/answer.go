package foreign

import (
	"fmt"
	"slices"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// What an answer may hold at most.
const (
	maxText = 4 << 10 // bytes of a generation or a data reference
	maxDim  = 8192
)

// Answers return false when nobody waits for them any more, and what they were given is dropped:
// the question's context has ended, or it was answered before. An answer that cannot be is given
// on as an error to who asked.

// AnswerNames answers Names. Order does not matter.
//
// Errors: InvalidArgument for a question of another kind.
func (b *Backend) AnswerNames(id uint64, names []string) (bool, error) {
	return b.settle(id, Names, func(*asked) (any, error) {
		sorted := slices.Clone(names)
		slices.Sort(sorted)
		for i, name := range sorted {
			if err := bundle.CheckName(name); err != nil {
				bad := b.failure(fault.BackendError, "", "it lists a name that no collection "+
					"can have", "rename it, or leave it out of the list")
				bad.Err = err
				return nil, bad
			}
			if i > 0 && name == sorted[i-1] {
				return nil, b.failure(fault.BackendError, "",
					fmt.Sprintf("it lists the collection %q twice", name), "")
			}
		}
		return sorted, nil
	})
}

// AnswerStamp answers Stamp.
//
// Errors: InvalidArgument for a question of another kind.
func (b *Backend) AnswerStamp(id uint64, s backend.Stamp) (bool, error) {
	return b.settle(id, Stamp, func(q *asked) (any, error) {
		if err := b.checkText(q, "data reference", s.DataRef); err != nil {
			return nil, err
		}
		if s.Dim < 0 || s.Dim > maxDim {
			return nil, b.failure(fault.BackendError, q.Collection,
				fmt.Sprintf("vectors of %d dimensions", s.Dim), fmt.Sprintf("0 to %d", maxDim))
		}
		return s, b.checkGeneration(q, s.Generation)
	})
}

// AnswerBundle answers Describe.
//
// Errors: InvalidArgument for a question of another kind.
func (b *Backend) AnswerBundle(id uint64, made bundle.Bundle) (bool, error) {
	return b.settle(id, Describe, func(q *asked) (any, error) {
		return made, b.checkGeneration(q, made.Generation)
	})
}

// Fail answers any question with an error of a kind: UnknownCollection, or BackendError, which all
// other kinds become.
func (b *Backend) Fail(id uint64, kind fault.Kind, f Failure) bool {
	wanted, _ := b.settle(id, "", func(q *asked) (any, error) {
		if kind != fault.UnknownCollection {
			kind = fault.BackendError
		}
		return nil, &fault.Error{Kind: kind, Msg: b.named(q.Collection), Row: -1, Column: -1, Err: &f}
	})
	return wanted
}

// settle hands over what make makes of a question, op "" of any.
func (b *Backend) settle(
	id uint64, op Op, make func(*asked) (any, error),
) (wanted bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.open[id]
	if q == nil {
		return false, nil
	}
	if op != "" && op != q.Op {
		return false, fault.New(fault.InvalidArgument, "answer",
			fmt.Sprintf("question %d asks for %s, not for %s", id, q.Op, op), "")
	}
	made, failed := make(q)
	if failed != nil {
		made = failed
	}
	delete(b.open, id)
	q.answer <- made
	return true, nil
}

// checkGeneration refuses one that cannot follow, and notes one that can; the lock is held.
func (b *Backend) checkGeneration(q *asked, g bundle.Generation) error {
	if text, opaque := g.Text(); opaque {
		return b.checkText(q, "generation", text)
	}
	n, _ := g.Number()
	if n < q.floor {
		return b.failure(fault.BackendError, q.Collection,
			fmt.Sprintf("the generation went back from %d to %d", q.floor, n),
			"a number must grow with every change and never shrink; where it can, use a text")
	}
	b.floors[q.Collection] = max(b.floors[q.Collection], n)
	return nil
}

func (b *Backend) checkText(q *asked, what, text string) error {
	if len(text) <= maxText {
		return nil
	}
	return b.failure(fault.BackendError, q.Collection,
		fmt.Sprintf("a %s of %d bytes", what, len(text)), fmt.Sprintf("at most %d", maxText))
}
