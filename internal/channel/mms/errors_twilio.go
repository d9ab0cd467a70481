package mms

import "github.com/parley-im/parley"

// twilioCodes is what error codes mean, of refusals and of failed deliveries
// (twilio.com/docs/api/errors).
var twilioCodes = map[int]parley.ReasonCode{
	21211: parley.ReasonRecipientInvalidChannelIdentity, // To is not a number
	21614: parley.ReasonRecipientInvalidChannelIdentity, // To is no mobile number
	21610: parley.ReasonRecipientNotOptedIn,             // replied STOP
	21612: parley.ReasonRecipientNotReachable,
	30003: parley.ReasonRecipientNotReachable, // unreachable handset
	30005: parley.ReasonRecipientNotReachable, // unknown handset
	30006: parley.ReasonRecipientNotReachable, // landline
	20003: parley.ReasonChannelBadConfiguration,
	21408: parley.ReasonChannelBadConfiguration,     // region not enabled
	21606: parley.ReasonChannelBadConfiguration,     // From is not ours
	30002: parley.ReasonChannelBadConfiguration,     // account suspended
	30004: parley.ReasonDeliveryRejectedDueToPolicy, // blocked
	30007: parley.ReasonDeliveryRejectedDueToPolicy, // filtered by the carrier
	14107: parley.ReasonRateLimited,
	20429: parley.ReasonRateLimited,
	21611: parley.ReasonRateLimited, // the sender's queue is full
	30001: parley.ReasonRateLimited, // queue overflow
	21617: parley.ReasonMessageSplitRequired,
	21620: parley.ReasonMediaNotReachable, // invalid media URL
	11200: parley.ReasonMediaNotReachable, // could not be fetched
	12300: parley.ReasonMediaTypeUnsupported,
	11751: parley.ReasonMediaTooLarge, // over Twilio's limit
	30019: parley.ReasonMediaTooLarge, // over the carrier's
	30008: parley.ReasonUnknown,
}

// twilioStatuses is what a message's status means (Twilio, Messages, status
// values); failed and undelivered are told apart by the code.
var twilioStatuses = map[string]parley.DeliveryStatus{
	"accepted": parley.StatusQueuedOnChannel, "queued": parley.StatusQueuedOnChannel, "scheduled": parley.StatusQueuedOnChannel,
	"sending": parley.StatusQueuedOnChannel, "sent": parley.StatusQueuedOnChannel, "delivered": parley.StatusDelivered,
	"read": parley.StatusRead, "undelivered": parley.StatusFailed, "failed": parley.StatusFailed, "canceled": parley.StatusFailed,
}
