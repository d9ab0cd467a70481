package api

// capabilityRoutes are the operations on capability queries.
func (s *Server) capabilityRoutes() []route {
	return []route{
		{"QueryCapability", "POST /v1/projects/{project_id}/capability:query", nil},
	}
}
