package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
)

// The life of a batch, and what a crash at any point does.
//
// It is accepted whole: one transaction stores the batch and the job that
// carries it out, when it is due. That job accepts the messages a few at a
// time. Each step is one transaction: the messages with their send jobs, the
// reports of those that cannot be sent, and the batch's cursor, which must be
// where the step begins. So a step that was committed is not repeated by the
// next run, nor by a node that was given up for dead, and one that was not has
// left nothing behind. Cancelling moves the batch out of SCHEDULED, the first
// step too: only one of them can.

const (
	// batchStep is how many recipients are dealt with in one transaction.
	batchStep = 50
	// batchWait is how long a batch waits when the app's queue is full.
	batchWait = 5 * time.Second
)

// A batchJob is the document of a batch job.
type batchJob struct {
	BatchID string `json:"batch_id"`
}

// SendBatch accepts a message to many recipients: once it returns, the batch
// is stored and will be carried out.
func (e *Engine) SendBatch(ctx context.Context, projectID string, r *parley.SendBatchRequest) (*parley.SendBatchResponse, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	app, err := e.dir.app(ctx, projectID, r.AppID)
	if err != nil {
		return nil, err
	}
	now := e.now()
	if err := e.checkBatch(ctx, app, r, now); err != nil {
		return nil, err
	}
	b := &store.Batch{
		ProjectID: projectID, ID: e.store.NewID(), AppID: app.ID, Status: store.BatchReady, CreatedAt: now,
		Metadata: []byte("{}"),
	}
	resp := &parley.SendBatchResponse{BatchID: b.ID}
	if r.SendAfter != nil && r.SendAfter.After(now) {
		b.Status, b.SendAfter = store.BatchScheduled, parley.BatchTime(r.SendAfter.UTC(), now)
		resp.SendAfter = &b.SendAfter
	}
	if b.Index, err = parley.MetadataIndex(r.BatchMetadata); err != nil {
		return nil, err
	}
	if len(b.Index) > 0 {
		b.Metadata = r.BatchMetadata
	}
	if b.Doc, err = parley.Marshal(r); err != nil {
		return nil, err
	}
	if err := store.Answer(ctx, http.StatusOK, resp); err != nil {
		return nil, err
	}
	return resp, e.store.Tx(ctx, func(tx *store.Store) error {
		j, err := newJob(projectID, kindBatch, b.ID, batchJob{BatchID: b.ID})
		if err != nil {
			return err
		}
		j.RunAt = b.SendAfter
		told, err := e.batchCallbacks(ctx, b, b.Status)
		if err != nil {
			return err
		}
		if err := tx.PutBatch(ctx, b); err != nil {
			return err
		}
		return tx.AddJobs(ctx, append(told, j))
	})
}

// checkBatch checks what a request alone cannot show.
func (e *Engine) checkBatch(ctx context.Context, app *parley.App, r *parley.SendBatchRequest, now time.Time) error {
	if r.SendAfter != nil && r.SendAfter.Sub(now) > parley.MaxBatchAhead {
		return parley.Invalid("send_after", "must be at most %d days ahead", int(parley.MaxBatchAhead/(24*time.Hour)))
	}
	if dispatched(app, r.ProcessingStrategy) {
		for i := range r.RecipientAndParams {
			if r.RecipientAndParams[i].Recipient.ContactID != "" {
				return parley.Invalid("recipient_and_params["+strconv.Itoa(i)+"].recipient.contact_id",
					"dispatched messages need recipient.identified_by")
			}
		}
	}
	// The rest is the same for all recipients.
	return e.checkSend(ctx, app, &parley.SendMessageRequest{
		Recipient: new(parley.Recipient), ChannelPriorityOrder: r.ChannelPriorityOrder, CallbackURL: r.CallbackURL,
	}, now)
}

// fanOut is the worker of batch jobs: it accepts the batch's messages.
func (e *Engine) fanOut(ctx context.Context, j *store.Job) error {
	var doc batchJob
	if err := json.Unmarshal(j.Doc, &doc); err != nil {
		return queue.Stop(err)
	}
	b, err := e.store.Batch(ctx, j.ProjectID, doc.BatchID)
	if parley.IsNotFound(err) || (err == nil && len(b.Doc) == 0) {
		return nil // cancelled, or done before a crash
	}
	if err != nil {
		return err
	}
	r := new(parley.SendBatchRequest)
	if err := json.Unmarshal(b.Doc, r); err != nil {
		return queue.Stop(fmt.Errorf("batch: %w", err))
	}
	app, err := e.dir.app(ctx, j.ProjectID, b.AppID)
	if parley.IsNotFound(err) {
		return nil // deleted with all that belongs to it
	}
	if err != nil {
		return err
	}
	for {
		over, err := e.step(ctx, j, b, r, app)
		switch {
		case errors.Is(err, store.ErrStepLost):
			return e.lostBatch(ctx, j, b)
		case err != nil:
			return err
		case over:
			return queue.Settled
		}
	}
}

