package parley

import "time"

// A ProcessingMode says whether an app keeps contacts and conversations.
type ProcessingMode string

// The processing modes: DISPATCH keeps neither contacts nor conversations.
const (
	ModeConversation ProcessingMode = "CONVERSATION"
	ModeDispatch     ProcessingMode = "DISPATCH"
)

// The retention types of a RetentionPolicy.
const (
	RetentionMessageExpire      = "MESSAGE_EXPIRE_POLICY"
	RetentionConversationExpire = "CONVERSATION_EXPIRE_POLICY"
	RetentionPersist            = "PERSIST_RETENTION_POLICY"
)

// The views of conversation metadata in callbacks.
const (
	ReportViewNone = "NONE"
	ReportViewFull = "FULL"
)

// An App is a sender: channel credentials in priority order, and how its
// messages are processed and kept.
type App struct {
	ID                             string                       `json:"id"`
	DisplayName                    string                       `json:"display_name"`
	ChannelCredentials             []ChannelCredential          `json:"channel_credentials"`
	ConversationMetadataReportView string                       `json:"conversation_metadata_report_view"`
	RateLimits                     *RateLimits                  `json:"rate_limits,omitempty"`
	RetentionPolicy                *RetentionPolicy             `json:"retention_policy,omitempty"`
	DispatchRetentionPolicy        *RetentionPolicy             `json:"dispatch_retention_policy,omitempty"`
	ProcessingMode                 ProcessingMode               `json:"processing_mode"`
	SmartConversation              *Toggle                      `json:"smart_conversation,omitempty"`
	QueueStats                     *QueueStats                  `json:"queue_stats,omitempty"`
	PersistMessageStatus           *Toggle                      `json:"persist_message_status,omitempty"`
	MessageSearch                  *Toggle                      `json:"message_search,omitempty"`
	CallbackSettings               *CallbackSettings            `json:"callback_settings,omitempty"`
	DeliveryReportBasedFallback    *DeliveryReportBasedFallback `json:"delivery_report_based_fallback"`
	MessageRetrySettings           *MessageRetrySettings        `json:"message_retry_settings"`
}

// Toggle is something that is on or off.
type Toggle struct {
	Enabled bool `json:"enabled"`
}

// RateLimits are per second and set by the platform.
type RateLimits struct {
	Inbound  int64 `json:"inbound"`
	Outbound int64 `json:"outbound"`
	Webhooks int64 `json:"webhooks"`
}

// QueueStats tells how many accepted messages wait to be sent.
type QueueStats struct {
	OutboundSize  int64 `json:"outbound_size"`
	OutboundLimit int64 `json:"outbound_limit"`
}

// A RetentionPolicy says how long messages are kept.
type RetentionPolicy struct {
	RetentionType string `json:"retention_type"`
	TTLDays       int64  `json:"ttl_days"` // 1–3650; 0–7 for dispatched messages
}

// CallbackSettings sign the receipts sent to a message's own callback_url.
type CallbackSettings struct {
	SecretForOverriddenCallbackURLs string `json:"secret_for_overridden_callback_urls"`
}

// MessageRetrySettings bound the retries after a temporary channel failure.
type MessageRetrySettings struct {
	RetryDuration int64 `json:"retry_duration"` // seconds, 30–3600
}

// DeliveryReportBasedFallback switches channel when no positive receipt comes
// in time.
type DeliveryReportBasedFallback struct {
	Enabled                   bool  `json:"enabled"`
	DeliveryReportWaitingTime int64 `json:"delivery_report_waiting_time"` // seconds, 10–259200 when enabled
}

// Defaults and limits of an app (API reference, Apps).
const (
	DefaultRetentionDays = 180
	DefaultRetrySeconds  = 3600
	OutboundQueueLimit   = 500_000
	MaxWebhooksPerApp    = 5
	MaxRetentionDays     = 3650
	MaxDispatchDays      = 7
	MinRetrySeconds      = 30
	MinFallbackSeconds   = 10
	MaxFallbackSeconds   = 259_200
)

// SetDefaults fills in what the caller left out, as the hosted API does.
func (a *App) SetDefaults() {
	if a.ChannelCredentials == nil {
		a.ChannelCredentials = []ChannelCredential{}
	}
	if a.ConversationMetadataReportView == "" {
		a.ConversationMetadataReportView = ReportViewNone
	}
	if a.ProcessingMode == "" {
		a.ProcessingMode = ModeDispatch
	}
	if a.RetentionPolicy == nil {
		a.RetentionPolicy = &RetentionPolicy{}
	}
	if a.RetentionPolicy.RetentionType == "" {
		a.RetentionPolicy.RetentionType = RetentionMessageExpire
	}
	if a.RetentionPolicy.TTLDays == 0 {
		a.RetentionPolicy.TTLDays = DefaultRetentionDays
	}
	if a.DispatchRetentionPolicy == nil {
		a.DispatchRetentionPolicy = &RetentionPolicy{}
	}
	if a.DispatchRetentionPolicy.RetentionType == "" {
		a.DispatchRetentionPolicy.RetentionType = RetentionMessageExpire
	}
	if a.SmartConversation == nil {
		a.SmartConversation = &Toggle{}
	}
	if a.CallbackSettings == nil {
		a.CallbackSettings = &CallbackSettings{}
	}
	if a.DeliveryReportBasedFallback == nil {
		a.DeliveryReportBasedFallback = &DeliveryReportBasedFallback{}
	}
	if a.MessageRetrySettings == nil {
		a.MessageRetrySettings = &MessageRetrySettings{RetryDuration: DefaultRetrySeconds}
	}
	a.PersistMessageStatus, a.MessageSearch = &Toggle{}, &Toggle{}
}

