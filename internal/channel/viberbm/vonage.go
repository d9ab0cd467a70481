package viberbm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// The bounds of a Viber message's time to live (developer.vonage.com/api/
// messages, viber_service.ttl).
const (
	minTTL = 30 * time.Second
	maxTTL = 72 * time.Hour
)

// A request is the body of POST /v1/messages (developer.vonage.com/api/
// messages, Viber). Send adds client_ref,
// webhook_url and the time to live.
type request struct {
	Channel     string  `json:"channel"`
	From        string  `json:"from"`
	To          string  `json:"to"`
	MessageType string  `json:"message_type"`
	Text        string  `json:"text,omitempty"`
	Image       *file   `json:"image,omitempty"`
	File        *file   `json:"file,omitempty"`
	Service     service `json:"viber_service,omitzero"`
}

type file struct {
	URL     string `json:"url"`
	Caption string `json:"caption,omitempty"`
	Name    string `json:"name,omitempty"`
}

type service struct {
	Category category `json:"category,omitempty"`
	Action   *action  `json:"action,omitempty"`
}

type action struct {
	URL  string `json:"url"`
	Text string `json:"text"`
}

const viberService = "viber_service"

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
	for i, c := range all {
		if out[i].Body, err = encodeJSON(a.request(phone(o.To.Identity), c)); err != nil {
			return nil, fmt.Errorf("encode payload: %w", err)
		}
	}
	return out, nil
}

func (a *account) request(to string, c content) *request {
	r := &request{
		Channel: viberService, From: a.sender, To: to, MessageType: "text", Text: c.text,
		Service: service{Category: a.Category},
	}
	switch {
	case c.image != "":
		r.MessageType, r.Text, r.Image = "image", "", &file{URL: c.image, Caption: c.text}
	case c.file != "":
		r.MessageType, r.Text, r.File = "file", "", &file{URL: c.file, Name: c.fileName}
	}
	if c.button != nil {
		r.Service.Action = &action{URL: c.button.url, Text: c.button.title}
	}
	if r.MessageType != "text" || c.button != nil {
		// A transactional message is words alone.
		r.Service.Category = promotion
	}
	return r
}

// passOn completes a request the app wrote itself.
func (a *account) passOn(raw string, o *channel.Outgoing) ([]channel.Payload, error) {
	var members map[string]any
	if json.Unmarshal([]byte(raw), &members) != nil || members == nil {
		return nil, channel.Refuse(parley.ReasonBadRequest, "the explicit VIBERBM message is not a JSON object")
	}
	if kind, ok := members["message_type"].(string); !ok || kind == "" {
		return nil, channel.Refuse(parley.ReasonBadRequest, "the explicit VIBERBM message has no message_type")
	}
	members["channel"], members["from"], members["to"] = viberService, a.sender, phone(o.To.Identity)
	body, err := encodeJSON(members)
	if err != nil {
		return nil, fmt.Errorf("encode payload: %w", err)
	}
	return []channel.Payload{{Body: body}}, nil
}

// encodeJSON encodes v without HTML's escapes.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

func (a *account) send(ctx context.Context, c *channel.Conn, at channel.Attempt) (channel.ProviderID, error) {
	body, err := complete(c, at)
	if err != nil {
		return "", internalError(err)
	}
	answer, err := a.post(ctx, c, body)
	if err != nil {
		return "", err
	}
	if !answer.OK() {
		return "", refusal(answer)
	}
	var sent struct {
		UUID string `json:"message_uuid"`
	}
	if json.Unmarshal(answer.Body, &sent) != nil || sent.UUID == "" {
		return "", channel.Verdict(answer, "the answer has no message_uuid")
	}
	return channel.ProviderID(sent.UUID), nil
}

// complete adds what is known only when a message is sent.
func complete(c *channel.Conn, a channel.Attempt) ([]byte, error) {
	var members map[string]any
	if err := json.Unmarshal(a.Payload.Body, &members); err != nil {
		return nil, err
	}
	members["client_ref"] = a.Key
	if c.WebhookURL != "" {
		members["webhook_url"], members["webhook_version"] = c.WebhookURL, "v1"
	}
	if !a.Expires.IsZero() {
		s, _ := members[viberService].(map[string]any)
		if s == nil {
			s = map[string]any{}
		}
		s["ttl"] = int(min(max(a.Expires.Sub(c.Now()), minTTL), maxTTL).Seconds())
		members[viberService] = s
	}
	return encodeJSON(members)
}

func (a *account) url(c *channel.Conn) string {
	if a.Region != "" {
		return c.URL(fmt.Sprintf(vonageInRegion, a.Region))
	}
	return c.URL(vonageURL)
}

func (a *account) post(ctx context.Context, c *channel.Conn, body []byte) (*channel.Answer, error) {
	auth, err := a.authorization(c.Now())
	if err != nil {
		return nil, internalError(err)
	}
	return channel.PostJSON(ctx, c, a.url(c)+"/v1/messages", http.Header{"Authorization": {auth}}, body)
}

// connect sends a message without anything in it. The account is looked at
// first, so it is refused for what it lacks only if the account works.
func (a *account) connect(ctx context.Context, c *channel.Conn) error {
	answer, err := a.post(ctx, c, []byte("{}"))
	if err != nil {
		e := channel.AsError(err)
		if e.Outcome == channel.Unknown {
			e.Outcome = channel.TryAgain
		}
		return e
	}
	if answer.OK() || answer.Status == http.StatusUnprocessableEntity || answer.Status == http.StatusBadRequest {
		return nil
	}
	return refusal(answer)
}

// fetch gets a file that a contact sent. The credential goes to Vonage alone.
func (a *account) fetch(ctx context.Context, c *channel.Conn, ref string) (channel.Media, error) {
	own, err := url.Parse(a.url(c))
	if err != nil {
		return channel.Media{}, badSettings(err)
	}
	u, err := url.Parse(ref)
	if err != nil || !isVonage(u, own) {
		return channel.Media{}, channel.Refuse(parley.ReasonMediaNotReachable, "the media is not at the provider")
	}
	if c.BaseURL != "" {
		u.Scheme, u.Host = own.Scheme, own.Host
	}
	auth, err := a.authorization(c.Now())
	if err != nil {
		return channel.Media{}, internalError(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return channel.Media{}, internalError(err)
	}
	req.Header.Set("Authorization", auth)
	return channel.Download(c, req)
}

// isVonage reports whether an address is one of Vonage's hosts.
func isVonage(u, own *url.URL) bool {
	if u.Host == own.Host {
		return true
	}
	return u.Scheme == "https" && (strings.HasSuffix(u.Host, ".nexmo.com") || strings.HasSuffix(u.Host, ".vonage.com"))
}

func internalError(err error) *channel.Error {
	return &channel.Error{Reason: parley.NewReason(parley.ReasonInternalError, "internal error"), Err: err}
}
