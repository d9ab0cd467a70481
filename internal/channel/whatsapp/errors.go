package whatsapp

import (
	"cmp"
	"strconv"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/graph"
)

// A ruling is what an error code means for a message.
type ruling struct {
	from, to int // the codes, both included
	reason   parley.ReasonCode
	outcome  channel.Outcome
	after    time.Duration // earliest useful retry
}

// rulings is the one table from Meta's error codes to reasons (Cloud API,
// error codes). Codes it does not have are judged by the HTTP status.
var rulings = []ruling{
	// The token or the account.
	{0, 0, parley.ReasonChannelBadConfiguration, channel.NotSent, 0},           // the token cannot be read
	{3, 3, parley.ReasonChannelBadConfiguration, channel.NotSent, 0},           // capability missing
	{10, 10, parley.ReasonChannelBadConfiguration, channel.NotSent, 0},         // permission missing
	{33, 33, parley.ReasonChannelBadConfiguration, channel.NotSent, 0},         // the number was deleted
	{190, 190, parley.ReasonChannelBadConfiguration, channel.NotSent, 0},       // the token has expired
	{200, 299, parley.ReasonChannelBadConfiguration, channel.NotSent, 0},       // permissions
	{131005, 131005, parley.ReasonChannelBadConfiguration, channel.NotSent, 0}, // access denied
	{131037, 131037, parley.ReasonChannelBadConfiguration, channel.NotSent, 0}, // display name not approved
	{131042, 131042, parley.ReasonChannelBadConfiguration, channel.NotSent, 0}, // payment method
	{131045, 131045, parley.ReasonChannelBadConfiguration, channel.NotSent, 0}, // number not registered
	{133010, 133010, parley.ReasonChannelBadConfiguration, channel.NotSent, 0}, // number not registered

	// Meta's own trouble.
	{1, 2, parley.ReasonChannelFailure, channel.TryAgain, 0},
	{131000, 131000, parley.ReasonChannelFailure, channel.TryAgain, 0}, // something went wrong
	{131016, 131016, parley.ReasonChannelFailure, channel.TryAgain, 0}, // service overloaded
	{131057, 131057, parley.ReasonChannelFailure, channel.TryAgain, 0}, // account in maintenance
	{133004, 133004, parley.ReasonChannelFailure, channel.TryAgain, 0}, // server temporarily unavailable

	// Rates.
	{4, 4, parley.ReasonRateLimited, channel.TryAgain, 0},
	{80007, 80007, parley.ReasonRateLimited, channel.TryAgain, 0},
	{130429, 130429, parley.ReasonRateLimited, channel.TryAgain, 0},
	{131048, 131048, parley.ReasonRateLimited, channel.TryAgain, time.Minute},                   // too many were reported as spam
	{pairRateLimit, pairRateLimit, parley.ReasonRateLimited, channel.TryAgain, 4 * time.Second}, // the pair; Meta: wait 4^n seconds
	{132069, 132069, parley.ReasonRateLimited, channel.TryAgain, 0},                             // flow throttled
	{133016, 133016, parley.ReasonRateLimited, channel.TryAgain, 0},

	// The message.
	{100, 100, parley.ReasonBadRequest, channel.NotSent, 0},
	{131008, 131009, parley.ReasonBadRequest, channel.NotSent, 0},
	{131014, 131014, parley.ReasonMediaNotReachable, channel.NotSent, 0},
	{131051, 131051, parley.ReasonUnsupportedOperation, channel.NotSent, 0},
	{131052, 131052, parley.ReasonMediaNotReachable, channel.NotSent, 0},
	{131053, 131053, parley.ReasonMediaNotReachable, channel.TryAgain, 0}, // Meta could not fetch it; often passes
	{132000, 132000, parley.ReasonTemplateInsufficientParameters, channel.NotSent, 0},
	{132001, 132001, parley.ReasonTemplateNonExistingLanguageOrVersion, channel.NotSent, 0},
	{132005, 132005, parley.ReasonChannelReject, channel.NotSent, 0}, // translated text too long
	{132007, 132007, parley.ReasonChannelReject, channel.NotSent, 0}, // template against policy
	{132012, 132012, parley.ReasonTemplateInsufficientParameters, channel.NotSent, 0},
	{132015, 132016, parley.ReasonChannelReject, channel.NotSent, 0}, // template paused, disabled
	{132068, 132068, parley.ReasonChannelReject, channel.NotSent, 0}, // flow blocked

	// The contact.
	{470, 470, parley.ReasonOutsideAllowedSendingWindow, channel.NotSent, 0},
	{131047, 131047, parley.ReasonOutsideAllowedSendingWindow, channel.NotSent, 0},
	{131021, 131021, parley.ReasonRecipientInvalidChannelIdentity, channel.NotSent, 0}, // the sender itself
	{131026, 131026, parley.ReasonRecipientNotReachable, channel.NotSent, 0},           // not on WhatsApp, or blocked us
	{131030, 131030, parley.ReasonRecipientNotReachable, channel.NotSent, 0},           // not on a test number's list
	{131050, 131050, parley.ReasonRecipientNotOptedIn, channel.NotSent, 0},             // stopped marketing messages

	// Policy.
	{368, 368, parley.ReasonDeliveryRejectedDueToPolicy, channel.NotSent, 0},
	{130472, 130472, parley.ReasonDeliveryRejectedDueToPolicy, channel.NotSent, 0}, // the contact is in an experiment
	{130497, 130497, parley.ReasonDeliveryRejectedDueToPolicy, channel.NotSent, 0}, // restricted in the country
	{131031, 131031, parley.ReasonDeliveryRejectedDueToPolicy, channel.NotSent, 0}, // account locked
	{131049, 131049, parley.ReasonDeliveryRejectedDueToPolicy, channel.NotSent, 0}, // marketing cap
}

// ruleOn returns what the table says of a failure.
func ruleOn(f *graph.Failure) (ruling, bool) {
	code := f.Code
	if code == 100 && f.SubCode == 33 {
		code = 33 // the object, our number, does not exist or is not ours
	}
	for _, r := range rulings {
		if code >= r.from && code <= r.to {
			return r, true
		}
	}
	return ruling{}, false
}

// pairRateLimit is the code of too many messages to one recipient.
const pairRateLimit = 131056

// refusal returns the error of an answer that is not 2xx.
func (a *account) refusal(answer *channel.Answer) *channel.Error {
	return a.Refusal(answer, func(f *graph.Failure) (graph.Ruling, bool) {
		r, ok := ruleOn(f)
		return graph.Ruling{
			Reason: r.reason, Outcome: r.outcome, After: r.after, OneRecipient: f.Code == pairRateLimit,
		}, ok
	})
}

// reason returns why a message that was taken failed in the end.
func (a *account) reason(errs []graph.Failure) *parley.Reason {
	if len(errs) == 0 {
		r := parley.NewReason(parley.ReasonChannelFailure, "the channel gave no reason")
		return &r
	}
	f := &errs[0]
	code := parley.ReasonChannelFailure
	if rule, ok := ruleOn(f); ok {
		code = rule.reason
	}
	r := parley.ChannelReason(code, cmp.Or(a.Redact(f.Words()), "error "+strconv.Itoa(f.Code)))
	r.ChannelCode = strconv.Itoa(f.Code)
	return &r
}
