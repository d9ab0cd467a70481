package callback

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/parley-im/parley"
)

// Bounds of OAuth2 tokens.
const (
	maxTokenLife   = time.Hour        // however long the endpoint says
	maxTokenMargin = 30 * time.Second // a token is renewed this long before it ends, or a tenth of its life
	tokenErrorLife = 2 * time.Second  // a failure is everybody's for this long
	maxTokenBody   = 64 << 10
)

// requestForm is the one token_request_type that puts the credentials into
// the form; BASIC, the default, puts them into the header.
const requestForm = "FORM"

// tokens fetches and keeps the OAuth2 tokens of webhooks. Callbacks that need
// the same token at the same moment share one request for it.
type tokens struct {
	client *http.Client
	now    func() time.Time

	mu        sync.Mutex
	byWebhook map[string]*token
}

// A token is fetched, or being fetched until done is closed.
type token struct {
	credentials parley.ClientCredentials // what it was asked for with
	done        chan struct{}
	value       string
	err         error
	until       time.Time // when to ask again
}

// bearer returns a webhook's token, from the endpoint if there is no good one.
func (t *tokens) bearer(ctx context.Context, webhookID string, c *parley.ClientCredentials) (string, error) {
	for {
		k, mine := t.entry(webhookID, c)
		if mine {
			t.fetch(ctx, k)
			return k.value, k.err
		}
		select {
		case <-k.done:
		case <-ctx.Done():
			return "", fmt.Errorf("wait for the webhook's token: %w", ctx.Err())
		}
		// One who gave up must not make the others fail.
		if !errors.Is(k.err, context.Canceled) {
			return k.value, k.err
		}
		t.remove(webhookID, k)
	}
}

// entry returns the webhook's token; if mine, the caller has to fetch it.
func (t *tokens) entry(webhookID string, c *parley.ClientCredentials) (k *token, mine bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k := t.byWebhook[webhookID]; k != nil && k.credentials == *c && k.good(t.now()) {
		return k, false
	}
	k = &token{credentials: *c, done: make(chan struct{})}
	t.byWebhook[webhookID] = k
	return k, true
}

// good reports whether the token can be used or is about to come.
func (k *token) good(now time.Time) bool {
	select {
	case <-k.done:
		return now.Before(k.until)
	default:
		return true
	}
}

// drop forgets a token the target refused, unless there is a newer one.
func (t *tokens) drop(webhookID, value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k := t.byWebhook[webhookID]; k != nil {
		select {
		case <-k.done:
			if k.value == value {
				delete(t.byWebhook, webhookID)
			}
		default:
		}
	}
}

func (t *tokens) remove(webhookID string, k *token) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byWebhook[webhookID] == k {
		delete(t.byWebhook, webhookID)
	}
}

// fetch fills in the token and lets those who wait go on.
func (t *tokens) fetch(ctx context.Context, k *token) {
	defer close(k.done)
	var life time.Duration
	k.value, life, k.err = t.request(ctx, &k.credentials)
	if k.err != nil {
		k.err = fmt.Errorf("get the webhook's token: %w", k.err)
		k.until = t.now().Add(tokenErrorLife)
		return
	}
	life = min(life, maxTokenLife)
	k.until = t.now().Add(life - min(life/10, maxTokenMargin))
}

// request asks the endpoint for a token and returns it with how long it is
// good for.
func (t *tokens) request(ctx context.Context, c *parley.ClientCredentials) (string, time.Duration, error) {
	req, err := tokenRequest(ctx, c)
	if err != nil {
		return "", 0, errors.New("its endpoint is not a valid URL") // the cause quotes it
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return "", 0, fmt.Errorf("post to %s: %w", req.URL.Host, cause(err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxTokenBody))
	if err != nil {
		return "", 0, fmt.Errorf("read the answer of %s: %w", req.URL.Host, cause(err))
	}
	if resp.StatusCode != http.StatusOK {
		return "", 0, statusError(req, resp)
	}
	var answer struct {
		AccessToken string  `json:"access_token"`
		ExpiresIn   seconds `json:"expires_in"`
	}
	// What is wrong with it is not repeated: it may hold a token.
	if json.Unmarshal(body, &answer) != nil || !isToken(answer.AccessToken) || answer.ExpiresIn <= 0 {
		return "", 0, fmt.Errorf("%s answered without access_token and expires_in", req.URL.Host)
	}
	return answer.AccessToken, time.Duration(min(answer.ExpiresIn, seconds(maxTokenLife/time.Second))) * time.Second, nil
}

// isToken reports whether a value can be put into a header.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

func tokenRequest(ctx context.Context, c *parley.ClientCredentials) (*http.Request, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if strings.TrimSpace(c.Scope) != "" {
		form.Set("scope", c.Scope)
	}
	if c.ResponseType != "" {
		form.Set("response_type", c.ResponseType)
	}
	inForm := c.TokenRequestType == requestForm
	if inForm {
		form.Set("client_id", c.ClientID)
		form.Set("client_secret", c.ClientSecret)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header["User-Agent"] = userAgent
	if !inForm {
		// Both are encoded first (RFC 6749, 2.3.1).
		req.SetBasicAuth(url.QueryEscape(c.ClientID), url.QueryEscape(c.ClientSecret))
	}
	return req, nil
}

// seconds is a number of them; some endpoints write it as a string.
type seconds int64

// UnmarshalJSON reads 3600, "3600" and 3600.0.
func (s *seconds) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	if err != nil || math.IsNaN(f) || f > 1e9 {
		return errors.New("not a number of seconds")
	}
	*s = seconds(f)
	return nil
}
