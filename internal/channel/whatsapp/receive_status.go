package whatsapp

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/graph"
)

// An inboundStatus is one of a webhook's statuses.
type inboundStatus struct {
	ID            string          `json:"id"`
	Type          string          `json:"type"` // payment, or absent
	Status        string          `json:"status"`
	Timestamp     graph.Instant   `json:"timestamp"`
	Recipient     string          `json:"recipient_id"`
	RecipientUser string          `json:"recipient_user_id"`
	CallbackData  string          `json:"biz_opaque_callback_data"`
	Errors        []graph.Failure `json:"errors"`
	Payment       struct {
		ReferenceID string `json:"reference_id"`
		Transaction struct {
			ID     string `json:"id"`
			Status string `json:"status"`
		} `json:"transaction"`
	} `json:"payment"`
}

// attemptKey is the form of channel.Attempt.Key.
var attemptKey = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// status reads one status: how far a message has come, or how a payment
// stands.
func (r *reader) status(v *value, body raw) {
	var s inboundStatus
	if err := json.Unmarshal(body, &s); err != nil || s.ID == "" {
		r.ignore(s.Status, "the status cannot be read")
		return
	}
	in := channel.Inbound{
		At:   s.Timestamp.Time,
		From: v.from(s.Recipient, s.RecipientUser),
		To:   v.Metadata.DisplayPhoneNumber,
	}
	if s.Type == "payment" {
		if in.From.Identity != "" {
			r.add(s.payment(in))
		}
		return
	}
	status := s.deliveryStatus()
	if status == "" {
		r.ignore(s.Status, "the status says nothing about delivery")
		return
	}
	in.Receipt = &channel.Receipt{ID: channel.ProviderID(s.ID), Status: status}
	if attemptKey.MatchString(s.CallbackData) { // else an app put it there
		in.Receipt.Key = s.CallbackData
	}
	if status == parley.StatusFailed {
		in.Receipt.Reason = r.reason(s.Errors)
	}
	r.add(in)
}

// deliveryStatus returns how far the message has come, or "" when the status
// does not say, such as deleted.
func (s *inboundStatus) deliveryStatus() parley.DeliveryStatus {
	switch s.Status {
	case "sent":
		return parley.StatusQueuedOnChannel
	case "delivered":
		return parley.StatusDelivered
	case "read", "played":
		return parley.StatusRead
	case "failed":
		return parley.StatusFailed
	default:
		return ""
	}
}

// payment completes in with the state of the payment the message asked for.
func (s *inboundStatus) payment(in channel.Inbound) channel.Inbound {
	t := &s.Payment.Transaction
	in.ID = channel.ProviderID(strings.Join([]string{s.ID, "payment", s.Status, t.ID, t.Status}, ":"))
	in.ReplyTo = channel.ProviderID(s.ID)
	e := &parley.PaymentStatusUpdateEvent{
		ReferenceID:          s.Payment.ReferenceID,
		PaymentStatus:        paymentStatus(s.Status),
		PaymentTransactionID: t.ID,
	}
	if t.Status != "" {
		e.PaymentTransactionStatus = transactionStatus(t.Status)
	}
	in.MessageEvent = &parley.ContactMessageEvent{PaymentStatusUpdate: e}
	return in
}

func paymentStatus(s string) string {
	switch s {
	case "new", "pending", "captured", "canceled", "failed":
		return "PAYMENT_STATUS_" + strings.ToUpper(s)
	default:
		return "PAYMENT_STATUS_UNKNOWN"
	}
}

func transactionStatus(s string) string {
	switch s {
	case "pending", "failed", "success", "canceled":
		return "PAYMENT_STATUS_TRANSACTION_" + strings.ToUpper(s)
	default:
		return "PAYMENT_STATUS_TRANSACTION_UNKNOWN"
	}
}
