package twilio

import (
	"encoding/json"
	"strconv"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// refusal reads the answer to a request that Twilio refused.
func refusal(answer *channel.Answer) *channel.Error {
	var body struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(answer.Body, &body) != nil || body.Code == 0 {
		return channel.Verdict(answer, "")
	}
	e := channel.Verdict(answer, strconv.Itoa(body.Code)+": "+body.Message)
	e.Reason.ChannelCode = strconv.Itoa(body.Code)
	if code, ok := codes[body.Code]; ok {
		e.Reason.Code = code
		if code == parley.ReasonRateLimited {
			e.Outcome, e.After = channel.TryAgain, channel.RetryAfter(answer.Header)
		}
	}
	return e
}

// codes is what error codes mean, of refusals and of failed deliveries
// (twilio.com/docs/api/errors).
var codes = map[int]parley.ReasonCode{
	21211: parley.ReasonRecipientInvalidChannelIdentity, // To is not a number
	21614: parley.ReasonRecipientInvalidChannelIdentity, // To is no mobile number
	63003: parley.ReasonRecipientInvalidChannelIdentity,
	63024: parley.ReasonRecipientInvalidChannelIdentity,
	21610: parley.ReasonRecipientNotOptedIn, // replied STOP
	21612: parley.ReasonRecipientNotReachable,
	30003: parley.ReasonRecipientNotReachable, // unreachable handset
	30005: parley.ReasonRecipientNotReachable, // unknown handset
	30006: parley.ReasonRecipientNotReachable, // landline
	20003: parley.ReasonChannelBadConfiguration,
	21408: parley.ReasonChannelBadConfiguration, // region not enabled
	21606: parley.ReasonChannelBadConfiguration, // From is not ours
	30002: parley.ReasonChannelBadConfiguration, // account suspended
	63001: parley.ReasonChannelBadConfiguration,
	63007: parley.ReasonChannelBadConfiguration,
	30004: parley.ReasonDeliveryRejectedDueToPolicy, // blocked
	30007: parley.ReasonDeliveryRejectedDueToPolicy, // filtered by the carrier
	14107: parley.ReasonRateLimited,
	20429: parley.ReasonRateLimited,
	21611: parley.ReasonRateLimited, // the sender's queue is full
	30001: parley.ReasonRateLimited, // queue overflow
	63018: parley.ReasonRateLimited,
	63016: parley.ReasonOutsideAllowedSendingWindow,
	21617: parley.ReasonMessageSplitRequired, // body too long
	21620: parley.ReasonMediaNotReachable,    // invalid media URL
	11200: parley.ReasonMediaNotReachable,    // could not be fetched
	12300: parley.ReasonMediaTypeUnsupported,
	11751: parley.ReasonMediaTooLarge, // over Twilio's limit
	30019: parley.ReasonMediaTooLarge, // over the carrier's
	30008: parley.ReasonUnknown,
}
