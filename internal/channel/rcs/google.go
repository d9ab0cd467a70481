package rcs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// maxLife is how far away expireTime may be (RCS for Business: message
// expiration).
const maxLife = 15 * 24 * time.Hour

// url returns an address of the API about somebody. agentId goes with every
// call, because a partner's service account serves several agents.
func (a *account) url(c *channel.Conn, to channel.Address, path string, query url.Values) string {
	host := "https://rcsbusinessmessaging.googleapis.com"
	if a.Region != "" {
		host = "https://" + a.Region + "-rcsbusinessmessaging.googleapis.com"
	}
	if query == nil {
		query = url.Values{}
	}
	query.Set("agentId", a.agentID)
	return c.URL(host) + "/v1/phones/" + url.QueryEscape("+"+strings.TrimPrefix(to.Identity, "+")) + "/" + path + "?" + query.Encode()
}

// call makes one request. A token that is refused although it should be good
// is replaced once: nothing was done yet.
func (ch Channel) call(ctx context.Context, c *channel.Conn, a *account, method, address string, body []byte) (*channel.Answer, error) {
	access, err := ch.tokens.get(ctx, c, a)
	if err != nil {
		return nil, err
	}
	answer, err := request(ctx, c, method, address, access, body)
	if err != nil || answer.Status != http.StatusUnauthorized || a.ServiceAccount == nil {
		return answer, err
	}
	if access, err = ch.tokens.fetch(ctx, c, a); err != nil {
		return nil, err
	}
	return request(ctx, c, method, address, access, body)
}

func request(ctx context.Context, c *channel.Conn, method, address, access string, body []byte) (*channel.Answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, channel.Refuse(parley.ReasonRecipientInvalidChannelIdentity, "the identity is no phone number")
	}
	req.Header.Set("Authorization", "Bearer "+access)
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	return channel.Do(c, req)
}

// Send posts one message under an id made of the attempt's key. That it is
// known already means that an earlier attempt arrived.
func (ch Channel) Send(ctx context.Context, c *channel.Conn, a channel.Attempt) (channel.ProviderID, error) {
	acc, err := open(c)
	if err != nil {
		return "", err
	}
	body, err := acc.envelope(c.Now(), a)
	if err != nil {
		return "", err
	}
	id := uuid(a.Key)
	address := acc.url(c, a.To, "agentMessages", url.Values{"messageId": {id}})
	answer, err := ch.call(ctx, c, acc, http.MethodPost, address, body)
	if err != nil {
		return "", err
	}
	return acc.taken(answer, id)
}

// taken returns the id of what the answer says was taken, now or before.
func (a *account) taken(answer *channel.Answer, id string) (channel.ProviderID, error) {
	if answer.OK() {
		return channel.ProviderID(id), nil
	}
	e := a.refusal(answer)
	if e.Reason.ChannelCode == "ALREADY_EXISTS" {
		return channel.ProviderID(id), nil
	}
	return "", e
}

// envelope adds what belongs to the attempt, unless the app itself said it
// (explicit_channel_message).
func (a *account) envelope(now time.Time, at channel.Attempt) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(at.Payload.Body, &members); err != nil || members == nil {
		e := channel.Refuse(parley.ReasonInternalError, "the payload is no JSON object")
		e.Err = err
		return nil, e
	}
	_, lasts := members["ttl"]
	_, ends := members["expireTime"]
	if !lasts && !ends && !at.Expires.IsZero() {
		expires := at.Expires
		if latest := now.Add(maxLife); expires.After(latest) {
			expires = latest
		}
		members["expireTime"] = json.RawMessage(strconv.Quote(expires.UTC().Format(time.RFC3339)))
	}
	if _, own := members["messageTrafficType"]; !own && a.TrafficType != "" {
		members["messageTrafficType"] = json.RawMessage(strconv.Quote(a.TrafficType))
	}
	return encode(members)
}

