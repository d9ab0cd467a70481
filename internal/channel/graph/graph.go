// Package graph is what the channels over Meta's Graph API share: the request
// and its headers, the form of an error, and how a webhook proves itself.
// What a code means to a message is each channel's own.
package graph

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// An Account is how to speak to the Graph API and how to know its webhooks.
type Account struct {
	Host    string // such as https://graph.facebook.com
	Version string // such as v23.0
	Token   string

	// AuthHeader carries the bare token instead of "Authorization: Bearer".
	AuthHeader string

	AppSecret   string // of the Meta app: signs webhooks
	VerifyToken string // of the webhook's handshake; "" means Conn.Secret
	Unsigned    bool   // webhooks are taken without a signature
}

// URL returns the address of a node of the Graph API, or of an edge of it.
func (a *Account) URL(c *channel.Conn, path ...string) string {
	var b strings.Builder
	b.WriteString(c.URL(a.Host) + "/" + a.Version)
	for _, p := range path {
		b.WriteString("/" + url.PathEscape(p))
	}
	return b.String()
}

// Header returns what every request carries.
func (a *Account) Header() http.Header {
	if a.AuthHeader != "" {
		return http.Header{http.CanonicalHeaderKey(a.AuthHeader): {a.Token}}
	}
	return http.Header{"Authorization": {"Bearer " + a.Token}}
}

// Redact takes the account's secrets out of a provider's words: Graph quotes a
// token it cannot read ("Malformed access token …").
func (a *Account) Redact(words string) string {
	for _, secret := range []string{a.Token, a.AppSecret} {
		if secret != "" {
			words = strings.ReplaceAll(words, secret, "***")
		}
	}
	return words
}

// Get asks the Graph API. Asking again is harmless, so that no answer means
// TryAgain.
func (a *Account) Get(ctx context.Context, c *channel.Conn, address string) (*channel.Answer, error) {
	req, err := a.Request(ctx, address)
	if err != nil {
		return nil, err
	}
	return harmless(channel.Do(c, req))
}

// Put posts what does no harm when repeated.
func (a *Account) Put(ctx context.Context, c *channel.Conn, address string, body []byte) (*channel.Answer, error) {
	return harmless(channel.PostJSON(ctx, c, address, a.Header(), body))
}

func harmless(answer *channel.Answer, err error) (*channel.Answer, error) {
	if err != nil {
		e := channel.AsError(err)
		e.Outcome = channel.TryAgain
		return nil, e
	}
	return answer, nil
}

// Request returns a GET with the account's header.
func (a *Account) Request(ctx context.Context, address string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		// The cause quotes the address, which may be a signed one.
		return nil, channel.Refuse(parley.ReasonChannelFailure, "the channel gave an address that is none")
	}
	req.Header = a.Header()
	return req, nil
}
