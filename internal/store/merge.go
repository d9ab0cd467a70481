package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/parley-im/parley"
)

// Merging two contacts must not lose what arrives meanwhile: a committer that
// has found the source and not yet committed would leave its message with a
// contact that is gone. So a merge has the database to itself, and so has the
// deletion of a contact. On SQLite they do anyway; on PostgreSQL every
// committer's transaction holds an advisory lock that the others share and
// these do not (dialect.begin, holdPeople).
// A send by contact id that was addressed before the merge and comes after it
// finds no conversation of its contact, and then looks whether there is one
// (batch.checkContacts).

// MergeContacts makes one contact of two and returns them: the destination as
// it is now, and the source as it was, which is gone. NOT_FOUND says which of
// them is not there.
func (s *Store) MergeContacts(ctx context.Context, projectID, destinationID, sourceID string) (kept, gone *parley.Contact, err error) {
	err = s.Tx(ctx, func(tx *Store) error {
		if err := tx.holdPeople(ctx); err != nil {
			return err
		}
		var err error
		if kept, err = tx.Contact(ctx, projectID, destinationID); err != nil {
			return err
		}
		if gone, err = tx.Contact(ctx, projectID, sourceID); err != nil {
			return err
		}
		kept.Merge(gone)
		if err := tx.moveConversations(ctx, projectID, destinationID, sourceID); err != nil {
			return err
		}
		if err := tx.deleteIdentities(ctx, projectID, gone); err != nil {
			return err
		}
		if _, err := tx.exec(ctx, `DELETE FROM contacts WHERE project_id = $1 AND id = $2`, projectID, sourceID); err != nil {
			return fmt.Errorf("delete the merged contact: %w", err)
		}
		return tx.PutContact(ctx, projectID, kept)
	})
	return kept, gone, err
}

// holdPeople keeps every committer out until the transaction ends.
func (s *Store) holdPeople(ctx context.Context) error {
	if s.dialect.holdPeople == "" {
		return nil
	}
	if _, err := s.q.ExecContext(ctx, s.dialect.holdPeople); err != nil {
		return fmt.Errorf("keep committers out: %w", err)
	}
	return nil
}

// moveConversations gives a contact the conversations, messages and events of
// another. Where it has an active conversation with an app, the other's
// messages with that app go into it; other conversations stay as they are.
func (s *Store) moveConversations(ctx context.Context, projectID, toID, fromID string) error {
	active, err := s.conversationsOf(ctx, projectID, toID, " AND active")
	if err != nil {
		return err
	}
	for _, c := range active {
		if err := s.foldConversations(ctx, projectID, c, fromID); err != nil {
			return err
		}
	}
	for _, table := range []string{"conversations", "messages", "events"} {
		if _, err := s.exec(ctx, `UPDATE `+table+s.dialect.using(table+"_contact")+` SET contact_id = $3
			WHERE project_id = $1 AND contact_id = $2 AND contact_id <> ''`, projectID, fromID, toID); err != nil {
			return fmt.Errorf("move %s: %w", table, err)
		}
	}
	return nil
}

// foldConversations puts all that a contact has with an app into an active
// conversation of another contact with it.
func (s *Store) foldConversations(ctx context.Context, projectID string, into *parley.Conversation, fromID string) error {
	app := s.dialect.notIndexed("app_id")
	old, err := s.conversationsOf(ctx, projectID, fromID, ` AND `+app+` = $3 ORDER BY active DESC, id DESC`, into.AppID)
	if err != nil || len(old) == 0 {
		return err
	}
	for _, table := range []string{"messages", "events"} {
		if _, err := s.exec(ctx, `UPDATE `+table+s.dialect.using(table+"_contact")+` SET contact_id = $3, conversation_id = $4
			WHERE project_id = $1 AND contact_id = $2 AND contact_id <> '' AND `+app+` = $5`,
			projectID, fromID, into.ContactID, into.ID, into.AppID); err != nil {
			return fmt.Errorf("move %s into the active conversation: %w", table, err)
		}
	}
	for _, c := range old {
		fold(into, c)
		if _, err := s.exec(ctx, `DELETE FROM conversations WHERE project_id = $1 AND id = $2`, projectID, c.ID); err != nil {
			return fmt.Errorf("delete a merged conversation: %w", err)
		}
	}
	return s.PutConversation(ctx, projectID, into)
}

// fold takes over from a conversation what another has not set.
func fold(into, from *parley.Conversation) {
	if from.LastReceived.After(into.LastReceived) {
		into.LastReceived = from.LastReceived
	}
	if into.ActiveChannel == parley.ChannelUnspecified {
		into.ActiveChannel = from.ActiveChannel
	}
	if into.Metadata == "" {
		into.Metadata = from.Metadata
	}
	if s := string(into.MetadataJSON); s == "" || s == "{}" {
		into.MetadataJSON = from.MetadataJSON
	}
	if into.CorrelationID == "" {
		into.CorrelationID = from.CorrelationID
	}
}

// conversationsOf reads conversations of a contact that are about to change.
func (s *Store) conversationsOf(ctx context.Context, projectID, contactID, more string, args ...any) ([]*parley.Conversation, error) {
	var out []*parley.Conversation
	err := s.each(ctx, func(r *sql.Rows) error {
		c, err := scanConversation(r.Scan)
		out = append(out, c)
		return err
	}, `SELECT `+conversationColumns+` FROM conversations`+s.dialect.using("conversations_contact")+`
		WHERE project_id = $1 AND contact_id = $2`+more+s.dialect.forUpdate,
		append([]any{projectID, contactID}, args...)...)
	return out, err
}

// checkContacts fails with NOT_FOUND where a conversation is about to begin
// with a contact that the caller named and that went meanwhile. One that has an
// active conversation is there.
func (b *batch) checkContacts(p *people, missing []*Resolution) error {
	absent := map[contactKey]bool{}
	s := &set{
		head:  `SELECT c.project_id, c.id FROM (VALUES `,
		types: "tt",
		tail:  `) AS v, contacts AS c WHERE c.project_id = v.column1 AND c.id = v.column2`,
	}
	if b.w.s.dialect.forUpdate != "" {
		s.tail += " FOR KEY SHARE OF c" // and it stays
	}
	for _, r := range missing {
		k := contactKey{r.ProjectID, r.known}
		if r.known != "" && p.conversations[r.pair()] == nil && !absent[k] {
			absent[k] = true
			s.add(k.project, k.id)
		}
	}
	err := b.query(s, func(rows *sql.Rows) error {
		var k contactKey
		err := rows.Scan(&k.project, &k.id)
		delete(absent, k)
		return err
	})
	for k := range absent {
		if err == nil {
			err = parley.NotFound("contact", k.id)
		}
	}
	return err
}
