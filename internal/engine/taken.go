package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
)

// pending returns the acceptance that is not stored yet, or nil.
func (d *delivery) pending() *taken {
	if memo, ok := d.job.Memo.(*sendMemo); ok {
		return memo.taken
	}
	return nil
}

// accepted records that the provider took the current part, before the next.
// Where that fails it is tried again, from memory, until the database is back.
func (d *delivery) accepted(ctx context.Context, id channel.ProviderID) error {
	t := &taken{key: d.key(), id: id}
	before := *d.job
	err := d.record(ctx, id)
	if memo, ok := d.job.Memo.(*sendMemo); ok {
		memo.taken = nil
		if err != nil {
			memo.taken = t
		}
	}
	if err != nil {
		d.job.Doc, d.job.Started, d.job.Attempts = before.Doc, before.Started, before.Attempts
		return queue.Retry(time.Second, fmt.Errorf("record an acceptance: %w", err))
	}
	if d.s.Part == len(d.s.Payloads) {
		d.e.limits.dequeue(d.app.ID)
	}
	return nil
}

func (d *delivery) record(ctx context.Context, id channel.ProviderID) error {
	p := &store.ProviderID{
		ProjectID: d.job.ProjectID, AppID: d.app.ID, Channel: d.to.Channel, ID: string(id), MessageID: d.m.ID,
		Leg: d.s.Leg, Part: d.s.Part, Parts: len(d.s.Payloads),
	}
	if len(d.s.Payloads) == 1 {
		p.Rank = store.RankQueuedOnChannel
	}
	adv := &store.Advance{
		ProjectID: d.job.ProjectID, MessageID: d.m.ID, To: store.At(d.s.Leg, parley.StatusQueued),
		Channel: d.to.Channel, Identity: d.to.Identity, IdentityApp: d.to.AppID,
	}
	if id != "" {
		adv.IDs = []*store.ProviderID{p}
	}
	var err error
	if adv.Always, err = d.submitted(ctx); err != nil {
		return err
	}
	d.s.Part++
	d.s.Unknown, d.s.Since = time.Time{}, time.Time{}
	w := &store.Write{Advance: adv}
	if d.s.Part < len(d.s.Payloads) {
		d.job.Started, d.job.Attempts = 0, 0
		if err := d.keep(); err != nil {
			return err
		}
		w.Update = d.job
	} else {
		if err := d.complete(ctx, adv); err != nil {
			return err
		}
		w.Done = d.job.ID
	}
	// The receipt may come before this is stored: let it find us.
	known := d.e.recent.put(p, d.m, d.body)
	err = d.e.store.Commit(ctx, w)
	known.settle(err)
	if err == nil && w.Done != 0 {
		d.e.noteAdvance(d.app.ID, adv, d.to, nil)
	}
	return err
}

// complete adds to an advance what follows when the channel has taken all.
func (d *delivery) complete(ctx context.Context, adv *store.Advance) error {
	adv.To = store.At(d.s.Leg, parley.StatusQueuedOnChannel)
	adv.ConversationID, adv.ActiveChannel = d.m.ConversationID, d.to.Channel
	jobs, err := d.e.report(ctx, d.m, d.body, d.to, parley.StatusQueuedOnChannel, nil, time.Time{})
	if err != nil {
		return err
	}
	adv.Jobs = jobs
	timers, err := d.timers(adv.IDs)
	if err != nil {
		return err
	}
	adv.Jobs = append(adv.Jobs, timers...)
	if n := len(d.s.Payloads); n > 1 && len(adv.IDs) > 0 {
		// The receipts of the parts may all have come before the last was
		// stored: look at them once more.
		again := &channel.Receipt{ID: channel.ProviderID(adv.IDs[0].ID), Status: parley.StatusQueuedOnChannel}
		j, err := d.e.keepReceipt(d.job.ProjectID, lateReceipt{AppID: d.app.ID, Channel: d.to.Channel, Receipt: *again})
		if err != nil {
			return err
		}
		adv.Always = append(adv.Always, j)
	}
	return nil
}

// submitted makes the MESSAGE_SUBMIT callback, once for each channel.
func (d *delivery) submitted(ctx context.Context) ([]*store.Job, error) {
	if d.s.Submitted {
		return nil, nil
	}
	d.s.Submitted = true
	c := d.e.envelope(d.job.ProjectID, d.app.ID, time.Time{})
	c.CorrelationID = d.body.Send.CorrelationID
	c.MessageSubmit = &parley.MessageSubmit{
		MessageID: d.m.ID, ConversationID: d.m.ConversationID, ChannelIdentity: d.to, ContactID: d.m.ContactID,
		SubmittedMessage: d.body.App, Metadata: d.m.Metadata, ProcessingMode: d.m.Mode(),
	}
	return d.e.callbacks(ctx, d.job.ProjectID, d.app.ID, parley.TriggerMessageSubmit, c)
}
