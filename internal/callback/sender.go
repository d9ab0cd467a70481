package callback

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/egress"
	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/trace"
)

// Bounds of one attempt.
const (
	attemptTimeout = 10 * time.Second
	maxDrain       = 64 << 10 // bytes of an answer read so that its connection can be used again
)

// Options are what a Sender needs.
type Options struct {
	// Client makes the requests. It must be egress's, so that it is guarded,
	// and must not follow redirects.
	Client *http.Client
	// Webhook and App look up the target and its secret at each attempt, so
	// they should be cached. A NOT_FOUND drops the callback.
	Webhook func(ctx context.Context, projectID, id string) (*parley.Webhook, error)
	App     func(ctx context.Context, projectID, id string) (*parley.App, error)

	Now     func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer // nil: measured for nobody
	Trace   *trace.Recorder       // notes the attempts; nil notes none
}

// A Sender delivers callbacks. It is safe for concurrent use.
type Sender struct {
	client  *http.Client
	webhook func(ctx context.Context, projectID, id string) (*parley.Webhook, error)
	app     func(ctx context.Context, projectID, id string) (*parley.App, error)
	now     func() time.Time
	log     *slog.Logger
	metrics metrics
	trace   *trace.Recorder
	ids     parley.IDSource
	tokens  tokens

	mu      sync.Mutex
	refused map[string]bool // lanes whose private target was logged
}

// New returns a Sender.
func New(o Options) *Sender {
	return &Sender{
		client: o.Client, webhook: o.Webhook, app: o.App, now: o.Now, log: o.Log,
		metrics: newMetrics(o.Metrics), trace: o.Trace,
		tokens:  tokens{client: o.Client, now: o.Now, byWebhook: map[string]*token{}},
		refused: map[string]bool{},
	}
}

// A target is where an attempt goes and what proves that it is ours.
type target struct {
	url    string
	secret string          // "" leaves it unsigned
	hook   *parley.Webhook // nil for a callback_url
}

// errGone says that the webhook or app was deleted meanwhile.
var errGone = errors.New("the target is gone")

// A permanent error says that a repeat cannot help.
type permanent struct{ err error }

func (p *permanent) Error() string { return p.err.Error() }
func (p *permanent) Unwrap() error { return p.err }

// Deliver makes one attempt at a callback. It is the worker of jobs of Kind:
// nil says that the job is done, because the callback was delivered or because
// it never will be, which is logged; otherwise a verdict of package queue.
func (s *Sender) Deliver(ctx context.Context, j *store.Job) error {
	p, err := decode(j)
	if err != nil {
		s.drop(ctx, j, &post{}, outcomeDropped, err)
		return nil
	}
	a := reply{began: s.now()}
	wait, err := s.attempt(ctx, j, p, &a)
	switch {
	case err == nil:
		s.delivered(ctx, j, p)
		s.note(j, p, &a, outcomeDelivered, nil)
		return nil
	case ctx.Err() != nil:
		// We are stopping; that is not the receiver's fault.
		return queue.Snooze(0)
	case errors.Is(err, errGone):
		s.metrics.count(outcomeGone)
		s.note(j, p, &a, outcomeGone, err)
		return nil
	}
	if _, ok := errors.AsType[*permanent](err); ok {
		s.drop(ctx, j, p, outcomeDropped, err)
		s.note(j, p, &a, outcomeDropped, err)
		return nil
	}
	if errors.Is(err, egress.ErrPrivate) {
		s.logRefused(ctx, j, p, err)
	}
	verdict, o := s.again(ctx, j, p, wait, err), outcomeRetried
	if verdict == nil {
		o = outcomeGivenUp
	}
	s.note(j, p, &a, o, err)
	return verdict
}

