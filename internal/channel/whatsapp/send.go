package whatsapp

import (
	"context"
	"encoding/json"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// callbackData is the member that statuses echo.
const callbackData = "biz_opaque_callback_data"

// Send posts one message and returns its id, a wamid.
func (Channel) Send(ctx context.Context, c *channel.Conn, a channel.Attempt) (channel.ProviderID, error) {
	acc, err := open(c)
	if err != nil {
		return "", err
	}
	body, err := keyed(a)
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
	var accepted struct {
		Messages []struct {
			ID string `json:"id"`
		} `json:"messages"`
	}
	if json.Unmarshal(answer.Body, &accepted) != nil || len(accepted.Messages) == 0 || accepted.Messages[0].ID == "" {
		return "", channel.Verdict(answer, "the answer names no message")
	}
	return channel.ProviderID(accepted.Messages[0].ID), nil
}

// keyed returns the payload with the attempt's key in it, unless the app
// itself put something there (explicit_channel_message).
func keyed(a channel.Attempt) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(a.Payload.Body, &members); err != nil || members == nil {
		e := channel.Refuse(parley.ReasonInternalError, "the payload is no JSON object")
		e.Err = err
		return nil, e
	}
	if own := members[callbackData]; len(own) > 0 && string(own) != "null" {
		return a.Payload.Body, nil
	}
	key, err := channel.Encode(a.Key)
	if err != nil {
		return nil, err
	}
	members[callbackData] = key
	return channel.Encode(members)
}

// Connect asks for the number, which tells whether the token may use it.
func (Channel) Connect(ctx context.Context, c *channel.Conn) (string, error) {
	acc, err := open(c)
	if err != nil {
		return "", err
	}
	answer, err := acc.Get(ctx, c, acc.URL(c, acc.numberID)+"?fields=id,display_phone_number,verified_name,quality_rating")
	if err != nil {
		return "", err
	}
	if !answer.OK() {
		return "", acc.refusal(answer)
	}
	return acc.numberID, nil
}
