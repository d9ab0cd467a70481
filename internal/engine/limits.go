package engine

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/parley-im/parley"
)

// limiters hold an app to its limits: messages accepted but not yet handed to
// a channel, and messages handed over per second.
type limiters struct {
	on       bool
	outbound rate.Limit
	now      func() time.Time

	mu     sync.Mutex
	queued map[string]int64
	pace   map[string]*rate.Limiter
}

func newLimiters(o Options) *limiters {
	return &limiters{
		on: o.RateLimits, outbound: rate.Limit(o.Limits.Outbound), now: o.Now,
		queued: map[string]int64{}, pace: map[string]*rate.Limiter{},
	}
}

// enqueue counts an accepted message in, or refuses it when too many wait.
func (l *limiters) enqueue(appID string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.on && l.queued[appID] >= parley.OutboundQueueLimit {
		return parley.Errorf(parley.CodeResourceExhausted, "the app's outbound queue is full (%d messages)", parley.OutboundQueueLimit)
	}
	l.queued[appID]++
	return nil
}

// dequeue counts a message out.
func (l *limiters) dequeue(appID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// Never below zero: messages accepted before a restart were not counted.
	l.queued[appID] = max(l.queued[appID]-1, 0)
}

// waiting returns how many of an app's messages wait to be sent.
func (l *limiters) waiting(appID string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queued[appID]
}

// send returns how long the app's next message must wait, or 0 when it may go
// now.
func (l *limiters) send(appID string) time.Duration {
	if !l.on || l.outbound <= 0 {
		return 0
	}
	l.mu.Lock()
	p := l.pace[appID]
	if p == nil {
		p = rate.NewLimiter(l.outbound, max(int(l.outbound), 1))
		l.pace[appID] = p
	}
	l.mu.Unlock()
	now := l.now()
	r := p.ReserveN(now, 1)
	if d := r.DelayFrom(now); d > 0 {
		r.CancelAt(now)
		return max(d, 10*time.Millisecond)
	}
	return 0
}
