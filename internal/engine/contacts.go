package engine

import (
	"context"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// CreateContact stores a contact and reports it.
func (e *Engine) CreateContact(ctx context.Context, projectID string, c *parley.Contact) (*parley.Contact, error) {
	c.ID = e.store.NewID()
	c.SetDefaults()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, e.store.Tx(ctx, func(tx *store.Store) error {
		return e.putContact(ctx, tx, projectID, c, parley.TriggerContactCreate)
	})
}

// UpdateContact changes the members of a contact that mask names, or those
// body has, and reports it.
func (e *Engine) UpdateContact(ctx context.Context, projectID, id string, body []byte, mask []string) (*parley.Contact, error) {
	var c *parley.Contact
	// Read within the transaction, so that a change made at the same time is
	// not undone and a deleted contact does not come back.
	err := e.store.Tx(ctx, func(tx *store.Store) error {
		old, err := tx.Contact(ctx, projectID, id)
		if err != nil {
			return err
		}
		if c, err = old.Patch(body, mask); err != nil {
			return err
		}
		c.SetDefaults()
		if err := c.Validate(); err != nil {
			return err
		}
		return e.putContact(ctx, tx, projectID, c, parley.TriggerContactUpdate)
	})
	return c, err
}

func (e *Engine) putContact(ctx context.Context, tx *store.Store, projectID string, c *parley.Contact, t parley.Trigger) error {
	jobs, err := e.contactCallbacks(ctx, projectID, "", t, c)
	if err != nil {
		return err
	}
	if err := tx.PutContact(ctx, projectID, c); err != nil {
		return err
	}
	return tx.AddJobs(ctx, jobs)
}

// DeleteContact removes a contact with its conversations and messages and
// reports it as it was.
func (e *Engine) DeleteContact(ctx context.Context, projectID, id string) error {
	return e.store.Tx(ctx, func(tx *store.Store) error { return e.deleteContact(ctx, tx, projectID, id) })
}

func (e *Engine) deleteContact(ctx context.Context, tx *store.Store, projectID, id string) error {
	c, err := tx.DeleteContact(ctx, projectID, id)
	if err != nil {
		return err
	}
	jobs, err := e.contactCallbacks(ctx, projectID, "", parley.TriggerContactDelete, c)
	if err != nil {
		return err
	}
	return tx.AddJobs(ctx, jobs)
}

// contactCallbacks reports a contact to the webhooks of every app of the
// project; appID is the app that caused it, or "".
func (e *Engine) contactCallbacks(ctx context.Context, projectID, appID string, t parley.Trigger, c *parley.Contact) ([]*store.Job, error) {
	cb := e.envelope(projectID, appID, time.Time{})
	n := &parley.ContactNotification{Contact: *c}
	switch t { //nolint:exhaustive // only contact triggers come here
	case parley.TriggerContactCreate:
		cb.ContactCreate = n
	case parley.TriggerContactUpdate:
		cb.ContactUpdate = n
	default:
		cb.ContactDelete = n
	}
	return e.projectCallbacks(ctx, projectID, t, cb)
}
