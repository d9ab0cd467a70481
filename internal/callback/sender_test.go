package callback

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/egress"
	"github.com/parley-im/parley/internal/store"
)

func TestDeliverSigns(t *testing.T) {
	t.Parallel()
	type request struct {
		header http.Header
		body   []byte
	}
	got := make(chan request, 3)
	srv := answer(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- request{r.Header, body}
	})
	r := newRig(t, srv.URL+"/hook?key=1", nil)
	direct, err := JobTo("p1", "a1", srv.URL, submitted(), parley.TriggerMessageDelivery)
	if err != nil {
		t.Fatal(err)
	}
	stored := r.job(t)
	stored.Memo = nil // as after a restart
	body, err := encode(submitted())
	if err != nil {
		t.Fatal(err)
	}
	nonces := map[string]bool{}
	for _, c := range []struct {
		job    *store.Job
		secret string
	}{{r.job(t), secret}, {stored, secret}, {direct, "override" + secret}} {
		if err := r.sender.Deliver(t.Context(), c.job); err != nil {
			t.Fatal(err)
		}
		g := <-got
		if !bytes.Equal(g.body, body) {
			t.Errorf("body:\n got %s\nwant %s", g.body, body)
		}
		nonce, stamp := g.header.Get(HeaderNonce), g.header.Get(HeaderTimestamp)
		mac := hmac.New(sha256.New, []byte(c.secret))
		mac.Write([]byte(string(g.body) + "." + nonce + "." + stamp))
		want := map[string]string{
			HeaderSignature: base64.StdEncoding.EncodeToString(mac.Sum(nil)), HeaderTimestamp: "1795424400", HeaderAlgorithm: "HmacSHA256",
			"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": "", "Authorization": "",
		}
		for name, value := range want {
			if g.header.Get(name) != value {
				t.Errorf("%s = %q, want %q", name, g.header.Get(name), value)
			}
		}
		if !parley.IsID(nonce) || nonces[nonce] {
			t.Errorf("nonce %q is not a fresh ULID", nonce)
		}
		nonces[nonce] = true
	}
	if diff := cmp.Diff(map[string]int{"delivered": 3}, r.counts(t)); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
	r.noSecrets(t, nil)
}

func TestDeliverUnsigned(t *testing.T) {
	t.Parallel()
	headers := make(chan http.Header, 1)
	srv := answer(t, func(_ http.ResponseWriter, r *http.Request) { headers <- r.Header })
	r := newRig(t, srv.URL, nil)
	r.hook.Secret = ""
	if err := r.sender.Deliver(t.Context(), r.job(t)); err != nil {
		t.Fatal(err)
	}
	for name := range <-headers {
		if strings.HasPrefix(strings.ToLower(name), "x-sinch") {
			t.Errorf("a webhook without secret got header %s", name)
		}
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	const never = -1
	for _, c := range []struct {
		status   int
		attempts int
		age      time.Duration
		header   string // Retry-After
		min, max time.Duration
		outcome  string
	}{
		{status: 200, min: never, max: never, outcome: "delivered"},
		{status: 204, min: never, max: never, outcome: "delivered"},
		{status: 301, min: never, max: never, outcome: "dropped"},
		{status: 307, min: never, max: never, outcome: "dropped"},
		{status: 400, min: never, max: never, outcome: "dropped"},
		{status: 401, min: never, max: never, outcome: "dropped"}, // no OAuth2
		{status: 404, min: never, max: never, outcome: "dropped"},
		{status: 410, min: never, max: never, outcome: "dropped"},
		{status: 408, min: 4 * time.Second, max: 6 * time.Second, outcome: "retried"},
		{status: 425, min: 4 * time.Second, max: 6 * time.Second, outcome: "retried"},
		{status: 429, min: 4 * time.Second, max: 6 * time.Second, outcome: "retried"},
		{status: 429, header: "90", min: 90 * time.Second, max: 90 * time.Second, outcome: "retried"},
		{status: 429, header: "1", min: 4 * time.Second, max: 6 * time.Second, outcome: "retried"},
		{status: 500, min: 4 * time.Second, max: 6 * time.Second, outcome: "retried"},
		{status: 503, attempts: 3, min: 32 * time.Second, max: 48 * time.Second, outcome: "retried"},
		{status: 503, header: "Mon, 23 Nov 2026 09:10:00 GMT", min: 10 * time.Minute, max: 10 * time.Minute, outcome: "retried"},
		{status: 503, attempts: 13, min: 9 * time.Hour, max: 14 * time.Hour, outcome: "retried"},
		{status: 503, age: 23*time.Hour + 59*time.Minute, attempts: 14, min: time.Minute, max: time.Minute, outcome: "retried"},
		{status: 503, age: 23*time.Hour + 59*time.Minute, header: "90", min: never, max: never, outcome: "given_up"},
		{status: 503, age: 24 * time.Hour, min: never, max: never, outcome: "given_up"},
	} {
		srv := answer(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			if c.header != "" {
				w.Header().Set("Retry-After", c.header)
			}
			w.WriteHeader(c.status)
		})
		r := newRig(t, srv.URL+"/s3cretpath?key=t0ken", nil)
		j := r.job(t)
		j.Attempts, r.now = c.attempts, start.Add(c.age)
		err := r.sender.Deliver(t.Context(), j)
		if got := wait(t, err); got < c.min || got > c.max {
			t.Errorf("%d (attempts %d, Retry-After %q): again after %v, want %v to %v", c.status, c.attempts, c.header, got, c.min, c.max)
		}
		if diff := cmp.Diff(map[string]int{c.outcome: 1}, r.counts(t)); diff != "" {
			t.Errorf("%d: attempts (-want +got):\n%s", c.status, diff)
		}
		r.noSecrets(t, err)
	}
}

