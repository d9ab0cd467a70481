// Package sendapi is Meta's Send API and the webhooks that go with it: what
// MESSENGER and INSTAGRAM have in common, which is nearly all. Where they
// differ is in a Dialect; credentials and capabilities are the channels' own.
//
// Facts come from the Messenger Platform reference (Send API, Page Messages,
// Webhooks, Common Error Codes) and Meta's pages on Instagram messaging; see
// docs/SOURCES.md.
package sendapi

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"path"
	"regexp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/graph"
	"github.com/parley-im/parley/internal/transcode"
)

// Limits both have, in characters unless said otherwise (Send API: quick
// replies, button template, generic template).
const (
	MaxQuickReplies = 13
	MaxButtonText   = 640 // above the buttons of a template
	MaxCards        = 10

	maxTitle    = 20 // of a button or quick reply
	maxPayload  = 1000
	maxButtons  = 3
	maxHeadline = 80 // title and subtitle of a card
)

// Style is how text is marked up that stands for what cannot be shown: not at
// all, since neither app shows marks everywhere.
func Style() channel.Style { return channel.Style{BlankBefore: true} }

// A Dialect is what sets one of the channels apart.
type Dialect struct {
	Channel parley.Channel
	Object  string // of its webhooks
	MaxText int
	Unit    channel.Unit

	Calls      bool // buttons can dial
	QuickUnder bool // quick replies can go with a template
	Keyed      bool // requests can carry our key, which echoes give back
	EchoMeans  parley.DeliveryStatus

	// Kind returns the attachment type that shows a file, or "" when only a
	// link will do.
	Kind func(m *parley.MediaMessage) string
	// Frame returns what the channel properties say of every request.
	Frame func(properties map[string]string) (Frame, error)
}

// An Account is a page or professional account.
type Account struct {
	graph.Account
	Node string // of paths: an id or me
	ID   string // whose webhooks are ours; "" takes all
}

// Send makes one attempt.
func (d *Dialect) Send(ctx context.Context, c *channel.Conn, acc *Account, a channel.Attempt) (channel.ProviderID, error) {
	body := []byte(a.Payload.Body)
	if d.Keyed {
		var err error
		if body, err = keyed(a); err != nil {
			return "", err
		}
	}
	answer, err := channel.PostJSON(ctx, c, acc.URL(c, acc.Node, "messages"), acc.Header(), body)
	if err != nil {
		return "", err
	}
	return acc.messageID(answer)
}

// messageID reads the answer to a message.
func (acc *Account) messageID(answer *channel.Answer) (channel.ProviderID, error) {
	if !answer.OK() {
		return "", acc.refusal(answer)
	}
	var accepted struct {
		MessageID string `json:"message_id"`
	}
	if json.Unmarshal(answer.Body, &accepted) != nil || accepted.MessageID == "" {
		return "", channel.Verdict(answer, "the answer names no message")
	}
	return channel.ProviderID(accepted.MessageID), nil
}

// keyed returns the payload with the attempt's key as the message's metadata,
// unless the app itself put some there (explicit_channel_message).
func keyed(a channel.Attempt) ([]byte, error) {
	var request, message map[string]json.RawMessage
	if err := json.Unmarshal(a.Payload.Body, &request); err != nil || request == nil {
		e := channel.Refuse(parley.ReasonInternalError, "the payload is no JSON object")
		e.Err = err
		return nil, e
	}
	unkeyed := json.Unmarshal(request["message"], &message) == nil && message != nil && message["metadata"] == nil
	if !unkeyed {
		return a.Payload.Body, nil
	}
	key, err := channel.Encode(a.Key)
	if err != nil {
		return nil, err
	}
	message["metadata"] = key
	if request["message"], err = channel.Encode(message); err != nil {
		return nil, err
	}
	return channel.Encode(request)
}

// Act shows one of the sender actions: typing_on, typing_off, mark_seen.
func (acc *Account) Act(ctx context.Context, c *channel.Conn, to channel.Address, action string) error {
	body, err := channel.Encode(Request{Recipient: recipient{ID: to.Identity}, SenderAction: action})
	if err != nil {
		return err
	}
	answer, err := acc.Put(ctx, c, acc.URL(c, acc.Node, "messages"), body)
	if err != nil {
		return err
	}
	if !answer.OK() {
		return acc.refusal(answer)
	}
	return nil
}

