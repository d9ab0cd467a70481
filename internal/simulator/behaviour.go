package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// The values of Behaviour.Deliver.
const (
	DeliverNormal    = "normal"     // shown and reported as delivered
	DeliverNever     = "never"      // accepted, and no more is heard of it
	DeliverReject    = "reject"     // accepted and reported as failed; TELEGRAM: refused
	DeliverRefuse    = "refuse"     // answered with an error
	DeliverRateLimit = "rate_limit" // answered with the provider's "too fast"
)

// The values of Behaviour.Hang.
const (
	HangBefore = "before" // cut before the message is taken
	HangAfter  = "after"  // cut after it is taken, before the answer
)

// Behaviour is what happens to messages sent to a handset. Its zero value is
// the default: shown at once; WHATSAPP messages are read a little later.
type Behaviour struct {
	Deliver        string    `json:"deliver,omitempty"`
	DeliveredAfter Duration  `json:"delivered_after,omitempty"`
	Read           *bool     `json:"read,omitempty"` // WHATSAPP; default true
	ReadAfter      *Duration `json:"read_after,omitempty"`
	// RetryAfter is the number of seconds a rate-limited sender is told to
	// wait; 0 means 1.
	RetryAfter int `json:"retry_after,omitempty"`
	// FailCode replaces the provider's code for a rejected or refused message.
	FailCode FailCode `json:"fail_code,omitempty"`
	Hang     string   `json:"hang,omitempty"`
	// HangFor is how long the connection stays open and silent before it is
	// cut.
	HangFor Duration `json:"hang_for,omitempty"`
	// Times is how many messages this applies to; after them the handset is
	// back to normal. 0 means all.
	Times int `json:"times,omitempty"`
	// WindowClosed makes WHATSAPP fail all but templates with 131047 until
	// the phone writes again.
	WindowClosed bool `json:"window_closed,omitempty"`
}

// Validate reports the first field without a meaning.
func (b Behaviour) Validate() error {
	switch b.Deliver {
	case "", DeliverNormal, DeliverNever, DeliverReject, DeliverRefuse, DeliverRateLimit:
	default:
		return errors.New("deliver: want normal, never, reject, refuse or rate_limit")
	}
	switch b.Hang {
	case "", HangBefore, HangAfter:
	default:
		return errors.New("hang: want before or after")
	}
	if b.RetryAfter < 0 || b.Times < 0 {
		return errors.New("retry_after, times: want no negative number")
	}
	return nil
}

// Duration is a time.Duration written like "1.5s" in JSON.
type Duration time.Duration

// MarshalText writes the duration as time.Duration does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration accepts, if it is not negative.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("read duration: %w", err)
	}
	if v < 0 {
		return errors.New("read duration: negative")
	}
	*d = Duration(v)
	return nil
}

// FailCode is a provider's error code; a JSON number or string.
type FailCode string

// UnmarshalJSON accepts a number or a string.
func (c *FailCode) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return fmt.Errorf("read fail_code: %w", err)
		}
		*c = FailCode(s)
		return nil
	}
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return fmt.Errorf("read fail_code: %w", err)
	}
	*c = FailCode(n.String())
	return nil
}

// or returns the code, or def if none is set.
func (c FailCode) or(def string) string {
	if c == "" {
		return def
	}
	return string(c)
}

// retryAfter is the number of seconds to tell a rate-limited sender.
func (b Behaviour) retryAfter() int { return max(b.RetryAfter, 1) }

// decide says how to treat the message that just came for the handset and
// counts it against Times.
func (p *phones) decide(k key) (b Behaviour, blocked bool) {
	p.locked(k, func(h *handset) {
		b, blocked = h.behaviour, h.blocked
		if h.behaviour.Times == 0 {
			return
		}
		h.behaviour.Times--
		if h.behaviour.Times == 0 {
			h.behaviour = Behaviour{}
		}
	})
	if b.Deliver == "" {
		b.Deliver = DeliverNormal
	}
	return b, blocked
}

// SetBehaviour says what happens to messages sent to the handset from now on.
func (s *Simulator) SetBehaviour(channel, identity string, b Behaviour) error {
	if err := b.Validate(); err != nil {
		return err
	}
	if s.providersOf(channel) == nil {
		return fmt.Errorf("channel %w", errNotFound)
	}
	s.phones.locked(newKey(channel, identity), func(h *handset) {
		h.behaviour = b
		h.wake()
	})
	return nil
}
