package engine

import (
	"context"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// What a send request says of the conversation sticks: it is echoed in the
// callbacks about what the contact writes later, and its correlation id in the
// reports of later messages that bring none. It sticks to the conversation or,
// in dispatch mode, to the recipient for as long as the app keeps dispatched
// messages. Whoever uses neither pays nothing: in dispatch mode the directory
// knows which apps have anything to look up.

// keepsSticky reports whether anything sticks to the recipients of an app.
func keepsSticky(app *parley.App) bool {
	return app.ProcessingMode == parley.ModeDispatch && app.DispatchRetentionPolicy.TTLDays > 0
}

// stick has what a message says of its conversation remembered, and gives the
// message the correlation id that sticks if it brings none.
func (e *Engine) stick(ctx context.Context, projectID string, app *parley.App, r *parley.SendMessageRequest, a *store.Acceptance, body *store.MessageDoc) error {
	switch {
	case !a.Message.Dispatch:
		if r.CorrelationID == "" {
			a.Consequences = inherit(a, body)
		}
		return nil
	case app.ProcessingMode != parley.ModeDispatch:
		body.Send.CorrelationID = "" // not supported for a single dispatched message
		return nil
	case !keepsSticky(app):
		return nil
	}
	targets := body.Send.Targets
	if metadata := parley.StickyMetadata(r.ConversationMetadata); metadata != nil || r.CorrelationID != "" {
		for _, to := range targets {
			a.Stick = append(a.Stick, &store.Sticky{
				ProjectID: projectID, AppID: app.ID, Identity: to, MetadataJSON: metadata, CorrelationID: r.CorrelationID,
				MergeMetadata: r.ConversationMetadataUpdateStrategy == parley.UpdateMergePatch,
				Expires:       e.now().Add(time.Duration(app.DispatchRetentionPolicy.TTLDays) * 24 * time.Hour),
			})
		}
	}
	if r.CorrelationID == "" && len(targets) > 0 {
		y, err := e.recall(ctx, projectID, app, targets[0])
		if err != nil || y == nil {
			return err
		}
		body.Send.CorrelationID = y.CorrelationID
	}
	return nil
}

// inherit gives a message its conversation's correlation id once the
// conversation is found, and goes on with what else follows.
func inherit(a *store.Acceptance, body *store.MessageDoc) func(*store.Resolution) ([]*store.Job, error) {
	follow := a.Consequences
	return func(r *store.Resolution) ([]*store.Job, error) {
		if id := r.Conversation.CorrelationID; id != body.Send.CorrelationID {
			body.Send.CorrelationID = id
			doc, err := body.Encode()
			if err != nil {
				return nil, err
			}
			a.Message.Doc = doc
		}
		return follow(r)
	}
}

// lastCorrelation returns the correlation id of the last message that brought
// one to somebody: to the contact's conversation or, in dispatch mode, to the
// identity; or "".
func (e *Engine) lastCorrelation(ctx context.Context, projectID string, app *parley.App, contactID string, who parley.ChannelIdentity) (string, error) {
	if app.ProcessingMode == parley.ModeDispatch {
		return e.correlation(ctx, projectID, app, who)
	}
	if contactID == "" {
		return "", nil
	}
	c, err := e.store.ActiveConversation(ctx, projectID, app.ID, contactID)
	if err != nil || c == nil {
		return "", err
	}
	return c.CorrelationID, nil
}

// recall returns what sticks to a recipient in dispatch mode, or nil.
func (e *Engine) recall(ctx context.Context, projectID string, app *parley.App, who parley.ChannelIdentity) (*store.Sticky, error) {
	if !keepsSticky(app) {
		return nil, nil //nolint:nilnil // absence is an answer here
	}
	has, err := e.dir.hasSticky(ctx, store.AppRef{ProjectID: projectID, AppID: app.ID})
	if err != nil || !has {
		return nil, err
	}
	return e.store.Sticky(ctx, projectID, app.ID, who)
}

// accepted takes note of acceptances that were stored.
func (e *Engine) accepted(accepts ...*store.Acceptance) {
	for _, a := range accepts {
		if len(a.Stick) > 0 {
			e.dir.noteSticky(store.AppRef{ProjectID: a.Message.ProjectID, AppID: a.Message.AppID})
		}
	}
	e.met.accepted.Add(float64(len(accepts)))
}