// Retract revokes a message that was not delivered yet.
func (ch Channel) Retract(ctx context.Context, c *channel.Conn, to channel.Address, id channel.ProviderID) error {
	acc, err := open(c)
	if err != nil {
		return err
	}
	address := acc.url(c, to, "agentMessages/"+url.PathEscape(string(id)), nil)
	answer, err := ch.call(ctx, c, acc, http.MethodDelete, address, nil)
	if err != nil {
		return again(err)
	}
	if !answer.OK() {
		return acc.refusal(answer)
	}
	return nil
}

// SendEvent shows that an answer is being written, or that the last message of
// the contact was read. Google takes the former away by itself.
func (ch Channel) SendEvent(ctx context.Context, c *channel.Conn, e *channel.OutgoingEvent) (channel.ProviderID, error) {
	var event struct {
		Type      string `json:"eventType"`
		MessageID string `json:"messageId,omitempty"`
	}
	switch {
	case e.Event.Composing != nil:
		event.Type = "IS_TYPING"
	case e.Event.ComposingEnd != nil:
		return "", nil
	case e.Event.ReadMessage != nil && e.LastInbound != "":
		event.Type, event.MessageID = "READ", string(e.LastInbound)
	case e.Event.ReadMessage != nil:
		return "", channel.Refuse(parley.ReasonBadRequest, "the contact has written nothing that could be read")
	default:
		return "", channel.Refuse(parley.ReasonBadRequest, "RCS cannot show this event")
	}
	acc, err := open(c)
	if err != nil {
		return "", err
	}
	body, err := encode(event)
	if err != nil {
		return "", err
	}
	id := uuid(e.EventID)
	address := acc.url(c, e.To, "agentEvents", url.Values{"eventId": {id}})
	answer, err := ch.call(ctx, c, acc, http.MethodPost, address, body)
	if err != nil {
		return "", err
	}
	return acc.taken(answer, id)
}

// allFeatures returns what a phone must know to be shown everything the
// channel sends (RCS for Business: phones.getCapabilities).
func allFeatures() []string {
	return []string{
		"RICHCARD_STANDALONE", "RICHCARD_CAROUSEL", "ACTION_CREATE_CALENDAR_EVENT", "ACTION_DIAL",
		"ACTION_OPEN_URL", "ACTION_SHARE_LOCATION", "ACTION_VIEW_LOCATION",
	}
}

// Probe asks what the phone knows.
func (ch Channel) Probe(ctx context.Context, c *channel.Conn, to channel.Address) (channel.Reach, error) {
	acc, err := open(c)
	if err != nil {
		return channel.Reach{}, err
	}
	request := uuid(to.Identity + " " + c.Now().Format(time.RFC3339Nano))
	address := acc.url(c, to, "capabilities", url.Values{"requestId": {request}})
	answer, err := ch.call(ctx, c, acc, http.MethodGet, address, nil)
	if err != nil {
		return channel.Reach{}, again(err)
	}
	if answer.Status == http.StatusNotFound {
		return channel.Reach{Status: parley.CapabilityNone}, nil
	}
	if !answer.OK() {
		return channel.Reach{}, acc.refusal(answer)
	}
	var has struct {
		Features []string `json:"features"`
	}
	if json.Unmarshal(answer.Body, &has) != nil {
		return channel.Reach{}, again(channel.Verdict(answer, "the answer lists no features"))
	}
	for _, f := range allFeatures() {
		if !slices.Contains(has.Features, f) {
			return channel.Reach{Status: parley.CapabilityPartial, Features: has.Features}, nil
		}
	}
	return channel.Reach{Status: parley.CapabilityFull}, nil
}

// uuid returns the UUID (version 8, RFC 9562) that stands for a key: Google
// wants the ids of messages, events and requests to be UUIDs.
func uuid(key string) string {
	b := sha256.Sum256([]byte(key))
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// encode returns v as JSON without the escapes that are meant for HTML.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		refused := channel.Refuse(parley.ReasonInternalError, "the message cannot be encoded")
		refused.Err = err
		return nil, refused
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
