package fake

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// SignatureHeader carries the hex HMAC-SHA256 of the body under Conn.Secret.
const SignatureHeader = "X-Toy-Signature"

// A notice is what the provider posts: somebody wrote, tapped or sent media,
// or a message got somewhere.
type notice struct {
	ID     channel.ProviderID `json:"id"`
	At     time.Time          `json:"at"`
	From   string             `json:"from"`
	Name   string             `json:"name"`
	Text   string             `json:"text"`
	Tap    string             `json:"tap"` // the data of a button
	Media  string             `json:"media"`
	Of     channel.ProviderID `json:"of"`     // the message that is answered, tapped or reported on
	Status string             `json:"status"` // delivered, read or failed
	Code   string             `json:"code"`
}

// Receive checks the signature before it looks at anything else.
func (f *Channel) Receive(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	if !hmac.Equal([]byte(r.Header.Get(SignatureHeader)), []byte(Sign(c.Secret, body))) {
		return channel.Received{}, channel.ErrForged
	}
	var n notice
	if err := json.Unmarshal(body, &n); err != nil {
		return channel.Received{}, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	in := channel.Inbound{
		ID: n.ID, At: n.At, ReplyTo: n.Of,
		From: channel.Address{Identity: n.From, Name: n.Name},
	}
	switch {
	case n.Status != "":
		in.ReplyTo = ""
		in.Receipt = receipt(n)
	case n.Tap != "":
		in.Message = &parley.ContactMessage{ChoiceResponse: &parley.ChoiceResponseMessage{PostbackData: n.Tap}}
	case n.Media != "":
		in.Message = &parley.ContactMessage{Media: &parley.MediaMessage{URL: n.Media}}
	case n.Text != "":
		in.Message = &parley.ContactMessage{Text: &parley.TextMessage{Text: n.Text}}
	default:
		// Never drop what is not understood: the app is told of it.
		in.Unsupported = string(body)
	}
	if in.Receipt == nil && in.From.Identity == "" {
		return channel.Received{}, fmt.Errorf("%w: it is from nobody", channel.ErrMalformed)
	}
	return channel.Received{Inbound: []channel.Inbound{in}}, nil
}

func receipt(n notice) *channel.Receipt {
	r := &channel.Receipt{ID: n.Of}
	switch n.Status {
	case "delivered":
		r.Status = parley.StatusDelivered
	case "read":
		r.Status = parley.StatusRead
	default:
		r.Status = parley.StatusFailed
		code, ok := reasons()[n.Code]
		if !ok {
			code = parley.ReasonChannelFailure
		}
		reason := parley.ChannelReason(code, n.Code)
		r.Reason = &reason
	}
	return r
}

// Sign returns the signature of a body, for those who play the provider.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}