// Credential returns the app's first credential for a channel, or nil. LINE
// may have several; the one marked as default wins there.
func (a *App) Credential(c Channel) *ChannelCredential {
	var found *ChannelCredential
	for i := range a.ChannelCredentials {
		cred := &a.ChannelCredentials[i]
		if cred.Channel != c {
			continue
		}
		if found == nil || cred.isDefault() {
			found = cred
		}
	}
	return found
}

// CredentialAt returns the app's credential on a channel with an ordinal
// number, or nil.
func (a *App) CredentialAt(c Channel, ordinal int) *ChannelCredential {
	for i := range a.ChannelCredentials {
		if cred := &a.ChannelCredentials[i]; cred.Channel == c && cred.CredentialOrdinalNumber == ordinal {
			return cred
		}
	}
	return nil
}

// RetryDuration is how long a temporary channel failure is retried.
func (a *App) RetryDuration() time.Duration {
	if a.MessageRetrySettings == nil || a.MessageRetrySettings.RetryDuration == 0 {
		return DefaultRetrySeconds * time.Second
	}
	return time.Duration(a.MessageRetrySettings.RetryDuration) * time.Second
}

// Validate checks an app as a client may write it.
func (a *App) Validate() error {
	if err := first(
		required("display_name", a.DisplayName),
		atMost("display_name", a.DisplayName, 256),
		oneOf("conversation_metadata_report_view", a.ConversationMetadataReportView, ReportViewNone, ReportViewFull),
		oneOf("processing_mode", a.ProcessingMode, ModeConversation, ModeDispatch),
		a.validateRetention(),
	); err != nil {
		return err
	}
	if s := a.MessageRetrySettings; s != nil && (s.RetryDuration < MinRetrySeconds || s.RetryDuration > DefaultRetrySeconds) {
		return Invalid("message_retry_settings.retry_duration", "must be %d to %d seconds", MinRetrySeconds, DefaultRetrySeconds)
	}
	if f := a.DeliveryReportBasedFallback; f != nil && f.Enabled &&
		(f.DeliveryReportWaitingTime < MinFallbackSeconds || f.DeliveryReportWaitingTime > MaxFallbackSeconds) {
		return Invalid("delivery_report_based_fallback.delivery_report_waiting_time",
			"must be %d to %d seconds when enabled", MinFallbackSeconds, MaxFallbackSeconds)
	}
	if a.CallbackSettings != nil {
		if err := atMost("callback_settings.secret_for_overridden_callback_urls",
			a.CallbackSettings.SecretForOverriddenCallbackURLs, 256); err != nil {
			return err
		}
	}
	return a.validateCredentials()
}

func (a *App) validateRetention() error {
	if r := a.RetentionPolicy; r != nil {
		if err := oneOf("retention_policy.retention_type", r.RetentionType,
			RetentionMessageExpire, RetentionConversationExpire, RetentionPersist); err != nil {
			return err
		}
		if r.RetentionType != RetentionPersist && (r.TTLDays < 1 || r.TTLDays > MaxRetentionDays) {
			return Invalid("retention_policy.ttl_days", "must be 1 to %d", MaxRetentionDays)
		}
	}
	if r := a.DispatchRetentionPolicy; r != nil {
		if err := oneOf("dispatch_retention_policy.retention_type", r.RetentionType, RetentionMessageExpire); err != nil {
			return err
		}
		if r.TTLDays < 0 || r.TTLDays > MaxDispatchDays {
			return Invalid("dispatch_retention_policy.ttl_days", "must be 0 to %d", MaxDispatchDays)
		}
	}
	return nil
}

func (a *App) validateCredentials() error {
	type slot struct {
		channel Channel
		ordinal int
	}
	seen := map[slot]bool{}
	for i := range a.ChannelCredentials {
		c, p := &a.ChannelCredentials[i], path("channel_credentials").index(i)
		if err := c.validate(p); err != nil {
			return err
		}
		s := slot{channel: c.Channel}
		if c.Channel == ChannelLINE {
			s.ordinal = c.CredentialOrdinalNumber
		}
		if seen[s] {
			if c.Channel == ChannelLINE {
				return invalid(p.field("credential_ordinal_number"), "is used by another LINE credential")
			}
			return invalid(p.field("channel"), "%s has more than one credential", c.Channel)
		}
		seen[s] = true
	}
	return nil
}

// Patch returns the app with the members of body named by mask changed.
func (a *App) Patch(body []byte, mask []string) (*App, error) {
	return patch(a, body, mask, map[string]bool{
		"display_name": true, "channel_credentials": true, "conversation_metadata_report_view": true,
		"retention_policy": true, "dispatch_retention_policy": true, "processing_mode": true,
		"smart_conversation": true, "callback_settings": true, "delivery_report_based_fallback": true,
		"message_retry_settings": true,
	})
}
