package kakaotalkchat

import (
	"encoding/json"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// An answer says yes with a code of zeros, a number or text: 0 where messages
// are sent, "0000" where files are uploaded.
type answer struct {
	Code    any    `json:"code"`
	Message string `json:"message"`
}

// meanings is what the names of the provider's errors tell, in order: they are
// Kakao's, such as InvalidImageSizeException, and there is no public list of
// the codes (developer-center.happytalk.io, KakaoWebhook: Upload). An account
// that learns more has the setting codes.
var meanings = []struct {
	part   string
	reason parley.ReasonCode
}{
	{"session", parley.ReasonOutsideAllowedSendingWindow},
	{"block", parley.ReasonRecipientNotOptedIn},
	{"userkey", parley.ReasonRecipientInvalidChannelIdentity},
	{"senderkey", parley.ReasonChannelBadConfiguration},
	{"auth", parley.ReasonChannelBadConfiguration},
	{"imagesize", parley.ReasonMediaTooLarge},
	{"filesize", parley.ReasonMediaTooLarge},
	{"toomany", parley.ReasonRateLimited},
	{"failedtoupload", parley.ReasonChannelFailure},
}

// verdict says what an answer means; nil if it is a yes.
func (a *account) verdict(got *channel.Answer) error {
	var v answer
	if json.Unmarshal(got.Body, &v) != nil || v.Code == nil {
		return channel.Verdict(got, "")
	}
	code, ok := v.Code.(string)
	if !ok {
		raw, _ := json.Marshal(v.Code) // was JSON
		code = string(raw)
	}
	if got.OK() && code != "" && strings.Trim(code, "0") == "" {
		return nil
	}
	e := channel.Verdict(got, strings.TrimSpace("code "+code+" "+v.Message))
	e.Reason.ChannelCode = code
	if reason, known := a.meaning(code, v.Message); known {
		e.Reason.Code = reason
	} else if got.OK() {
		e.Reason.Code = parley.ReasonChannelReject
	}
	e.Outcome = outcome(e.Reason.Code, got)
	return e
}

// meaning is the reason behind a code and the words with it.
func (a *account) meaning(code, words string) (parley.ReasonCode, bool) {
	if reason, ok := a.Codes[code]; ok {
		return reason, true
	}
	name := strings.ToLower(strings.NewReplacer(" ", "", "_", "").Replace(words))
	for _, m := range meanings {
		if strings.Contains(name, m.part) {
			return m.reason, true
		}
	}
	return "", false
}

// outcome says whether a repeat may help: where it is too early, or the
// trouble is the provider's.
func outcome(reason parley.ReasonCode, got *channel.Answer) channel.Outcome {
	if reason == parley.ReasonRateLimited || reason == parley.ReasonChannelFailure || got.Status >= 500 {
		return channel.TryAgain
	}
	return channel.NotSent
}
