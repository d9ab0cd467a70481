package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/parley-im/parley"
)

// What retention removes, a page at a time. Each of these reads a page outside
// of a transaction and then removes what is to go in one of its own, so that
// nobody waits for long. Ages are told by ids, which carry the time.

// An Aged is a message as retention sees it.
type Aged struct {
	ID       string
	Dispatch bool
	// Scheduled tells that the message is yet to be sent: it stays.
	Scheduled bool
	// SendAt is when it was to be sent, if that was not at once: its receipts
	// come after that.
	SendAt time.Time
}

// OldMessages returns up to limit messages of an app, in order of id, that
// were accepted before a time and come after an id.
func (s *Store) OldMessages(ctx context.Context, projectID, appID, after string, before time.Time, limit int) ([]Aged, error) {
	var out []Aged
	err := s.each(ctx, func(r *sql.Rows) error {
		var a Aged
		var progress int64
		var doc string
		err := r.Scan(&a.ID, &a.Dispatch, &progress, &doc)
		a.Scheduled = Progress(progress) == Scheduled
		if doc != "" {
			var d MessageDoc
			if json.Unmarshal([]byte(doc), &d) == nil && d.Send != nil { // what cannot be read does not stay for that
				a.SendAt = d.Send.SendAt
			}
		}
		out = append(out, a)
		return err
	}, `SELECT id, dispatch, progress, CASE WHEN doc LIKE '%"send_at":%' THEN doc ELSE '' END FROM messages`+s.dialect.using("messages_app")+`
		WHERE project_id = $1 AND app_id = $2 AND id > $3 AND id < $4 ORDER BY id LIMIT $5`,
		projectID, appID, after, parley.FirstID(before), limit)
	return out, err
}

// OldListed returns up to limit dispatched messages of an app that are listed
// although they were accepted before a time. Those that are yet to be sent are
// listed until then.
func (s *Store) OldListed(ctx context.Context, projectID, appID string, toContact bool, before time.Time, limit int) ([]string, error) {
	return s.strings(ctx, `SELECT id FROM messages`+s.dialect.using("messages_listed")+`
		WHERE project_id = $1 AND app_id = $2 AND dispatch = $3 AND to_contact = $4 AND listed AND id < $5 AND progress >= 0
		ORDER BY id LIMIT $6`,
		projectID, appID, true, toContact, parley.FirstID(before), limit)
}

// Unlist hides messages from lists. They are kept for receipts that may come.
func (s *Store) Unlist(ctx context.Context, projectID string, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := s.exec(ctx, `UPDATE messages SET listed = $2 WHERE project_id = $1 AND id IN (`+marks(3, len(ids))+`)`,
		append([]any{projectID, false}, values(ids)...)...)
	return err
}

// RemoveMessages removes messages with their traces. Those that are not there
// do not matter.
func (s *Store) RemoveMessages(ctx context.Context, projectID string, ids []string) (int64, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	var n int64
	err := s.Tx(ctx, func(tx *Store) error {
		condition, args := `id IN (`+marks(2, len(ids))+`)`, append([]any{projectID}, values(ids)...)
		if err := tx.deleteTraces(ctx, "", condition, args...); err != nil {
			return fmt.Errorf("remove traces: %w", err)
		}
		var err error
		n, err = tx.exec(ctx, `DELETE FROM messages WHERE project_id = $1 AND `+condition, args...)
		return err
	})
	return n, err
}

// OldEvents returns up to limit events of a project, in order of id, that
// happened before a time and come after an id, with the apps they are of.
func (s *Store) OldEvents(ctx context.Context, projectID, after string, before time.Time, limit int) (ids, apps []string, err error) {
	err = s.each(ctx, func(r *sql.Rows) error {
		var id, app string
		err := r.Scan(&id, &app)
		ids, apps = append(ids, id), append(apps, app)
		return err
	}, `SELECT id, app_id FROM events WHERE project_id = $1 AND id > $2 AND id < $3 ORDER BY id LIMIT $4`,
		projectID, after, parley.FirstID(before), limit)
	return ids, apps, err
}

// RemoveEvents removes events.
func (s *Store) RemoveEvents(ctx context.Context, projectID string, ids []string) (int64, error) {
	return s.removeByID(ctx, "events", projectID, ids)
}

// OldMedia returns up to limit inbound files of a project that came before a
// time.
func (s *Store) OldMedia(ctx context.Context, projectID string, before time.Time, limit int) ([]string, error) {
	return s.strings(ctx, `SELECT id FROM media WHERE project_id = $1 AND id < $2 ORDER BY id LIMIT $3`,
		projectID, parley.FirstID(before), limit)
}

// RemoveMedia forgets where inbound files came from.
func (s *Store) RemoveMedia(ctx context.Context, projectID string, ids []string) (int64, error) {
	return s.removeByID(ctx, "media", projectID, ids)
}

func (s *Store) removeByID(ctx context.Context, table, projectID string, ids []string) (int64, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	return s.exec(ctx, `DELETE FROM `+table+` WHERE project_id = $1 AND id IN (`+marks(2, len(ids))+`)`,
		append([]any{projectID}, values(ids)...)...)
}

// RemoveKeys forgets access keys that were revoked before a time.
func (s *Store) RemoveKeys(ctx context.Context, before time.Time) (int64, error) {
	return s.exec(ctx, `DELETE FROM access_keys WHERE revoked_at > 0 AND revoked_at < $1`, micros(before))
}

// TracedApp returns the app after another that has traces, in order of project
// and app, or false when there is none. It may be deleted.
func (s *Store) TracedApp(ctx context.Context, after AppRef) (AppRef, bool, error) {
	var ref AppRef
	found := false
	err := s.each(ctx, func(r *sql.Rows) error {
		found = true
		return r.Scan(&ref.ProjectID, &ref.AppID)
	}, `SELECT project_id, app_id FROM traces WHERE (project_id, app_id) > ($1, $2) ORDER BY project_id, app_id LIMIT 1`,
		after.ProjectID, after.AppID)
	return ref, found, err
}

// RemoveTraces removes up to limit rows of traces of an app's messages that
// were accepted before a time.
func (s *Store) RemoveTraces(ctx context.Context, ref AppRef, before time.Time, limit int) (int64, error) {
	return s.exec(ctx, `DELETE FROM traces WHERE project_id = $1 AND app_id = $2 AND (bucket, id) IN (
		SELECT bucket, id FROM traces WHERE project_id = $1 AND app_id = $2 AND bucket < $3 ORDER BY bucket, id LIMIT $4)`,
		ref.ProjectID, ref.AppID, bucketOf(parley.FirstID(before)), limit)
}

// strings returns the one column of a query.
func (s *Store) strings(ctx context.Context, query string, args ...any) ([]string, error) {
	var out []string
	err := s.each(ctx, func(r *sql.Rows) error {
		var v string
		err := r.Scan(&v)
		out = append(out, v)
		return err
	}, query, args...)
	return out, err
}

// marks returns n placeholders, such as "$3,$4" from 3 on.
func marks(from, n int) string {
	out := make([]string, 0, n)
	for i := range n {
		out = append(out, "$"+strconv.Itoa(from+i))
	}
	return strings.Join(out, ",")
}

func values(ids []string) []any {
	out := make([]any, 0, len(ids))
	for _, id := range ids {
		out = append(out, id)
	}
	return out
}
