package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/parley-im/parley"
)

// appSecrets is the part of an app that is kept encrypted.
type appSecrets struct {
	Credentials []parley.ChannelCredential `json:"credentials"`
	Callback    *parley.CallbackSettings   `json:"callback,omitempty"`
}

// PutApp stores an app, new or changed.
func (s *Store) PutApp(ctx context.Context, projectID string, a *parley.App) error {
	open := *a
	open.ChannelCredentials, open.CallbackSettings, open.QueueStats = nil, nil, nil
	doc, err := parley.Marshal(&open)
	if err != nil {
		return err
	}
	secrets, err := parley.Marshal(appSecrets{a.ChannelCredentials, a.CallbackSettings})
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, `INSERT INTO apps (project_id, id, doc, secrets) VALUES ($1, $2, $3, $4)
		ON CONFLICT (project_id, id) DO UPDATE SET doc = excluded.doc, secrets = excluded.secrets`,
		projectID, a.ID, string(doc), s.sealer.seal(appPlace(projectID, a.ID), secrets))
	if err != nil {
		return fmt.Errorf("put app: %w", err)
	}
	return nil
}

func appPlace(projectID, id string) string { return "app/" + projectID + "/" + id }

// App returns an app of the project, or NOT_FOUND. In a transaction the row is
// locked, because it is about to be changed.
func (s *Store) App(ctx context.Context, projectID, id string) (*parley.App, error) {
	query := `SELECT doc, secrets FROM apps WHERE project_id = $1 AND id = $2`
	if s.inTx {
		query += s.dialect.forUpdate
	}
	var doc, secrets string
	err := s.q.QueryRowContext(ctx, query, projectID, id).
		Scan(&doc, &secrets)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, parley.NotFound("app", id)
	}
	if err != nil {
		return nil, err
	}
	return s.decodeApp(projectID, id, doc, secrets)
}

// Apps lists the project's apps in order of creation.
func (s *Store) Apps(ctx context.Context, projectID string) ([]*parley.App, error) {
	out := []*parley.App{}
	err := s.each(ctx, func(r *sql.Rows) error {
		var id, doc, secrets string
		if err := r.Scan(&id, &doc, &secrets); err != nil {
			return err
		}
		a, err := s.decodeApp(projectID, id, doc, secrets)
		out = append(out, a)
		return err
	}, `SELECT id, doc, secrets FROM apps WHERE project_id = $1 ORDER BY id`, projectID)
	return out, err
}

// An AppRef names an app and its project.
type AppRef struct{ ProjectID, AppID string }

// AppRefs lists every app of every project.
func (s *Store) AppRefs(ctx context.Context) ([]AppRef, error) {
	var out []AppRef
	err := s.each(ctx, func(r *sql.Rows) error {
		var ref AppRef
		err := r.Scan(&ref.ProjectID, &ref.AppID)
		out = append(out, ref)
		return err
	}, `SELECT project_id, id FROM apps ORDER BY id`)
	return out, err
}

// AppProject returns the project an app belongs to, or NOT_FOUND.
func (s *Store) AppProject(ctx context.Context, appID string) (string, error) {
	var project string
	err := s.q.QueryRowContext(ctx, `SELECT project_id FROM apps WHERE id = $1`, appID).Scan(&project)
	if errors.Is(err, sql.ErrNoRows) {
		err = parley.NotFound("app", appID)
	}
	return project, err
}

func (s *Store) decodeApp(projectID, id, doc, sealed string) (*parley.App, error) {
	a := new(parley.App)
	if err := json.Unmarshal([]byte(doc), a); err != nil {
		return nil, fmt.Errorf("app %s: %w", id, err)
	}
	raw, err := s.sealer.open(appPlace(projectID, id), sealed)
	if err != nil {
		return nil, fmt.Errorf("app %s: %w", id, err)
	}
	var secrets appSecrets
	if err := json.Unmarshal(raw, &secrets); err != nil {
		return nil, fmt.Errorf("app %s: %w", id, err)
	}
	a.ChannelCredentials, a.CallbackSettings = secrets.Credentials, secrets.Callback
	return a, nil
}

// DeleteApp removes an app with its webhooks, conversations, messages and
// events. Its jobs find it gone when their turn comes. Contacts stay: they are
// the project's.
func (s *Store) DeleteApp(ctx context.Context, projectID, id string) error {
	return s.Tx(ctx, func(tx *Store) error {
		n, err := tx.exec(ctx, `DELETE FROM apps WHERE project_id = $1 AND id = $2`, projectID, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return parley.NotFound("app", id)
		}
		if _, err := tx.exec(ctx, `DELETE FROM batch_metadata WHERE project_id = $1 AND batch_id IN (
			SELECT id FROM batches WHERE project_id = $1 AND app_id = $2)`, projectID, id); err != nil {
			return fmt.Errorf("delete batch metadata of app: %w", err)
		}
		for _, table := range []string{
			"traces",
			"webhooks", "conversations", "messages", "events", "provider_ids", "media", "consents", "consent_audit", "sent_events",
			"recent_marks", "sticky", "batches",
		} {
			if _, err := tx.exec(ctx, `DELETE FROM `+table+` WHERE project_id = $1 AND app_id = $2`, projectID, id); err != nil {
				return fmt.Errorf("delete %s of app: %w", table, err)
			}
		}
		return nil
	})
}
