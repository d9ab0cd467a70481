package engine

import (
	"context"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
)

// timers returns the jobs that look after a leg the channel has taken: when a
// delivery report is late, and when the message's time to live is over on a
// channel that can take it back.
func (d *delivery) timers(ids []*store.ProviderID) ([]*store.Job, error) {
	t := legTimer{MessageID: d.m.ID, AppID: d.app.ID, Leg: d.s.Leg}
	_, retracts := d.ch.(channel.Retractor)
	if retracts && len(ids) > 0 && len(d.s.Payloads) == 1 {
		t.ID = channel.ProviderID(ids[0].ID)
	}
	var jobs []*store.Job
	add := func(kind string, at time.Time) error {
		j, err := newJob(d.job.ProjectID, kind, "", t)
		if err != nil {
			return err
		}
		j.RunAt = at
		jobs = append(jobs, j)
		return nil
	}
	if f := d.app.DeliveryReportBasedFallback; f != nil && f.Enabled && d.s.Leg+1 < len(d.body.Send.Targets) &&
		reports(d.ch, parley.StatusDelivered) {
		if err := add(kindReportTime, d.e.now().Add(time.Duration(f.DeliveryReportWaitingTime)*time.Second)); err != nil {
			return nil, err
		}
	}
	if x := d.body.Send.Expires; retracts && !x.IsZero() && reports(d.ch, parley.StatusDelivered) {
		if err := add(kindExpire, x); err != nil {
			return nil, err
		}
	}
	return jobs, nil
}

// expire is the worker of expire jobs: a message that was not delivered in
// time is taken back and has failed. One that cannot be taken back any more is
// left to its receipt.
func (e *Engine) expire(ctx context.Context, j *store.Job) error {
	m, body, t, err := e.overdue(ctx, j, parley.StatusQueuedOnChannel)
	if err != nil || m == nil {
		return err
	}
	if err := e.retract(ctx, m, body, t); err != nil {
		f := channel.AsError(err)
		if f.Outcome == channel.NotSent || j.Attempts >= retractTries {
			return nil
		}
		return queue.Retry(max(queue.Backoff(j.Attempts), f.After), err)
	}
	reason := expiredReason()
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

// retractTries is how often a provider that has trouble is asked to take a
// message back.
const retractTries = 5

// retract takes a leg of a message back where the channel can.
func (e *Engine) retract(ctx context.Context, m *store.Message, body *store.MessageDoc, t *legTimer) error {
	to := body.Send.Targets[t.Leg]
	r, ok := e.channels[to.Channel].(channel.Retractor)
	if !ok {
		return nil
	}
	conn, err := e.account(ctx, m.ProjectID, m.AppID, to.Channel)
	if parley.IsNotFound(err) {
		return channel.Refuse(parley.ReasonChannelConfigurationMissing, "the channel is not configured any more")
	}
	if err != nil {
		return err
	}
	ids := []string{string(t.ID)}
	if t.ID == "" {
		if ids, err = e.store.PartIDs(ctx, m.ProjectID, m.ID, t.Leg); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, e.o.SendTimeout)
	defer cancel()
	for _, id := range ids {
		if err := r.Retract(ctx, conn, channel.Address{Identity: to.Identity}, channel.ProviderID(id)); err != nil {
			return err
		}
	}
	return nil
}
