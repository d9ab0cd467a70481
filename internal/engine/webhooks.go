package engine

import (
	"context"
	"slices"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// CreateWebhook stores a webhook of an app.
func (e *Engine) CreateWebhook(ctx context.Context, projectID string, w *parley.Webhook) (*parley.Webhook, error) {
	w.ID = e.store.NewID()
	return w, e.putWebhook(ctx, projectID, w, false)
}

// UpdateWebhook changes the members of a webhook that mask names, or those
// body has.
func (e *Engine) UpdateWebhook(ctx context.Context, projectID, id string, body []byte, mask []string) (*parley.Webhook, error) {
	old, err := e.store.Webhook(ctx, projectID, id)
	if err != nil {
		return nil, err
	}
	w, err := old.Patch(body, mask)
	if err != nil {
		return nil, err
	}
	return w, e.putWebhook(ctx, projectID, w, true)
}

func (e *Engine) putWebhook(ctx context.Context, projectID string, w *parley.Webhook, exists bool) error {
	w.SetDefaults()
	if err := w.Validate(); err != nil {
		return err
	}
	if e.o.CheckTarget != nil {
		if err := e.o.CheckTarget(ctx, w.Target); err != nil {
			return parley.Invalid("target", "%v", err)
		}
		if c := w.ClientCredentials; c != nil {
			if err := e.o.CheckTarget(ctx, c.Endpoint); err != nil {
				return parley.Invalid("client_credentials.endpoint", "%v", err)
			}
		}
	}
	err := e.store.Tx(ctx, func(tx *store.Store) error {
		// Locks the app, so that two webhooks made at once are both counted.
		if _, err := tx.App(ctx, projectID, w.AppID); err != nil {
			return err
		}
		list, err := tx.Webhooks(ctx, projectID, w.AppID)
		if err != nil {
			return err
		}
		if exists && !slices.ContainsFunc(list, func(o *parley.Webhook) bool { return o.ID == w.ID }) {
			if _, err := tx.Webhook(ctx, projectID, w.ID); err != nil {
				return err // it was deleted meanwhile and must not come back
			}
		}
		others := 0
		for _, o := range list {
			if o.ID == w.ID {
				continue
			}
			others++
			if o.Target == w.Target {
				return parley.Invalid("target", "is the target of another webhook of this app")
			}
		}
		if others >= parley.MaxWebhooksPerApp {
			return parley.Invalid("app_id", "the app has %d webhooks, the most there can be", parley.MaxWebhooksPerApp)
		}
		return tx.PutWebhook(ctx, projectID, w)
	})
	if err != nil {
		return err
	}
	e.changed()
	return nil
}

// DeleteWebhook removes a webhook.
func (e *Engine) DeleteWebhook(ctx context.Context, projectID, id string) error {
	if err := e.store.DeleteWebhook(ctx, projectID, id); err != nil {
		return err
	}
	e.changed()
	return nil
}
