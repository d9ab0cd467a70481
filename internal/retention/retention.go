// Package retention removes what is kept no longer: messages, conversations
// and events by their app's policy, contacts by their project's, and what the
// server itself has no more use for, such as old provider ids, media and
// traces. What expires within minutes is package engine's (upkeep.go).
//
// It works through pages that are read outside of transactions and removed in
// small ones, with pauses as long as the work, so that messages hardly notice.
// Of several nodes one does it at a time. It decides nothing about what is
// under way: a message that goes is simply not there any more.
package retention

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

const (
	// turn is the name of the lease on all of it.
	turn = "retention"
	// poll is how often it is looked whether a sweep is due.
	poll = time.Minute
)

// How long things are kept that no policy of an app tells.
const (
	// dispatchKept is how long a dispatched message's row stays, listed or not:
	// a fallback may wait 72 hours for a receipt, and the last channel's
	// receipts come after that.
	dispatchKept = 4 * day
	// providerIDsKept is how long something received is known to be a repeat:
	// Meta repeats a webhook for up to 7 days (hookdeck.com, Guide to WhatsApp
	// Webhooks: "Retry mechanism"). The provider ids of a message
	// stay as long as it does, because answers and receipts name them.
	providerIDsKept = 14 * day
	// revokedKept is how long a revoked access key is still listed.
	revokedKept = 30 * day

	day = 24 * time.Hour
)

// A MediaStore removes inbound files; see package media.
type MediaStore interface {
	// Remove removes a file, if it is there.
	Remove(ctx context.Context, projectID, id string) error
	// Kept is how long after it came in a file can still be asked for.
	Kept() time.Duration
}

// Options configure a Sweeper. Store, Now, Log and Interval are required.
type Options struct {
	Store    *store.Store
	Media    MediaStore // nil: files are not ours to remove
	Now      func() time.Time
	Log      *slog.Logger
	Metrics  prometheus.Registerer // nil: counted for nobody
	Interval time.Duration         // from the start of one sweep to that of the next
	TraceFor time.Duration         // how long traces are kept; 0 removes all
}

// A Sweeper removes what is kept no longer.
type Sweeper struct {
	o       Options
	store   *store.Store
	removed *prometheus.CounterVec
	last    prometheus.Gauge
}

// New returns a Sweeper.
func New(o Options) *Sweeper {
	f := promauto.With(o.Metrics)
	return &Sweeper{
		o: o, store: o.Store,
		removed: f.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_retention_removed_total", Help: "Rows removed because they are kept no longer.",
		}, []string{"sweep"}),
		last: f.NewGauge(prometheus.GaugeOpts{
			Name: "parley_retention_last_seconds", Help: "When this node last finished a sweep, in seconds since 1970.",
		}),
	}
}

// Run sweeps when it is due, until ctx is done.
func (s *Sweeper) Run(ctx context.Context) {
	tick := time.NewTicker(min(poll, s.o.Interval))
	defer tick.Stop()
	for {
		if _, err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.o.Log.Error("retention", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// A sweep removes one kind of thing and returns how many of them.
type sweep struct {
	name string
	run  func(context.Context) (int64, error)
}

// sweeps is everything that is removed: to remove more, add a line.
func (s *Sweeper) sweeps() []sweep {
	return []sweep{
		{"traces", s.traces},
		{"messages", s.messages},
		{"conversations", s.conversations},
		{"contacts", s.contacts},
		{"events", s.events},
		{"media", s.media},
		{"provider_ids", s.through("provider_ids", providerIDsKept, s.store.RemoveProviderIDs)},
		{"sent_events", s.through("sent_events", providerIDsKept, s.store.RemoveSentEvents)},
		{"access_keys", func(ctx context.Context) (int64, error) { return s.store.RemoveKeys(ctx, s.ago(revokedKept)) }},
	}
}

// Sweep removes what is to go, if that is due and this node's turn, and
// reports whether it was. A sweep that fails does not keep the others from
// their work.
func (s *Sweeper) Sweep(ctx context.Context) (bool, error) {
	next := func() time.Time { return s.o.Now().Add(s.o.Interval) }
	mine, err := s.store.TakeTurn(ctx, turn, next())
	if err != nil || !mine {
		return false, err
	}
	began := s.o.Now()
	var failed error
	for _, w := range s.sweeps() {
		n, err := w.run(ctx)
		s.removed.WithLabelValues(w.name).Add(float64(n))
		if err != nil {
			if ctx.Err() != nil {
				return true, ctx.Err()
			}
			s.o.Log.Error("sweep", slog.String("sweep", w.name), slog.Any("error", err))
			failed = fmt.Errorf("sweep %s: %w", w.name, err)
		}
		if n > 0 {
			s.o.Log.Info("swept", slog.String("sweep", w.name), slog.Int64("removed", n))
		}
		if s.o.Now().Sub(began) > s.o.Interval/2 {
			// Nobody else begins while this one is not through.
			if err := s.store.KeepTurn(ctx, turn, next()); err != nil {
				return true, err
			}
			began = s.o.Now()
		}
	}
	if failed == nil {
		s.last.Set(float64(s.o.Now().Unix()))
	}
	return true, failed
}

// ago returns the time before which something is too old.
func (s *Sweeper) ago(d time.Duration) time.Time { return s.o.Now().Add(-d) }

func days(n int64) time.Duration { return time.Duration(n) * day }

// rest pauses for as long as the work since began took, so that at most half
// of the time somebody else may have to wait for it.
func (s *Sweeper) rest(ctx context.Context, began time.Time) error {
	took := s.o.Now().Sub(began)
	if took <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(took)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// eachApp calls f for every app of every project.
func (s *Sweeper) eachApp(ctx context.Context, f func(projectID string, a *parley.App) (int64, error)) (int64, error) {
	refs, err := s.store.AppRefs(ctx)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, ref := range refs {
		a, err := s.store.App(ctx, ref.ProjectID, ref.AppID)
		if parley.IsNotFound(err) {
			continue // deleted meanwhile
		}
		if err != nil {
			return sum, err
		}
		n, err := f(ref.ProjectID, a)
		sum += n
		if err != nil {
			return sum, err
		}
	}
	return sum, nil
}
