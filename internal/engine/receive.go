package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/store"
)

// Receive takes in a provider's request. The reply may be written once it
// returns: everything in the request is stored. NOT_FOUND says that the app or
// its channel does not exist, channel.ErrForged and channel.ErrMalformed that
// the request is not the provider's.
func (e *Engine) Receive(ctx context.Context, name parley.Channel, appID string, r *http.Request, body []byte) (channel.Reply, error) {
	projectID, err := e.dir.project(ctx, appID)
	if err != nil {
		return channel.Reply{}, err
	}
	app, err := e.dir.app(ctx, projectID, appID)
	if err != nil {
		return channel.Reply{}, err
	}
	rc, ok := e.channels[name].(channel.Receiver)
	if !ok || app.Credential(name) == nil {
		return channel.Reply{}, parley.NotFound("channel", string(name))
	}
	got, err := e.genuine(rc, projectID, app, name, r, body)
	if err != nil {
		return channel.Reply{}, err
	}
	if err := e.takeIn(ctx, projectID, app, name, got.Inbound); err != nil {
		return channel.Reply{}, err
	}
	return got.Reply, nil
}

// genuine understands a request with the first of the app's credentials on the
// channel that recognises it: LINE allows several, and all call the same
// address.
func (e *Engine) genuine(rc channel.Receiver, projectID string, app *parley.App, name parley.Channel, r *http.Request, body []byte) (
	got channel.Received, err error,
) {
	for i := range app.ChannelCredentials {
		cred := &app.ChannelCredentials[i]
		if cred.Channel != name {
			continue
		}
		if got, err = rc.Receive(e.conn(projectID, app, cred), r, body); !errors.Is(err, channel.ErrForged) {
			return got, err
		}
	}
	return got, err
}

// takeIn stores what a provider told and everything that follows from it, in
// the order it was told.
func (e *Engine) takeIn(ctx context.Context, projectID string, app *parley.App, name parley.Channel, told []channel.Inbound) error {
	var writes []*store.Write
	var arrivals []*arrival // what each write is of
	for i := range told {
		clean(&told[i])
		// A provider who hangs up must not fail the commit, which is also
		// others'.
		a := &arrival{e: e, ctx: context.WithoutCancel(ctx), projectID: projectID, app: app, channel: name, in: &told[i]}
		all, err := a.writes()
		if err != nil {
			return err
		}
		for _, w := range all {
			writes, arrivals = append(writes, w), append(arrivals, a)
		}
	}
	if len(writes) == 0 {
		return nil
	}
	err := e.store.CommitAll(ctx, writes)
	for _, w := range writes {
		if w.Arrive != nil && w.Arrive.Consents != nil {
			e.dir.forgetConsents(store.AppRef{ProjectID: projectID, AppID: app.ID})
		}
	}
	if err != nil {
		return fmt.Errorf("store what was received: %w", err)
	}
	for i, a := range arrivals {
		a.noteStored(writes[i])
		a.dropMedia(writes[i].Arrive)
	}
	return nil
}

// clean takes out of the strings that become columns what a database refuses:
// a provider who sends it would send it again and again.
func clean(in *channel.Inbound) {
	text := func(s string) string { return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "") }
	in.ID, in.ReplyTo = channel.ProviderID(text(string(in.ID))), channel.ProviderID(text(string(in.ReplyTo)))
	in.From.Identity, in.To, in.Metadata = text(in.From.Identity), text(in.To), text(in.Metadata)
	if in.Receipt != nil {
		in.Receipt.ID = channel.ProviderID(text(string(in.Receipt.ID)))
	}
}

// An arrival is one thing a provider told, on its way into the store.
type arrival struct {
	e         *Engine
	ctx       context.Context //nolint:containedctx // lives as long as the one request
	projectID string
	app       *parley.App
	channel   parley.Channel
	in        *channel.Inbound
	stuck     *store.Sticky // to the contact's identity, in dispatch mode; or nil
}

// writes returns the writes that store the arrival: one, none when there is
// nothing to store, or many when it is a receipt for many messages.
func (a *arrival) writes() ([]*store.Write, error) {
	if r := a.in.Receipt; r != nil && !r.UpTo.IsZero() {
		return a.watermark()
	}
	w, err := a.write()
	if err != nil || w == nil {
		return nil, err
	}
	return []*store.Write{w}, nil
}

