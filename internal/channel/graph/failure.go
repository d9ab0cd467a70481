package graph

import (
	"cmp"
	"encoding/json"
	"strconv"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// A Failure is an error of the Graph API, in an answer or in a webhook.
type Failure struct {
	Code    int    `json:"code"`
	SubCode int    `json:"error_subcode"`
	Title   string `json:"title"`
	Message string `json:"message"`
	Data    struct {
		Details string `json:"details"`
	} `json:"error_data"`
}

// maxWords bounds how much of a provider's words becomes a description.
const maxWords = 500

// Words returns what the error says, at most 500 characters.
func (f *Failure) Words() string {
	words := cmp.Or(f.Data.Details, f.Message, f.Title)
	return transcode.Truncate(words, maxWords, channel.Characters)
}

// A Ruling is what a failure means for a message.
type Ruling struct {
	Reason       parley.ReasonCode
	Outcome      channel.Outcome
	After        time.Duration // earliest useful retry
	OneRecipient bool          // After is about the recipient alone
}

// Refusal returns the error of an answer that is not 2xx. What judge has no
// ruling for is judged by the HTTP status.
func (a *Account) Refusal(answer *channel.Answer, judge func(*Failure) (Ruling, bool)) *channel.Error {
	var body struct {
		Error *Failure `json:"error"`
	}
	if json.Unmarshal(answer.Body, &body) != nil || body.Error == nil {
		return channel.Verdict(answer, "")
	}
	words := a.Redact(body.Error.Words())
	e := channel.Verdict(answer, words)
	if r, ok := judge(body.Error); ok {
		e = &channel.Error{
			Reason:  parley.ChannelReason(r.Reason, cmp.Or(words, "error "+strconv.Itoa(body.Error.Code))),
			Outcome: r.Outcome,
		}
		if r.Outcome == channel.TryAgain {
			e.After = max(r.After, channel.RetryAfter(answer.Header))
			e.OneRecipient = r.OneRecipient
		}
	}
	e.Reason.ChannelCode = strconv.Itoa(body.Error.Code)
	return e
}
