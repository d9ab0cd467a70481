// Package api is the server's HTTP side: the REST API, the OAuth token
// endpoint, the webhooks providers call, and health. It authenticates,
// decodes, answers and counts; what a request means is decided by package
// engine, and plain reads go to the store.
//
// Every answer that is not a success is JSON in the API's error shape, unknown
// routes and panics included, because the clients parse it unconditionally.
// The package never logs bodies, identities, paths or secrets.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/engine"
	"github.com/parley-im/parley/internal/store"
)

// Limits of the hosted API (API reference, Limits; CLIENT-EXPECTATIONS on the
// token endpoint).
const (
	requestsPerSecond = 800 // a project
	tokensPerSecond   = 10  // an access key from one address
	tokenBurst        = 30
	maxBuckets        = 10_000 // of each kind remembered
)

// Options say what a Server works with. Engine, Store, Log and Now are
// required.
type Options struct {
	Engine *engine.Engine
	Store  *store.Store
	// Media serves /media/; nil answers 404.
	Media http.Handler
	// Metrics is where the server's own metrics are registered, and Gatherer
	// what /metrics shows. Either may be nil.
	Metrics  prometheus.Registerer
	Gatherer prometheus.Gatherer
	// Ready says why the server cannot work now; nil means it always can.
	Ready func(context.Context) error
	// RateLimits turns the hosted API's request limits on.
	RateLimits bool
	// Version is shown by /healthz.
	Version string
	Log     *slog.Logger
	Now     func() time.Time
}

// A Server answers HTTP requests. It is safe for concurrent use.
type Server struct {
	engine  *engine.Engine
	store   *store.Store
	log     *slog.Logger
	now     func() time.Time
	ready   func(context.Context) error
	version string

	auth     *authenticator
	requests *buckets // by project
	tokens   *buckets // by access key and address
	keys     keysInUse
	mux      *http.ServeMux
	unknown  *meter // counts what matches no route
	buffers  sync.Pool
	counts   *recent[[checkSize]byte, counted]
	ids      parley.IDSource
	pages    func() (pages, error)
}

// New returns a Server. It does no I/O: the first token request makes the
// first signing key.
func New(o Options) *Server {
	s := &Server{
		engine:  o.Engine,
		store:   o.Store,
		log:     o.Log,
		now:     o.Now,
		ready:   o.Ready,
		version: o.Version,
		auth:    newAuthenticator(o.Store, o.Now),
		counts:  newRecent[[checkSize]byte, counted](maxCounts),
	}
	if o.RateLimits {
		s.requests = newBuckets(rate.Limit(requestsPerSecond), requestsPerSecond, o.Now)
		s.tokens = newBuckets(rate.Limit(tokensPerSecond), tokenBurst, o.Now)
	}
	s.pages = sync.OnceValues(s.describePages)
	m := newMetrics(o.Metrics)
	s.unknown = m.meter("unknown", "any")
	s.mux = s.newMux(m, o.Media, o.Gatherer)
	return s
}

// Handler returns what serves the listener.
func (s *Server) Handler() http.Handler { return s }

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := s.now()
	x := &exchange{ResponseWriter: w, s: s, meter: s.unknown, id: s.ids.New(now), start: now}
	w.Header()["X-Request-Id"] = []string{x.id}
	defer func() { x.finish(r, recover()) }()
	if !clean(r.URL.EscapedPath()) {
		// ServeMux would redirect, with a body that is not JSON.
		x.fail(errNoRoute())
		return
	}
	s.mux.ServeHTTP(x, splitVerb(batchHost(r)))
}

// RotateSigningKey makes a new key sign access tokens from now on. Tokens
// signed by the one before stay good until they expire.
func (s *Server) RotateSigningKey(ctx context.Context) error { return s.auth.signer.rotate(ctx) }

// clean reports whether ServeMux would take the path as it is.
func clean(p string) bool {
	if p == "" || p[0] != '/' {
		return false
	}
	if !strings.Contains(p, "//") && !strings.Contains(p, "/.") {
		return true
	}
	return path.Clean(p) == strings.TrimSuffix(p, "/")
}
