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

// A route is one operation of the API, by its operation id, as the official
// SDKs name it if they have it. A nil op is an operation the server does not have
// yet.
type route struct {
	operation string
	pattern   string // method and path
	op        *operation
}

// maxBody returns the most bytes a request's body may have.
func (r *route) maxBody() int64 {
	if strings.HasPrefix(r.operation, batchOperation) {
		return maxBatchBody
	}
	return maxBody
}

// routes is the API that the official Node SDK has.
func (s *Server) routes() []route {
	return slices.Concat(
		s.appRoutes(),
		s.webhookRoutes(),
		s.contactRoutes(),
		s.conversationRoutes(),
		s.messageRoutes(),
		s.eventRoutes(),
		s.capabilityRoutes(),
		s.consentRoutes(),
		s.settingsRoutes(),
		s.templateRoutes(),
	)
}

// operations is the whole API: what the SDK has, what the hosted API has
// besides, and additions.
func (s *Server) operations() []route {
	return slices.Concat(s.routes(), s.optRoutes(), s.batchRoutes(), s.ownRoutes())
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
	for _, r := range s.operations() {
		add(r.operation, r.pattern, s.call(r.op, r.maxBody()))
	}
	add("Token", "POST "+tokenPath, s.token)
	add("Receive", "GET /channels/{channel}/{app_id}", s.receive)
	add("Receive", "POST /channels/{channel}/{app_id}", s.receive)
	add("Receive", "GET /channels/{channel}/{app_id}/{rest...}", s.receive)
	add("Receive", "POST /channels/{channel}/{app_id}/{rest...}", s.receive)
	add("OpenAPI", "GET /openapi.json", s.described(func(p *pages) *static { return &p.document }))
	add("Docs", "GET /docs/{$}", s.described(func(p *pages) *static { return &p.page }))
	add("Docs", "GET /docs/style.css", s.described(func(p *pages) *static { return &p.style }))
	add("Docs", "GET /docs", toDocs)
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
func (s *Server) call(op *operation, limit int64) func(*exchange, *http.Request) {
	return func(x *exchange, r *http.Request) {
		answer, err := s.run(r.Context(), op, x, &request{http: r, x: x, limit: limit})
		if err != nil {
			x.fail(err)
			return
		}
		if old, ok := answer.(answered); ok {
			x.Header().Set(replayedHeader, "true")
			x.raw(old.status, []byte(old.body))
			return
		}
		x.json(http.StatusOK, answer)
	}
}

func (s *Server) run(ctx context.Context, op *operation, x *exchange, req *request) (any, error) {
	r := req.http
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
	req.project = project
	defer req.release()
	return s.once(ctx, op, req)
}
