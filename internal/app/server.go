package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/api"
	"github.com/parley-im/parley/internal/callback"
	"github.com/parley-im/parley/internal/channel/all"
	"github.com/parley-im/parley/internal/egress"
	"github.com/parley-im/parley/internal/engine"
	"github.com/parley-im/parley/internal/media"
	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/retention"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/trace"
)

// mediaRedirects is how many redirects of a media host are followed.
const mediaRedirects = 5

// grace is how long the server waits for what is under way when it stops.
const grace = 20 * time.Second

// Version is the version of this build, from the module's own record.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// A Server is the whole server, put together but not running.
type Server struct {
	cfg    Config
	log    *slog.Logger
	lock   *os.File
	store  *store.Store
	trace  *trace.Recorder // nil: off
	sweeps *retention.Sweeper
	queue  *queue.Queue
	engine *engine.Engine
	media  *media.Store
	egress *egress.Egress
	api    *api.Server
	listen net.Listener
	mail   []mailListener
}

// NewServer opens the database and puts the server together. Close or Run must
// be called.
func NewServer(ctx context.Context, cfg Config, log *slog.Logger) (_ *Server, err error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.listen, err = (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if s.cfg.PublicURL == "" {
		s.cfg.PublicURL = "http://" + s.listen.Addr().String()
	}
	if s.mail, err = listenForMail(ctx, &cfg); err != nil {
		return nil, err
	}
	if s.store, s.lock, err = openStore(ctx, cfg, log); err != nil {
		return nil, err
	}
	if err := s.bootstrap(ctx); err != nil {
		return nil, err
	}
	return s, s.wire()
}

// openStore opens the configured database and locks the data directory. With an
// embedded database that must succeed; nodes on PostgreSQL may share one.
func openStore(ctx context.Context, cfg Config, log *slog.Logger) (*store.Store, *os.File, error) {
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("data directory: %w", err)
	}
	lock, err := lockDir(cfg.DataDir)
	if err != nil && cfg.DatabaseURL == "" {
		return nil, nil, err
	}
	st, err := openUnlocked(ctx, cfg, log)
	return st, lock, err
}

func openUnlocked(ctx context.Context, cfg Config, log *slog.Logger) (*store.Store, error) {
	key, err := cfg.key()
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, store.Options{
		URL: string(cfg.DatabaseURL), Path: filepath.Join(cfg.DataDir, "parley.db"), Key: key, Now: time.Now, Log: log,
	})
}

// bootstrap creates the configured project and key if they are absent.
func (s *Server) bootstrap(ctx context.Context) error {
	c := &s.cfg
	if c.BootstrapProjectID == "" {
		return nil
	}
	_, err := s.store.CreateProject(ctx, c.BootstrapProjectID, c.BootstrapProjectID)
	if err != nil && parley.CodeOf(err) != parley.CodeAlreadyExists {
		return fmt.Errorf("create the bootstrap project: %w", err)
	}
	if c.BootstrapKeyID == "" {
		return nil
	}
	_, err = s.store.CreateKey(ctx, c.BootstrapProjectID, c.BootstrapKeyID, string(c.BootstrapKeySecret))
	if err != nil && parley.CodeOf(err) != parley.CodeAlreadyExists {
		return fmt.Errorf("create the bootstrap key: %w", err)
	}
	return nil
}

