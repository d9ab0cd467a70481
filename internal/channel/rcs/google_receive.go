package rcs

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// frame is the body of a webhook: Pub/Sub's, or the handshake that is made when
// the webhook is set (RCS for Business: webhooks).
type frame struct {
	Message struct {
		Data string `json:"data"` // base64
	} `json:"message"`

	ClientToken string `json:"clientToken"`
	Secret      string `json:"secret"`
}

// receive answers Google's handshake and reads its webhooks. The signature is
// of the data within the frame: what frames it is not signed and not used.
func (a *googleAccount) receive(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	var f frame
	if json.Unmarshal(body, &f) != nil {
		return channel.Received{}, channel.ErrForged // nothing in it is signed
	}
	if f.ClientToken != "" {
		return a.handshake(&f)
	}
	data, err := base64.StdEncoding.DecodeString(f.Message.Data)
	if err != nil || !a.genuine(r.Header.Get("X-Goog-Signature"), data) {
		return channel.Received{}, channel.ErrForged
	}
	var n notice
	if err := json.Unmarshal(data, &n); err != nil {
		return channel.Received{}, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	if !a.isOurs(n.AgentID) {
		ignore(r.Context(), c.Log, "it is for another agent")
		return channel.Received{}, nil
	}
	in, ok := n.inbound(data)
	if !ok {
		ignore(r.Context(), c.Log, "it is no message and no event that is known")
		return channel.Received{}, nil
	}
	return channel.Received{Inbound: []channel.Inbound{in}}, nil
}

// handshake proves that the address is ours: it returns the secret to who
// knows the client token.
func (a *googleAccount) handshake(f *frame) (channel.Received, error) {
	if a.ClientToken == "" || subtle.ConstantTimeCompare([]byte(f.ClientToken), []byte(a.ClientToken)) != 1 {
		return channel.Received{}, channel.ErrForged
	}
	return channel.Received{Reply: channel.Reply{
		Status: http.StatusOK, ContentType: "text/plain; charset=utf-8", Body: []byte(f.Secret),
	}}, nil
}

// genuine checks the signature of the data. Without a client token nothing can
// be checked, so that nothing is genuine.
func (a *googleAccount) genuine(signature string, data []byte) bool {
	got, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || a.ClientToken == "" {
		return false
	}
	mac := hmac.New(sha512.New, []byte(a.ClientToken))
	mac.Write(data)
	return hmac.Equal(got, mac.Sum(nil))
}

// isOurs reports whether news is for the credential's agent: a partner's
// webhook may hear of all of its agents. Ids are written with and without the
// domain.
func (a *googleAccount) isOurs(agentID string) bool {
	const domain = "@rbm.goog"
	return agentID == "" || strings.TrimSuffix(agentID, domain) == strings.TrimSuffix(a.agentID, domain)
}

// A notice is what a webhook tells: a message or an event of a user, or an
// event of the server (RCS for Business: UserMessage, UserEvent, ServerEvent).
type notice struct {
	Sender    string    `json:"senderPhoneNumber"`
	Recipient string    `json:"phoneNumber"` // of a server event: whom the message was for
	AgentID   string    `json:"agentId"`
	MessageID string    `json:"messageId"` // of the message, or of the one an event is about
	EventID   string    `json:"eventId"`
	SendTime  time.Time `json:"sendTime"`
	EventType string    `json:"eventType"`

	Text     *string  `json:"text"`
	Location *latLong `json:"location"`
	File     *struct {
		Payload struct {
			FileName string `json:"fileName"`
			FileURI  string `json:"fileUri"`
			MIMEType string `json:"mimeType"`
		} `json:"payload"`
		Thumbnail struct {
			FileURI string `json:"fileUri"`
		} `json:"thumbnail"`
	} `json:"userFile"`
	Response *struct {
		Postback string `json:"postbackData"`
		Text     string `json:"text"`
	} `json:"suggestionResponse"`
}

// inbound returns what the notice means; ok is false if it means nothing to us.
func (n *notice) inbound(data []byte) (in channel.Inbound, ok bool) {
	in = channel.Inbound{
		ID:   channel.ProviderID(cmp.Or(n.EventID, n.MessageID)),
		At:   n.SendTime,
		From: channel.Address{Identity: strings.TrimPrefix(cmp.Or(n.Sender, n.Recipient), "+")},
		To:   n.AgentID,
	}
	if in.From.Identity == "" {
		return in, false
	}
	if n.EventType != "" {
		return in, n.event(&in)
	}
	if n.MessageID == "" {
		return in, false
	}
	if in.Message = n.message(); in.Message == nil {
		in.Unsupported = string(data)
	} else if in.Message.Media != nil {
		f := &n.File.Payload
		in.Media = &channel.MediaRef{Ref: f.FileURI, MIME: f.MIMEType, Filename: f.FileName}
	}
	return in, true
}

// event fills in what an event means and reports whether it means anything.
func (n *notice) event(in *channel.Inbound) bool {
	switch n.EventType {
	case "DELIVERED":
		return n.receipt(in, parley.StatusDelivered)
	case "READ":
		return n.receipt(in, parley.StatusRead)
	case "TTL_EXPIRATION_REVOKED":
		return n.receipt(in, parley.StatusFailed)
	case "IS_TYPING":
		in.Event = &parley.ContactEvent{Composing: &parley.Empty{}}
	case "SUBSCRIBE":
		in.OptIn = true
	case "UNSUBSCRIBE":
		in.OptOut = true
	default:
		// TTL_EXPIRATION_REVOKE_FAILED: it may have been delivered, and
		// DELIVERED will tell. The start of a conversation says nothing.
		return false
	}
	return true
}

func (n *notice) receipt(in *channel.Inbound, status parley.DeliveryStatus) bool {
	in.Receipt = &channel.Receipt{ID: channel.ProviderID(n.MessageID), Status: status}
	if status == parley.StatusFailed {
		why := parley.ChannelReason(parley.ReasonMessageExpired, "the message was revoked when its time had run out")
		why.ChannelCode = n.EventType
		in.Receipt.Reason = &why
	}
	return n.MessageID != ""
}

// message returns what the user wrote, or nil if there is no form for it.
func (n *notice) message() *parley.ContactMessage {
	switch {
	case n.Response != nil && n.Response.Postback != "":
		return &parley.ContactMessage{ChoiceResponse: &parley.ChoiceResponseMessage{PostbackData: n.Response.Postback}}
	case n.Response != nil && n.Response.Text != "":
		return &parley.ContactMessage{Text: &parley.TextMessage{Text: n.Response.Text}}
	case n.Text != nil && *n.Text != "":
		return &parley.ContactMessage{Text: &parley.TextMessage{Text: *n.Text}}
	case n.File != nil && n.File.Payload.FileURI != "":
		return &parley.ContactMessage{Media: &parley.MediaMessage{
			ThumbnailURL: n.File.Thumbnail.FileURI, FilenameOverride: n.File.Payload.FileName,
		}}
	case n.Location != nil:
		return &parley.ContactMessage{Location: &parley.LocationMessage{
			Coordinates: parley.Coordinates{Latitude: n.Location.Latitude, Longitude: n.Location.Longitude},
		}}
	}
	return nil
}
