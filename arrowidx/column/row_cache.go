package column

import "sync"

const (
	// rowCacheBytes is the most memory that rows of one pager take which were read one by one.
	rowCacheBytes  = 64 << 20
	rowCacheShards = 16
)

// rowCache keeps rows that were read one by one, the latest of them: those that queries are
// measured on come again and again. Safe for concurrent use.
type rowCache struct {
	shards [rowCacheShards]rowShard
}

// rowShard keeps the rows whose numbers end with its own.
type rowShard struct {
	mu   sync.Mutex
	at   map[uint32]int // places of rows
	rows []uint32       // at every place
	data []byte
	next int // the place to be given away, once all are taken
}

// room is how many rows a shard keeps.
func (*rowCache) room(size int) int { return max(rowCacheBytes/rowCacheShards/size, 1) }

// get copies a row to dst, if it is here.
func (c *rowCache) get(row int, dst []byte) bool {
	s := &c.shards[row%rowCacheShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.at[uint32(row)]
	if ok {
		copy(dst, s.data[at*len(dst):])
	}
	return ok
}

// put keeps a row.
func (c *rowCache) put(row int, x []byte) {
	s, room := &c.shards[row%rowCacheShards], c.room(len(x))
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.at[uint32(row)]; ok {
		return
	}
	if s.at == nil {
		s.at = make(map[uint32]int)
	}
	if len(s.rows) < room {
		s.at[uint32(row)] = len(s.rows)
		s.rows, s.data = append(s.rows, uint32(row)), append(s.data, x...)
		return
	}
	delete(s.at, s.rows[s.next])
	s.at[uint32(row)], s.rows[s.next] = s.next, uint32(row)
	copy(s.data[s.next*len(x):], x)
	s.next = (s.next + 1) % room
}
