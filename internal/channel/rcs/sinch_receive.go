package rcs

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

// A sinchCallback is any callback of the API (github.com/sinch/docs, RCS REST:
// receiving updates and callbacks).
type sinchCallback struct {
	Type      string          `json:"type"`
	MessageID string          `json:"message_id"` // of the message, or of the one a report is about
	At        string          `json:"at"`
	From      string          `json:"from"`
	Report    sinchReport     `json:"status_report"`
	Message   json.RawMessage `json:"message"`
	Event     struct {
		Type string `json:"type"`
	} `json:"event"`
}

type sinchReport struct {
	Type    string `json:"type"`
	Expired bool   `json:"expired"`
	Code    int    `json:"code"`
	Reason  string `json:"reason"`
}

// receive reads a callback.
func (a *sinchAccount) receive(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	if !a.genuine(r) {
		return channel.Received{}, channel.ErrForged
	}
	var cb sinchCallback
	if err := json.Unmarshal(body, &cb); err != nil {
		return channel.Received{}, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	in := channel.Inbound{
		At: cb.at(), From: channel.Address{Identity: strings.TrimPrefix(cb.From, "+")}, To: a.agentID,
	}
	known := false
	switch cb.Type {
	case "status_report_rcs":
		known = a.receipt(&in, &cb)
	case "user_agent_event_rcs":
		known = in.From.Identity != "" && cb.Event.Type == "composing"
		in.Event = &parley.ContactEvent{Composing: &parley.Empty{}}
	case "user_agent_message_rcs":
		if in.From.Identity == "" || cb.MessageID == "" {
			return channel.Received{}, fmt.Errorf("%w: a message without message_id or from", channel.ErrMalformed)
		}
		known = true
		in.ID = channel.ProviderID(cb.MessageID)
		if in.Message, in.Media = sinchUserMessage(cb.Message); in.Message == nil {
			in.Unsupported = string(body)
		}
	}
	if !known {
		ignore(r.Context(), c.Log, "it is no message and no event that is known")
		return channel.Received{}, nil
	}
	return channel.Received{Inbound: []channel.Inbound{in}}, nil
}

// genuine reports whether the callback is Sinch's. Callbacks are not signed:
// the secret is the last part of the address that Sinch was given, or the
// bearer token that Sinch was told to show. Without a secret nothing can be
// checked, so that nothing is genuine.
func (a *sinchAccount) genuine(r *http.Request) bool {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	rest := strings.Trim(r.PathValue("rest"), "/")
	return a.secret != "" && (same(token, a.secret) || same(rest, a.secret))
}

func same(got, want string) bool { return subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1 }

// at is when it happened. Times are not always written as the documentation
// says; one that cannot be read is none.
func (cb *sinchCallback) at() time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05.999999999Z0700"} {
		if t, err := time.Parse(layout, cb.At); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// receipt fills in what a report means and reports whether it means anything.
func (a *sinchAccount) receipt(in *channel.Inbound, cb *sinchCallback) bool {
	report := &cb.Report
	receipt := &channel.Receipt{ID: channel.ProviderID(cb.MessageID)}
	switch report.Type {
	case "delivered", "sms_delivered": // as an SMS, if the app asked for that itself
		receipt.Status = parley.StatusDelivered
	case "displayed":
		receipt.Status = parley.StatusRead
	case "failed", "aborted", "sms_failed":
		receipt.Status, receipt.Reason = parley.StatusFailed, a.failure(report)
	default: // queued, dispatched and the like
		return false
	}
	// A report has no id of its own.
	in.ID, in.Receipt = channel.ProviderID(cb.MessageID+"/"+report.Type), receipt
	return cb.MessageID != "" && (report.Type != "failed" || report.Code != codeRevokeFailed)
}

// sinchUserMessage returns what the user wrote and the file that goes with it,
// or nil if there is no form for it.
func sinchUserMessage(raw json.RawMessage) (*parley.ContactMessage, *channel.MediaRef) {
	var m struct {
		Type      string    `json:"type"`
		Text      string    `json:"text"`
		Postback  string    `json:"postback_data"`
		Latitude  *float64  `json:"latitude"`
		Longitude *float64  `json:"longitude"`
		File      sinchFile `json:"file"`
		Thumbnail sinchFile `json:"thumbnail"`
	}
	if json.Unmarshal(raw, &m) != nil {
		return nil, nil
	}
	switch {
	case m.Type == "suggestion_response" && m.Postback != "":
		return &parley.ContactMessage{ChoiceResponse: &parley.ChoiceResponseMessage{PostbackData: m.Postback}}, nil
	case (m.Type == "suggestion_response" || m.Type == "text") && m.Text != "":
		return &parley.ContactMessage{Text: &parley.TextMessage{Text: m.Text}}, nil
	case m.Type == "file" && m.File.URI != "":
		return &parley.ContactMessage{Media: &parley.MediaMessage{
			ThumbnailURL: m.Thumbnail.URI, FilenameOverride: m.File.Name,
		}}, &channel.MediaRef{Ref: m.File.URI, Filename: m.File.Name}
	case m.Type == "location" && m.Latitude != nil && m.Longitude != nil:
		return &parley.ContactMessage{Location: &parley.LocationMessage{
			Coordinates: parley.Coordinates{Latitude: *m.Latitude, Longitude: *m.Longitude},
		}}, nil
	}
	return nil, nil
}
