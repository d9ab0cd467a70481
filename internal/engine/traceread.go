package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/callback"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/trace"
)

// A Trace is what was done for a message, in order.
type Trace struct {
	MessageID string `json:"message_id"`
	// Tracing tells whether steps are being noted: where they are not, there
	// are only those the message itself tells.
	Tracing bool              `json:"tracing"`
	Steps   []json.RawMessage `json:"steps"`
}

// Trace returns what was done for a message, or NOT_FOUND.
func (e *Engine) Trace(ctx context.Context, projectID, messageID string) (*Trace, error) {
	m, err := e.store.Message(ctx, projectID, messageID)
	if err != nil {
		return nil, err
	}
	first, err := ownSteps(m)
	if err != nil {
		return nil, err
	}
	// In this order: what is being written meanwhile may come twice, but is
	// not missed.
	rows := []string{e.o.Trace.Unwritten(refOf(m))}
	stored, err := e.store.Traces(ctx, projectID, m.AppID, m.ID)
	if err != nil {
		return nil, fmt.Errorf("read trace: %w", err)
	}
	steps, err := merge(first, append(stored, rows...))
	if err != nil {
		return nil, fmt.Errorf("trace of message %s: %w", messageID, err)
	}
	return &Trace{MessageID: m.ID, Tracing: e.o.Trace.On(), Steps: steps}, nil
}

// merge puts the steps of all rows in order of time.
func merge(steps []json.RawMessage, rows []string) ([]json.RawMessage, error) {
	for _, r := range rows {
		var list []json.RawMessage
		if err := json.Unmarshal([]byte("["+r+"]"), &list); err != nil {
			return nil, err
		}
		for _, s := range list {
			if !slices.ContainsFunc(steps, func(o json.RawMessage) bool { return bytes.Equal(o, s) }) {
				steps = append(steps, s)
			}
		}
	}
	at := func(s json.RawMessage) string {
		var step struct {
			Time string `json:"time"`
		}
		_ = json.Unmarshal(s, &step) // it was just read
		return step.Time
	}
	slices.SortStableFunc(steps, func(a, b json.RawMessage) int { return strings.Compare(at(a), at(b)) })
	return steps, nil
}

// traceTime is how steps write times: all alike, so that they sort as text.
const traceTime = "2006-01-02T15:04:05.000000Z"

// acceptedStep is the first step of an app's message: what was accepted.
type acceptedStep struct {
	Time           string                   `json:"time"`
	Step           trace.Kind               `json:"step"`
	AppID          string                   `json:"app_id"`
	ProcessingMode parley.ProcessingMode    `json:"processing_mode"`
	ContactID      string                   `json:"contact_id,omitempty"`
	ConversationID string                   `json:"conversation_id,omitempty"`
	Injected       bool                     `json:"injected,omitempty"`
	Message        *parley.AppMessage       `json:"message"`
	Channels       []parley.ChannelIdentity `json:"channels"` // in the order they are tried
	Properties     map[string]string        `json:"channel_properties,omitempty"`
	CorrelationID  string                   `json:"correlation_id,omitempty"`
	ContentType    string                   `json:"message_content_type,omitempty"`
	CallbackURL    string                   `json:"callback_url,omitempty"` // its host
	SendAt         *time.Time               `json:"send_at,omitempty"`
	Expires        *time.Time               `json:"expires,omitempty"`
}

// templateStep tells what came of a reference to an omni template.
type templateStep struct {
	Time    string             `json:"time"`
	Step    trace.Kind         `json:"step"`
	Channel parley.Channel     `json:"channel"`
	Message *parley.AppMessage `json:"message,omitempty"`
	Reason  *parley.Reason     `json:"reason,omitempty"`
}

// ownSteps returns what the message itself tells.
func ownSteps(m *store.Message) ([]json.RawMessage, error) {
	out := []json.RawMessage{}
	body, err := m.Body()
	if err != nil || body.App == nil {
		return out, err
	}
	at := m.AcceptTime.UTC().Format(traceTime)
	s := acceptedStep{
		Time: at, Step: trace.Accepted, AppID: m.AppID, ProcessingMode: m.Mode(), ContactID: m.ContactID,
		ConversationID: m.ConversationID, Injected: m.Injected, Message: body.App, Channels: []parley.ChannelIdentity{},
	}
	if o := body.Send; o != nil {
		s.Channels = append(s.Channels, o.Targets...)
		s.Properties, s.CorrelationID, s.ContentType = o.Properties, o.CorrelationID, o.ContentType
		s.CallbackURL = callback.Shown(o.CallbackURL)
		if !o.SendAt.IsZero() {
			s.SendAt = &o.SendAt
		}
		if !o.Expires.IsZero() {
			s.Expires = &o.Expires
		}
	}
	raw, err := parley.Marshal(s)
	if err != nil {
		return nil, err
	}
	out = append(out, raw)
	for _, to := range s.Channels {
		if r := body.Resolved[to.Channel]; r != nil {
			raw, err := parley.Marshal(templateStep{at, trace.Template, to.Channel, r.Message, r.Reason})
			if err != nil {
				return nil, err
			}
			out = append(out, raw)
		}
	}
	return out, nil
}
