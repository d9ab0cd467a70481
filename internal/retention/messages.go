package retention

import (
	"context"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

const (
	// readPage is how many rows are looked at together, removePage how many are
	// removed in one transaction.
	readPage   = 1000
	removePage = 200
	// budget is how many rows one sweep looks at in vain, at most, before it
	// leaves the rest to the next.
	budget = 200_000
	// startOver is how often a sweep that goes by a mark begins from the start:
	// what was put into the past meanwhile has been passed by.
	startOver = 7 * day
)

// messages removes the messages of apps that keep each for so long, and
// dispatched ones of all apps.
func (s *Sweeper) messages(ctx context.Context) (int64, error) {
	return s.eachApp(ctx, func(projectID string, a *parley.App) (int64, error) {
		ref := store.AppRef{ProjectID: projectID, AppID: a.ID}
		var sum int64
		if p := a.RetentionPolicy; p != nil && p.RetentionType == parley.RetentionMessageExpire && p.TTLDays > 0 {
			n, err := s.oldMessages(ctx, ref, "messages", s.ago(days(p.TTLDays)), false)
			sum += n
			if err != nil {
				return sum, err
			}
		}
		var ttl time.Duration
		if p := a.DispatchRetentionPolicy; p != nil {
			ttl = days(p.TTLDays)
		}
		if err := s.unlist(ctx, ref, s.ago(ttl)); err != nil {
			return sum, err
		}
		n, err := s.oldMessages(ctx, ref, "dispatch", s.ago(max(ttl, dispatchKept)), true)
		return sum + n, err
	})
}

// oldMessages removes an app's messages from before a time, those dispatched
// or the others.
func (s *Sweeper) oldMessages(ctx context.Context, ref store.AppRef, name string, before time.Time, dispatched bool) (int64, error) {
	return s.marked(ctx, ref, name, func(after string) (last string, ids []string, err error) {
		page, err := s.store.OldMessages(ctx, ref.ProjectID, ref.AppID, after, before, readPage)
		for _, m := range page {
			last = m.ID
			if m.Dispatch == dispatched && !m.Scheduled && m.SendAt.Before(before) {
				ids = append(ids, m.ID)
			}
		}
		return last, ids, err
	}, s.store.RemoveMessages)
}

// unlist hides dispatched messages from before a time.
func (s *Sweeper) unlist(ctx context.Context, ref store.AppRef, before time.Time) error {
	for _, toContact := range []bool{true, false} {
		for {
			began := s.o.Now()
			ids, err := s.store.OldListed(ctx, ref.ProjectID, ref.AppID, toContact, before, removePage)
			if err != nil {
				return err
			}
			if err := s.store.Unlist(ctx, ref.ProjectID, ids); err != nil {
				return err
			}
			if len(ids) < removePage {
				break
			}
			if err := s.rest(ctx, began); err != nil {
				return err
			}
		}
	}
	return nil
}

// events removes the events of apps that keep each message for so long. Those
// of other apps go with their conversations.
func (s *Sweeper) events(ctx context.Context) (int64, error) {
	return s.eachApp(ctx, func(projectID string, a *parley.App) (int64, error) {
		ttl := a.RetentionPolicy
		if a.ProcessingMode == parley.ModeDispatch {
			ttl = a.DispatchRetentionPolicy
		}
		if ttl == nil || ttl.RetentionType != parley.RetentionMessageExpire {
			return 0, nil
		}
		before := s.ago(days(ttl.TTLDays))
		return s.marked(ctx, store.AppRef{ProjectID: projectID, AppID: a.ID}, "events",
			func(after string) (last string, ids []string, err error) {
				page, apps, err := s.store.OldEvents(ctx, projectID, after, before, readPage)
				for i, id := range page {
					last = id
					if apps[i] == a.ID {
						ids = append(ids, id)
					}
				}
				return last, ids, err
			}, s.store.RemoveEvents)
	})
}

// marked goes on where the last sweep of the name left off for the app: page
// reads what comes after an id and returns the last id it looked at, "" at the
// end, and those that are to go.
func (s *Sweeper) marked(ctx context.Context, ref store.AppRef, name string,
	page func(after string) (last string, ids []string, err error),
	remove func(ctx context.Context, projectID string, ids []string) (int64, error),
) (int64, error) {
	mark, err := s.store.Mark(ctx, ref.ProjectID, ref.AppID, name)
	if err != nil {
		return 0, err
	}
	if s.o.Now().Sub(mark.Since) >= startOver {
		mark = store.Mark{Since: s.o.Now()}
	}
	var sum int64
	looked, was := 0, mark
	for looked < budget {
		began := s.o.Now()
		last, ids, err := page(mark.At)
		if err != nil {
			return sum, err
		}
		if last == "" {
			break
		}
		n, err := s.inParts(ctx, ref.ProjectID, ids, remove)
		sum += n
		if err != nil {
			return sum, err
		}
		mark.At = last
		if len(ids) == 0 {
			looked += readPage
		}
		if err := s.rest(ctx, began); err != nil {
			return sum, err
		}
	}
	if mark == was {
		return sum, nil
	}
	return sum, s.store.PutMark(ctx, ref.ProjectID, ref.AppID, name, mark)
}

// inParts removes a page, some in each transaction.
func (s *Sweeper) inParts(ctx context.Context, projectID string, ids []string,
	remove func(ctx context.Context, projectID string, ids []string) (int64, error),
) (int64, error) {
	var sum int64
	for len(ids) > 0 {
		began := s.o.Now()
		part := ids[:min(removePage, len(ids))]
		n, err := remove(ctx, projectID, part)
		sum += n
		if err != nil {
			return sum, err
		}
		if ids = ids[len(part):]; len(ids) > 0 {
			if err := s.rest(ctx, began); err != nil {
				return sum, err
			}
		}
	}
	return sum, nil
}
