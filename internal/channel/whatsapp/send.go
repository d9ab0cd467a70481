package whatsapp

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

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
	answer, err := channel.PostJSON(ctx, c, acc.url(c, acc.numberID, "messages"), acc.header(), body)
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
	key, err := encode(a.Key)
	if err != nil {
		return nil, err
	}
	members[callbackData] = key
	return encode(members)
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

// Connect asks for the number, which tells whether the token may use it.
func (Channel) Connect(ctx context.Context, c *channel.Conn) (string, error) {
	acc, err := open(c)
	if err != nil {
		return "", err
	}
	answer, err := acc.get(ctx, c, acc.url(c, acc.numberID)+"?fields=id,display_phone_number,verified_name,quality_rating")
	if err != nil {
		return "", err
	}
	if !answer.OK() {
		return "", acc.refusal(answer)
	}
	return acc.numberID, nil
}

// get asks the Graph API. Asking again is harmless, so that no answer means
// TryAgain.
func (a *account) get(ctx context.Context, c *channel.Conn, address string) (*channel.Answer, error) {
	req, err := a.request(ctx, address)
	if err != nil {
		return nil, err
	}
	answer, err := channel.Do(c, req)
	if err != nil {
		e := channel.AsError(err)
		e.Outcome = channel.TryAgain
		return nil, e
	}
	return answer, nil
}

func (a *account) request(ctx context.Context, address string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		// The cause quotes the address, which may be a signed one.
		return nil, channel.Refuse(parley.ReasonChannelFailure, "the channel gave an address that is none")
	}
	req.Header = a.header()
	return req, nil
}
