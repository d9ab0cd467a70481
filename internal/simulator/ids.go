package simulator

import (
	"crypto/rand"
	"strings"
	"sync"
	"time"
)

// idSource makes ids like those of the SMS REST API: 26 characters of time,
// count and chance, increasing.
type idSource struct {
	now func() time.Time

	mu    sync.Mutex
	last  int64
	count uint32
}

func newIDSource(now func() time.Time) *idSource { return &idSource{now: now} }

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// next returns a new id.
func (s *idSource) next() string {
	s.mu.Lock()
	ms := s.now().UnixMilli()
	if ms <= s.last {
		s.count++
		ms = s.last
	} else {
		s.last, s.count = ms, 0
	}
	count := s.count
	s.mu.Unlock()
	var b strings.Builder
	b.Grow(26)
	for shift := 45; shift >= 0; shift -= 5 {
		b.WriteByte(crockford[ms>>shift&31])
	}
	for shift := 20; shift >= 0; shift -= 5 {
		b.WriteByte(crockford[count>>shift&31])
	}
	return b.String() + rand.Text()[:11]
}
