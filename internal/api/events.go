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
		{"ListEvents", "GET /v1/projects/{project_id}/events", asking(readEventQuery, plain(s.listEvents))},
		{"GetEvent", "GET /v1/projects/{project_id}/events/{event_id}", plain(s.getEvent)},
		{"DeleteEvents", "DELETE /v1/projects/{project_id}/events/{event_id}", plain(s.deleteEvent)},
	}
}

type eventList struct {
	Events        []*parley.Event `json:"events"`
	NextPageToken string          `json:"next_page_token"`
}

func (s *Server) sendEvent(ctx context.Context, r *request, e *parley.SendEventRequest) (*parley.SendEventResponse, error) {
	return s.engine.SendEvent(ctx, r.project, e)
}

type eventQuery struct {
	filter store.EventFilter
	page   page
}

func readEventQuery(p *params) eventQuery {
	return eventQuery{
		filter: store.EventFilter{ContactID: p.id("contact_id"), ConversationID: p.id("conversation_id")},
		page:   p.page(maxEvents),
	}
}

// listEvents lists events, newest first. The documentation asks for one of the
// filters; clients send neither.
func (s *Server) listEvents(ctx context.Context, r *request) (eventList, error) {
	q, err := query(r, readEventQuery)
	if err != nil {
		return eventList{}, err
	}
	f, pg := q.filter, q.page
	f.Page, f.Limit = pg.after, pg.limit()
	stored, err := s.store.Events(ctx, r.project, f)
	if err != nil {
		return eventList{}, err
	}
	stored, next := cut(&pg, stored, func(e *store.Event) string { return e.ID })
	list := eventList{make([]*parley.Event, 0, len(stored)), next}
	for _, e := range stored {
		w, err := e.Wire()
		if err != nil {
			return eventList{}, err
		}
		list.Events = append(list.Events, w)
	}
	return list, nil
}

func (s *Server) getEvent(ctx context.Context, r *request) (*parley.Event, error) {
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

func (s *Server) deleteEvent(ctx context.Context, r *request) (empty, error) {
	id, err := r.id("event_id", "event")
	if err != nil {
		return empty{}, err
	}
	return empty{}, s.store.DeleteEvent(ctx, r.project, id)
}
