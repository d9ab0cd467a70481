package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/parley-im/parley"
)

const eventColumns = `project_id, id, app_id, contact_id, conversation_id, doc`

func eventArgs(e *Event) []any {
	return []any{e.ProjectID, e.ID, e.AppID, e.ContactID, e.ConversationID, string(e.Doc)}
}

func scanEvent(scan func(...any) error) (*Event, error) {
	e := new(Event)
	var doc string
	err := scan(&e.ProjectID, &e.ID, &e.AppID, &e.ContactID, &e.ConversationID, &doc)
	e.Doc = []byte(doc)
	return e, err
}

// Wire returns the event as the API shows it.
func (e *Event) Wire() (*parley.Event, error) {
	w := new(parley.Event)
	if err := json.Unmarshal(e.Doc, w); err != nil {
		return nil, fmt.Errorf("event %s: %w", e.ID, err)
	}
	w.ContactID, w.ConversationID = e.ContactID, e.ConversationID
	return w, nil
}

// AddEvent stores an event that nothing follows from.
func (s *Store) AddEvent(ctx context.Context, e *Event) error {
	_, err := s.exec(ctx, `INSERT INTO events (`+eventColumns+`) VALUES ($1, $2, $3, $4, $5, $6)`, eventArgs(e)...)
	return err
}

// Event returns an event of the project, or NOT_FOUND.
func (s *Store) Event(ctx context.Context, projectID, id string) (*Event, error) {
	e, err := scanEvent(s.q.QueryRowContext(ctx, `SELECT `+eventColumns+` FROM events WHERE project_id = $1 AND id = $2`, projectID, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, parley.NotFound("event", id)
	}
	return e, err
}

// An EventFilter narrows a list of events. Empty members do not.
type EventFilter struct {
	ContactID, ConversationID string
	Page                      string // the id the page starts below
	Limit                     int
}

// Events lists events, newest first.
func (s *Store) Events(ctx context.Context, projectID string, f EventFilter) ([]*Event, error) {
	index := ""
	switch {
	case f.ConversationID != "":
		index = "events_conversation"
	case f.ContactID != "":
		index = "events_contact"
	}
	q := where(`SELECT `+eventColumns+` FROM events`+s.dialect.using(index)+` WHERE project_id = $1`, projectID)
	if f.ContactID != "" {
		q.and("contact_id <> '' AND contact_id = ", f.ContactID)
	}
	if f.ConversationID != "" {
		q.and("conversation_id = ", f.ConversationID)
	}
	if f.Page != "" {
		q.and("id < ", f.Page)
	}
	q.add(" ORDER BY id DESC LIMIT ", f.Limit)
	out := []*Event{}
	err := s.each(ctx, func(r *sql.Rows) error {
		e, err := scanEvent(r.Scan)
		out = append(out, e)
		return err
	}, q.String(), q.args...)
	return out, err
}

// DeleteEvent removes an event. One that is on its way is not called back.
func (s *Store) DeleteEvent(ctx context.Context, projectID, id string) error {
	n, err := s.exec(ctx, `DELETE FROM events WHERE project_id = $1 AND id = $2`, projectID, id)
	if err == nil && n == 0 {
		return parley.NotFound("event", id)
	}
	return err
}

// LastInbound returns what the provider calls the newest message an app
// received from somebody since a time, or "". contactID is "" for those who
// are no contact.
func (s *Store) LastInbound(ctx context.Context, projectID, appID, contactID string, from parley.ChannelIdentity, since time.Time) (string, error) {
	// The words of the partial indexes.
	who, index := `m.contact_id = ''`, "messages_identity"
	args := []any{projectID, string(from.Channel), from.Identity, appID, parley.FirstID(since), Inbound}
	if contactID != "" {
		who, index, args = `m.contact_id <> '' AND m.contact_id = $7`, "messages_contact", append(args, contactID)
	}
	var id string
	err := s.q.QueryRowContext(ctx, `SELECT p.provider_id
		FROM messages AS m`+s.dialect.using(index)+`, provider_ids AS p`+s.dialect.using("provider_ids_message")+`
		WHERE m.project_id = $1 AND m.channel = $2 AND m.identity = $3 AND `+s.dialect.notIndexed("m.app_id")+` = $4 AND m.id > $5 AND `+who+`
		AND NOT m.to_contact AND p.project_id = m.project_id AND p.message_id = m.id AND p.part = $6 AND p.parts <> 1
		ORDER BY m.id DESC LIMIT 1`, args...).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// A SentEvent is an app event the provider took and gave an id to; Doc is what
// its reports show.
type SentEvent struct {
	ProjectID, AppID string
	Channel          parley.Channel
	ID               string // the provider's
	Status           parley.DeliveryStatus
	Doc              []byte
}

// insertSentEvents stores the events that providers took.
func (b *batch) insertSentEvents(group []*commit) error {
	s := &set{
		head:  `INSERT INTO sent_events (project_id, app_id, channel, provider_id, progress, doc, created_at)`,
		types: "ttttiti", insert: true, tail: ` ON CONFLICT DO NOTHING`,
	}
	for _, c := range group {
		if e := c.write.Sent; e != nil {
			s.add(e.ProjectID, e.AppID, string(e.Channel), e.ID, int64(At(0, e.Status)), string(e.Doc), micros(b.w.s.Now()))
		}
	}
	return b.exec(s)
}

// SentEvent returns the event that a provider's id stands for, or nil.
func (s *Store) SentEvent(ctx context.Context, projectID, appID string, ch parley.Channel, id string) (*SentEvent, error) {
	e := &SentEvent{ProjectID: projectID, AppID: appID, Channel: ch, ID: id}
	var progress int64
	var doc string
	err := s.q.QueryRowContext(ctx, `SELECT progress, doc FROM sent_events
		WHERE project_id = $1 AND app_id = $2 AND channel = $3 AND provider_id = $4`, projectID, appID, string(ch), id).Scan(&progress, &doc)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // absence is an answer here
	}
	e.Status, e.Doc = Progress(progress).Status(), []byte(doc)
	return e, err
}

// AdvanceEvent moves an event to a later status and adds what follows. It
// reports whether the event was not yet there or past it.
func (s *Store) AdvanceEvent(ctx context.Context, e *SentEvent, to parley.DeliveryStatus, jobs []*Job) (moved bool, err error) {
	next := At(0, to)
	err = s.Tx(ctx, func(tx *Store) error {
		n, err := tx.exec(ctx, `UPDATE sent_events SET progress = $1
			WHERE project_id = $2 AND app_id = $3 AND channel = $4 AND provider_id = $5 AND progress < $1 AND progress < $6 AND progress <> $7`,
			int64(next), e.ProjectID, e.AppID, string(e.Channel), e.ID, int64(next.ceiling()), int64(next.barred()))
		if moved = n > 0; err != nil || !moved {
			return err
		}
		return tx.AddJobs(ctx, jobs)
	})
	return moved, err
}
