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

// url returns an address below the agent's (developers.sinch.com, RCS REST API).
func (a *sinchAccount) url(c *channel.Conn, path string) string {
	return c.URL("https://"+a.Region+".rcs.api.sinch.com") + "/rcs/v1/" + url.PathEscape(a.agentID) + path
}

// msisdn is somebody's number as the API itself writes it.
func msisdn(to channel.Address) string { return strings.TrimPrefix(to.Identity, "+") }

// send posts one message under an id made of the attempt's key. That it is
// known already means that an earlier attempt arrived.
func (a *sinchAccount) send(ctx context.Context, c *channel.Conn, at channel.Attempt) (channel.ProviderID, error) {
	id := uuid(at.Key, sinchVersion)
	body, err := a.envelope(ctx, c, at, id)
	if err != nil {
		return "", err
	}
	answer, err := request(ctx, c, http.MethodPost, a.url(c, "/messages"), a.token, body)
	if err != nil {
		return "", err
	}
	if !answer.OK() && answer.Status != http.StatusConflict {
		return "", a.refusal(answer)
	}
	return channel.ProviderID(id), nil
}

// envelope adds what belongs to the attempt. How long it may take is left to
// the app where it said so itself (explicit_channel_message).
func (a *sinchAccount) envelope(ctx context.Context, c *channel.Conn, at channel.Attempt, id string) ([]byte, error) {
	members, err := membersOf(at.Payload)
	if err != nil {
		return nil, err
	}
	if message, ok := members["message"]; ok {
		if members["message"], err = describe(ctx, c, message); err != nil {
			return nil, err
		}
	}
	members["message_id"] = json.RawMessage(strconv.Quote(id))
	members["to"] = json.RawMessage(strconv.Quote(msisdn(at.To)))
	if _, ends := members["expire"]; !ends && !at.Expires.IsZero() {
		// Revoked, or nothing would be heard of it any more.
		seconds := max(1, int64(at.Expires.Sub(c.Now())/time.Second))
		members["expire"] = json.RawMessage(`{"timeout":` + strconv.FormatInt(seconds, 10) + `,"revoke":true}`)
	}
	return channel.Encode(members)
}

// connect asks for the capabilities of nobody, which the API refuses in one way
// to those it knows and in another to all others. A wrong token may be a 400,
// too (developers.sinch.com, RCS REST API: send a message).
func (a *sinchAccount) connect(ctx context.Context, c *channel.Conn) error {
	answer, err := request(ctx, c, http.MethodGet, a.url(c, "/capabilities"), a.token, nil)
	if err != nil || answer.OK() {
		return err
	}
	e := a.refusal(answer)
	switch {
	case e.Outcome != channel.NotSent:
		return e
	case answer.Status == http.StatusUnavailableForLegalReasons,
		answer.Status == http.StatusBadRequest && !strings.Contains(strings.ToLower(e.Reason.Description), "token"):
		return nil
	}
	e.Reason.Code = parley.ReasonChannelBadConfiguration // also the 404 of an agent that is not there
	return e
}

// show shows an event. The sign of writing goes away by itself.
func (a *sinchAccount) show(ctx context.Context, c *channel.Conn, e *channel.OutgoingEvent, read channel.ProviderID) (channel.ProviderID, error) {
	type event struct {
		Type      string `json:"type"`
		MessageID string `json:"message_id,omitempty"`
	}
	shown := event{"agent_composing", string(read)}
	if read != "" {
		shown.Type = "agent_read"
	}
	id := uuid(e.EventID, sinchVersion)
	body, err := channel.Encode(struct {
		To      string `json:"to"`
		EventID string `json:"event_id"`
		Event   event  `json:"event"`
	}{msisdn(e.To), id, shown})
	if err != nil {
		return "", err
	}
	answer, err := request(ctx, c, http.MethodPost, a.url(c, "/events"), a.token, body)
	if err != nil {
		return "", err
	}
	if !answer.OK() && answer.Status != http.StatusConflict {
		return "", a.refusal(answer)
	}
	return channel.ProviderID(id), nil
}

// retract revokes a message that was not delivered yet.
func (a *sinchAccount) retract(ctx context.Context, c *channel.Conn, _ channel.Address, id channel.ProviderID) error {
	answer, err := request(ctx, c, http.MethodDelete, a.url(c, "/messages/"+url.PathEscape(string(id))), a.token, nil)
	if err != nil {
		return again(err)
	}
	if !answer.OK() {
		return a.refusal(answer)
	}
	return nil
}

// sinchFeatures returns what a phone must know to be shown everything the
// channel sends (RCS REST: capability check endpoint).
func sinchFeatures() []string {
	return []string{"chat", "fileTransfer", "geolocationPush", "chatBotCommunication"}
}

// probe asks what the phone knows.
func (a *sinchAccount) probe(ctx context.Context, c *channel.Conn, to channel.Address) (channel.Reach, error) {
	query := url.Values{"msisdn": {msisdn(to)}}
	answer, err := request(ctx, c, http.MethodGet, a.url(c, "/capabilities?"+query.Encode()), a.token, nil)
	if err != nil {
		return channel.Reach{}, again(err)
	}
	if !answer.OK() {
		e := a.refusal(answer)
		if e.Reason.Code == parley.ReasonRecipientNotReachable {
			return channel.Reach{Status: parley.CapabilityNone}, nil
		}
		return channel.Reach{}, again(e)
	}
	var has struct {
		Capabilities []string `json:"capabilities"`
		Enabled      *bool    `json:"rcs_enabled"`
	}
	switch err := json.Unmarshal(answer.Body, &has); {
	case err != nil, has.Enabled == nil:
		return channel.Reach{}, again(channel.Verdict(answer, "the answer does not say whether the phone has RCS"))
	case !*has.Enabled:
		return channel.Reach{Status: parley.CapabilityNone}, nil
	}
	return reach(has.Capabilities, sinchFeatures()), nil
}
