package store

import "context"

// AddEvent stores an event that nothing follows from.
func (s *Store) AddEvent(ctx context.Context, e *Event) error {
	_, err := s.exec(ctx, `INSERT INTO events (project_id, id, app_id, contact_id, conversation_id, doc)
		VALUES ($1, $2, $3, $4, $5, $6)`, e.ProjectID, e.ID, e.AppID, e.ContactID, e.ConversationID, string(e.Doc))
	return err
}
