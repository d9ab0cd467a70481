package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/parley-im/parley"
)

// A route is one operation of the published API, by its operation id, as the
// official SDKs name it. A nil op is an operation the server does not have
// yet.
type route struct {
	operation string
	pattern   string // method and path
	op        operation
}

// routes is the whole API.
func (s *Server) routes() []route {
	return slices.Concat(
		s.appRoutes(),
		s.webhookRoutes(),
		s.contactRoutes(),
		s.conversationRoutes(),
		s.messageRoutes(),
		s.laterRoutes(),
	)
}

// laterRoutes are the resources of which nothing is here yet.
func (s *Server) laterRoutes() []route {
	return []route{
		{"SendEvent", "POST /v1/projects/{project_id}/events:send", nil},
		{"ListEvents", "GET /v1/projects/{project_id}/events", nil},
		{"GetEvent", "GET /v1/projects/{project_id}/events/{event_id}", nil},
		{"DeleteEvents", "DELETE /v1/projects/{project_id}/events/{event_id}", nil},

		{"QueryCapability", "POST /v1/projects/{project_id}/capability:query", nil},

		{"ListIdentitiesFromConsentsList", "GET /v1/projects/{project_id}/apps/{app_id}/consents/{list_type}", nil},
		{"ListAuditRecordsFromConsentsList", "GET /v1/projects/{project_id}/apps/{app_id}/consents/identities/{identity}", nil},

		{"CreateSettings", "POST /v1/projects/{project_id}/settings", nil},
		{"GetSettings", "GET /v1/projects/{project_id}/settings", nil},
		{"UpdateSettings", "PATCH /v1/projects/{project_id}/settings", nil},
		{"DeleteSettings", "DELETE /v1/projects/{project_id}/settings", nil},

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

// An endpoint is what answers one method of a path.
type endpoint struct {
	method string
	meter  *meter
	serve  func(*exchange, *http.Request)
}

// A resource is the endpoints of one path. ServeMux knows paths only: its own
// answer to a wrong method is not JSON.
type resource []endpoint

func (p resource) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x, ok := w.(*exchange)
	if !ok {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet // net/http drops the body
	}
	for i := range p {
		if p[i].method == method {
			x.meter = p[i].meter
			p[i].serve(x, r)
			return
		}
	}
	allowed := make([]string, 0, len(p))
	for i := range p {
		allowed = append(allowed, p[i].method)
	}
	slices.Sort(allowed)
	x.Header().Set("Allow", strings.Join(allowed, ", "))
	x.fail(parley.Errorf(parley.CodeMethodNotAllowed, "%s is not possible here", r.Method))
}

// newMux registers everything the listener serves.
func (s *Server) newMux(m metrics, media http.Handler, gatherer prometheus.Gatherer) *http.ServeMux {
	paths := map[string]resource{}
	add := func(operation, pattern string, serve func(*exchange, *http.Request)) {
		method, path, _ := strings.Cut(pattern, " ")
		path = strings.ReplaceAll(path, "}:", "}/:") // see splitVerb
		paths[path] = append(paths[path], endpoint{method, m.meter(operation, method), serve})
	}
	for _, r := range s.routes() {
		add(r.operation, r.pattern, s.call(r.op))
	}
	add("Token", "POST /oauth2/token", s.token)
	add("Receive", "GET /channels/{channel}/{app_id}", s.receive)
	add("Receive", "POST /channels/{channel}/{app_id}", s.receive)
	add("Healthz", "GET /healthz", s.healthz)
	add("Readyz", "GET /readyz", s.readyz)
	if gatherer != nil {
		h := promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{})
		add("Metrics", "GET /metrics", func(x *exchange, r *http.Request) { h.ServeHTTP(x, r) })
	}
	if media != nil {
		add("Media", "GET /media/", func(x *exchange, r *http.Request) { media.ServeHTTP(x, r) })
	}
	mux := http.NewServeMux()
	for path, endpoints := range paths {
		mux.Handle(path, endpoints)
	}
	mux.HandleFunc("/", notFound)
	mux.HandleFunc("/media", notFound) // or ServeMux redirects to /media/
	return mux
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	if x, ok := w.(*exchange); ok {
		x.fail(errNoRoute())
	}
}

// call answers an API request: it authenticates the caller, runs op and
// encodes what it returns.
func (s *Server) call(op operation) func(*exchange, *http.Request) {
	return func(x *exchange, r *http.Request) {
		answer, err := s.run(r.Context(), op, x, r)
		if err != nil {
			x.fail(err)
			return
		}
		x.json(http.StatusOK, answer)
	}
}

func (s *Server) run(ctx context.Context, op operation, x *exchange, r *http.Request) (any, error) {
	project, err := s.auth.authenticate(ctx, r)
	if err != nil {
		return nil, err
	}
	x.project = project
	if r.PathValue("project_id") != project {
		return nil, parley.Errorf(parley.CodePermissionDenied, "the access key is not one of this project")
	}
	if !s.requests.allow(project) {
		return nil, parley.Errorf(parley.CodeResourceExhausted, "the project makes more than %d requests a second", requestsPerSecond)
	}
	if op == nil {
		return nil, parley.Errorf(parley.CodeUnimplemented, "this operation is not implemented")
	}
	req := &request{http: r, x: x, project: project}
	defer req.release()
	return op(ctx, req)
}
