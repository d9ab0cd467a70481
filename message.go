package parley

import (
	"encoding/json"
	"time"
)

// A Direction says who wrote: the contact (TO_APP) or the app (TO_CONTACT).
type Direction string

// The directions of messages and events.
const (
	ToApp     Direction = "TO_APP"
	ToContact Direction = "TO_CONTACT"

	// DirectionUndefined, in a filter, is either.
	DirectionUndefined Direction = "UNDEFINED_DIRECTION"
)

// The stores messages are listed from.
const (
	SourceConversation = "CONVERSATION_SOURCE"
	SourceDispatch     = "DISPATCH_SOURCE"
)

// A Message is a message as it is kept and listed. Exactly one of AppMessage
// and ContactMessage is set.
type Message struct {
	ID              string           `json:"id"`
	Direction       Direction        `json:"direction"`
	AppMessage      *AppMessage      `json:"app_message,omitempty"`
	ContactMessage  *ContactMessage  `json:"contact_message,omitempty"`
	ChannelIdentity *ChannelIdentity `json:"channel_identity"`
	ConversationID  string           `json:"conversation_id"`
	ContactID       string           `json:"contact_id"`
	Metadata        string           `json:"metadata"`
	AcceptTime      time.Time        `json:"accept_time"`
	SenderID        string           `json:"sender_id"`
	ProcessingMode  ProcessingMode   `json:"processing_mode"`
	Injected        bool             `json:"injected"`
}

// A Recipient is whom a message is for: a contact by id, or somebody by who
// they are on one or more channels. Exactly one is set.
type Recipient struct {
	ContactID    string        `json:"contact_id,omitempty"`
	IdentifiedBy *IdentifiedBy `json:"identified_by,omitempty"`
}

// IdentifiedBy lists who somebody is, in the order channels are tried.
type IdentifiedBy struct {
	ChannelIdentities []ChannelIdentity `json:"channel_identities"`
}

// The values of SendMessageRequest's enumerations.
const (
	UpdateReplace       = "REPLACE"
	UpdateMergePatch    = "MERGE_PATCH"
	QueueNormal         = "NORMAL_PRIORITY"
	QueueHigh           = "HIGH_PRIORITY"
	StrategyDefault     = "DEFAULT"
	StrategyDispatch    = "DISPATCH_ONLY"
	ContentUnknown      = "CONTENT_UNKNOWN"
	ContentMarketing    = "CONTENT_MARKETING"
	ContentNotification = "CONTENT_NOTIFICATION"
)

// A SendMessageRequest asks for a message to be sent.
type SendMessageRequest struct {
	AppID                              string            `json:"app_id"`
	Recipient                          *Recipient        `json:"recipient"`
	Message                            *AppMessage       `json:"message"`
	CallbackURL                        string            `json:"callback_url,omitempty"`
	ChannelPriorityOrder               []Channel         `json:"channel_priority_order,omitempty"`
	ChannelProperties                  map[string]string `json:"channel_properties,omitempty"`
	MessageMetadata                    string            `json:"message_metadata,omitempty"`
	ConversationMetadata               json.RawMessage   `json:"conversation_metadata,omitempty"`
	ConversationMetadataUpdateStrategy string            `json:"conversation_metadata_update_strategy,omitempty"`
	Queue                              string            `json:"queue,omitempty"`
	TTL                                Seconds           `json:"ttl,omitempty"`
	ProcessingStrategy                 string            `json:"processing_strategy,omitempty"`
	CorrelationID                      string            `json:"correlation_id,omitempty"`
	MessageContentType                 string            `json:"message_content_type,omitempty"`

	// SendAt is an addition of ours: the message is kept until then. TTL
	// counts from it.
	SendAt *time.Time `json:"send_at,omitempty"`
}