// write returns the write that stores the arrival, or nil when there is
// nothing to store.
func (a *arrival) write() (*store.Write, error) {
	if a.in.Receipt != nil {
		return a.receipt()
	}
	arr := &store.Arrival{Resolution: store.Resolution{ProjectID: a.projectID, AppID: a.app.ID}}
	id := a.e.store.NewID()
	if a.in.ID != "" {
		arr.Seen = &store.ProviderID{
			ProjectID: a.projectID, AppID: a.app.ID, Channel: a.channel, ID: string(a.in.ID), MessageID: id, Part: store.Inbound,
		}
	}
	var err error
	if a.in.From.Identity != "" {
		if a.stuck, err = a.e.recall(a.ctx, a.projectID, a.app, a.from()); err != nil {
			return nil, err
		}
	}
	switch {
	case a.in.Message != nil:
		err = a.message(arr, id)
	case a.in.Event != nil, a.in.MessageEvent != nil:
		err = a.event(arr, id)
	case a.in.OptIn, a.in.OptOut:
		err = a.opt(arr, id)
	case a.in.ChannelEvent != nil:
		arr.Consequences = func(*store.Resolution) ([]*store.Job, error) {
			c := a.envelope("")
			c.ChannelEvent = &parley.ChannelEventNotification{ChannelEvent: *a.in.ChannelEvent}
			return a.e.callbacks(a.ctx, a.projectID, a.app.ID, parley.TriggerChannelEvent, c)
		}
	default:
		err = a.unsupported(arr, id)
	}
	if err != nil {
		return nil, err
	}
	w := &store.Write{Arrive: arr}
	if a.in.Ack != "" {
		follow := arr.Consequences
		arr.Consequences = func(r *store.Resolution) ([]*store.Job, error) {
			jobs, err := follow(r)
			if err != nil {
				return nil, err
			}
			ack, err := newJob(a.projectID, kindAcknowledge, "", ackJob{
				AppID: a.app.ID, Channel: a.channel, ID: a.in.ID, Identity: a.in.From.Identity, Ack: a.in.Ack,
			})
			return append(jobs, ack), err
		}
	}
	a.e.met.received(a.channel, a.kind())
	return w, nil
}

// kind names what arrived, for metrics.
func (a *arrival) kind() string {
	switch {
	case a.in.Message != nil:
		return "message"
	case a.in.Event != nil, a.in.MessageEvent != nil:
		return "event"
	case a.in.OptIn, a.in.OptOut:
		return "opt"
	case a.in.ChannelEvent != nil:
		return "channel_event"
	}
	return "unsupported"
}

func (a *arrival) receipt() (*store.Write, error) {
	w, err := a.e.receipt(a.ctx, a.projectID, a.app.ID, a.channel, a.in.At, a.in.Receipt, 0)
	if errors.Is(err, errNoMatch) {
		j, err := a.e.keepReceipt(a.projectID, lateReceipt{AppID: a.app.ID, Channel: a.channel, At: a.in.At, Receipt: *a.in.Receipt})
		return &store.Write{Jobs: []*store.Job{j}}, err
	}
	return w, err
}

// from is who wrote.
func (a *arrival) from() parley.ChannelIdentity {
	return scoped(parley.ChannelIdentity{Channel: a.channel, Identity: a.in.From.Identity}, a.app.ID)
}

// resolve has the contact and conversation found or created, where the app
// keeps any, and the conversation brought up to date.
func (a *arrival) resolve(arr *store.Arrival) error {
	if a.app.ProcessingMode == parley.ModeDispatch {
		return nil
	}
	ids, err := a.e.knownBy(a.ctx, a.projectID, []parley.ChannelIdentity{a.from()})
	if err != nil {
		return err
	}
	arr.Resolution = a.e.resolution(a.projectID, a.app)
	arr.Identities = ids
	arr.NewContact = newContact(a.e.store.NewID(), arr.Identities, a.in.From.Name)
	arr.ActiveChannel, arr.LastReceived = a.channel, a.e.now()
	return nil
}

// envelope starts a callback about the arrival.
func (a *arrival) envelope(correlationID string) *parley.Callback {
	c := a.e.envelope(a.projectID, a.app.ID, a.in.At)
	c.CorrelationID = correlationID
	return c
}

// contactEnvelope starts a callback that carries what sticks to the
// conversation or, in dispatch mode, to the contact's identity.
func (a *arrival) contactEnvelope(r *store.Resolution) *parley.Callback {
	c := a.envelope("")
	metadata := ""
	switch {
	case r.Conversation != nil:
		c.CorrelationID, metadata = r.Conversation.CorrelationID, string(r.Conversation.MetadataJSON)
	case a.stuck != nil:
		c.CorrelationID, metadata = a.stuck.CorrelationID, string(a.stuck.MetadataJSON)
	}
	if metadata != "{}" {
		c.MessageMetadata = metadata
	}
	return c
}

