package egress

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"
)

// The defaults of ClientOptions.
const (
	defaultTimeout = 30 * time.Second
	defaultMaxBody = 128 << 20 // a backstop above the largest media file
)

// ErrBodyTooLarge ends the reading of an answer longer than
// ClientOptions.MaxBody.
var ErrBodyTooLarge = errors.New("the answer is too large")

// ClientOptions are the bounds of one client. The zero value suits API calls
// and callbacks: 30 seconds, no redirects.
type ClientOptions struct {
	Timeout         time.Duration // of a whole exchange with its body; 0 means 30 s, negative leaves it to the context
	HeaderTimeout   time.Duration // from the request written to the answer's first byte; 0 leaves it to Timeout
	Redirects       int           // to follow at most; 0: the 3xx answer is the answer
	MaxConnsPerHost int           // 0: no limit
	MaxBody         int64         // bytes of an answer; 0 means 128 MiB
}

// Client returns a client behind the guard with a connection pool of its own:
// make one for each purpose and keep it. name labels its metrics and comes
// from a closed set, such as "callback" or "telegram".
//
// Its errors are *url.Error, whose URL may hold a secret: pass them through
// Redact before they are shown, logged or kept. Requests are sent once; no
// redirect leaves https for http, and none carries a Referer.
func (e *Egress) Client(name string, o ClientOptions) *http.Client {
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.MaxBody == 0 {
		o.MaxBody = defaultMaxBody
	}
	return &http.Client{
		Transport: &tripper{
			base:    e.transport(&o),
			metrics: e.metrics.client(name),
			maxBody: o.MaxBody,
			now:     e.now,
		},
		Timeout:       max(o.Timeout, 0),
		CheckRedirect: redirects(o.Redirects),
	}
}

// redirects returns the policy that follows at most n of them.
func redirects(n int) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		switch last := via[len(via)-1]; {
		case n == 0:
			return http.ErrUseLastResponse
		case len(via) > n:
			return errors.New("too many redirects")
		case last.URL.Scheme == "https" && req.URL.Scheme != "https":
			return errors.New("redirect from https to http")
		}
		// It would tell the next host the path and the query of the last.
		req.Header.Del("Referer")
		return nil
	}
}

// tripper measures exchanges and bounds answers.
type tripper struct {
	base    *http.Transport
	metrics *clientMetrics
	maxBody int64
	now     func() time.Time
}

// RoundTrip makes one exchange.
func (t *tripper) RoundTrip(req *http.Request) (*http.Response, error) {
	start := t.now()
	resp, err := t.base.RoundTrip(req)
	took := t.now().Sub(start)
	t.metrics.observe(resp, err, took)
	if w := watchOf(req.Context()); w != nil {
		w.note(req, resp, err, start, took)
	}
	if err != nil {
		return nil, err
	}
	// A Location that cannot be parsed would make http.Client throw the whole
	// answer away for an error that quotes it.
	if loc := resp.Header.Get("Location"); loc != "" {
		if _, err := url.Parse(loc); err != nil {
			resp.Header.Del("Location")
		}
	}
	if resp.ContentLength < 0 || resp.ContentLength > t.maxBody {
		resp.Body = &boundedBody{ReadCloser: resp.Body, left: t.maxBody}
	}
	return resp, nil
}

// CloseIdleConnections makes http.Client's method of the same name work.
func (t *tripper) CloseIdleConnections() { t.base.CloseIdleConnections() }

// boundedBody is the body of an answer that does not say how long it is, or
// says it is too long.
type boundedBody struct {
	io.ReadCloser
	left int64
}

// Read gives ErrBodyTooLarge in place of the first byte past the bound.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, ErrBodyTooLarge
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, ErrBodyTooLarge
	}
	return n, err
}
