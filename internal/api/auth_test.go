package api

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// grant gets a token and returns it.
func (h *harness) grant(t testing.TB) string {
	t.Helper()
	var a tokenAnswer
	h.do(h.tokenRequest("grant_type=client_credentials", testKey, testSecret)).into(t, &a)
	return a.AccessToken
}

// tokenRequest is a token request with Basic credentials unless key is "".
func (h *harness) tokenRequest(form, key, secret string) *http.Request {
	r := httptest.NewRequest("POST", "/oauth2/token", strings.NewReader(form))
	if key != "" {
		r.SetBasicAuth(key, secret)
	}
	return r
}

// with makes a request for the list of apps with an Authorization header.
func (h *harness) with(authorization string) answer {
	r := h.request("GET", "P/apps", "")
	r.Header.Set("Authorization", authorization)
	return h.do(r)
}

// challenges returns the answer's www-authenticate headers, of which the name
// must be in lower case.
func (a answer) challenges() []string { return map[string][]string(a.header)["www-authenticate"] }

// denied checks for a 401 and whether its header says "expired".
func denied(t *testing.T, a answer, expired bool) {
	t.Helper()
	a.fails(t, 401, "UNAUTHENTICATED", "")
	values := a.challenges()
	if len(values) != 1 {
		t.Fatalf("no www-authenticate in %v", a.header)
	}
	if strings.Contains(values[0], "expired") != expired {
		t.Errorf("www-authenticate %q", values[0])
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	a := h.do(h.tokenRequest("grant_type=client_credentials", testKey, testSecret))
	var got tokenAnswer
	a.into(t, &got)
	if got.ExpiresIn != 3599 || got.TokenType != "bearer" || !strings.Contains(a.body, `"scope":""`) {
		t.Errorf("answer %s", a.body)
	}
	if a.header.Get("Cache-Control") != "no-store" {
		t.Error("the answer may be cached")
	}
	h.with("Bearer "+got.AccessToken).into(t, new(appList))
	h.with("bearer "+got.AccessToken).into(t, new(appList))
	h.do(h.tokenRequest("grant_type=client_credentials&client_id=%27key-1&client_secret=secret-1", "", "")).into(t, &got)
	h.with("Bearer "+got.AccessToken).into(t, new(appList))
}

func TestTokenErrors(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for name, c := range map[string]struct {
		form, key, secret string
		status            int
		body              string
	}{
		"wrong secret": {"grant_type=client_credentials", testKey, "no", 401, `{"error":"invalid_client",`},
		"wrong key":    {"grant_type=client_credentials", "no", testSecret, 401, `{"error":"invalid_client",`},
		"odd key":      {"grant_type=client_credentials", "a\x00\xff", "b", 401, `{"error":"invalid_client",`},
		"no key":       {"grant_type=client_credentials", "", "", 401, `{"error":"invalid_client",`},
		"other grant":  {"grant_type=password", testKey, testSecret, 400, `{"error":"unsupported_grant_type",`},
		"no grant":     {"", testKey, testSecret, 400, `{"error":"invalid_request",`},
		"bad form":     {"%zz", testKey, testSecret, 400, `{"error":"invalid_request",`},
		"long form":    {strings.Repeat("a", maxForm+1), testKey, testSecret, 400, `{"error":"invalid_request",`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := h.do(h.tokenRequest(c.form, c.key, c.secret))
			if a.status != c.status || !strings.HasPrefix(a.body, c.body) || !strings.Contains(a.body, `"error_description":`) {
				t.Errorf("%d %s", a.status, a.body)
			}
			if a.status == 401 && (len(a.challenges()) != 1 || !strings.HasPrefix(a.challenges()[0], "Basic")) {
				t.Errorf("header %v", a.header)
			}
		})
	}
}

func TestExpiredToken(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	token := h.grant(t)
	h.clock.advance(tokenLife - time.Second)
	h.with("Bearer "+token).into(t, new(appList))
	h.clock.advance(time.Second)
	denied(t, h.with("Bearer "+token), true) // one it remembers
	h.clock.advance(time.Minute)
	denied(t, newServer(h).with("Bearer "+token), true) // one it does not
	h.clock.advance(2 * keyLife)
	check(t, h.api.RotateSigningKey(t.Context()))
	check(t, h.api.RotateSigningKey(t.Context()))
	denied(t, newServer(h).with("Bearer "+token), true) // one whose key is gone
}

