package api

import (
	"context"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

const maxEvents = 20 // on a page

// eventRoutes are the operations on app events.
func (s *Server) eventRoutes() []route {
	return []route{
		{"SendEvent", "POST /v1/projects/{project_id}/events:send", with(s.sendEvent)},
		{"ListEvents", "GET /v1/projects/{project_id}/events", s.listEvents},
		{"GetEvent", "GET /v1/projects/{project_id}/events/{event_id}", s.getEvent},
		{"DeleteEvents", "DELETE /v1/projects/{project_id}/events/{event_id}", s.deleteEvent},
	}
}

type eventList struct {
	Events        []*parley.Event `json:"events"`
	NextPageToken string          `json:"next_page_token"`
}

func (s *Server) sendEvent(ctx context.Context, r *request, e *parley.SendEventRequest) (any, error) {
	return s.engine.SendEvent(ctx, r.project, e)
}

// listEvents lists events, newest first. The documentation asks for one of the
// filters; clients send neither.
func (s *Server) listEvents(ctx context.Context, r *request) (any, error) {
	p := r.params()
	f := store.EventFilter{ContactID: p.id("contact_id"), ConversationID: p.id("conversation_id")}
	pg := p.page(r, "events", maxEvents)
	if p.err != nil {
		return nil, p.err
	}
	f.Page, f.Limit = pg.after, pg.limit()
	stored, err := s.store.Events(ctx, r.project, f)
	if err != nil {
		return nil, err
	}
	stored, next := cut(&pg, stored, func(e *store.Event) string { return e.ID })
	list := eventList{make([]*parley.Event, 0, len(stored)), next}
	for _, e := range stored {
		w, err := e.Wire()
		if err != nil {
			return nil, err
		}
		list.Events = append(list.Events, w)
	}
	return list, nil
}

func (s *Server) getEvent(ctx context.Context, r *request) (any, error) {
	id, err := r.id("event_id", "event")
	if err != nil {
		return nil, err
	}
	e, err := s.store.Event(ctx, r.project, id)
	if err != nil {
		return nil, err
	}
	return e.Wire()
}

func (s *Server) deleteEvent(ctx context.Context, r *request) (any, error) {
	id, err := r.id("event_id", "event")
	if err != nil {
		return nil, err
	}
	return empty{}, s.store.DeleteEvent(ctx, r.project, id)
}
