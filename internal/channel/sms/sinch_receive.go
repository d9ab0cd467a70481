package sms

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// A sinchCallback is any callback of the SMS API (developers.sinch.com,
// Callbacks): inbound messages and delivery reports.
type sinchCallback struct {
	Type string `json:"type"`

	// Inbound messages.
	ID         string          `json:"id"`
	From       string          `json:"from"`
	To         string          `json:"to"`
	Body       json.RawMessage `json:"body"` // text, base64 or media
	OperatorID string          `json:"operator_id"`
	UDH        string          `json:"udh"`
	SentAt     time.Time       `json:"sent_at"`
	ReceivedAt time.Time       `json:"received_at"`

	// Delivery reports.
	BatchID         string    `json:"batch_id"`
	Recipient       string    `json:"recipient"`
	Code            int       `json:"code"`
	Status          string    `json:"status"`
	ClientReference string    `json:"client_reference"`
	At              time.Time `json:"at"`
	OperatorAt      time.Time `json:"operator_status_at"`
}

type sinchMedia struct {
	Subject string `json:"subject"`
	Message string `json:"message"`
	Media   []struct {
		URL    string `json:"url"`
		Status string `json:"status"`
		Code   int    `json:"code"`
	} `json:"media"`
}

func receiveSinch(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	var none channel.Received
	if !genuineSinch(c.Credential.CallbackSecret, r.Header, body) {
		return none, channel.ErrForged
	}
	var cb sinchCallback
	if err := json.Unmarshal(body, &cb); err != nil {
		return none, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	switch cb.Type {
	case "recipient_delivery_report_sms", "recipient_delivery_report_mms":
		return received(cb.receipt())
	case "delivery_report_sms", "delivery_report_mms":
		// A summary of a batch. Ours have one recipient, reported above.
		return none, nil
	case "mo_text", "mo_binary", "mo_media":
		return received(cb.message())
	default:
		return none, fmt.Errorf("%w: unknown type of callback", channel.ErrMalformed)
	}
}

func received(in []channel.Inbound, err error) (channel.Received, error) {
	return channel.Received{Inbound: in}, err
}

// genuineSinch checks the signature of a callback, once a secret has been
// agreed on with the provider: base64(HMAC-SHA256(secret, body.nonce.timestamp))
// (developers.sinch.com, Callbacks, signing).
func genuineSinch(secret string, h http.Header, body []byte) bool {
	if secret == "" {
		return true
	}
	got, err := base64.StdEncoding.DecodeString(h.Get("X-Sinch-Webhook-Signature"))
	if err != nil || !strings.EqualFold(cmp.Or(h.Get("X-Sinch-Webhook-Signature-Algorithm"), "HmacSHA256"), "HmacSHA256") {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	mac.Write([]byte("." + h.Get("X-Sinch-Webhook-Signature-Nonce") + "." + h.Get("X-Sinch-Webhook-Signature-Timestamp")))
	return hmac.Equal(got, mac.Sum(nil))
}

func (cb *sinchCallback) receipt() ([]channel.Inbound, error) {
	if cb.BatchID == "" {
		return nil, fmt.Errorf("%w: a delivery report without batch_id", channel.ErrMalformed)
	}
	meaning, ok := sinchStatuses[cb.Status]
	if !ok {
		return nil, nil // a new stage, of no consequence; refused, it would be told again
	}
	receipt := &channel.Receipt{ID: channel.ProviderID(cb.BatchID), Key: cb.ClientReference, Status: meaning.status}
	if meaning.status == parley.StatusFailed {
		reason := parley.ChannelReason(meaning.reason, cb.Status+", code "+strconv.Itoa(cb.Code))
		if code, ok := sinchDeliveryCodes[cb.Code]; ok {
			reason.Code = code
		}
		receipt.Reason = &reason
	}
	at := cb.At
	if at.IsZero() {
		at = cb.OperatorAt
	}
	return []channel.Inbound{{
		ID:      channel.ProviderID(fmt.Sprintf("%s/%s/%d", cb.BatchID, cb.Status, cb.Code)),
		At:      at,
		From:    channel.Address{Identity: strings.TrimPrefix(cb.Recipient, "+")},
		Receipt: receipt,
	}}, nil
}

func (cb *sinchCallback) message() ([]channel.Inbound, error) {
	from := strings.TrimPrefix(cb.From, "+")
	if cb.ID == "" || from == "" {
		return nil, fmt.Errorf("%w: a message without id or from", channel.ErrMalformed)
	}
	at := cb.ReceivedAt
	if at.IsZero() {
		at = cb.SentAt
	}
	in := channel.Inbound{
		ID: channel.ProviderID(cb.ID), At: at,
		From: channel.Address{Identity: from}, To: strings.TrimPrefix(cb.To, "+"),
	}
	if cb.OperatorID != "" {
		metadata, err := json.Marshal(map[string]string{"operator": cb.OperatorID})
		if err != nil {
			return nil, err
		}
		in.Metadata = string(metadata)
	}
	if cb.Type == "mo_media" {
		return cb.media(in)
	}
	var text string
	if err := json.Unmarshal(cb.Body, &text); err != nil {
		return nil, fmt.Errorf("%w: body: %w", channel.ErrMalformed, err)
	}
	if cb.Type == "mo_binary" {
		in.Unsupported = fmt.Sprintf("binary SMS, base64: %s, user data header: %s", text, cb.UDH)
	} else {
		in.Message = textMessage(text)
	}
	return []channel.Inbound{in}, nil
}

func textMessage(text string) *parley.ContactMessage {
	return &parley.ContactMessage{Text: &parley.TextMessage{Text: text}}
}

// media makes a message of each attachment, all with the same caption, as the
// hosted API does.
func (cb *sinchCallback) media(in channel.Inbound) ([]channel.Inbound, error) {
	var m sinchMedia
	if err := json.Unmarshal(cb.Body, &m); err != nil {
		return nil, fmt.Errorf("%w: body: %w", channel.ErrMalformed, err)
	}
	caption := m.Message
	if caption == "" {
		caption = m.Subject
	}
	var out []channel.Inbound
	for i, item := range m.Media {
		if item.URL == "" {
			continue // the provider could not store it
		}
		one := in
		one.ID = channel.ProviderID(fmt.Sprintf("%s/%d", cb.ID, i))
		if caption == "" {
			one.Message = &parley.ContactMessage{Media: &parley.MediaMessage{URL: item.URL}}
		} else {
			one.Message = &parley.ContactMessage{MediaCard: &parley.MediaCardMessage{URL: item.URL, Caption: caption}}
		}
		out = append(out, one)
	}
	if len(out) == 0 {
		in.Message = textMessage(caption)
		out = append(out, in)
	}
	return out, nil
}
