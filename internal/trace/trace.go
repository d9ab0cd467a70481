// Package trace notes what is done for each message, step by step, for whoever
// asks later why it did or did not arrive.
//
// Notes are kept in memory and written behind the work they tell of, many in
// one statement, so that the work does not wait for them. When the database
// cannot keep up they are dropped and counted; when the process is killed
// those of the last second are lost. Nothing depends on them. What other rows
// tell anyway, such as what was accepted, is not noted.
//
// Secrets are taken out before anything is written: see Secrets.
package trace

import (
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/egress"
)

// A Ref names a message.
type Ref struct{ ProjectID, AppID, MessageID string }

// A Kind says what a step was. docs/trace.md lists them with their members.
type Kind string

// The kinds of steps.
const (
	Accepted   Kind = "accepted"   // the app's request was stored; read from the message
	Received   Kind = "received"   // a provider told of a contact's message
	Resolved   Kind = "resolved"   // whose message it is: contact and conversation
	Channels   Kind = "channels"   // channels that were left out, and why
	Consent    Kind = "consent"    // a consent list forbids the message
	Template   Kind = "template"   // a template was resolved; read from the message
	Transcoded Kind = "transcoded" // the message became a channel's payloads, or could not
	Attempt    Kind = "attempt"    // a payload was handed to the provider
	Lookup     Kind = "lookup"     // the provider was asked what became of an attempt
	Waiting    Kind = "waiting"    // for the next attempt, or for a receipt that tells
	Receipt    Kind = "receipt"    // the provider told how far the message has come
	Status     Kind = "status"     // the message's state changed
	Callback   Kind = "callback"   // one attempt to tell a webhook
)

// A Step is one thing that was done. Members that do not apply are zero and
// not shown. What it refers to must not be changed afterwards.
type Step struct {
	At   time.Time
	Kind Kind

	Channel  parley.Channel
	Identity string
	Provider string // what the provider calls the message

	Part, Parts int // which payload of how many, from 1
	Attempt     int // from 1
	Outcome     string
	Took        time.Duration
	Until       time.Time // when it goes on at the latest

	Status    parley.DeliveryStatus
	Reason    *parley.Reason
	Callbacks int // that the step caused

	Trigger   parley.Trigger
	WebhookID string
	Target    string // redacted
	Answer    int    // the HTTP status of a callback's answer
	Body      []byte // of the answer

	Contact, Conversation string
	Detail                string // in words
	LeftOut               []LeftOut
	Payloads              [][]byte
	Exchanges             []egress.Exchange

	// Secrets are not to be shown, wherever they turn up.
	Secrets *Secrets
}

// A LeftOut is a channel that a message will not be tried on.
type LeftOut struct {
	Channel  parley.Channel
	Identity string
	Why      string
}

// size is about what a step holds in memory, in bytes.
func (s *Step) size() int {
	n := 512 + len(s.Body) + len(s.Detail)
	for _, p := range s.Payloads {
		n += len(p)
	}
	for i := range s.Exchanges {
		n += 1024 + len(s.Exchanges[i].Request.Body) + len(s.Exchanges[i].Response.Body)
	}
	return n
}
