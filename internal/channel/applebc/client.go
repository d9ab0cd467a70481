package applebc

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

const apiURL = "https://mspgw.push.apple.com/v1"

// open returns the account of a connection, whose credential passed Check when
// it was saved.
func open(c *channel.Conn) (*account, error) {
	a, err := readAccount(c.Credential)
	if err != nil {
		return nil, channel.BadCredential(err)
	}
	return a, nil
}

// token is what a request is authorized with (MSP REST API, "Authorization").
func (a *account) token(now time.Time) (string, error) {
	return jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"iss": a.MSPID, "iat": now.Unix()}).SignedString(a.key)
}

// genuine checks the token of a request of Apple's, whose audience we are.
func (a *account) genuine(authorization string) bool {
	token, ok := strings.CutPrefix(authorization, "Bearer ")
	if !ok {
		return false
	}
	_, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return a.key, nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithAudience(a.MSPID))
	return err == nil
}

// refusals says what HTTP statuses mean beyond what they mean everywhere. 404
// is documented for an unknown destination; 410 and 413 are not confirmed.
var refusals = map[int]struct {
	code  parley.ReasonCode
	words string
}{
	http.StatusNotFound:              {parley.ReasonRecipientNotReachable, "Apple does not know the recipient"},
	http.StatusGone:                  {parley.ReasonRecipientNotOptedIn, "the recipient closed the conversation"},
	http.StatusRequestEntityTooLarge: {parley.ReasonBadRequest, "the message is too large"},
}

// refused is the error of an answer that is no success. Apple explains itself
// in no documented form.
func refused(a *channel.Answer) *channel.Error {
	if r, ok := refusals[a.Status]; ok {
		return &channel.Error{Reason: parley.ChannelReason(r.code, r.words), Outcome: channel.NotSent}
	}
	return channel.Verdict(a, "")
}

// before is the error of a request ahead of the message's own: whatever became
// of it, the message is not sent.
func before(err error) *channel.Error {
	e := channel.AsError(err)
	if e.Outcome == channel.Unknown {
		e.Outcome = channel.TryAgain
	}
	return e
}

// uuid makes an id of a key; equal keys give equal ids.
func uuid(key string) string {
	sum := sha256.Sum256([]byte(key))
	b := sum[:16]
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // as of version 4
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
