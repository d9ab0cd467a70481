package rcs

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

// maxLife is how far away expireTime may be (RCS for Business: message
// expiration).
const maxLife = 15 * 24 * time.Hour

// googleVersion is the UUIDs' version (RFC 9562: made in a way of one's own).
const googleVersion = 8

// googleLimits returns what Google takes (RCS for Business: send messages).
func googleLimits() limits {
	return limits{text: maxText, unit: channel.Bytes, postback: 2048, eventTitle: 100, eventText: 500}
}

// url returns an address of the API about somebody. agentId goes with every
// call, because a partner's service account serves several agents.
func (a *googleAccount) url(c *channel.Conn, to channel.Address, path string, query url.Values) string {
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
func (a *googleAccount) call(ctx context.Context, c *channel.Conn, method, address string, body []byte) (*channel.Answer, error) {
	access, err := a.tokens.get(ctx, c, a)
	if err != nil {
		return nil, err
	}
	answer, err := request(ctx, c, method, address, access, body)
	if err != nil || answer.Status != http.StatusUnauthorized || a.ServiceAccount == nil {
		return answer, err
	}
	if access, err = a.tokens.fetch(ctx, c, a); err != nil {
		return nil, err
	}
	return request(ctx, c, method, address, access, body)
}

// send posts one message under an id made of the attempt's key. That it is
// known already means that an earlier attempt arrived.
func (a *googleAccount) send(ctx context.Context, c *channel.Conn, at channel.Attempt) (channel.ProviderID, error) {
	body, err := a.envelope(c.Now(), at)
	if err != nil {
		return "", err
	}
	id := uuid(at.Key, googleVersion)
	address := a.url(c, at.To, "agentMessages", url.Values{"messageId": {id}})
	answer, err := a.call(ctx, c, http.MethodPost, address, body)
	if err != nil {
		return "", err
	}
	return a.taken(answer, id)
}

// taken returns the id of what the answer says was taken, now or before.
func (a *googleAccount) taken(answer *channel.Answer, id string) (channel.ProviderID, error) {
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
func (a *googleAccount) envelope(now time.Time, at channel.Attempt) ([]byte, error) {
	members, err := membersOf(at.Payload)
	if err != nil {
		return nil, err
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
	return channel.Encode(members)
}

// retract revokes a message that was not delivered yet.
func (a *googleAccount) retract(ctx context.Context, c *channel.Conn, to channel.Address, id channel.ProviderID) error {
	address := a.url(c, to, "agentMessages/"+url.PathEscape(string(id)), nil)
	answer, err := a.call(ctx, c, http.MethodDelete, address, nil)
	if err != nil {
		return again(err)
	}
	if !answer.OK() {
		return a.refusal(answer)
	}
	return nil
}

// show shows an event. Google takes the sign of writing away by itself.
func (a *googleAccount) show(ctx context.Context, c *channel.Conn, e *channel.OutgoingEvent, read channel.ProviderID) (channel.ProviderID, error) {
	event := struct {
		Type      string `json:"eventType"`
		MessageID string `json:"messageId,omitempty"`
	}{"IS_TYPING", string(read)}
	if read != "" {
		event.Type = "READ"
	}
	body, err := channel.Encode(event)
	if err != nil {
		return "", err
	}
	id := uuid(e.EventID, googleVersion)
	address := a.url(c, e.To, "agentEvents", url.Values{"eventId": {id}})
	answer, err := a.call(ctx, c, http.MethodPost, address, body)
	if err != nil {
		return "", err
	}
	return a.taken(answer, id)
}

// googleFeatures returns what a phone must know to be shown everything the
// channel sends (RCS for Business: phones.getCapabilities).
func googleFeatures() []string {
	return []string{
		"RICHCARD_STANDALONE", "RICHCARD_CAROUSEL", "ACTION_CREATE_CALENDAR_EVENT", "ACTION_DIAL",
		"ACTION_OPEN_URL", "ACTION_SHARE_LOCATION", "ACTION_VIEW_LOCATION",
	}
}

// connect asks for an access token, which tells whether the service account is
// good; Google has no way to ask for the agent itself.
func (a *googleAccount) connect(ctx context.Context, c *channel.Conn) error {
	if a.ServiceAccount == nil {
		return nil
	}
	_, err := a.tokens.fetch(ctx, c, a)
	return err
}

// probe asks what the phone knows.
func (a *googleAccount) probe(ctx context.Context, c *channel.Conn, to channel.Address) (channel.Reach, error) {
	request := uuid(to.Identity+" "+c.Now().Format(time.RFC3339Nano), googleVersion)
	address := a.url(c, to, "capabilities", url.Values{"requestId": {request}})
	answer, err := a.call(ctx, c, http.MethodGet, address, nil)
	if err != nil {
		return channel.Reach{}, again(err)
	}
	if answer.Status == http.StatusNotFound {
		return channel.Reach{Status: parley.CapabilityNone}, nil
	}
	if !answer.OK() {
		return channel.Reach{}, a.refusal(answer)
	}
	var has struct {
		Features []string `json:"features"`
	}
	if json.Unmarshal(answer.Body, &has) != nil {
		return channel.Reach{}, again(channel.Verdict(answer, "the answer lists no features"))
	}
	return reach(has.Features, googleFeatures()), nil
}
