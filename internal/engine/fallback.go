package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/trace"
)

// failed decides what follows a failed attempt: the same payload again, the
// next channel, or the end.
func (d *delivery) failed(ctx context.Context, err error) (again bool, _ error) {
	if errors.Is(err, errLeaseLost) {
		return false, queue.Snooze(time.Minute)
	}
	f := channel.AsError(err)
	switch f.Outcome {
	case channel.NotSent:
		return d.failLeg(ctx, f.Reason)
	case channel.Unknown:
		return d.unknown(ctx, f)
	case channel.TryAgain:
	}
	return d.retry(ctx, f)
}

// retry has the part attempted again, with exponential and randomised waits,
// for as long as the app's settings allow; a last attempt falls on the end of
// that time.
func (d *delivery) retry(ctx context.Context, f *channel.Error) (bool, error) {
	now := d.e.now()
	if d.s.Since.IsZero() {
		d.s.Since = now
	}
	end := d.s.Since.Add(d.app.RetryDuration())
	if x := d.body.Send.Expires; !x.IsZero() && x.Before(end) {
		end = x
	}
	if !now.Before(end) && d.job.Attempts > 0 {
		if !d.s.Unknown.IsZero() {
			return false, d.unsettled(ctx) // an earlier attempt may have arrived
		}
		return d.failLeg(ctx, f.Reason)
	}
	wait := max(jitter(time.Second<<min(d.job.Attempts, 8)), f.After)
	if now.Add(wait).After(end) {
		wait = max(end.Sub(now), time.Second)
	}
	d.note(trace.Step{Kind: trace.Waiting, Outcome: "retry", Attempt: d.job.Attempts + 2, Until: now.Add(wait)})
	if err := d.keep(); err != nil {
		return false, err
	}
	if d.needsMark() {
		// This attempt is over: were the mark to stay, a crash during the wait
		// would make it one of unknown outcome.
		d.job.Started = 0
		if err := d.e.store.Commit(ctx, &store.Write{Update: d.job}); err != nil {
			return false, err
		}
	}
	return false, queue.Retry(wait, f)
}

// unknown deals with an attempt whose outcome is not known.
func (d *delivery) unknown(ctx context.Context, f *channel.Error) (bool, error) {
	if d.s.Unknown.IsZero() {
		d.s.Unknown = d.e.now()
	}
	// Whatever fails from here on, the part must not be taken for unsent.
	if err := d.keep(); err != nil {
		return false, err
	}
	if finds(d.ch, d.conn.Credential) || d.idempotent() {
		// The next run asks the provider, or simply repeats.
		if err := d.e.store.Commit(ctx, &store.Write{Update: d.job}); err != nil {
			return false, err
		}
		return d.retry(ctx, f)
	}
	return false, d.unsettled(ctx)
}

// unsettled ends the sending of a message that the contact may or may not
// have.
func (d *delivery) unsettled(ctx context.Context) error {
	if len(d.ch.Capabilities().Receipts) == 0 {
		return d.end(ctx, unknownReason(), parley.StatusFailed)
	}
	// A receipt may still tell. The lane goes on; the message fails when
	// nothing is heard in time. The next channel is not tried: the contact may
	// well have the message.
	j, err := newJob(d.job.ProjectID, kindUnknown, "", legTimer{MessageID: d.m.ID, AppID: d.app.ID, Leg: d.s.Leg})
	if err != nil {
		return err
	}
	j.RunAt = d.e.now().Add(d.e.o.UnknownAfter)
	submit, err := d.submitted(ctx)
	if err != nil {
		return err
	}
	w := &store.Write{Done: d.job.ID, Jobs: append(submit, j)}
	if err := d.e.store.Commit(ctx, w); err != nil {
		return err
	}
	d.note(trace.Step{Kind: trace.Waiting, Outcome: "receipt", Until: j.RunAt})
	d.e.limits.dequeue(d.app.ID)
	return queue.Settled
}

// failLeg ends the current leg: on to the next channel, or the end.
func (d *delivery) failLeg(ctx context.Context, reason parley.Reason) (again bool, _ error) {
	switch {
	case d.expired():
		return false, d.end(ctx, expiredReason(), parley.StatusFailed)
	case d.s.Leg+1 >= len(d.body.Send.Targets):
		return false, d.end(ctx, reason, parley.StatusFailed)
	}
	if err := d.end(ctx, reason, parley.StatusSwitchingChannel); err != nil {
		return false, err
	}
	return true, nil
}

