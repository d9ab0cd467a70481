package engine

import (
	"context"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
)

// A watermark is a receipt that names a time instead of a message: it is about
// all that the contact was sent until then. The messages are found by walking
// back from that time until a page of them has no news, so that the walk is as
// long as what was not reported yet. A message whose acceptance is not stored
// is looked at again once, a little later.

// watermark returns the writes that a watermark causes.
func (a *arrival) watermark() ([]*store.Write, error) {
	l := lateReceipt{AppID: a.app.ID, Channel: a.channel, At: a.in.At, From: a.in.From.Identity, Receipt: *a.in.Receipt}
	writes, early, err := a.e.watermark(a.ctx, a.projectID, a.app, &l)
	if err != nil || !early {
		return writes, err
	}
	j, err := a.e.keepReceipt(a.projectID, l)
	if err != nil {
		return nil, err
	}
	j.RunAt = a.e.now().Add(earlyPatience)
	return append(writes, &store.Write{Jobs: []*store.Job{j}}), nil
}

// watermark returns the writes, one a message, and whether some message it may
// be about is still on its way to the channel.
func (e *Engine) watermark(ctx context.Context, projectID string, app *parley.App, l *lateReceipt) (
	writes []*store.Write, early bool, err error,
) {
	from := scoped(parley.ChannelIdentity{Channel: l.Channel, Identity: l.From}, app.ID)
	contactID, err := e.contactOf(ctx, projectID, app, "", from)
	if err != nil || contactID == "" && app.ProcessingMode != parley.ModeDispatch {
		return nil, false, err // nobody was written to yet
	}
	before := parley.FirstID(l.Receipt.UpTo.Add(time.Millisecond)) // ids count milliseconds
	for {
		sent, err := e.store.SentBefore(ctx, projectID, app.ID, contactID, from, before)
		if err != nil {
			return nil, false, err
		}
		news := len(writes)
		for _, m := range sent {
			to := store.At(m.Progress.Leg(), l.Receipt.Status)
			switch {
			case m.Identity != from:
			case m.Progress.Status() == parley.StatusQueued:
				early = true
			case to.Follows(m.Progress) && m.Progress.Status() != parley.StatusSwitchingChannel:
				w, err := e.reached(ctx, m, l, to)
				if err != nil {
					return nil, false, err
				}
				writes = append(writes, w)
			}
		}
		if len(writes) == news || len(sent) < store.SentPage {
			return writes, early, nil
		}
		before = sent[len(sent)-1].ID
	}
}

// reached returns the write that says how far a message has come.
func (e *Engine) reached(ctx context.Context, m *store.Message, l *lateReceipt, to store.Progress) (*store.Write, error) {
	body, err := m.Body()
	if err != nil {
		return nil, err
	}
	id := &store.ProviderID{Parts: 1}
	known := &match{recentEntry: &recentEntry{id: id, message: m, body: body}}
	e.noteReceipt(known, l.Channel, l.At, &l.Receipt, l.Receipt.Status)
	e.met.receipt(l.Channel, l.Receipt.Status)
	w := &store.Write{Advance: &store.Advance{ProjectID: m.ProjectID, MessageID: m.ID, To: to}}
	w.Advance.Jobs, err = e.report(ctx, m, body, m.Identity, l.Receipt.Status, nil, l.At)
	return w, err
}

// lateWatermark looks again at what was on its way.
func (e *Engine) lateWatermark(ctx context.Context, j *store.Job, l *lateReceipt) error {
	app, err := e.dir.app(ctx, j.ProjectID, l.AppID)
	if parley.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	writes, _, err := e.watermark(ctx, j.ProjectID, app, l)
	if err != nil || len(writes) == 0 {
		return err
	}
	writes[len(writes)-1].Done = j.ID
	if err := e.store.CommitAll(ctx, writes); err != nil {
		return err
	}
	for _, w := range writes {
		e.noteAdvance(l.AppID, w.Advance, parley.ChannelIdentity{Channel: l.Channel}, nil)
	}
	return queue.Settled
}
