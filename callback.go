package parley

import (
	"encoding/json"
	"time"
)

// A Callback is what is posted to a webhook. Exactly one payload is set; the
// trigger's name is not on the wire, receivers tell it by the payload's key.
type Callback struct {
	AppID        string     `json:"app_id"`
	AcceptedTime time.Time  `json:"accepted_time"`
	EventTime    *time.Time `json:"event_time,omitempty"` // when the channel says it happened
	ProjectID    string     `json:"project_id"`

	Message              *MessageInbound           `json:"message,omitempty"`
	MessageSubmit        *MessageSubmit            `json:"message_submit_notification,omitempty"`
	MessageDelivery      *MessageDelivery          `json:"message_delivery_report,omitempty"`
	Event                *EventInbound             `json:"event,omitempty"`
	EventDelivery        *EventDelivery            `json:"event_delivery_report,omitempty"`
	ConversationStart    *ConversationNotification `json:"conversation_start_notification,omitempty"`
	ConversationStop     *ConversationNotification `json:"conversation_stop_notification,omitempty"`
	ConversationDelete   *ConversationNotification `json:"conversation_delete_notification,omitempty"`
	ContactCreate        *ContactNotification      `json:"contact_create_notification,omitempty"`
	ContactDelete        *ContactNotification      `json:"contact_delete_notification,omitempty"`
	ContactUpdate        *ContactNotification      `json:"contact_update_notification,omitempty"`
	ContactMerge         *ContactMerge             `json:"contact_merge_notification,omitempty"`
	DuplicatedIdentities *DuplicatedIdentities     `json:"duplicated_contact_identities_notification,omitempty"`
	Capability           *CapabilityNotification   `json:"capability_notification,omitempty"`
	OptIn                *OptNotification          `json:"opt_in_notification,omitempty"`
	OptOut               *OptNotification          `json:"opt_out_notification,omitempty"`
	ChannelEvent         *ChannelEventNotification `json:"channel_event_notification,omitempty"`
	Unsupported          *UnsupportedCallback      `json:"unsupported_callback,omitempty"`
	BatchStatusUpdate    *BatchStatusUpdate        `json:"batch_status_update_notification,omitempty"`

	MessageMetadata string `json:"message_metadata"`
	CorrelationID   string `json:"correlation_id"`
}

// Trigger returns the trigger of the payload that is set, or "".
func (c *Callback) Trigger() Trigger {
	switch {
	case c.Message != nil:
		return TriggerMessageInbound
	case c.MessageSubmit != nil:
		return TriggerMessageSubmit
	case c.MessageDelivery != nil:
		return TriggerMessageDelivery
	case c.Event != nil:
		return TriggerEventInbound
	case c.EventDelivery != nil:
		return TriggerEventDelivery
	case c.ConversationStart != nil:
		return TriggerConversationStart
	case c.ConversationStop != nil:
		return TriggerConversationStop
	case c.ConversationDelete != nil:
		return TriggerConversationDelete
	case c.ContactCreate != nil:
		return TriggerContactCreate
	case c.ContactDelete != nil:
		return TriggerContactDelete
	case c.ContactUpdate != nil:
		return TriggerContactUpdate
	case c.ContactMerge != nil:
		return TriggerContactMerge
	case c.DuplicatedIdentities != nil:
		return TriggerContactIdentitiesDuplication
	case c.Capability != nil:
		return TriggerCapability
	case c.OptIn != nil:
		return TriggerOptIn
	case c.OptOut != nil:
		return TriggerOptOut
	case c.ChannelEvent != nil:
		return TriggerChannelEvent
	case c.Unsupported != nil:
		return TriggerUnsupported
	case c.BatchStatusUpdate != nil:
		return TriggerBatchStatusUpdate
	}
	return ""
}

// MessageInbound is the payload of MESSAGE_INBOUND.
type MessageInbound struct {
	ID              string          `json:"id"`
	Direction       Direction       `json:"direction"`
	ContactMessage  *ContactMessage `json:"contact_message"`
	ChannelIdentity ChannelIdentity `json:"channel_identity"`
	ConversationID  string          `json:"conversation_id"`
	ContactID       string          `json:"contact_id"`
	Metadata        string          `json:"metadata"`
	AcceptTime      time.Time       `json:"accept_time"`
	SenderID        string          `json:"sender_id"`
	ProcessingMode  ProcessingMode  `json:"processing_mode"`
	Injected        bool            `json:"injected"`
}

// MessageSubmit is the payload of MESSAGE_SUBMIT.
type MessageSubmit struct {
	MessageID        string          `json:"message_id"`
	ConversationID   string          `json:"conversation_id"`
	ChannelIdentity  ChannelIdentity `json:"channel_identity"`
	ContactID        string          `json:"contact_id"`
	SubmittedMessage *AppMessage     `json:"submitted_message"`
	Metadata         string          `json:"metadata"`
	ProcessingMode   ProcessingMode  `json:"processing_mode"`
}

