package api

import (
	"context"

	"github.com/parley-im/parley"
)

// appRoutes is every operation on apps.
func (s *Server) appRoutes() []route {
	return []route{
		{"CreateApp", "POST /v1/projects/{project_id}/apps", with(s.createApp)},
		{"ListApps", "GET /v1/projects/{project_id}/apps", s.listApps},
		{"GetApp", "GET /v1/projects/{project_id}/apps/{app_id}", s.getApp},
		{"UpdateApp", "PATCH /v1/projects/{project_id}/apps/{app_id}", s.updateApp},
		{"DeleteApp", "DELETE /v1/projects/{project_id}/apps/{app_id}", s.deleteApp},
	}
}

type appList struct {
	Apps []*parley.App `json:"apps"`
}

func (s *Server) createApp(ctx context.Context, r *request, a *parley.App) (any, error) {
	if a.ChannelCredentials == nil {
		// They may be an empty array, but they must be there.
		return nil, parley.Invalid("channel_credentials", "is required")
	}
	return s.engine.CreateApp(ctx, r.project, a)
}

func (s *Server) listApps(ctx context.Context, r *request) (any, error) {
	apps, err := s.engine.Apps(ctx, r.project)
	return appList{apps}, err
}

func (s *Server) getApp(ctx context.Context, r *request) (any, error) {
	id, err := r.appID()
	if err != nil {
		return nil, err
	}
	return s.engine.App(ctx, r.project, id)
}

func (s *Server) updateApp(ctx context.Context, r *request) (any, error) {
	id, err := r.appID()
	if err != nil {
		return nil, err
	}
	body, mask, err := r.patch()
	if err != nil {
		return nil, err
	}
	return s.engine.UpdateApp(ctx, r.project, id, body, mask)
}

func (s *Server) deleteApp(ctx context.Context, r *request) (any, error) {
	id, err := r.appID()
	if err != nil {
		return nil, err
	}
	return empty{}, s.engine.DeleteApp(ctx, r.project, id)
}
