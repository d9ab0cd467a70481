package egress_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley/internal/egress"
)

func TestRedirectToAPrivateHostIsRefused(t *testing.T) {
	t.Parallel()
	var reached bool
	inside := serve(t, func(http.ResponseWriter, *http.Request) { reached = true })
	outside := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, inside.String()+"/admin", http.StatusFound)
	})
	e := open(t, egress.Options{Allowed: []string{outside.Host}})
	_, err := get(t, e.Client("media", egress.ClientOptions{Redirects: 5}), outside.String())
	if !errors.Is(err, egress.ErrPrivate) || reached {
		t.Errorf("got %v, reached %t; want ErrPrivate, not reached", err, reached)
	}
}

func TestRedirectsAreCounted(t *testing.T) {
	t.Parallel()
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Referer") != "" {
			t.Errorf("a Referer was sent: %s", r.Header.Get("Referer"))
		}
		n, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		if n > 0 {
			http.Redirect(w, r, "/"+strconv.Itoa(n-1), http.StatusFound)
		}
	})
	e := open(t, egress.Options{AllowPrivate: true})
	for _, tt := range []struct {
		follow, path int
		status       int // 0: an error
	}{{0, 1, 302}, {0, 0, 200}, {5, 5, 200}, {5, 6, 0}, {1, 1, 200}, {1, 2, 0}} {
		resp, err := get(t, e.Client("test", egress.ClientOptions{Redirects: tt.follow}), u.String()+"/"+strconv.Itoa(tt.path))
		status := 0
		if err == nil {
			status = resp.StatusCode
			resp.Body.Close()
		}
		if status != tt.status {
			t.Errorf("follow %d of %d: got %d (%v), want %d", tt.follow, tt.path, status, err, tt.status)
		}
	}
}

func TestABrokenLocationIsStillAnAnswer(t *testing.T) {
	t.Parallel()
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://a b/%zz?token=secret")
		w.WriteHeader(http.StatusFound)
	})
	e := open(t, egress.Options{AllowPrivate: true})
	resp, err := get(t, e.Client("callback", egress.ClientOptions{}), u.String())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusFound {
		t.Errorf("got %d", resp.StatusCode)
	}
}

func TestProxyVariablesAreIgnored(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://proxy.parley.test:3128")
	// Go never uses a proxy for loopback, so the server has a name.
	u := serve(t, func(http.ResponseWriter, *http.Request) {})
	e := open(t, egress.Options{AllowPrivate: true, Resolver: startDNS(t, []string{"127.0.0.1"})})
	resp, err := get(t, e.Client("test", egress.ClientOptions{}), "http://hook.parley.test:"+u.Port())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("got %d", resp.StatusCode)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		if r.URL.Path == "/chunked" {
			w.(http.Flusher).Flush()
		} else {
			w.Header().Set("Content-Length", strconv.Itoa(n))
		}
		_, _ = io.WriteString(w, strings.Repeat("x", n))
	})
	e := open(t, egress.Options{AllowPrivate: true})
	c := e.Client("test", egress.ClientOptions{MaxBody: 100})
	for path, want := range map[string]error{
		"/?n=100": nil, "/?n=101": egress.ErrBodyTooLarge, "/chunked?n=100": nil, "/chunked?n=101": egress.ErrBodyTooLarge,
		"/chunked?n=5000": egress.ErrBodyTooLarge, "/chunked?n=0": nil,
	} {
		resp, err := get(t, c, u.String()+path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if !errors.Is(err, want) || len(body) > 100 {
			t.Errorf("%s: got %d bytes, %v; want %v", path, len(body), err, want)
		}
	}
}

func TestHeadersAreBounded(t *testing.T) {
	t.Parallel()
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 128<<10)) })
	e := open(t, egress.Options{AllowPrivate: true})
	if resp, err := get(t, e.Client("test", egress.ClientOptions{}), u.String()); err == nil {
		resp.Body.Close()
		t.Error("128 KiB of headers were taken")
	}
}

func TestCertificatesAreChecked(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	e := open(t, egress.Options{AllowPrivate: true})
	// The certificate is nobody's: refused, and not as a private address.
	_, err := get(t, e.Client("test", egress.ClientOptions{}), s.URL)
	if err == nil || errors.Is(err, egress.ErrPrivate) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v, want a certificate error", err)
	}
}

