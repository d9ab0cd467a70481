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

const messageColumns = `project_id, id, app_id, contact_id, conversation_id, channel, identity, identity_app_id,
	to_contact, dispatch, listed, injected, accept_time, progress, sender_id, metadata, doc`

func messageArgs(m *Message) []any {
	return []any{
		m.ProjectID, m.ID, m.AppID, m.ContactID, m.ConversationID, string(m.Identity.Channel), m.Identity.Identity,
		m.Identity.AppID, m.ToContact, m.Dispatch, m.Listed, m.Injected, micros(m.AcceptTime), int64(m.Progress),
		m.SenderID, m.Metadata, string(m.Doc),
	}
}

func scanMessage(scan func(...any) error) (*Message, error) {
	m := new(Message)
	var at, progress int64
	var doc string
	err := scan(&m.ProjectID, &m.ID, &m.AppID, &m.ContactID, &m.ConversationID, &m.Identity.Channel, &m.Identity.Identity,
		&m.Identity.AppID, &m.ToContact, &m.Dispatch, &m.Listed, &m.Injected, &at, &progress, &m.SenderID, &m.Metadata, &doc)
	m.AcceptTime, m.Progress, m.Doc = fromMicros(at), Progress(progress), []byte(doc)
	return m, err
}

// Mode returns the processing mode the message went through.
func (m *Message) Mode() parley.ProcessingMode {
	if m.Dispatch {
		return parley.ModeDispatch
	}
	return parley.ModeConversation
}

// Encode returns the document as it is stored. It does what parley.Marshal
// does, without reading the message's text again.
func (d *MessageDoc) Encode() ([]byte, error) {
	out := []byte{'{'}
	for _, member := range [...]struct {
		name   string
		set    bool
		encode func() ([]byte, error)
	}{
		{`"app":`, d.App != nil, d.App.MarshalJSON},
		{`"contact":`, d.Contact != nil, d.Contact.MarshalJSON},
		{`"send":`, d.Send != nil, func() ([]byte, error) { return parley.Marshal(d.Send) }},
		{`"resolved":`, len(d.Resolved) > 0, func() ([]byte, error) { return parley.Marshal(d.Resolved) }},
	} {
		if !member.set {
			continue
		}
		text, err := member.encode()
		if err != nil {
			return nil, err
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(out, member.name...), text...)
	}
	return append(out, '}'), nil
}

// Body decodes the message's document.
func (m *Message) Body() (*MessageDoc, error) {
	d := new(MessageDoc)
	if err := json.Unmarshal(m.Doc, d); err != nil {
		return nil, fmt.Errorf("message %s: %w", m.ID, err)
	}
	return d, nil
}

// Wire returns the message as the API shows it.
func (m *Message) Wire() (*parley.Message, error) {
	d, err := m.Body()
	if err != nil {
		return nil, err
	}
	w := &parley.Message{
		ID: m.ID, Direction: parley.ToApp, AppMessage: d.App, ContactMessage: d.Contact,
		ConversationID: m.ConversationID, ContactID: m.ContactID, Metadata: m.Metadata, AcceptTime: m.AcceptTime,
		SenderID: m.SenderID, ProcessingMode: m.Mode(), Injected: m.Injected,
	}
	if m.ToContact {
		w.Direction = parley.ToContact
	}
	if m.Identity.Channel != "" {
		id := m.Identity
		w.ChannelIdentity = &id
	}
	return w, nil
}

