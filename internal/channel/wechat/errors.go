package wechat

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// A ruling is what an errcode means for a message.
type ruling struct {
	code    int
	reason  parley.ReasonCode
	outcome channel.Outcome
	after   time.Duration // earliest useful retry
}

// rulings is the one table from WeChat's errcodes to reasons (Return codes, and
// the pages of the calls). The rest are BAD_REQUEST.
var rulings = []ruling{
	{-1, parley.ReasonChannelFailure, channel.TryAgain, 0}, // system busy

	// The account.
	{40001, parley.ReasonChannelBadConfiguration, channel.NotSent, 0}, // secret or access token invalid
	{40002, parley.ReasonChannelBadConfiguration, channel.NotSent, 0},
	{40013, parley.ReasonChannelBadConfiguration, channel.NotSent, 0}, // AppID
	{40014, parley.ReasonChannelBadConfiguration, channel.NotSent, 0}, // access token
	{40125, parley.ReasonChannelBadConfiguration, channel.NotSent, 0}, // AppSecret
	{40164, parley.ReasonChannelBadConfiguration, channel.NotSent, 0}, // our address is not on the account's list
	{40243, parley.ReasonChannelBadConfiguration, channel.NotSent, 0}, // AppSecret frozen
	{41001, parley.ReasonChannelBadConfiguration, channel.NotSent, 0},
	{41002, parley.ReasonChannelBadConfiguration, channel.NotSent, 0},
	{41004, parley.ReasonChannelBadConfiguration, channel.NotSent, 0},
	{42001, parley.ReasonChannelBadConfiguration, channel.NotSent, 0}, // access token expired
	{48001, parley.ReasonChannelBadConfiguration, channel.NotSent, 0}, // the account may not use the interface
	{48004, parley.ReasonChannelBadConfiguration, channel.NotSent, 0}, // the interface was blocked
	{50002, parley.ReasonChannelBadConfiguration, channel.NotSent, 0}, // the account is limited
	{61004, parley.ReasonChannelBadConfiguration, channel.NotSent, 0}, // our address is not registered

	// The recipient.
	{40003, parley.ReasonRecipientInvalidChannelIdentity, channel.NotSent, 0},
	{43004, parley.ReasonRecipientNotOptedIn, channel.NotSent, 0}, // no follower
	{43019, parley.ReasonRecipientNotOptedIn, channel.NotSent, 0}, // on the account's blacklist
	{43101, parley.ReasonRecipientNotOptedIn, channel.NotSent, 0}, // refused the subscription
	{45015, parley.ReasonOutsideAllowedSendingWindow, channel.NotSent, 0},
	{45047, parley.ReasonOutsideAllowedSendingWindow, channel.NotSent, 0}, // too many without an answer

	// Rates. The daily limit is lifted at midnight, Beijing time.
	{45009, parley.ReasonRateLimited, channel.TryAgain, time.Hour},
	{45011, parley.ReasonRateLimited, channel.TryAgain, time.Minute},

	// Media.
	{40004, parley.ReasonMediaTypeUnsupported, channel.NotSent, 0},
	{40005, parley.ReasonMediaTypeUnsupported, channel.NotSent, 0},
	{40006, parley.ReasonMediaTooLarge, channel.NotSent, 0},
	{40007, parley.ReasonMediaNotReachable, channel.NotSent, 0}, // media_id unknown or expired
	{40009, parley.ReasonMediaTooLarge, channel.NotSent, 0},
	{40010, parley.ReasonMediaTooLarge, channel.NotSent, 0},
	{40011, parley.ReasonMediaTooLarge, channel.NotSent, 0},
	{40012, parley.ReasonMediaTooLarge, channel.NotSent, 0},
	{44001, parley.ReasonMediaNotReachable, channel.NotSent, 0}, // empty
	{45001, parley.ReasonMediaTooLarge, channel.NotSent, 0},
	{45007, parley.ReasonMediaTooLarge, channel.NotSent, 0}, // a voice note of more than 60 seconds

	// Templates.
	{40037, parley.ReasonTemplateNotFound, channel.NotSent, 0},
	{47003, parley.ReasonTemplateInsufficientParameters, channel.NotSent, 0}, // data that does not fit the template

	{87014, parley.ReasonDeliveryRejectedDueToPolicy, channel.NotSent, 0}, // risky content
}

// tokenRefused reports whether an errcode says that the access token is no
// longer good, perhaps because somebody else forced a new one.
func tokenRefused(code int) bool { return slices.Contains([]int{40001, 40014, 42001}, code) }

// maxWords bounds how much of WeChat's words becomes a description.
const maxWords = 500

// verdict is the part of every answer that tells success, which is 0, from
// failure. Both come with status 200.
type verdict struct {
	Code    int    `json:"errcode"`
	Message string `json:"errmsg"`
}

// judge decodes a good answer into result, unless that is nil, and turns any
// other into a *channel.Error.
func (a *account) judge(answer *channel.Answer, accessToken string, result any) error {
	if !answer.OK() {
		return channel.Verdict(answer, "")
	}
	var v verdict
	if err := json.Unmarshal(answer.Body, &v); err != nil {
		return unreadable(err)
	}
	if v.Code != 0 {
		return a.refused(v, accessToken)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(answer.Body, result); err != nil {
		return unreadable(err)
	}
	return nil
}

// refused returns the error of an errcode.
func (a *account) refused(v verdict, accessToken string) *channel.Error {
	words := transcode.Truncate(a.redact(v.Message, accessToken), maxWords, channel.Characters)
	words = cmp.Or(words, "errcode") + " (" + strconv.Itoa(v.Code) + ")"
	e := &channel.Error{Reason: parley.ChannelReason(parley.ReasonBadRequest, words), Outcome: channel.NotSent}
	for _, r := range rulings {
		if r.code == v.Code {
			e.Reason.Code, e.Outcome, e.After = r.reason, r.outcome, r.after
		}
	}
	return e
}

// unreadable is the error for an answer with status 200 that makes no sense:
// the thing was done, or may have been.
func unreadable(cause error) *channel.Error {
	if e, ok := errors.AsType[*json.SyntaxError](cause); ok {
		cause = e // its words quote no more than one character
	}
	return &channel.Error{
		Reason:  parley.ChannelReason(parley.ReasonChannelFailure, "an answer that cannot be understood"),
		Outcome: channel.Unknown, Err: cause,
	}
}
