package media_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/media"
)

type fetcher = func(ctx context.Context, projectID, id string) error

// absent is a fetch that finds nothing.
func absent(_ context.Context, _, id string) error { return parley.NotFound("media", id) }

func ask(t *testing.T, h http.Handler, method, address string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, address, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wantRefusal checks that an answer is the API's error.
func wantRefusal(t *testing.T, resp *http.Response, status int, code string) {
	t.Helper()
	var got struct {
		Error struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
			Status  string `json:"status"`
			Details []any  `json:"details"`
		} `json:"error"`
	}
	text := body(t, resp)
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%d %q: %v", resp.StatusCode, text, err)
	}
	e := got.Error
	if resp.StatusCode != status || e.Code != status || e.Status != code || e.Message == "" || e.Details == nil {
		t.Errorf("got %d %s; want %d %s", resp.StatusCode, text, status, code)
	}
	if ct := resp.Header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("Content-Type %s", ct)
	}
}

func TestASignedAddressServesTheFile(t *testing.T) {
	t.Parallel()
	f := newFixture(t, media.Options{PublicURL: "https://parley.test/"})
	text := "GIF89a" + strings.Repeat("0123456789", 1000)
	if err := f.Save(t.Context(), project, id, content(text, "")); err != nil {
		t.Fatal(err)
	}
	address := f.URL(project, id, "cat.gif")
	if want := "https://parley.test/media/" + project + "/" + id + "/cat.gif?expires="; !strings.HasPrefix(address, want) {
		t.Fatalf("got %s", address)
	}
	h := f.Handler(nil)

	resp := ask(t, h, http.MethodGet, address)
	if resp.StatusCode != http.StatusOK || body(t, resp) != text {
		t.Errorf("GET: %d", resp.StatusCode)
	}
	got := map[string]string{}
	for name := range resp.Header {
		got[name] = resp.Header.Get(name)
	}
	delete(got, "Etag")
	want := map[string]string{
		"Accept-Ranges":           "bytes",
		"Cache-Control":           "private, max-age=86400",
		"Content-Disposition":     "inline; filename=cat.gif",
		"Content-Length":          "10006",
		"Content-Security-Policy": "sandbox; default-src 'none'",
		"Content-Type":            "image/gif",
		"Last-Modified":           "Mon, 02 Nov 2026 10:20:30 GMT",
		"X-Content-Type-Options":  "nosniff",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}

	tag := resp.Header.Get("ETag")
	if resp := ask(t, h, http.MethodHead, address); resp.StatusCode != http.StatusOK || resp.ContentLength != 10006 || body(t, resp) != "" {
		t.Errorf("HEAD: %d, %d bytes", resp.StatusCode, resp.ContentLength)
	}
	if resp := ask(t, h, http.MethodGet, address, "Range", "bytes=6-15"); resp.StatusCode != http.StatusPartialContent || body(t, resp) != "0123456789" {
		t.Errorf("range: %d", resp.StatusCode)
	}
	if resp := ask(t, h, http.MethodGet, address, "If-None-Match", tag); resp.StatusCode != http.StatusNotModified {
		t.Errorf("If-None-Match: %d", resp.StatusCode)
	}
	wantRefusal(t, ask(t, h, http.MethodPost, address), http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED")
}

func TestTamperedAddressesAreForbidden(t *testing.T) {
	t.Parallel()
	f := newFixture(t, media.Options{})
	for _, name := range []string{id, "another"} {
		if err := f.Save(t.Context(), project, name, content("x", "")); err != nil {
			t.Fatal(err)
		}
	}
	fetched := func(context.Context, string, string) error {
		t.Error("fetched for a forbidden address")
		return nil
	}
	h := f.Handler(fetched)
	good := f.URL(project, id, "a.txt")
	u, err := url.Parse(good)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	with := func(key, value string) string {
		changed := url.Values{"expires": q["expires"], "signature": q["signature"]}
		changed.Set(key, value)
		return u.Path + "?" + changed.Encode()
	}
	flip := func(s string, i int) string {
		c := byte('A')
		if s[i] == c {
			c = 'B'
		}
		return s[:i] + string(c) + s[i+1:]
	}
	sig := q.Get("signature")
	for name, address := range map[string]string{
		"no query":        u.Path,
		"no signature":    with("signature", ""),
		"first character": with("signature", flip(sig, 0)),
		"last character":  with("signature", flip(sig, len(sig)-1)),
		"padded":          with("signature", sig+"="),
		"longer":          with("signature", sig+"A"),
		"later":           with("expires", q.Get("expires")+"0"),
		"zero padded":     with("expires", "0"+q.Get("expires")),
		"plus":            with("expires", "+"+q.Get("expires")),
		"no time":         with("expires", ""),
		"not a time":      with("expires", "soon"),
		"other file":      strings.Replace(good, id, "another", 1),
		"other project":   strings.Replace(good, project, "another", 1),
		"other name":      strings.Replace(good, "a.txt", "a.html", 1),
		"no name":         strings.Replace(good, "a.txt", "", 1),
		"another key's":   newKeyURL(t, f),
	} {
		resp := ask(t, h, http.MethodGet, address)
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s: got %d", name, address, resp.StatusCode)
			continue
		}
		wantRefusal(t, resp, http.StatusForbidden, "PERMISSION_DENIED")
	}
	if resp := ask(t, h, http.MethodGet, good); resp.StatusCode != http.StatusOK {
		t.Errorf("untouched: got %d", resp.StatusCode)
	}
}

