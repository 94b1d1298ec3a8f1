package column

import (
	"fmt"

	"github.com/ruvector/ruvector-arrow/fault"
)

// readThrough is RowsOf without a table of the ids: it makes one of what is asked.
func (ids *IDs) readThrough(ask *IDs) ([]int64, error) {
	rows, wanted := make([]int64, ask.N), map[string][]int{}
	for i := range rows {
		rows[i] = -1
		switch {
		case ask.none != nil && ask.none[i]:
		case ids.Form != IDPositions:
			name := ask.Plain(int64(i))
			wanted[name] = append(wanted[name], i)
		default:
			if row, ok := ids.find(ask, i); ok {
				rows[i] = row
			}
		}
	}
	for row := int64(0); len(wanted) > 0 && row < int64(ids.N); row++ {
		for _, i := range wanted[ids.Plain(row)] {
			if rows[i] >= 0 {
				return nil, fault.New(fault.CorruptIndex, "lookup",
					fmt.Sprintf("rows %d and %d have one id, %s", rows[i], row, ids.Name(row)),
					"the index file is damaged")
			}
			rows[i] = row
		}
	}
	return rows, nil
}
