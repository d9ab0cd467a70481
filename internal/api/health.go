package api

import (
	"net/http"

	"github.com/parley-im/parley"
)

// health is the answer of a server that is well.
type health struct {
	Status  string `json:"status"`
	Version string `json:"version"`
}

// healthz says that the process answers.
func (s *Server) healthz(x *exchange, _ *http.Request) {
	x.json(http.StatusOK, health{"ok", s.version})
}

// readyz says whether requests can be served now; why not is logged only.
func (s *Server) readyz(x *exchange, r *http.Request) {
	if s.ready != nil {
		if err := s.ready(r.Context()); err != nil {
			x.fail(&parley.Error{Code: parley.CodeUnavailable, Message: "not ready", Err: err})
			return
		}
	}
	x.json(http.StatusOK, health{"ok", s.version})
}
