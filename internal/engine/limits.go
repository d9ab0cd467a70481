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
	// since is what changed in queued since a recount began, nil when none is
	// under way.
	since map[string]int64
	pace  map[string]*pace
}

func newLimiters(o Options) *limiters {
	return &limiters{
		on: o.RateLimits, outbound: rate.Limit(o.Limits.Outbound), now: o.Now,
		queued: map[string]int64{}, pace: map[string]*pace{},
	}
}

// enqueue counts an accepted message in, or refuses it when too many wait.
func (l *limiters) enqueue(appID string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.on && l.queued[appID] >= parley.OutboundQueueLimit {
		return parley.Errorf(parley.CodeResourceExhausted, "the app's outbound queue is full (%d messages)", parley.OutboundQueueLimit)
	}
	l.change(appID, 1)
	return nil
}

// add counts a message in that was accepted earlier.
func (l *limiters) add(appID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.change(appID, 1)
}

// dequeue counts a message out.
func (l *limiters) dequeue(appID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.change(appID, -1)
}

// change counts; the caller holds the lock. What another node accepted may be
// sent by this one, so the count stops at zero until the next recount.
func (l *limiters) change(appID string, n int64) {
	l.queued[appID] = max(l.queued[appID]+n, 0)
	if l.since != nil {
		l.since[appID] += n
	}
}

// recount replaces the counts by those of the database, and what was counted
// while it was asked.
func (l *limiters) recount(count func() (map[string]int64, error)) error {
	l.mu.Lock()
	l.since = map[string]int64{}
	l.mu.Unlock()
	queued, err := count()
	l.mu.Lock()
	defer l.mu.Unlock()
	since := l.since
	l.since = nil
	if err != nil {
		return err
	}
	for app, n := range since {
		queued[app] = max(queued[app]+n, 0)
	}
	l.queued = queued
	return nil
}

// waiting returns how many of an app's messages wait to be sent.
func (l *limiters) waiting(appID string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queued[appID]
}

const (
	// minPause and maxPause bound how long a message is told to wait for its
	// turn. No longer than the queue keeps a job in memory: else it would go
	// through the table for nothing.
	minPause = 10 * time.Millisecond
	maxPause = 2 * time.Second
	// absent is after how long a message that was told to wait is taken to
	// have gone elsewhere.
	absent = 3 * maxPause
)

// A pace hands out an app's turns: urgent messages first.
type pace struct {
	limiter *rate.Limiter
	urgent  turns
	normal  turns
	swept   time.Time
}

// turns are the messages that were told to wait.
type turns map[string]turn

// A turn is when a message was told to wait last, and when it should go.
type turn struct{ asked, at time.Time }

// send returns how long a message of the app must wait, or 0 when its next
// part may go now.
func (l *limiters) send(appID, messageID string, urgent bool) time.Duration {
	if !l.on || l.outbound <= 0 {
		return 0
	}
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.pace[appID]
	if p == nil {
		p = &pace{limiter: rate.NewLimiter(l.outbound, max(int(l.outbound), 1)), urgent: turns{}, normal: turns{}}
		l.pace[appID] = p
	}
	p.sweep(now)
	own, ahead := p.normal, len(p.urgent)
	if urgent {
		own, ahead = p.urgent, 0
	}
	if ahead == 0 && p.limiter.AllowN(now, 1) {
		delete(own, messageID)
		return 0
	}
	return own.wait(messageID, now, func(n int) time.Duration {
		return time.Duration(float64(ahead+n) / float64(l.outbound) * float64(time.Second))
	})
}

// wait notes that a message waits and returns for how long: until those are
// gone that asked before it. For all to ask again and again is of no use.
func (t turns) wait(messageID string, now time.Time, pause func(n int) time.Duration) time.Duration {
	own, ok := t[messageID]
	if !ok {
		own.at = now.Add(pause(len(t) + 1))
	}
	if !own.at.After(now) {
		own.at = now.Add(pause(1))
	}
	own.asked = now
	t[messageID] = own
	return min(max(own.at.Sub(now), minPause), maxPause)
}

// sweep forgets those that do not wait any more.
func (p *pace) sweep(now time.Time) {
	if now.Sub(p.swept) < maxPause {
		return
	}
	p.swept = now
	for _, t := range []turns{p.urgent, p.normal} {
		for id, own := range t {
			if now.Sub(own.asked) > absent {
				delete(t, id)
			}
		}
	}
}
