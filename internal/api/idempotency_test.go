package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// keyed makes a request with an idempotency key.
func (h *harness) keyed(key, path, body string) answer {
	r := h.request("POST", path, body)
	r.Header.Set(keyHeader, key)
	return h.do(r)
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, conversationApp)
	contact := `{"channel_identities":[{"channel":"SMS","identity":"15551230009"}]}`
	batch := `{"app_id":"` + app + `","message":{"text_message":{"text":"x"}},"recipient_and_params":[{"recipient":{
		"identified_by":{"channel_identities":[{"channel":"SMS","identity":"15551230001"}]}}}]}`
	for name, c := range map[string]struct{ path, body, other string }{
		"send":     {"P/messages:send", text(app, "15551230001", "x"), text(app, "15551230001", "y")},
		"batch":    {"/batch/v1/projects/" + testProject + "/messages", batch, strings.ReplaceAll(batch, `"x"`, `"y"`)},
		"contact":  {"P/contacts", contact, strings.ReplaceAll(contact, "9", "8")},
		"app":      {"P/apps", dispatchApp, conversationApp},
		"contacts": {"/batch/v1/projects/" + testProject + "/contacts", `{"contacts":[` + contact + `]}`, `{"contacts":[]}`},
		"transcode": {
			"P/messages:transcode", `{"app_id":"` + app + `","app_message":{"text_message":{"text":"x"}},"channels":["SMS"]}`, "{}",
		},
	} {
		t.Run(name, func(t *testing.T) {
			first := h.keyed("key-"+name, c.path, c.body)
			if first.status != 200 || first.header.Get(replayedHeader) != "" {
				t.Fatalf("first: %d %s", first.status, first.body)
			}
			before := h.stored(t)
			h.restart()
			again := h.keyed("key-"+name, c.path, c.body)
			if again.status != first.status || again.body != first.body || again.header.Get(replayedHeader) != "true" {
				t.Errorf("again: %d %s %s, want %s", again.status, again.header.Get(replayedHeader), again.body, first.body)
			}
			if again.header.Get("Content-Type") != "application/json" {
				t.Errorf("Content-Type %q", again.header.Get("Content-Type"))
			}
			h.keyed("key-"+name, c.path, c.other).fails(t, 422, parley.CodeKeyReused, "")
			h.keyed("key-"+name, "P/webhooks", c.body).fails(t, 422, parley.CodeKeyReused, "")
			if diff := cmp.Diff(before, h.stored(t)); diff != "" {
				t.Errorf("stored (-once +again):\n%s", diff)
			}
		})
	}
	h.clock.advance(store.KeyLife)
	if a := h.keyed("key-contact", "P/contacts", contact); a.status != 200 || a.header.Get(replayedHeader) != "" {
		t.Errorf("a day later: %d %s", a.status, a.body)
	}
}

// restart makes the server one that has only the database to go by.
func (h *harness) restart() {
	old := h.api
	h.api = New(Options{Engine: old.engine, Store: old.store, Now: h.clock.now, Log: old.log})
}

func TestIdempotencyKeyRejected(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, dispatchApp)
	for name, key := range map[string]string{
		"empty": "", "long": strings.Repeat("k", maxKey+1), "space": "a b", "control": "a\x01", "not ASCII": "é",
	} {
		t.Run(name, func(t *testing.T) {
			h.keyed(key, "P/messages:send", text(app, "15551230001", "x")).fails(t, 400, parley.CodeInvalidArgument, keyHeader)
		})
	}
	r := h.request("POST", "P/messages:send", text(app, "15551230001", "x"))
	r.Header[keyHeader] = []string{"a", "b"}
	h.do(r).fails(t, 400, parley.CodeInvalidArgument, keyHeader)
	if a := h.keyed(strings.Repeat("~", maxKey), "P/messages:send", text(app, "15551230001", "x")); a.status != 200 {
		t.Errorf("the longest key: %d %s", a.status, a.body)
	}
}

// An error is not kept: what failed may be tried again with the same key.
func TestIdempotencyAfterFailure(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.keyed("k", "P/contacts", `{"channel_identities":[]}`).fails(t, 400, parley.CodeInvalidArgument, "channel_identities")
	ok := `{"channel_identities":[{"channel":"SMS","identity":"15551230009"}]}`
	if a := h.keyed("k", "P/contacts", ok); a.status != 200 {
		t.Errorf("after the failure: %d %s", a.status, a.body)
	}
}

// The process died after the effect and before the answer was known.
func TestIdempotencyAnswerLost(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	body := `{"channel_identities":[{"channel":"SMS","identity":"15551230009"}]}`
	r := h.request("POST", "P/contacts", body)
	print, err := fingerprint(&request{http: r, x: &exchange{s: h.api, ResponseWriter: httptest.NewRecorder()}, limit: maxBody})
	check(t, err)
	ctx := store.WithKey(t.Context(), &store.Key{ProjectID: testProject, Name: "k", Fingerprint: print})
	check(t, h.store.Tx(ctx, func(*store.Store) error { return nil }))
	h.keyed("k", "P/contacts", body).fails(t, 409, parley.CodeAborted, "")
}

func TestIdempotencyAtOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, dispatchApp)
	const n = 16
	answers := make(chan answer, n)
	other := New(Options{Engine: h.api.engine, Store: h.store, Now: time.Now, Log: h.api.log}) // another node
	for i := range n {
		go func() {
			r := h.request("POST", "P/messages:send", text(app, "15551230001", "x"))
			r.Header.Set(keyHeader, "k")
			if i%2 == 0 {
				answers <- h.do(r)
				return
			}
			w := httptest.NewRecorder()
			other.Handler().ServeHTTP(w, r)
			answers <- answer{w.Code, w.Header(), w.Body.String()}
		}()
	}
	bodies := map[string]int{}
	for range n {
		a := <-answers
		if a.status != http.StatusOK {
			t.Errorf("status %d: %s", a.status, a.body)
		}
		bodies[a.body]++
	}
	if len(bodies) != 1 {
		t.Errorf("%d different answers", len(bodies))
	}
	if got := h.jobs(t)["send"]; got != 1 {
		t.Errorf("%d messages are sent", got)
	}
}
