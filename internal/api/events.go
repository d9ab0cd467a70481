package api

// eventRoutes are the operations on app events.
func (s *Server) eventRoutes() []route {
	return []route{
		{"SendEvent", "POST /v1/projects/{project_id}/events:send", nil},
		{"ListEvents", "GET /v1/projects/{project_id}/events", nil},
		{"GetEvent", "GET /v1/projects/{project_id}/events/{event_id}", nil},
		{"DeleteEvents", "DELETE /v1/projects/{project_id}/events/{event_id}", nil},
	}
}
