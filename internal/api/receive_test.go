package api

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel/fake"
)

// provider posts to an app's SMS channel as the fake channel's provider does.
func (h *harness) provider(t *testing.T, appID, body string) *http.Request {
	t.Helper()
	key, err := h.store.Derive("channel webhook secrets")
	check(t, err)
	m := hmac.New(sha256.New, key)
	m.Write([]byte(appID + "/SMS"))
	r := h.request("POST", "/channels/sms/"+appID, body)
	r.Header.Del("Authorization")
	r.Header.Set(fake.SignatureHeader, fake.Sign(hex.EncodeToString(m.Sum(nil))[:32], []byte(body)))
	return r
}

func TestReceive(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, conversationApp)
	a := h.do(h.provider(t, app, `{"id":"1","from":"15551230001","text":"Hello"}`))
	if a.status != 200 || a.body != "" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Fatalf("answer %+v", a)
	}
	var list messageList
	h.call("GET", "P/messages?direction=TO_APP", "").into(t, &list)
	if len(list.Messages) != 1 || list.Messages[0].ContactMessage.Text.Text != "Hello" {
		t.Errorf("messages %+v", list.Messages)
	}
}

// TestReceiveBelow posts below the account's own address, as APPLEBC does.
func TestReceiveBelow(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	r := h.provider(t, h.app(t, conversationApp), `{"id":"1","from":"15551230001","text":"Hello"}`)
	r.URL.Path += "/message"
	if a := h.do(r); a.status != 200 {
		t.Fatalf("answer %+v", a)
	}
}

func TestReceiveErrors(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, conversationApp)
	const hello = `{"id":"1","from":"15551230001","text":"Hello"}`

	forged := h.provider(t, app, hello)
	forged.Header.Set(fake.SignatureHeader, "no")
	h.do(forged).fails(t, 401, parley.CodeUnauthenticated, "")
	h.do(h.provider(t, app, "no JSON")).fails(t, 400, parley.CodeInvalidArgument, "")
	h.do(h.provider(t, "01ARZ3NDEKTSV4RRFFQ69G5FAV", hello)).fails(t, 404, parley.CodeNotFound, "")
	r := h.provider(t, app, hello)
	r.URL.Path = "/channels/whatsapp/" + app
	h.do(r).fails(t, 404, parley.CodeNotFound, "")
	long := h.provider(t, app, hello)
	long.ContentLength = maxProviderBody + 1
	h.do(long).fails(t, 413, parley.CodeTooLarge, "")

	// The provider must repeat what could not be stored.
	check(t, h.store.Close())
	if a := h.do(h.provider(t, app, hello)); a.status != 500 {
		t.Errorf("answer %+v", a)
	}
}

func TestReceiveError(t *testing.T) {
	t.Parallel()
	other := errors.New("other")
	if got := receiveError(other); !errors.Is(got, other) {
		t.Errorf("another error becomes %v", got)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	var down error
	h := newHarness(t, func(o *Options) {
		o.Ready = func(context.Context) error { return down }
	})
	for _, path := range []string{"/healthz", "/readyz"} {
		a := h.call("GET", path, "")
		if a.status != 200 || a.body != `{"status":"ok","version":"test"}` {
			t.Errorf("%s: %+v", path, a)
		}
	}
	down = errors.New("the database is on fire")
	h.call("GET", "/readyz", "").fails(t, 503, parley.CodeUnavailable, "")
	if !strings.Contains(h.log.String(), "on fire") {
		t.Error("why is not logged")
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.call("GET", "P/apps", "")
	h.call("GET", "P/apps/x", "")
	h.call("GET", "/nothing", "")
	a := h.call("GET", "/metrics", "")
	for _, want := range []string{
		`parley_http_requests_total{class="2xx",method="GET",operation="ListApps"} 1`,
		`parley_http_requests_total{class="4xx",method="GET",operation="GetApp"} 1`,
		`parley_http_requests_total{class="4xx",method="any",operation="unknown"} 1`,
		`parley_http_request_duration_seconds_count{operation="ListApps"} 1`,
	} {
		if !strings.Contains(a.body, want) {
			t.Errorf("metrics without %s", want)
		}
	}
}

func TestMedia(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(o *Options) {
		o.Media = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(r.URL.Path))
		})
	})
	if a := h.call("GET", "/media/a/b", ""); a.status != 200 || a.body != "/media/a/b" {
		t.Errorf("answer %+v", a)
	}
	h.call("GET", "/media", "").fails(t, 404, parley.CodeNotFound, "")
}
