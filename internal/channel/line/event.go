package line

import (
	"encoding/json"
)

// An event is one thing LINE tells an account, as far as the channel reads it
// (line-openapi webhook.yml).
type event struct {
	Type      string `json:"type"`
	ID        string `json:"webhookEventId"` // the same when LINE repeats it
	Timestamp int64  `json:"timestamp"`
	Source    struct {
		Type   string `json:"type"` // user, group or room
		UserID string `json:"userId"`
	} `json:"source"`
	Message  messageContent `json:"message"`
	Postback struct {
		Data   string          `json:"data"`
		Params json.RawMessage `json:"params"` // the date of a date picker
	} `json:"postback"`
	Delivery struct {
		Data string `json:"data"`
	} `json:"delivery"`
}

type messageContent struct {
	ID              string `json:"id"`
	Type            string `json:"type"`
	QuoteToken      string `json:"quoteToken"`
	QuotedMessageID string `json:"quotedMessageId"`

	Text            string `json:"text"`
	FileName        string `json:"fileName"`
	StickerID       string `json:"stickerId"`
	ContentProvider struct {
		Type       string `json:"type"` // line or external
		ContentURL string `json:"originalContentUrl"`
		PreviewURL string `json:"previewImageUrl"`
	} `json:"contentProvider"`

	Title     string  `json:"title"`
	Address   string  `json:"address"`
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}
