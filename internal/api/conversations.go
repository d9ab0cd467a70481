package api

import (
	"context"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

const (
	maxConversations = 20 // on a page
	maxRecent        = 50 // on a page

	newestFirst = "DESC"
	oldestFirst = "ASC"
)

// conversationRoutes is every operation on conversations.
func (s *Server) conversationRoutes() []route {
	return []route{
		{"CreateConversation", "POST /v1/projects/{project_id}/conversations", with(s.createConversation)},
		{"ListConversations", "GET /v1/projects/{project_id}/conversations", asking(readConversationQuery, plain(s.listConversations))},
		{"ListRecentConversations", "GET /v1/projects/{project_id}/conversations:recent", asking(readRecentQuery, plain(s.listRecent))},
		{"GetConversation", "GET /v1/projects/{project_id}/conversations/{conversation_id}", plain(s.getConversation)},
		{"UpdateConversation", "PATCH /v1/projects/{project_id}/conversations/{conversation_id}", asking(readMerge, change[parley.Conversation](s.updateConversation))},
		{"DeleteConversation", "DELETE /v1/projects/{project_id}/conversations/{conversation_id}", plain(s.deleteConversation)},
		{"StopActiveConversation", "POST /v1/projects/{project_id}/conversations/{conversation_id}:stop", plain(s.stopConversation)},
		{"InjectMessage", "POST /v1/projects/{project_id}/conversations/{conversation_id}:inject-message", with(s.injectMessage)},
		{"InjectEvent", "POST /v1/projects/{project_id}/conversations/{conversation_id}:inject-event", with(s.injectEvent)},
	}
}

func (s *Server) createConversation(ctx context.Context, r *request, c *parley.Conversation) (*parley.Conversation, error) {
	return s.engine.CreateConversation(ctx, r.project, c)
}

type conversationList struct {
	Conversations []*parley.Conversation `json:"conversations"`
	NextPageToken string                 `json:"next_page_token"`
	TotalSize     int                    `json:"total_size"`
}

func (s *Server) listConversations(ctx context.Context, r *request) (conversationList, error) {
	q, err := query(r, readConversationQuery)
	if err != nil {
		return conversationList{}, err
	}
	f, pg := q.filter, q.page
	f.After, f.Limit, f.SkipTotal = pg.after, pg.limit(), pg.known(s)
	conversations, total, err := s.store.Conversations(ctx, r.project, f)
	if err != nil {
		return conversationList{}, err
	}
	pg.count(s, total)
	conversations, next := cut(&pg, conversations, func(c *parley.Conversation) string { return c.ID })
	return conversationList{conversations, next, pg.total}, nil
}

type conversationQuery struct {
	filter store.ConversationFilter
	page   page
}

func readConversationQuery(p *params) conversationQuery {
	f := store.ConversationFilter{
		AppID:         p.id("app_id"),
		ContactID:     p.id("contact_id"),
		OnlyActive:    p.flag("only_active"),
		ActiveChannel: p.channel("active_channel"),
	}
	if f.AppID == "" && f.ContactID == "" {
		p.fail("app_id", "or contact_id is required")
	}
	return conversationQuery{f, p.page(maxConversations)}
}

type recentList struct {
	Conversations []parley.RecentConversation `json:"conversations"`
	NextPageToken string                      `json:"next_page_token"`
	TotalSize     int                         `json:"total_size"`
}

func (s *Server) listRecent(ctx context.Context, r *request) (recentList, error) {
	q, err := query(r, readRecentQuery)
	if err != nil {
		return recentList{}, err
	}
	f, pg := q.filter, q.page
	f.Page, f.Limit, f.SkipTotal = pg.after, pg.limit(), pg.known(s)
	recent, total, err := s.store.RecentConversations(ctx, r.project, f)
	if err != nil {
		return recentList{}, err
	}
	pg.count(s, total)
	recent, next := cut(&pg, recent, func(c store.Recent) string { return c.Last.ID })
	list := recentList{make([]parley.RecentConversation, 0, len(recent)), next, pg.total}
	for _, c := range recent {
		m, err := c.Last.Wire()
		if err != nil {
			return recentList{}, err
		}
		list.Conversations = append(list.Conversations, parley.RecentConversation{Conversation: c.Conversation, LastMessage: m})
	}
	return list, nil
}

type recentQuery struct {
	filter store.RecentFilter
	page   page
}

func readRecentQuery(p *params) recentQuery {
	return recentQuery{
		store.RecentFilter{
			AppID:       p.requiredID("app_id"),
			OnlyActive:  p.flag("only_active"),
			OldestFirst: p.enum("order", newestFirst, oldestFirst) == oldestFirst,
		},
		p.page(maxRecent),
	}
}

func (s *Server) getConversation(ctx context.Context, r *request) (*parley.Conversation, error) {
	id, err := r.id("conversation_id", "conversation")
	if err != nil {
		return nil, err
	}
	return s.store.Conversation(ctx, r.project, id)
}

func (s *Server) updateConversation(ctx context.Context, r *request, c patch) (*parley.Conversation, error) {
	id, err := r.id("conversation_id", "conversation")
	if err != nil {
		return nil, err
	}
	merge, err := query(r, readMerge)
	if err != nil {
		return nil, err
	}
	return s.engine.UpdateConversation(ctx, r.project, id, c.body, c.mask, merge)
}

// readMerge reports whether metadata is to be merged, not replaced.
func readMerge(p *params) bool {
	return p.enum("metadata_update_strategy", parley.UpdateReplace, parley.UpdateMergePatch) == parley.UpdateMergePatch
}

func (s *Server) deleteConversation(ctx context.Context, r *request) (empty, error) {
	id, err := r.id("conversation_id", "conversation")
	if err != nil {
		return empty{}, err
	}
	return empty{}, s.engine.DeleteConversation(ctx, r.project, id)
}

func (s *Server) stopConversation(ctx context.Context, r *request) (empty, error) {
	id, err := r.id("conversation_id", "conversation")
	if err != nil {
		return empty{}, err
	}
	return empty{}, s.engine.StopConversation(ctx, r.project, id)
}

func (s *Server) injectMessage(ctx context.Context, r *request, m *parley.InjectMessageRequest) (empty, error) {
	id, err := r.id("conversation_id", "conversation")
	if err != nil {
		return empty{}, err
	}
	return empty{}, s.engine.InjectMessage(ctx, r.project, id, m)
}

func (s *Server) injectEvent(ctx context.Context, r *request, e *parley.InjectEventRequest) (*parley.InjectEventResponse, error) {
	id, err := r.id("conversation_id", "conversation")
	if err != nil {
		return nil, err
	}
	return s.engine.InjectEvent(ctx, r.project, id, e)
}
