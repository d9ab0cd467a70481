package parley

// A DeliveryStatus is how far an app message has come.
type DeliveryStatus string

// The statuses of a message. Queued is never reported; it is what a message is
// between being accepted and being handed to a channel.
const (
	StatusQueued           DeliveryStatus = "QUEUED"
	StatusQueuedOnChannel  DeliveryStatus = "QUEUED_ON_CHANNEL"
	StatusDelivered        DeliveryStatus = "DELIVERED"
	StatusRead             DeliveryStatus = "READ"
	StatusFailed           DeliveryStatus = "FAILED"
	StatusSwitchingChannel DeliveryStatus = "SWITCHING_CHANNEL"
)

// A ReasonCode says why a message failed or switched channel. The set is
// closed: each provider's codes are mapped onto it by its channel.
type ReasonCode string

// The reason codes of the API.
const (
	ReasonUnknown                              ReasonCode = "UNKNOWN"
	ReasonInternalError                        ReasonCode = "INTERNAL_ERROR"
	ReasonRateLimited                          ReasonCode = "RATE_LIMITED"
	ReasonRecipientInvalidChannelIdentity      ReasonCode = "RECIPIENT_INVALID_CHANNEL_IDENTITY"
	ReasonRecipientNotReachable                ReasonCode = "RECIPIENT_NOT_REACHABLE"
	ReasonRecipientNotOptedIn                  ReasonCode = "RECIPIENT_NOT_OPTED_IN"
	ReasonOutsideAllowedSendingWindow          ReasonCode = "OUTSIDE_ALLOWED_SENDING_WINDOW"
	ReasonChannelFailure                       ReasonCode = "CHANNEL_FAILURE"
	ReasonChannelBadConfiguration              ReasonCode = "CHANNEL_BAD_CONFIGURATION"
	ReasonChannelConfigurationMissing          ReasonCode = "CHANNEL_CONFIGURATION_MISSING"
	ReasonMediaTypeUnsupported                 ReasonCode = "MEDIA_TYPE_UNSUPPORTED"
	ReasonMediaTooLarge                        ReasonCode = "MEDIA_TOO_LARGE"
	ReasonMediaNotReachable                    ReasonCode = "MEDIA_NOT_REACHABLE"
	ReasonNoChannelsLeft                       ReasonCode = "NO_CHANNELS_LEFT"
	ReasonTemplateNotFound                     ReasonCode = "TEMPLATE_NOT_FOUND"
	ReasonTemplateInsufficientParameters       ReasonCode = "TEMPLATE_INSUFFICIENT_PARAMETERS"
	ReasonTemplateNonExistingLanguageOrVersion ReasonCode = "TEMPLATE_NON_EXISTING_LANGUAGE_OR_VERSION"
	ReasonDeliveryTimedOut                     ReasonCode = "DELIVERY_TIMED_OUT"
	ReasonDeliveryRejectedDueToPolicy          ReasonCode = "DELIVERY_REJECTED_DUE_TO_POLICY"
	ReasonContactNotFound                      ReasonCode = "CONTACT_NOT_FOUND"
	ReasonBadRequest                           ReasonCode = "BAD_REQUEST"
	ReasonUnknownApp                           ReasonCode = "UNKNOWN_APP"
	ReasonNoChannelIdentityForContact          ReasonCode = "NO_CHANNEL_IDENTITY_FOR_CONTACT"
	ReasonChannelReject                        ReasonCode = "CHANNEL_REJECT"
	ReasonNoPermission                         ReasonCode = "NO_PERMISSION"
	ReasonNoProfileAvailable                   ReasonCode = "NO_PROFILE_AVAILABLE"
	ReasonUnsupportedOperation                 ReasonCode = "UNSUPPORTED_OPERATION"
	ReasonInactiveCredential                   ReasonCode = "INACTIVE_CREDENTIAL" //nolint:gosec // a code, no credential
	ReasonMessageExpired                       ReasonCode = "MESSAGE_EXPIRED"
	ReasonMessageSplitRequired                 ReasonCode = "MESSAGE_SPLIT_REQUIRED"
	ReasonDeliveryReportTimeOut                ReasonCode = "DELIVERY_REPORT_TIME_OUT"
)

// The sub codes of a Reason.
const (
	SubCodeUnspecified           = "UNSPECIFIED_SUB_CODE"
	SubCodeAttachmentRejected    = "ATTACHMENT_REJECTED"
	SubCodeMediaTypeUndetermined = "MEDIA_TYPE_UNDETERMINED"
	SubCodeInactiveSender        = "INACTIVE_SENDER"
)

// A Reason says why a message failed or switched channel.
type Reason struct {
	Code        ReasonCode `json:"code"`
	Description string     `json:"description"`
	SubCode     string     `json:"sub_code"`
	ChannelCode string     `json:"channel_code,omitempty"` // the channel's own code; WhatsApp only
}

// channelReported marks a description as the provider's words, as the hosted
// API does.
const channelReported = "The underlying channel reported: "

// NewReason returns a reason in the platform's own words.
func NewReason(code ReasonCode, description string) Reason {
	return Reason{Code: code, Description: description, SubCode: SubCodeUnspecified}
}

// ChannelReason returns a reason in the provider's words, which must be free
// of secrets.
func ChannelReason(code ReasonCode, words string) Reason {
	return Reason{Code: code, Description: channelReported + words, SubCode: SubCodeUnspecified}
}
