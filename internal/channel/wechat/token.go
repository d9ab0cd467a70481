package wechat

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// tokenMargin is how long before its end an access token is replaced.
const tokenMargin = 5 * time.Minute

// maxTokens is how many accounts' tokens are kept before those that expired
// make room.
const maxTokens = 1024

// tokens keeps the access token of each account. WeChat's stable_token gives
// all who ask the same token until it expires, so that nodes of a cluster do
// not take it from each other.
type tokens struct {
	mu sync.Mutex
	by map[tokenKey]*accessToken
}

// A tokenKey names an account; a changed secret makes it another one.
type tokenKey struct {
	appID, address string
	secret         [sha256.Size]byte
}

// An accessToken is guarded by its turn, which whoever asks for a new one
// holds meanwhile.
type accessToken struct {
	turn    chan struct{}
	value   string
	expires time.Time
}

func newTokens() *tokens { return &tokens{by: map[tokenKey]*accessToken{}} }

// entry returns the account's token, which may be empty.
func (t *tokens) entry(key tokenKey, now time.Time) *accessToken {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.by[key]; e != nil {
		return e
	}
	if len(t.by) >= maxTokens {
		t.dropExpired(now)
	}
	e := &accessToken{turn: make(chan struct{}, 1)}
	t.by[key] = e
	return e
}

func (t *tokens) dropExpired(now time.Time) {
	for key, e := range t.by {
		select {
		case e.turn <- struct{}{}:
			if !now.Before(e.expires) {
				delete(t.by, key)
			}
			<-e.turn
		default: // in use
		}
	}
}

// get returns a token that is not refused, which WeChat just said no to. Its
// errors are *channel.Error, never Unknown: nothing was sent yet.
func (t *tokens) get(ctx context.Context, c *channel.Conn, a *account, refused string) (string, error) {
	e := t.entry(tokenKey{a.appID, c.URL(apiURL), sha256.Sum256([]byte(a.secret))}, c.Now())
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		return "", &channel.Error{
			Reason:  parley.NewReason(parley.ReasonChannelFailure, "the channel could not be reached"),
			Outcome: channel.TryAgain, Err: ctx.Err(),
		}
	}
	if e.value != "" && e.value != refused && c.Now().Before(e.expires) {
		return e.value, nil
	}
	value, lasts, err := fetchToken(ctx, c, a)
	if err != nil {
		return "", before(err)
	}
	e.value, e.expires = value, c.Now().Add(lasts-tokenMargin)
	return value, nil
}

// fetchToken asks WeChat for the account's token. The secret is in the body,
// unlike with the older cgi-bin/token.
func fetchToken(ctx context.Context, c *channel.Conn, a *account) (string, time.Duration, error) {
	body, err := json.Marshal(map[string]string{
		"grant_type": "client_credential", "appid": a.appID, "secret": a.secret,
	})
	if err != nil {
		return "", 0, err
	}
	answer, err := channel.PostJSON(ctx, c, c.URL(apiURL)+"/cgi-bin/stable_token", nil, body)
	if err != nil {
		return "", 0, err
	}
	var got struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"` // seconds
	}
	if err := a.judge(answer, "", &got); err != nil {
		return "", 0, err
	}
	if got.AccessToken == "" {
		return "", 0, unreadable(errors.New("no access token"))
	}
	return got.AccessToken, time.Duration(got.ExpiresIn) * time.Second, nil
}

// before turns the error of a step ahead of the sending into one that says
// that nothing was sent.
func before(err error) *channel.Error {
	e := *channel.AsError(err)
	if e.Outcome == channel.Unknown {
		e.Outcome = channel.TryAgain
	}
	return &e
}
