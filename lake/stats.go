package lake

import (
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/cache"
)

// Stats is what happened to the cache, or to what one backend or one collection has in it.
type Stats = cache.Stats

// Stats returns what happened to the whole cache.
func (l *Lake) Stats() Stats { return l.cache.Stats() }

// StatsByBackend returns what happened to the collections of each backend that was asked for any.
func (l *Lake) StatsByBackend() map[string]Stats {
	return cache.Grouped(l.cache, func(s *cache.Slot) string { return s.Key.Backend })
}

// StatsByCollection returns what happened to each collection that was asked for.
func (l *Lake) StatsByCollection() map[backend.Key]Stats {
	return cache.Grouped(l.cache, func(s *cache.Slot) backend.Key { return s.Key })
}
