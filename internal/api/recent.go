package api

import "sync"

// recent remembers what was used lately, within a bound: a cheap stand-in for
// a least-recently-used list. Entries live in two generations; when the young
// one is full it becomes the old one and what was in that is forgotten. An
// entry that is used moves to the young one.
type recent[K comparable, V any] struct {
	mu         sync.Mutex
	limit      int // entries in one generation
	young, old map[K]V
}

func newRecent[K comparable, V any](limit int) *recent[K, V] {
	return &recent[K, V]{limit: limit, young: map[K]V{}}
}

func (c *recent[K, V]) get(k K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.find(k)
}

// getOr returns the entry of k, made by create when there is none.
func (c *recent[K, V]) getOr(k K, create func() V) V {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.find(k)
	if !ok {
		v = create()
		c.add(k, v)
	}
	return v
}

func (c *recent[K, V]) put(k K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(k, v)
}

// find and add are called with the lock held.
func (c *recent[K, V]) find(k K) (V, bool) {
	if v, ok := c.young[k]; ok {
		return v, true
	}
	v, ok := c.old[k]
	if ok {
		c.add(k, v)
	}
	return v, ok
}

func (c *recent[K, V]) add(k K, v V) {
	if len(c.young) >= c.limit {
		c.old, c.young = c.young, make(map[K]V, c.limit)
	}
	c.young[k] = v
}
