package viber

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// A callback is one thing Viber tells a bot, as far as the channel reads it.
type callback struct {
	Event     string      `json:"event"`
	Timestamp int64       `json:"timestamp"` // milliseconds
	Token     json.Number `json:"message_token"`
	UserID    string      `json:"user_id"`
	Desc      string      `json:"desc"` // of failed
	Sender    user        `json:"sender"`
	User      user        `json:"user"`
	Message   content     `json:"message"`
}

type user struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type content struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Media    string `json:"media"`
	FileName string `json:"file_name"`
	Location *struct {
		Lat     float64 `json:"lat"`
		Lon     float64 `json:"lon"`
		Address string  `json:"address"`
	} `json:"location"`
}

// Receive reads one callback.
func (Channel) Receive(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	signature := r.Header.Get("X-Viber-Content-Signature")
	if signature == "" {
		signature = r.URL.Query().Get("sig")
	}
	if !genuine(c, signature, body) {
		return channel.Received{}, channel.ErrForged
	}
	var cb callback
	if err := json.Unmarshal(body, &cb); err != nil {
		return channel.Received{}, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	if cb.Event == "" {
		return channel.Received{}, fmt.Errorf("%w: no event", channel.ErrMalformed)
	}
	if in, ok := cb.inbound(body); ok {
		return channel.Received{Inbound: []channel.Inbound{in}}, nil
	}
	return channel.Received{}, nil
}

// genuine checks the signature, which is made with the bot's token.
func genuine(c *channel.Conn, signature string, body []byte) bool {
	got, err := hex.DecodeString(signature)
	if err != nil || c.Credential == nil || c.Credential.StaticToken == nil || c.Credential.StaticToken.Token == "" {
		return false
	}
	mac := hmac.New(sha256.New, []byte(c.Credential.StaticToken.Token))
	mac.Write(body)
	return hmac.Equal(got, mac.Sum(nil))
}

// inbound says what a callback means; false if nothing. Reports also come for
// what the contact sent, and are then for no message of ours.
func (cb *callback) inbound(raw []byte) (channel.Inbound, bool) {
	in := channel.Inbound{At: channel.Instant(cb.Timestamp)}
	if cb.Token != "" {
		in.ID = channel.ProviderID(cb.Event + ":" + cb.Token.String())
	}
	who := cb.User
	switch cb.Event {
	case "webhook", "client_status", "action":
		return in, false
	case "delivered":
		return cb.receipt(in, parley.StatusDelivered)
	case "seen":
		return cb.receipt(in, parley.StatusRead)
	case "failed":
		return cb.receipt(in, parley.StatusFailed)
	case "message":
		who, in.ID = cb.Sender, channel.ProviderID(cb.Token)
		cb.Message.inbound(&in, raw)
	case "subscribed":
		in.OptIn = true
	case "unsubscribed":
		in.OptOut = true
	case "conversation_started":
		in.Event = &parley.ContactEvent{Generic: &parley.GenericEvent{Payload: append(json.RawMessage(nil), raw...)}}
	}
	in.From = channel.Address{Identity: who.ID, Name: who.Name}
	if in.From.Identity == "" {
		in.From.Identity = cb.UserID
	}
	if in.Message == nil && in.Event == nil && !in.OptIn && !in.OptOut {
		in.Unsupported = string(raw)
	}
	return in, in.From.Identity != ""
}

func (cb *callback) receipt(in channel.Inbound, status parley.DeliveryStatus) (channel.Inbound, bool) {
	in.ID = ""
	in.Receipt = &channel.Receipt{ID: channel.ProviderID(cb.Token), Status: status}
	if status == parley.StatusFailed {
		in.Receipt.Reason = new(parley.ChannelReason(parley.ReasonChannelFailure, cb.Desc))
	}
	return in, cb.Token != ""
}

// inbound fills in what a message says; nothing for one of an unknown type.
// The text of a tapped button is the token it was given.
func (m *content) inbound(in *channel.Inbound, raw []byte) {
	_, _, tapped := channel.ParseToken(m.Text)
	switch {
	case m.Type == "text" && tapped:
		in.Message = &parley.ContactMessage{ChoiceResponse: &parley.ChoiceResponseMessage{PostbackData: m.Text}}
	case m.Type == "text":
		in.Message = &parley.ContactMessage{Text: &parley.TextMessage{Text: m.Text}}
	case m.Type == "url":
		in.Message = &parley.ContactMessage{Text: &parley.TextMessage{Text: m.Media}}
	case m.Media != "" && (m.Type == "picture" || m.Type == "video" || m.Type == "file"):
		in.Media = &channel.MediaRef{Ref: m.Media, Filename: m.FileName, MIME: map[string]string{"video": "video/mp4"}[m.Type]}
		in.Message = &parley.ContactMessage{Media: &parley.MediaMessage{}}
		if m.Text != "" {
			in.Message = &parley.ContactMessage{MediaCard: &parley.MediaCardMessage{Caption: m.Text}}
		}
	case m.Type == "location" && m.Location != nil:
		in.Message = &parley.ContactMessage{Location: &parley.LocationMessage{
			Label: m.Location.Address, Coordinates: parley.Coordinates{Latitude: m.Location.Lat, Longitude: m.Location.Lon},
		}}
	case m.Type == "contact" || m.Type == "sticker":
		in.Message = &parley.ContactMessage{Fallback: &parley.FallbackMessage{RawMessage: string(raw)}}
	}
}
