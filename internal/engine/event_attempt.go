package engine

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
)

// attemptEvent makes one attempt to show an event. Errors that are no
// *channel.Error mean that none was made.
func (e *Engine) attemptEvent(ctx context.Context, j *store.Job, s *showing, app *parley.App) (channel.ProviderID, error) {
	last, err := e.store.LastInbound(ctx, j.ProjectID, app.ID, s.ContactID, s.To, e.now().Add(-lastInboundAge))
	if err != nil {
		return "", err
	}
	comment, err := e.lastComment(ctx, j.ProjectID, s)
	if err != nil {
		return "", err
	}
	if !s.repeatable() {
		if err := e.store.Commit(ctx, &store.Write{Start: j.ID}); err != nil {
			return "", err
		}
	}
	if !e.o.Held() {
		return "", errLeaseLost
	}
	out := &channel.OutgoingEvent{
		EventID: s.EventID, To: channel.Address{Identity: s.To.Identity}, Event: s.Event,
		LastInbound: channel.ProviderID(last), LastComment: comment,
	}
	ctx, cancel := context.WithTimeout(ctx, e.o.SendTimeout)
	defer cancel()
	return handEvent(ctx, e.channels[s.To.Channel], e.conn(j.ProjectID, app, app.Credential(s.To.Channel)), out)
}

// fewEvents is how many events of a contact are looked through for a comment.
const fewEvents = 50

// lastComment returns what the provider calls the newest comment of whom the
// event is for, or "". Only an answer to a comment needs it, and in dispatch
// mode, where no events are kept, there is none.
func (e *Engine) lastComment(ctx context.Context, projectID string, s *showing) (channel.ProviderID, error) {
	if s.Event.CommentReply == nil || s.ContactID == "" {
		return "", nil
	}
	events, err := e.store.Events(ctx, projectID, store.EventFilter{ContactID: s.ContactID, Limit: fewEvents})
	if err != nil {
		return "", err
	}
	for _, stored := range events {
		if stored.AppID != s.AppID {
			continue
		}
		ev, err := stored.Wire()
		if err != nil {
			return "", err
		}
		if ev.ContactEvent != nil && ev.ContactEvent.Comment != nil && ev.ChannelIdentity != nil && *ev.ChannelIdentity == s.To {
			return channel.ProviderID(ev.ContactEvent.Comment.ID), nil
		}
	}
	return "", nil
}

// handEvent makes the attempt. After a panic nobody knows what became of it,
// and a repeat would not help.
func handEvent(ctx context.Context, ch channel.Channel, c *channel.Conn, out *channel.OutgoingEvent) (id channel.ProviderID, err error) {
	defer func() {
		if p := recover(); p != nil {
			id, err = "", &channel.Error{Reason: internalReason(), Outcome: channel.NotSent, Err: fmt.Errorf("send event: panic: %v", p)}
		}
	}()
	id, err = ch.(channel.EventSender).SendEvent(ctx, c, out) //nolint:forcetypeassert // shows has looked
	if err != nil {
		err = channel.AsError(err)
	}
	return id, err
}

// failedEvent decides what follows a failed attempt: another one, as long as
// the event is worth it and the contact cannot see it twice, or the end.
func (e *Engine) failedEvent(ctx context.Context, j *store.Job, s *showing, f *channel.Error) error {
	e.o.Log.LogAttrs(ctx, slog.LevelInfo, "event attempt", slog.String("project_id", j.ProjectID), slog.String("app_id", s.AppID),
		slog.String("event_id", s.EventID), slog.String("channel", string(s.To.Channel)), slog.Int("attempt", j.Attempts+1),
		slog.String("outcome", f.Outcome.String()), slog.String("reason", string(f.Reason.Code)))
	reason := f.Reason
	if f.Outcome == channel.Unknown && !s.repeatable() {
		reason = unknownReason()
		return e.shownEvent(ctx, j, s, &outcome{reason: &reason})
	}
	wait := max(jitter(time.Second<<min(j.Attempts, 6)), f.After)
	if f.Outcome == channel.NotSent || !e.now().Add(wait).Before(s.deadline()) {
		return e.shownEvent(ctx, j, s, &outcome{reason: &reason})
	}
	s.Failed = &reason
	doc, err := parley.Marshal(s)
	if err != nil {
		return err
	}
	j.Doc = doc
	if !s.repeatable() {
		// The attempt is over: its mark must not outlive it.
		j.Started = 0
		if err := e.store.Commit(ctx, &store.Write{Update: j}); err != nil {
			return err
		}
	}
	return queue.Retry(wait, f)
}
