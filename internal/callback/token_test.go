package callback

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
)

// An authority is a token endpoint and the receiver that wants its tokens.
type authority struct {
	issued atomic.Int64
	valid  atomic.Int64 // the number of the token the receiver takes
	mu     sync.Mutex
	forms  []map[string]string // what was asked for, header included
	reply  func(n int64) (int, string)
}

func newAuthority(t *testing.T) (*authority, *rig) {
	t.Helper()
	a := &authority{reply: func(n int64) (int, string) {
		return http.StatusOK, fmt.Sprintf(`{"access_token":"t0ken-%d","expires_in":300}`, n)
	}}
	a.valid.Store(1)
	srv := answer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			a.token(w, r)
			return
		}
		if r.Header.Get("Authorization") != fmt.Sprintf("Bearer t0ken-%d", a.valid.Load()) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.Header.Get(HeaderSignature) == "" {
			t.Error("a callback with a token is not signed")
		}
	})
	r := newRig(t, srv.URL+"/hook", nil)
	r.hook.ClientCredentials = &parley.ClientCredentials{
		ClientID: "client:1", ClientSecret: "pa55word", Endpoint: srv.URL + "/token", Scope: "callbacks write",
	}
	return a, r
}

func (a *authority) token(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	form := map[string]string{}
	for name := range r.PostForm {
		form[name] = r.PostForm.Get(name)
	}
	if user, password, ok := r.BasicAuth(); ok {
		form["basic"] = user + " " + password
	}
	a.mu.Lock()
	a.forms = append(a.forms, form)
	a.mu.Unlock()
	status, body := a.reply(a.issued.Add(1))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

func TestTokenRequest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		change func(*parley.ClientCredentials)
		want   map[string]string
	}{
		{
			func(*parley.ClientCredentials) {},
			map[string]string{"grant_type": "client_credentials", "scope": "callbacks write", "basic": "client%3A1 pa55word"},
		},
		{
			func(c *parley.ClientCredentials) { c.TokenRequestType, c.Scope, c.ResponseType = "BASIC", " ", "token" },
			map[string]string{"grant_type": "client_credentials", "response_type": "token", "basic": "client%3A1 pa55word"},
		},
		{
			func(c *parley.ClientCredentials) { c.TokenRequestType, c.Scope = "FORM", "" },
			map[string]string{"grant_type": "client_credentials", "client_id": "client:1", "client_secret": "pa55word"},
		},
	} {
		a, r := newAuthority(t)
		c.change(r.hook.ClientCredentials)
		if err := r.sender.Deliver(t.Context(), r.job(t)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]map[string]string{c.want}, a.forms); diff != "" {
			t.Errorf("token requests (-want +got):\n%s", diff)
		}
		r.noSecrets(t, nil)
	}
}

func TestTokenIsKeptAndRenewedBeforeItEnds(t *testing.T) {
	t.Parallel()
	a, r := newAuthority(t)
	deliver := func(at time.Duration, want int64) {
		t.Helper()
		r.now = start.Add(at)
		a.valid.Store(want)
		if err := r.sender.Deliver(t.Context(), r.job(t)); err != nil {
			t.Errorf("after %v: %v", at, err)
		}
		if got := a.issued.Load(); got != want {
			t.Errorf("after %v: %d tokens were issued, want %d", at, got, want)
		}
	}
	deliver(0, 1)
	deliver(269*time.Second, 1)
	deliver(271*time.Second, 2)
	r.hook.ClientCredentials = &parley.ClientCredentials{
		ClientID: "client:2", ClientSecret: "pa55word", Endpoint: r.hook.ClientCredentials.Endpoint,
	}
	deliver(272*time.Second, 3) // other credentials, another token
}

func TestTokensAreFetchedOnce(t *testing.T) {
	t.Parallel()
	a, r := newAuthority(t)
	var wg sync.WaitGroup
	for range 32 {
		j := r.job(t)
		wg.Go(func() {
			if err := r.sender.Deliver(t.Context(), j); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := a.issued.Load(); got != 1 {
		t.Errorf("32 callbacks at once took %d tokens, want 1", got)
	}
}

func TestRefusedTokenIsDropped(t *testing.T) {
	t.Parallel()
	a, r := newAuthority(t)
	a.valid.Store(2)
	err := r.sender.Deliver(t.Context(), r.job(t))
	if got := wait(t, err); got < 4*time.Second || got > 6*time.Second {
		t.Errorf("again after %v, want about 5 s", got)
	}
	r.noSecrets(t, err)
	if err := r.sender.Deliver(t.Context(), r.job(t)); err != nil {
		t.Errorf("with a new token: %v", err)
	}
}

func TestNoToken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		body   string
	}{
		{http.StatusUnauthorized, `{"error":"invalid_client pa55word"}`},
		{http.StatusInternalServerError, ""},
		{http.StatusOK, "<html>"},
		{http.StatusOK, `{"access_token":"t0ken"}`},
		{http.StatusOK, `{"access_token":"t0ken\n","expires_in":30}`},
		{http.StatusOK, `{"access_token":"t0ken","expires_in":"NaN"}`},
		{http.StatusOK, `{"access_token":"","expires_in":300}`},
		{http.StatusOK, `{"access_token":"` + strings.Repeat("t0ken", maxTokenBody) + `","expires_in":300}`},
	} {
		a, r := newAuthority(t)
		a.reply = func(int64) (int, string) { return c.status, c.body }
		for range 2 { // the second time the failure is remembered
			err := r.sender.Deliver(t.Context(), r.job(t))
			if got := wait(t, err); got < 4*time.Second || got > 6*time.Second {
				t.Errorf("%d %.40q: again after %v, want about 5 s", c.status, c.body, got)
			}
			r.noSecrets(t, err)
		}
		if got := a.issued.Load(); got != 1 {
			t.Errorf("%d %.40q: asked %d times, want once", c.status, c.body, got)
		}
		r.now = start.Add(5 * time.Second)
		a.valid.Store(2)
		a.reply = func(n int64) (int, string) {
			return http.StatusOK, fmt.Sprintf(`{"access_token":"t0ken-%d","expires_in":"300"}`, n)
		}
		if err := r.sender.Deliver(t.Context(), r.job(t)); err != nil {
			t.Errorf("once the endpoint works again: %v", err)
		}
	}
}
