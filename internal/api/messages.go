package api

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/engine"
	"github.com/parley-im/parley/internal/store"
)

const maxMessages = 1000 // on a page

// messageRoutes is every operation on messages.
func (s *Server) messageRoutes() []route {
	return []route{
		{"SendMessage", "POST /v1/projects/{project_id}/messages:send", with(s.sendMessage)},
		{"ListMessages", "GET /v1/projects/{project_id}/messages", asking(readMessageQuery, plain(s.listMessages))},
		{"GetMessage", "GET /v1/projects/{project_id}/messages/{message_id}", asking((*params).dispatch, plain(s.getMessage))},
		{"UpdateMessageMetadata", "PATCH /v1/projects/{project_id}/messages/{message_id}", asking((*params).dispatch, change[messagePatch](s.updateMessage))},
		{"DeleteMessage", "DELETE /v1/projects/{project_id}/messages/{message_id}", asking((*params).dispatch, plain(s.deleteMessage))},
		{"ListMessagesByChannelIdentity", "POST /v1/projects/{project_id}/messages:fetch-last-message", with(s.fetchLast)},
		{"TranscodeMessage", "POST /v1/projects/{project_id}/messages:transcode", with(s.transcodeMessage)},
	}
}

// ownRoutes are the operations that the hosted API does not have.
func (s *Server) ownRoutes() []route {
	return []route{
		{"GetMessageTrace", "GET /v1/projects/{project_id}/messages/{message_id}/trace", plain(s.getMessageTrace)},
	}
}

type messageList struct {
	Messages      []*parley.Message `json:"messages"`
	NextPageToken string            `json:"next_page_token"`
}

func (s *Server) sendMessage(ctx context.Context, r *request, m *parley.SendMessageRequest) (*parley.SendMessageResponse, error) {
	return s.engine.SendMessage(ctx, r.project, m)
}

func (s *Server) transcodeMessage(ctx context.Context, r *request, m *parley.TranscodeMessageRequest) (*parley.TranscodeMessageResponse, error) {
	return s.engine.Transcode(ctx, r.project, m)
}

func (s *Server) listMessages(ctx context.Context, r *request) (messageList, error) {
	q, err := query(r, readMessageQuery)
	if err != nil {
		return messageList{}, err
	}
	f, pg := q.filter, q.page
	f.Page, f.Limit = pg.after, pg.limit()
	stored, err := s.store.Messages(ctx, r.project, f)
	if err != nil {
		return messageList{}, err
	}
	stored, next := cut(&pg, stored, func(m *store.Message) string { return m.ID })
	return listed(stored, q.view, next)
}

// listed is a page of messages as a view shows them.
func listed(stored []*store.Message, view, next string) (messageList, error) {
	list := messageList{make([]*parley.Message, 0, len(stored)), next}
	for _, m := range stored {
		w, err := m.Wire()
		if err != nil {
			return messageList{}, err
		}
		if view == parley.ViewWithoutMetadata {
			w.Metadata = ""
		}
		list.Messages = append(list.Messages, w)
	}
	return list, nil
}

type messageQuery struct {
	filter store.MessageFilter
	view   string
	page   page
}

func readMessageQuery(p *params) messageQuery {
	return messageQuery{
		messageFilter(p),
		p.enum("view", parley.ViewWithMetadata, parley.ViewWithoutMetadata),
		p.page(maxMessages),
	}
}

