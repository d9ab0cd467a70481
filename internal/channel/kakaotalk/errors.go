package kakaotalk

import (
	"cmp"
	"encoding/json"
	"strconv"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// A ruling is what NHN's result codes mean for a message.
type ruling struct {
	from, to int // the codes, both included
	reason   parley.ReasonCode
	outcome  channel.Outcome
}

// rulings is the one table from the result codes of requests to reasons (Error
// Code, API Response Code). The first that fits is used; the rest are
// BAD_REQUEST.
var rulings = []ruling{
	// The key was used within ten minutes, by an attempt that NHN may have
	// taken or refused: a receipt must tell.
	{-1005, -1005, parley.ReasonChannelFailure, channel.Unknown},

	{-1001, -1000, parley.ReasonChannelBadConfiguration, channel.NotSent}, // app key, secret key
	{-1006, -1006, parley.ReasonChannelBadConfiguration, channel.NotSent}, // no sender key
	{-1027, -1027, parley.ReasonChannelBadConfiguration, channel.NotSent}, // profile blocked
	{-2017, -2017, parley.ReasonChannelBadConfiguration, channel.NotSent}, // no such profile
	{-4005, -4005, parley.ReasonChannelBadConfiguration, channel.NotSent},
	{-9992, -9992, parley.ReasonChannelBadConfiguration, channel.NotSent}, // FriendTalk, which is no more

	{-3003, -3003, parley.ReasonTemplateNotFound, channel.NotSent},
	{-3004, -3004, parley.ReasonTemplateInsufficientParameters, channel.NotSent},
	{-3005, -3005, parley.ReasonChannelReject, channel.NotSent}, // not approved
	{-3010, -3010, parley.ReasonChannelReject, channel.NotSent}, // not what was approved
	{-5000, -5000, parley.ReasonRecipientInvalidChannelIdentity, channel.NotSent},

	{-8002, -8001, parley.ReasonMediaNotReachable, channel.NotSent},
	{-4007, -4007, parley.ReasonMediaTooLarge, channel.NotSent},
	{-4021, -4021, parley.ReasonMediaTooLarge, channel.NotSent},

	{-7000, -7000, parley.ReasonChannelFailure, channel.TryAgain}, // Kakao's side failed
	{-9999, -9999, parley.ReasonChannelFailure, channel.TryAgain}, // system error
}

// results is the one table from result codes of messages to reasons: Kakao's
// own, which the dealers share. They are not published; the rest are
// CHANNEL_REJECT.
var results = map[string]parley.ReasonCode{
	"3005": parley.ReasonRecipientNotReachable,
	"3008": parley.ReasonRecipientInvalidChannelIdentity,
	"3010": parley.ReasonChannelBadConfiguration,
	"3011": parley.ReasonChannelBadConfiguration,
	"3015": parley.ReasonTemplateNotFound,
	"3016": parley.ReasonChannelReject, // not what was approved
	"3018": parley.ReasonRecipientNotReachable,
	"3019": parley.ReasonRecipientNotReachable, // delivery not confirmed
	"3020": parley.ReasonRecipientNotOptedIn,   // blocked the channel
	"3022": parley.ReasonOutsideAllowedSendingWindow,
	"9998": parley.ReasonChannelFailure,
	"9999": parley.ReasonChannelFailure,
}

// delivered is the result code of a message the contact has.
const delivered = "MRC01"

// resultReason says why a message that was taken failed.
func resultReason(code string) *parley.Reason {
	reason, ok := results[code]
	if !ok {
		reason = parley.ReasonChannelReject
	}
	r := parley.ChannelReason(reason, cmp.Or("result code "+code, "no result code"))
	return &r
}

// maxWords bounds how much of NHN's words becomes a description.
const maxWords = 500

// header begins every answer. Failures too come with status 200.
type header struct {
	Code    int    `json:"resultCode"`
	Message string `json:"resultMessage"`
	OK      bool   `json:"isSuccessful"`
}

// judge decodes a good answer into result and turns any other into a
// *channel.Error.
func (a *account) judge(answer *channel.Answer, result any) error {
	var got struct {
		Header *header `json:"header"`
	}
	err := json.Unmarshal(answer.Body, &got)
	switch {
	case err == nil && got.Header != nil && !got.Header.OK:
		return a.refused(got.Header.Code, got.Header.Message)
	case !answer.OK():
		return channel.Verdict(answer, "")
	case err == nil && got.Header != nil:
		err = json.Unmarshal(answer.Body, result)
	}
	if err != nil || got.Header == nil {
		return unreadable(err)
	}
	return nil
}

// refused returns the error of a result code.
func (a *account) refused(code int, words string) *channel.Error {
	words = transcode.Truncate(a.redact(words), maxWords, channel.Characters)
	words = cmp.Or(words, "result code") + " (" + strconv.Itoa(code) + ")"
	for _, r := range rulings {
		if code >= r.from && code <= r.to {
			return &channel.Error{Reason: parley.ChannelReason(r.reason, words), Outcome: r.outcome}
		}
	}
	return channel.Refuse(parley.ReasonBadRequest, parley.ChannelReason(parley.ReasonBadRequest, words).Description)
}

// unreadable is the error for an answer that makes no sense: the message was
// taken, or may have been.
func unreadable(cause error) *channel.Error {
	return &channel.Error{
		Reason:  parley.ChannelReason(parley.ReasonChannelFailure, "an answer that cannot be understood"),
		Outcome: channel.Unknown, Err: cause,
	}
}
