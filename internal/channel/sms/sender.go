package sms

import (
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// The longest senders: E.164 has 15 digits, and the API allows 18; a name is
// what fits a GSM address field (3GPP TS 23.040, section 9.1.2.5).
const (
	maxSenderDigits = 18
	maxSenderName   = 11
	maxShortCode    = 8 // digits; a longer number is a phone number
	maxMSISDN       = 15
)

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// validSender reports whether s can be a sender: a phone number, with or
// without +, a short code, or a name. Empty is valid and leaves it to the
// provider.
func validSender(s string) bool {
	if number := strings.TrimPrefix(s, "+"); isDigits(number) {
		return len(number) <= maxSenderDigits
	}
	septets, ok := encodeGSM7(s)
	return ok && len(septets) <= maxSenderName && !strings.HasPrefix(s, "+")
}

func checkSender(s string) error {
	if validSender(s) {
		return nil
	}
	return channel.Setting("default_sender", "must be a phone number, a short code or at most %d characters", maxSenderName)
}

// senderOf returns who o is from.
func senderOf(o *channel.Outgoing, def string) (string, error) {
	s, ok := o.Properties["SMS_SENDER"]
	if !ok || s == "" {
		return def, nil
	}
	if !validSender(s) {
		return "", channel.Refuse(parley.ReasonBadRequest,
			"SMS_SENDER must be a phone number, a short code or at most 11 characters")
	}
	return s, nil
}

// sourceAddress is how SMPP writes a sender. The forms are those most SMSCs
// want; an account can set its own.
func (s *smppSettings) sourceAddress(sender string) wireAddress {
	a := wireAddress{Addr: strings.TrimPrefix(sender, "+")}
	switch {
	case sender == "":
	case !isDigits(a.Addr):
		a.TON, a.NPI = 5, 0 // alphanumeric
	case a.Addr != sender || len(a.Addr) > maxShortCode:
		a.TON, a.NPI = 1, 1 // international
	default:
		a.TON, a.NPI = 0, 1 // a short code
	}
	if s.SourceTON != nil {
		a.TON = *s.SourceTON
	}
	if s.SourceNPI != nil {
		a.NPI = *s.SourceNPI
	}
	return a
}

// recipient returns the digits of to.
func recipient(to channel.Address) (string, error) {
	number := strings.TrimPrefix(to.Identity, "+")
	if to.Identity != placeholder && (!isDigits(number) || len(number) > maxMSISDN) {
		return "", channel.Refuse(parley.ReasonRecipientInvalidChannelIdentity, "the identity is not a phone number")
	}
	return number, nil
}

// placeholder stands for the recipient where there is none.
const placeholder = "{{to}}"
