package line

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// Notification messages go to phone numbers, of which LINE is given hashes
// only: by template, or freely worded for accounts whose wording LINE has
// reviewed (developers.line.biz/en/reference/line-notification-messages).

// phoneNumber is an identity that is written to by notification messages.
// LINE's own user ids begin with a U.
var phoneNumber = regexp.MustCompile(`^\+?[0-9]{8,15}$`)

// hashedPhone is the SHA-256 of a phone number, as notifications address it.
var hashedPhone = regexp.MustCompile(`^[0-9a-f]{64}$`)

// recipient is how LINE addresses an identity: a phone number by the hash of
// its E.164 form, all others as they are.
func recipient(identity string) string {
	if !phoneNumber.MatchString(identity) {
		return identity
	}
	sum := sha256.Sum256([]byte("+" + strings.TrimPrefix(identity, "+")))
	return hex.EncodeToString(sum[:])
}

// placeholder stands for the recipient where there is none; see
// channel.Outgoing.
const placeholder = "{{to}}"

// A notification is a message made of one of LINE's templates.
type notification struct {
	To          string            `json:"to"`
	TemplateKey string            `json:"templateKey"`
	Body        *notificationBody `json:"body,omitempty"`
}

type notificationBody struct {
	EmphasizedItem *notificationItem    `json:"emphasizedItem,omitempty"`
	Items          []notificationItem   `json:"items,omitempty"`
	Buttons        []notificationButton `json:"buttons,omitempty"`
}

type notificationItem struct {
	ItemKey string `json:"itemKey"`
	Content string `json:"content"`
}

type notificationButton struct {
	ButtonKey string `json:"buttonKey"`
	URL       string `json:"url"`
}

// specific renders a message that exists on LINE alone.
func specific(m parley.ChannelSpecificMessage, identity string) ([]channel.Payload, error) {
	if m.MessageType != "NOTIFICATION_MESSAGE_TEMPLATE" {
		return nil, channel.Refuse(parley.ReasonBadRequest, "LINE has no channel specific message "+strconv.Quote(m.MessageType))
	}
	to := recipient(identity)
	if to != placeholder && !hashedPhone.MatchString(to) {
		return nil, channel.Refuse(parley.ReasonRecipientInvalidChannelIdentity, "a notification message goes to a phone number")
	}
	var in parley.LINENotification
	err := json.Unmarshal(m.Message, &in)
	if err == nil {
		err = in.Validate()
	}
	if err != nil {
		return nil, &channel.Error{
			Reason:  parley.NewReason(parley.ReasonBadRequest, "channel_specific_message.LINE.message is no notification message"),
			Outcome: channel.NotSent, Err: err,
		}
	}
	body, err := channel.Encode(notificationOf(to, &in))
	if err != nil {
		return nil, channel.Refuse(parley.ReasonInternalError, "the message cannot be encoded")
	}
	return []channel.Payload{{Body: body}}, nil
}

// notificationOf says a notification in LINE's own names.
func notificationOf(to string, in *parley.LINENotification) *notification {
	out := &notification{To: to, TemplateKey: in.TemplateKey}
	if in.Body == nil {
		return out
	}
	out.Body = &notificationBody{}
	if item := in.Body.EmphasizedItem; item != nil {
		out.Body.EmphasizedItem = &notificationItem{item.ItemKey, item.Content}
	}
	for _, item := range in.Body.Items {
		out.Body.Items = append(out.Body.Items, notificationItem{item.ItemKey, item.Content})
	}
	for _, b := range in.Body.Buttons {
		out.Body.Buttons = append(out.Body.Buttons, notificationButton{b.ButtonKey, b.URL})
	}
	return out
}

// notify sends a notification message. LINE gives it no id but repeats our
// delivery tag when it was delivered. Unlike a push, it is not told apart from
// a repeat of its own; see channel.Payload's Once.
func notify(ctx context.Context, c *channel.Conn, path string, a channel.Attempt) (channel.ProviderID, error) {
	answer, err := call(ctx, c, http.MethodPost, path, http.Header{"X-Line-Delivery-Tag": {a.Key}}, a.Payload.Body)
	if err == nil && !answer.OK() {
		err = refused(answer)
	}
	if err == nil {
		return channel.ProviderID(a.Key), nil
	}
	e := channel.AsError(err)
	if e.Reason.Code == parley.ReasonChannelFailure && answer != nil {
		e.Outcome = channel.Unknown // a server in trouble may have sent it all the same
	}
	return "", e
}
