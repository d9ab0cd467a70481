package egress

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestWatch notes an exchange that works, one that is too large to be kept and
// one that fails.
func TestWatch(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write(append([]byte("you sent "), body...))
	}))
	t.Cleanup(srv.Close)
	e := New(Options{AllowPrivate: true, Now: time.Now})
	t.Cleanup(e.Close)
	c := e.Client("test", ClientOptions{})
	ctx, w := WithWatch(t.Context())
	post := func(ctx context.Context, url, body string) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(req)
		if err != nil {
			return
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if want := "you sent " + body; err != nil || string(got) != want {
			t.Errorf("the watch changed the answer: %d of %d bytes, %v", len(got), len(want), err)
		}
	}
	long := strings.Repeat("x", 3*keptBody)
	post(ctx, srv.URL+"/a/path?query=secret", "hello")
	post(t.Context(), srv.URL, "not watched")
	post(ctx, srv.URL, long)
	post(ctx, "http://127.0.0.1:1/", "nobody")
	got := w.Take()
	post(ctx, srv.URL, "too late")
	if len(got) != 3 || len(w.Take()) != 3 {
		t.Fatalf("%d exchanges were noted, want 3", len(got))
	}
	if x := got[0]; x.Method != "POST" || x.URL != srv.URL+"/a/path" || x.Status != 202 || string(x.Request.Body) != "hello" ||
		string(x.Response.Body) != "you sent hello" || x.Response.Size != 14 || x.Start.IsZero() {
		t.Errorf("exchange: %+v", x)
	}
	if x := got[1]; len(x.Request.Body) != keptBody || x.Request.Size != int64(len(long)) || len(x.Response.Body) != keptBody ||
		x.Response.Size != int64(len(long)+9) || !bytes.HasPrefix(x.Response.Body, []byte("you sent xxx")) {
		t.Errorf("a long one: %d of %d, %d of %d bytes", len(x.Request.Body), x.Request.Size, len(x.Response.Body), x.Response.Size)
	}
	if x := got[2]; x.Status != 0 || x.Error == "" {
		t.Errorf("one that failed: %+v", x)
	}
}
