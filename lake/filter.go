package lake

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/cache"
)

// filtered returns the query of one target: ids that may be found are the rows that it has of them,
// and found says which it has. Ids of another type than the target's name none of its rows.
func filtered(q *Query, e *cache.Entry) (own *Query, found []bool, err error) {
	if q.IDs == nil || e == nil { // a store that searches itself is asked as it was
		return q, nil, nil
	}
	rows := make([]int64, 0, q.IDs.Len())
	found = make([]bool, q.IDs.Len())
	if isText(q.IDs) == (e.Index.IDs().Kind() == arrowidx.IDString) {
		all, err := e.Index.Lookup(q.IDs)
		if err != nil {
			return nil, nil, err
		}
		for i, row := range all {
			if row >= 0 {
				rows, found[i] = append(rows, row), true
			}
		}
	}
	one := *q
	one.IDs, one.Rows = nil, rows
	return &one, found, nil
}

// isText reports whether ids are texts.
func isText(ids arrow.Array) bool {
	switch ids.(type) {
	case *array.String, *array.LargeString, *array.StringView:
		return true
	}
	return false
}

// copyIDs copies ids to memory of our own.
func copyIDs(ids arrow.Array) (arrow.Array, error) {
	own, err := array.Concatenate([]arrow.Array{ids}, memory.NewGoAllocator())
	if err != nil {
		return nil, refuse("search", "ids of type %s cannot be read: %v", "use integers or strings",
			ids.DataType(), err)
	}
	return own, nil
}

// allFound refuses ids that no target has, where every target said which it has.
func allFound(ids arrow.Array, answers []answer, targets int) error {
	if ids == nil || len(answers) < targets || targets == 0 {
		return nil
	}
	missing, first := 0, ""
	for i := range ids.Len() {
		found := false
		for j := range answers {
			found = found || answers[j].found == nil || answers[j].found[i]
		}
		if !found {
			if missing == 0 {
				first = ids.ValueStr(i)
			}
			missing++
		}
	}
	if missing == 0 {
		return nil
	}
	return fault.New(fault.UnknownID, "search", fmt.Sprintf(
		"%d of %d ids are in none of %d targets, first %s", missing, ids.Len(), targets, first),
		"leave them out")
}
