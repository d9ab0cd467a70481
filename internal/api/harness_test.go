package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/callback"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/fake"
	"github.com/parley-im/parley/internal/engine"
	"github.com/parley-im/parley/internal/openapi/openapitest"
	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
)

// The project every test has, and its access key. The id of the key has an
// odd character, as a client's test suite does.
const (
	testProject = "project-1"
	testKey     = "'key-1"
	testSecret  = "secret-1"
)

// A clock is set by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// A profiled channel knows the names of all but one.
type profiled struct{ *fake.Channel }

func (*profiled) Profile(_ context.Context, _ *channel.Conn, of channel.Address) (channel.Profile, error) {
	if of.Identity == "nobody" {
		return channel.Profile{}, channel.Refuse(parley.ReasonRecipientInvalidChannelIdentity, "there is no such chat")
	}
	return channel.Profile{Name: "Chat " + of.Identity}, nil
}

// A harness is a server on a real database with the real engine, whose queue
// does not run: what follows from a request stays in the database.
type harness struct {
	store *store.Store
	api   *Server
	clock *clock
	log   *bytes.Buffer
	reg   *prometheus.Registry
	test  testing.TB
}

func newHarness(t testing.TB, change ...func(*Options)) *harness {
	t.Helper()
	h := &harness{
		clock: &clock{at: time.Date(2026, 3, 4, 5, 6, 7, 891234000, time.UTC)},
		log:   new(bytes.Buffer),
		reg:   prometheus.NewRegistry(),
		test:  t,
	}
	st, err := store.Open(t.Context(), store.Options{
		Path: filepath.Join(t.TempDir(), "parley.db"),
		Key:  bytes.Repeat([]byte{7}, store.KeySize),
		Now:  h.clock.now,
		Log:  slog.New(slog.DiscardHandler),
	})
	check(t, err)
	t.Cleanup(func() { check(t, st.Close()) })
	h.store = st
	e, err := engine.New(engine.Options{
		Store:    st,
		Channels: []channel.Channel{fake.New(parley.ChannelSMS, fake.Accept), &profiled{fake.New(parley.ChannelTelegram, fake.Accept)}},
		Now:      h.clock.now,
		Log:      slog.New(slog.DiscardHandler),
		Limits:   parley.RateLimits{Inbound: 25, Outbound: 25, Webhooks: 25},
	})
	check(t, err)
	_, err = st.CreateProject(t.Context(), testProject, "Test")
	check(t, err)
	_, err = st.CreateKey(t.Context(), testProject, testKey, testSecret)
	check(t, err)
	o := Options{
		Engine: e, Store: st, Now: h.clock.now, Version: "test", Metrics: h.reg, Gatherer: h.reg,
		Log: slog.New(slog.NewJSONHandler(h.log, nil)),
	}
	for _, f := range change {
		f(&o)
	}
	h.api = New(o)
	if t, ok := t.(*testing.T); ok { // fuzzing and measuring have no use for it
		t.Cleanup(func() { h.checkCallbacks(t) })
	}
	return h
}

// checkCallbacks holds the callbacks that a test leaves behind against the
// document.
func (h *harness) checkCallbacks(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	if _, err := h.store.JobCounts(ctx); err != nil {
		return // the test took the database away
	}
	q := queue.New(queue.Options{Store: h.store, Now: h.clock.now, Log: slog.New(slog.DiscardHandler), Manual: true, Kinds: map[string]queue.Kind{
		callback.Kind: {Run: func(_ context.Context, j *store.Job) error {
			var p struct {
				Trigger parley.Trigger  `json:"trigger"`
				Body    json.RawMessage `json:"body"`
			}
			if err := json.Unmarshal(j.Doc, &p); err != nil {
				return queue.Stop(err)
			}
			if err := openapitest.Callback(p.Trigger, p.Body); err != nil {
				t.Errorf("not as /openapi.json says: %v", err)
			}
			return nil
		}},
	}})
	check(t, q.Start(ctx))
	_, err := q.Step(ctx)
	check(t, err)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// An answer is what the server said.
type answer struct {
	status int
	header http.Header
	body   string
}

// request makes a request with the test project's key. A path that starts
// with P is below the project.
func (h *harness) request(method, path, body string) *http.Request {
	if rest, ok := strings.CutPrefix(path, "P"); ok {
		path = "/v1/projects/" + testProject + rest
	}
	var b io.Reader = http.NoBody
	if body != "" {
		b = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, path, b)
	r.SetBasicAuth(testKey, testSecret)
	return r
}

func (h *harness) do(r *http.Request) answer {
	w := httptest.NewRecorder()
	h.api.Handler().ServeHTTP(w, r)
	a := answer{w.Code, w.Header(), w.Body.String()}
	if _, ok := h.test.(*testing.T); ok { // fuzzing and measuring have no use for it
		if err := asDescribed(r, a); err != nil {
			h.test.Errorf("%s %s: not as /openapi.json says: %v\n%d %s", r.Method, r.URL, err, a.status, a.body)
		}
	}
	return a
}

func (h *harness) call(method, path, body string) answer {
	return h.do(h.request(method, path, body))
}

// into decodes the answer of a request that must succeed.
func (a answer) into(t testing.TB, v any) {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	check(t, json.Unmarshal([]byte(a.body), v))
}

// fails checks that the answer is an error in the API's shape.
func (a answer) fails(t testing.TB, status int, code parley.Code, field string) {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d: %s", a.status, status, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q", got)
	}
	var e struct {
		Error *struct {
			Code    int              `json:"code"`
			Message string           `json:"message"`
			Status  parley.Code      `json:"status"`
			Details []map[string]any `json:"details"`
		} `json:"error"`
	}
	if err := json.Unmarshal([]byte(a.body), &e); err != nil || e.Error == nil {
		t.Fatalf("not an error of the API: %s", a.body)
	}
	if e.Error.Code != a.status || e.Error.Status != code || e.Error.Message == "" || e.Error.Details == nil {
		t.Errorf("error %+v, want status %s", *e.Error, code)
	}
	want := []map[string]any{}
	if field != "" {
		want = append(want, map[string]any{
			"@type":            "type.googleapis.com/google.rpc.BadRequest",
			"field_violations": []any{map[string]any{"field": field, "description": violation(e.Error.Message, field)}},
		})
	}
	if diff := cmp.Diff(want, e.Error.Details); diff != "" {
		t.Errorf("details (-want +got):\n%s", diff)
	}
}

func violation(message, field string) string { return strings.TrimPrefix(message, field+": ") }

const dispatchApp = `{"display_name":"D","channel_credentials":[
	{"channel":"SMS","static_bearer":{"claimed_identity":"me","token":"t"}}]}`

const conversationApp = `{"display_name":"C","processing_mode":"CONVERSATION","channel_credentials":[
	{"channel":"SMS","static_bearer":{"claimed_identity":"me","token":"t"}},
	{"channel":"TELEGRAM","telegram_credentials":{"token":"t"}}]}`

// app makes an app and returns its id.
func (h *harness) app(t testing.TB, body string) string {
	t.Helper()
	var a parley.App
	h.call("POST", "P/apps", body).into(t, &a)
	return a.ID
}

// text is a request to send a text to a phone number.
func text(appID, to, text string) string {
	return `{"app_id":"` + appID + `","recipient":{"identified_by":{"channel_identities":[{"channel":"SMS","identity":"` + to +
		`"}]}},"message":{"text_message":{"text":"` + text + `"}}}`
}
