package rcs

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

const (
	// googleTokenURL is where tokens come from when the key file does not say.
	googleTokenURL = "https://oauth2.googleapis.com/token" //nolint:gosec // an address, not a token
	scope          = "https://www.googleapis.com/auth/rcsbusinessmessaging"
	grantType      = "urn:ietf:params:oauth:grant-type:jwt-bearer"

	assertionLife = time.Hour       // the most Google takes
	refreshEarly  = 5 * time.Minute // before a token expires
	maxTokens     = 10_000          // kept at a time
)

// tokens are the access tokens at hand, by account.
type tokens struct {
	mu sync.Mutex
	by map[tokenKey]token
}

// A tokenKey tells accounts apart. A key that was replaced has another id, or
// at least another text.
type tokenKey struct{ url, email, keyID, key string }

type token struct {
	value   string
	expires time.Time
}

func (a *googleAccount) tokenKey(c *channel.Conn) tokenKey {
	s := a.ServiceAccount
	return tokenKey{a.tokenURL(c), s.ClientEmail, s.PrivateKeyID, s.PrivateKey}
}

// tokenURL is the key file's, or lies at the replacement address.
func (a *googleAccount) tokenURL(c *channel.Conn) string {
	if base := c.URL(""); base != "" {
		return base + "/token"
	}
	return a.audience()
}

func (a *googleAccount) audience() string { return cmp.Or(a.ServiceAccount.TokenURI, googleTokenURL) }

// get returns an access token: the one at hand, or a new one.
func (t *tokens) get(ctx context.Context, c *channel.Conn, a *googleAccount) (string, error) {
	if a.ServiceAccount == nil {
		return a.token, nil
	}
	t.mu.Lock()
	has, ok := t.by[a.tokenKey(c)]
	t.mu.Unlock()
	if ok && c.Now().Before(has.expires.Add(-refreshEarly)) {
		return has.value, nil
	}
	return t.fetch(ctx, c, a)
}

// fetch asks for a new access token and keeps it. Two calls at a time do no
// harm: Google's tokens do not replace each other.
func (t *tokens) fetch(ctx context.Context, c *channel.Conn, a *googleAccount) (string, error) {
	got, err := a.exchange(ctx, c)
	if err != nil {
		return "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.by == nil || len(t.by) >= maxTokens {
		t.by = map[tokenKey]token{}
	}
	t.by[a.tokenKey(c)] = got
	return got.value, nil
}

// exchange trades an assertion signed by the service account for an access
// token (RFC 7523). Asking again is harmless, so that no answer means TryAgain.
func (a *googleAccount) exchange(ctx context.Context, c *channel.Conn) (token, error) {
	assertion, err := a.assertion(c.Now())
	if err != nil {
		e := channel.Refuse(parley.ReasonChannelBadConfiguration, "the service account's key cannot sign")
		e.Err = err
		return token{}, e
	}
	form := url.Values{"grant_type": {grantType}, "assertion": {assertion}}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	answer, err := channel.PostJSON(ctx, c, a.tokenURL(c), header, []byte(form.Encode()))
	if err != nil {
		return token{}, again(err)
	}
	if !answer.OK() {
		return token{}, a.tokenRefusal(answer)
	}
	var given struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"` // seconds
	}
	if json.Unmarshal(answer.Body, &given) != nil || !lineForm.MatchString(given.AccessToken) {
		return token{}, again(channel.Verdict(answer, "the answer holds no access token"))
	}
	return token{given.AccessToken, c.Now().Add(time.Duration(given.ExpiresIn) * time.Second)}, nil
}

func (a *googleAccount) assertion(now time.Time) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": a.ServiceAccount.ClientEmail, "scope": scope, "aud": a.audience(),
		"iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	})
	if a.ServiceAccount.PrivateKeyID != "" {
		t.Header["kid"] = a.ServiceAccount.PrivateKeyID
	}
	return t.SignedString(a.key)
}

// tokenRefusal reads an OAuth error (RFC 6749, section 5.2).
func (a *googleAccount) tokenRefusal(answer *channel.Answer) *channel.Error {
	var body struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(answer.Body, &body) != nil {
		body.Error = ""
	}
	words := a.redact(strings.Trim(body.Error+": "+body.Description, ": "))
	e := channel.Verdict(answer, words)
	if e.Outcome == channel.NotSent {
		e.Reason.Code = parley.ReasonChannelBadConfiguration
	}
	e.Reason.ChannelCode = body.Error
	return e
}