// A receiver that stays down is tried a few times over a whole day.
func TestGivesUpAfterADay(t *testing.T) {
	t.Parallel()
	srv := answer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	r := newRig(t, srv.URL, nil)
	j := r.job(t)
	for {
		err := r.sender.Deliver(t.Context(), j)
		if err == nil {
			break
		}
		j.Attempts++
		r.now = r.now.Add(wait(t, err))
	}
	if n := j.Attempts + 1; n < 15 || n > 16 {
		t.Errorf("given up after %d attempts, want 15 or 16", n)
	}
	if took := r.now.Sub(start); took != 24*time.Hour {
		t.Errorf("given up after %v, want a day", took)
	}
	if got := r.counts(t)["given_up"]; got != 1 {
		t.Errorf("given up %d times, want once", got)
	}
	if !strings.Contains(r.log.String(), `"level":"WARN"`) {
		t.Errorf("nothing was logged: %s", r.log.String())
	}
}

func TestNetworkErrorsAreRetried(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	r := newRig(t, strings.Replace(srv.URL, "http://", "http://user:pa55word@", 1)+"/s3cretpath?key=t0ken", nil)
	err := r.sender.Deliver(t.Context(), r.job(t))
	if got := wait(t, err); got < 4*time.Second || got > 6*time.Second {
		t.Errorf("again after %v, want about 5 s", got)
	}
	if !strings.Contains(err.Error(), strings.TrimPrefix(srv.URL, "http://")) {
		t.Errorf("the error does not name the host: %v", err)
	}
	r.noSecrets(t, err)
}

func TestPrivateTargetIsRetriedAndLoggedOnce(t *testing.T) {
	t.Parallel()
	srv := answer(t, func(http.ResponseWriter, *http.Request) { t.Error("a private target was reached") })
	e := egress.New(egress.Options{Now: func() time.Time { return start }})
	t.Cleanup(e.Close)
	r := newRig(t, srv.URL+"/s3cretpath", e.Client("callback", egress.ClientOptions{}))
	for range 3 {
		err := r.sender.Deliver(t.Context(), r.job(t))
		if !errors.Is(err, egress.ErrPrivate) || wait(t, err) < 4*time.Second {
			t.Errorf("Deliver = %v, want a retry because of a private address", err)
		}
		r.noSecrets(t, err)
	}
	if n := strings.Count(r.log.String(), "callback target refused"); n != 1 {
		t.Errorf("logged %d times, want once", n)
	}
}

func TestLookups(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		change  func(*rig)
		again   bool
		outcome string
	}{
		{"the webhook was deleted", func(r *rig) { r.lookup = parley.NotFound("webhook", "w1") }, false, "gone"},
		{"the webhook was muted", func(r *rig) { r.hook.TargetType = parley.TargetDismiss }, false, "gone"},
		{"the database is away", func(r *rig) { r.lookup = errors.New("away") }, true, "retried"},
		{"the target is no URL", func(r *rig) { r.hook.Target = "http://s3cretpath\x7f/" }, false, "dropped"},
	} {
		r := newRig(t, "http://127.0.0.1:9/", nil)
		j := r.job(t)
		c.change(r)
		err := r.sender.Deliver(t.Context(), j)
		if got := err != nil; got != c.again {
			t.Errorf("%s: Deliver = %v", c.name, err)
		}
		if diff := cmp.Diff(map[string]int{c.outcome: 1}, r.counts(t)); diff != "" {
			t.Errorf("%s: attempts (-want +got):\n%s", c.name, diff)
		}
		r.noSecrets(t, err)
	}
}

func TestStoppingCostsNoAttempt(t *testing.T) {
	t.Parallel()
	r := newRig(t, "http://127.0.0.1:9/", nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := r.sender.Deliver(ctx, r.job(t))
	if got := wait(t, err); got != 0 {
		t.Errorf("again after %v, want at once", got)
	}
	if diff := cmp.Diff(map[string]int{}, r.counts(t)); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
}

func TestDamagedJobIsDropped(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{"", "{", `{"webhook_id":"w1"}`} {
		r := newRig(t, "http://127.0.0.1:9/", nil)
		if err := r.sender.Deliver(t.Context(), &store.Job{ProjectID: "p1", Doc: []byte(doc)}); err != nil {
			t.Errorf("Deliver(%q) = %v, want it dropped", doc, err)
		}
		if diff := cmp.Diff(map[string]int{"dropped": 1}, r.counts(t)); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
	}
}

// Answers are read to their end, within bounds, so that connections are used
// again.
func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 32<<10))
	}))
	var mu sync.Mutex
	fresh := 0
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		if s == http.StateNew {
			fresh++
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	r := newRig(t, srv.URL, nil)
	for range 20 {
		if err := r.sender.Deliver(t.Context(), r.job(t)); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if fresh != 1 {
		t.Errorf("20 callbacks took %d connections, want 1", fresh)
	}
}
