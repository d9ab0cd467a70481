package simulator

import (
	"bytes"
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"hash"
	"hash/maphash"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"time"
)

// Webhooks are retried as the providers do, only sooner: from a quarter of a
// second up to five, about four minutes in all.
const (
	retryFirst   = 250 * time.Millisecond
	retryMost    = 5 * time.Second
	postAttempts = 50
	postQueue    = 1024 // waiting posts per worker before callers wait
	postTimeout  = 10 * time.Second
)

// post is one webhook call on its way to the server under test.
type post struct {
	provider string
	order    string // posts with the same order are made one after another
	body     []byte
	// target says where to and with which headers, asked anew before every
	// attempt because the webhook may be changed meanwhile. An empty URL
	// drops the post.
	target func() (url string, h http.Header)
	// carry, if set, makes an attempt by itself, for what is not posted.
	carry func(ctx context.Context) error
	// method is the HTTP method if it is not POST. The type of the body is JSON
	// unless the header says otherwise.
	method string
	// answered, if set, looks at a 2xx answer: some carry a message. Its error
	// makes the attempt a failed one.
	answered func(body []byte) error
	// done, if set, is called with the result of every attempt.
	done    func(err error, last bool)
	attempt int
}

// poster makes webhook calls from a fixed set of workers. A failed call is put
// back by a timer, so that it holds up nothing else.
type poster struct {
	ctx    context.Context
	client *http.Client
	log    *slog.Logger
	timers *timers
	stats  *stats
	seed   maphash.Seed
	shards []chan *post
}

func newPoster(ctx context.Context, o Options, t *timers, st *stats) *poster {
	p := &poster{
		ctx: ctx, client: o.HTTP, log: o.Logger, timers: t, stats: st,
		seed: maphash.MakeSeed(), shards: make([]chan *post, o.Workers),
	}
	for i := range p.shards {
		p.shards[i] = make(chan *post, postQueue)
	}
	return p
}

// webhookClient is the client used when the caller brings none: connections
// to the server under test stay open, one for each worker.
func webhookClient(workers int) *http.Client {
	return &http.Client{
		Timeout: postTimeout,
		Transport: &http.Transport{
			MaxIdleConnsPerHost: 2 * workers,
			IdleConnTimeout:     time.Minute,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// send queues a post. It waits while the queue is full: a provider that is
// not heard answers its callers more slowly too.
func (p *poster) send(j *post) {
	shard := p.shards[maphash.String(p.seed, j.order)%uint64(len(p.shards))]
	select {
	case shard <- j:
	case <-p.ctx.Done():
	}
}

// run works until the simulator is closed.
func (p *poster) run() {
	var wg sync.WaitGroup
	for _, shard := range p.shards {
		wg.Go(func() {
			for {
				select {
				case j := <-shard:
					p.work(j)
				case <-p.ctx.Done():
					return
				}
			}
		})
	}
	wg.Wait()
}

// work makes one attempt and, if it failed, sees to the next.
func (p *poster) work(j *post) {
	err := p.attempt(j)
	if errors.Is(err, errNoTarget) {
		return
	}
	j.attempt++
	last := err == nil || j.attempt >= postAttempts
	if j.done != nil {
		j.done(err, last)
	}
	p.stats.posted(j.provider, err)
	if err == nil || p.ctx.Err() != nil {
		return
	}
	if last {
		p.log.Warn("webhook given up", slog.String("provider", j.provider), slog.Any("error", err))
		return
	}
	p.timers.after(backoff(j.attempt), func() { p.send(j) })
}

// backoff is the wait after the given number of failed attempts.
func backoff(attempt int) time.Duration {
	if attempt > 8 {
		return retryMost
	}
	return min(retryFirst<<(attempt-1), retryMost)
}

// errNoTarget: the post has nowhere to go.
var errNoTarget = errors.New("no webhook")

// attempt makes one attempt.
func (p *poster) attempt(j *post) error {
	if j.carry != nil {
		ctx, cancel := context.WithTimeout(p.ctx, postTimeout)
		defer cancel()
		return j.carry(ctx)
	}
	url, header := j.target()
	if url == "" {
		return errNoTarget
	}
	return p.try(j, url, header)
}

// try makes one call; any status but 2xx is an error.
func (p *poster) try(j *post, url string, header http.Header) error {
	ctx, cancel := context.WithTimeout(p.ctx, postTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, orElse(j.method, http.MethodPost), url, bytes.NewReader(j.body))
	if err != nil {
		return fmt.Errorf("make webhook request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	maps.Copy(req.Header, header)
	resp, err := p.client.Do(req)
	if err != nil {
		return fmt.Errorf("post webhook: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("read webhook answer: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		return &statusError{resp.StatusCode, http.StatusText(resp.StatusCode)}
	}
	if j.answered != nil {
		return j.answered(answer)
	}
	return nil
}

// signature is the HMAC of the parts under secret, as most webhooks are signed.
func signature(hash func() hash.Hash, secret string, parts ...[]byte) []byte {
	mac := hmac.New(hash, []byte(secret))
	for _, p := range parts {
		mac.Write(p)
	}
	return mac.Sum(nil)
}

// statusError is an answer other than 2xx.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return fmt.Sprintf("webhook answered %d %s", e.code, e.text) }
