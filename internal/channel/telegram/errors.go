package telegram

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// maxRetryAfter bounds what Telegram can ask for; bots that flood are told to
// wait for hours.
const maxRetryAfter = 24 * time.Hour

// refusals says what Telegram's errors mean for a message. The first row that
// fits is used: the error code is equal and the description, in lower case,
// contains words. None of them can be helped by a repeat. Telegram documents
// no descriptions; these are the ones its open-source server
// (tdlib/telegram-bot-api) and its users report.
var refusals = []struct {
	code   int
	words  string
	reason parley.ReasonCode
}{
	{http.StatusUnauthorized, "", parley.ReasonChannelBadConfiguration},
	{http.StatusNotFound, "method not found", parley.ReasonBadRequest}, // of an explicit message
	{http.StatusNotFound, "", parley.ReasonChannelBadConfiguration},    // a token that never existed

	{http.StatusForbidden, "user is deactivated", parley.ReasonRecipientNotReachable},
	{http.StatusForbidden, "messages to bots", parley.ReasonRecipientInvalidChannelIdentity},
	{http.StatusForbidden, "voice_messages_forbidden", parley.ReasonChannelReject},
	{http.StatusForbidden, "", parley.ReasonRecipientNotOptedIn}, // blocked, or never started the bot

	{http.StatusRequestEntityTooLarge, "", parley.ReasonMediaTooLarge},

	{http.StatusBadRequest, "chat not found", parley.ReasonRecipientInvalidChannelIdentity},
	{http.StatusBadRequest, "chat_id", parley.ReasonRecipientInvalidChannelIdentity},
	{http.StatusBadRequest, "user not found", parley.ReasonRecipientInvalidChannelIdentity},
	{http.StatusBadRequest, "peer_id_invalid", parley.ReasonRecipientInvalidChannelIdentity},
	{http.StatusBadRequest, "input_user_deactivated", parley.ReasonRecipientNotReachable},
	{http.StatusBadRequest, "user_is_blocked", parley.ReasonRecipientNotOptedIn},
	{http.StatusBadRequest, "voice_messages_forbidden", parley.ReasonChannelReject}, // the user's own setting

	{http.StatusBadRequest, "button", parley.ReasonBadRequest}, // before "http url"
	{http.StatusBadRequest, "too big", parley.ReasonMediaTooLarge},
	{http.StatusBadRequest, "wrong file identifier", parley.ReasonMediaNotReachable},
	{http.StatusBadRequest, "wrong remote file", parley.ReasonMediaNotReachable},
	{http.StatusBadRequest, "http url", parley.ReasonMediaNotReachable}, // wrong, invalid, or without content
	{http.StatusBadRequest, "url host", parley.ReasonMediaNotReachable},
	// What the address gave was not the media it was sent as: more often an
	// error page than a wrong file.
	{http.StatusBadRequest, "web page content", parley.ReasonMediaNotReachable},
	{http.StatusBadRequest, "webpage_", parley.ReasonMediaNotReachable},
	{http.StatusBadRequest, "external_url_invalid", parley.ReasonMediaNotReachable},
	{http.StatusBadRequest, "image_process_failed", parley.ReasonMediaTypeUnsupported},
	{http.StatusBadRequest, "photo_", parley.ReasonMediaTypeUnsupported},   // PHOTO_INVALID_DIMENSIONS, PHOTO_EXT_INVALID
	{http.StatusBadRequest, "mismatch", parley.ReasonMediaTypeUnsupported}, // type of file to send mismatch
	{http.StatusBadRequest, "media_invalid", parley.ReasonMediaTypeUnsupported},
	{http.StatusBadRequest, "", parley.ReasonBadRequest},
}

// refused turns an answer that is not ok into an error. The bot's token is
// taken out of Telegram's words, should it ever be in them.
func refused(a *channel.Answer, r *response, token string) *channel.Error {
	code := r.ErrorCode
	if code == 0 {
		code = a.Status
	}
	words := "HTTP status " + strconv.Itoa(code)
	if r.Description != "" {
		words = strings.ReplaceAll(r.Description, token, "***")
	}
	if code == http.StatusTooManyRequests {
		return &channel.Error{
			Reason:  parley.ChannelReason(parley.ReasonRateLimited, words),
			Outcome: channel.TryAgain,
			After:   retryAfter(a, r),
		}
	}
	lower := strings.ToLower(words)
	for _, row := range refusals {
		if row.code == code && strings.Contains(lower, row.words) {
			return &channel.Error{Reason: parley.ChannelReason(row.reason, words), Outcome: channel.NotSent}
		}
	}
	return channel.Verdict(&channel.Answer{Status: code, Header: a.Header}, words)
}

// retryAfter is how long Telegram wants to be left alone.
func retryAfter(a *channel.Answer, r *response) time.Duration {
	n := r.Parameters.RetryAfter
	if n <= 0 {
		return channel.RetryAfter(a.Header)
	}
	return time.Duration(min(n, int64(maxRetryAfter/time.Second))) * time.Second
}
