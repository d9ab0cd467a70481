package engine

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
)

// A receipt may come before the answer to our own request is stored, twice,
// late or out of order. It is matched by the provider's id, else by the
// attempt's key; one that matches nothing yet waits as a job. A message's
// state only moves forward, so that order does not matter.

// errNoMatch: the receipt's message is not known, perhaps not yet.
var errNoMatch = errors.New("the receipt matches no message")

// A lateReceipt is the document of a receipt job.
type lateReceipt struct {
	AppID   string          `json:"app_id"`
	Channel parley.Channel  `json:"channel"`
	At      time.Time       `json:"at,omitzero"`
	From    string          `json:"from,omitempty"` // who it is of, where it has an UpTo
	Receipt channel.Receipt `json:"receipt"`
	Since   time.Time       `json:"since"`
}

// receiptPatience is how long a receipt's message may take to appear.
const receiptPatience = 10 * time.Minute

// receipt returns the write that a receipt causes, or nil when it says nothing
// new. age is how long it has waited for its message.
func (e *Engine) receipt(ctx context.Context, projectID, appID string, ch parley.Channel, at time.Time,
	r *channel.Receipt, age time.Duration,
) (*store.Write, error) {
	known, err := e.match(ctx, projectID, appID, ch, r)
	if errors.Is(err, errNoMatch) {
		return nil, e.eventReceipt(ctx, projectID, appID, ch, at, r)
	}
	if err != nil {
		return nil, err
	}
	if e.tooEarly(known, r, age) {
		return nil, errNoMatch
	}
	status, err := e.fold(ctx, known, r)
	if err != nil {
		return nil, err
	}
	e.noteReceipt(known, ch, at, r, status)
	if status == "" {
		return nil, nil
	}
	m, body, leg := known.message, known.body, known.id.Leg
	if leg >= len(body.Send.Targets) {
		return nil, nil
	}
	e.met.receipt(ch, status)
	if known.fresh && (status == parley.StatusDelivered || status == parley.StatusRead) {
		if err := e.acceptedAfterAll(ctx, known, at); err != nil {
			return nil, err
		}
	}
	w := new(store.Write)
	if status == parley.StatusFailed {
		reason := parley.NewReason(parley.ReasonUnknown, "the channel gave no reason")
		if r.Reason != nil {
			reason = *r.Reason
		}
		w, err = e.switchOrFail(ctx, m, body, leg, reason, at)
	} else {
		w.Advance = &store.Advance{ProjectID: projectID, MessageID: m.ID, To: store.At(leg, status)}
		w.Advance.Jobs, err = e.report(ctx, m, body, body.Send.Targets[leg], status, nil, at)
	}
	if err != nil {
		return nil, err
	}
	if known.fresh {
		w.Advance.IDs = []*store.ProviderID{known.id}
	}
	return w, nil
}

// tooEarly reports whether a receipt must wait for the answer to our own
// request to be stored, so that the app hears of both in order, and so that
// nothing is decided beside a send job that is still under way. A positive one
// waits a little, because the answer may be lost; a failure waits until that
// is settled.
func (e *Engine) tooEarly(k *match, r *channel.Receipt, age time.Duration) bool {
	switch {
	case k.id.Parts > 1:
		return k.fresh // one part says nothing of the message
	case !k.unanswered:
		return false
	case r.Status == parley.StatusFailed:
		return true
	}
	return age < min(earlyPatience, e.o.UnknownAfter/2)
}

// earlyPatience is how long a receipt waits for the answer to our request.
const earlyPatience = 2 * time.Second

// acceptedAfterAll stores what a receipt proves of an attempt whose answer is
// lost, or not stored yet: the channel took the message.
func (e *Engine) acceptedAfterAll(ctx context.Context, k *match, at time.Time) error {
	m, to := k.message, k.body.Send.Targets[k.id.Leg]
	adv := &store.Advance{
		ProjectID: m.ProjectID, MessageID: m.ID, To: store.At(k.id.Leg, parley.StatusQueuedOnChannel),
		Channel: to.Channel, Identity: to.Identity, IdentityApp: to.AppID,
	}
	var err error
	if adv.Jobs, err = e.report(ctx, m, k.body, to, parley.StatusQueuedOnChannel, nil, at); err != nil {
		return err
	}
	return e.store.Commit(ctx, &store.Write{Advance: adv})
}

