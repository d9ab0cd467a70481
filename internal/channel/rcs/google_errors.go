package rcs

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// googleRulings returns the one table from the statuses of Google's APIs to reasons
// (google.rpc.Code; RCS for Business: send messages, errors). What it does not
// have is judged by the HTTP status. A repeat does no harm, since the message's
// id stays the same.
func googleRulings() map[string]ruling {
	return map[string]ruling{
		"INVALID_ARGUMENT":    {parley.ReasonBadRequest, channel.NotSent}, // also what the phone cannot show
		"FAILED_PRECONDITION": {parley.ReasonChannelReject, channel.NotSent},
		"OUT_OF_RANGE":        {parley.ReasonBadRequest, channel.NotSent},
		"UNIMPLEMENTED":       {parley.ReasonUnsupportedOperation, channel.NotSent},
		"ALREADY_EXISTS":      {parley.ReasonBadRequest, channel.NotSent}, // of a send that is good news
		"UNAUTHENTICATED":     {parley.ReasonChannelBadConfiguration, channel.NotSent},
		"PERMISSION_DENIED":   {parley.ReasonChannelBadConfiguration, channel.NotSent}, // not launched, not a tester
		"NOT_FOUND":           {parley.ReasonRecipientNotReachable, channel.NotSent},   // no RCS, or not with this agent
		"RESOURCE_EXHAUSTED":  {parley.ReasonRateLimited, channel.TryAgain},
		"CANCELLED":           {parley.ReasonChannelFailure, channel.TryAgain},
		"ABORTED":             {parley.ReasonChannelFailure, channel.TryAgain},
		"UNKNOWN":             {parley.ReasonChannelFailure, channel.TryAgain},
		"INTERNAL":            {parley.ReasonChannelFailure, channel.TryAgain},
		"UNAVAILABLE":         {parley.ReasonChannelFailure, channel.TryAgain},
		"DEADLINE_EXCEEDED":   {parley.ReasonChannelFailure, channel.TryAgain},
		"DATA_LOSS":           {parley.ReasonChannelFailure, channel.TryAgain},
	}
}

// optedOut are words of a PERMISSION_DENIED that is about the recipient. Google
// has no status of its own for it (seen in reports of integrators).
var optedOut = []string{"opted out", "opted-out", "unsubscribed"}

// refusal returns the error of an answer that is not 2xx.
func (a *googleAccount) refusal(answer *channel.Answer) *channel.Error {
	var body struct {
		Error struct {
			Message string `json:"message"`
			Status  string `json:"status"`
		} `json:"error"`
	}
	if json.Unmarshal(answer.Body, &body) != nil {
		return notFound(channel.Verdict(answer, ""), answer)
	}
	words := transcode.Truncate(a.redact(body.Error.Message), maxWords, channel.Characters)
	e := channel.Verdict(answer, cmp.Or(words, body.Error.Status))
	r, ok := googleRulings()[body.Error.Status]
	if !ok {
		return notFound(e, answer)
	}
	e.Reason.Code, e.Outcome = r.reason, r.outcome
	if body.Error.Status == "PERMISSION_DENIED" && isOptedOut(words) {
		e.Reason.Code = parley.ReasonRecipientNotOptedIn
	}
	e.After = 0
	if e.Outcome == channel.TryAgain {
		e.After = channel.RetryAfter(answer.Header)
	}
	e.Reason.ChannelCode = body.Error.Status
	return e
}

// notFound says what a bare 404 means here.
func notFound(e *channel.Error, answer *channel.Answer) *channel.Error {
	if answer.Status == http.StatusNotFound {
		e.Reason.Code = parley.ReasonRecipientNotReachable
	}
	return e
}

func isOptedOut(words string) bool {
	words = strings.ToLower(words)
	for _, w := range optedOut {
		if strings.Contains(words, w) {
			return true
		}
	}
	return false
}
