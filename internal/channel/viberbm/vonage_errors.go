package viberbm

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// A vonageFault is how Vonage says what went wrong, in answers and in webhooks. The
// type ends in # and the code; the title of a webhook is the code, too, as a
// number or text.
type vonageFault struct {
	Type   string `json:"type"`
	Title  any    `json:"title"`
	Detail string `json:"detail"`
}

func (f *vonageFault) code() string {
	if _, code, ok := strings.Cut(f.Type, "#"); ok && code != "" {
		return code
	}
	title, _ := json.Marshal(f.Title)
	return strings.Trim(string(title), `"`)
}

// meaning is what a code stands for. again says that a refused request may be
// repeated.
type meaning struct {
	reason parley.ReasonCode
	again  bool
}

// vonageMeanings lists the codes of the Messages API (developer.vonage.com/
// api-errors/messages) and the generic ones (developer.vonage.com/api-errors).
var vonageMeanings = map[string]meaning{
	"1000": {parley.ReasonRateLimited, true},
	"1010": {parley.ReasonBadRequest, false},                      // a parameter is missing
	"1020": {parley.ReasonBadRequest, false},                      // a parameter is wrong
	"1030": {parley.ReasonChannelFailure, true},                   // internal error
	"1040": {parley.ReasonBadRequest, false},                      // cannot be processed
	"1050": {parley.ReasonChannelReject, false},                   // number barred
	"1060": {parley.ReasonChannelBadConfiguration, false},         // account barred
	"1070": {parley.ReasonChannelBadConfiguration, false},         // out of credit
	"1080": {parley.ReasonChannelBadConfiguration, false},         // REST not enabled
	"1090": {parley.ReasonBadRequest, false},                      // too long
	"1100": {parley.ReasonChannelFailure, true},                   // communication failed
	"1110": {parley.ReasonChannelBadConfiguration, false},         // signature
	"1120": {parley.ReasonChannelBadConfiguration, false},         // sender not allowed
	"1130": {parley.ReasonBadRequest, false},                      // time to live
	"1140": {parley.ReasonChannelBadConfiguration, false},         // not enabled for the account
	"1150": {parley.ReasonBadRequest, false},                      // message class
	"1160": {parley.ReasonChannelReject, false},                   // not on the test list
	"1170": {parley.ReasonRecipientInvalidChannelIdentity, false}, // not a number
	"1180": {parley.ReasonRecipientNotReachable, false},           // away for a while
	"1190": {parley.ReasonRecipientNotReachable, false},           // away for good
	"1200": {parley.ReasonRecipientNotReachable, false},           // changed carrier
	"1210": {parley.ReasonDeliveryRejectedDueToPolicy, false},     // spam
	"1220": {parley.ReasonRecipientNotReachable, false},           // busy
	"1230": {parley.ReasonChannelFailure, true},                   // network error
	"1240": {parley.ReasonRecipientNotOptedIn, false},             // said STOP
	"1241": {parley.ReasonRateLimited, true},                      // too many to the number
	"1250": {parley.ReasonRecipientNotReachable, false},           // no route
	"1260": {parley.ReasonRecipientNotReachable, false},           // Viber: country not enabled
	"1270": {parley.ReasonDeliveryRejectedDueToPolicy, false},     // age
	"1280": {parley.ReasonChannelReject, false},                   // blocked by the carrier
	"1300": {parley.ReasonRecipientNotReachable, false},           // not a Viber user
	"1310": {parley.ReasonRecipientNotReachable, false},           // no suitable device
	"1320": {parley.ReasonChannelReject, false},                   // already sent
	"1330": {parley.ReasonUnknown, false},
	"1340": {parley.ReasonOutsideAllowedSendingWindow, false},
	"1360": {parley.ReasonDeliveryTimedOut, false}, // the time to live is over
	"1420": {parley.ReasonChannelBadConfiguration, false},
	"1430": {parley.ReasonRecipientInvalidChannelIdentity, false},

	"low-balance":       {parley.ReasonChannelBadConfiguration, false},
	"unauthorized":      {parley.ReasonChannelBadConfiguration, false},
	"forbidden":         {parley.ReasonChannelBadConfiguration, false},
	"unprovisioned":     {parley.ReasonChannelBadConfiguration, false},
	"account-suspended": {parley.ReasonChannelBadConfiguration, false},
	"jwt-expired":       {parley.ReasonChannelBadConfiguration, false},
	"jwt-revoked":       {parley.ReasonChannelBadConfiguration, false},
	"invalid-api-key":   {parley.ReasonChannelBadConfiguration, false},
	"invalid-params":    {parley.ReasonBadRequest, false},
	"invalid-signature": {parley.ReasonChannelBadConfiguration, false},
}

// refusalVonage reads an answer that is an error.
func refusalVonage(answer *channel.Answer) *channel.Error {
	var f vonageFault
	if json.Unmarshal(answer.Body, &f) != nil || f.Type == "" {
		return channel.Verdict(answer, "")
	}
	code := f.code()
	e := channel.Verdict(answer, code+": "+f.Detail)
	e.Reason.ChannelCode = code
	m, ok := vonageMeanings[code]
	if !ok || answer.Status >= 500 {
		return e
	}
	e.Reason.Code = m.reason
	if m.again {
		e.Outcome, e.After = channel.TryAgain, channel.RetryAfter(answer.Header)
	}
	return e
}

// undeliveredVonage is the reason of a message that did not arrive.
func undeliveredVonage(status string, f *vonageFault) *parley.Reason {
	if f == nil {
		reason := parley.ChannelReason(parley.ReasonChannelFailure, status)
		return &reason
	}
	code := f.code()
	reason := parley.ChannelReason(cmp.Or(vonageMeanings[code].reason, parley.ReasonChannelFailure), status+", "+code+": "+f.Detail)
	reason.ChannelCode = code
	return &reason
}
