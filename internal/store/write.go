package store

import (
	"encoding/json"
	"time"

	"github.com/parley-im/parley"
)

// A Write is one hot write: what must happen together, as data. Members that
// are nil or zero are not part of it. Commit fills in the results.
type Write struct {
	Accept  *Acceptance
	Accepts []*Acceptance // several at once
	Arrive  *Arrival
	Advance *Advance
	Sent    *SentEvent

	// Step makes the whole write depend on a batch being where it starts:
	// otherwise Commit returns ErrStepLost.
	Step *BatchStep

	Jobs   []*Job // new jobs
	Start  int64  // the id of a job whose next attempt is about to begin
	Update *Job   // Attempts, Started and Doc of a job this node has
	Done   int64  // the id of a job that is done

	// Release gives jobs back, to be run by any node when they are due. Their
	// RunAt, Attempts, Started and Doc are stored.
	Release []*Job

	key *Key // of the request's context

	// Traces are what was noted of messages; see TracePacker.
	Traces []Trace
}

// A Resolution finds whom a message is from or to, and creates what is
// missing: the contact and the active conversation.
type Resolution struct {
	ProjectID, AppID string

	// ContactID is the contact when it is already known; else it is the one
	// known by the first of Identities that anybody is known by, the oldest of
	// several; else NewContact is stored. One that is found gets those of
	// Identities that nobody has.
	ContactID  string
	Identities []parley.ChannelIdentity
	NewContact *parley.Contact

	// NewConversation is stored unless the contact has an active one.
	NewConversation *parley.Conversation

	// Changes to the conversation, whether found or created.
	ActiveChannel parley.Channel // "" leaves it
	LastReceived  time.Time      // zero leaves it
	MetadataJSON  json.RawMessage
	MergeMetadata bool
	CorrelationID string

	// The results.
	Conversation        *parley.Conversation
	ContactCreated      bool
	ConversationStarted bool
	ContactUpdated      *parley.Contact // the found contact with the identities it got; nil when it had them
	// Duplicates are those of Identities that several contacts have, found as
	// Identities were looked up.
	Duplicates []parley.DuplicatedIdentity

	begun bool   // known is set
	known string // the ContactID that was asked for
}

// Stateless reports whether there is nothing to resolve: the message is
// dispatched without contact and conversation.
func (r *Resolution) stateless() bool { return r.NewConversation == nil }

// An Acceptance is an app message accepted for sending, or an app event: that
// is sent by one of its consequences.
type Acceptance struct {
	Resolution
	Message *Message
	Job     *Job // sends the message; a send job's Lane is set to the conversation if there is one
	Urgent  bool // before others that wait; see UrgentLane
	Stick   []*Sticky
	Event   *Event
	// Consequences returns the jobs that follow from what was created. It runs
	// inside the commit, so it must be quick and touch nothing else.
	Consequences func(*Resolution) ([]*Job, error)
}

// An Arrival is something a provider told us, seen for the first time.
type Arrival struct {
	Resolution
	Seen         *ProviderID // nil when the provider gives no id
	Message      *Message    // with ContactID and ConversationID to be filled in
	Event        *Event
	Media        *MediaRef
	Consents     *Consents // nil when it changes no consent list
	Consequences func(*Resolution) ([]*Job, error)

	// Repeat is the result: it had been stored before, and nothing was now.
	Repeat bool
}

// An Advance moves a message forward: to a later state, never back.
type Advance struct {
	ProjectID, MessageID string
	To                   Progress
	// Channel and the rest replace the message's channel identity when set.
	Channel     parley.Channel
	Identity    string
	IdentityApp string

	IDs    []*ProviderID // new provider ids, stored whether the message moves or not
	Jobs   []*Job        // added only if it moved
	Always []*Job        // added in any case

	// ConversationID and ActiveChannel note the channel last used.
	ConversationID string
	ActiveChannel  parley.Channel

	// Moved is the result: the message was not yet there or past it.
	Moved bool
}

// A ProviderID ties what a provider calls a message (or event) to our id.
type ProviderID struct {
	ProjectID, AppID string
	Channel          parley.Channel
	ID               string
	MessageID        string
	Leg              int // which channel of the message's order
	Part, Parts      int // which payload of how many; Part is Inbound for what we received
	Rank             int // the furthest state a receipt reported for this part
}

// Inbound is the Part of a ProviderID of something received; its Parts is 0.
const Inbound = -1

// A Message is a message as it is stored: the columns it is found by, and Doc.
type Message struct {
	ProjectID, ID, AppID      string
	ContactID, ConversationID string
	Identity                  parley.ChannelIdentity
	ToContact                 bool
	Dispatch                  bool // in the dispatch store
	Listed                    bool // shown by the API; not so for dispatched messages that are not retained
	Injected                  bool
	AcceptTime                time.Time
	Progress                  Progress
	SenderID, Metadata        string
	Doc                       []byte // a MessageDoc
}

