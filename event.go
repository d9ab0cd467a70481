package parley

import (
	"encoding/json"
	"time"
)

// An AppEvent is something an app does other than writing: typing, reading.
// Exactly one member is set.
type AppEvent struct {
	Composing    *Empty             `json:"composing_event,omitempty"`
	ComposingEnd *Empty             `json:"composing_end_event,omitempty"`
	ReadMessage  *Empty             `json:"read_message_event,omitempty"`
	CommentReply *CommentReplyEvent `json:"comment_reply_event,omitempty"`
	AgentJoined  *AgentEvent        `json:"agent_joined_event,omitempty"`
	AgentLeft    *AgentEvent        `json:"agent_left_event,omitempty"`
	Generic      *GenericEvent      `json:"generic_event,omitempty"`

	wire verbatim[AppEvent]
}

// UnmarshalJSON decodes an event and remembers how it was said.
func (e *AppEvent) UnmarshalJSON(text []byte) error {
	type plain AppEvent
	*e = AppEvent{}
	wire, err := decodeVerbatim(e, (*plain)(e), text)
	e.wire = wire
	return err
}

// MarshalJSON encodes an event: as it was sent if it was decoded, else from
// its fields.
func (e *AppEvent) MarshalJSON() ([]byte, error) {
	type plain AppEvent
	return encodeVerbatim(e, e.wire, (*plain)(e))
}

// The wire names of app events.
const (
	EventComposing    = "composing_event"
	EventComposingEnd = "composing_end_event"
	EventReadMessage  = "read_message_event"
	EventCommentReply = "comment_reply_event"
	EventAgentJoined  = "agent_joined_event"
	EventAgentLeft    = "agent_left_event"
	EventGeneric      = "generic_event"
)

// A ContactEvent is something a contact did other than writing. Exactly one
// member is set.
type ContactEvent struct {
	Composing           *Empty        `json:"composing_event,omitempty"`
	ComposingEnd        *Empty        `json:"composing_end_event,omitempty"`
	ConversationDeleted *Empty        `json:"conversation_deleted_event,omitempty"`
	Comment             *CommentEvent `json:"comment_event,omitempty"`
	Generic             *GenericEvent `json:"generic_event,omitempty"`

	wire verbatim[ContactEvent]
}

// UnmarshalJSON decodes an event and remembers how it was said.
func (e *ContactEvent) UnmarshalJSON(text []byte) error {
	type plain ContactEvent
	*e = ContactEvent{}
	wire, err := decodeVerbatim(e, (*plain)(e), text)
	e.wire = wire
	return err
}

// MarshalJSON encodes an event: as it was sent if it was decoded, else from
// its fields.
func (e *ContactEvent) MarshalJSON() ([]byte, error) {
	type plain ContactEvent
	return encodeVerbatim(e, e.wire, (*plain)(e))
}

// A ContactMessageEvent is something a contact did to a message. Exactly one
// member is set.
type ContactMessageEvent struct {
	PaymentStatusUpdate *PaymentStatusUpdateEvent `json:"payment_status_update_event,omitempty"`
	ShortlinkActivated  *ShortlinkActivatedEvent  `json:"shortlink_activated_event,omitempty"`
	Reaction            *ReactionEvent            `json:"reaction_event,omitempty"`

	wire verbatim[ContactMessageEvent]
}

// UnmarshalJSON decodes an event and remembers how it was said.
func (e *ContactMessageEvent) UnmarshalJSON(text []byte) error {
	type plain ContactMessageEvent
	*e = ContactMessageEvent{}
	wire, err := decodeVerbatim(e, (*plain)(e), text)
	e.wire = wire
	return err
}

// MarshalJSON encodes an event: as it was sent if it was decoded, else from
// its fields.
func (e *ContactMessageEvent) MarshalJSON() ([]byte, error) {
	type plain ContactMessageEvent
	return encodeVerbatim(e, e.wire, (*plain)(e))
}

// A CommentReplyEvent answers a comment (Instagram).
type CommentReplyEvent struct {
	Text string `json:"text"`
}

// An AgentEvent says which agent joined or left.
type AgentEvent struct {
	Agent Agent `json:"agent"`
}

// A GenericEvent carries any object.
type GenericEvent struct {
	Payload json.RawMessage `json:"payload"`
}

// A CommentEvent is a comment on a post or live video (Instagram).
type CommentEvent struct {
	ID          string `json:"id"`
	Text        string `json:"text"`
	CommentType string `json:"comment_type,omitempty"` // FEED or LIVE
	CommentedOn string `json:"commented_on,omitempty"`
	User        string `json:"user,omitempty"`
}

