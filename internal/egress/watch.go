package egress

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// keptBody is how much of a body an Exchange keeps, in bytes: more than is
// ever shown, so that what is cut off cannot be the end of a secret.
const keptBody = 4<<10 + 512

// An Exchange is one request and what came of it. It is as it was on the wire,
// secrets included: whoever shows it takes them out (package trace).
type Exchange struct {
	Start  time.Time
	Took   time.Duration // until the answer's headers, or the failure
	Method string
	// URL has the scheme, host and path; the query is left out, because that
	// is where most secrets are.
	URL      string
	Status   int    // 0: there was no answer
	Error    string // why, without the URL
	Request  Part
	Response Part
}

// A Part is one side of an exchange. Header is shared and must not be changed.
type Part struct {
	Header http.Header
	Body   []byte // the beginning of it
	Size   int64  // of the whole body, as far as it was seen
}

// A Watch collects the exchanges made under a context.
type Watch struct {
	mu        sync.Mutex
	exchanges []Exchange
	over      bool
}

type watchKey struct{}

// WithWatch returns a context whose requests, made by a Client, are noted.
func WithWatch(ctx context.Context) (context.Context, *Watch) {
	w := new(Watch)
	return context.WithValue(ctx, watchKey{}, w), w
}

func watchOf(ctx context.Context) *Watch {
	w, _ := ctx.Value(watchKey{}).(*Watch)
	return w
}

// Take returns what was noted and ends the watch: what is still under way is
// not noted any more.
func (w *Watch) Take() []Exchange {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	return w.exchanges
}

// note takes down a request and its answer, whose body is noted as it is read.
func (w *Watch) note(req *http.Request, resp *http.Response, err error, start time.Time, took time.Duration) {
	x := Exchange{
		Start: start, Took: took, Method: req.Method, URL: req.URL.Scheme + "://" + req.URL.Host + req.URL.EscapedPath(),
		Request: Part{Header: req.Header, Size: max(req.ContentLength, 0), Body: requestBody(req)},
	}
	if err != nil {
		x.Error = Redact(err).Error()
	} else {
		x.Status, x.Response.Header = resp.StatusCode, resp.Header
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return
	}
	w.exchanges = append(w.exchanges, x)
	if err == nil {
		resp.Body = &watchedBody{ReadCloser: resp.Body, w: w, i: len(w.exchanges) - 1}
	}
}

// requestBody returns the beginning of a body that can be had again.
func requestBody(req *http.Request) []byte {
	if req.GetBody == nil || req.ContentLength <= 0 {
		return nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil
	}
	defer body.Close()
	out := make([]byte, min(req.ContentLength, keptBody))
	n, _ := io.ReadFull(body, out) // what cannot be read is not shown
	return out[:n]
}

// watchedBody is the body of an answer that is noted while it is read.
type watchedBody struct {
	io.ReadCloser
	w *Watch
	i int
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	if !b.w.over {
		part := &b.w.exchanges[b.i].Response
		part.Size += int64(n)
		part.Body = append(part.Body, p[:min(n, keptBody-len(part.Body))]...)
	}
	return n, err
}
