package sms

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// sinchRefusals is what the error codes of the SMS API mean
// (developers.sinch.com, SMS API, error codes). Codes not listed go by the
// HTTP status.
var sinchRefusals = map[string]parley.ReasonCode{
	"syntax_invalid_json":             parley.ReasonBadRequest,
	"syntax_invalid_parameter_format": parley.ReasonBadRequest,
	"syntax_constraint_violation":     parley.ReasonBadRequest,
	"missing_callback_url":            parley.ReasonChannelBadConfiguration,
	"unauthorized":                    parley.ReasonChannelBadConfiguration,
	"unknown_group":                   parley.ReasonBadRequest,
	"conflicting_operation":           parley.ReasonBadRequest,
}

// sinchError reads a refusal of the SMS API.
func sinchError(answer *channel.Answer) *channel.Error {
	var body struct {
		Code string `json:"code"`
		Text string `json:"text"`
	}
	words := ""
	// An answer without this body is judged by its status alone.
	if json.Unmarshal(answer.Body, &body) == nil && body.Code != "" {
		words = strings.TrimSuffix(body.Code+": "+body.Text, ": ")
	}
	e := channel.Verdict(answer, words)
	code, known := sinchRefusals[body.Code]
	switch {
	case e.Outcome != channel.NotSent:
	case known:
		e.Reason.Code = code
	case strings.HasPrefix(body.Code, "unauthorized"), answer.Status == http.StatusNotFound:
		e.Reason.Code = parley.ReasonChannelBadConfiguration // 404: no such service plan
	case answer.Status == http.StatusForbidden:
		e.Reason.Code = parley.ReasonBadRequest // 403 is for requests the plan does not allow
	}
	return e
}

// sinchDeliveryCodes is what the codes of failed delivery reports mean
// (developers.sinch.com, SMS delivery report error codes).
var sinchDeliveryCodes = map[int]parley.ReasonCode{
	402: parley.ReasonChannelFailure,              // unroutable
	403: parley.ReasonChannelFailure,              // internal error
	404: parley.ReasonRecipientNotReachable,       // temporary failure that lasted
	405: parley.ReasonBadRequest,                  // unmatched parameter
	406: parley.ReasonDeliveryTimedOut,            // internal expiry
	407: parley.ReasonChannelReject,               // cancelled
	408: parley.ReasonChannelReject,               // internal reject
	410: parley.ReasonChannelBadConfiguration,     // no default originator
	411: parley.ReasonMessageSplitRequired,        // exceeded parts
	412: parley.ReasonChannelBadConfiguration,     // region not provisioned
	413: parley.ReasonDeliveryRejectedDueToPolicy, // blocked
	414: parley.ReasonMediaTypeUnsupported,        // bad media
	415: parley.ReasonChannelReject,               // delivery report rejected
	416: parley.ReasonRecipientNotReachable,       // no MMS on that number
}

// sinchStatuses is what a delivery report's status means. Where it is a
// failure the reason is that of a code that is not in sinchDeliveryCodes.
var sinchStatuses = map[string]struct {
	status parley.DeliveryStatus
	reason parley.ReasonCode
}{
	"Queued":     {status: parley.StatusQueuedOnChannel},
	"Dispatched": {status: parley.StatusQueuedOnChannel},
	"Delivered":  {status: parley.StatusDelivered},
	"Aborted":    {parley.StatusFailed, parley.ReasonChannelFailure},
	"Rejected":   {parley.StatusFailed, parley.ReasonChannelReject},
	"Failed":     {parley.StatusFailed, parley.ReasonRecipientNotReachable},
	"Expired":    {parley.StatusFailed, parley.ReasonDeliveryTimedOut},
	"Cancelled":  {parley.StatusFailed, parley.ReasonChannelReject},
	"Deleted":    {parley.StatusFailed, parley.ReasonChannelReject},
	"Unknown":    {parley.StatusFailed, parley.ReasonUnknown},
}
