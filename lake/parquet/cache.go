package parquet

import (
	"container/list"
	"sync"
)

// pageCache keeps the decoded pages that were used last, up to a number of bytes, of one file or of
// several. The zero cache with a limit is empty.
type pageCache struct {
	limit  int64
	mu     sync.Mutex
	bytes  int64
	order  list.List // of *cached, the one used last first
	byKey  map[pageKey]*list.Element
	spare  [][]byte       // memory of pages that nobody reads any more
	making [32]sync.Mutex // of pages that are decoded, by their numbers
}

// pageKey is a page: of whose vectors, in which row group, and the how manieth.
type pageKey struct {
	of       *Vectors
	group, k int
}

type cached struct {
	key  pageKey
	data []byte
	uses int  // readers that have it
	gone bool // it is no longer kept
}

// mostSpare is how many pages' memory is kept for others.
const mostSpare = 4

// get returns a page that is kept, whose values must not be changed, or nil. done ends its use.
func (c *pageCache) get(key pageKey) *cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byKey[key]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	p := e.Value.(*cached)
	p.uses++
	return p
}

// done ends a use of a page.
func (c *pageCache) done(p *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.uses--
	c.reuse(p)
}

// reuse takes the memory of a page that nobody has any more. The cache is locked.
func (c *pageCache) reuse(p *cached) {
	if p.gone && p.uses == 0 && len(c.spare) < mostSpare {
		c.spare = append(c.spare, p.data[:0])
		p.data = nil
	}
}

// room returns memory for a page of size bytes, whatever is in it.
func (c *pageCache) room(size int64) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, b := range c.spare {
		if int64(cap(b)) >= size && int64(cap(b)) <= 2*size {
			c.spare[i] = c.spare[len(c.spare)-1]
			c.spare = c.spare[:len(c.spare)-1]
			return b[:size]
		}
	}
	if len(c.spare) == mostSpare { // of pages of another size
		c.spare = c.spare[:0]
	}
	return make([]byte, size)
}

// put keeps the values of a page, unless they alone are more than the limit, and returns it in use.
func (c *pageCache) put(key pageKey, data []byte) *cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey == nil {
		c.byKey = map[pageKey]*list.Element{}
	}
	p := &cached{key: key, data: data, uses: 1}
	if int64(len(data)) > c.limit || c.byKey[key] != nil {
		p.gone = true
		return p
	}
	c.byKey[key] = c.order.PushFront(p)
	for c.bytes += int64(len(data)); c.bytes > c.limit; {
		c.drop(c.order.Back())
	}
	return p
}

// drop takes a page out. The cache is locked.
func (c *pageCache) drop(e *list.Element) {
	last := c.order.Remove(e).(*cached)
	delete(c.byKey, last.key)
	c.bytes -= int64(len(last.data))
	last.gone = true
	c.reuse(last)
}

// forget takes all pages of a file out.
func (c *pageCache) forget(of *Vectors) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, e := range c.byKey {
		if key.of == of {
			c.drop(e)
		}
	}
}

// page returns page k of a row group, decoded by make unless it is kept: by one reader, while
// others that want it wait. It is nil where make finds no values to keep. pageCache.done ends its
// use.
func (v *Vectors) page(group, k int, make func() ([]byte, error)) (*cached, error) {
	key := pageKey{v, group, k}
	if p := v.cache.get(key); p != nil {
		return p, nil
	}
	one := &v.cache.making[(31*group+k+32)%32]
	one.Lock()
	defer one.Unlock()
	if p := v.cache.get(key); p != nil {
		return p, nil
	}
	data, err := make()
	if err != nil || data == nil {
		return nil, err
	}
	return v.cache.put(key, data), nil
}
