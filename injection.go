package parley

import "time"

// InjectionWindow is how far back in time something may be injected.
const InjectionWindow = 30 * 24 * time.Hour

// An InjectMessageRequest puts a message that went another way into a
// conversation. It is stored, not sent.
type InjectMessageRequest struct {
	AppMessage      *AppMessage      `json:"app_message,omitempty"`
	ContactMessage  *ContactMessage  `json:"contact_message,omitempty"`
	AcceptTime      time.Time        `json:"accept_time"`
	ChannelIdentity *ChannelIdentity `json:"channel_identity"`
	ContactID       string           `json:"contact_id"`
	Direction       Direction        `json:"direction"`
	ConversationID  string           `json:"conversation_id,omitempty"` // the path says it, too
	SenderID        string           `json:"sender_id,omitempty"`
	ProcessingMode  ProcessingMode   `json:"processing_mode,omitempty"`
	Metadata        string           `json:"metadata,omitempty"`
}

// Validate checks everything that can be checked without the conversation.
func (r *InjectMessageRequest) Validate(now time.Time) error {
	var bodies []string
	if r.AppMessage != nil {
		bodies = append(bodies, "app_message")
	}
	if r.ContactMessage != nil {
		bodies = append(bodies, "contact_message")
	}
	if err := exactlyOne("", "message", bodies); err != nil {
		return err
	}
	if err := r.validateMessage(); err != nil {
		return err
	}
	if r.ChannelIdentity == nil {
		return missing("channel_identity")
	}
	return first(
		injectionTime(r.AcceptTime, now),
		r.ChannelIdentity.validate("channel_identity"),
		appID("contact_id", r.ContactID),
		injectionMode(r.ProcessingMode),
		atMost("sender_id", r.SenderID, MaxIdentity),
		atMost("metadata", r.Metadata, MaxMetadata),
	)
}

// validateMessage checks the message and that it goes its author's way.
func (r *InjectMessageRequest) validateMessage() error {
	if err := oneOf("direction", r.Direction, ToApp, ToContact); err != nil {
		return err
	}
	if r.AppMessage != nil {
		if r.Direction != ToContact {
			return Invalid("direction", "an app_message is %s", ToContact)
		}
		return r.AppMessage.validate("app_message")
	}
	if r.Direction != ToApp {
		return Invalid("direction", "a contact_message is %s", ToApp)
	}
	return r.ContactMessage.validate("contact_message")
}

// An InjectEventRequest puts an app event that went another way into a
// conversation.
type InjectEventRequest struct {
	AppEvent        *AppEvent        `json:"app_event,omitempty"`
	AcceptTime      time.Time        `json:"accept_time"`
	ContactID       string           `json:"contact_id,omitempty"`
	ChannelIdentity *ChannelIdentity `json:"channel_identity,omitempty"`
	ConversationID  string           `json:"conversation_id,omitempty"` // the path says it, too
	ProcessingMode  ProcessingMode   `json:"processing_mode,omitempty"`
}

// An InjectEventResponse says under which id an event was stored.
type InjectEventResponse struct {
	EventID      string    `json:"event_id"`
	AcceptedTime time.Time `json:"accepted_time"`
}

// Validate checks everything that can be checked without the conversation.
func (r *InjectEventRequest) Validate(now time.Time) error {
	if r.AppEvent == nil {
		return missing("app_event")
	}
	if r.ChannelIdentity != nil {
		if err := r.ChannelIdentity.validate("channel_identity"); err != nil {
			return err
		}
	}
	return first(
		r.AppEvent.validate("app_event"),
		injectionTime(r.AcceptTime, now),
		injectionMode(r.ProcessingMode),
	)
}

// injectionTime accepts times in the past that are not too far back.
func injectionTime(at, now time.Time) error {
	const field = "accept_time"
	switch {
	case at.IsZero():
		return missing(field)
	case !at.Before(now):
		return invalid(field, "must be in the past")
	case !at.After(now.Add(-InjectionWindow)):
		return invalid(field, "must be less than %d days ago", InjectionWindow/(24*time.Hour))
	}
	return nil
}

// injectionMode accepts the one mode in which there are conversations.
func injectionMode(m ProcessingMode) error {
	if err := oneOf("processing_mode", m, "", ModeConversation, ModeDispatch); err != nil {
		return err
	}
	if m == ModeDispatch {
		return Invalid("processing_mode", "only %s has conversations", ModeConversation)
	}
	return nil
}
