package engine

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/callback"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/egress"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/trace"
)

// What is done for a message is noted where it is done, in one line each; this
// file has what those lines need, traceread.go reads it back. Without a recorder no
// note is taken, and next to nothing is spent on it.

// note takes down a step of a message, now.
func (e *Engine) note(ref trace.Ref, s trace.Step) {
	if s.At.IsZero() {
		s.At = e.now()
	}
	e.o.Trace.Add(ref, s)
}

func refOf(m *store.Message) trace.Ref {
	return trace.Ref{ProjectID: m.ProjectID, AppID: m.AppID, MessageID: m.ID}
}

// note takes down a step on the current channel.
func (d *delivery) note(s trace.Step) {
	if !d.e.o.Trace.On() {
		return
	}
	s.Channel, s.Identity = d.to.Channel, d.to.Identity
	s.Part, s.Parts = d.s.Part+1, len(d.s.Payloads)
	if d.conn != nil {
		s.Secrets = d.e.secrets(d.conn)
	}
	d.e.note(refOf(d.m), s)
}

// secrets returns what must not be shown of an account.
func (e *Engine) secrets(c *channel.Conn) *trace.Secrets {
	return e.dir.accountSecrets(c, func() *trace.Secrets { return trace.OfCredential(c.Credential, c.Secret) })
}

// watch has the exchanges made under a context noted; see watched.
func (e *Engine) watch(ctx context.Context) (context.Context, *egress.Watch) {
	if !e.o.Trace.On() {
		return ctx, nil
	}
	return egress.WithWatch(ctx)
}

// watched returns the exchanges of a watch.
func watched(w *egress.Watch) []egress.Exchange {
	if w == nil {
		return nil
	}
	return w.Take()
}

// noteAttempt takes down an attempt at a, or a look for what became of one.
func (d *delivery) noteAttempt(kind trace.Kind, a *channel.Attempt, began time.Time, id channel.ProviderID, err error, x []egress.Exchange) {
	s := trace.Step{
		At: began.UTC(), Kind: kind, Attempt: d.job.Attempts + 1, Outcome: "accepted", Provider: string(id),
		Took: d.e.o.Now().Sub(began), Exchanges: x,
	}
	if len(x) == 0 || len(x[0].Request.Body) == 0 {
		s.Payloads = [][]byte{a.Payload.Body} // else it is in the exchange
	}
	if err != nil {
		f := channel.AsError(err)
		s.Outcome, s.Reason = f.Outcome.String(), &f.Reason
		if f.Err != nil {
			s.Detail = egress.Redact(f.Err).Error()
		}
	}
	d.note(s)
}

// noteNotReady takes down why there are no payloads.
func (d *delivery) noteNotReady(err error) {
	f := channel.AsError(err)
	s := trace.Step{Kind: trace.Transcoded, Outcome: "failed", Reason: &f.Reason}
	if f.Err != nil {
		s.Detail = egress.Redact(f.Err).Error()
	}
	d.note(s)
}

// noteParts takes down the payloads of a message that takes several. A single
// one is in the attempt at it.
func (d *delivery) noteParts() {
	s := trace.Step{Kind: trace.Transcoded, Outcome: strconv.Itoa(len(d.s.Payloads)) + " payloads"}
	for _, p := range d.s.Payloads {
		s.Payloads = append(s.Payloads, p.Body)
	}
	d.note(s)
}

// noteLookup takes down that the provider was asked what became of an attempt.
func (d *delivery) noteLookup(a *channel.Attempt, began time.Time, id channel.ProviderID, found bool, err error, x []egress.Exchange) {
	if err == nil && !found {
		s := trace.Step{At: began.UTC(), Kind: trace.Lookup, Outcome: "not_found", Exchanges: x}
		d.note(s)
		return
	}
	d.noteAttempt(trace.Lookup, a, began, id, err, x)
}

// noteAdvance takes down a change of a message's state that was committed.
func (e *Engine) noteAdvance(appID string, a *store.Advance, to parley.ChannelIdentity, reason *parley.Reason) {
	if !e.o.Trace.On() || a == nil {
		return
	}
	s := trace.Step{
		Kind: trace.Status, Channel: to.Channel, Identity: to.Identity, Status: a.To.Status(), Reason: reason,
		Callbacks: callbacks(a.Jobs),
	}
	if !a.Moved {
		s.Outcome, s.Callbacks = "no effect", 0
	}
	e.note(trace.Ref{ProjectID: a.ProjectID, AppID: appID, MessageID: a.MessageID}, s)
}