// wire connects the parts.
func (s *Server) wire() error {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.egress = egress.New(egress.Options{
		AllowPrivate: s.cfg.AllowPrivateTargets, Allowed: s.cfg.Channels.hosts(), Metrics: reg, Now: time.Now,
	})
	// What clients name must not reach the providers' configured addresses
	// just because those are allowed.
	outside := egress.New(egress.Options{AllowPrivate: s.cfg.AllowPrivateTargets, Metrics: reg, Now: time.Now})

	mediaKey, err := s.store.Derive("media addresses")
	if err != nil {
		return err
	}
	bucket, err := s.bucket()
	if err != nil {
		return err
	}
	s.media, err = media.New(media.Options{
		Dir: filepath.Join(s.cfg.DataDir, "media"), Bucket: bucket, PublicURL: s.cfg.PublicURL, Key: mediaKey, Now: time.Now, Logger: s.log,
	})
	if err != nil {
		return fmt.Errorf("media: %w", err)
	}
	if s.cfg.TraceDays > 0 {
		s.trace = trace.New(trace.Options{Store: s.store, Log: s.log, Metrics: reg})
	}
	if err := s.newEngine(reg, outside); err != nil {
		return err
	}
	s.newQueue(reg, outside)
	s.sweeps = retention.New(retention.Options{
		Store: s.store, Media: s.media, Now: time.Now, Log: s.log, Metrics: reg, Interval: s.cfg.RetentionInterval,
		TraceFor: time.Duration(s.cfg.TraceDays) * 24 * time.Hour,
	})
	s.api = api.New(api.Options{
		Engine: s.engine, Store: s.store, Media: s.media.Handler(s.engine.FetchMedia), Metrics: reg, Gatherer: reg,
		Ready: s.store.Ping, RateLimits: s.cfg.RateLimits == "on", Version: Version(), Log: s.log, Now: time.Now,
	})
	return nil
}

// bucket returns the configured bucket for media, or nil. Its host is the
// operator's choice, so that it may be anywhere.
func (s *Server) bucket() (*media.Bucket, error) {
	if s.cfg.MediaURL == "" {
		return nil, nil //nolint:nilnil // there need not be one
	}
	address := string(s.cfg.MediaURL)
	_, host, _ := strings.Cut(address, "@")
	if host == "" {
		host = strings.TrimPrefix(address, "s3://")
	}
	host, _, _ = strings.Cut(host, "/")
	door := egress.New(egress.Options{Allowed: []string{host}, Now: time.Now})
	b, err := media.ParseBucket(address, door.Client("bucket", egress.ClientOptions{Timeout: -1}).Transport)
	if err != nil {
		return nil, fmt.Errorf("media_url: %w", err)
	}
	return b, nil
}

func (s *Server) newEngine(reg prometheus.Registerer, outside *egress.Egress) error {
	clients := map[parley.Channel]*http.Client{}
	channels := all.Channels()
	for _, ch := range channels {
		// The engine bounds each call.
		clients[ch.Name()] = s.egress.Client(strings.ToLower(string(ch.Name())), egress.ClientOptions{Timeout: -1})
	}
	files := media.NewOutbound(outside.Client("media", egress.ClientOptions{Timeout: -1, Redirects: mediaRedirects}), time.Now)
	check := files.Check
	if s.cfg.CheckMedia == "off" {
		check = nil
	}
	var err error
	s.engine, err = engine.New(engine.Options{
		Store: s.store, Channels: channels, Now: time.Now, Log: s.log, Metrics: reg,
		PublicURL: s.cfg.PublicURL, BaseURL: s.cfg.Channels.baseURL,
		HTTP: func(ch parley.Channel) *http.Client { return clients[ch] }, Dial: s.egress.Dial,
		CheckTarget: outside.CheckTarget, Media: s.media, CheckMedia: check, OpenMedia: files.Open, Trace: s.trace,
		Held:        func() bool { return s.queue.Held() },
		SettleAfter: s.cfg.SettleAfter, UnknownAfter: s.cfg.UnknownAfter,
		Keywords:   s.cfg.keywords(),
		RateLimits: s.cfg.RateLimits == "on",
		Limits:     parley.RateLimits{Inbound: 100, Outbound: s.cfg.OutboundLimit, Webhooks: 100},
	})
	return err
}

func (s *Server) newQueue(reg prometheus.Registerer, outside *egress.Egress) {
	sender := callback.New(callback.Options{
		Client: outside.Client("callback", egress.ClientOptions{Timeout: -1}), Webhook: s.engine.Webhook,
		App: s.engine.CachedApp, Now: time.Now, Log: s.log, Metrics: reg, Trace: s.trace,
	})
	kinds := s.engine.Workers()
	// One dead or slow webhook holds 32 places at most.
	kinds[callback.Kind] = queue.Kind{Run: sender.Deliver, Concurrency: 512, LaneWidth: 32}
	o := queue.Options{Store: s.store, Kinds: kinds, Now: time.Now, Log: s.log, Metrics: reg}
	if locks && s.lock != nil {
		node := nodeFile(filepath.Join(s.cfg.DataDir, "node"))
		o.Predecessor, o.Joining = node.read(), node.write
	}
	s.queue = queue.New(o)
	reg.MustRegister(s.queue)
}

