package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/parley-im/parley"
)

// A ConsentChange puts an identity on one of an app's consent lists or takes
// it off.
type ConsentChange struct {
	Identity string // as parley.NormalizeConsent returns it
	List     parley.ConsentList
	Remove   bool
}

// Consents is changes of an app's consent lists that happen together, in
// their order.
type Consents struct {
	ProjectID, AppID string
	Origin           parley.ConsentOrigin
	Changes          []ConsentChange
}

// ChangeConsents changes an app's consent lists. What changes nothing leaves
// no audit record.
func (s *Store) ChangeConsents(ctx context.Context, c *Consents) error {
	return s.Tx(ctx, func(tx *Store) error { return s.changeConsents(ctx, tx.q, c) })
}

// changeConsents makes the changes within a transaction.
func (s *shared) changeConsents(ctx context.Context, q querier, c *Consents) error {
	for i := range c.Changes {
		op, err := s.changeConsent(ctx, q, c, &c.Changes[i])
		if err != nil {
			return fmt.Errorf("change a consent list: %w", err)
		}
		if op == "" {
			continue
		}
		now := s.now()
		if _, err := q.ExecContext(ctx, `INSERT INTO consent_audit (project_id, app_id, identity, id, list_type, origin, operation, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, c.ProjectID, c.AppID, c.Changes[i].Identity, s.ids.New(now),
			string(c.Changes[i].List), string(c.Origin), string(op), micros(now)); err != nil {
			return fmt.Errorf("audit a consent list: %w", err)
		}
	}
	return nil
}

// changeConsent makes one change and says which it was, or "". An identity
// that is on the list already is updated if somebody else put it there.
func (s *shared) changeConsent(ctx context.Context, q querier, c *Consents, ch *ConsentChange) (parley.ConsentOperation, error) {
	key := []any{c.ProjectID, c.AppID, string(ch.List), ch.Identity}
	if ch.Remove {
		n, err := changed(q.ExecContext(ctx, `DELETE FROM consents
			WHERE project_id = $1 AND app_id = $2 AND list_type = $3 AND identity = $4`, key...))
		return when(n, parley.ConsentDelete), err
	}
	n, err := changed(q.ExecContext(ctx, `INSERT INTO consents (project_id, app_id, list_type, identity, origin, id)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`, append(key, string(c.Origin), s.ids.New(s.now()))...))
	if err != nil || n > 0 {
		return when(n, parley.ConsentInsert), err
	}
	n, err = changed(q.ExecContext(ctx, `UPDATE consents SET origin = $5
		WHERE project_id = $1 AND app_id = $2 AND list_type = $3 AND identity = $4 AND origin <> $5`, append(key, string(c.Origin))...))
	return when(n, parley.ConsentUpdate), err
}

// changed returns how many rows a statement changed.
func changed(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// when returns op if rows were changed.
func when(n int64, op parley.ConsentOperation) parley.ConsentOperation {
	if n == 0 {
		return ""
	}
	return op
}

// HasConsents reports whether anybody is on any of an app's consent lists.
func (s *Store) HasConsents(ctx context.Context, projectID, appID string) (bool, error) {
	var has bool
	err := s.q.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM consents WHERE project_id = $1 AND app_id = $2)`, projectID, appID).Scan(&has)
	return has, err
}

// OnConsentList reports whether an identity is on one of an app's lists.
func (s *Store) OnConsentList(ctx context.Context, projectID, appID, identity string, lists ...parley.ConsentList) (bool, error) {
	for _, l := range lists {
		var on bool
		if err := s.q.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM consents
			WHERE project_id = $1 AND app_id = $2 AND list_type = $3 AND identity = $4)`, projectID, appID, string(l), identity).Scan(&on); err != nil || on {
			return on, err
		}
	}
	return false, nil
}

// A ConsentEntry is an identity on a consent list; its ID says where it stands.
type ConsentEntry struct{ ID, Identity string }

// ConsentEntries lists who is on a consent list, in the order they came on it.
// after is the id the page starts after.
func (s *Store) ConsentEntries(ctx context.Context, projectID, appID string, list parley.ConsentList, after string, limit int) ([]ConsentEntry, error) {
	out := []ConsentEntry{}
	err := s.each(ctx, func(r *sql.Rows) error {
		var e ConsentEntry
		err := r.Scan(&e.ID, &e.Identity)
		out = append(out, e)
		return err
	}, `SELECT id, identity FROM consents WHERE project_id = $1 AND app_id = $2 AND list_type = $3 AND id > $4 ORDER BY id LIMIT $5`,
		projectID, appID, string(list), after, limit)
	return out, err
}

// AuditRecords lists every change of an app's consent lists that concerned an
// identity, oldest first.
func (s *Store) AuditRecords(ctx context.Context, projectID, appID, identity string) ([]parley.AuditRecord, error) {
	out := []parley.AuditRecord{}
	err := s.each(ctx, func(r *sql.Rows) error {
		a := parley.AuditRecord{ProjectID: projectID, AppID: appID}
		var at int64
		err := r.Scan(&a.ListType, &a.Origin, &a.Operation, &at)
		a.Datetime = fromMicros(at)
		out = append(out, a)
		return err
	}, `SELECT list_type, origin, operation, created_at FROM consent_audit
		WHERE project_id = $1 AND app_id = $2 AND identity = $3 ORDER BY id`, projectID, appID, identity)
	return out, err
}
