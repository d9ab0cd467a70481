package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/parley-im/parley"
)

// The list of recent conversations sorts by the newest message of each. To
// note that as messages come would cost every message a write, and most
// installations never ask. So it is noted when somebody asks, for the messages
// that came since: conversations.last_message is right for all messages up to
// the app's mark, and catching up moves both on. A message put into the past,
// below the mark, is noted at once; one that is deleted by others is found
// missing when its conversation is listed.

const (
	// recentLag is how far the mark stays behind the clock: messages are
	// stored a moment after their ids are made, and not in their order.
	recentLag = 10 * time.Second
	// recentChunk is how many messages are noted in one transaction.
	recentChunk = 10_000
	// recentRepair is how many conversations are looked at together when one
	// is found whose last message is gone.
	recentRepair = 500
)

// A RecentFilter narrows a list of recent conversations.
type RecentFilter struct {
	AppID       string
	OnlyActive  bool
	OldestFirst bool
	Page        string // the last message of the conversation the page starts after
	Limit       int
	SkipTotal   bool
}

// A Recent is a conversation and the newest message in it.
type Recent struct {
	Conversation *parley.Conversation
	Last         *Message
}

// RecentConversations lists the conversations of an app that have messages, by
// the newest message of each, and says how many there are in all. The first
// page catches up with what came since; the others follow it.
func (s *Store) RecentConversations(ctx context.Context, projectID string, f RecentFilter) ([]Recent, int, error) {
	if f.Page == "" {
		if err := s.catchUp(ctx, projectID, f.AppID); err != nil {
			return nil, 0, fmt.Errorf("catch up with messages: %w", err)
		}
	}
	var out []Recent
	for {
		page, whole, err := s.recentPage(ctx, projectID, &f)
		if err != nil {
			return nil, 0, err
		}
		if whole {
			out = page
			break
		}
		if err := s.repairRecent(ctx, projectID, f); err != nil {
			return nil, 0, fmt.Errorf("look for the last messages: %w", err)
		}
	}
	if f.SkipTotal {
		return out, 0, nil
	}
	var total int
	err := s.q.QueryRowContext(ctx, `SELECT COUNT(*)`+s.recentFrom(projectID, &f).String(), projectID, f.AppID).Scan(&total)
	return out, total, err
}

// recentFrom starts the query of a list.
func (s *Store) recentFrom(projectID string, f *RecentFilter) *filter {
	index, also := "conversations_recent", ""
	if f.OnlyActive {
		index, also = "conversations_recent_active", " AND active"
	}
	return where(` FROM conversations`+s.dialect.using(index)+` WHERE project_id = $1 AND app_id = $2 AND last_message <> ''`+also,
		projectID, f.AppID)
}

// recentIDs returns the conversations of a page and their last messages' ids.
func (s *Store) recentIDs(ctx context.Context, projectID string, f *RecentFilter) ([]*parley.Conversation, []string, error) {
	q, order, beyond := s.recentFrom(projectID, f), ` ORDER BY last_message DESC LIMIT `, "last_message < "
	if f.OldestFirst {
		order, beyond = ` ORDER BY last_message LIMIT `, "last_message > "
	}
	if f.Page != "" {
		q.and(beyond, f.Page)
	}
	q.add(order, f.Limit)
	var conversations []*parley.Conversation
	var last []string
	err := s.each(ctx, func(r *sql.Rows) error {
		var id string
		c, err := scanConversation(func(dest ...any) error { return r.Scan(append(dest, &id)...) })
		conversations, last = append(conversations, c), append(last, id)
		return err
	}, `SELECT `+conversationColumns+`, last_message`+q.String(), q.args...)
	return conversations, last, err
}

// recentPage returns a page as it is noted, and false if a last message is
// gone.
func (s *Store) recentPage(ctx context.Context, projectID string, f *RecentFilter) ([]Recent, bool, error) {
	conversations, last, err := s.recentIDs(ctx, projectID, f)
	if err != nil {
		return nil, false, err
	}
	messages, err := s.messagesByID(ctx, projectID, last)
	out := make([]Recent, 0, len(conversations))
	for i, c := range conversations {
		if m := messages[last[i]]; m != nil && m.ConversationID == c.ID {
			out = append(out, Recent{c, m})
		}
	}
	return out, len(out) == len(conversations), err
}

