package mms

import (
	"cmp"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// StatusCodes of an accepted submission.
const (
	statusOK     = "1000"
	statusPartly = "1100"
)

// A refusal is what a StatusCode of MM7 means.
type refusal struct {
	prefix  string // of the code
	reason  parley.ReasonCode
	outcome channel.Outcome
}

// mm7Refusals is what StatusCodes mean, the longest prefix first
// (developers.sinch.com, MM7 service, MMS status codes; 3GPP TS 23.140, 8.7.9).
var mm7Refusals = []refusal{
	{"2002", parley.ReasonRecipientInvalidChannelIdentity, channel.NotSent},
	{"2004", parley.ReasonChannelReject, channel.NotSent}, // content refused by the carrier
	{"2005", parley.ReasonMediaTooLarge, channel.NotSent},
	{"2007", parley.ReasonBadRequest, channel.NotSent},
	{"2560", parley.ReasonMediaTooLarge, channel.NotSent},
	{"3000", parley.ReasonChannelFailure, channel.TryAgain},
	{"3001", parley.ReasonRecipientNotOptedIn, channel.NotSent}, // the number is on a black list
	{"3003", parley.ReasonMediaNotReachable, channel.NotSent},
	{"3500", parley.ReasonChannelFailure, channel.TryAgain},
	{"3510", parley.ReasonRateLimited, channel.TryAgain},
	{"3520", parley.ReasonChannelBadConfiguration, channel.NotSent},
	{"4000", parley.ReasonChannelFailure, channel.TryAgain},
	{"4004", parley.ReasonBadRequest, channel.NotSent},
	{"4006", parley.ReasonChannelFailure, channel.TryAgain},
	{"4007", parley.ReasonChannelReject, channel.NotSent},
	{"250", parley.ReasonBadRequest, channel.NotSent},
	{"251", parley.ReasonBadRequest, channel.NotSent},
	{"255", parley.ReasonChannelBadConfiguration, channel.NotSent},
	{"256", parley.ReasonChannelBadConfiguration, channel.NotSent},
	{"200", parley.ReasonChannelBadConfiguration, channel.NotSent}, // address of ours, or permission
	{"2", parley.ReasonBadRequest, channel.NotSent},                // the client's fault
	{"3", parley.ReasonChannelFailure, channel.TryAgain},           // the relay's
	{"4", parley.ReasonChannelFailure, channel.NotSent},            // no such service
}

// mm7Refusal reads a refusal in SOAP; words are the relay's.
func mm7Refusal(answer *channel.Answer, code, words string) *channel.Error {
	e := channel.Verdict(answer, strings.TrimSpace(code+" "+words))
	for _, r := range mm7Refusals {
		if !strings.HasPrefix(code, r.prefix) {
			continue
		}
		e.Reason.Code, e.Outcome = r.reason, r.outcome
		e.Reason.ChannelCode = code
		if e.Outcome == channel.TryAgain {
			e.After = cmp.Or(e.After, channel.RetryAfter(answer.Header))
		}
		break
	}
	return e
}

// mmStatuses is what the MMStatus of a delivery report means
// (developers.sinch.com, MM7 service, Delivery Report Statuses). One that is
// not listed says nothing final.
var mmStatuses = map[string]struct {
	status parley.DeliveryStatus
	reason parley.ReasonCode
}{
	"Retrieved":     {status: parley.StatusDelivered},
	"Forwarded":     {status: parley.StatusQueuedOnChannel}, // to the mobile network
	"Deferred":      {status: parley.StatusQueuedOnChannel},
	"Indeterminate": {status: parley.StatusQueuedOnChannel}, // the phone reports nothing
	"Expired":       {parley.StatusFailed, parley.ReasonMessageExpired},
	"Rejected":      {parley.StatusFailed, parley.ReasonChannelReject},
	"Unreachable":   {parley.StatusFailed, parley.ReasonRecipientNotReachable},
	"Unrecognized":  {parley.StatusFailed, parley.ReasonMediaTypeUnsupported},
	"NotSupported":  {parley.StatusFailed, parley.ReasonMediaTypeUnsupported},
}

// bandwidthCodes is what the codes of failed messages mean, the longest prefix
// first (dev.bandwidth.com, Messaging errors).
var bandwidthCodes = []struct {
	prefix string
	reason parley.ReasonCode
}{
	{"4303", parley.ReasonRecipientInvalidChannelIdentity},
	{"4302", parley.ReasonChannelBadConfiguration},     // the sender is no number
	{"4360", parley.ReasonMessageExpired},              // expired before it was sent
	{"4403", parley.ReasonChannelBadConfiguration},     // the sender is not ours
	{"4404", parley.ReasonDeliveryRejectedDueToPolicy}, // the recipient is forbidden
	{"4405", parley.ReasonChannelBadConfiguration},     // the sender is nobody's
	{"4406", parley.ReasonRecipientInvalidChannelIdentity},
	{"4407", parley.ReasonChannelBadConfiguration},
	{"4408", parley.ReasonRecipientInvalidChannelIdentity},
	{"4409", parley.ReasonRecipientNotReachable}, // no MMS on that number
	{"4410", parley.ReasonMediaNotReachable},
	{"4411", parley.ReasonMediaTooLarge},
	{"4412", parley.ReasonMediaTypeUnsupported},
	{"442", parley.ReasonRecipientNotReachable},       // no route
	{"443", parley.ReasonDeliveryRejectedDueToPolicy}, // country, short code or toll-free number forbidden
	{"445", parley.ReasonChannelBadConfiguration},     // wrong user or application
	{"4470", parley.ReasonDeliveryRejectedDueToPolicy},
	{"4475", parley.ReasonRecipientNotOptedIn},
	{"4476", parley.ReasonChannelBadConfiguration}, // the sender is not registered
	{"4481", parley.ReasonDeliveryRejectedDueToPolicy},
	{"4482", parley.ReasonDeliveryRejectedDueToPolicy},
	{"4493", parley.ReasonChannelBadConfiguration},
	{"4001", parley.ReasonChannelBadConfiguration},
	{"4700", parley.ReasonRecipientNotReachable}, // no MMS there
	{"4701", parley.ReasonRecipientNotReachable},
	{"4702", parley.ReasonRecipientNotReachable},
	{"4710", parley.ReasonMediaNotReachable},
	{"4720", parley.ReasonRecipientInvalidChannelIdentity},
	{"4721", parley.ReasonRecipientNotReachable}, // number given up
	{"4730", parley.ReasonRecipientNotReachable},
	{"4740", parley.ReasonChannelBadConfiguration},
	{"4770", parley.ReasonDeliveryRejectedDueToPolicy},
	{"4775", parley.ReasonRecipientNotOptedIn},
	{"478", parley.ReasonRateLimited},
	{"479", parley.ReasonDeliveryRejectedDueToPolicy}, // short code or campaign not allowed
	{"47", parley.ReasonChannelReject},                // the carrier's refusals
	{"4", parley.ReasonBadRequest},
	{"9902", parley.ReasonDeliveryReportTimeOut},
	{"9", parley.ReasonUnknown},
}

func bandwidthReason(code string) parley.ReasonCode {
	for _, c := range bandwidthCodes {
		if strings.HasPrefix(code, c.prefix) {
			return c.reason
		}
	}
	return parley.ReasonChannelFailure // 5xxx: Bandwidth or the carrier failed
}