// Message returns a message of the project from either store, or NOT_FOUND.
func (s *Store) Message(ctx context.Context, projectID, id string) (*Message, error) {
	m, err := scanMessage(s.hot().QueryRowContext(ctx, `SELECT `+messageColumns+` FROM messages WHERE project_id = $1 AND id = $2`,
		projectID, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, parley.NotFound("message", id)
	}
	return m, err
}

// AddMessage stores a message that nothing follows from.
func (s *Store) AddMessage(ctx context.Context, m *Message) error {
	args := messageArgs(m)
	return s.Tx(ctx, func(tx *Store) error {
		if _, err := tx.exec(ctx, `INSERT INTO messages (`+messageColumns+`) VALUES `+placeholders(1, len(args)), args...); err != nil {
			return err
		}
		return tx.noteLast(ctx, m)
	})
}

// SetMessageMetadata changes the one member of a message that can be changed.
func (s *Store) SetMessageMetadata(ctx context.Context, projectID, id, metadata string) error {
	n, err := s.exec(ctx, `UPDATE messages SET metadata = $1 WHERE project_id = $2 AND id = $3`, metadata, projectID, id)
	if err == nil && n == 0 {
		return parley.NotFound("message", id)
	}
	return err
}

// DeleteMessage removes a message and its trace. What is on its way to the
// contact is not called back.
func (s *Store) DeleteMessage(ctx context.Context, projectID, id string) error {
	return s.Tx(ctx, func(tx *Store) error {
		if err := tx.forgetLast(ctx, projectID, id); err != nil {
			return fmt.Errorf("forget the last message: %w", err)
		}
		if err := tx.deleteTraces(ctx, "", `id = $2`, projectID, id); err != nil {
			return fmt.Errorf("delete trace of message: %w", err)
		}
		n, err := tx.exec(ctx, `DELETE FROM messages WHERE project_id = $1 AND id = $2`, projectID, id)
		if err == nil && n == 0 {
			return parley.NotFound("message", id)
		}
		return err
	})
}

// LastSent returns the newest few messages an app sent since a time to a
// contact or, when contactID is "", to an identity: those a typed answer may
// be meant for.
func (s *Store) LastSent(ctx context.Context, projectID, appID, contactID string, to parley.ChannelIdentity, since time.Time) ([]*Message, error) {
	const few = 5
	return s.sentTo(ctx, projectID, appID, contactID, to, `id > $4`, parley.FirstID(since), few)
}

// SentPage is how many messages SentBefore returns at most.
const SentPage = 20

// SentBefore returns the newest messages before an id that an app sent to a
// contact or, when contactID is "", to an identity: those a receipt for all
// until then may be about.
func (s *Store) SentBefore(ctx context.Context, projectID, appID, contactID string, to parley.ChannelIdentity, before string) ([]*Message, error) {
	return s.sentTo(ctx, projectID, appID, contactID, to, `id < $4`, before, SentPage)
}

func (s *Store) sentTo(ctx context.Context, projectID, appID, contactID string, to parley.ChannelIdentity, when, id string, few int) ([]*Message, error) {
	who, index := `contact_id = $5 AND contact_id <> ''`, "messages_contact"
	args := []any{projectID, appID, string(to.Channel), id, contactID, few}
	if contactID == "" {
		who, index, args[4] = `identity = $5 AND contact_id = ''`, "messages_identity", to.Identity
	}
	out := []*Message{}
	err := eachOf(ctx, s.hot(), func(r *sql.Rows) error {
		m, err := scanMessage(r.Scan)
		out = append(out, m)
		return err
	}, `SELECT `+messageColumns+` FROM messages`+s.dialect.using(index)+`
		WHERE project_id = $1 AND `+s.dialect.notIndexed("app_id")+` = $2 AND channel = $3 AND to_contact AND `+when+`
		AND `+who+` ORDER BY id DESC LIMIT $6`, args...)
	return out, err
}

const (
	providerColumns = `project_id, app_id, channel, provider_id, message_id, leg, part, parts, rank, created_at`
	providerTypes   = "tttttiiiii"
)

func providerArgs(p *ProviderID, now time.Time) []any {
	return []any{p.ProjectID, p.AppID, string(p.Channel), p.ID, p.MessageID, p.Leg, p.Part, p.Parts, p.Rank, micros(now)}
}

// FindProviderID returns what a provider's id stands for, or nil.
func (s *Store) FindProviderID(ctx context.Context, projectID, appID string, ch parley.Channel, id string) (*ProviderID, error) {
	p := &ProviderID{ProjectID: projectID, AppID: appID, Channel: ch, ID: id}
	err := s.hot().QueryRowContext(ctx, `SELECT message_id, leg, part, parts, rank FROM provider_ids
		WHERE project_id = $1 AND app_id = $2 AND channel = $3 AND provider_id = $4`, projectID, appID, string(ch), id).
		Scan(&p.MessageID, &p.Leg, &p.Part, &p.Parts, &p.Rank)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // absence is an answer here
	}
	return p, err
}

// InboundProviderID returns what the provider calls a message we received, or
// "": what a reply quotes.
func (s *Store) InboundProviderID(ctx context.Context, projectID, appID, messageID string) (string, error) {
	var id string
	err := s.q.QueryRowContext(ctx, `SELECT provider_id FROM provider_ids`+s.dialect.using("provider_ids_message")+`
		WHERE project_id = $1 AND `+s.dialect.notIndexed("app_id")+` = $2 AND message_id = $3 AND part = $4 AND parts <> 1`,
		projectID, appID, messageID, Inbound).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// PartIDs returns what the provider calls the parts of a message on one leg,
// where there are several.
func (s *Store) PartIDs(ctx context.Context, projectID, messageID string, leg int) ([]string, error) {
	var ids []string
	err := s.each(ctx, func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		ids = append(ids, id)
		return err
	}, `SELECT provider_id FROM provider_ids`+s.dialect.using("provider_ids_message")+`
		WHERE project_id = $1 AND message_id = $2 AND leg = $3 AND part >= 0 AND parts <> 1 ORDER BY part`, projectID, messageID, leg)
	return ids, err
}

// FoldPart notes the state a receipt reported for one part of a message and
// returns the states of all its parts on that leg.
func (s *Store) FoldPart(ctx context.Context, p *ProviderID, rank int) ([]int, error) {
	var ranks []int
	err := s.Tx(ctx, func(tx *Store) error {
		ranks = nil
		// Of two that report the last two parts at once, one must see both.
		if err := tx.lockParts(ctx, p); err != nil {
			return err
		}
		if _, err := tx.exec(ctx, `UPDATE provider_ids SET rank = $1
			WHERE project_id = $2 AND app_id = $3 AND channel = $4 AND provider_id = $5 AND rank < $1`,
			rank, p.ProjectID, p.AppID, string(p.Channel), p.ID); err != nil {
			return err
		}
		return tx.each(ctx, func(r *sql.Rows) error {
			var n int
			err := r.Scan(&n)
			ranks = append(ranks, n)
			return err
		}, `SELECT rank FROM provider_ids`+s.dialect.using("provider_ids_message")+`
			WHERE project_id = $1 AND message_id = $2 AND leg = $3 AND part >= 0 AND parts <> 1`,
			p.ProjectID, p.MessageID, p.Leg)
	})
	return ranks, err
}

// lockParts locks the parts of a message on one leg, always in the same order.
func (s *Store) lockParts(ctx context.Context, p *ProviderID) error {
	if s.dialect.forUpdate == "" {
		return nil
	}
	return s.each(ctx, func(*sql.Rows) error { return nil }, `SELECT part FROM provider_ids
		WHERE project_id = $1 AND message_id = $2 AND leg = $3 AND parts <> 1 ORDER BY part`+s.dialect.forUpdate,
		p.ProjectID, p.MessageID, p.Leg)
}
