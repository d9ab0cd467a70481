package sms

import (
	"context"
	"sync"

	"golang.org/x/time/rate"
)

// A pace limits the submits of one bind to a number a second. When the SMSC
// says it is too much the pace halves, and creeps back with each success.
type pace struct {
	limiter *rate.Limiter
	mu      sync.Mutex
	full    rate.Limit
	now     rate.Limit
}

// newPace returns a pace of perSecond, or none at all when that is 0.
func newPace(perSecond float64) *pace {
	full := rate.Limit(perSecond)
	if perSecond <= 0 {
		full = rate.Inf
	}
	// A twentieth of a second in one go keeps timers from limiting high rates.
	burst := max(1, int(perSecond/20))
	return &pace{limiter: rate.NewLimiter(full, burst), full: full, now: full}
}

// wait returns when the next submit may go, or an error when ctx ends first.
func (p *pace) wait(ctx context.Context) error { return p.limiter.Wait(ctx) }

// Bounds of what the pace adapts to: an SMSC that says it is too much
// without us having a limit is given throttledStart a second.
const (
	throttledStart rate.Limit = 50
	slowestPace    rate.Limit = 1
)

func (p *pace) slower() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == rate.Inf {
		p.now = throttledStart
	} else {
		p.now = max(min(slowestPace, p.full), p.now/2)
	}
	p.limiter.SetLimit(p.now)
}

// faster adds a fiftieth of the full pace.
func (p *pace) faster() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == p.full {
		return
	}
	if p.full == rate.Inf {
		p.now *= 1.02
	} else {
		p.now = min(p.full, p.now+p.full/50)
	}
	p.limiter.SetLimit(p.now)
}
