package api

import (
	"context"

	"github.com/parley-im/parley"
)

// webhookRoutes is every operation on webhooks.
func (s *Server) webhookRoutes() []route {
	return []route{
		{"CreateWebhook", "POST /v1/projects/{project_id}/webhooks", with(s.createWebhook)},
		{"ListWebhooks", "GET /v1/projects/{project_id}/apps/{app_id}/webhooks", s.listWebhooks},
		{"GetWebhook", "GET /v1/projects/{project_id}/webhooks/{webhook_id}", s.getWebhook},
		{"UpdateWebhook", "PATCH /v1/projects/{project_id}/webhooks/{webhook_id}", s.updateWebhook},
		{"DeleteWebhook", "DELETE /v1/projects/{project_id}/webhooks/{webhook_id}", s.deleteWebhook},
	}
}

type webhookList struct {
	Webhooks []*parley.Webhook `json:"webhooks"`
}

func (s *Server) createWebhook(ctx context.Context, r *request, w *parley.Webhook) (any, error) {
	return s.engine.CreateWebhook(ctx, r.project, w)
}

func (s *Server) listWebhooks(ctx context.Context, r *request) (any, error) {
	appID, err := r.appID()
	if err != nil {
		return nil, err
	}
	if _, err := s.store.App(ctx, r.project, appID); err != nil {
		return nil, err
	}
	webhooks, err := s.store.Webhooks(ctx, r.project, appID)
	return webhookList{webhooks}, err
}

func (s *Server) getWebhook(ctx context.Context, r *request) (any, error) {
	id, err := r.id("webhook_id", "webhook")
	if err != nil {
		return nil, err
	}
	return s.store.Webhook(ctx, r.project, id)
}

func (s *Server) updateWebhook(ctx context.Context, r *request) (any, error) {
	id, err := r.id("webhook_id", "webhook")
	if err != nil {
		return nil, err
	}
	body, mask, err := r.patch()
	if err != nil {
		return nil, err
	}
	return s.engine.UpdateWebhook(ctx, r.project, id, body, mask)
}

func (s *Server) deleteWebhook(ctx context.Context, r *request) (any, error) {
	id, err := r.id("webhook_id", "webhook")
	if err != nil {
		return nil, err
	}
	return empty{}, s.engine.DeleteWebhook(ctx, r.project, id)
}