// decode does what encoding/json does, in less time: it decodes the message
// together with the rest and then looks for its text.
func (r *SendMessageRequest) decode(body []byte) error {
	type (
		plain   SendMessageRequest
		message AppMessage // without its methods
	)
	var fields struct {
		*plain
		Message *message `json:"message"`
	}
	fields.plain = (*plain)(r)
	if json.Unmarshal(body, &fields) == nil && fields.Message != nil {
		s := scanner{in: body}
		if kept, ok := s.keep(s.member("message")); ok && len(kept) > 0 {
			r.Message = (*AppMessage)(fields.Message)
			r.Message.wire = verbatim[AppMessage]{r.Message, kept}
			return nil
		}
	}
	*r = SendMessageRequest{}
	return json.Unmarshal(body, r)
}

// MaxSendAhead is how far ahead a message can be scheduled.
const MaxSendAhead = 30 * 24 * time.Hour

// A SendMessageResponse says that a message was accepted: it is stored and
// will be sent.
type SendMessageResponse struct {
	MessageID    string    `json:"message_id"`
	AcceptedTime time.Time `json:"accepted_time"`
}

// A TranscodeMessageRequest asks what a message would look like on channels.
type TranscodeMessageRequest struct {
	AppID      string      `json:"app_id"`
	AppMessage *AppMessage `json:"app_message"`
	Channels   []Channel   `json:"channels"`
	From       string      `json:"from,omitempty"`
	To         string      `json:"to,omitempty"`
}

// A TranscodeMessageResponse holds the native request of each channel as a
// string.
type TranscodeMessageResponse struct {
	TranscodedMessage map[Channel]string `json:"transcoded_message"`
}

// The views of messages in lists.
const (
	ViewWithMetadata    = "WITH_METADATA"
	ViewWithoutMetadata = "WITHOUT_METADATA"
)

// A FetchLastRequest asks for the newest message of each of several people,
// named by who they are on a channel or as contacts.
type FetchLastRequest struct {
	ChannelIdentities []string  `json:"channel_identities,omitempty"`
	ContactIDs        []string  `json:"contact_ids,omitempty"` // CONVERSATION_SOURCE only
	AppID             string    `json:"app_id,omitempty"`
	MessagesSource    string    `json:"messages_source,omitempty"`
	PageSize          int       `json:"page_size,omitempty"`
	PageToken         string    `json:"page_token,omitempty"`
	View              string    `json:"view,omitempty"`
	StartTime         time.Time `json:"start_time,omitzero"` // both exclusive
	EndTime           time.Time `json:"end_time,omitzero"`
	Channel           Channel   `json:"channel,omitempty"`
	Direction         Direction `json:"direction,omitempty"`
}

// MaxFetchLast bounds how many people one FetchLastRequest may name.
const MaxFetchLast = 1000

// Validate checks the request.
func (r *FetchLastRequest) Validate() error {
	dispatch := r.MessagesSource == SourceDispatch
	const both = "channel_identities"
	switch {
	case len(r.ChannelIdentities) > 0 && len(r.ContactIDs) > 0:
		return Invalid(both, "cannot be combined with contact_ids")
	case len(r.ChannelIdentities) == 0 && len(r.ContactIDs) == 0:
		return Invalid(both, "or contact_ids is required")
	case len(r.ContactIDs) > 0 && dispatch:
		return Invalid("contact_ids", "cannot be used with messages_source %s", SourceDispatch)
	case max(len(r.ChannelIdentities), len(r.ContactIDs)) > MaxFetchLast:
		return Invalid(both, "and contact_ids may name at most %d", MaxFetchLast)
	case r.PageSize < 0:
		return Invalid("page_size", "must not be negative")
	case !r.StartTime.IsZero() && !r.EndTime.IsZero() && !r.StartTime.Before(r.EndTime):
		return Invalid("start_time", "must be before end_time")
	}
	for i, id := range r.ContactIDs {
		if err := appID(path("contact_ids").index(i), id); err != nil {
			return err
		}
	}
	for i, id := range r.ChannelIdentities {
		if err := first(required(path(both).index(i), id), atMost(path(both).index(i), id, MaxIdentity)); err != nil {
			return err
		}
	}
	if r.AppID != "" {
		if err := appID("app_id", r.AppID); err != nil {
			return err
		}
	}
	if r.Channel != "" && r.Channel != ChannelUnspecified {
		if err := r.Channel.validate("channel"); err != nil {
			return err
		}
	}
	return first(
		oneOf("messages_source", r.MessagesSource, "", SourceConversation, SourceDispatch),
		oneOf("view", r.View, "", ViewWithMetadata, ViewWithoutMetadata),
		oneOf("direction", r.Direction, "", DirectionUndefined, ToApp, ToContact),
	)
}

