package engine

import (
	"context"
	"fmt"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// render turns the message into the payloads of the current channel.
func (d *delivery) render(ctx context.Context, cred *parley.ChannelCredential) error {
	message, reason := d.body.On(d.to.Channel)
	if reason != nil {
		return &channel.Error{Reason: *reason, Outcome: channel.NotSent}
	}
	o := channel.Outgoing{
		MessageID: d.m.ID, To: channel.Address{Identity: d.to.Identity}, Message: message,
		Properties: d.body.Send.Properties, Credential: cred,
	}
	if r := d.body.App.ReplyTo; r != nil {
		id, err := d.e.store.InboundProviderID(ctx, d.job.ProjectID, d.app.ID, r.MessageID)
		if err != nil {
			return err
		}
		o.ReplyTo = channel.ProviderID(id)
	}
	payloads, err := render(d.ch, o)
	if err == nil {
		err = d.checkMedia(ctx, message)
	}
	if err == nil {
		d.s.Payloads = payloads
	}
	return err
}

// render turns a message into a channel's payloads: what messages:transcode
// shows is what is sent.
func render(ch channel.Channel, o channel.Outgoing) (out []channel.Payload, err error) {
	defer func() {
		if p := recover(); p != nil {
			// Repeating it would not help, and hold up the messages behind it.
			out, err = nil, &channel.Error{Reason: internalReason(), Outcome: channel.NotSent, Err: fmt.Errorf("render: panic: %v", p)}
		}
	}()
	selected := transcode.Select(o.Message, ch.Name())
	parts, err := transcode.Message(channel.Tagged(selected, o.MessageID), ch.Capabilities())
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		o.Message = part
		payloads, err := ch.Render(&o)
		if err != nil {
			return nil, err
		}
		out = append(out, payloads...)
	}
	if len(out) == 0 {
		return nil, channel.Refuse(parley.ReasonBadRequest, "the message is empty on this channel")
	}
	return out, nil
}
