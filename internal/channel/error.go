package channel

import (
	"errors"
	"time"

	"github.com/parley-im/parley"
)

// An Outcome says what is known about a failed attempt. It decides whether
// the payload may be handed over again: a text sent twice costs the app money
// and trust.
type Outcome int

// The outcomes of a failed attempt.
const (
	// NotSent: refused; a repeat cannot help, so the next channel is tried.
	NotSent Outcome = iota
	// TryAgain: not accepted; a repeat may help.
	TryAgain
	// Unknown: the request left and no answer came. It is repeated only where
	// the provider drops repeats; else a Finder or a receipt must tell.
	Unknown
)

func (o Outcome) String() string {
	switch o {
	case NotSent:
		return "not_sent"
	case TryAgain:
		return "try_again"
	case Unknown:
		return "unknown"
	}
	return "unknown"
}

// An Error is a failed attempt.
type Error struct {
	Reason  parley.Reason // what the app will be told; free of secrets
	Outcome Outcome
	After   time.Duration // earliest useful retry, if the provider said so
	// OneRecipient says that After is about the recipient alone. Otherwise a
	// RATE_LIMITED holds back all messages of the account for so long.
	OneRecipient bool
	Err          error // cause; logged, never shown; free of secrets
}

func (e *Error) Error() string {
	s := string(e.Reason.Code) + ": " + e.Reason.Description
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Refuse returns the Error of a payload no repeat can help, in the platform's
// own words.
func Refuse(code parley.ReasonCode, description string) *Error {
	return &Error{Reason: parley.NewReason(code, description), Outcome: NotSent}
}

// AsError returns err as an *Error; any other error is a fault of ours whose
// effect is unknown.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{
		Reason:  parley.NewReason(parley.ReasonInternalError, "internal error"),
		Outcome: Unknown,
		Err:     err,
	}
}

// The errors of Receive that are the caller's fault.
var (
	// ErrForged: the signature, secret or token is missing or wrong.
	ErrForged = errors.New("the request is not from the provider")
	// ErrMalformed: the body is not what the provider sends.
	ErrMalformed = errors.New("the request cannot be understood")
)
