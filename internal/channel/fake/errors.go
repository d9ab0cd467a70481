package fake

import (
	"encoding/json"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// refusal turns the provider's error into ours: by its code where the code is
// known, else by the HTTP status. The words are shown to the app, so they must
// be free of secrets.
func refusal(a *channel.Answer) *channel.Error {
	var body struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}
	if json.Unmarshal(a.Body, &body) != nil {
		return channel.Verdict(a, "") // not the provider's own error: a proxy's page
	}
	e := channel.Verdict(a, body.Detail)
	if code, ok := reasons()[body.Code]; ok {
		e.Reason.Code, e.Outcome = code, channel.NotSent
	}
	return e
}

// reasons is the table of the provider's codes that a repeat cannot help. Each
// row of it has a row in testdata/verdicts.json.
func reasons() map[string]parley.ReasonCode {
	return map[string]parley.ReasonCode{
		"blocked":      parley.ReasonRecipientNotOptedIn,
		"no_such_user": parley.ReasonRecipientNotReachable,
		"bad_number":   parley.ReasonRecipientInvalidChannelIdentity,
		"media_size":   parley.ReasonMediaTooLarge,
	}
}
