package whatsapp

import (
	"context"
	"encoding/json"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// A mark is what the business shows of a message it received: that it was read
// and, with Typing, that an answer is being written. WhatsApp takes the latter
// away after 25 seconds or with the answer; there is no way to do so earlier
// (Cloud API, typing indicators).
type mark struct {
	Product   string  `json:"messaging_product"`
	Status    string  `json:"status"`
	MessageID string  `json:"message_id"`
	Typing    *typing `json:"typing_indicator,omitempty"`
}

type typing struct {
	Type string `json:"type"`
}

// SendEvent shows the last message of the contact as read, and that an answer
// is being written. Without a message from them there is nothing to show it
// on, and no window in which they may be written to.
func (Channel) SendEvent(ctx context.Context, c *channel.Conn, e *channel.OutgoingEvent) (channel.ProviderID, error) {
	m := mark{Product: "whatsapp", Status: "read", MessageID: string(e.LastInbound)}
	switch {
	case e.Event.Composing != nil:
		m.Typing = &typing{Type: "text"}
	case e.Event.ComposingEnd != nil:
		return "", nil
	case e.Event.ReadMessage != nil:
	default:
		return "", channel.Refuse(parley.ReasonBadRequest, "WHATSAPP cannot show this event")
	}
	if m.MessageID == "" {
		return "", channel.Refuse(parley.ReasonOutsideAllowedSendingWindow, "the contact has not written lately")
	}
	acc, err := open(c)
	if err != nil {
		return "", err
	}
	body, err := channel.Encode(m)
	if err != nil {
		return "", err
	}
	answer, err := channel.PostJSON(ctx, c, acc.URL(c, acc.numberID, "messages"), acc.Header(), body)
	if err != nil {
		return "", err
	}
	if !answer.OK() {
		return "", acc.refusal(answer)
	}
	var done struct {
		Success bool `json:"success"`
	}
	if json.Unmarshal(answer.Body, &done) != nil || !done.Success {
		return "", channel.Verdict(answer, "the answer does not say that it was done")
	}
	return "", nil
}
