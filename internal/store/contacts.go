package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/parley-im/parley"
)

// A ContactFilter narrows a list of contacts. The zero filter lists all.
type ContactFilter struct {
	ExternalID string
	Identity   *parley.ChannelIdentity
	After      string // the id the page starts after
	Limit      int
}

// PutContact stores a contact, new or changed, with its identities.
func (s *Store) PutContact(ctx context.Context, projectID string, c *parley.Contact) error {
	doc, err := parley.Marshal(c)
	if err != nil {
		return err
	}
	return s.Tx(ctx, func(tx *Store) error {
		old, err := tx.Contact(ctx, projectID, c.ID)
		if err != nil && !parley.IsNotFound(err) {
			return err
		}
		if old != nil {
			if err := tx.deleteIdentities(ctx, projectID, old); err != nil {
				return err
			}
		}
		if _, err := tx.exec(ctx, `INSERT INTO contacts (project_id, id, external_id, doc) VALUES ($1, $2, $3, $4)
			ON CONFLICT (project_id, id) DO UPDATE SET external_id = excluded.external_id, doc = excluded.doc`,
			projectID, c.ID, c.ExternalID, string(doc)); err != nil {
			return fmt.Errorf("put contact: %w", err)
		}
		for _, id := range c.ChannelIdentities {
			if _, err := tx.exec(ctx, `INSERT INTO identities (project_id, channel, identity, app_id, contact_id)
				VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
				projectID, id.Channel, id.Identity, id.AppID, c.ID); err != nil {
				return fmt.Errorf("put identity: %w", err)
			}
		}
		return nil
	})
}

func (s *Store) deleteIdentities(ctx context.Context, projectID string, c *parley.Contact) error {
	for _, id := range c.ChannelIdentities {
		if _, err := s.exec(ctx, `DELETE FROM identities
			WHERE project_id = $1 AND channel = $2 AND identity = $3 AND app_id = $4 AND contact_id = $5`,
			projectID, id.Channel, id.Identity, id.AppID, c.ID); err != nil {
			return fmt.Errorf("delete identity: %w", err)
		}
	}
	return nil
}

// Contact returns a contact of the project, or NOT_FOUND. In a transaction the
// row is locked, because it is about to be changed.
func (s *Store) Contact(ctx context.Context, projectID, id string) (*parley.Contact, error) {
	query := `SELECT doc FROM contacts WHERE project_id = $1 AND id = $2`
	if s.inTx {
		query += s.dialect.forUpdate
	}
	var doc string
	err := s.q.QueryRowContext(ctx, query, projectID, id).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, parley.NotFound("contact", id)
	}
	if err != nil {
		return nil, err
	}
	return decodeContact(doc)
}

func decodeContact(doc string) (*parley.Contact, error) {
	c := new(parley.Contact)
	if err := json.Unmarshal([]byte(doc), c); err != nil {
		return nil, fmt.Errorf("contact: %w", err)
	}
	return c, nil
}

// Contacts lists contacts in order of creation.
func (s *Store) Contacts(ctx context.Context, projectID string, f ContactFilter) ([]*parley.Contact, error) {
	index := ""
	if f.ExternalID != "" {
		index = "contacts_external"
	}
	q := where(`SELECT doc FROM contacts`+s.dialect.using(index)+` WHERE project_id = $1`, projectID)
	switch {
	case f.ExternalID != "":
		q.and("external_id <> '' AND external_id = ", f.ExternalID)
		q.and("id > ", f.After)
	case f.Identity != nil:
		q.and("id IN (SELECT contact_id FROM identities WHERE project_id = $1 AND channel = ", string(f.Identity.Channel))
		q.and("identity = ", f.Identity.Identity)
		q.and("contact_id > ", f.After)
		q.text.WriteString(")")
	default:
		q.and("id > ", f.After)
	}
	q.add(" ORDER BY id LIMIT ", f.Limit)
	out := []*parley.Contact{}
	err := s.each(ctx, func(r *sql.Rows) error {
		var doc string
		if err := r.Scan(&doc); err != nil {
			return err
		}
		c, err := decodeContact(doc)
		out = append(out, c)
		return err
	}, q.String(), q.args...)
	return out, err
}

// DeleteContact removes a contact with its conversations, messages and events
// and returns it as it was. Like a merge it keeps committers out: one that has
// found the contact would leave its message with somebody who is gone.
func (s *Store) DeleteContact(ctx context.Context, projectID, id string) (*parley.Contact, error) {
	var c *parley.Contact
	err := s.Tx(ctx, func(tx *Store) error {
		if err := tx.holdPeople(ctx); err != nil {
			return err
		}
		var err error
		if c, err = tx.Contact(ctx, projectID, id); err != nil {
			return err
		}
		if err := tx.deleteIdentities(ctx, projectID, c); err != nil {
			return err
		}
		if _, err := tx.exec(ctx, `DELETE FROM contacts WHERE project_id = $1 AND id = $2`, projectID, id); err != nil {
			return err
		}
		if err := tx.deleteTraces(ctx, "messages_contact", `contact_id = $2 AND contact_id <> ''`, projectID, id); err != nil {
			return fmt.Errorf("delete traces of contact: %w", err)
		}
		for _, table := range []string{"conversations", "messages", "events"} {
			if _, err := tx.exec(ctx, `DELETE FROM `+table+s.dialect.using(table+"_contact")+`
				WHERE project_id = $1 AND contact_id = $2 AND contact_id <> ''`, projectID, id); err != nil {
				return fmt.Errorf("delete %s of contact: %w", table, err)
			}
		}
		return nil
	})
	return c, err
}

// IdentityOwner returns the id of the contact known by the first of identities
// that anybody is known by, the oldest of several, or "".
func (s *Store) IdentityOwner(ctx context.Context, projectID string, identities ...parley.ChannelIdentity) (string, error) {
	for _, id := range identities {
		var owner sql.NullString
		err := s.hot().QueryRowContext(ctx, `SELECT MIN(contact_id) FROM identities
			WHERE project_id = $1 AND channel = $2 AND identity = $3 AND app_id = $4`,
			projectID, string(id.Channel), id.Identity, id.AppID).Scan(&owner)
		if err != nil || owner.String != "" {
			return owner.String, err
		}
	}
	return "", nil
}
