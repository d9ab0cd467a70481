package api

// templateRoutes are the operations on templates, v1 and v2.
func (s *Server) templateRoutes() []route {
	return []route{
		{"CreateTemplate", "POST /v1/projects/{project_id}/templates", nil},
		{"ListTemplates", "GET /v1/projects/{project_id}/templates", nil},
		{"GetTemplate", "GET /v1/projects/{project_id}/templates/{template_id}", nil},
		{"UpdateTemplate", "PATCH /v1/projects/{project_id}/templates/{template_id}", nil},
		{"DeleteTemplate", "DELETE /v1/projects/{project_id}/templates/{template_id}", nil},

		{"V2CreateTemplate", "POST /v2/projects/{project_id}/templates", nil},
		{"V2ListTemplates", "GET /v2/projects/{project_id}/templates", nil},
		{"V2GetTemplate", "GET /v2/projects/{project_id}/templates/{template_id}", nil},
		{"V2UpdateTemplate", "PUT /v2/projects/{project_id}/templates/{template_id}", nil},
		{"V2DeleteTemplate", "DELETE /v2/projects/{project_id}/templates/{template_id}", nil},
		{"V2ListTranslations", "GET /v2/projects/{project_id}/templates/{template_id}/translations", nil},
	}
}
