package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/parley-im/parley"
)

// IdleConversations looks at up to limit conversations of an app, in order of
// id and after one, that were begun before a time. It returns those nothing
// was said in since, and the last one it looked at, or "" at the end.
func (s *Store) IdleConversations(ctx context.Context, projectID, appID, after string, before time.Time, limit int) (idle []*parley.Conversation, last string, err error) {
	var all []*parley.Conversation
	err = s.each(ctx, func(r *sql.Rows) error {
		c, err := scanConversation(r.Scan)
		all = append(all, c)
		return err
	}, `SELECT `+conversationColumns+` FROM conversations`+s.dialect.using("conversations_app")+`
		WHERE project_id = $1 AND app_id = $2 AND id > $3 AND id < $4 ORDER BY id LIMIT $5`,
		projectID, appID, after, parley.FirstID(before), limit)
	if err != nil {
		return nil, "", err
	}
	for _, c := range all {
		last = c.ID
		if !c.LastReceived.Before(before) {
			continue
		}
		busy, err := s.saidSince(ctx, projectID, c.ContactID, c.ID, before)
		if err != nil {
			return nil, "", err
		}
		if !busy {
			idle = append(idle, c)
		}
	}
	return idle, last, nil
}

// saidSince reports whether there is a message with a contact from a time on,
// or one that is yet to be sent, in a conversation or, when that is "", in any.
func (s *Store) saidSince(ctx context.Context, projectID, contactID, conversationID string, since time.Time) (bool, error) {
	var n int
	err := s.q.QueryRowContext(ctx, `SELECT 1 FROM messages`+s.dialect.using("messages_contact")+`
		WHERE project_id = $1 AND contact_id = $2 AND contact_id <> '' AND id >= $3
		AND ($4 = '' OR `+s.dialect.notIndexed("conversation_id")+` = $4) LIMIT 1`,
		projectID, contactID, parley.FirstID(since), conversationID).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return s.yetToSay(ctx, projectID, contactID, conversationID)
	}
	return err == nil, err
}

// yetToSay reports whether there is a message that is yet to be sent.
func (s *Store) yetToSay(ctx context.Context, projectID, contactID, conversationID string) (bool, error) {
	var n int
	err := s.q.QueryRowContext(ctx, `SELECT 1 FROM messages`+s.dialect.using("messages_contact")+`
		WHERE project_id = $1 AND contact_id = $2 AND contact_id <> '' AND progress = $3
		AND ($4 = '' OR `+s.dialect.notIndexed("conversation_id")+` = $4) LIMIT 1`,
		projectID, contactID, int64(Scheduled), conversationID).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// ConversationMessages returns up to limit messages of a conversation, oldest
// first; with a conversationID of "" of all conversations of the contact.
func (s *Store) ConversationMessages(ctx context.Context, projectID, contactID, conversationID string, limit int) ([]string, error) {
	return s.strings(ctx, `SELECT id FROM messages`+s.dialect.using("messages_contact")+`
		WHERE project_id = $1 AND contact_id = $2 AND contact_id <> ''
		AND ($3 = '' OR `+s.dialect.notIndexed("conversation_id")+` = $3) ORDER BY id LIMIT $4`,
		projectID, contactID, conversationID, limit)
}

// RemoveConversation removes a conversation whose messages are gone, with its
// events, unless something was said in it since a time after all.
func (s *Store) RemoveConversation(ctx context.Context, projectID string, c *parley.Conversation, since time.Time) (bool, error) {
	gone := false
	err := s.Tx(ctx, func(tx *Store) error {
		gone = false
		// Nothing is said in it meanwhile without our seeing.
		if err := tx.holdPeople(ctx); err != nil {
			return err
		}
		now, err := tx.Conversation(ctx, projectID, c.ID)
		if parley.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		busy, err := tx.saidSince(ctx, projectID, c.ContactID, c.ID, since)
		if err != nil || busy || !now.LastReceived.Before(since) {
			return err
		}
		gone = true
		_, err = tx.DeleteConversation(ctx, projectID, c.ID)
		return err
	})
	return gone, err
}

// ContactTTLs lists the projects that remove contacts, and after how many days
// without a message.
func (s *Store) ContactTTLs(ctx context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	err := s.each(ctx, func(r *sql.Rows) error {
		var id string
		var days int64
		err := r.Scan(&id, &days)
		out[id] = days
		return err
	}, `SELECT id, contact_ttl_days FROM projects WHERE contact_ttl_days > 0`)
	return out, err
}

// MaxContactTTL is the longest time after which contacts can be removed, in
// days.
const MaxContactTTL = 3650

// SetContactTTL has a project remove contacts after so many days without a
// message; 0 keeps them for ever.
func (s *Store) SetContactTTL(ctx context.Context, projectID string, days int64) error {
	if days < 0 || days > MaxContactTTL {
		return parley.Invalid("contact_ttl_days", "must be 0 to %d", MaxContactTTL)
	}
	n, err := s.exec(ctx, `UPDATE projects SET contact_ttl_days = $2 WHERE id = $1`, projectID, days)
	if err == nil && n == 0 {
		return parley.Errorf(parley.CodeNotFound, "project %q was not found", projectID)
	}
	return err
}

// IdleContacts looks at up to limit contacts of a project, in order of id and
// after one, that were made before a time. It returns those without a message
// since, and the last one it looked at, or "" at the end.
func (s *Store) IdleContacts(ctx context.Context, projectID, after string, before time.Time, limit int) (idle []string, last string, err error) {
	all, err := s.strings(ctx, `SELECT id FROM contacts WHERE project_id = $1 AND id > $2 AND id < $3 ORDER BY id LIMIT $4`,
		projectID, after, parley.FirstID(before), limit)
	if err != nil {
		return nil, "", err
	}
	for _, id := range all {
		last = id
		busy, err := s.saidSince(ctx, projectID, id, "", before)
		if err != nil {
			return nil, "", err
		}
		if !busy {
			idle = append(idle, id)
		}
	}
	return idle, last, nil
}

// RemoveContact removes a contact whose messages are gone, with all that is
// left of it, unless there was a message since a time after all.
func (s *Store) RemoveContact(ctx context.Context, projectID, id string, since time.Time) (bool, error) {
	gone := false
	err := s.Tx(ctx, func(tx *Store) error {
		gone = false
		// A message that arrives after the look would be deleted, too.
		if err := tx.holdPeople(ctx); err != nil {
			return err
		}
		busy, err := tx.saidSince(ctx, projectID, id, "", since)
		if err != nil || busy {
			return err
		}
		if _, err := tx.DeleteContact(ctx, projectID, id); err != nil {
			if parley.IsNotFound(err) {
				return nil
			}
			return fmt.Errorf("remove contact: %w", err)
		}
		gone = true
		return nil
	})
	return gone, err
}
