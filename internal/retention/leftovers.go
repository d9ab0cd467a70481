package retention

import (
	"context"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// traces removes those that are too old, and none are kept longer than the app
// keeps its messages.
func (s *Sweeper) traces(ctx context.Context) (int64, error) {
	var sum int64
	for ref := (store.AppRef{}); ; {
		next, ok, err := s.store.TracedApp(ctx, ref)
		if err != nil || !ok {
			return sum, err
		}
		ref = next
		keep := s.o.TraceFor
		a, err := s.store.App(ctx, ref.ProjectID, ref.AppID)
		switch {
		case parley.IsNotFound(err): // of a message that was under way
		case err != nil:
			return sum, err
		default:
			keep = min(keep, messagesKept(a))
		}
		n, err := s.repeat(func(ctx context.Context, limit int) (int64, error) {
			return s.store.RemoveTraces(ctx, ref, s.ago(keep), limit)
		})(ctx)
		sum += n
		if err != nil {
			return sum, err
		}
	}
}

// messagesKept is how long an app's messages are there.
func messagesKept(a *parley.App) time.Duration {
	const always = 1 << 62
	p := a.RetentionPolicy
	if a.ProcessingMode == parley.ModeDispatch {
		if p = a.DispatchRetentionPolicy; p == nil {
			return dispatchKept
		}
		return max(days(p.TTLDays), dispatchKept)
	}
	if p == nil || p.RetentionType != parley.RetentionMessageExpire {
		return always
	}
	return days(p.TTLDays)
}

// media removes inbound files whose addresses have all expired: nobody can ask
// for them any more.
func (s *Sweeper) media(ctx context.Context) (int64, error) {
	if s.o.Media == nil {
		return 0, nil
	}
	projects, err := s.store.Projects(ctx)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, p := range projects {
		n, err := s.repeat(func(ctx context.Context, limit int) (int64, error) {
			ids, err := s.store.OldMedia(ctx, p.ID, s.ago(s.o.Media.Kept()), limit)
			if err != nil {
				return 0, err
			}
			for _, id := range ids {
				// First the file: while there is the row, it is tried again.
				if err := s.o.Media.Remove(ctx, p.ID, id); err != nil {
					return 0, err
				}
			}
			return s.store.RemoveMedia(ctx, p.ID, ids)
		})(ctx)
		sum += n
		if err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// repeat returns what has remove called, which removes up to limit rows, until
// there are no more.
func (s *Sweeper) repeat(remove func(ctx context.Context, limit int) (int64, error)) func(context.Context) (int64, error) {
	return func(ctx context.Context) (int64, error) {
		var sum int64
		for {
			began := s.o.Now()
			n, err := remove(ctx, removePage)
			sum += n
			if err != nil || n < removePage {
				return sum, err
			}
			if err := s.rest(ctx, began); err != nil {
				return sum, err
			}
		}
	}
}

// through returns what goes through a table that is not sorted by age, from
// where the last sweep left off: as far as the budget, and to the end at most.
func (s *Sweeper) through(name string, kept time.Duration,
	remove func(ctx context.Context, after string, before time.Time, limit int) (mark string, n int64, err error),
) func(context.Context) (int64, error) {
	return func(ctx context.Context) (int64, error) {
		mark, err := s.store.Mark(ctx, "", "", name)
		if err != nil {
			return 0, err
		}
		var sum int64
		for range budget / readPage {
			began := s.o.Now()
			var n int64
			mark.At, n, err = remove(ctx, mark.At, s.ago(kept), readPage)
			sum += n
			if err != nil {
				return sum, err
			}
			if mark.At == "" {
				break
			}
			if err := s.rest(ctx, began); err != nil {
				return sum, err
			}
		}
		mark.Since = s.o.Now()
		return sum, s.store.PutMark(ctx, "", "", name, mark)
	}
}
