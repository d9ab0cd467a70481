package viberbm

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// A gateway is what one provider does its own way.
type gateway struct {
	// open reads a credential whose static_bearer is set. The error names the
	// member by its path.
	open func(c *parley.ChannelCredential) (*account, error)

	path  string   // messages are posted there
	hosts []string // suffixes of the hosts that files of contacts are at and that may see the credential

	// request is the message as it is known when it is rendered.
	request func(a *account, to string, m content) any
	// explicit completes a message the app wrote itself, or says what it lacks.
	explicit func(a *account, members map[string]any, to string) error
	// complete makes what is posted of a rendered message and what is known
	// only when it is sent.
	complete func(members map[string]any, c *channel.Conn, at channel.Attempt) any
	// accepted reads the good answer to a message.
	accepted func(answer *channel.Answer) (channel.ProviderID, error)
	// refusal reads an answer that is an error.
	refusal func(answer *channel.Answer) *channel.Error
	receive func(a *account, c *channel.Conn, r *http.Request, body []byte) (channel.Received, error)
}

// gatewayOf returns the gateway of a credential's provider, or nil.
func gatewayOf(c *parley.ChannelCredential) *gateway {
	switch channel.Provider(c, providerVonage) {
	case providerVonage:
		return vonage()
	case providerInfobip:
		return infobip()
	}
	return nil
}

// An account is a credential ready to be used.
type account struct {
	gateway  *gateway
	sender   string
	category category
	url      string // the provider's own address
	// authorization is the header that opens the account.
	authorization func(now time.Time) (string, error)
}

// A category is what Viber charges for and checks a message as.
type category string

const (
	transaction category = "transaction"
	promotion   category = "promotion"
)

// categoryOf is what a message is sent as; "" leaves it to the provider. A
// transactional message is words alone.
func (a *account) categoryOf(m content) category {
	if m.image != "" || m.file != "" || m.button != nil {
		return promotion
	}
	return a.category
}

func (a *account) render(o *channel.Outgoing) ([]channel.Payload, error) {
	if err := noSpecific(o.Message); err != nil {
		return nil, err
	}
	if raw, ok := o.Message.ExplicitChannel[parley.ChannelViberBM]; ok {
		return a.passOn(raw, o)
	}
	all, err := contents(o.Message)
	if err != nil {
		return nil, err
	}
	out := make([]channel.Payload, len(all))
	for i, m := range all {
		if out[i].Body, err = channel.Encode(a.gateway.request(a, phone(o.To.Identity), m)); err != nil {
			return nil, fmt.Errorf("encode payload: %w", err)
		}
	}
	return out, nil
}

// passOn completes a message the app wrote itself.
func (a *account) passOn(raw string, o *channel.Outgoing) ([]channel.Payload, error) {
	var members map[string]any
	if json.Unmarshal([]byte(raw), &members) != nil || members == nil {
		return nil, channel.Refuse(parley.ReasonBadRequest, "the explicit VIBERBM message is not a JSON object")
	}
	if err := a.gateway.explicit(a, members, phone(o.To.Identity)); err != nil {
		return nil, err
	}
	body, err := channel.Encode(members)
	if err != nil {
		return nil, fmt.Errorf("encode payload: %w", err)
	}
	return []channel.Payload{{Body: body}}, nil
}

func (a *account) send(ctx context.Context, c *channel.Conn, at channel.Attempt) (channel.ProviderID, error) {
	var members map[string]any
	if err := json.Unmarshal(at.Payload.Body, &members); err != nil {
		return "", internalError(err)
	}
	body, err := channel.Encode(a.gateway.complete(members, c, at))
	if err != nil {
		return "", internalError(err)
	}
	answer, err := a.post(ctx, c, body)
	if err != nil {
		return "", err
	}
	if !answer.OK() {
		return "", a.gateway.refusal(answer)
	}
	return a.gateway.accepted(answer)
}

func (a *account) post(ctx context.Context, c *channel.Conn, body []byte) (*channel.Answer, error) {
	auth, err := a.authorization(c.Now())
	if err != nil {
		return nil, internalError(err)
	}
	return channel.PostJSON(ctx, c, c.URL(a.url)+a.gateway.path, http.Header{"Authorization": {auth}}, body)
}

// connect sends a message without anything in it. The account is looked at
// first, so it is refused for what it lacks only if the account works.
func (a *account) connect(ctx context.Context, c *channel.Conn) error {
	answer, err := a.post(ctx, c, []byte("{}"))
	if err != nil {
		return harmless(err)
	}
	if answer.OK() || answer.Status == http.StatusUnprocessableEntity || answer.Status == http.StatusBadRequest {
		return nil
	}
	return a.gateway.refusal(answer)
}

// harmless is the failure of a request that may be made again whatever became
// of it.
func harmless(err error) *channel.Error {
	e := channel.AsError(err)
	if e.Outcome == channel.Unknown {
		e.Outcome = channel.TryAgain
	}
	return e
}

// get prepares a request that the credential opens.
func (a *account) get(ctx context.Context, c *channel.Conn, address string) (*http.Request, error) {
	auth, err := a.authorization(c.Now())
	if err != nil {
		return nil, internalError(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, internalError(err)
	}
	req.Header.Set("Authorization", auth)
	return req, nil
}

// fetch gets a file that a contact sent. The credential goes to the provider
// alone.
func (a *account) fetch(ctx context.Context, c *channel.Conn, ref string) (channel.Media, error) {
	if !a.holds(c, ref) {
		return channel.Media{}, channel.Refuse(parley.ReasonMediaNotReachable, "the media is not at the provider")
	}
	if c.BaseURL != "" {
		ref = moved(ref, c.BaseURL)
	}
	req, err := a.get(ctx, c, ref)
	if err != nil {
		return channel.Media{}, err
	}
	return channel.Download(c, req)
}

// holds reports whether an address is at one of the provider's hosts.
func (a *account) holds(c *channel.Conn, address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	if own, err := url.Parse(c.URL(a.url)); err == nil && u.Host == own.Host {
		return true
	}
	return u.Scheme == "https" && slices.ContainsFunc(a.gateway.hosts, func(suffix string) bool {
		return strings.HasSuffix(u.Host, suffix)
	})
}

// moved returns an address at the host of another.
func moved(address, base string) string {
	u, err := url.Parse(address)
	own, err2 := url.Parse(base)
	if err != nil || err2 != nil {
		return address
	}
	u.Scheme, u.Host = own.Scheme, own.Host
	return u.String()
}

func internalError(err error) *channel.Error {
	return &channel.Error{Reason: parley.NewReason(parley.ReasonInternalError, "internal error"), Err: err}
}