// tried reports whether the message was handed to the current channel.
func (d *delivery) tried() bool {
	return d.handed || d.s.Part > 0 || !d.s.Since.IsZero() || !d.s.Unknown.IsZero()
}

// end reports a leg as failed. With SWITCHING_CHANNEL the job goes on with the
// next leg; with FAILED it is over.
func (d *delivery) end(ctx context.Context, reason parley.Reason, status parley.DeliveryStatus) error {
	adv := &store.Advance{
		ProjectID: d.job.ProjectID, MessageID: d.m.ID, To: store.At(d.s.Leg, status),
		Channel: d.to.Channel, Identity: d.to.Identity, IdentityApp: d.to.AppID,
	}
	before, submitted := *d.job, d.s.Submitted
	var err error
	if d.tried() {
		if adv.Always, err = d.submitted(ctx); err != nil {
			return err
		}
	}
	if adv.Jobs, err = d.e.report(ctx, d.m, d.body, d.to, status, &reason, time.Time{}); err != nil {
		return err
	}
	w := &store.Write{Advance: adv}
	if status == parley.StatusFailed {
		w.Done = d.job.ID
	} else if w.Update, err = d.next(); err != nil {
		return err
	}
	if err := d.e.store.Commit(ctx, w); err != nil {
		d.job.Doc, d.job.Started, d.job.Attempts = before.Doc, before.Started, before.Attempts
		d.s.Submitted = submitted
		return fmt.Errorf("record a failure: %w", err)
	}
	d.e.noteAdvance(d.app.ID, adv, d.to, &reason)
	d.e.met.failed(d.to.Channel, status, reason.Code)
	if status == parley.StatusFailed {
		d.e.limits.dequeue(d.app.ID)
		return queue.Settled
	}
	return d.switched(ctx, adv)
}

// next returns the job as it goes on with the next leg.
func (d *delivery) next() (*store.Job, error) {
	doc, err := parley.Marshal(&sending{MessageID: d.s.MessageID, AppID: d.s.AppID, Leg: d.s.Leg + 1})
	d.job.Doc, d.job.Started, d.job.Attempts = doc, 0, 0
	return d.job, err
}

// switched goes on with the next leg, unless the message has come further
// without us, or is gone: then the job is over.
func (d *delivery) switched(ctx context.Context, adv *store.Advance) error {
	leg := d.s.Leg
	d.s, d.handed = sending{MessageID: d.s.MessageID, AppID: d.s.AppID, Leg: leg + 1}, false
	if adv.Moved {
		return nil
	}
	m, err := d.e.store.Message(ctx, d.job.ProjectID, d.m.ID)
	switch {
	case err != nil && !parley.IsNotFound(err):
		return err
	case err == nil && m.Progress == adv.To:
		return nil // moved by a commit whose answer was lost
	}
	if err := d.e.store.Commit(ctx, &store.Write{Done: d.job.ID}); err != nil {
		return err
	}
	d.e.limits.dequeue(d.app.ID)
	return queue.Settled
}

// report makes the MESSAGE_DELIVERY callbacks of a state.
func (e *Engine) report(ctx context.Context, m *store.Message, body *store.MessageDoc, to parley.ChannelIdentity,
	status parley.DeliveryStatus, reason *parley.Reason, at time.Time,
) ([]*store.Job, error) {
	c := e.envelope(m.ProjectID, m.AppID, at)
	c.CorrelationID = body.Send.CorrelationID
	c.MessageDelivery = &parley.MessageDelivery{
		MessageID: m.ID, ConversationID: m.ConversationID, Status: status, ContactID: m.ContactID, Reason: reason,
		Metadata: m.Metadata, ProcessingMode: m.Mode(),
	}
	if to.Channel != "" {
		c.MessageDelivery.ChannelIdentity = &to
	}
	return e.deliveries(ctx, m.ProjectID, m.AppID, body.Send.CallbackURL, parley.TriggerMessageDelivery, c)
}