// attempt posts the callback once. The duration is what the receiver asked us
// to wait, or 0. What came of it is noted in a.
func (s *Sender) attempt(ctx context.Context, j *store.Job, p *post, a *reply) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	t, err := s.target(ctx, j.ProjectID, p)
	if err != nil {
		return 0, err
	}
	a.target = t
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(p.Body))
	if err != nil {
		// Its text is left out: it quotes the URL.
		return 0, &permanent{errors.New("the target is not a valid URL")}
	}
	bearer, err := s.prepare(ctx, req, t, p.Body)
	if err != nil {
		return 0, err
	}
	a.bearer = bearer
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("post to %s: %w", req.URL.Host, cause(err))
	}
	defer resp.Body.Close()
	a.status = resp.StatusCode
	if s.trace.On() && resp.ContentLength != 0 {
		a.body, _ = io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // as far as it can be read
	}
	// What was not read is lost with the connection; that is all that can
	// happen, so the error does not matter.
	_, _ = io.CopyN(io.Discard, resp.Body, maxDrain)
	if resp.StatusCode == http.StatusUnauthorized && bearer != "" {
		s.tokens.drop(t.hook.ID, bearer)
		return 0, statusError(req, resp)
	}
	return s.judge(req, resp)
}

// target finds where the callback goes now: what is changed in a webhook
// counts for what is already on its way.
func (s *Sender) target(ctx context.Context, projectID string, p *post) (*target, error) {
	if p.URL != "" {
		a, err := s.app(ctx, projectID, p.AppID)
		if err != nil {
			return nil, lookupError("app", err)
		}
		t := &target{url: p.URL}
		if a.CallbackSettings != nil {
			t.secret = a.CallbackSettings.SecretForOverriddenCallbackURLs
		}
		return t, nil
	}
	w, err := s.webhook(ctx, projectID, p.WebhookID)
	if err != nil {
		return nil, lookupError("webhook", err)
	}
	if w.TargetType != parley.TargetHTTP {
		return nil, errGone
	}
	return &target{url: w.Target, secret: w.Secret, hook: w}, nil
}

func lookupError(what string, err error) error {
	if parley.IsNotFound(err) {
		return errGone
	}
	return fmt.Errorf("look up %s: %w", what, err)
}

// Header values that never change. The slices are shared by all requests and
// only read.
var (
	contentType = []string{"application/json; charset=utf-8"}
	userAgent   = []string{"parley"}
)

// prepare sets the headers of a request and returns the bearer token among
// them, if any.
func (s *Sender) prepare(ctx context.Context, req *http.Request, t *target, body []byte) (string, error) {
	req.Header["Content-Type"] = contentType
	req.Header["User-Agent"] = userAgent
	// Without a value it is not sent. It lets the transport repeat the request
	// on a fresh connection when a kept one turns out to have been closed by
	// the other side; callbacks come at least once anyway.
	req.Header["Idempotency-Key"] = nil
	if t.secret != "" {
		s.sign(req.Header, t.secret, body, s.now())
	}
	if t.hook == nil || t.hook.ClientCredentials == nil {
		return "", nil
	}
	bearer, err := s.tokens.bearer(ctx, t.hook.ID, t.hook.ClientCredentials)
	if err != nil {
		return "", err
	}
	req.Header["Authorization"] = []string{"Bearer " + bearer}
	return bearer, nil
}

// judge tells from the answer whether the callback is delivered, is to be
// tried again, or never will be.
func (s *Sender) judge(req *http.Request, resp *http.Response) (time.Duration, error) {
	switch code := resp.StatusCode; {
	case code/100 == 2:
		return 0, nil
	case code/100 == 5, code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests:
		return retryAfter(resp.Header.Get("Retry-After"), s.now()), statusError(req, resp)
	}
	return 0, &permanent{statusError(req, resp)}
}

func statusError(req *http.Request, resp *http.Response) error {
	return errors.New(req.URL.Host + " answered " + strconv.Itoa(resp.StatusCode))
}

// cause returns what went wrong without the URL around it, which may hold a
// secret.
func cause(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return egress.Redact(u.Err)
	}
	return err
}
