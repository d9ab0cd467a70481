package api

import (
	"context"

	"github.com/parley-im/parley"
)

// appRoutes is every operation on apps.
func (s *Server) appRoutes() []route {
	return []route{
		{"CreateApp", "POST /v1/projects/{project_id}/apps", with(s.createApp)},
		{"ListApps", "GET /v1/projects/{project_id}/apps", plain(s.listApps)},
		{"GetApp", "GET /v1/projects/{project_id}/apps/{app_id}", plain(s.getApp)},
		{"UpdateApp", "PATCH /v1/projects/{project_id}/apps/{app_id}", change[parley.App](s.updateApp)},
		{"DeleteApp", "DELETE /v1/projects/{project_id}/apps/{app_id}", plain(s.deleteApp)},
	}
}

type appList struct {
	Apps []*parley.App `json:"apps"`
}

func (s *Server) createApp(ctx context.Context, r *request, a *parley.App) (*parley.App, error) {
	if a.ChannelCredentials == nil {
		// They may be an empty array, but they must be there.
		return nil, parley.Invalid("channel_credentials", "is required")
	}
	return s.engine.CreateApp(ctx, r.project, a)
}

func (s *Server) listApps(ctx context.Context, r *request) (appList, error) {
	apps, err := s.engine.Apps(ctx, r.project)
	return appList{apps}, err
}

func (s *Server) getApp(ctx context.Context, r *request) (*parley.App, error) {
	id, err := r.appID()
	if err != nil {
		return nil, err
	}
	return s.engine.App(ctx, r.project, id)
}

func (s *Server) updateApp(ctx context.Context, r *request, c patch) (*parley.App, error) {
	id, err := r.appID()
	if err != nil {
		return nil, err
	}
	return s.engine.UpdateApp(ctx, r.project, id, c.body, c.mask)
}

func (s *Server) deleteApp(ctx context.Context, r *request) (empty, error) {
	id, err := r.appID()
	if err != nil {
		return empty{}, err
	}
	return empty{}, s.engine.DeleteApp(ctx, r.project, id)
}
