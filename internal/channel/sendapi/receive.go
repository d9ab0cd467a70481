package sendapi

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/graph"
)

// Receive answers Meta's handshake (GET) and reads its webhooks (POST). One
// POST may hold news of several accounts, since a Meta app has one address for
// all of them: only what is for the credential's own is taken.
func (d *Dialect) Receive(acc *Account, c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	if r.Method == http.MethodGet {
		return acc.Handshake(c, r), nil
	}
	if !acc.Genuine(r, body) {
		return channel.Received{}, channel.ErrForged
	}
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return channel.Received{}, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	if e.Object != d.Object {
		return channel.Received{}, fmt.Errorf("%w: object is not %s", channel.ErrMalformed, d.Object)
	}
	rd := reader{d: d, ctx: r.Context(), log: c.Log}
	for i := range e.Entry {
		if acc.ID != "" && e.Entry[i].ID != acc.ID {
			rd.ignore("entry", "it is for another account")
			continue
		}
		rd.account = e.Entry[i].ID
		for _, one := range e.Entry[i].Messaging {
			rd.happening(&e.Entry[i], one)
		}
		for j := range e.Entry[i].Changes {
			rd.change(&e.Entry[i], &e.Entry[i].Changes[j])
		}
	}
	return channel.Received{Inbound: rd.out}, nil
}

type raw = json.RawMessage

// envelope is the body of a webhook. What goes to an app that is not in
// control of the conversation (standby) is not read.
type envelope struct {
	Object string  `json:"object"`
	Entry  []entry `json:"entry"`
}

// An entry holds what happened to one account, each thing read by itself, so
// that an odd one does not take the others with it.
type entry struct {
	ID        string        `json:"id"`
	Time      graph.Instant `json:"time"`
	Messaging []raw         `json:"messaging"`
	Changes   []change      `json:"changes"`
}

type change struct {
	Field string `json:"field"`
	Value raw    `json:"value"`
}

type party struct {
	ID string `json:"id"`
}

// A happening is one of messaging: the members that are not nil say what.
type happening struct {
	Sender    party         `json:"sender"`
	Recipient party         `json:"recipient"`
	Timestamp graph.Instant `json:"timestamp"`
	Message   *message      `json:"message"`
	Postback  *postback     `json:"postback"`
	Reaction  *reaction     `json:"reaction"`
	Delivery  *delivery     `json:"delivery"`
	Read      *read         `json:"read"`
	OptIn     *optIn        `json:"optin"`
	Referral  raw           `json:"referral"`
}

type postback struct {
	MID      string `json:"mid"`
	Title    string `json:"title"`
	Payload  string `json:"payload"`
	Referral raw    `json:"referral"`
}

type reaction struct {
	MID      string `json:"mid"`
	Action   string `json:"action"`   // react or unreact
	Reaction string `json:"reaction"` // love, smile, other …
	Emoji    string `json:"emoji"`
}

type delivery struct {
	MIDs      []string      `json:"mids"`
	Watermark graph.Instant `json:"watermark"`
}

// read has a watermark on Messenger, a message on Instagram.
type read struct {
	MID       string        `json:"mid"`
	Watermark graph.Instant `json:"watermark"`
}

type optIn struct {
	Type   string `json:"type"`
	Status string `json:"notification_messages_status"`
}

// A reader collects what a webhook means.
type reader struct {
	d       *Dialect
	ctx     context.Context //nolint:containedctx // lives as long as the one request
	log     *slog.Logger
	account string // whose entry is read
	out     []channel.Inbound
}

func (r *reader) add(in channel.Inbound) { r.out = append(r.out, in) }

// ignore notes at debug what was left out, of which kind and why.
func (r *reader) ignore(kind, why string) {
	r.log.LogAttrs(r.ctx, slog.LevelDebug, "part of a meta webhook ignored",
		slog.String("channel", string(r.d.Channel)), slog.String("kind", kind), slog.String("cause", why))
}