// A legTimer is the document of jobs that look after a while whether a leg has
// come further.
type legTimer struct {
	MessageID string `json:"message_id"`
	AppID     string `json:"app_id"`
	Leg       int    `json:"leg"`
	// ID is the provider's id of the message's only part, where it may have to
	// be taken back; those of several parts are in the store.
	ID channel.ProviderID `json:"id,omitempty"`
}

// overdue loads the message of a legTimer job, or nil when it has come past
// the given state of that leg.
func (e *Engine) overdue(ctx context.Context, j *store.Job, at parley.DeliveryStatus) (*store.Message, *store.MessageDoc, *legTimer, error) {
	t := new(legTimer)
	if err := json.Unmarshal(j.Doc, t); err != nil {
		return nil, nil, nil, queue.Stop(err)
	}
	m, err := e.store.Message(ctx, j.ProjectID, t.MessageID)
	if parley.IsNotFound(err) || (err == nil && m.Progress > store.At(t.Leg, at)) {
		return nil, nil, t, nil
	}
	if err != nil {
		return nil, nil, nil, err
	}
	body, err := m.Body()
	return m, body, t, err
}

// reportTime is the worker of report-time jobs: without a positive receipt in
// time, the next channel is tried.
func (e *Engine) reportTime(ctx context.Context, j *store.Job) error {
	m, body, t, err := e.overdue(ctx, j, parley.StatusQueuedOnChannel)
	if err != nil || m == nil {
		return err
	}
	// The contact must not get it here, too, once it is on the next channel.
	if err := e.retract(ctx, m, body, t); err != nil {
		e.o.Log.Info("a message could not be taken back", slog.String("message_id", m.ID), slog.String("error", err.Error()))
	}
	reason := parley.NewReason(parley.ReasonDeliveryReportTimeOut, "no delivery report came in time")
	w, err := e.switchOrFail(ctx, m, body, t.Leg, reason, time.Time{})
	if err != nil {
		return err
	}
	w.Done = j.ID
	if err := e.store.Commit(ctx, w); err != nil {
		return err
	}
	e.noteAdvance(m.AppID, w.Advance, body.Send.Targets[t.Leg], &reason)
	return queue.Settled
}

// giveUpUnknown is the worker of unknown jobs.
func (e *Engine) giveUpUnknown(ctx context.Context, j *store.Job) error {
	m, body, t, err := e.overdue(ctx, j, parley.StatusQueued)
	if err != nil || m == nil {
		return err
	}
	reason := unknownReason()
	to := body.Send.Targets[t.Leg]
	jobs, err := e.report(ctx, m, body, to, parley.StatusFailed, &reason, time.Time{})
	if err != nil {
		return err
	}
	e.met.failed(to.Channel, parley.StatusFailed, reason.Code)
	w := &store.Write{Done: j.ID, Advance: &store.Advance{
		ProjectID: m.ProjectID, MessageID: m.ID, To: store.At(t.Leg, parley.StatusFailed), Jobs: jobs,
	}}
	if err := e.store.Commit(ctx, w); err != nil {
		return err
	}
	e.noteAdvance(m.AppID, w.Advance, to, &reason)
	return queue.Settled
}

// switchOrFail returns the write that ends a leg from outside a send job: the
// next channel is tried if there is one and there is time.
func (e *Engine) switchOrFail(ctx context.Context, m *store.Message, body *store.MessageDoc, leg int,
	reason parley.Reason, at time.Time,
) (*store.Write, error) {
	status := parley.StatusFailed
	var next []*store.Job
	x := body.Send.Expires
	if leg+1 < len(body.Send.Targets) && (x.IsZero() || e.now().Before(x)) {
		status = parley.StatusSwitchingChannel
		next = []*store.Job{sendJob(m, body.Send, leg+1)}
	}
	to := body.Send.Targets[leg]
	jobs, err := e.report(ctx, m, body, to, status, &reason, at)
	if err != nil {
		return nil, err
	}
	e.met.failed(to.Channel, status, reason.Code)
	return &store.Write{Advance: &store.Advance{
		ProjectID: m.ProjectID, MessageID: m.ID, To: store.At(leg, status), Jobs: append(jobs, next...),
	}}, nil
}