func TestOutcomesAreCounted(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch status, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/")); status {
		case 0:
			<-release
		case 1:
			panic(http.ErrAbortHandler)
		default:
			w.WriteHeader(status)
		}
	})
	defer close(release)
	closed := serve(t, nil)
	reg := prometheus.NewRegistry()
	e := open(t, egress.Options{Metrics: reg, Allowed: []string{u.Host, "127.0.0.1:1"}})
	c := e.Client("callback", egress.ClientOptions{HeaderTimeout: 50 * time.Millisecond})
	for _, address := range []string{
		u.String() + "/200", u.String() + "/204", u.String() + "/302", u.String() + "/404", u.String() + "/503",
		u.String() + "/0", u.String() + "/1", closed.String(), "http://127.0.0.1:1/",
	} {
		if resp, err := get(t, c, address); err == nil {
			resp.Body.Close()
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if _, err := c.Do(req); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	want := map[string]float64{
		"2xx": 2, "3xx": 1, "4xx": 1, "5xx": 1, "private": 1, "timeout": 1, "broken": 1, "unreachable": 1, "canceled": 1, "other": 0,
	}
	if d := cmp.Diff(want, counted(t, reg)); d != "" {
		t.Error(d)
	}
	open(t, egress.Options{Metrics: reg}).Client("again", egress.ClientOptions{}) // the same registry does no harm
}

// counted returns the request counts by outcome.
func counted(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "outcome" {
					got[l.GetValue()] = m.GetCounter().GetValue()
				}
			}
		}
	}
	return got
}

func TestRedactTakesSecretsOut(t *testing.T) {
	t.Parallel()
	e := open(t, egress.Options{Resolver: startDNS(t, nil)})
	c := e.Client("telegram", egress.ClientOptions{})
	_, err := get(t, c, "https://bob:hunter2@api.parley.test/bot123:secret/sendMessage?token=secret")
	if err == nil {
		t.Fatal("no error")
	}
	cause := errors.New("the cause")
	for name, err := range map[string]error{
		"plain":   err,
		"wrapped": fmt.Errorf("send: %w", err),
		"joined":  errors.Join(cause, err),
		"twice":   fmt.Errorf("a: %w", &url.Error{Op: "Post", URL: "http://x/secret", Err: &url.Error{Op: "parse", URL: ":secret", Err: cause}}),
	} {
		got := egress.Redact(err)
		for ; got != nil; got = errors.Unwrap(got) {
			for _, secret := range []string{"secret", "hunter2", "bob"} {
				if strings.Contains(got.Error(), secret) {
					t.Errorf("%s: %q shows %q", name, got, secret)
				}
			}
		}
		got = egress.Redact(err)
		if u, ok := errors.AsType[*url.Error](got); !ok || strings.Contains(u.Error(), "secret") {
			t.Errorf("%s: *url.Error: %t %v", name, ok, u)
		}
		if errors.Is(err, cause) != errors.Is(got, cause) {
			t.Errorf("%s: lost its cause", name)
		}
	}
	want := `Get "https://api.parley.test/***": dial api.parley.test:443: no such host`
	if got := egress.Redact(err).Error(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := egress.Redact(cause); !errors.Is(got, cause) || got.Error() != cause.Error() {
		t.Errorf("an error without a URL became %v", got)
	}
}

func TestRedactURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://example.com":            "https://example.com",
		"https://example.com/":           "https://example.com",
		"https://u:p@example.com:8443/a": "https://example.com:8443/***",
		"https://example.com?k=v":        "https://example.com/***",
		"/path":                          "***",
		"mailto:somebody@example.com":    "***",
	} {
		u, err := url.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := egress.RedactURL(u); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	if got := egress.RedactURL(nil); got != "***" {
		t.Errorf("nil: got %s", got)
	}
}

func TestDialErrorsKeepTheirCause(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	e := open(t, egress.Options{AllowPrivate: true, Resolver: startDNS(t, []string{"127.0.0.1"})})
	_, err = e.Dial(t.Context(), "tcp", "smsc.parley.test:"+port)
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want ECONNREFUSED", err)
	}
	if strings.Contains(fmt.Sprint(err), "127.0.0.1") {
		t.Errorf("shows the resolved address: %v", err)
	}
}

// BenchmarkRoundTrip shows what the guard and the counting cost beside a
// plain transport.
func BenchmarkRoundTrip(b *testing.B) {
	u := serve(b, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	plain := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
	b.Cleanup(plain.CloseIdleConnections)
	e := open(b, egress.Options{AllowPrivate: true, Metrics: prometheus.NewRegistry()})
	for name, rt := range map[string]http.RoundTripper{
		"plain":  plain,
		"egress": e.Client("bench", egress.ClientOptions{}).Transport,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					req, _ := http.NewRequestWithContext(b.Context(), http.MethodPost, u.String(), strings.NewReader("{}"))
					resp, err := rt.RoundTrip(req)
					if err != nil {
						b.Error(err)
						return
					}
					resp.Body.Close()
				}
			})
		})
	}
}
