package api

import (
	"context"

	"github.com/parley-im/parley"
)

// capabilityRoutes are the operations on capability queries.
func (s *Server) capabilityRoutes() []route {
	return []route{
		{"QueryCapability", "POST /v1/projects/{project_id}/capability:query", with(s.queryCapability)},
	}
}

func (s *Server) queryCapability(ctx context.Context, r *request, q *parley.QueryCapabilityRequest) (*parley.QueryCapabilityRequest, error) {
	return s.engine.QueryCapability(ctx, r.project, q)
}
