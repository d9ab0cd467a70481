package parley

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"
)

// IDLen is the length of an identifier: a ULID of 26 Crockford base32
// characters.
const IDLen = 26

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// An IDSource makes ULIDs that sort in the order they were made, also within
// one millisecond, so that a page sorted by id is sorted by time. It is safe
// for concurrent use. The zero value is ready.
type IDSource struct {
	mu   sync.Mutex
	ms   uint64
	hi   uint16 // the 80 random bits, incremented within a millisecond
	lo   uint64
	pool [1024]byte // random bytes not yet used
	left int
}

// New returns an identifier for the time t.
func (s *IDSource) New(t time.Time) string {
	ms := uint64(max(t.UnixMilli(), 0))
	s.mu.Lock()
	if ms > s.ms {
		s.ms = ms
		b := s.random(10)
		// The top bit stays clear so that increments cannot overflow.
		s.hi = binary.BigEndian.Uint16(b) &^ (1 << 15)
		s.lo = binary.BigEndian.Uint64(b[2:])
	} else {
		// A step of random size keeps neighbours hard to guess.
		step := uint64(binary.BigEndian.Uint32(s.random(4))) + 1
		before := s.lo
		s.lo += step
		if s.lo < before {
			s.hi++
		}
	}
	ms, hi, lo := s.ms, s.hi, s.lo
	s.mu.Unlock()
	return encodeULID(ms, hi, lo)
}

// At returns an identifier for a time that may be long past. Those made for
// one millisecond are in no order.
func (s *IDSource) At(t time.Time) string {
	s.mu.Lock()
	b := s.random(10)
	hi, lo := binary.BigEndian.Uint16(b), binary.BigEndian.Uint64(b[2:])
	s.mu.Unlock()
	return encodeULID(uint64(max(t.UnixMilli(), 0)), hi, lo)
}

// random returns n fresh random bytes; the caller holds the lock.
func (s *IDSource) random(n int) []byte {
	if s.left < n {
		_, _ = rand.Read(s.pool[:]) // crypto/rand.Read never fails
		s.left = len(s.pool)
	}
	b := s.pool[len(s.pool)-s.left:][:n]
	s.left -= n
	return b
}

func encodeULID(ms uint64, hi uint16, lo uint64) string {
	var out [IDLen]byte
	for i := 9; i >= 0; i-- {
		out[i] = crockford[ms&31]
		ms >>= 5
	}
	for i := IDLen - 1; i >= 10; i-- {
		out[i] = crockford[lo&31]
		lo = lo>>5 | uint64(hi&31)<<59
		hi >>= 5
	}
	return string(out[:])
}

// IsID reports whether s has the shape of an identifier. Letters may be in
// either case; the API's own ids are upper case.
func IsID(s string) bool {
	if len(s) != IDLen {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
		default:
			return false
		}
	}
	return true
}

// FirstID returns the lowest identifier of the millisecond t: every identifier
// made before it sorts below.
func FirstID(t time.Time) string {
	return encodeULID(uint64(max(t.UnixMilli(), 0)), 0, 0)
}
