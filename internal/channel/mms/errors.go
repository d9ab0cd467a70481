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