// MessageDoc is the part of a message nothing is searched by.
type MessageDoc struct {
	App     *parley.AppMessage     `json:"app,omitempty"`
	Contact *parley.ContactMessage `json:"contact,omitempty"`
	Send    *SendOptions           `json:"send,omitempty"`
	// Resolved is what the message says on the channels where it refers to an
	// omni template: whatever becomes of the template, this is what was sent.
	Resolved map[parley.Channel]*Resolved `json:"resolved,omitempty"`
}

// On returns the message as it goes to a channel, or why it cannot.
func (d *MessageDoc) On(ch parley.Channel) (*parley.AppMessage, *parley.Reason) {
	if r := d.Resolved[ch]; r != nil {
		return r.Message, r.Reason
	}
	return d.App, nil
}

// Resolved is what came of a reference to an omni template: a message, or the
// reason why there is none.
type Resolved struct {
	Message *parley.AppMessage `json:"message,omitempty"`
	Reason  *parley.Reason     `json:"reason,omitempty"`
}

// SendOptions is what a send request asked for besides its message.
type SendOptions struct {
	// Targets are whom the message is for on each channel, in the order the
	// channels are tried. A message's leg is an index into it.
	Targets       []parley.ChannelIdentity `json:"targets"`
	CallbackURL   string                   `json:"callback_url,omitempty"`
	Properties    map[string]string        `json:"properties,omitempty"`
	CorrelationID string                   `json:"correlation_id,omitempty"`
	ContentType   string                   `json:"content_type,omitempty"`
	Expires       time.Time                `json:"expires,omitzero"`
	SendAt        time.Time                `json:"send_at,omitzero"` // when that was not at once
	Urgent        bool                     `json:"urgent,omitempty"` // HIGH_PRIORITY
}

// An Event is an event as it is stored; Doc is a parley.Event.
type Event struct {
	ProjectID, ID, AppID      string
	ContactID, ConversationID string
	Doc                       []byte
}

// Progress is how far a message has come, as one number that only grows: which
// channel of its order it is on (the leg), and the state there (the rank).
type Progress int64

const (
	progressLeg      = 16
	progressTerminal = 1 << 30
)

// Scheduled is the progress of a message that is kept until it is to be sent.
// It comes before every state, and is not the -1 of barred. To delete such a
// message is to cancel it, so no sweep may.
const Scheduled Progress = -2

// The ranks of a message's states on one leg.
const (
	RankQueued = iota
	RankQueuedOnChannel
	RankDelivered
	RankSwitching = 5
	RankRead      = 8
	RankFailed    = 9
)

// At returns the progress of a state on a leg.
func At(leg int, status parley.DeliveryStatus) Progress {
	p := Progress(leg * progressLeg)
	switch status {
	case parley.StatusQueued:
		return p + RankQueued
	case parley.StatusQueuedOnChannel:
		return p + RankQueuedOnChannel
	case parley.StatusDelivered:
		return p + RankDelivered
	case parley.StatusSwitchingChannel:
		return p + RankSwitching
	case parley.StatusRead:
		return p + RankRead + progressTerminal
	case parley.StatusFailed:
		return p + RankFailed + progressTerminal
	}
	return p
}

// barred returns the one lower progress that p does not follow: what was
// delivered on a leg does not fail there any more. It is -1 when there is none.
func (p Progress) barred() Progress {
	switch p.Status() {
	case parley.StatusFailed, parley.StatusSwitchingChannel:
		return At(p.Leg(), parley.StatusDelivered)
	case parley.StatusQueued, parley.StatusQueuedOnChannel, parley.StatusDelivered, parley.StatusRead:
	}
	return -1
}

// ceiling is above every progress that p may follow: a late report about a
// channel that the message has left changes nothing, nor does any about a
// message that is done.
func (p Progress) ceiling() Progress { return Progress(p.Leg()+1) * progressLeg }

// Follows reports whether a message moves from progress from to p.
func (p Progress) Follows(from Progress) bool {
	return from < p && from < p.ceiling() && from != p.barred()
}

// Terminal reports whether nothing can follow.
func (p Progress) Terminal() bool { return p >= progressTerminal }

// Leg returns which channel of its order the message is on.
func (p Progress) Leg() int { return int(max(p, 0)&(progressTerminal-1)) / progressLeg }

// Status returns the state on the wire.
func (p Progress) Status() parley.DeliveryStatus {
	switch int(max(p, 0)&(progressTerminal-1)) % progressLeg {
	case RankQueuedOnChannel:
		return parley.StatusQueuedOnChannel
	case RankDelivered:
		return parley.StatusDelivered
	case RankSwitching:
		return parley.StatusSwitchingChannel
	case RankRead:
		return parley.StatusRead
	case RankFailed:
		return parley.StatusFailed
	}
	return parley.StatusQueued
}