// newServer returns another server on the same database: another node.
func newServer(h *harness) *harness {
	other := *h
	other.api = New(Options{
		Engine: h.api.engine, Store: h.store, Log: h.api.log, Now: h.clock.now,
	})
	return &other
}

func TestBadCredentials(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	token := h.grant(t)
	forged := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Issuer: tokenIssuer, Subject: testKey, ExpiresAt: jwt.NewNumericDate(h.clock.now().Add(time.Hour)),
	})
	forged.Header["kid"] = h.api.auth.signer.keys[0].ID
	signed, err := forged.SignedString([]byte("a guess"))
	check(t, err)
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, forged.Claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
	check(t, err)
	for name, header := range map[string]string{
		"none":        "",
		"scheme":      "Digest abc",
		"no token":    "Bearer",
		"not a token": "Bearer abc",
		"cut short":   "Bearer " + token[:len(token)-3],
		"forged":      "Bearer " + signed,
		"unsigned":    "Bearer " + unsigned,
		"too long":    "Bearer " + strings.Repeat("a", maxHeader),
		"not base64":  "Basic !",
		"no colon":    "Basic YWJj",
		"wrong basic": "Basic YTpi",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			denied(t, h.with(header), false)
		})
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	node := newServer(h)
	first := h.grant(t)
	node.with("Bearer "+first).into(t, new(appList))

	h.clock.advance(time.Minute)
	check(t, h.api.RotateSigningKey(t.Context()))
	second := h.grant(t)
	h.clock.advance(reloadSoon)
	node.with("Bearer "+second).into(t, new(appList)) // a kid it has not seen
	newServer(h).with("Bearer "+first).into(t, new(appList))

	h.clock.advance(keyGrace)
	check(t, h.api.RotateSigningKey(t.Context()))
	keys, err := h.store.SigningKeys(t.Context())
	check(t, err)
	if len(keys) != 2 {
		t.Errorf("%d signing keys are kept, want the new one and the one before", len(keys))
	}
	denied(t, newServer(h).with("Bearer "+first), true)

	h.grant(t)
	h.clock.advance(keyLife)
	h.grant(t)
	after, err := h.store.SigningKeys(t.Context())
	check(t, err)
	if after[0].ID == keys[0].ID {
		t.Error("the signing key was not replaced in time")
	}
}

// TestRetiredKey checks that a signing key that was stolen and replaced forges
// nothing once its time is over, even while its row is still there.
func TestRetiredKey(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.grant(t)
	stolen := h.api.auth.signer.keys[0]
	check(t, h.api.RotateSigningKey(t.Context()))
	h.clock.advance(keyGrace + time.Second)
	forged := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Issuer: tokenIssuer, Subject: testKey, ExpiresAt: jwt.NewNumericDate(h.clock.now().Add(time.Hour)),
	})
	forged.Header["kid"] = stolen.ID
	signed, err := forged.SignedString(stolen.Secret)
	check(t, err)
	denied(t, newServer(h).with("Bearer "+signed), false)
	denied(t, h.with("Bearer "+signed), false)
}

func TestRevokedKey(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	token := h.grant(t)
	h.with("Bearer "+token).into(t, new(appList))
	h.call("GET", "P/apps", "").into(t, new(appList))
	check(t, h.store.RevokeKey(t.Context(), testKey))
	h.clock.advance(5 * time.Second)
	denied(t, h.with("Bearer "+token), false)
	denied(t, h.call("GET", "P/apps", ""), false)
	if a := h.do(h.tokenRequest("grant_type=client_credentials", testKey, testSecret)); a.status != 401 {
		t.Errorf("token request: %d %s", a.status, a.body)
	}
}