// SendEvent shows the events both channels have.
func (d *Dialect) SendEvent(ctx context.Context, c *channel.Conn, acc *Account, e *channel.OutgoingEvent) error {
	switch {
	case e.Event.Composing != nil:
		return acc.Act(ctx, c, e.To, "typing_on")
	case e.Event.ComposingEnd != nil:
		return acc.Act(ctx, c, e.To, "typing_off")
	case e.Event.ReadMessage != nil:
		return acc.Act(ctx, c, e.To, "mark_seen")
	}
	return channel.Refuse(parley.ReasonBadRequest, string(d.Channel)+" cannot show this event")
}

// Ask reads fields of a node into v.
func (acc *Account) Ask(ctx context.Context, c *channel.Conn, node, fields string, v any) error {
	answer, err := acc.Get(ctx, c, acc.URL(c, node)+"?fields="+fields)
	if err != nil {
		return err
	}
	if !answer.OK() {
		return acc.refusal(answer)
	}
	if err := json.Unmarshal(answer.Body, v); err != nil {
		e := channel.Verdict(answer, "the answer cannot be read")
		e.Outcome = channel.TryAgain
		return e
	}
	return nil
}

// Subscribe has the webhooks of the Meta app told of the account. Where they
// go is set in the app's dashboard.
func (acc *Account) Subscribe(ctx context.Context, c *channel.Conn, node, fields string) error {
	body, err := channel.Encode(map[string]string{"subscribed_fields": fields})
	if err != nil {
		return err
	}
	answer, err := acc.Put(ctx, c, acc.URL(c, node, "subscribed_apps"), body)
	if err != nil {
		return err
	}
	if answer.OK() {
		return nil
	}
	e := acc.refusal(answer)
	if e.Reason.Code == parley.ReasonBadRequest {
		e.Reason.Code = parley.ReasonChannelBadConfiguration
	}
	return e
}

// Profile returns who somebody is: the name made of the parts Meta gives, the
// username where it gives none.
func (acc *Account) Profile(ctx context.Context, c *channel.Conn, of channel.Address, fields string) (channel.Profile, error) {
	var who struct {
		First    string `json:"first_name"`
		Last     string `json:"last_name"`
		Name     string `json:"name"`
		Username string `json:"username"`
	}
	if err := acc.Ask(ctx, c, of.Identity, fields, &who); err != nil {
		e := channel.AsError(err)
		if e.Reason.Code == parley.ReasonBadRequest || e.Reason.Code == parley.ReasonRecipientInvalidChannelIdentity {
			e.Reason.Code = parley.ReasonNoProfileAvailable
		}
		return channel.Profile{}, e
	}
	name := cmp.Or(transcode.Join(" ", who.First, who.Last), who.Name, who.Username)
	if name == "" {
		return channel.Profile{}, channel.Refuse(parley.ReasonNoProfileAvailable, "the channel gives no name")
	}
	return channel.Profile{Name: name}, nil
}

// MessageTag is the messaging type of a message with a tag.
const MessageTag = "MESSAGE_TAG"

var tagForm = regexp.MustCompile(`^[A-Z][A-Z_]{0,63}$`)

// IsTag reports whether s can be a message tag.
func IsTag(s string) bool { return tagForm.MatchString(s) }

// BadProperty returns the refusal of a channel property that is not what it
// must be.
func BadProperty(name, want string) error {
	return channel.Refuse(parley.ReasonBadRequest, "channel property "+name+" must be "+want)
}

// FileName returns what the type of a file is guessed from: the end of the
// URL's path where it has an extension, else the name the app chose.
func FileName(m *parley.MediaMessage) string {
	if u, err := url.Parse(m.URL); err == nil && path.Ext(u.Path) != "" {
		return path.Base(u.Path)
	}
	return m.FilenameOverride
}

// ReplyTo answers a comment with a private message to who wrote it.
func (acc *Account) ReplyTo(ctx context.Context, c *channel.Conn, comment, text string) (channel.ProviderID, error) {
	body, err := channel.Encode(Request{Recipient: recipient{CommentID: comment}, Message: &Message{Text: text}})
	if err != nil {
		return "", err
	}
	answer, err := channel.PostJSON(ctx, c, acc.URL(c, acc.Node, "messages"), acc.Header(), body)
	if err != nil {
		return "", err
	}
	return acc.messageID(answer)
}
