package api

// consentRoutes are the operations on the consent lists.
func (s *Server) consentRoutes() []route {
	return []route{
		{"ListIdentitiesFromConsentsList", "GET /v1/projects/{project_id}/apps/{app_id}/consents/{list_type}", nil},
		{"ListAuditRecordsFromConsentsList", "GET /v1/projects/{project_id}/apps/{app_id}/consents/identities/{identity}", nil},
	}
}
