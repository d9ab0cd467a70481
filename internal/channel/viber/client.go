package viber

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

const apiURL = "https://chatapi.viber.com"

// ask calls a method with params.
func ask(ctx context.Context, c *channel.Conn, method string, params, result any) error {
	body, err := channel.Encode(params)
	if err != nil {
		return channel.Refuse(parley.ReasonInternalError, "the request cannot be encoded")
	}
	return call(ctx, c, method, body, result)
}

// call posts body to a method of the bot and decodes the answer into result,
// unless that is nil. The HTTP status is 200 whatever happens; the answer has
// one of its own.
func call(ctx context.Context, c *channel.Conn, method string, body []byte, result any) error {
	if c.Credential == nil || c.Credential.StaticToken == nil || !headerValue.MatchString(c.Credential.StaticToken.Token) {
		return channel.Refuse(parley.ReasonChannelConfigurationMissing, "the app has no bot's token")
	}
	header := http.Header{"X-Viber-Auth-Token": {c.Credential.StaticToken.Token}}
	answer, err := channel.PostJSON(ctx, c, c.URL(apiURL)+"/pa/"+method, header, body)
	if err != nil {
		return err
	}
	if !answer.OK() {
		return channel.Verdict(answer, "")
	}
	var r struct {
		Status  *int   `json:"status"`
		Message string `json:"status_message"`
	}
	if err := json.Unmarshal(answer.Body, &r); err != nil || r.Status == nil {
		return unreadable(fmt.Errorf("the answer to %s has no status", method))
	}
	if *r.Status != 0 {
		return refused(*r.Status, r.Message)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(answer.Body, result); err != nil {
		return unreadable(fmt.Errorf("decode the answer to %s: %w", method, err))
	}
	return nil
}

// refusals says what Viber's statuses mean for a message (REST bot API, "Error
// codes"; viber-bot-node's list of them).
var refusals = map[int]parley.ReasonCode{
	1:  parley.ReasonChannelBadConfiguration, // invalid webhook address
	2:  parley.ReasonChannelBadConfiguration, // invalid token
	3:  parley.ReasonBadRequest,
	4:  parley.ReasonBadRequest, // missing data
	5:  parley.ReasonRecipientNotReachable,
	6:  parley.ReasonRecipientNotOptedIn,
	7:  parley.ReasonDeliveryRejectedDueToPolicy, // the bot is blocked
	8:  parley.ReasonChannelBadConfiguration,     // no such bot
	9:  parley.ReasonChannelBadConfiguration,     // suspended
	10: parley.ReasonChannelBadConfiguration,     // no webhook set
	11: parley.ReasonRecipientNotReachable,       // no suitable device
	13: parley.ReasonBadRequest,                  // API version
	14: parley.ReasonBadRequest,
	15: parley.ReasonChannelBadConfiguration, // not authorized
	16: parley.ReasonBadRequest,
	17: parley.ReasonBadRequest,
	18: parley.ReasonChannelBadConfiguration, // no public chat
	19: parley.ReasonBadRequest,              // broadcasts, which are not used
	20: parley.ReasonBadRequest,
	21: parley.ReasonChannelReject, // country
	22: parley.ReasonChannelReject, // payment
	23: parley.ReasonChannelReject, // free messages used up
	24: parley.ReasonChannelReject, // no balance
}

// tooMany is the status of too many messages to somebody who does not answer.
const tooMany = 12

// refused is the error of a status that is not 0. One without a row is a
// "general error", which may pass.
func refused(status int, words string) *channel.Error {
	if words == "" {
		words = "status " + strconv.Itoa(status)
	}
	if status == tooMany {
		return &channel.Error{
			Reason: parley.ChannelReason(parley.ReasonRateLimited, words), Outcome: channel.TryAgain, OneRecipient: true,
		}
	}
	if code, ok := refusals[status]; ok {
		return &channel.Error{Reason: parley.ChannelReason(code, words), Outcome: channel.NotSent}
	}
	return &channel.Error{Reason: parley.ChannelReason(parley.ReasonChannelFailure, words), Outcome: channel.TryAgain}
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
