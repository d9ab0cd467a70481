package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// TakeTurn reports whether work that one node does for all is due and this
// node's: then it is next due at a time given. Of several nodes that ask at
// the same moment one is told so.
func (s *Store) TakeTurn(ctx context.Context, name string, next time.Time) (bool, error) {
	n, err := s.exec(ctx, `INSERT INTO leases (name, due) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET due = excluded.due WHERE leases.due <= $3`, name, micros(next), micros(s.Now()))
	return n > 0, err
}

// KeepTurn puts off when work is next due, while it is still being done.
func (s *Store) KeepTurn(ctx context.Context, name string, next time.Time) error {
	_, err := s.exec(ctx, `UPDATE leases SET due = $2 WHERE name = $1`, name, micros(next))
	return err
}

// A Mark is how far a sweep has come through a table: everything up to At was
// dealt with since Since. A sweep that begins again from the start has a zero
// Mark.
type Mark struct {
	At    string
	Since time.Time
}

// Mark returns how far a sweep has come for an app; appID may be "".
func (s *Store) Mark(ctx context.Context, projectID, appID, sweep string) (Mark, error) {
	var m Mark
	var since int64
	err := s.q.QueryRowContext(ctx, `SELECT mark, since FROM sweep_marks WHERE project_id = $1 AND app_id = $2 AND sweep = $3`,
		projectID, appID, sweep).Scan(&m.At, &since)
	if errors.Is(err, sql.ErrNoRows) {
		return m, nil
	}
	m.Since = fromMicros(since)
	return m, err
}

// PutMark stores how far a sweep has come.
func (s *Store) PutMark(ctx context.Context, projectID, appID, sweep string, m Mark) error {
	_, err := s.exec(ctx, `INSERT INTO sweep_marks (project_id, app_id, sweep, mark, since) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (project_id, app_id, sweep) DO UPDATE SET mark = excluded.mark, since = excluded.since`,
		projectID, appID, sweep, m.At, micros(m.Since))
	return err
}