// lostBatch deals with a batch that somebody else moved on: it is over with,
// or another node carries it out and has the job.
func (e *Engine) lostBatch(ctx context.Context, j *store.Job, b *store.Batch) error {
	now, err := e.store.Batch(ctx, j.ProjectID, b.ID)
	switch {
	case parley.IsNotFound(err), err == nil && len(now.Doc) == 0:
		return nil
	case err != nil:
		return err
	}
	return queue.Snooze(time.Minute)
}

// step accepts the messages of the next few recipients. It returns true when
// these were the last; the job is gone then.
func (e *Engine) step(ctx context.Context, j *store.Job, b *store.Batch, r *parley.SendBatchRequest, app *parley.App) (over bool, err error) {
	to := min(b.Done+batchStep, len(r.RecipientAndParams))
	w := &store.Write{Step: &store.BatchStep{
		ProjectID: b.ProjectID, BatchID: b.ID, From: b.Done, To: to, Status: store.BatchReady,
	}}
	queued := 0
	defer func() {
		if err != nil {
			for range queued {
				e.limits.dequeue(app.ID)
			}
		}
	}()
	for i := b.Done; i < to; i++ {
		if err := e.limits.enqueue(app.ID); err != nil {
			if i == b.Done {
				return false, queue.Snooze(batchWait) // the app's queue is full
			}
			to = i
			w.Step.To = i
			break
		}
		queued++
		a, err := e.batchMessage(ctx, b, r, app, i)
		switch {
		case err == nil:
			w.Accepts = append(w.Accepts, a)
		case !refusal(err):
			return false, err
		default:
			e.limits.dequeue(app.ID)
			queued--
			jobs, err := e.batchRefused(ctx, b, r, app, i, err)
			if err != nil {
				return false, err
			}
			w.Jobs = append(w.Jobs, jobs...)
		}
	}
	over = to == len(r.RecipientAndParams)
	if err := e.tellStep(ctx, b, w, over); err != nil {
		return false, err
	}
	if over {
		w.Done = j.ID
	}
	if err := e.store.Commit(ctx, w); err != nil {
		return false, err
	}
	e.accepted(w.Accepts...)
	b.Done, b.Status = to, w.Step.Status
	return over, nil
}

// tellStep adds to a step the callbacks about the statuses the batch enters
// with it.
func (e *Engine) tellStep(ctx context.Context, b *store.Batch, w *store.Write, over bool) error {
	statuses := []string{}
	if b.Status == store.BatchScheduled {
		statuses = append(statuses, store.BatchReady)
	}
	if over {
		w.Step.Status = store.BatchProcessed
		statuses = append(statuses, store.BatchProcessed)
	}
	for _, s := range statuses {
		jobs, err := e.batchCallbacks(ctx, b, s)
		if err != nil {
			return err
		}
		w.Jobs = append(w.Jobs, jobs...)
	}
	return nil
}

// batchMessage makes the message to the i-th recipient.
func (e *Engine) batchMessage(ctx context.Context, b *store.Batch, r *parley.SendBatchRequest, app *parley.App, i int) (*store.Acceptance, error) {
	m, err := r.For(i, b.ID)
	if err != nil {
		return nil, err
	}
	return e.acceptance(ctx, b.ProjectID, app, m, e.now())
}

// refusal reports whether an error is about the message and would come again.
func refusal(err error) bool {
	switch parley.CodeOf(err) { //nolint:exhaustive // the others may pass
	case parley.CodeInvalidArgument, parley.CodeNotFound, parley.CodeFailedPrecondition, parley.CodePermissionDenied:
		return true
	}
	return false
}

