package email

import (
	"errors"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// A refusal is a server's answer by its codes alone: its words often hold the
// recipient's address.
type refusal struct {
	code     int
	enhanced string // x.y.z, or ""
}

func (r refusal) String() string {
	return strings.TrimSpace("SMTP " + strconv.Itoa(r.code) + " " + r.enhanced)
}

// statuses is what enhanced status codes mean without their class, the longer
// ones first (RFC 3463 and the IANA registry of them).
var statuses = []struct {
	prefix string
	reason parley.ReasonCode
}{
	{"1.1", parley.ReasonRecipientInvalidChannelIdentity},  // no such mailbox
	{"1.2", parley.ReasonRecipientInvalidChannelIdentity},  // no such system
	{"1.3", parley.ReasonRecipientInvalidChannelIdentity},  // bad syntax
	{"1.6", parley.ReasonRecipientInvalidChannelIdentity},  // moved
	{"1.10", parley.ReasonRecipientInvalidChannelIdentity}, // takes no mail
	{"1.7", parley.ReasonChannelBadConfiguration},          // sender's syntax
	{"1.8", parley.ReasonChannelBadConfiguration},          // sender's system
	{"2.3", parley.ReasonMediaTooLarge},
	{"3.4", parley.ReasonMediaTooLarge},
	{"2", parley.ReasonRecipientNotReachable}, // the mailbox: disabled, full
	{"4", parley.ReasonRecipientNotReachable}, // the way there
	{"7.8", parley.ReasonChannelBadConfiguration},
	{"7.9", parley.ReasonChannelBadConfiguration},
	{"7", parley.ReasonDeliveryRejectedDueToPolicy},
}

// codes is what reply codes mean where there is nothing finer (RFC 5321 and
// RFC 4954).
var codes = map[int]parley.ReasonCode{
	501: parley.ReasonBadRequest,
	530: parley.ReasonChannelBadConfiguration, 534: parley.ReasonChannelBadConfiguration,
	535: parley.ReasonChannelBadConfiguration, 538: parley.ReasonChannelBadConfiguration,
	550: parley.ReasonRecipientInvalidChannelIdentity, 551: parley.ReasonRecipientInvalidChannelIdentity,
	552: parley.ReasonRecipientNotReachable, 553: parley.ReasonRecipientInvalidChannelIdentity,
	554: parley.ReasonDeliveryRejectedDueToPolicy,
}

// verdict is the failure that an answer stands for.
func (r refusal) verdict() *channel.Error {
	e := &channel.Error{Outcome: channel.NotSent}
	reason, ok := r.reason()
	if !ok {
		reason = parley.ReasonBadRequest
	}
	if class, _, _ := strings.Cut(r.enhanced, "."); r.code/100 == 4 || class == "4" {
		e.Outcome = channel.TryAgain
		if reason == parley.ReasonBadRequest {
			reason = parley.ReasonChannelFailure
		}
		if r.code == 421 || strings.HasPrefix(r.enhanced, "4.7.") {
			reason = parley.ReasonRateLimited
		}
	}
	e.Reason = parley.ChannelReason(reason, r.String())
	e.Reason.ChannelCode = strconv.Itoa(r.code)
	return e
}

// reason is what the codes mean, the enhanced one first; false when they mean
// nothing in particular.
func (r refusal) reason() (parley.ReasonCode, bool) {
	_, detail, _ := strings.Cut(r.enhanced, ".")
	for _, s := range statuses {
		if detail == s.prefix || strings.HasPrefix(detail, s.prefix+".") {
			return s.reason, true
		}
	}
	reason, ok := codes[r.code]
	return reason, ok
}

// sendFailure is the failure of a letter.
func sendFailure(err error) *channel.Error {
	s, ok := errors.AsType[*mail.SendError](err)
	if !ok {
		return unreachable(err, channel.TryAgain)
	}
	if s.ErrorCode() != 0 {
		return refusal{s.ErrorCode(), s.EnhancedStatusCode()}.verdict()
	}
	// Its words hold the recipient, so only its place is kept.
	where := errors.New("smtp: " + s.Reason.String())
	if s.Reason == mail.ErrSMTPDataClose {
		return unreachable(where, channel.Unknown) // the server had it all
	}
	return unreachable(where, channel.TryAgain)
}

// dialFailure is the failure to connect or to log in.
func dialFailure(err error) *channel.Error {
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		enhanced, _, _ := strings.Cut(answer.Msg, " ")
		if strings.Count(enhanced, ".") != 2 {
			enhanced = ""
		}
		return refusal{answer.Code, enhanced}.verdict()
	}
	return unreachable(err, channel.TryAgain)
}

func unreachable(err error, o channel.Outcome) *channel.Error {
	return &channel.Error{
		Reason: parley.NewReason(parley.ReasonChannelFailure, "the mail server could not be reached"), Outcome: o, Err: err,
	}
}
