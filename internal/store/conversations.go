package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/parley-im/parley"
)

// A ConversationFilter narrows a list of conversations.
type ConversationFilter struct {
	AppID, ContactID string
	OnlyActive       bool
	ActiveChannel    parley.Channel
	After            string // the id the page starts after
	Limit            int
	SkipTotal        bool // the total is known
}

// index returns the index that holds what the filter asks for.
func (f *ConversationFilter) index() string {
	switch {
	case f.ContactID != "":
		return "conversations_contact"
	case f.AppID == "":
		return ""
	case f.ActiveChannel != "":
		return "conversations_app_channel"
	case f.OnlyActive:
		return "conversations_app_active"
	}
	return "conversations_app"
}

const conversationColumns = `id, app_id, contact_id, active, active_channel, last_received, metadata, metadata_json, correlation_id`

func scanConversation(scan func(...any) error) (*parley.Conversation, error) {
	c := new(parley.Conversation)
	var received int64
	var metadata string
	err := scan(&c.ID, &c.AppID, &c.ContactID, &c.Active, &c.ActiveChannel, &received, &c.Metadata, &metadata, &c.CorrelationID)
	c.LastReceived, c.MetadataJSON = fromMicros(received), json.RawMessage(metadata)
	return c, err
}

// Conversation returns a conversation of the project, or NOT_FOUND.
func (s *Store) Conversation(ctx context.Context, projectID, id string) (*parley.Conversation, error) {
	query := `SELECT ` + conversationColumns + ` FROM conversations WHERE project_id = $1 AND id = $2`
	if s.inTx {
		query += s.dialect.forUpdate
	}
	c, err := scanConversation(s.q.QueryRowContext(ctx, query, projectID, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, parley.NotFound("conversation", id)
	}
	return c, err
}

// ActiveConversation returns the active conversation of an app and a contact,
// or nil.
func (s *Store) ActiveConversation(ctx context.Context, projectID, appID, contactID string) (*parley.Conversation, error) {
	c, err := scanConversation(s.q.QueryRowContext(ctx, `SELECT `+conversationColumns+` FROM conversations
		WHERE project_id = $1 AND `+s.dialect.notIndexed("app_id")+` = $2 AND contact_id = $3 AND active`, projectID, appID, contactID).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // absence is an answer here
	}
	return c, err
}

// Conversations lists conversations in order of creation and says how many the
// filter matches in all.
func (s *Store) Conversations(ctx context.Context, projectID string, f ConversationFilter) ([]*parley.Conversation, int, error) {
	q := where(` FROM conversations`+s.dialect.using(f.index())+` WHERE project_id = $1`, projectID)
	switch {
	case f.ContactID != "" && f.AppID != "":
		q.and("(app_id || '') = ", f.AppID) // a contact has few: its index is the better one
	case f.AppID != "":
		q.and("app_id = ", f.AppID)
	}
	if f.ContactID != "" {
		q.and("contact_id = ", f.ContactID)
	}
	if f.ActiveChannel != "" {
		q.and("active_channel = ", string(f.ActiveChannel))
	}
	if f.OnlyActive {
		q.text.WriteString(" AND active")
	}
	var total int
	if !f.SkipTotal {
		if err := s.q.QueryRowContext(ctx, `SELECT COUNT(*)`+q.String(), q.args...).Scan(&total); err != nil {
			return nil, 0, err
		}
	}
	q.and("id > ", f.After)
	q.add(" ORDER BY id LIMIT ", f.Limit)
	out := []*parley.Conversation{}
	err := s.each(ctx, func(r *sql.Rows) error {
		c, err := scanConversation(r.Scan)
		out = append(out, c)
		return err
	}, `SELECT `+conversationColumns+q.String(), q.args...)
	return out, total, err
}

// PutConversation stores a conversation, new or changed, and notes the newest
// message it has by now. ALREADY_EXISTS says that another one of the app and
// contact is active.
func (s *Store) PutConversation(ctx context.Context, projectID string, c *parley.Conversation) error {
	err := s.Tx(ctx, func(tx *Store) error {
		if c.Active {
			if err := tx.lockPair(ctx, pairKey{projectID, c.AppID, c.ContactID}); err != nil {
				return err
			}
		}
		if _, err := tx.exec(ctx, `INSERT INTO conversations (project_id, `+conversationColumns+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			ON CONFLICT (project_id, id) DO UPDATE SET app_id = excluded.app_id, contact_id = excluded.contact_id,
			active = excluded.active, active_channel = excluded.active_channel, last_received = excluded.last_received,
			metadata = excluded.metadata, metadata_json = excluded.metadata_json, correlation_id = excluded.correlation_id`,
			conversationArgs(projectID, c)...); err != nil {
			return err
		}
		return tx.refreshLast(ctx, projectID, c.ID)
	})
	if s.dialect.isUnique(err) {
		return parley.Errorf(parley.CodeAlreadyExists, "another conversation of this app and contact is active")
	}
	return err
}

// lockPair keeps committers from starting a conversation of the app and contact
// until this transaction ends: they would fail on the one about to be stored.
func (s *Store) lockPair(ctx context.Context, k pairKey) error {
	if s.dialect.oneWriter {
		return nil
	}
	_, err := s.q.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, lockKey(k.name()))
	return err
}

// MoveConversation gives the messages and events of a conversation to the app
// and contact it belongs to now; old is the conversation as it was. It must be
// called in a transaction.
func (s *Store) MoveConversation(ctx context.Context, projectID string, old, c *parley.Conversation) error {
	for _, table := range []string{"messages", "events"} {
		if _, err := s.exec(ctx, `UPDATE `+table+s.dialect.using(table+"_contact")+` SET app_id = $1, contact_id = $2
			WHERE project_id = $3 AND contact_id = $4 AND contact_id <> '' AND conversation_id = $5`,
			c.AppID, c.ContactID, projectID, old.ContactID, c.ID); err != nil {
			return fmt.Errorf("move %s of conversation: %w", table, err)
		}
	}
	return s.refreshLast(ctx, projectID, c.ID)
}

func conversationArgs(projectID string, c *parley.Conversation) []any {
	return []any{
		projectID, c.ID, c.AppID, c.ContactID, c.Active, c.ActiveChannel, micros(c.LastReceived),
		c.Metadata, string(c.MetadataJSON), c.CorrelationID,
	}
}

// DeleteConversation removes a conversation with its messages and events and
// returns it as it was. It keeps committers out, as DeleteContact does.
func (s *Store) DeleteConversation(ctx context.Context, projectID, id string) (*parley.Conversation, error) {
	var c *parley.Conversation
	err := s.Tx(ctx, func(tx *Store) error {
		if err := tx.holdPeople(ctx); err != nil {
			return err
		}
		var err error
		if c, err = tx.Conversation(ctx, projectID, id); err != nil {
			return err
		}
		if _, err := tx.exec(ctx, `DELETE FROM conversations WHERE project_id = $1 AND id = $2`, projectID, id); err != nil {
			return err
		}
		if err := tx.deleteTraces(ctx, "messages_contact", `contact_id = $2 AND contact_id <> '' AND conversation_id = $3`, projectID, c.ContactID, id); err != nil {
			return fmt.Errorf("delete traces of conversation: %w", err)
		}
		for _, table := range []string{"messages", "events"} {
			if _, err := tx.exec(ctx, `DELETE FROM `+table+s.dialect.using(table+"_contact")+`
				WHERE project_id = $1 AND contact_id = $2 AND contact_id <> '' AND conversation_id = $3`,
				projectID, c.ContactID, id); err != nil {
				return fmt.Errorf("delete %s of conversation: %w", table, err)
			}
		}
		return nil
	})
	return c, err
}
