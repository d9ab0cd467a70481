package media_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/egress"
	"github.com/parley-im/parley/internal/media"
)

const png = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"

// host serves files: by their path a content type, a size or a status.
func host(t *testing.T, asked *int) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked++
		switch r.URL.Path {
		case "/a.png":
			w.Header().Set("Content-Type", "image/png")
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader(png+strings.Repeat("x", 1000)))
		case "/bare":
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = io.WriteString(w, png)
		case "/page":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, "<html>")
		case "/signed": // for GET only, as addresses of object stores are
			if r.Method != http.MethodGet {
				w.WriteHeader(http.StatusForbidden)
			}
			_, _ = io.WriteString(w, png)
		case "/moved":
			http.Redirect(w, r, "/a.png", http.StatusFound)
		case "/down":
			w.WriteHeader(http.StatusBadGateway)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func outbound(t *testing.T, private bool) *media.Outbound {
	t.Helper()
	door := egress.New(egress.Options{AllowPrivate: private, Now: time.Now})
	t.Cleanup(door.Close)
	return media.NewOutbound(door.Client("media", egress.ClientOptions{Redirects: 2}), func() time.Time { return start })
}

func TestOutboundCheck(t *testing.T) {
	t.Parallel()
	images := []channel.MediaType{{Type: "image/png", MaxBytes: 2000}, {Type: "image/*"}}
	for _, tt := range []struct {
		path    string
		accepts []channel.MediaType
		reason  parley.ReasonCode // "" means fine
		outcome channel.Outcome
	}{
		{"/a.png", images, "", 0},
		{"/a.png", nil, "", 0},
		{"/bare", images, "", 0},
		{"/signed", images, "", 0},
		{"/moved", images, "", 0},
		{"/a.png", []channel.MediaType{{Type: "image/png", MaxBytes: 100}, {Type: "*/*"}}, parley.ReasonMediaTooLarge, channel.NotSent},
		{"/page", images, parley.ReasonMediaTypeUnsupported, channel.NotSent},
		{"/page", append(images, channel.MediaType{Type: "*/*"}), "", 0},
		{"/gone", images, parley.ReasonMediaNotReachable, channel.NotSent},
		{"/down", images, parley.ReasonMediaNotReachable, channel.TryAgain},
	} {
		t.Run(tt.path, func(t *testing.T) {
			t.Parallel()
			var asked int
			err := outbound(t, true).Check(t.Context(), host(t, &asked)+tt.path, tt.accepts)
			if tt.reason == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if e := channel.AsError(err); err == nil || e.Reason.Code != tt.reason || e.Outcome != tt.outcome {
				t.Errorf("got %v, want %s, %v", err, tt.reason, tt.outcome)
			}
		})
	}
}

// TestOutboundEvidence tells what speaks against a file from what only says
// that our network does not get there.
func TestOutboundEvidence(t *testing.T) {
	t.Parallel()
	var asked int
	if err := outbound(t, false).Check(t.Context(), host(t, &asked)+"/a.png", nil); err == nil || asked > 0 {
		t.Errorf("a private address: %v, asked %d times", err, asked)
	}
	if err := outbound(t, true).Check(t.Context(), "http://no-such-host.invalid/a.png", nil); err != nil {
		t.Errorf("an unknown name: %v", err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String() + "/a.png"
	_ = l.Close()
	if err := outbound(t, true).Check(t.Context(), closed, nil); err == nil {
		t.Error("a host that refuses the connection passes")
	}
}

func TestOutboundRemembers(t *testing.T) {
	t.Parallel()
	var asked int
	o, address := outbound(t, true), host(t, &asked)
	for range 3 {
		if err := o.Check(t.Context(), address+"/a.png", nil); err != nil {
			t.Fatal(err)
		}
		if err := o.Check(t.Context(), address+"/gone", nil); err == nil {
			t.Fatal("a missing file passes")
		}
	}
	if asked != 4 {
		t.Errorf("the host was asked %d times, want once for what is there and always for what is not", asked)
	}
}

func TestOutboundOpen(t *testing.T) {
	t.Parallel()
	var asked int
	o, address := outbound(t, true), host(t, &asked)
	m, err := o.Open(context.WithoutCancel(t.Context()), address+"/a.png")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Body.Close() }()
	b, err := io.ReadAll(m.Body)
	if err != nil || m.MIME != "image/png" || m.Size != int64(len(b)) || !strings.HasPrefix(string(b), png) {
		t.Errorf("got %d bytes of %s, %d said, %v", len(b), m.MIME, m.Size, err)
	}
	if _, err := o.Open(t.Context(), address+"/gone"); channel.AsError(err).Reason.Code != parley.ReasonMediaNotReachable {
		t.Errorf("got %v", err)
	}
}