// servePprof serves Go's profiles on a listener of their own, so that they are
// never where clients are.
func (s *Server) servePprof(ctx context.Context) {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	hs := &http.Server{Addr: s.cfg.PprofListen, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = hs.Close() })
	defer stop()
	if err := hs.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		s.log.Error("serve profiles", slog.Any("error", err))
	}
}

// URL is where the server is reached on this machine.
func (s *Server) URL() string { return "http://" + s.listen.Addr().String() }

// Run serves until ctx is done, then stops in the order that loses nothing:
// no more requests, then the jobs under way, then the sessions they use, then
// the last traces, then the database.
func (s *Server) Run(ctx context.Context, ready func(context.Context) error) (err error) {
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.queue.Start(ctx); err != nil {
		return fmt.Errorf("start the queue: %w", err)
	}
	if err := s.engine.Recount(ctx); err != nil {
		return err
	}
	failed := make(chan error, 2)
	later := context.WithoutCancel(ctx)
	sessions := stage(later, func(ctx context.Context) { s.engine.RunSessions(ctx) })
	traces := stage(later, s.trace.Run)
	sweeps := stage(later, s.sweeps.Run)
	aside := stage(later, func(ctx context.Context) { s.runAside(ctx) })
	jobs := stage(later, func(ctx context.Context) {
		if err := s.queue.Run(ctx, grace); err != nil {
			failed <- fmt.Errorf("queue: %w", err)
		}
	})
	web := stage(later, func(ctx context.Context) {
		if err := s.serve(ctx); err != nil {
			failed <- fmt.Errorf("serve: %w", err)
		}
	})
	mail := make([]func(), 0, len(s.mail))
	for _, l := range s.mail {
		mail = append(mail, stage(later, func(ctx context.Context) { s.serveMail(ctx, l) }))
	}
	s.log.Info("ready", slog.String("address", s.URL()), slog.String("version", Version()))
	if ready != nil {
		err = ready(ctx)
	}
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-failed:
		}
	}
	s.log.Info("stopping")
	for _, stop := range append(mail, web, sweeps, jobs, sessions, traces, aside) {
		stop()
	}
	for {
		select {
		case ferr := <-failed:
			err = errors.Join(err, ferr)
		default:
			return err
		}
	}
}

// stage starts a part of the server and returns what stops it and waits.
func stage(ctx context.Context, run func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// serve answers requests until ctx is done and those under way are answered.
func (s *Server) serve(ctx context.Context) error {
	hs := &http.Server{
		Handler: s.api.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		down, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		stopped <- hs.Shutdown(down)
	})
	if err := hs.Serve(s.listen); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return err
	}
	return <-stopped
}

// runAside does what is not for clients.
func (s *Server) runAside(ctx context.Context) {
	if s.cfg.PprofListen != "" {
		defer stage(ctx, s.servePprof)()
	}
	defer stage(ctx, s.engine.RunUpkeep)()
	tuneGC(ctx)
	<-ctx.Done()
}

// Close releases everything. It may be called more than once.
func (s *Server) Close() error {
	var err error
	if s.store != nil {
		err = s.store.Close()
		s.store = nil
	}
	if s.listen != nil {
		if cerr := s.listen.Close(); !errors.Is(cerr, net.ErrClosed) {
			err = errors.Join(err, cerr)
		}
		s.listen = nil
	}
	for _, l := range s.mail {
		if cerr := l.Close(); !errors.Is(cerr, net.ErrClosed) {
			err = errors.Join(err, cerr)
		}
	}
	s.mail = nil
	if s.media != nil {
		err = errors.Join(err, s.media.Close())
		s.media = nil
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
		s.lock = nil
	}
	if s.egress != nil {
		s.egress.Close()
	}
	return err
}
