// Package channel says what a messaging channel is: a stateless translator
// between the vocabulary and one kind of provider. It holds the contract, the
// optional interfaces, what a channel looks like as data (Capabilities) and
// the few helpers that many channels share.
//
// A channel renders purely and makes one attempt; it never loops, retries,
// sleeps, logs content or touches the store. All of that is the engine's.
package channel

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/parley-im/parley"
)

// A Channel renders messages for one messaging channel and sends them.
//
// Implementations are safe for concurrent use and stateless, but for sessions
// a Listener holds open: whatever a call needs arrives in its arguments. What
// only some channels can do is in the optional interfaces below; a channel
// that lacks one does not implement it. A Channel is never wrapped, because a
// wrapper would hide them.
type Channel interface {
	// Name is the channel's name on the wire, such as "WHATSAPP".
	Name() parley.Channel

	// Capabilities says what messages may look like. It is data: the
	// transcoder, the documentation and the console all read it.
	Capabilities() Capabilities

	// Check validates the credential beyond what the API's schema says: the
	// provider's name and its settings. The error names the member by its
	// path within the credential, such as provider_settings.port. It does no
	// I/O.
	Check(c *parley.ChannelCredential) error

	// Render returns the provider payloads that say o.Message, in sending
	// order. It is pure: no clock, no network, same input same bytes. The
	// message is already within Capabilities. The error is an *Error.
	Render(o *Outgoing) ([]Payload, error)

	// Send makes one attempt to hand one payload to the provider and returns
	// the provider's id for it. It never retries and never sleeps; a failure
	// is an *Error.
	Send(ctx context.Context, c *Conn, a Attempt) (ProviderID, error)
}

// A Receiver is a channel whose provider calls us.
type Receiver interface {
	// Receive checks that the request is genuine and says what it means. The
	// reply is written only after everything in it is stored. A request that
	// is not genuine is an ErrForged, one that cannot be understood an
	// ErrMalformed. r.PathValue("rest") is what the path has beyond the
	// account's own address, for providers that add to it.
	Receive(c *Conn, r *http.Request, body []byte) (Received, error)
}

// A Listener is a channel some of whose credentials need a session held open,
// such as an SMPP bind. Send uses the session that Listen holds.
type Listener interface {
	// Listens reports whether the credential needs a session.
	Listens(c *parley.ChannelCredential) bool

	// Listen holds the session until ctx is done or it is lost; the caller
	// reconnects with backoff. accept returns once the thing is stored.
	Listen(ctx context.Context, c *Conn, accept func(context.Context, Inbound) error) error
}

// An Acknowledger must tell the provider that something received was handled,
// such as Telegram's answerCallbackQuery. It is called once after the thing is
// stored; a failure is logged and forgotten.
type Acknowledger interface {
	Acknowledge(ctx context.Context, c *Conn, in Inbound) error
}

// A MediaFetcher must be asked for the media of inbound messages, because it
// needs the credential to get at them.
type MediaFetcher interface {
	FetchMedia(ctx context.Context, c *Conn, ref string) (Media, error)
}

// A Connector has set-up to do when an app's credential is saved, such as
// registering our webhook address, and can say whether the credential works.
// A failure is an *Error whose Outcome tells a bad credential (NotSent) from a
// provider that could not be asked (TryAgain).
//
// It is called again from time to time and when the provider refuses the
// credential, so it must do no harm when everything is set up already.
type Connector interface {
	// Connect returns what the provider calls the account in public, such as
	// a bot's name or a page's id; "" leaves what is known.
	Connect(ctx context.Context, c *Conn) (knownID string, err error)
}

// A Finder can ask its provider what became of an attempt whose outcome is
// unknown. With it, an interrupted attempt is looked up instead of repeated
// or given up.
type Finder interface {
	// Finds reports whether it works for the credential: of a channel's
	// providers not all may have a way to ask.
	Finds(c *parley.ChannelCredential) bool

	// Find returns the provider's id of the attempt's payload, if it has it.
	Find(ctx context.Context, c *Conn, a Attempt) (id ProviderID, found bool, err error)
}

// A Pacer knows how fast its provider takes messages.
type Pacer interface {
	// Pace returns the payloads a second that the account's provider takes at
	// most, or 0 when it says nothing. It is held to by each node for itself.
	Pace(c *parley.ChannelCredential) float64
}

// An EventSender can send app events such as composing indicators.
type EventSender interface {
	// SendEvent makes one attempt to show an event. A kind of event the
	// channel has no notion of is an *Error with BAD_REQUEST. The id is "" on
	// channels that give events none.
	SendEvent(ctx context.Context, c *Conn, e *OutgoingEvent) (ProviderID, error)
}

// An OutgoingEvent is an app event on its way to somebody.
type OutgoingEvent struct {
	EventID string
	To      Address
	Event   *parley.AppEvent
	// LastInbound is the newest message received from To, or "": some
	// providers show that one as read, or tie composing to it.
	LastInbound ProviderID
	// LastComment is what the provider calls the newest comment of To, or "".
	// It is looked up for comment_reply_event alone.
	LastComment ProviderID
}

// A Prober can ask its provider whether somebody can be reached and what they
// can be shown.
type Prober interface {
	Probe(ctx context.Context, c *Conn, to Address) (Reach, error)
}

// A Reach is what a provider says of somebody. Features are the provider's own
// names of what they can be shown, given when that is not everything.
type Reach struct {
	Status   parley.CapabilityStatus
	Features []string
}

// A Profiler can ask its provider who somebody is.
type Profiler interface {
	Profile(ctx context.Context, c *Conn, of Address) (Profile, error)
}