// messageFilter reads the filters of ListMessages. The two stores of messages
// know different things of them.
func messageFilter(p *params) store.MessageFilter {
	f := store.MessageFilter{
		Dispatch:       p.dispatch(),
		AppID:          p.id("app_id"),
		ContactID:      p.id("contact_id"),
		ConversationID: p.id("conversation_id"),
		Channel:        p.channel("channel"),
		Identity:       p.identity("channel_identity"),
		After:          p.time("start_time"),
		Before:         p.time("end_time"),
	}
	f.Identity = storedIdentity(f.Channel, f.Identity)
	if d := p.enum("direction", "", string(parley.DirectionUndefined), string(parley.ToApp), string(parley.ToContact)); d != string(parley.DirectionUndefined) {
		f.Direction = parley.Direction(d)
	}
	if p.flag("only_recipient_originated") {
		switch {
		case !f.Dispatch:
			p.fail("only_recipient_originated", "needs messages_source %s", parley.SourceDispatch)
		case f.Direction == parley.ToContact:
			p.fail("only_recipient_originated", "contradicts direction %s", parley.ToContact)
		}
		f.Direction = parley.ToApp
	}
	if f.Dispatch && f.ContactID != "" {
		p.fail("contact_id", "cannot be used with messages_source %s", parley.SourceDispatch)
	}
	if !f.After.IsZero() && !f.Before.IsZero() && !f.After.Before(f.Before) {
		p.fail("start_time", "must be before end_time")
	}
	return f
}

// storedIdentity returns an identity as it is stored. Where the channel is
// not told, what looks like a phone number is taken for one.
func storedIdentity(ch parley.Channel, identity string) string {
	if ch != "" {
		return parley.ChannelIdentity{Channel: ch, Identity: identity}.Normalize().Identity
	}
	if digits, ok := strings.CutPrefix(identity, "+"); ok && strings.Trim(digits, "0123456789") == "" {
		return digits
	}
	return identity
}

// dispatch reads messages_source and reports whether it is the dispatch store.
func (p *params) dispatch() bool {
	return p.enum("messages_source", parley.SourceConversation, parley.SourceDispatch) == parley.SourceDispatch
}

func (s *Server) getMessage(ctx context.Context, r *request) (*parley.Message, error) {
	m, err := s.message(ctx, r)
	if err != nil {
		return nil, err
	}
	return m.Wire()
}

// getMessageTrace answers what was done for a message. It is Parley's own
// addition: see docs/trace.md.
func (s *Server) getMessageTrace(ctx context.Context, r *request) (*engine.Trace, error) {
	id, err := r.id("message_id", "message")
	if err != nil {
		return nil, err
	}
	return s.engine.Trace(ctx, r.project, id)
}

// message returns the message the path names, if it is in the store that
// messages_source names.
func (s *Server) message(ctx context.Context, r *request) (*store.Message, error) {
	dispatch, err := query(r, (*params).dispatch)
	if err != nil {
		return nil, err
	}
	id, err := r.id("message_id", "message")
	if err != nil {
		return nil, err
	}
	m, err := s.store.Message(ctx, r.project, id)
	if err != nil {
		return nil, err
	}
	if m.Dispatch != dispatch || !m.Listed {
		return nil, parley.NotFound("message", id)
	}
	return m, nil
}

// messagePatch is the one thing of a message that can be changed.
type messagePatch struct {
	Metadata *string `json:"metadata"`
}

func (s *Server) updateMessage(ctx context.Context, r *request, c patch) (*parley.Message, error) {
	for _, path := range c.mask {
		if path != "metadata" && path != "*" {
			return nil, parley.Invalid("update_mask", "%q cannot be updated", path)
		}
	}
	var change messagePatch
	if err := parley.Decode(c.body, &change); err != nil {
		return nil, err
	}
	if change.Metadata == nil && len(c.mask) > 0 {
		change.Metadata = new(string)
	}
	if change.Metadata != nil && utf8.RuneCountInString(*change.Metadata) > parley.MaxMetadata {
		return nil, parley.Invalid("metadata", "must have at most %d characters", parley.MaxMetadata)
	}
	m, err := s.message(ctx, r)
	if err != nil {
		return nil, err
	}
	if change.Metadata != nil {
		m.Metadata = *change.Metadata
		if err := s.store.SetMessageMetadata(ctx, r.project, m.ID, m.Metadata); err != nil {
			return nil, err
		}
	}
	return m.Wire()
}

func (s *Server) deleteMessage(ctx context.Context, r *request) (empty, error) {
	m, err := s.message(ctx, r)
	if err != nil {
		return empty{}, err
	}
	return empty{}, s.store.DeleteMessage(ctx, r.project, m.ID)
}