// MessageDelivery is the payload of MESSAGE_DELIVERY. ChannelIdentity is null
// when the message failed before any channel was chosen.
type MessageDelivery struct {
	MessageID       string           `json:"message_id"`
	ConversationID  string           `json:"conversation_id"`
	Status          DeliveryStatus   `json:"status"`
	ChannelIdentity *ChannelIdentity `json:"channel_identity"`
	ContactID       string           `json:"contact_id"`
	Reason          *Reason          `json:"reason,omitempty"` // FAILED and SWITCHING_CHANNEL only
	Metadata        string           `json:"metadata"`
	ProcessingMode  ProcessingMode   `json:"processing_mode"`
}

// EventInbound is the payload of EVENT_INBOUND. Exactly one of the events is
// set.
type EventInbound struct {
	ID                  string               `json:"id"`
	Direction           Direction            `json:"direction"`
	ContactEvent        *ContactEvent        `json:"contact_event,omitempty"`
	ContactMessageEvent *ContactMessageEvent `json:"contact_message_event,omitempty"`
	ChannelIdentity     ChannelIdentity      `json:"channel_identity"`
	ContactID           string               `json:"contact_id"`
	ConversationID      string               `json:"conversation_id"`
	AcceptTime          time.Time            `json:"accept_time"`
	ProcessingMode      ProcessingMode       `json:"processing_mode"`
}

// EventDelivery is the payload of EVENT_DELIVERY.
type EventDelivery struct {
	EventID         string           `json:"event_id"`
	Status          DeliveryStatus   `json:"status"`
	ChannelIdentity *ChannelIdentity `json:"channel_identity"`
	ContactID       string           `json:"contact_id"`
	Reason          *Reason          `json:"reason,omitempty"`
	Metadata        string           `json:"metadata"`
	ProcessingMode  ProcessingMode   `json:"processing_mode"`
}

// ConversationNotification is the payload of the CONVERSATION_ triggers.
type ConversationNotification struct {
	Conversation Conversation `json:"conversation"`
}

// ContactNotification is the payload of CONTACT_CREATE, _UPDATE and _DELETE;
// the last shows the contact as it was.
type ContactNotification struct {
	Contact Contact `json:"contact"`
}

// ContactMerge is the payload of CONTACT_MERGE.
type ContactMerge struct {
	PreservedContact Contact `json:"preserved_contact"`
	DeletedContact   Contact `json:"deleted_contact"`
}

// DuplicatedIdentities is the payload of CONTACT_IDENTITIES_DUPLICATION.
type DuplicatedIdentities struct {
	DuplicatedIdentities []DuplicatedIdentity `json:"duplicated_identities"`
}

// DuplicatedIdentity names the contacts that share an identity on a channel.
type DuplicatedIdentity struct {
	Channel    Channel  `json:"channel"`
	ContactIDs []string `json:"contact_ids"`
}

// CapabilityNotification is the payload of CAPABILITY.
type CapabilityNotification struct {
	RequestID           string           `json:"request_id"`
	ContactID           string           `json:"contact_id"`
	Channel             Channel          `json:"channel"`
	Identity            string           `json:"identity"`
	CapabilityStatus    CapabilityStatus `json:"capability_status"`
	ChannelCapabilities []string         `json:"channel_capabilities,omitempty"`
	Reason              *Reason          `json:"reason,omitempty"`
}

// OptNotification is the payload of OPT_IN and OPT_OUT.
type OptNotification struct {
	RequestID      string         `json:"request_id"`
	ContactID      string         `json:"contact_id"`
	Channel        Channel        `json:"channel"`
	Identity       string         `json:"identity"`
	Status         string         `json:"status"`
	ErrorDetails   *ErrorDetails  `json:"error_details,omitempty"`
	ProcessingMode ProcessingMode `json:"processing_mode"`
}

// The statuses of an OptNotification.
const (
	OptInSucceeded  = "OPT_IN_SUCCEEDED"
	OptInFailed     = "OPT_IN_FAILED"
	OptOutSucceeded = "OPT_OUT_SUCCEEDED"
	OptOutFailed    = "OPT_OUT_FAILED"
)

// ErrorDetails says why an opt-in or opt-out failed.
type ErrorDetails struct {
	Description string `json:"description"`
}

// ChannelEventNotification is the payload of CHANNEL_EVENT.
type ChannelEventNotification struct {
	ChannelEvent ChannelEvent `json:"channel_event"`
}

// ChannelEvent is news about the account on a channel.
type ChannelEvent struct {
	Channel        Channel         `json:"channel"`
	EventType      string          `json:"event_type"`
	AdditionalData json.RawMessage `json:"additional_data,omitempty"`
}

// UnsupportedCallback is the payload of UNSUPPORTED: what the provider sent,
// as text.
type UnsupportedCallback struct {
	Channel         Channel         `json:"channel"`
	Payload         string          `json:"payload"`
	ProcessingMode  ProcessingMode  `json:"processing_mode"`
	ID              string          `json:"id"`
	ContactID       string          `json:"contact_id"`
	ConversationID  string          `json:"conversation_id"`
	ChannelIdentity ChannelIdentity `json:"channel_identity"`
}