// after returns what follows when the arrival is stored: reports of what was
// created for it, then its own callback.
func (a *arrival) after(t parley.Trigger, own func(*store.Resolution) *parley.Callback) func(*store.Resolution) ([]*store.Job, error) {
	created := a.e.arrivals(a.ctx, a.projectID, a.app)
	return func(r *store.Resolution) ([]*store.Job, error) {
		jobs, err := created(r)
		if err != nil {
			return nil, err
		}
		mine, err := a.e.callbacks(a.ctx, a.projectID, a.app.ID, t, own(r))
		return append(jobs, mine...), err
	}
}

// conversationOf returns the conversation's id, or "" in dispatch mode.
func conversationOf(r *store.Resolution) string {
	if r.Conversation == nil {
		return ""
	}
	return r.Conversation.ID
}

// event stores something a contact did other than writing.
func (a *arrival) event(arr *store.Arrival, id string) error {
	if err := a.resolve(arr); err != nil {
		return err
	}
	from := a.from()
	ev := &parley.Event{
		ID: id, Direction: parley.ToApp, ContactEvent: a.in.Event, ContactMessageEvent: a.in.MessageEvent,
		ChannelIdentity: &from, AcceptTime: a.e.now(), ProcessingMode: a.app.ProcessingMode,
	}
	if me := a.in.MessageEvent; me != nil && me.Reaction != nil && a.in.ReplyTo != "" {
		target, err := a.target()
		if err != nil {
			return err
		}
		reaction := *me.Reaction
		reaction.MessageID = target
		ev.ContactMessageEvent = &parley.ContactMessageEvent{Reaction: &reaction}
	}
	doc, err := parley.Marshal(ev)
	if err != nil {
		return err
	}
	if a.app.ProcessingMode == parley.ModeConversation {
		arr.Event = &store.Event{ProjectID: a.projectID, ID: id, AppID: a.app.ID, Doc: doc}
	}
	arr.Consequences = a.after(parley.TriggerEventInbound, func(r *store.Resolution) *parley.Callback {
		c := a.contactEnvelope(r)
		c.Event = &parley.EventInbound{
			ID: id, Direction: parley.ToApp, ContactEvent: ev.ContactEvent, ContactMessageEvent: ev.ContactMessageEvent,
			ChannelIdentity: from, ContactID: r.ContactID, ConversationID: conversationOf(r), AcceptTime: ev.AcceptTime,
			ProcessingMode: ev.ProcessingMode,
		}
		return c
	})
	return nil
}

// target returns our id of the message that is answered or reacted to, or "".
func (a *arrival) target() (string, error) {
	if a.in.ReplyTo == "" {
		return "", nil
	}
	p, err := a.e.store.FindProviderID(a.ctx, a.projectID, a.app.ID, a.channel, string(a.in.ReplyTo))
	if err != nil || p == nil {
		return "", err
	}
	return p.MessageID, nil
}

// opt reports that a contact allowed or forbade messages on the channel.
func (a *arrival) opt(arr *store.Arrival, id string) error {
	from := a.from()
	contactID, err := a.e.contactOf(a.ctx, a.projectID, a.app, "", from)
	if err != nil {
		return err
	}
	correlationID, err := a.e.lastCorrelation(a.ctx, a.projectID, a.app, contactID, from)
	if err != nil {
		return err
	}
	if a.in.Listed {
		arr.Consents = &store.Consents{
			ProjectID: a.projectID, AppID: a.app.ID, Origin: parley.OriginMO,
			Changes: optChanges(parley.NormalizeConsent(from.Identity), a.in.OptOut),
		}
	}
	arr.Consequences = func(*store.Resolution) ([]*store.Job, error) {
		return a.opted(id, contactID, correlationID, a.in.OptOut)
	}
	return nil
}

// opted makes the callbacks of an opt-in or opt-out.
func (a *arrival) opted(requestID, contactID, correlationID string, out bool) ([]*store.Job, error) {
	n := &parley.OptNotification{
		RequestID: requestID, ContactID: contactID, Channel: a.channel, Identity: a.from().Identity, ProcessingMode: a.app.ProcessingMode,
	}
	return a.e.optCallbacks(a.ctx, a.projectID, a.app.ID, a.envelope(correlationID), n, out, "")
}

// unsupported reports what has no mapping.
func (a *arrival) unsupported(arr *store.Arrival, id string) error {
	if a.in.From.Identity != "" {
		if err := a.resolve(arr); err != nil {
			return err
		}
	}
	arr.Consequences = a.after(parley.TriggerUnsupported, func(r *store.Resolution) *parley.Callback {
		c := a.contactEnvelope(r)
		c.Unsupported = &parley.UnsupportedCallback{
			Channel: a.channel, Payload: a.in.Unsupported, ProcessingMode: a.app.ProcessingMode, ID: id,
			ContactID: r.ContactID, ConversationID: conversationOf(r), ChannelIdentity: a.from(),
		}
		return c
	})
	return nil
}
