package callback

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
)

// The schedule of retries: 5 s after the first attempt, doubling, for a day.
// The hosted API publishes none; this is that of its siblings.
const (
	firstRetry    = 5 * time.Second
	giveUpAfter   = 24 * time.Hour
	jitter        = 0.2 // each wait is up to a fifth shorter or longer
	maxRetryAfter = time.Hour
)

// backoff returns how long to wait after the attempt that follows failed
// others. spread is from 0 up to 1.
func backoff(failed int, spread float64) time.Duration {
	d := firstRetry
	for range failed {
		if d *= 2; d > giveUpAfter {
			break
		}
	}
	return time.Duration(float64(d) * (1 - jitter + 2*jitter*spread))
}

// again asks for another attempt; the last comes a day after the first. A
// receiver can lengthen the wait but not shorten it.
func (s *Sender) again(ctx context.Context, j *store.Job, p *post, asked time.Duration, err error) error {
	left := p.Since.Add(giveUpAfter).Sub(s.now())
	//nolint:gosec // the spread of retries need not be unpredictable
	wait := max(min(backoff(j.Attempts, rand.Float64()), left), asked)
	if left <= 0 || wait > left {
		s.drop(ctx, j, p, outcomeGivenUp, err)
		return nil
	}
	s.metrics.count(outcomeRetried)
	return queue.Retry(wait, err)
}

// retryAfter reads a Retry-After header: seconds or a date. It is bounded, so
// that a mistake of the receiver does not cost it its callbacks.
func retryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	var d time.Duration
	if n, err := strconv.ParseUint(value, 10, 31); err == nil {
		d = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}

func (s *Sender) delivered(ctx context.Context, j *store.Job, p *post) {
	s.metrics.count(outcomeDelivered)
	s.metrics.delay.Observe(s.now().Sub(p.Since).Seconds())
	s.forgetRefused(j.Lane)
	if s.log.Enabled(ctx, slog.LevelDebug) {
		s.log.LogAttrs(ctx, slog.LevelDebug, "callback delivered", append(attrs(j, p), slog.Int("attempt", j.Attempts+1))...)
	}
}

// drop gives a callback up, and says so: the app will never hear of this.
func (s *Sender) drop(ctx context.Context, j *store.Job, p *post, o outcome, why error) {
	s.metrics.count(o)
	s.log.LogAttrs(ctx, slog.LevelWarn, "callback dropped", append(attrs(j, p),
		slog.Int("attempt", j.Attempts+1), slog.String("outcome", outcomeNames[o]), slog.String("reason", why.Error()))...)
}

func attrs(j *store.Job, p *post) []slog.Attr {
	a := make([]slog.Attr, 0, 8)
	return append(a, slog.String("project_id", j.ProjectID), slog.String("app_id", p.AppID),
		slog.String("webhook_id", p.WebhookID), slog.String("trigger", string(p.Trigger)))
}

// maxRefused bounds the memory of what was logged.
const maxRefused = 1024

// logRefused says once for each lane that its target is private. It is tried
// again like one that is down, because the configuration may change.
func (s *Sender) logRefused(ctx context.Context, j *store.Job, p *post, err error) {
	s.mu.Lock()
	known := s.refused[j.Lane]
	if len(s.refused) >= maxRefused {
		clear(s.refused)
	}
	s.refused[j.Lane] = true
	s.mu.Unlock()
	if !known {
		s.log.LogAttrs(ctx, slog.LevelWarn, "callback target refused", append(attrs(j, p), slog.String("reason", err.Error()))...)
	}
}

func (s *Sender) forgetRefused(lane string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.refused, lane)
}
