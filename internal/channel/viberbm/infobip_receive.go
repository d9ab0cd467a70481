package viberbm

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// An infobipWebhook is a list of messages, of delivery reports or of seen
// reports (Infobip OpenAPI Specification, receive-inbound-viber-messages,
// receive-outbound-viber-message-delivery-reports, receive-viber-seen-reports).
type infobipWebhook struct {
	Results []json.RawMessage `json:"results"`
}

// An infobipResult is one of them: a delivery report has a status, a seen
// report the time, and a message its content.
type infobipResult struct {
	ID string `json:"messageId"`
	To string `json:"to"`

	Status *infobipStatus `json:"status"`
	Error  *infobipError  `json:"error"`
	DoneAt infobipTime    `json:"doneAt"`
	SeenAt *infobipTime   `json:"seenAt"`
	From   string         `json:"from"` // the sender of older messages

	Sender     string      `json:"sender"`
	ReceivedAt infobipTime `json:"receivedAt"`
	Message    *struct {
		Type     string `json:"type"` // TEXT or FILE
		Text     string `json:"text"`
		URL      string `json:"url"`
		FileName string `json:"fileName"`
	} `json:"message"`
}

// An infobipTime is a moment as Infobip writes it, without a colon in the
// offset. One that cannot be read is none.
type infobipTime struct{ time.Time }

// UnmarshalJSON reads a moment.
func (t *infobipTime) UnmarshalJSON(raw []byte) error {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	for _, layout := range []string{"2006-01-02T15:04:05.999-0700", time.RFC3339} {
		if at, err := time.Parse(layout, s); err == nil {
			t.Time = at.UTC()
			return nil
		}
	}
	return nil
}

func receiveInfobip(a *account, c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	var none channel.Received
	if !genuineInfobip(c, r) {
		return none, channel.ErrForged
	}
	var w infobipWebhook
	if err := json.Unmarshal(body, &w); err != nil {
		return none, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	var got channel.Received
	var bad error
	for _, raw := range w.Results {
		in, err := inboundInfobip(a, c, raw)
		if err != nil {
			bad = err
		}
		if in != nil {
			got.Inbound = append(got.Inbound, *in)
		}
	}
	if len(got.Inbound) == 0 && bad != nil {
		return none, bad
	}
	return got, nil // what is odd does not hold up the rest
}

// genuineInfobip reports whether a request comes from Infobip, which signs
// nothing. Reports go to an address with our secret in it. Messages go where
// the account says, with the callback_secret as the password or as the end of
// the address; without a callback_secret nothing is asked for.
func genuineInfobip(c *channel.Conn, r *http.Request) bool {
	given, _, _ := strings.Cut(strings.Trim(r.PathValue("rest"), "/"), "/")
	_, password, _ := r.BasicAuth()
	secret := c.Credential.CallbackSecret
	return isSecret(given, c.Secret) || secret == "" || isSecret(given, secret) || isSecret(password, secret)
}

func isSecret(given, secret string) bool {
	return secret != "" && subtle.ConstantTimeCompare([]byte(given), []byte(secret)) == 1
}

// inboundInfobip says what a result means; nil is nothing of consequence.
func inboundInfobip(a *account, c *channel.Conn, raw []byte) (*channel.Inbound, error) {
	var o infobipResult
	if err := json.Unmarshal(raw, &o); err != nil {
		return nil, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	switch {
	case o.ID == "":
		return nil, fmt.Errorf("%w: no messageId", channel.ErrMalformed)
	case o.SeenAt != nil:
		in := o.receipt(o.SeenAt.Time, parley.StatusRead, "seen")
		in.From = channel.Address{} // which of from and to is whom is not certain
		return in, nil
	case o.Status != nil:
		status := o.Status.status()
		if status == "" {
			return nil, nil //nolint:nilnil // a group that is new; there is no error in it
		}
		in := o.receipt(o.DoneAt.Time, status, o.Status.Name)
		if status == parley.StatusFailed {
			in.Receipt.Reason = undeliveredInfobip(o.Status, o.Error)
		}
		return in, nil
	case phone(o.Sender) == "" && phone(o.From) == "":
		return nil, fmt.Errorf("%w: no sender", channel.ErrMalformed)
	}
	return o.message(a, c, raw), nil
}

// receipt is a report on a message, whose id is the key of our attempt.
func (o *infobipResult) receipt(at time.Time, status parley.DeliveryStatus, kind string) *channel.Inbound {
	return &channel.Inbound{
		ID: channel.ProviderID(o.ID + "/" + kind), At: at, From: channel.Address{Identity: phone(o.To)},
		Receipt: &channel.Receipt{ID: channel.ProviderID(o.ID), Key: o.ID, Status: status},
	}
}

// message is what a contact wrote. The message of ours that Infobip pairs it
// with (pairedMessageId) is Infobip's guess: Viber Business Messages have no
// quotes, and a typed choice is matched by the engine.
func (o *infobipResult) message(a *account, c *channel.Conn, raw []byte) *channel.Inbound {
	in := &channel.Inbound{
		ID: channel.ProviderID(o.ID), At: o.ReceivedAt.Time, To: o.To,
		From: channel.Address{Identity: phone(o.Sender)},
	}
	if in.From.Identity == "" {
		in.From.Identity = phone(o.From)
	}
	m := o.Message
	switch {
	case m != nil && m.Type == "TEXT" && m.Text != "":
		in.Message = &parley.ContactMessage{Text: &parley.TextMessage{Text: m.Text}}
	case m != nil && m.Type == "FILE" && m.URL != "":
		o.file(in, a.holds(c, m.URL))
	default:
		in.Unsupported = string(raw)
	}
	return in
}

// file is a message with a file, of any kind. One that is at Infobip is
// fetched with the credential; any other address is open.
func (o *infobipResult) file(in *channel.Inbound, fetched bool) {
	file := &parley.MediaMessage{URL: o.Message.URL, FilenameOverride: o.Message.FileName}
	if fetched {
		in.Media = &channel.MediaRef{Ref: o.Message.URL, Filename: o.Message.FileName}
		file = &parley.MediaMessage{}
	}
	in.Message = &parley.ContactMessage{Media: file}
	if o.Message.Text != "" {
		in.Message = &parley.ContactMessage{MediaCard: &parley.MediaCardMessage{Caption: o.Message.Text, URL: file.URL}}
	}
}