// newKeyURL returns the address a store with another key gives out.
func newKeyURL(t *testing.T, f *fixture) string {
	t.Helper()
	s, err := media.New(media.Options{Dir: f.dir, Key: bytes.Repeat([]byte{8}, 32), Now: f.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return s.URL(project, id, "a.txt")
}

func TestAddressesExpire(t *testing.T) {
	t.Parallel()
	f := newFixture(t, media.Options{Lifetime: 48 * time.Hour})
	if err := f.Save(t.Context(), project, id, content("x", "")); err != nil {
		t.Fatal(err)
	}
	h := f.Handler(nil)
	address := f.URL(project, id, "a.txt")

	f.clock.add(39 * time.Minute) // 10:59:30, the same hour
	if again := f.URL(project, id, "a.txt"); again != address {
		t.Errorf("the address changed within the hour:\n%s\n%s", address, again)
	}
	f.clock.add(time.Minute) // 11:00:30
	if again := f.URL(project, id, "a.txt"); again == address {
		t.Error("the address did not change with the hour")
	}
	f.clock.add(48*time.Hour - time.Minute) // 10:59:30 two days later
	resp := ask(t, h, http.MethodGet, address)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Cache-Control") != "private, max-age=30" {
		t.Errorf("half a minute left: %d %s", resp.StatusCode, resp.Header.Get("Cache-Control"))
	}
	f.clock.add(30 * time.Second)
	wantRefusal(t, ask(t, h, http.MethodGet, address), http.StatusForbidden, "PERMISSION_DENIED")
}

func TestPathsLeadNowhereElse(t *testing.T) {
	t.Parallel()
	f := newFixture(t, media.Options{})
	h := f.Handler(func(context.Context, string, string) error {
		t.Error("fetched")
		return nil
	})
	for _, path := range []string{
		"/", "/media", "/media/", "/media/a/b", "/media/a/b/c/d", "/other/a/b/c", "/media//b/c", "/media/a//c",
		"/media/../b/c", "/media/a/../c", "/media/./b/c", "/media/%2e%2e/b/c", "/media/a/%2e%2e/c", "/media/a/..%2fb/c",
		"/media/a/b%2f..%2f..%2fetc/c", "/media/a/%5c..%5cb/c", "/media/.incoming/b/c", "/media/a/b.json/c", "/media/a/b%00/c",
		"/media/a/%C3%A4/c", "/media/" + strings.Repeat("a", 65) + "/b/c",
	} {
		wantRefusal(t, ask(t, h, http.MethodGet, path+"?expires=99999999999&signature=x"), http.StatusNotFound, "NOT_FOUND")
	}
	for _, ids := range [][2]string{{"..", id}, {project, ".."}, {project, "../../etc/passwd"}, {project, id + ".json"}} {
		resp := ask(t, h, http.MethodGet, f.URL(ids[0], ids[1], "a.txt")) // even when we signed it
		wantRefusal(t, resp, http.StatusNotFound, "NOT_FOUND")
	}
}

func TestConcurrentFirstRequestsFetchOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t, media.Options{})
	var fetches atomic.Int32
	begun, release := make(chan struct{}), make(chan struct{})
	h := f.Handler(func(ctx context.Context, projectID, id string) error {
		if fetches.Add(1) == 1 {
			close(begun)
		}
		<-release
		return f.Save(ctx, projectID, id, content("hello", "text/plain"))
	})
	address := f.URL(project, id, "a.txt")

	// The first one leaves while the file is on its way; the others get it.
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan int)
	go func() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, address, nil))
		left <- w.Code
	}()
	<-begun
	leave()
	if got := <-left; got != http.StatusServiceUnavailable {
		t.Errorf("the one who left: got %d", got)
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			resp := ask(t, h, http.MethodGet, address)
			if got := body(t, resp); resp.StatusCode != http.StatusOK || got != "hello" {
				t.Errorf("got %d %q", resp.StatusCode, got)
			}
		})
	}
	close(release)
	wg.Wait()
	if got := fetches.Load(); got != 1 {
		t.Errorf("fetched %d times", got)
	}
}

// Sixteen wait together: none of them may start a fetch of its own.
func TestWaitingRequestsShareOneFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, media.Options{})
		var fetches atomic.Int32
		release := make(chan struct{})
		h := f.Handler(func(ctx context.Context, projectID, id string) error {
			fetches.Add(1)
			<-release
			return f.Save(ctx, projectID, id, content("hello", ""))
		})
		address := f.URL(project, id, "")
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if resp := ask(t, h, http.MethodGet, address); resp.StatusCode != http.StatusOK {
					t.Errorf("got %d", resp.StatusCode)
				}
			})
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		if got := fetches.Load(); got != 1 {
			t.Errorf("fetched %d times", got)
		}
	})
}

