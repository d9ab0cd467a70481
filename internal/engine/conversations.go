package engine

import (
	"context"
	"encoding/json"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// CreateConversation stores a conversation and reports it if it is active.
// ALREADY_EXISTS says that the app and contact have an active one.
func (e *Engine) CreateConversation(ctx context.Context, projectID string, c *parley.Conversation) (*parley.Conversation, error) {
	c.ID, c.LastReceived = e.store.NewID(), time.Time{}
	c.SetDefaults()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	app, err := e.dir.app(ctx, projectID, c.AppID)
	if err != nil {
		return nil, err
	}
	return c, e.store.Tx(ctx, func(tx *store.Store) error {
		// Locks the contact, so that it is not deleted meanwhile.
		if _, err := tx.Contact(ctx, projectID, c.ContactID); err != nil {
			return err
		}
		if err := tx.PutConversation(ctx, projectID, c); err != nil || !c.Active {
			return err
		}
		return e.reportConversation(ctx, tx, projectID, app, parley.TriggerConversationStart, c)
	})
}

// UpdateConversation changes the members of a conversation that mask names, or
// those body has; with merge metadata_json is patched rather than replaced.
// Its messages and events go with it to another app or contact. That it starts
// or stops is reported.
func (e *Engine) UpdateConversation(ctx context.Context, projectID, id string, body []byte, mask []string, merge bool) (*parley.Conversation, error) {
	var c *parley.Conversation
	err := e.store.Tx(ctx, func(tx *store.Store) error {
		old, err := tx.Conversation(ctx, projectID, id)
		if err != nil {
			return err
		}
		if c, err = old.Patch(body, mask, merge); err != nil {
			return err
		}
		c.SetDefaults()
		if err := c.Validate(); err != nil {
			return err
		}
		return e.putConversation(ctx, tx, projectID, old, c)
	})
	return c, err
}

func (e *Engine) putConversation(ctx context.Context, tx *store.Store, projectID string, old, c *parley.Conversation) error {
	app, err := e.dir.app(ctx, projectID, c.AppID)
	if err != nil {
		return err
	}
	if c.ContactID != old.ContactID {
		if _, err := tx.Contact(ctx, projectID, c.ContactID); err != nil {
			return err
		}
	}
	if err := tx.PutConversation(ctx, projectID, c); err != nil {
		return err
	}
	if c.AppID != old.AppID || c.ContactID != old.ContactID {
		if err := tx.MoveConversation(ctx, projectID, old, c); err != nil {
			return err
		}
	}
	switch {
	case c.Active && !old.Active:
		return e.reportConversation(ctx, tx, projectID, app, parley.TriggerConversationStart, c)
	case old.Active && !c.Active:
		return e.reportConversation(ctx, tx, projectID, app, parley.TriggerConversationStop, c)
	}
	return nil
}

// StopConversation ends a conversation and reports it; the next message starts
// another. Stopping one that is stopped changes nothing.
func (e *Engine) StopConversation(ctx context.Context, projectID, id string) error {
	return e.store.Tx(ctx, func(tx *store.Store) error {
		old, err := tx.Conversation(ctx, projectID, id)
		if err != nil || !old.Active {
			return err
		}
		c := *old
		c.Active = false
		return e.putConversation(ctx, tx, projectID, old, &c)
	})
}

// DeleteConversation removes a conversation with its messages and events and
// reports it as it was.
func (e *Engine) DeleteConversation(ctx context.Context, projectID, id string) error {
	return e.store.Tx(ctx, func(tx *store.Store) error {
		c, err := tx.DeleteConversation(ctx, projectID, id)
		if err != nil {
			return err
		}
		app, err := e.dir.app(ctx, projectID, c.AppID)
		if err != nil {
			return err
		}
		return e.reportConversation(ctx, tx, projectID, app, parley.TriggerConversationDelete, c)
	})
}

// reportConversation adds the callbacks about a conversation.
func (e *Engine) reportConversation(ctx context.Context, tx *store.Store, projectID string, app *parley.App, t parley.Trigger,
	c *parley.Conversation,
) error {
	jobs, err := e.conversationCallbacks(ctx, projectID, app, t, c)
	if err != nil {
		return err
	}
	return tx.AddJobs(ctx, jobs)
}

// conversationCallbacks reports a conversation to its app's webhooks, without
// its metadata unless the app asked for it. Apps in dispatch mode hear nothing
// of conversations.
func (e *Engine) conversationCallbacks(ctx context.Context, projectID string, app *parley.App, t parley.Trigger,
	c *parley.Conversation,
) ([]*store.Job, error) {
	if app.ProcessingMode == parley.ModeDispatch {
		return nil, nil
	}
	cb := e.envelope(projectID, app.ID, time.Time{})
	cb.CorrelationID = c.CorrelationID
	n := &parley.ConversationNotification{Conversation: *c}
	if app.ConversationMetadataReportView != parley.ReportViewFull {
		n.Conversation.Metadata, n.Conversation.MetadataJSON = "", json.RawMessage("{}")
	}
	switch t { //nolint:exhaustive // only conversation triggers come here
	case parley.TriggerConversationStart:
		cb.ConversationStart = n
	case parley.TriggerConversationStop:
		cb.ConversationStop = n
	default:
		cb.ConversationDelete = n
	}
	return e.callbacks(ctx, projectID, app.ID, t, cb)
}
