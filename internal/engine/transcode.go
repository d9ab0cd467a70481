package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// Transcode shows what a message would be on channels: the provider's own
// request as a string, a JSON array of them where it takes several. It is made
// by the code that sends.
func (e *Engine) Transcode(ctx context.Context, projectID string, r *parley.TranscodeMessageRequest) (*parley.TranscodeMessageResponse, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	app, err := e.dir.app(ctx, projectID, r.AppID)
	if err != nil {
		return nil, err
	}
	to := r.To
	if to == "" {
		to = "{{to}}"
	}
	out := &parley.TranscodeMessageResponse{TranscodedMessage: map[parley.Channel]string{}}
	for _, name := range r.Channels {
		ch := e.channels[name]
		if ch == nil {
			return nil, parley.Errorf(parley.CodeUnimplemented, "this server has no adapter for channel %s", name)
		}
		message, err := e.resolveOn(ctx, projectID, r.AppMessage, name)
		if err != nil {
			return nil, refused(name, err)
		}
		payloads, err := render(ch, channel.Outgoing{
			MessageID: parley.FirstID(parley.Epoch()), Message: message,
			To:         channel.Address{Identity: parley.ChannelIdentity{Channel: name, Identity: to}.Normalize().Identity},
			Credential: app.Credential(name),
		})
		if err != nil {
			return nil, refused(name, err)
		}
		if out.TranscodedMessage[name], err = shownPayloads(payloads); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// refused says why a message cannot be shown on a channel. Any other error is
// returned as it is.
func refused(name parley.Channel, err error) error {
	if e, ok := errors.AsType[*channel.Error](err); ok {
		return parley.Invalid("app_message", "%s: %s", name, e.Reason.Description)
	}
	return err
}

func shownPayloads(payloads []channel.Payload) (string, error) {
	if len(payloads) == 1 {
		return string(payloads[0].Body), nil
	}
	list := make([]json.RawMessage, 0, len(payloads))
	for _, p := range payloads {
		list = append(list, p.Body)
	}
	raw, err := parley.Marshal(list)
	return string(bytes.TrimSpace(raw)), err
}
