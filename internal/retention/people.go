package retention

import (
	"context"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// peoplePage is how many conversations or contacts are looked at together.
const peoplePage = 200

// conversations removes those of apps whose newest message decides for the
// whole of them.
func (s *Sweeper) conversations(ctx context.Context) (int64, error) {
	return s.eachApp(ctx, func(projectID string, a *parley.App) (int64, error) {
		p := a.RetentionPolicy
		if p == nil || p.RetentionType != parley.RetentionConversationExpire || p.TTLDays <= 0 {
			return 0, nil
		}
		before := s.ago(days(p.TTLDays))
		return s.round(ctx, store.AppRef{ProjectID: projectID, AppID: a.ID}, "conversations",
			func(after string) (string, int64, error) {
				idle, last, err := s.store.IdleConversations(ctx, projectID, a.ID, after, before, peoplePage)
				if err != nil {
					return "", 0, err
				}
				var sum int64
				for _, c := range idle {
					n, err := s.said(ctx, projectID, c.ContactID, c.ID)
					sum += n
					if err != nil {
						return "", sum, err
					}
					gone, err := s.store.RemoveConversation(ctx, projectID, c, before)
					if err != nil {
						return "", sum, err
					}
					if gone {
						sum++
					}
				}
				return last, sum, nil
			})
	})
}

// contacts removes those of projects that keep none without a message for so
// long.
func (s *Sweeper) contacts(ctx context.Context) (int64, error) {
	ttls, err := s.store.ContactTTLs(ctx)
	if err != nil {
		return 0, err
	}
	var all int64
	for projectID, ttl := range ttls {
		before := s.ago(days(ttl))
		n, err := s.round(ctx, store.AppRef{ProjectID: projectID}, "contacts", func(after string) (string, int64, error) {
			return s.idleContacts(ctx, projectID, after, before)
		})
		all += n
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

func (s *Sweeper) idleContacts(ctx context.Context, projectID, after string, before time.Time) (string, int64, error) {
	idle, last, err := s.store.IdleContacts(ctx, projectID, after, before, peoplePage)
	if err != nil {
		return "", 0, err
	}
	var sum int64
	for _, id := range idle {
		n, err := s.said(ctx, projectID, id, "")
		sum += n
		if err != nil {
			return "", sum, err
		}
		gone, err := s.store.RemoveContact(ctx, projectID, id, before)
		if err != nil {
			return "", sum, err
		}
		if gone {
			sum++
		}
	}
	return last, sum, nil
}

// said removes the messages of a conversation, or of all of a contact's, a
// page at a time: what is left is removed in one transaction.
func (s *Sweeper) said(ctx context.Context, projectID, contactID, conversationID string) (int64, error) {
	var sum int64
	for {
		began := s.o.Now()
		ids, err := s.store.ConversationMessages(ctx, projectID, contactID, conversationID, removePage)
		if err != nil || len(ids) == 0 {
			return sum, err
		}
		n, err := s.store.RemoveMessages(ctx, projectID, ids)
		sum += n
		if err != nil {
			return sum, err
		}
		if err := s.rest(ctx, began); err != nil {
			return sum, err
		}
	}
}

// round goes round a table in which what is kept stays where it is: on from
// where it was, and from the start again after the end, in pages. A sweep goes
// as far as its budget, and round once at most.
func (s *Sweeper) round(ctx context.Context, ref store.AppRef, name string, page func(after string) (last string, n int64, err error)) (int64, error) {
	mark, err := s.store.Mark(ctx, ref.ProjectID, ref.AppID, name)
	if err != nil {
		return 0, err
	}
	var sum int64
	from, wrapped := mark.At, false
	for looked := 0; looked < budget; looked += peoplePage {
		began := s.o.Now()
		last, n, err := page(mark.At)
		sum += n
		if err != nil {
			return sum, err
		}
		if last == "" {
			if wrapped || from == "" {
				mark.At = ""
				break
			}
			wrapped = true
		}
		if mark.At = last; wrapped && mark.At > from {
			break
		}
		if err := s.rest(ctx, began); err != nil {
			return sum, err
		}
	}
	if mark.At == from {
		return sum, nil
	}
	mark.Since = s.o.Now()
	return sum, s.store.PutMark(ctx, ref.ProjectID, ref.AppID, name, mark)
}