func callbacks(jobs []*store.Job) int {
	n := 0
	for _, j := range jobs {
		if j.Kind == callback.Kind {
			n++
		}
	}
	return n
}

// noteReceipt takes down what a provider reported of a message, and what that
// means for the whole of it: "" if nothing yet.
func (e *Engine) noteReceipt(k *match, ch parley.Channel, at time.Time, r *channel.Receipt, whole parley.DeliveryStatus) {
	if !e.o.Trace.On() {
		return
	}
	s := trace.Step{
		Kind: trace.Receipt, Channel: ch, Provider: string(r.ID), Status: r.Status, Reason: r.Reason,
		Part: k.id.Part + 1, Parts: k.id.Parts,
	}
	if whole == "" {
		s.Outcome = "waits for other parts"
	}
	if !at.IsZero() {
		s.Detail = "the provider says it happened at " + at.UTC().Format(time.RFC3339)
	}
	e.note(refOf(k.message), s)
}

// noteStored takes down that what was told is stored.
func (a *arrival) noteStored(w *store.Write) {
	if a.in.Receipt != nil {
		a.e.noteAdvance(a.app.ID, w.Advance, parley.ChannelIdentity{Channel: a.channel}, a.in.Receipt.Reason)
	}
	arr := w.Arrive
	if !a.e.o.Trace.On() || arr == nil || arr.Message == nil || arr.Repeat {
		return
	}
	m := arr.Message
	from := a.from()
	a.e.note(refOf(m), trace.Step{
		At: m.AcceptTime, Kind: trace.Received, Channel: from.Channel, Identity: from.Identity, Provider: string(a.in.ID),
	})
	if m.Dispatch {
		return
	}
	s := trace.Step{At: m.AcceptTime, Kind: trace.Resolved, Contact: m.ContactID, Conversation: m.ConversationID}
	switch {
	case arr.ContactCreated:
		s.Outcome = "contact and conversation created"
	case arr.ConversationStarted:
		s.Outcome = "conversation started"
	default:
		s.Outcome = "found"
	}
	a.e.note(refOf(m), s)
}

// noteLeftOut takes down the channels that a message will not be tried on,
// where there are any.
func (e *Engine) noteLeftOut(m *store.Message, ids []parley.ChannelIdentity, channels []parley.Channel, app *parley.App, taken []parley.ChannelIdentity) {
	if !e.o.Trace.On() || (len(taken) == len(ids) && (len(channels) == 0 || len(channels) == len(taken))) {
		return
	}
	left := leftOut(ids, channels, app, taken)
	if len(left) > 0 {
		e.note(refOf(m), trace.Step{At: m.AcceptTime, Kind: trace.Channels, LeftOut: left})
	}
}

// leftOut says of every identity and channel that order did not take why not.
func leftOut(ids []parley.ChannelIdentity, channels []parley.Channel, app *parley.App, taken []parley.ChannelIdentity) []trace.LeftOut {
	var out []trace.LeftOut
	for _, id := range ids {
		l := trace.LeftOut{Channel: id.Channel, Identity: id.Identity}
		switch {
		case slices.Contains(taken, id):
			continue
		case app.Credential(id.Channel) == nil:
			l.Why = "the app has no credential for the channel"
		case len(channels) > 0 && !slices.Contains(channels, id.Channel):
			l.Why = "the channel is not in the order that applies"
		case id.AppID != "" && id.AppID != app.ID:
			l.Why = "the identity belongs to another app"
		default:
			l.Why = "another identity on the channel comes first"
		}
		out = append(out, l)
	}
	var seen []parley.Channel
	for _, c := range channels {
		has := func(id parley.ChannelIdentity) bool { return id.Channel == c }
		if c == "" || slices.Contains(seen, c) || slices.ContainsFunc(ids, has) {
			continue
		}
		seen = append(seen, c)
		out = append(out, trace.LeftOut{Channel: c, Why: "the recipient has no identity on the channel"})
	}
	return out
}