// A match is the message a receipt is about.
type match struct {
	*recentEntry
	fresh      bool // matched by key: the provider's id is new to us
	unanswered bool // that the channel took the message is not stored
}

// match finds the message a receipt is about, or returns errNoMatch.
func (e *Engine) match(ctx context.Context, projectID, appID string, ch parley.Channel, r *channel.Receipt) (*match, error) {
	if known := e.recent.get(ctx, appID, ch, string(r.ID)); known != nil {
		return &match{recentEntry: known}, nil
	}
	id, err := e.store.FindProviderID(ctx, projectID, appID, ch, string(r.ID))
	if err != nil {
		return nil, err
	}
	fresh := id == nil
	if fresh {
		messageID, leg, part, parts, ok := parseKey(r.Key)
		if !ok {
			return nil, errNoMatch
		}
		id = &store.ProviderID{
			ProjectID: projectID, AppID: appID, Channel: ch, ID: string(r.ID), MessageID: messageID, Leg: leg, Part: part, Parts: parts,
		}
	}
	m, err := e.store.Message(ctx, projectID, id.MessageID)
	if parley.IsNotFound(err) || (err == nil && (m.AppID != appID || !m.ToContact)) {
		return nil, errNoMatch
	}
	if err != nil {
		return nil, err
	}
	body, err := m.Body()
	if err != nil {
		return nil, err
	}
	return &match{
		recentEntry: &recentEntry{id: id, message: m, body: body}, fresh: fresh,
		unanswered: m.Progress < store.At(id.Leg, parley.StatusQueuedOnChannel),
	}, nil
}

// fold returns the state of the whole message that a receipt for one part
// means: delivered when all parts are, failed when any is; "" when that does
// not change it yet. Nothing is decided before all parts are with the channel:
// the send job is still under way.
func (e *Engine) fold(ctx context.Context, k *match, r *channel.Receipt) (parley.DeliveryStatus, error) {
	if k.id.Parts <= 1 {
		return r.Status, nil
	}
	ranks, err := e.store.FoldPart(ctx, k.id, int(store.At(0, r.Status))&0xf)
	if err != nil {
		return "", err
	}
	if len(ranks) == 0 {
		return "", errNoMatch // remembered, but not stored yet
	}
	if len(ranks) < k.id.Parts {
		if r.Status == parley.StatusFailed {
			return "", errNoMatch // it waits, with its reason
		}
		return "", nil
	}
	lowest := store.RankRead
	for _, rank := range ranks {
		if rank == store.RankFailed {
			if r.Status == parley.StatusQueuedOnChannel {
				return "", nil // the receipt that says why is on its way
			}
			return parley.StatusFailed, nil
		}
		lowest = min(lowest, rank)
	}
	if lowest == store.RankQueued {
		return "", nil
	}
	return store.Progress(lowest).Status(), nil
}

// keepReceipt returns the job that looks again for the message of a receipt.
func (e *Engine) keepReceipt(projectID string, l lateReceipt) (*store.Job, error) {
	l.Since = e.now()
	j, err := newJob(projectID, kindReceipt, "", l)
	if err != nil {
		return nil, err
	}
	j.RunAt = l.Since.Add(200 * time.Millisecond)
	return j, nil
}

// lateReceipt is the worker of receipt jobs.
func (e *Engine) lateReceipt(ctx context.Context, j *store.Job) error {
	var l lateReceipt
	if err := json.Unmarshal(j.Doc, &l); err != nil {
		return queue.Stop(err)
	}
	if !l.Receipt.UpTo.IsZero() {
		return e.lateWatermark(ctx, j, &l)
	}
	w, err := e.receipt(ctx, j.ProjectID, l.AppID, l.Channel, l.At, &l.Receipt, e.now().Sub(l.Since))
	if errors.Is(err, errNoMatch) {
		if e.now().Sub(l.Since) > receiptPatience {
			e.o.Log.Warn("receipt of an unknown message", slog.String("app_id", l.AppID), slog.String("channel", string(l.Channel)))
			e.met.unmatched.Inc()
			return nil
		}
		return queue.Retry(jitter(200*time.Millisecond<<min(j.Attempts, 9)), err)
	}
	if err != nil || w == nil {
		return err
	}
	w.Done = j.ID
	if err := e.store.Commit(ctx, w); err != nil {
		return err
	}
	e.noteAdvance(l.AppID, w.Advance, parley.ChannelIdentity{Channel: l.Channel}, l.Receipt.Reason)
	return queue.Settled
}