// A Profile is what somebody shows of themselves on a channel.
type Profile struct {
	Name string
}

// A Retractor can take back a message that was not delivered in time.
type Retractor interface {
	// Retract makes one attempt. A message that can no longer be taken back
	// is an *Error whose Outcome is NotSent.
	Retract(ctx context.Context, c *Conn, to Address, id ProviderID) error
}

// A ProviderID is the provider's own id of a message or event. Only the
// channel that made it may look inside. It is unique for an app's account on
// the channel.
type ProviderID string

// An Address is somebody on a channel.
type Address struct {
	Identity string `json:"identity"`
	Name     string `json:"name,omitempty"` // the profile name, where the provider tells
}

// Outgoing is a message within a channel's Capabilities, ready to be rendered.
type Outgoing struct {
	MessageID  string
	To         Address // Identity is the placeholder {{to}} when there is no recipient (messages:transcode)
	Message    *parley.AppMessage
	Properties map[string]string // channel_properties of the send request
	ReplyTo    ProviderID        // the inbound message that is quoted, or ""
	Credential *parley.ChannelCredential
}

// A Payload is what one attempt hands to the provider: JSON, because it is
// kept until the provider has taken it.
type Payload struct {
	Body json.RawMessage `json:"body"`
	// Once says that the provider does not drop a repeat of this payload,
	// although the channel is Idempotent otherwise.
	Once bool `json:"once,omitempty"`
}

// An Attempt is one payload on its way to one address.
type Attempt struct {
	Key     string // the same for every attempt at the same payload; at most 64 of [A-Za-z0-9._-]
	To      Address
	Payload Payload
	Expires time.Time // when the message loses its worth; zero means never
}

// Received is what a provider's request meant and how to answer it. The zero
// Reply is an empty 200.
type Received struct {
	Inbound []Inbound
	Reply   Reply
}

// A Reply is the HTTP answer a provider expects: a challenge echoed, an XML
// acknowledgement. Status 0 means 200.
type Reply struct {
	Status      int
	ContentType string
	Body        []byte
}

// An Inbound is one thing a provider told us. Exactly one of Message, Event,
// MessageEvent, Receipt, OptIn, OptOut, ChannelEvent and Unsupported is set.
type Inbound struct {
	ID      ProviderID // for dropping repeats; "" when the provider gives none
	At      time.Time  // when the provider says it happened; zero when it does not
	From    Address
	To      string     // what was written to: our number or name on the channel
	ReplyTo ProviderID // the message that is answered, tapped or reacted to

	// Message's choice response carries the provider's payload in
	// PostbackData and no message id; the engine fills both in. When Media is
	// set, the engine fills in the URL of its media body.
	Message *parley.ContactMessage
	Media   *MediaRef

	Event        *parley.ContactEvent
	MessageEvent *parley.ContactMessageEvent
	Receipt      *Receipt
	OptIn        bool
	OptOut       bool
	// Listed says that nobody but us keeps the OptIn or OptOut: it changes the
	// app's consent lists, too.
	Listed       bool
	ChannelEvent *parley.ChannelEvent
	Unsupported  string // what the provider sent, as text

	Metadata string // the channel's own news about the message, as JSON text; or ""
	Ack      string // what Acknowledge needs, or ""
}

// A MediaRef is media that a channel's FetchMedia can get or, with Data, that
// the provider sent along.
type MediaRef struct {
	Ref      string `json:"ref"`
	MIME     string `json:"mime,omitempty"`
	Filename string `json:"filename,omitempty"`
	Data     []byte `json:"-"` // the file itself; it is kept before the message is
}

// Media is an open stream of media; the caller closes Body.
type Media struct {
	Body io.ReadCloser
	MIME string
	Size int64 // bytes, or -1 when unknown
}

// A Receipt is a provider's word on one payload it took. Its ID is the one
// Send returned; Key, where the provider echoes it, is the attempt's. A
// provider that names no payload but a time speaks of everything it took until
// then for Inbound.From: UpTo is set instead of ID and Key.
type Receipt struct {
	ID     ProviderID            `json:"id"`
	Key    string                `json:"key,omitempty"`
	UpTo   time.Time             `json:"up_to,omitzero"`
	Status parley.DeliveryStatus `json:"status"`
	Reason *parley.Reason        `json:"reason,omitempty"` // FAILED only
}

// Conn is one app's account on a channel and the means to use it.
type Conn struct {
	AppID      string
	Credential *parley.ChannelCredential
	BaseURL    string // replaces the provider's own address when set; no trailing slash
	WebhookURL string // where the provider reaches Receive for this account; "" when there is no public address
	Secret     string // derived for this account from the server's key, stable: a webhook secret for providers that let us choose one; 32 hex characters
	HTTP       *http.Client
	// OpenMedia opens media an app's message names by URL, for providers that
	// want the bytes instead of the address. It goes out through the door for
	// addresses that clients give; the failure is an *Error with one of the
	// MEDIA_ reasons.
	OpenMedia func(ctx context.Context, address string) (Media, error)
	Dial      func(ctx context.Context, network, address string) (net.Conn, error)
	Log       *slog.Logger
	Now       func() time.Time
}

// URL returns the provider's address: the replacement where one is configured,
// else the provider's own.
func (c *Conn) URL(own string) string {
	if c.BaseURL != "" {
		return c.BaseURL
	}
	return own
}

// Provider returns the name of the credential's provider, or the channel's
// first one.
func Provider(c *parley.ChannelCredential, first string) string {
	if c == nil || c.Provider == "" {
		return first
	}
	return c.Provider
}