// batchRefused reports a recipient whose message could not be accepted. There
// is no message, so the report names the batch and the recipient's index.
func (e *Engine) batchRefused(ctx context.Context, b *store.Batch, r *parley.SendBatchRequest, app *parley.App, i int, cause error) ([]*store.Job, error) {
	to := r.RecipientAndParams[i].Recipient
	reason := parley.NewReason(parley.ReasonBadRequest, "the message cannot be sent to this recipient")
	if pe, ok := errors.AsType[*parley.Error](cause); ok {
		reason.Description = pe.Message
		if pe.Code == parley.CodeNotFound && to.ContactID != "" {
			reason.Code = parley.ReasonContactNotFound
		}
	}
	e.o.Log.Info("recipient of a batch refused", slog.String("project_id", b.ProjectID), slog.String("app_id", b.AppID),
		slog.String("batch_id", b.ID), slog.String("reason", string(reason.Code)))
	metadata, err := r.FailedMetadata(i, b.ID)
	if err != nil {
		return nil, err
	}
	c := e.envelope(b.ProjectID, b.AppID, time.Time{})
	c.CorrelationID = r.CorrelationID
	c.MessageDelivery = &parley.MessageDelivery{
		Status: parley.StatusFailed, ContactID: to.ContactID, Reason: &reason, Metadata: metadata, ProcessingMode: app.ProcessingMode,
	}
	if dispatched(app, r.ProcessingStrategy) {
		c.MessageDelivery.ProcessingMode = parley.ModeDispatch
	}
	if to.IdentifiedBy != nil {
		id := scoped(to.IdentifiedBy.ChannelIdentities[0], app.ID)
		c.MessageDelivery.ChannelIdentity = &id
	}
	return e.deliveries(ctx, b.ProjectID, b.AppID, r.CallbackURL, parley.TriggerMessageDelivery, c)
}

// CancelBatches cancels the scheduled batches a request names. What cannot be
// cancelled any more is left as it is.
func (e *Engine) CancelBatches(ctx context.Context, projectID string, r *parley.CancelBatchRequest) error {
	if err := r.Validate(); err != nil {
		return err
	}
	return e.store.Tx(ctx, func(tx *store.Store) error {
		list, err := e.batchesNamed(ctx, tx, projectID, r)
		if err != nil {
			return err
		}
		for _, b := range list {
			cancelled, err := tx.CancelBatch(ctx, projectID, b.ID)
			if err != nil {
				return err
			}
			if !cancelled {
				continue
			}
			jobs, err := e.batchCallbacks(ctx, b, store.BatchCancelled)
			if err != nil {
				return err
			}
			if err := tx.AddJobs(ctx, jobs); err != nil {
				return err
			}
		}
		return nil
	})
}

// maxBatches bounds how many batches one request is about.
const maxBatches = 1000

func (e *Engine) batchesNamed(ctx context.Context, tx *store.Store, projectID string, r *parley.CancelBatchRequest) ([]*store.Batch, error) {
	if r.BatchID == "" {
		return tx.BatchesWith(ctx, projectID, r.MetadataKey, r.MetadataValue, maxBatches)
	}
	b, err := tx.Batch(ctx, projectID, r.BatchID)
	if parley.IsNotFound(err) {
		return nil, nil
	}
	return []*store.Batch{b}, err
}

// Batch returns a batch as it is shown, or NOT_FOUND.
func (e *Engine) Batch(ctx context.Context, projectID, id string) (*parley.Batch, error) {
	b, err := e.store.Batch(ctx, projectID, id)
	if err != nil {
		return nil, err
	}
	return shownBatch(b), nil
}

// Batches lists the project's batches with a member in their metadata, newest
// first.
func (e *Engine) Batches(ctx context.Context, projectID, name, value string) ([]*parley.Batch, error) {
	list, err := e.store.BatchesWith(ctx, projectID, name, value, maxBatches)
	if err != nil {
		return nil, err
	}
	out := make([]*parley.Batch, 0, len(list))
	for _, b := range list {
		out = append(out, shownBatch(b))
	}
	return out, nil
}

func shownBatch(b *store.Batch) *parley.Batch {
	out := &parley.Batch{BatchID: b.ID, MetaData: b.Metadata, Status: parley.BatchStatus(b.Status)}
	if !b.SendAfter.IsZero() {
		out.SendAfter = &b.SendAfter
	}
	return out
}

// batchCallbacks reports a status that a batch enters.
func (e *Engine) batchCallbacks(ctx context.Context, b *store.Batch, status string) ([]*store.Job, error) {
	c := e.envelope(b.ProjectID, b.AppID, time.Time{})
	data := &parley.MessageBatchData{BatchMetadata: b.Metadata}
	if !b.SendAfter.IsZero() {
		data.SendAfter = &b.SendAfter
	}
	c.BatchStatusUpdate = &parley.BatchStatusUpdate{
		BatchID: b.ID, BatchStatus: parley.BatchStatusPrefix + status, BatchType: parley.BatchTypeMessages,
		AdditionalData: &parley.BatchStatusUpdateData{MessageBatchData: data},
	}
	return e.callbacks(ctx, b.ProjectID, b.AppID, parley.TriggerBatchStatusUpdate, c)
}
