package media_test

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/parley-im/parley/internal/media"
)

// bucketStore is a store over an object store of somebody else's making.
func bucketStore(t *testing.T, transport http.RoundTripper) (*media.Store, string) {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("media"); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	bucket, err := media.ParseBucket("s3://id:secret@"+u.Host+"/media/parley?tls=off&region=us-east-1", transport)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s, err := media.New(media.Options{
		Dir: dir, Bucket: bucket, Key: bytes.Repeat([]byte{7}, 32), Now: new(clock).now, Logger: slog.New(slog.DiscardHandler),
		PublicURL: "https://parley.example",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, dir
}

func TestBucketKeepsFiles(t *testing.T) {
	t.Parallel()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	s, dir := bucketStore(t, transport)
	body := png + strings.Repeat("x", 20<<20) // more than one part of an upload
	if err := s.Save(t.Context(), project, id, content(body, "image/png")); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir + "/.incoming")
	if err != nil || len(left) > 0 {
		t.Errorf("left in the directory: %v, %v", left, err)
	}
	get := func(address, part string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, strings.TrimPrefix(address, "https://parley.example"), http.NoBody)
		if part != "" {
			r.Header.Set("Range", part)
		}
		w := httptest.NewRecorder()
		s.Handler(func(context.Context, string, string) error { return fs.ErrNotExist }).ServeHTTP(w, r)
		return w
	}
	address := s.URL(project, id, "cat.png")
	w := get(address, "")
	if w.Code != http.StatusOK || w.Body.String() != body || w.Header().Get("Content-Type") != "image/png" {
		t.Errorf("got %d, %d bytes of %s", w.Code, w.Body.Len(), w.Header().Get("Content-Type"))
	}
	if w := get(address, "bytes=1-3"); w.Code != http.StatusPartialContent || w.Body.String() != "PNG" {
		t.Errorf("a part: %d %q", w.Code, w.Body)
	}
	if w := get(s.URL(project, "01FJA8B466Y0R2GNXD78MD9SM2", "dog.png"), ""); w.Code != http.StatusNotFound {
		t.Errorf("another file: %d", w.Code)
	}
	for range 2 { // the second time it is not there
		if err := s.Remove(t.Context(), project, id); err != nil {
			t.Error(err)
		}
	}
	if w := get(address, ""); w.Code != http.StatusNotFound {
		t.Errorf("a file that was removed: %d", w.Code)
	}
}

func TestParseBucket(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"", "/tmp/media", "https://id:secret@host/media", "s3://id:secret@host", "s3://id:secret@host/media?tls=maybe",
		"s3://id:secret@host/media?acl=public", "s3://id:secret@ho st/media",
	} {
		if _, err := media.ParseBucket(bad, http.DefaultTransport); err == nil || strings.Contains(err.Error(), "secret@") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := media.ParseBucket("s3://s3.eu-north-1.amazonaws.com/media?region=eu-north-1", http.DefaultTransport); err != nil {
		t.Error(err)
	}
}