// Limits of a SendMessageRequest.
const (
	MinTTL             = Seconds(3)
	MaxTTL             = Seconds(315_576_000_000)
	MaxChannelProperty = 1024
)

// Validate checks everything that can be checked without the app.
func (r *SendMessageRequest) Validate() error {
	if err := first(appID("app_id", r.AppID), r.Recipient.validate("recipient")); err != nil {
		return err
	}
	if r.Message == nil {
		return missing("message")
	}
	if err := r.Message.validate("message"); err != nil {
		return err
	}
	for i, c := range r.ChannelPriorityOrder {
		if err := c.validate(path("channel_priority_order").index(i)); err != nil {
			return err
		}
	}
	for name, value := range r.ChannelProperties {
		if err := atMost(path("channel_properties").field(name), value, MaxChannelProperty); err != nil {
			return err
		}
	}
	if r.CallbackURL != "" {
		if err := absoluteURL("callback_url", r.CallbackURL); err != nil {
			return err
		}
	}
	if r.TTL != 0 && (r.TTL < MinTTL || r.TTL > MaxTTL) {
		return Invalid("ttl", "must be %d to %d seconds", MinTTL, MaxTTL)
	}
	return first(
		atMost("message_metadata", r.MessageMetadata, MaxMetadata),
		metadataObject("conversation_metadata", r.ConversationMetadata),
		atMost("correlation_id", r.CorrelationID, MaxCorrelationID),
		oneOf("conversation_metadata_update_strategy", r.ConversationMetadataUpdateStrategy, "", UpdateReplace, UpdateMergePatch),
		oneOf("queue", r.Queue, "", QueueNormal, QueueHigh),
		oneOf("processing_strategy", r.ProcessingStrategy, "", StrategyDefault, StrategyDispatch),
		oneOf("message_content_type", r.MessageContentType, "", ContentUnknown, ContentMarketing, ContentNotification),
	)
}

func (r *Recipient) validate(p path) error {
	if r == nil {
		return missing(p)
	}
	switch {
	case r.ContactID != "" && r.IdentifiedBy != nil:
		return invalid(p, "has both contact_id and identified_by")
	case r.IdentifiedBy != nil:
		ids := p.field("identified_by").field("channel_identities")
		if len(r.IdentifiedBy.ChannelIdentities) == 0 {
			return missing(ids)
		}
		return each(ids, r.IdentifiedBy.ChannelIdentities, (*ChannelIdentity).validate)
	case r.ContactID == "":
		return invalid(p, "needs contact_id or identified_by")
	case !IsID(r.ContactID):
		return invalid(p.field("contact_id"), "is not an id of 26 characters")
	}
	return nil
}

// Validate checks a transcode request.
func (r *TranscodeMessageRequest) Validate() error {
	if err := appID("app_id", r.AppID); err != nil {
		return err
	}
	if r.AppMessage == nil {
		return missing("app_message")
	}
	if err := r.AppMessage.validate("app_message"); err != nil {
		return err
	}
	if len(r.Channels) == 0 {
		return missing("channels")
	}
	for i, c := range r.Channels {
		if err := c.validate(path("channels").index(i)); err != nil {
			return err
		}
	}
	return nil
}
