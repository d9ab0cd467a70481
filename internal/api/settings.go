package api

import (
	"context"

	"github.com/parley-im/parley"
)

// settingsRoutes are the operations on the project's settings.
func (s *Server) settingsRoutes() []route {
	return []route{
		{"CreateSettings", "POST /v1/projects/{project_id}/settings", with(s.createSettings)},
		{"GetSettings", "GET /v1/projects/{project_id}/settings", plain(s.getSettings)},
		{"UpdateSettings", "PATCH /v1/projects/{project_id}/settings", change[parley.ProjectSettings](s.updateSettings)},
		{"DeleteSettings", "DELETE /v1/projects/{project_id}/settings", plain(s.deleteSettings)},
	}
}

type settingsAnswer = parley.ProjectSettingsAnswer

func (s *Server) createSettings(ctx context.Context, r *request, in *parley.ProjectSettings) (settingsAnswer, error) {
	v, err := s.engine.CreateSettings(ctx, r.project, in)
	return shownSettings(r, v, err)
}

func (s *Server) getSettings(ctx context.Context, r *request) (settingsAnswer, error) {
	v, err := s.store.Settings(ctx, r.project)
	return shownSettings(r, v, err)
}

func (s *Server) updateSettings(ctx context.Context, r *request, c patch) (settingsAnswer, error) {
	v, err := s.engine.UpdateSettings(ctx, r.project, c.body, c.mask)
	return shownSettings(r, v, err)
}

func shownSettings(r *request, v *parley.ProjectSettings, err error) (settingsAnswer, error) {
	if err != nil {
		return settingsAnswer{}, err
	}
	return settingsAnswer{ProjectID: r.project, Settings: *v}, nil
}

func (s *Server) deleteSettings(ctx context.Context, r *request) (empty, error) {
	return empty{}, s.engine.DeleteSettings(ctx, r.project)
}
