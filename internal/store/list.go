package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/parley-im/parley"
)

// Lists of messages stay as fast on the last page as on the first, however
// many messages there are that are not asked for: a list is read from one or a
// few ranges of an index, each sorted by id, and merged. A range is the
// messages of a contact, of an identity in the dispatch store, or of an app in
// one direction. Whatever else is asked for is looked at row by row within.

// A MessageFilter narrows a list of messages. Empty members do not.
type MessageFilter struct {
	Dispatch                         bool // which store
	AppID, ContactID, ConversationID string
	Channel                          parley.Channel
	Identity                         string
	Direction                        parley.Direction
	After, Before                    time.Time // accept_time, both exclusive
	Page                             string    // the id the page starts below
	Limit                            int
}

// idSlack is by how much a message's accept_time and the time in its id may
// differ: they are taken one after the other.
const idSlack = time.Second

// A messageRange is one sorted range of messages: exactly one of contact,
// identity and app is set.
type messageRange struct {
	contact, identity string
	app               string
	toContact         bool
}

// Messages lists messages, newest first.
func (s *Store) Messages(ctx context.Context, projectID string, f MessageFilter) ([]*Message, error) {
	ranges, err := s.messageRanges(ctx, projectID, &f)
	if err != nil {
		return nil, err
	}
	out := []*Message{}
	for _, r := range ranges {
		above := "" // what a full page has no room for need not be read
		if len(out) == f.Limit {
			above = out[len(out)-1].ID
		}
		more, err := s.messagesIn(ctx, projectID, &f, r, above)
		if err != nil {
			return nil, err
		}
		if out = append(out, more...); len(ranges) > 1 {
			slices.SortFunc(out, func(x, y *Message) int { return strings.Compare(y.ID, x.ID) })
			out = out[:min(len(out), f.Limit)]
		}
	}
	return out, nil
}

// messageRanges returns the ranges that hold what a filter asks for.
func (s *Store) messageRanges(ctx context.Context, projectID string, f *MessageFilter) ([]messageRange, error) {
	switch {
	case f.Dispatch && (f.ContactID != "" || f.ConversationID != ""):
		return nil, nil // dispatched messages have neither
	case f.Dispatch && f.Identity != "":
		return []messageRange{{identity: f.Identity}}, nil
	case f.ContactID != "":
		return []messageRange{{contact: f.ContactID}}, nil
	case f.ConversationID != "":
		c, err := s.contactOf(ctx, projectID, f.ConversationID)
		if err != nil || c == "" {
			return nil, err
		}
		return []messageRange{{contact: c}}, nil
	case f.Identity != "":
		owners, err := s.owners(ctx, projectID, f.Channel, f.Identity)
		out := make([]messageRange, 0, len(owners))
		for _, c := range owners {
			out = append(out, messageRange{contact: c})
		}
		return out, err
	}
	apps := []string{f.AppID}
	if f.AppID == "" {
		var err error
		if apps, err = s.appsWithMessages(ctx, projectID); err != nil {
			return nil, err
		}
	}
	var out []messageRange
	for _, app := range apps {
		if f.Direction != parley.ToApp {
			out = append(out, messageRange{app: app, toContact: true})
		}
		if f.Direction != parley.ToContact {
			out = append(out, messageRange{app: app})
		}
	}
	return out, nil
}

// messagesIn lists the messages of one range, those above an id if one is
// given.
func (s *Store) messagesIn(ctx context.Context, projectID string, f *MessageFilter, r messageRange, above string) ([]*Message, error) {
	index := "messages_listed"
	switch {
	case r.contact != "":
		index = "messages_contact"
	case r.identity != "":
		index = "messages_identity"
	}
	q := where(`SELECT `+messageColumns+` FROM messages`+s.dialect.using(index)+`
		WHERE project_id = $1 AND dispatch = $2 AND listed`, projectID, f.Dispatch)
	switch {
	case r.contact != "":
		q.and("contact_id <> '' AND contact_id = ", r.contact)
	case r.identity != "":
		q.and("contact_id = '' AND identity = ", r.identity)
	default:
		q.and("app_id = ", r.app)
		q.and("to_contact = ", r.toContact)
	}
	f.narrow(q, r)
	if above != "" {
		q.and("id > ", above)
	}
	q.add(" ORDER BY id DESC LIMIT ", f.Limit)
	out := []*Message{}
	err := s.each(ctx, func(r *sql.Rows) error {
		m, err := scanMessage(r.Scan)
		out = append(out, m)
		return err
	}, q.String(), q.args...)
	return out, err
}

// narrow adds what is looked at row by row within a range.
func (f *MessageFilter) narrow(q *filter, r messageRange) {
	if f.AppID != "" && r.app == "" {
		q.and("(app_id || '') = ", f.AppID) // the range has a better index
	}
	if f.Direction != "" && r.app == "" {
		q.and("to_contact = ", f.Direction == parley.ToContact)
	}
	if f.ConversationID != "" {
		q.and("conversation_id = ", f.ConversationID)
	}
	if f.Channel != "" {
		q.and("channel = ", string(f.Channel))
	}
	if f.Identity != "" {
		q.and("identity = ", f.Identity)
	}
	if !f.After.IsZero() {
		q.and("accept_time > ", micros(f.After))
		q.and("id > ", parley.FirstID(f.After.Add(-idSlack)))
	}
	if !f.Before.IsZero() {
		q.and("accept_time < ", micros(f.Before))
		q.and("id < ", parley.FirstID(f.Before.Add(idSlack)))
	}
	if f.Page != "" {
		q.and("id < ", f.Page)
	}
}

// contactOf returns the contact of a conversation, or "".
func (s *Store) contactOf(ctx context.Context, projectID, conversationID string) (string, error) {
	var contact string
	err := s.q.QueryRowContext(ctx, `SELECT contact_id FROM conversations WHERE project_id = $1 AND id = $2`,
		projectID, conversationID).Scan(&contact)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return contact, err
}

// owners returns the contacts known by an identity: on one channel, or on any
// when ch is "".
func (s *Store) owners(ctx context.Context, projectID string, ch parley.Channel, identity string) ([]string, error) {
	channels := []parley.Channel{ch}
	if ch == "" {
		channels = parley.Channels()
	}
	q := where(`SELECT DISTINCT contact_id FROM identities WHERE project_id = $1 AND identity = $2 AND channel IN (`, projectID, identity)
	for i, c := range channels {
		if i > 0 {
			q.text.WriteByte(',')
		}
		q.add("", string(c))
	}
	q.text.WriteString(")")
	var out []string
	err := s.each(ctx, func(r *sql.Rows) error {
		var c string
		err := r.Scan(&c)
		out = append(out, c)
		return err
	}, q.String(), q.args...)
	return out, err
}

// appsWithMessages returns the apps of a project that have messages. It skips
// from one to the next in their index, however many messages each has.
func (s *Store) appsWithMessages(ctx context.Context, projectID string) ([]string, error) {
	var out []string
	for last := ""; ; {
		var next sql.NullString
		if err := s.q.QueryRowContext(ctx, `SELECT MIN(app_id) FROM messages WHERE project_id = $1 AND app_id > $2`,
			projectID, last).Scan(&next); err != nil {
			return nil, err
		}
		if !next.Valid {
			return out, nil
		}
		last = next.String
		out = append(out, last)
	}
}
