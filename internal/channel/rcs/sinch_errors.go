package rcs

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// sinchRulings returns the one table from the error_code of a refusal to
// reasons: those codes that are published (RCS REST: capability check
// endpoint). All others are judged by the HTTP status.
func sinchRulings() map[int]ruling {
	return map[int]ruling{
		1014: {parley.ReasonRecipientNotReachable, channel.NotSent}, // Subscriber not found
		1018: {parley.ReasonUnsupportedOperation, channel.NotSent},  // Capability lookup not allowed
	}
}

// codeRevokeFailed is the code of a report that the message could not be
// revoked: it may have been delivered.
const codeRevokeFailed = 17

// sinchFailures returns the one table from the code of a status report to
// reasons (RCS REST: receiving updates and callbacks, error code values).
func sinchFailures() map[int]parley.ReasonCode {
	return map[int]parley.ReasonCode{
		1:  parley.ReasonChannelFailure,                  // internal error
		2:  parley.ReasonRecipientNotReachable,           // the device has no RCS
		3:  parley.ReasonUnsupportedOperation,            // the device cannot show the message
		4:  parley.ReasonChannelReject,                   // the operator has barred the agent from the subscriber
		5:  parley.ReasonRecipientInvalidChannelIdentity, // the operator does not know the number
		6:  parley.ReasonMediaNotReachable,               // media could not be handed to the supplier
		7:  parley.ReasonChannelFailure,                  // the operator reported a failure afterwards
		8:  parley.ReasonBadRequest,                      // not formatted correctly
		9:  parley.ReasonRecipientNotReachable,           // no supplier for it
		10: parley.ReasonChannelBadConfiguration,         // the supplier is not provisioned
		11: parley.ReasonChannelFailure,                  // the supplier's systems
		12: parley.ReasonRateLimited,
		13: parley.ReasonMediaTooLarge,
		14: parley.ReasonChannelBadConfiguration, // SMS fallback is not provisioned
	}
}

// refusal returns the error of an answer that is not 2xx. What it says of
// fields is left out: there are numbers of phones in it.
func (a *sinchAccount) refusal(answer *channel.Answer) *channel.Error {
	var body struct {
		Error string `json:"error"`
		Code  int    `json:"error_code"`
	}
	if json.Unmarshal(answer.Body, &body) != nil {
		body.Error, body.Code = "", 0
	}
	e := channel.Verdict(answer, transcode.Truncate(redact(body.Error, a.token, a.secret), maxWords, channel.Characters))
	if body.Code != 0 {
		e.Reason.ChannelCode = strconv.Itoa(body.Code)
	}
	r, ok := sinchRulings()[body.Code]
	switch {
	case ok:
		e.Reason.Code, e.Outcome, e.After = r.reason, r.outcome, 0
	case answer.Status == http.StatusNotFound:
		e.Reason.Code = parley.ReasonRecipientNotReachable
	}
	return e
}

// failure returns why a message failed, by its report. Nobody but us revokes
// messages, and only when their time is over.
func (a *sinchAccount) failure(r *sinchReport) *parley.Reason {
	words := transcode.Truncate(redact(r.Reason, a.token, a.secret), maxWords, channel.Characters)
	why := parley.ChannelReason(cmp.Or(sinchFailures()[r.Code], parley.ReasonChannelFailure), cmp.Or(words, "the message could not be delivered"))
	if r.Expired || r.Type == "aborted" {
		why = parley.ChannelReason(parley.ReasonMessageExpired, "the message was not delivered in time")
	}
	why.ChannelCode = r.Type
	if r.Code != 0 {
		why.ChannelCode = strconv.Itoa(r.Code)
	}
	return &why
}
