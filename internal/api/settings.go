package api

// settingsRoutes are the operations on the project's settings.
func (s *Server) settingsRoutes() []route {
	return []route{
		{"CreateSettings", "POST /v1/projects/{project_id}/settings", nil},
		{"GetSettings", "GET /v1/projects/{project_id}/settings", nil},
		{"UpdateSettings", "PATCH /v1/projects/{project_id}/settings", nil},
		{"DeleteSettings", "DELETE /v1/projects/{project_id}/settings", nil},
	}
}
