package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/parley-im/parley"
)

// webhookSecrets is the part of a webhook that is kept encrypted.
type webhookSecrets struct {
	Secret      string                    `json:"secret"`
	Credentials *parley.ClientCredentials `json:"credentials,omitempty"`
}

// PutWebhook stores a webhook, new or changed. INVALID_ARGUMENT says that the
// app has another with the same target.
func (s *Store) PutWebhook(ctx context.Context, projectID string, w *parley.Webhook) error {
	open := *w
	open.Secret, open.ClientCredentials = "", nil
	doc, err := parley.Marshal(&open)
	if err != nil {
		return err
	}
	secrets, err := parley.Marshal(webhookSecrets{w.Secret, w.ClientCredentials})
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, `INSERT INTO webhooks (project_id, id, app_id, target, doc, secrets) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (project_id, id) DO UPDATE SET app_id = excluded.app_id, target = excluded.target,
		doc = excluded.doc, secrets = excluded.secrets`,
		projectID, w.ID, w.AppID, w.Target, string(doc), s.sealer.seal(webhookPlace(projectID, w.ID), secrets))
	if s.dialect.isUnique(err) {
		return parley.Invalid("target", "is the target of another webhook of this app")
	}
	if err != nil {
		return fmt.Errorf("put webhook: %w", err)
	}
	return nil
}

func webhookPlace(projectID, id string) string { return "webhook/" + projectID + "/" + id }

const webhookColumns = `SELECT id, doc, secrets FROM webhooks WHERE project_id = $1 `

// Webhook returns a webhook of the project, or NOT_FOUND.
func (s *Store) Webhook(ctx context.Context, projectID, id string) (*parley.Webhook, error) {
	query := webhookColumns + `AND id = $2`
	if s.inTx {
		query += s.dialect.forUpdate
	}
	list, err := s.webhooks(ctx, projectID, query, projectID, id)
	if err == nil && len(list) == 0 {
		return nil, parley.NotFound("webhook", id)
	}
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// Webhooks lists an app's webhooks in order of creation.
func (s *Store) Webhooks(ctx context.Context, projectID, appID string) ([]*parley.Webhook, error) {
	return s.webhooks(ctx, projectID, webhookColumns+`AND app_id = $2 ORDER BY id`, projectID, appID)
}

// ProjectWebhooks lists the webhooks of all the project's apps.
func (s *Store) ProjectWebhooks(ctx context.Context, projectID string) ([]*parley.Webhook, error) {
	return s.webhooks(ctx, projectID, webhookColumns+`ORDER BY id`, projectID)
}

func (s *Store) webhooks(ctx context.Context, projectID, query string, args ...any) ([]*parley.Webhook, error) {
	out := []*parley.Webhook{}
	err := s.each(ctx, func(r *sql.Rows) error {
		var id, doc, sealed string
		if err := r.Scan(&id, &doc, &sealed); err != nil {
			return err
		}
		raw, err := s.sealer.open(webhookPlace(projectID, id), sealed)
		if err != nil {
			return fmt.Errorf("webhook %s: %w", id, err)
		}
		w := new(parley.Webhook)
		var secrets webhookSecrets
		if err := errors.Join(json.Unmarshal([]byte(doc), w), json.Unmarshal(raw, &secrets)); err != nil {
			return fmt.Errorf("webhook %s: %w", id, err)
		}
		w.Secret, w.ClientCredentials = secrets.Secret, secrets.Credentials
		out = append(out, w)
		return nil
	}, query, args...)
	return out, err
}

// DeleteWebhook removes a webhook, or fails with NOT_FOUND. Callbacks on their
// way to it are dropped when their turn comes.
func (s *Store) DeleteWebhook(ctx context.Context, projectID, id string) error {
	n, err := s.exec(ctx, `DELETE FROM webhooks WHERE project_id = $1 AND id = $2`, projectID, id)
	if err == nil && n == 0 {
		return parley.NotFound("webhook", id)
	}
	return err
}
