package engine

import (
	"context"
	"slices"
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
	if err := e.unifyContact(ctx, tx, projectID, c); err != nil {
		return err
	}
	jobs, err := e.contactCallbacks(ctx, projectID, "", t, c)
	if err != nil {
		return err
	}
	if err := tx.PutContact(ctx, projectID, c); err != nil {
		return err
	}
	return tx.AddJobs(ctx, jobs)
}

// unifyContact gives a contact that is about to be stored the identities that
// Unified Contact ID adds. ALREADY_EXISTS says that another contact has one of
// its phone numbers; where the setting is off, contacts may share them.
func (e *Engine) unifyContact(ctx context.Context, tx *store.Store, projectID string, c *parley.Contact) error {
	unified, err := e.dir.unified(ctx, projectID)
	if err != nil || !unified {
		return err
	}
	c.ChannelIdentities = parley.Unify(c.ChannelIdentities)
	phones := slices.DeleteFunc(slices.Clone(c.ChannelIdentities), func(id parley.ChannelIdentity) bool { return !id.Channel.Unified() })
	other, err := tx.OtherOwner(ctx, projectID, c.ID, phones)
	if err == nil && other != "" {
		err = parley.Errorf(parley.CodeAlreadyExists, "channel_identities: contact %q has the phone number already", other)
	}
	return err
}

// MergeContacts makes one contact of two, reports it and returns the one that
// stays. What arrives at the same moment goes to it, too.
func (e *Engine) MergeContacts(ctx context.Context, projectID, destinationID string, r *parley.MergeContactRequest) (*parley.Contact, error) {
	if err := r.Validate(destinationID); err != nil {
		return nil, err
	}
	var kept *parley.Contact
	err := e.store.Tx(ctx, func(tx *store.Store) error {
		var gone *parley.Contact
		var err error
		if kept, gone, err = tx.MergeContacts(ctx, projectID, destinationID, r.SourceID); err != nil {
			return err
		}
		if err := e.unifyContact(ctx, tx, projectID, kept); err != nil {
			return err
		}
		if err := tx.PutContact(ctx, projectID, kept); err != nil {
			return err
		}
		cb := e.envelope(projectID, "", time.Time{})
		cb.ContactMerge = &parley.ContactMerge{PreservedContact: *kept, DeletedContact: *gone}
		jobs, err := e.projectCallbacks(ctx, projectID, parley.TriggerContactMerge, cb)
		if err != nil {
			return err
		}
		return tx.AddJobs(ctx, jobs)
	})
	if err != nil {
		return nil, err
	}
	e.recent.forget(r.SourceID)
	return kept, nil
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

// duplicateCallbacks reports that several contacts have an identity.
func (e *Engine) duplicateCallbacks(ctx context.Context, projectID, appID string, d []parley.DuplicatedIdentity) ([]*store.Job, error) {
	cb := e.envelope(projectID, appID, time.Time{})
	cb.DuplicatedIdentities = &parley.DuplicatedIdentities{DuplicatedIdentities: d}
	return e.projectCallbacks(ctx, projectID, parley.TriggerContactIdentitiesDuplication, cb)
}
