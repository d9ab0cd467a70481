package engine

import (
	"context"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// CreateWebhook stores a webhook of an app.
func (e *Engine) CreateWebhook(ctx context.Context, projectID string, w *parley.Webhook) (*parley.Webhook, error) {
	w.ID = e.store.NewID()
	if err := e.checkWebhook(ctx, w); err != nil {
		return nil, err
	}
	err := e.store.Tx(ctx, func(tx *store.Store) error { return putWebhook(ctx, tx, projectID, w) })
	if err != nil {
		return nil, err
	}
	e.changed()
	return w, nil
}

// UpdateWebhook changes the members of a webhook that mask names, or those
// body has.
func (e *Engine) UpdateWebhook(ctx context.Context, projectID, id string, body []byte, mask []string) (*parley.Webhook, error) {
	// Checked before the transaction, because that asks the name servers, and
	// done within it, so that a change made at the same time is not undone and
	// a deleted webhook does not come back.
	w, err := patchWebhook(ctx, e.store, projectID, id, body, mask)
	if err != nil {
		return nil, err
	}
	if err := e.checkWebhook(ctx, w); err != nil {
		return nil, err
	}
	err = e.store.Tx(ctx, func(tx *store.Store) error {
		if w, err = patchWebhook(ctx, tx, projectID, id, body, mask); err != nil {
			return err
		}
		if err := w.Validate(); err != nil {
			return err
		}
		return putWebhook(ctx, tx, projectID, w)
	})
	if err != nil {
		return nil, err
	}
	e.changed()
	return w, nil
}

// patchWebhook returns a stored webhook as a request changes it.
func patchWebhook(ctx context.Context, s *store.Store, projectID, id string, body []byte, mask []string) (*parley.Webhook, error) {
	old, err := s.Webhook(ctx, projectID, id)
	if err != nil {
		return nil, err
	}
	w, err := old.Patch(body, mask)
	if err != nil {
		return nil, err
	}
	w.SetDefaults()
	return w, nil
}

// checkWebhook checks what can be checked without the app's other webhooks.
func (e *Engine) checkWebhook(ctx context.Context, w *parley.Webhook) error {
	w.SetDefaults()
	if err := w.Validate(); err != nil {
		return err
	}
	if e.o.CheckTarget == nil {
		return nil
	}
	if err := e.o.CheckTarget(ctx, w.Target); err != nil {
		return parley.Invalid("target", "%v", err)
	}
	if c := w.ClientCredentials; c != nil {
		if err := e.o.CheckTarget(ctx, c.Endpoint); err != nil {
			return parley.Invalid("client_credentials.endpoint", "%v", err)
		}
	}
	return nil
}

func putWebhook(ctx context.Context, tx *store.Store, projectID string, w *parley.Webhook) error {
	// Locks the app, so that two webhooks made at once are both counted.
	if _, err := tx.App(ctx, projectID, w.AppID); err != nil {
		return err
	}
	list, err := tx.Webhooks(ctx, projectID, w.AppID)
	if err != nil {
		return err
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
}

// DeleteWebhook removes a webhook.
func (e *Engine) DeleteWebhook(ctx context.Context, projectID, id string) error {
	if err := e.store.DeleteWebhook(ctx, projectID, id); err != nil {
		return err
	}
	e.changed()
	return nil
}
