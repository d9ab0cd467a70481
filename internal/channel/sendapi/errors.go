package sendapi

import (
	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/graph"
)

// A rule is what an error code means for a message.
type rule struct {
	from, to int // the codes, both included
	sub      int // the subcode; 0 is any
	graph.Ruling
}

func refuse(reason parley.ReasonCode) graph.Ruling {
	return graph.Ruling{Reason: reason, Outcome: channel.NotSent}
}

func again(reason parley.ReasonCode) graph.Ruling {
	return graph.Ruling{Reason: reason, Outcome: channel.TryAgain}
}

// rules is the one table from Meta's error codes to reasons (Messenger
// Platform: Common Error Codes; Graph API: Page Messages). The first that
// fits counts; codes it does not have are judged by the HTTP status.
func rules() []rule {
	return []rule{
		// The window of 24 hours, or seven days with a tag.
		{10, 10, 2018278, refuse(parley.ReasonOutsideAllowedSendingWindow)},
		{10, 10, 2018065, refuse(parley.ReasonOutsideAllowedSendingWindow)},
		{10, 10, 2534022, refuse(parley.ReasonOutsideAllowedSendingWindow)}, // Instagram
		{100, 100, 2534022, refuse(parley.ReasonOutsideAllowedSendingWindow)},

		// The contact.
		{100, 100, 2018001, refuse(parley.ReasonRecipientInvalidChannelIdentity)}, // no matching user
		{100, 100, 2534014, refuse(parley.ReasonRecipientInvalidChannelIdentity)}, // Instagram: not found
		{100, 100, 2534015, refuse(parley.ReasonRecipientInvalidChannelIdentity)}, // Instagram: not valid
		{551, 551, 0, refuse(parley.ReasonRecipientNotReachable)},                 // not available: blocked us, gone
		{10900, 10903, 0, refuse(parley.ReasonRecipientNotReachable)},             // the comment cannot be answered (again)

		// Media.
		{100, 100, 2018008, refuse(parley.ReasonMediaNotReachable)}, // could not be fetched
		{100, 100, 2018047, refuse(parley.ReasonMediaNotReachable)}, // upload failed
		{4, 4, 2018022, refuse(parley.ReasonMediaTooLarge)},

		// The token or the account.
		{0, 0, 0, refuse(parley.ReasonChannelBadConfiguration)},         // the token cannot be read
		{3, 3, 0, refuse(parley.ReasonChannelBadConfiguration)},         // capability missing
		{10, 10, 0, refuse(parley.ReasonChannelBadConfiguration)},       // permission missing
		{100, 100, 33, refuse(parley.ReasonBadRequest)},                 // the object does not exist or is not ours to see
		{102, 104, 0, refuse(parley.ReasonChannelBadConfiguration)},     // session, no token
		{190, 190, 0, refuse(parley.ReasonChannelBadConfiguration)},     // the token has expired
		{200, 299, 0, refuse(parley.ReasonChannelBadConfiguration)},     // permissions
		{2500, 2500, 0, refuse(parley.ReasonChannelBadConfiguration)},   // no token for "me"
		{10904, 10904, 0, refuse(parley.ReasonChannelBadConfiguration)}, // the page has messages turned off

		// Rates.
		{4, 4, 0, again(parley.ReasonRateLimited)},
		{17, 17, 0, again(parley.ReasonRateLimited)},
		{32, 32, 0, again(parley.ReasonRateLimited)},
		{613, 613, 0, again(parley.ReasonRateLimited)},
		{80001, 80009, 0, again(parley.ReasonRateLimited)},

		// Meta's own trouble.
		{1, 2, 0, again(parley.ReasonChannelFailure)},
		{1200, 1200, 0, again(parley.ReasonChannelFailure)},

		// The message.
		{100, 100, 0, refuse(parley.ReasonBadRequest)},
		{368, 368, 0, refuse(parley.ReasonDeliveryRejectedDueToPolicy)},
		{2022, 2022, 0, refuse(parley.ReasonDeliveryRejectedDueToPolicy)}, // messages disabled after a violation
	}
}

// judge returns what the table says of the failure.
func judge(f *graph.Failure) (graph.Ruling, bool) {
	for _, r := range rules() {
		if f.Code >= r.from && f.Code <= r.to && (r.sub == 0 || r.sub == f.SubCode) {
			return r.Ruling, true
		}
	}
	return graph.Ruling{}, false
}

func (acc *Account) refusal(answer *channel.Answer) *channel.Error { return acc.Refusal(answer, judge) }
