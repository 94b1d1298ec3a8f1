package parquet

import (
	"container/list"
	"sync"
)

// pageCache keeps the decoded pages that were used last, up to a number of bytes. The zero cache
// with a limit is empty.
type pageCache struct {
	limit int64
	mu    sync.Mutex
	bytes int64
	order list.List // of *cached, the one used last first
	byKey map[[2]int]*list.Element
}

type cached struct {
	key  [2]int
	data []byte
}

// get returns the values of page k of a row group, which must not be changed, or nil.
func (c *pageCache) get(group, k int) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byKey[[2]int{group, k}]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).data
}

// put keeps the values of a page, unless they alone are more than the limit.
func (c *pageCache) put(group, k int, data []byte) {
	key := [2]int{group, k}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey == nil {
		c.byKey = map[[2]int]*list.Element{}
	}
	if int64(len(data)) > c.limit || c.byKey[key] != nil {
		return
	}
	c.byKey[key] = c.order.PushFront(&cached{key, data})
	for c.bytes += int64(len(data)); c.bytes > c.limit; {
		e := c.order.Back()
		last := c.order.Remove(e).(*cached)
		delete(c.byKey, last.key)
		c.bytes -= int64(len(last.data))
	}
}
