package line

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// stickerURL is where LINE keeps the pictures of stickers, by their id. It is
// not documented, but what LINE's own store shows.
const stickerURL = "https://stickershop.line-scdn.net/stickershop/v1/sticker/%s/android/sticker.png"

// Receive reads a batch of events. Those of groups and rooms mean nothing
// here; a batch without any is LINE's way to try the address.
func (Channel) Receive(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	if !genuine(c, r.Header.Get("X-Line-Signature"), body) {
		return channel.Received{}, channel.ErrForged
	}
	var batch struct {
		Destination string             `json:"destination"`
		Events      *[]json.RawMessage `json:"events"`
	}
	if err := json.Unmarshal(body, &batch); err != nil {
		return channel.Received{}, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	if batch.Events == nil {
		return channel.Received{}, fmt.Errorf("%w: no events", channel.ErrMalformed)
	}
	var all []channel.Inbound
	for _, raw := range *batch.Events {
		if in, ok := read(raw); ok {
			in.To = batch.Destination
			all = append(all, in)
		}
	}
	return channel.Received{Inbound: all}, nil
}

// genuine checks the signature, which is made with the channel secret.
func genuine(c *channel.Conn, signature string, body []byte) bool {
	_, _, secret := account(c.Credential)
	got, err := base64.StdEncoding.DecodeString(signature)
	if secret == "" || err != nil {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hmac.Equal(got, mac.Sum(nil))
}

// read says what an event means; false if nothing. One that cannot be read is
// passed on as it is, so that it does not take the others with it.
func read(raw []byte) (channel.Inbound, bool) {
	var e event
	if json.Unmarshal(raw, &e) == nil {
		return e.inbound(raw)
	}
	var odd struct {
		ID     string `json:"webhookEventId"`
		Source struct {
			Type   string `json:"type"`
			UserID string `json:"userId"`
		} `json:"source"`
	}
	if json.Unmarshal(raw, &odd) != nil || odd.Source.Type != "user" || odd.ID == "" {
		return channel.Inbound{}, false
	}
	in := channel.Inbound{ID: channel.ProviderID(odd.ID), Unsupported: string(raw)}
	in.From.Identity = odd.Source.UserID
	return in, odd.Source.UserID != ""
}

// inbound says what an event means; false if nothing.
func (e *event) inbound(raw []byte) (channel.Inbound, bool) {
	in := channel.Inbound{ID: channel.ProviderID(e.ID), At: channel.Instant(e.Timestamp)}
	if e.Type == "delivery" {
		// Of a notification message: LINE repeats the tag it was sent with,
		// which is its id too; see notify.
		tag := e.Delivery.Data
		in.Receipt = &channel.Receipt{ID: channel.ProviderID(tag), Key: tag, Status: parley.StatusDelivered}
		return in, tag != ""
	}
	if e.Source.Type != "user" || e.Source.UserID == "" {
		return in, false
	}
	in.From.Identity = e.Source.UserID
	switch {
	case e.Type == "message":
		e.Message.inbound(&in)
	case e.Type == "postback" && e.Postback.Data != "":
		in.Message = &parley.ContactMessage{ChoiceResponse: &parley.ChoiceResponseMessage{PostbackData: e.Postback.Data}}
		in.Metadata = string(e.Postback.Params)
	case e.Type == "follow":
		in.OptIn = true
	case e.Type == "unfollow":
		in.OptOut = true
	}
	if in.Message == nil && !in.OptIn && !in.OptOut {
		in.Unsupported = string(raw)
	}
	return in, true
}

// inbound fills in what a message says; nothing for one of an unknown type.
func (m *messageContent) inbound(in *channel.Inbound) {
	if m.ID != "" {
		in.ID = messageID(m)
	}
	in.ReplyTo = channel.ProviderID(m.QuotedMessageID)
	switch m.Type {
	case "text":
		in.Message = &parley.ContactMessage{Text: &parley.TextMessage{Text: m.Text}}
	case "image":
		m.media(in, "image/jpeg")
	case "video":
		m.media(in, "video/mp4")
	case "audio":
		m.media(in, "audio/mp4")
	case "file":
		m.media(in, "")
	case "sticker":
		if m.StickerID != "" {
			address := fmt.Sprintf(stickerURL, url.PathEscape(m.StickerID))
			in.Message = &parley.ContactMessage{Media: &parley.MediaMessage{URL: address}}
		}
	case "location":
		in.Message = &parley.ContactMessage{Location: &parley.LocationMessage{
			Title: m.Title, Label: m.Address, Coordinates: parley.Coordinates{Latitude: m.Latitude, Longitude: m.Longitude},
		}}
	}
}

// messageID is the id of a message. That of one that can be quoted has the
// token that takes, for the answer.
func messageID(m *messageContent) channel.ProviderID {
	if m.QuoteToken == "" {
		return channel.ProviderID(m.ID)
	}
	return channel.ProviderID(m.ID + ":" + m.QuoteToken)
}

// media refers to the content of a message: at LINE or, sent by an app of
// somebody's own, anywhere.
func (m *messageContent) media(in *channel.Inbound, mime string) {
	if p := m.ContentProvider; p.Type == "external" && p.ContentURL != "" {
		in.Message = &parley.ContactMessage{Media: &parley.MediaMessage{URL: p.ContentURL, ThumbnailURL: p.PreviewURL}}
		return
	}
	in.Message = &parley.ContactMessage{Media: &parley.MediaMessage{}}
	in.Media = &channel.MediaRef{Ref: m.ID, MIME: mime, Filename: m.FileName}
}