// A PaymentStatusUpdateEvent tells how a WhatsApp payment stands.
type PaymentStatusUpdateEvent struct {
	ReferenceID              string `json:"reference_id,omitempty"`
	PaymentStatus            string `json:"payment_status,omitempty"`
	PaymentTransactionStatus string `json:"payment_transaction_status,omitempty"`
	PaymentTransactionID     string `json:"payment_transaction_id,omitempty"`
}

// A ShortlinkActivatedEvent says that a thread was opened through a link
// (Messenger, Instagram).
type ShortlinkActivatedEvent struct {
	Payload        string `json:"payload,omitempty"`
	Title          string `json:"title,omitempty"`
	Ref            string `json:"ref,omitempty"`
	Source         string `json:"source,omitempty"`
	Type           string `json:"type,omitempty"`
	ExistingThread bool   `json:"existing_thread,omitempty"`
}

// The actions of a ReactionEvent.
const (
	ReactionReact   = "REACTION_ACTION_REACT"
	ReactionUnreact = "REACTION_ACTION_UNREACT"
)

// A ReactionEvent is an emoji put on a message, or taken off.
type ReactionEvent struct {
	Emoji            string `json:"emoji"`
	Action           string `json:"action"`
	MessageID        string `json:"message_id"`
	ReactionCategory string `json:"reaction_category,omitempty"`
}

// An Event is an event as it is kept and listed. Exactly one of AppEvent,
// ContactEvent and ContactMessageEvent is set.
type Event struct {
	ID                  string               `json:"id"`
	Direction           Direction            `json:"direction"`
	AppEvent            *AppEvent            `json:"app_event,omitempty"`
	ContactEvent        *ContactEvent        `json:"contact_event,omitempty"`
	ContactMessageEvent *ContactMessageEvent `json:"contact_message_event,omitempty"`
	ConversationID      string               `json:"conversation_id"`
	ContactID           string               `json:"contact_id"`
	ChannelIdentity     *ChannelIdentity     `json:"channel_identity"`
	AcceptTime          time.Time            `json:"accept_time"`
	ProcessingMode      ProcessingMode       `json:"processing_mode"`
}

// A SendEventRequest asks for an event to be shown to somebody. Of
// ChannelPriorityOrder only the first element counts.
type SendEventRequest struct {
	AppID                string     `json:"app_id"`
	Recipient            *Recipient `json:"recipient"`
	Event                *AppEvent  `json:"event"`
	CallbackURL          string     `json:"callback_url,omitempty"`
	ChannelPriorityOrder []Channel  `json:"channel_priority_order,omitempty"`
	EventMetadata        string     `json:"event_metadata,omitempty"`
	Queue                string     `json:"queue,omitempty"`
}

// A SendEventResponse says that an event was accepted.
type SendEventResponse struct {
	EventID      string    `json:"event_id"`
	AcceptedTime time.Time `json:"accepted_time"`
}

// Validate checks everything that can be checked without the app.
func (r *SendEventRequest) Validate() error {
	if err := first(appID("app_id", r.AppID), r.Recipient.validate("recipient")); err != nil {
		return err
	}
	if r.Event == nil {
		return missing("event")
	}
	if err := r.Event.validate("event"); err != nil {
		return err
	}
	for i, c := range r.ChannelPriorityOrder {
		if err := c.validate(path("channel_priority_order").index(i)); err != nil {
			return err
		}
	}
	if r.CallbackURL != "" {
		if err := absoluteURL("callback_url", r.CallbackURL); err != nil {
			return err
		}
	}
	return first(
		atMost("event_metadata", r.EventMetadata, MaxMetadata),
		oneOf("queue", r.Queue, "", QueueNormal, QueueHigh),
	)
}

// Kind returns the wire name of the event that is set, or "".
func (e *AppEvent) Kind() string {
	if set := e.kinds(); len(set) > 0 {
		return set[0]
	}
	return ""
}

// kinds names the events that are set.
func (e *AppEvent) kinds() []string {
	var set []string
	add := func(present bool, name string) {
		if present {
			set = append(set, name)
		}
	}
	add(e.Composing != nil, EventComposing)
	add(e.ComposingEnd != nil, EventComposingEnd)
	add(e.ReadMessage != nil, EventReadMessage)
	add(e.CommentReply != nil, EventCommentReply)
	add(e.AgentJoined != nil, EventAgentJoined)
	add(e.AgentLeft != nil, EventAgentLeft)
	add(e.Generic != nil, EventGeneric)
	return set
}