// messagesByID returns the messages that there are of those asked for.
func (s *Store) messagesByID(ctx context.Context, projectID string, ids []string) (map[string]*Message, error) {
	out := make(map[string]*Message, len(ids))
	for chunk := range slices.Chunk(ids, 100) {
		q := where(`SELECT `+messageColumns+` FROM messages WHERE project_id = $1 AND id IN (`, projectID)
		for i, id := range chunk {
			if i > 0 {
				q.text.WriteByte(',')
			}
			q.add("", id)
		}
		q.text.WriteString(")")
		if err := s.each(ctx, func(r *sql.Rows) error {
			m, err := scanMessage(r.Scan)
			out[m.ID] = m
			return err
		}, q.String(), q.args...); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// lastMessageOf is the newest message of a conversation, but for the one whose
// id is $3.
func (d dialect) lastMessageOf() string {
	return `COALESCE((SELECT m.id FROM messages AS m` + d.using("messages_contact") + `
		WHERE m.project_id = conversations.project_id AND m.contact_id <> '' AND m.contact_id = conversations.contact_id
		AND m.conversation_id = conversations.id AND m.id <> $3 ORDER BY m.id DESC LIMIT 1), '')`
}

// repairRecent looks again for the last messages of the conversations from a
// page on.
func (s *Store) repairRecent(ctx context.Context, projectID string, f RecentFilter) error {
	f.Limit = recentRepair
	conversations, last, err := s.recentIDs(ctx, projectID, &f)
	if err != nil {
		return err
	}
	messages, err := s.messagesByID(ctx, projectID, last)
	if err != nil {
		return err
	}
	return s.Tx(ctx, func(tx *Store) error {
		for i, c := range conversations {
			if m := messages[last[i]]; m != nil && m.ConversationID == c.ID {
				continue
			}
			if err := tx.refreshLast(ctx, projectID, c.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// refreshLast notes the newest message of a conversation anew. It must be
// called in a transaction. (It does not go through exec: what it changes is
// nothing the committer remembers.)
func (s *Store) refreshLast(ctx context.Context, projectID, conversationID string) error {
	_, err := s.q.ExecContext(ctx, `UPDATE conversations SET last_message = `+s.dialect.lastMessageOf()+` WHERE project_id = $1 AND id = $2`,
		projectID, conversationID, "")
	return err
}

// forgetLast has the conversation whose last message is about to be deleted
// look for another. It must be called in a transaction.
func (s *Store) forgetLast(ctx context.Context, projectID, messageID string) error {
	_, err := s.q.ExecContext(ctx, `UPDATE conversations`+s.dialect.using("conversations_recent")+` SET last_message = `+s.dialect.lastMessageOf()+`
		WHERE project_id = $1 AND last_message = $3 AND last_message <> ''
		AND app_id = (SELECT m.app_id FROM messages AS m WHERE m.project_id = $2 AND m.id = $3)`,
		projectID, projectID, messageID)
	return err
}

// noteLast notes a message that was put into a conversation below the mark. It
// must be called in a transaction.
func (s *Store) noteLast(ctx context.Context, m *Message) error {
	_, err := s.q.ExecContext(ctx, `UPDATE conversations SET last_message = $1 WHERE project_id = $2 AND id = $3 AND last_message < $1`,
		m.ID, m.ProjectID, m.ConversationID)
	return err
}

// catchUp notes the messages of an app that came since its mark.
func (s *Store) catchUp(ctx context.Context, projectID, appID string) error {
	var mark string
	err := s.q.QueryRowContext(ctx, `SELECT mark FROM recent_marks WHERE project_id = $1 AND app_id = $2`, projectID, appID).Scan(&mark)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	for {
		var upTo sql.NullString
		var n int
		if err := s.q.QueryRowContext(ctx, `SELECT MAX(id), COUNT(*) FROM (SELECT id FROM messages
			WHERE project_id = $1 AND app_id = $2 AND id > $3 ORDER BY id LIMIT $4) AS chunk`,
			projectID, appID, mark, recentChunk).Scan(&upTo, &n); err != nil || n == 0 {
			return err
		}
		if err := s.noteChunk(ctx, projectID, appID, mark, upTo.String); err != nil {
			return err
		}
		if mark = upTo.String; n < recentChunk {
			return nil
		}
	}
}

// unnoted are the newest messages between $3 and $4, by conversation.
func (d dialect) unnoted() string {
	return `(SELECT m.conversation_id AS conversation, MAX(m.id) AS last FROM messages AS m` + d.using("messages_app") + `
		WHERE m.project_id = $1 AND m.app_id = $2 AND m.id > $3 AND m.id <= $4 AND m.conversation_id <> ''
		GROUP BY m.conversation_id) AS v`
}

// noteChunk notes the messages after from up to an id, and moves the mark.
func (s *Store) noteChunk(ctx context.Context, projectID, appID, from, upTo string) error {
	args := []any{projectID, appID, from, upTo}
	mark := min(upTo, parley.FirstID(s.now().Add(-recentLag)))
	if mark <= from {
		// Of what may come again each time, write only what is new.
		var fresh bool
		if err := s.q.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM `+s.dialect.unnoted()+` CROSS JOIN conversations AS c
			WHERE c.project_id = $1 AND c.id = v.conversation AND c.last_message < v.last)`, args...).Scan(&fresh); err != nil || !fresh {
			return err
		}
	}
	return s.Tx(ctx, func(tx *Store) error {
		if _, err := tx.q.ExecContext(ctx, `UPDATE conversations SET last_message = v.last FROM `+s.dialect.unnoted()+`
			WHERE conversations.project_id = $1 AND conversations.id = v.conversation AND conversations.last_message < v.last`,
			args...); err != nil {
			return err
		}
		_, err := tx.q.ExecContext(ctx, `INSERT INTO recent_marks (project_id, app_id, mark) VALUES ($1, $2, $3)
			ON CONFLICT (project_id, app_id) DO UPDATE SET mark = excluded.mark WHERE recent_marks.mark < excluded.mark`,
			projectID, appID, mark)
		return err
	})
}