func TestOtherProject(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	_, err := h.store.CreateProject(t.Context(), "project-2", "Other")
	check(t, err)
	key, err := h.store.CreateKey(t.Context(), "project-2", "", "")
	check(t, err)
	id := h.app(t, dispatchApp)
	for _, path := range []string{"P/apps", "P/apps/" + id, "P/events"} {
		r := h.request("GET", path, "")
		r.SetBasicAuth(key.ID, key.Secret)
		h.do(r).fails(t, 403, "PERMISSION_DENIED", "")
	}
	// A resource of another project does not exist in one's own.
	r := h.request("GET", "/v1/projects/project-2/apps/"+id, "")
	r.SetBasicAuth(key.ID, key.Secret)
	h.do(r).fails(t, 404, "NOT_FOUND", "")
}

func TestRateLimits(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(o *Options) { o.RateLimits = true })
	token := func() int {
		return h.do(h.tokenRequest("grant_type=client_credentials", testKey, testSecret)).status
	}
	if got := count(tokenBurst+5, token); got[200] != tokenBurst || got[429] != 5 {
		t.Errorf("token requests: %v", got)
	}
	h.clock.advance(time.Second)
	if got := count(tokenBurst, token); got[200] != tokensPerSecond {
		t.Errorf("token requests a second later: %v", got)
	}
	request := func() int { return h.call("GET", "P/webhooks/x", "").status }
	if got := count(requestsPerSecond+3, request); got[404] != requestsPerSecond || got[429] != 3 {
		t.Errorf("requests: %v", got)
	}
	h.call("GET", "P/apps", "").fails(t, 429, "RESOURCE_EXHAUSTED", "")
}

// count calls f n times and counts what it returns.
func count(n int, f func() int) map[int]int {
	out := map[int]int{}
	for range n {
		out[f()]++
	}
	return out
}

// TestDatabaseDown checks that a failure of ours is not taken for the
// caller's: a client that is told 401 throws its token away.
func TestDatabaseDown(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	token := h.grant(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := h.request("GET", "P/apps", "").WithContext(ctx)
	r.Header.Set("Authorization", "Bearer "+token)
	newServer(h).do(r).fails(t, 503, "UNAVAILABLE", "")
}

// TestHeaderCase reads the answer off the wire: Go's own client would change
// the header's name.
func TestHeaderCase(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	srv := httptest.NewServer(h.api.Handler())
	t.Cleanup(srv.Close)
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	check(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = conn.Write([]byte("GET /v1/projects/p/apps HTTP/1.1\r\nHost: x\r\n\r\n"))
	check(t, err)
	for lines := bufio.NewScanner(conn); lines.Scan() && lines.Text() != ""; {
		if strings.HasPrefix(lines.Text(), "www-authenticate: ") {
			return
		}
	}
	t.Error("no www-authenticate in lower case")
}

func TestRecent(t *testing.T) {
	t.Parallel()
	c := newRecent[int, string](2)
	c.put(1, "a")
	c.put(2, "b")
	c.put(3, "c") // a new generation
	if v, ok := c.get(1); !ok || v != "a" {
		t.Error("1 was forgotten although there was room")
	}
	c.put(4, "d") // and another: 2 was not used since
	if _, ok := c.get(2); ok {
		t.Error("2 is still known")
	}
	if _, ok := c.get(1); !ok {
		t.Error("1 was used and is forgotten")
	}
	if got := c.getOr(5, func() string { return "e" }); got != "e" {
		t.Errorf("getOr makes %q", got)
	}
	if got := c.getOr(5, func() string { return "f" }); got != "e" {
		t.Errorf("getOr makes it again: %q", got)
	}
}

func TestSignerForgets(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	old := store.SigningKey{ID: "old", Secret: []byte("x"), CreatedAt: h.clock.now().Add(-keyLife)}
	check(t, h.store.AddSigningKey(t.Context(), old, time.Time{}))
	h.grant(t) // replaces it
	keys, err := h.store.SigningKeys(t.Context())
	check(t, err)
	if len(keys) != 2 || keys[1].ID != "old" || parley.IsID(keys[1].ID) || !parley.IsID(keys[0].ID) {
		t.Errorf("keys %v", keys)
	}
}
