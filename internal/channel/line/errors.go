package line

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// refusals says what LINE's errors mean. The first row that fits is used: the
// status is equal and the message with its details, in lower case, contains
// words. None of them can be helped by a repeat. The words are those of the
// Messaging API reference ("Error messages"); what it does not explain, and
// those without a row, are judged by their status.
var refusals = []struct {
	status int
	words  string
	reason parley.ReasonCode
}{
	{http.StatusBadRequest, "failed to send messages", parley.ReasonRecipientInvalidChannelIdentity},
	{http.StatusBadRequest, "property, 'to'", parley.ReasonRecipientInvalidChannelIdentity},
	{http.StatusBadRequest, "(to)", parley.ReasonRecipientInvalidChannelIdentity}, // a detail about it
	{http.StatusBadRequest, "not a friend", parley.ReasonRecipientNotOptedIn},
	{http.StatusNotFound, "", parley.ReasonRecipientNotReachable},
	{http.StatusGone, "", parley.ReasonRecipientNotReachable},
	{http.StatusRequestEntityTooLarge, "", parley.ReasonBadRequest},
	{http.StatusUnprocessableEntity, "", parley.ReasonRecipientNotReachable}, // of a notification: nobody to show it to
	{http.StatusTooManyRequests, "monthly limit", parley.ReasonChannelReject},
}

// refused turns an answer that is not 2xx into an error.
func refused(a *channel.Answer) *channel.Error {
	words := said(a)
	lower := strings.ToLower(words)
	for _, row := range refusals {
		if row.status == a.Status && strings.Contains(lower, row.words) {
			return &channel.Error{Reason: parley.ChannelReason(row.reason, words), Outcome: channel.NotSent}
		}
	}
	return channel.Verdict(a, words)
}

// said is what LINE says of an error: its message, and each detail with the
// property it is about.
func said(a *channel.Answer) string {
	var r struct {
		Message string `json:"message"`
		Details []struct {
			Message  string `json:"message"`
			Property string `json:"property"`
		} `json:"details"`
	}
	if json.Unmarshal(a.Body, &r) != nil || r.Message == "" {
		return "HTTP status " + strconv.Itoa(a.Status)
	}
	words := []string{r.Message}
	for _, d := range r.Details {
		if d.Property != "" {
			d.Message += " (" + d.Property + ")"
		}
		words = append(words, d.Message)
	}
	return strings.Join(words, "; ")
}

// unreadable is the error for a yes whose details make no sense: the thing
// was done, or may have been.
func unreadable(cause error) *channel.Error {
	return &channel.Error{
		Reason:  parley.ChannelReason(parley.ReasonChannelFailure, "an answer that cannot be understood"),
		Outcome: channel.Unknown,
		Err:     cause,
	}
}
