package api

import (
	"time"

	"golang.org/x/time/rate"
)

// buckets are token buckets by name. A nil *buckets allows everything.
type buckets struct {
	limiters *recent[string, *rate.Limiter]
	limit    rate.Limit
	burst    int
	now      func() time.Time
}

func newBuckets(limit rate.Limit, burst int, now func() time.Time) *buckets {
	return &buckets{limiters: newRecent[string, *rate.Limiter](maxBuckets), limit: limit, burst: burst, now: now}
}

// allow takes a token from the named bucket, if it has one.
func (b *buckets) allow(name string) bool {
	if b == nil {
		return true
	}
	l := b.limiters.getOr(name, func() *rate.Limiter { return rate.NewLimiter(b.limit, b.burst) })
	return l.AllowN(b.now(), 1)
}
