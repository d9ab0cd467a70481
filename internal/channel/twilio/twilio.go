// Package twilio is what the channels that Twilio carries share: its Messages
// API, which sends SMS and MMS alike, and its webhooks. What a message looks
// like is each channel's own.
package twilio

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// MaxText is the longest Body in characters (Twilio, Messages).
const MaxText = 1600

const (
	home = "https://api.twilio.com"
	// api is what all paths begin with.
	api = "/2010-04-01/"
	// maxValidity is the longest ValidityPeriod (Twilio, Messages).
	maxValidity = 36_000 * time.Second
)

// An Account is an account of Twilio.
type Account struct {
	SID   string // of the account: AC…
	Token string // the auth token, which also signs webhooks
}

// path is the address of something of the account.
func (a Account) path(c *channel.Conn, rest string) string {
	return c.URL(home) + api + "Accounts/" + url.PathEscape(a.SID) + rest
}

// request makes a request as the account. Its failure quotes no address.
func (a Account) request(ctx context.Context, method, address, body string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return nil, channel.Refuse(parley.ReasonChannelBadConfiguration, "the account's address is not valid")
	}
	req.SetBasicAuth(a.SID, a.Token)
	return req, nil
}

// Send sends a message of these fields, completed by where to report and until
// when it is worth delivering.
func (a Account) Send(ctx context.Context, c *channel.Conn, at channel.Attempt, fields url.Values) (channel.ProviderID, error) {
	if c.WebhookURL != "" {
		fields.Set("StatusCallback", c.WebhookURL+"?key="+url.QueryEscape(at.Key))
	}
	if !at.Expires.IsZero() {
		left := min(max(at.Expires.Sub(c.Now()), time.Second), maxValidity)
		fields.Set("ValidityPeriod", strconv.Itoa(int(left.Seconds())))
	}
	req, err := a.request(ctx, http.MethodPost, a.path(c, "/Messages.json"), fields.Encode())
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := channel.Do(c, req)
	if err != nil {
		return "", err
	}
	if !answer.OK() {
		return "", refusal(answer)
	}
	var sent struct {
		SID string `json:"sid"`
	}
	if err := json.Unmarshal(answer.Body, &sent); err != nil || sent.SID == "" {
		return "", channel.Verdict(answer, "the answer has no message sid")
	}
	return channel.ProviderID(sent.SID), nil
}

// Connect asks for the account, which is shown to its own token only.
func (a Account) Connect(ctx context.Context, c *channel.Conn) error {
	req, err := a.request(ctx, http.MethodGet, a.path(c, ".json"), "")
	if err != nil {
		return err
	}
	answer, err := channel.Do(c, req)
	if err != nil {
		e := channel.AsError(err)
		e.Outcome = channel.TryAgain // there was nothing to send
		return e
	}
	if answer.OK() {
		return nil
	}
	e := refusal(answer)
	if answer.Status == http.StatusNotFound {
		e.Reason.Code = parley.ReasonChannelBadConfiguration
	}
	return e
}

// Fetch gets an attachment. Where the account protects its media they need its
// token; it is sent to Twilio's own address only.
func (a Account) Fetch(ctx context.Context, c *channel.Conn, ref string) (channel.Media, error) {
	base := c.URL(home) + api
	rest, own := strings.CutPrefix(ref, home+api)
	if !own {
		rest, own = strings.CutPrefix(ref, base)
	}
	if !own {
		return channel.Media{}, channel.Refuse(parley.ReasonMediaNotReachable, "the media is not at the provider")
	}
	req, err := a.request(ctx, http.MethodGet, base+rest, "")
	if err != nil {
		return channel.Media{}, channel.Refuse(parley.ReasonMediaNotReachable, "the address of the media is none")
	}
	return channel.Download(c, req)
}
