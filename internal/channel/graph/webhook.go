package graph

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/parley-im/parley/internal/channel"
)

// Handshake echoes the challenge to who knows the verify token: the account's,
// or the one the server made for it.
func (a *Account) Handshake(c *channel.Conn, r *http.Request) channel.Received {
	token := a.VerifyToken
	if token == "" {
		token = c.Secret
	}
	q := r.URL.Query()
	given := q.Get("hub.verify_token")
	if q.Get("hub.mode") != "subscribe" || token == "" || subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
		return channel.Received{Reply: channel.Reply{Status: http.StatusForbidden}}
	}
	return channel.Received{Reply: channel.Reply{
		Status: http.StatusOK, ContentType: "text/plain; charset=utf-8", Body: []byte(q.Get("hub.challenge")),
	}}
}

// Genuine checks the signature of the body as it came. Without a key nothing
// can be checked, so that nothing is genuine unless the account says that
// signatures are not looked at.
func (a *Account) Genuine(r *http.Request, body []byte) bool {
	if a.Unsigned {
		return true
	}
	digest, ok := strings.CutPrefix(r.Header.Get("X-Hub-Signature-256"), "sha256=")
	if !ok || a.AppSecret == "" {
		return false
	}
	got, err := hex.DecodeString(digest)
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, []byte(a.AppSecret))
	mac.Write(body)
	return hmac.Equal(got, mac.Sum(nil))
}

// An Instant is a time in seconds, or in milliseconds as some webhooks have
// it, as a number or as a string.
type Instant struct{ time.Time }

// UnmarshalJSON takes what is no time for no time.
func (t *Instant) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	if err != nil {
		n = 0
	}
	t.Time = channel.Instant(n)
	return nil
}