// happening reads one of messaging. Whatever is not understood is passed on as
// it came.
func (r *reader) happening(e *entry, body raw) {
	var h happening
	err := json.Unmarshal(body, &h)
	if h.Message != nil && h.Message.IsEcho {
		r.echo(&h)
		return
	}
	in := channel.Inbound{At: h.Timestamp.Time, From: channel.Address{Identity: h.Sender.ID}, To: h.Recipient.ID}
	if h.Sender.ID == "" || h.Sender.ID == r.account {
		r.ignore("messaging", "it is not from a contact")
		return
	}
	if err != nil {
		in.ID, in.Unsupported = digest(e, "odd", body), string(body)
		r.add(in)
		return
	}
	switch {
	case h.Message != nil:
		r.message(in, &h, body)
	case h.Postback != nil:
		r.postback(in, h.Postback)
	case h.Reaction != nil:
		r.reaction(in, h.Reaction)
	case h.Delivery != nil:
		r.receipts(in, parley.StatusDelivered, h.Delivery.MIDs, h.Delivery.Watermark)
	case h.Read != nil && h.Read.MID != "":
		r.receipts(in, parley.StatusRead, []string{h.Read.MID}, graph.Instant{})
	case h.Read != nil:
		r.receipts(in, parley.StatusRead, nil, h.Read.Watermark)
	case h.OptIn != nil:
		r.optIn(in, h.OptIn)
	case len(h.Referral) > 0:
		r.referral(in, h.Referral, body)
	default:
		r.ignore("messaging", "it is nothing this channel reads")
	}
}

// attemptKey is the form of channel.Attempt.Key.
var attemptKey = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// echo reads what the account itself sent: a receipt for our own message,
// news to nobody if it was written elsewhere, such as in the app's inbox.
func (r *reader) echo(h *happening) {
	receipt := &channel.Receipt{ID: channel.ProviderID(h.Message.MID), Status: r.d.EchoMeans}
	if r.d.Keyed {
		if !attemptKey.MatchString(h.Message.Metadata) {
			r.ignore("echo", "it is not of a message sent from here")
			return
		}
		receipt.Key = h.Message.Metadata
	}
	if receipt.ID == "" {
		r.ignore("echo", "it names no message")
		return
	}
	r.add(channel.Inbound{At: h.Timestamp.Time, From: channel.Address{Identity: h.Recipient.ID}, To: h.Sender.ID, Receipt: receipt})
}

// receipts reports on the messages named or, when none is, on all that were
// sent to the contact until the watermark.
func (r *reader) receipts(in channel.Inbound, status parley.DeliveryStatus, mids []string, watermark graph.Instant) {
	for _, mid := range mids {
		if mid != "" {
			in.Receipt = &channel.Receipt{ID: channel.ProviderID(mid), Status: status}
			r.add(in)
		}
	}
	switch {
	case len(mids) > 0:
	case watermark.IsZero():
		r.ignore("receipt", "it names neither message nor time")
	default:
		in.Receipt = &channel.Receipt{UpTo: watermark.Time, Status: status}
		r.add(in)
	}
}

// stamped returns an id for what Meta gives none: whom it is from, when it was
// and what sets it apart from others of the moment.
func stamped(in *channel.Inbound, kind, more string) channel.ProviderID {
	return channel.ProviderID(kind + ":" + in.From.Identity + ":" + strconv.FormatInt(in.At.UnixMilli(), 10) + ":" + more)
}

func (r *reader) reaction(in channel.Inbound, re *reaction) {
	e := &parley.ReactionEvent{Emoji: re.Emoji, Action: parley.ReactionReact, ReactionCategory: re.Reaction}
	if re.Action == "unreact" {
		e.Action = parley.ReactionUnreact
	}
	in.ID, in.ReplyTo = stamped(&in, "reaction", re.Action+re.MID), channel.ProviderID(re.MID)
	in.MessageEvent = &parley.ContactMessageEvent{Reaction: e}
	r.add(in)
}

// optIn reads that a contact allowed notifications, or took that back.
func (r *reader) optIn(in channel.Inbound, o *optIn) {
	in.ID = stamped(&in, "optin", o.Type+o.Status)
	in.OptOut = o.Status == "STOP_NOTIFICATIONS"
	in.OptIn = !in.OptOut
	r.add(in)
}
