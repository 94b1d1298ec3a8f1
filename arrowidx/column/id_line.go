package column

import "sync"

// IDLine is the numeric ids of rows that come one after the other, each used once: positions that
// count on, or numbers, whose parts have one look-up table that only grows. It is its one writer's;
// what Part makes is as other ids are.
type IDLine struct {
	form  IDKind
	first uint64 // of positions
	n     int
	num   []uint64 // of others
	table *idTable
}

// idTable has the row of every id of a line. Parts of it are looked up while it grows.
type idTable struct {
	mu   sync.RWMutex
	rows map[uint64]int64
}

// Follow reports whether ids may follow those of the line: numbers of the same kind, or the next
// positions.
func (l *IDLine) Follow(ids *IDs) bool {
	if ids.Parts != nil || ids.Form == IDString {
		return false
	}
	return l.n == 0 || ids.Form == l.form &&
		(l.form != IDPositions || ids.First == l.first+uint64(l.n))
}

// Extend appends ids that may follow.
func (l *IDLine) Extend(ids *IDs) {
	if l.n == 0 {
		l.form, l.first = ids.Form, ids.First
	}
	at := l.n
	if l.n += ids.N; l.form == IDPositions {
		return
	}
	l.num = append(l.num, ids.Num...)
	if l.table == nil {
		l.table = &idTable{rows: make(map[uint64]int64, ids.N)}
	}
	l.table.mu.Lock()
	defer l.table.mu.Unlock()
	for i, id := range ids.Num {
		l.table.rows[id] = int64(at + i)
	}
}

// Part makes ids those of n rows of the line.
func (l *IDLine) Part(ids *IDs, from, n int) {
	ids.Form, ids.N = l.form, n
	if l.form == IDPositions {
		ids.First = l.first + uint64(from)
		return
	}
	ids.Num, ids.line, ids.at = l.num[from:from+n:from+n], l.table, int64(from)
}

// find returns the row of an id among n rows from one on.
func (t *idTable) find(id uint64, from, n int64) (int64, bool) {
	t.mu.RLock()
	row, ok := t.rows[id]
	t.mu.RUnlock()
	row -= from
	return row, ok && row >= 0 && row < n
}

// JoinIDs names the rows of several segments, one after the other. The list may be used again.
func JoinIDs(parts []*IDs) *IDs {
	if len(parts) == 1 && (parts[0].Form != IDPositions || parts[0].First == 0) {
		return parts[0]
	}
	j := &struct { // one object, for few segments
		IDs
		parts  [4]*IDs
		starts [4]int64
	}{}
	all := &j.IDs
	all.Form, all.Parts = parts[0].Form, append(j.parts[:0], parts...)
	all.starts = j.starts[:0]
	for _, p := range parts {
		all.starts = append(all.starts, int64(all.N))
		if all.Form == IDPositions && (p.Form != IDPositions || p.First != uint64(all.N)) {
			all.Form = IDCounted
		}
		all.N += p.N
	}
	return all
}