func TestWhatCannotBeFetched(t *testing.T) {
	t.Parallel()
	fails := func(err error) fetcher {
		return func(context.Context, string, string) error { return err }
	}
	secret := &url.Error{Op: "Get", URL: "https://api.parley.test/bot1:secret", Err: errors.New("gone")}
	busy := &channel.Error{Reason: parley.NewReason(parley.ReasonChannelFailure, "busy"), Outcome: channel.TryAgain}
	for name, tt := range map[string]struct {
		fetch  fetcher
		status int
		code   string
	}{
		"unknown":       {absent, 404, "NOT_FOUND"},
		"not saved":     {fails(nil), 404, "NOT_FOUND"},
		"too large":     {fails(fmt.Errorf("fetch: %w", media.ErrTooLarge)), 404, "NOT_FOUND"},
		"refused":       {fails(channel.Refuse(parley.ReasonBadRequest, "expired")), 404, "NOT_FOUND"},
		"broken":        {fails(secret), 404, "NOT_FOUND"},
		"provider busy": {fails(fmt.Errorf("fetch: %w", busy)), 503, "UNAVAILABLE"},
		"too slow":      {fails(context.DeadlineExceeded), 503, "UNAVAILABLE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, media.Options{})
			resp := ask(t, f.Handler(tt.fetch), http.MethodGet, f.URL(project, id, "a.txt"))
			wantRefusal(t, resp, tt.status, tt.code)
			if resp.Header.Get("Cache-Control") != "no-store" {
				t.Error("the error may be kept")
			}
			if log := f.log.String(); !strings.Contains(log, "media_id="+id) || strings.Contains(log, "secret") {
				t.Errorf("log: %s", log)
			}
		})
	}
}

func TestOnlyHarmlessTypesAreShownInline(t *testing.T) {
	t.Parallel()
	f := newFixture(t, media.Options{})
	h := f.Handler(nil)
	for i, tt := range []struct {
		bytes, declared, filename string
		wantType, wantHow         string
		wantName                  string
	}{
		{"\x89PNG\r\n\x1a\n", "", "a.png", "image/png", "inline", "a.png"},
		{"\xff\xd8\xff\xe0", "text/html", "photo", "image/jpeg", "inline", "photo.jpg"},
		{"#!AMR\n", "", "", "audio/amr", "inline", "f2.amr"},
		{"<html><script>alert(1)</script>", "image/png", "a.png", "text/html; charset=utf-8", "attachment", "a.png"},
		{`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script/></svg>`, "image/svg+xml", "a.svg", "image/svg+xml", "attachment", "a.svg"},
		{"%PDF-1.7\n", "", "bill.pdf", "application/pdf", "attachment", "bill.pdf"},
		{"BEGIN:VCARD\nVERSION:3.0\n", "", "", "text/vcard", "attachment", "f6.vcf"},
		{"a,b", "text/csv; charset=utf-8", "", "text/csv; charset=utf-8", "attachment", "f7.csv"},
		{"\x00\x01\x02\x03", "audio/aac", "", "audio/aac", "inline", "f8.aac"},
		{"\x00\x01\x02\x03", "nonsense\r\nX: y", "", "application/octet-stream", "attachment", "f9"},
		{"", "", "", "text/plain", "attachment", "f10.txt"},
		{"x", "", "Bücher “1”.txt", "text/plain; charset=utf-8", "attachment", "Bücher “1”.txt"},
		{"x", "", "../../etc/passwd", "text/plain; charset=utf-8", "attachment", "passwd.txt"},
		{"x", "", `C:\x\evil".txt`, "text/plain; charset=utf-8", "attachment", "evil.txt"},
		{"x", "", "a\r\nSet-Cookie: b\u202etxt.exe", "text/plain; charset=utf-8", "attachment", "aSet-Cookie btxt.exe"},
		{"x", "", "..", "text/plain; charset=utf-8", "attachment", "f15.txt"},
		{"x", "", strings.Repeat("ü", 200) + ".txt", "text/plain; charset=utf-8", "attachment", strings.Repeat("ü", 62) + ".txt"},
		{"x", "", "a?expires=1&signature=2#%41.txt", "text/plain; charset=utf-8", "attachment", "aexpires=1&signature=2#%41.txt"},
	} {
		name := fmt.Sprintf("f%d", i)
		if err := f.Save(t.Context(), project, name, content(tt.bytes, tt.declared)); err != nil {
			t.Fatal(err)
		}
		resp := ask(t, h, http.MethodGet, f.URL(project, name, tt.filename))
		if resp.StatusCode != http.StatusOK || body(t, resp) != tt.bytes {
			t.Errorf("%d: got %d", i, resp.StatusCode)
			continue
		}
		how, params, err := mime.ParseMediaType(resp.Header.Get("Content-Disposition"))
		got := []string{resp.Header.Get("Content-Type"), how, params["filename"]}
		if d := cmp.Diff([]string{tt.wantType, tt.wantHow, tt.wantName}, got); d != "" || err != nil {
			t.Errorf("%d: %v\n%s", i, err, d)
		}
	}
}
