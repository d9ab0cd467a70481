package simulator

import (
	"maps"
	"slices"
	"sync"
)

// accountSet is the accounts of one provider by id. Its zero value is empty.
type accountSet[A any] struct {
	mu sync.Mutex
	by map[string]A
}

// set makes or replaces an account.
func (s *accountSet[A]) set(id string, a A) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = map[string]A{}
	}
	s.by[id] = a
}

func (s *accountSet[A]) get(id string) (A, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.by[id]
	return a, ok
}

// find returns some account that matches, such as the one with a token.
func (s *accountSet[A]) find(match func(A) bool) (string, A, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, a := range s.by {
		if match(a) {
			return id, a, true
		}
	}
	var none A
	return "", none, false
}

// ids lists the accounts, sorted.
func (s *accountSet[A]) ids() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.by))
}
