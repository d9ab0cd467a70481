// Package fake is the smallest channel that passes channeltest, and the
// template for a new one: copy its files, and put the provider's own protocol
// in place of the toy's. Package engine's tests use it with a Script, which
// stands in for the provider.
//
// The toy provider takes
//
//	POST {base}/messages
//	Authorization: Bearer <token>
//	Idempotency-Key: <key>
//	{"to": "15551230001", "text": "Hello", "buttons": [{"title": "Yes", "data": "…"}]}
//
// and answers 201 {"id": "…"} or an error {"code": "…", "detail": "…"}. What
// it has to tell it posts to the webhook, signed: see receive.go.
package fake

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// baseURL is the provider's own address. A real channel names the host its
// documentation gives; Conn.BaseURL replaces it in tests and for the simulator.
const baseURL = "https://toy.example"

// Channel is the fake channel. A real one has no fields: whatever a call needs
// is in its arguments.
type Channel struct {
	// Caps is what Capabilities returns, for tests that need another channel.
	// It must not change once the channel is in use.
	Caps channel.Capabilities
	// Once is that of every payload, for tests.
	Once bool

	name     parley.Channel
	script   Script
	attempts recorder
}

// The optional interfaces that the channel has, so that a missing method is
// found here and not in the engine.
var (
	_ channel.Channel  = (*Channel)(nil)
	_ channel.Receiver = (*Channel)(nil)
)

// New returns a channel of the given name. With a script no HTTP is spoken:
// the script says how each attempt ends. Nil speaks to the toy provider.
func New(name parley.Channel, script Script) *Channel {
	return &Channel{name: name, script: script, Caps: capabilities()}
}

// capabilities is data, with a source for each limit. Everything not named is
// Rejected, so that nothing is promised by accident.
func capabilities() channel.Capabilities {
	return channel.Capabilities{
		MaxText:     1000,
		Unit:        channel.Characters,
		Text:        channel.Native,
		Media:       channel.Native,
		Card:        channel.Degraded,
		Carousel:    channel.Degraded,
		Choice:      channel.Native,
		List:        channel.Degraded,
		Location:    channel.Degraded,
		ContactInfo: channel.Degraded,
		Choices:     []channel.ChoiceKind{channel.ChoiceText},
		MaxChoices:  3,
		Receipts:    []parley.DeliveryStatus{parley.StatusDelivered, parley.StatusRead, parley.StatusFailed},
		Idempotent:  true,
	}
}

// Name returns the name given to New; a real channel returns its constant.
func (f *Channel) Name() parley.Channel { return f.name }

// Capabilities returns Caps.
func (f *Channel) Capabilities() channel.Capabilities { return f.Caps }

// Check accepts what has a token and names no other provider. It does no I/O:
// only Connect, which this channel lacks, may ask the provider.
func (f *Channel) Check(c *parley.ChannelCredential) error {
	if name := channel.Provider(c, "toy"); name != "toy" {
		return parley.Invalid("provider", "unknown provider %q", name)
	}
	if token(c) == "" {
		return parley.Invalid("static_bearer", "is required")
	}
	return nil
}

// token finds the provider's token in the credential. The fake answers to many
// names, so that it looks in several places; a real channel has one.
func token(c *parley.ChannelCredential) string {
	switch {
	case c.StaticBearer != nil:
		return c.StaticBearer.Token
	case c.StaticToken != nil:
		return c.StaticToken.Token
	case c.Telegram != nil:
		return c.Telegram.Token
	}
	return ""
}

// Send makes one attempt. The helpers of package channel decide what a lost
// connection means; errors.go decides what the provider's answer means.
func (f *Channel) Send(ctx context.Context, c *channel.Conn, a channel.Attempt) (channel.ProviderID, error) {
	f.attempts.add(a)
	if f.script != nil {
		return f.script(a)
	}
	header := http.Header{
		"Authorization":   {"Bearer " + token(c.Credential)},
		"Idempotency-Key": {a.Key},
	}
	answer, err := channel.PostJSON(ctx, c, c.URL(baseURL)+"/messages", header, a.Payload.Body)
	if err != nil {
		return "", err
	}
	if !answer.OK() {
		return "", refusal(answer)
	}
	var taken struct {
		ID channel.ProviderID `json:"id"`
	}
	if json.Unmarshal(answer.Body, &taken) != nil || taken.ID == "" {
		// Taken, but under which name? Verdict's outcome for it is Unknown.
		return "", channel.Verdict(answer, "an answer without an id")
	}
	return taken.ID, nil
}
