package api

import (
	"context"

	"github.com/parley-im/parley"
)

// webhookRoutes is every operation on webhooks.
func (s *Server) webhookRoutes() []route {
	return []route{
		{"CreateWebhook", "POST /v1/projects/{project_id}/webhooks", with(s.createWebhook)},
		{"ListWebhooks", "GET /v1/projects/{project_id}/apps/{app_id}/webhooks", plain(s.listWebhooks)},
		{"GetWebhook", "GET /v1/projects/{project_id}/webhooks/{webhook_id}", plain(s.getWebhook)},
		{"UpdateWebhook", "PATCH /v1/projects/{project_id}/webhooks/{webhook_id}", change[parley.Webhook](s.updateWebhook)},
		{"DeleteWebhook", "DELETE /v1/projects/{project_id}/webhooks/{webhook_id}", plain(s.deleteWebhook)},
	}
}

type webhookList struct {
	Webhooks []*parley.Webhook `json:"webhooks"`
}

func (s *Server) createWebhook(ctx context.Context, r *request, w *parley.Webhook) (*parley.Webhook, error) {
	return s.engine.CreateWebhook(ctx, r.project, w)
}

func (s *Server) listWebhooks(ctx context.Context, r *request) (webhookList, error) {
	appID, err := r.appID()
	if err != nil {
		return webhookList{}, err
	}
	if _, err := s.store.App(ctx, r.project, appID); err != nil {
		return webhookList{}, err
	}
	webhooks, err := s.store.Webhooks(ctx, r.project, appID)
	return webhookList{webhooks}, err
}

func (s *Server) getWebhook(ctx context.Context, r *request) (*parley.Webhook, error) {
	id, err := r.id("webhook_id", "webhook")
	if err != nil {
		return nil, err
	}
	return s.store.Webhook(ctx, r.project, id)
}

func (s *Server) updateWebhook(ctx context.Context, r *request, c patch) (*parley.Webhook, error) {
	id, err := r.id("webhook_id", "webhook")
	if err != nil {
		return nil, err
	}
	return s.engine.UpdateWebhook(ctx, r.project, id, c.body, c.mask)
}

func (s *Server) deleteWebhook(ctx context.Context, r *request) (empty, error) {
	id, err := r.id("webhook_id", "webhook")
	if err != nil {
		return empty{}, err
	}
	return empty{}, s.engine.DeleteWebhook(ctx, r.project, id)
}
