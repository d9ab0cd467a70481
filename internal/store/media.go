package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/parley-im/parley"
)

// A MediaRef says where inbound media comes from.
type MediaRef struct {
	ProjectID string         `json:"-"`
	ID        string         `json:"-"`
	AppID     string         `json:"-"`
	Channel   parley.Channel `json:"-"`
	Ref       string         `json:"ref"` // the channel's own name for it
	MIME      string         `json:"mime,omitempty"`
	Filename  string         `json:"filename,omitempty"`
}

// insertMedia stores the media of what arrived.
func (b *batch) insertMedia(arrivals []*Arrival) error {
	s := &set{head: `INSERT INTO media (project_id, id, app_id, channel, doc, created_at)`, types: "ttttti", insert: true}
	for _, a := range arrivals {
		m := a.Media
		if m == nil {
			continue
		}
		doc, err := parley.Marshal(m)
		if err != nil {
			return err
		}
		s.add(m.ProjectID, m.ID, m.AppID, string(m.Channel), string(doc), micros(b.w.s.Now()))
	}
	return b.exec(s)
}

// MediaRef returns where media comes from, or NOT_FOUND.
func (s *Store) MediaRef(ctx context.Context, projectID, id string) (*MediaRef, error) {
	m := &MediaRef{ProjectID: projectID, ID: id}
	var doc string
	err := s.q.QueryRowContext(ctx, `SELECT app_id, channel, doc FROM media WHERE project_id = $1 AND id = $2`, projectID, id).
		Scan(&m.AppID, &m.Channel, &doc)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, parley.NotFound("media", id)
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(doc), m); err != nil {
		return nil, fmt.Errorf("media %s: %w", id, err)
	}
	return m, nil
}
