package engine

import (
	"context"
	"encoding/json"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
)

// A message with send_at is stored at once, with a job that is due at that time
// and waits in the table, outside the order of its conversation: what is sent
// before then must not wait behind it. Then one transaction moves the message
// from Scheduled to QUEUED and adds its send job only if that moved it, so that
// it is sent once however often the job runs, and not at all if the message was
// deleted first.

// A scheduled is the document of a schedule job.
type scheduled struct {
	MessageID string `json:"message_id"`
}

// sendTime is when a message is to be sent that is accepted now.
func sendTime(r *parley.SendMessageRequest, now time.Time) time.Time {
	if r.SendAt == nil || r.SendAt.Before(now) {
		return now
	}
	return *r.SendAt
}

func checkSendAt(at, now time.Time) error {
	switch {
	case at.Before(now):
		return parley.Invalid("send_at", "is in the past")
	case at.Sub(now) > parley.MaxSendAhead:
		return parley.Invalid("send_at", "must be at most %d days ahead", int(parley.MaxSendAhead/(24*time.Hour)))
	}
	return nil
}

// scheduleJob keeps a message until a time. It is listed in any case, because
// it is cancelled by deleting it.
func scheduleJob(m *store.Message, at time.Time) *store.Job {
	m.Progress, m.Listed = store.Scheduled, true
	return &store.Job{
		ProjectID: m.ProjectID, Kind: kindSchedule, RunAt: at, Doc: []byte(`{"message_id":"` + m.ID + `"}`),
	}
}

// release is the worker of schedule jobs: the message's time has come.
func (e *Engine) release(ctx context.Context, j *store.Job) error {
	var s scheduled
	if err := json.Unmarshal(j.Doc, &s); err != nil {
		return queue.Stop(err)
	}
	m, err := e.store.Message(ctx, j.ProjectID, s.MessageID)
	if parley.IsNotFound(err) {
		return nil // cancelled
	}
	if err != nil {
		return err
	}
	body, err := m.Body()
	if err != nil || body.Send == nil {
		return queue.Stop(err)
	}
	// Without a memo: the send job reads the message again and finds out if it
	// is deleted even now.
	adv := &store.Advance{
		ProjectID: j.ProjectID, MessageID: m.ID, To: store.At(0, parley.StatusQueued),
		Jobs: []*store.Job{sendJob(m, body.Send, 0)},
	}
	if err := e.store.Commit(ctx, &store.Write{Advance: adv, Done: j.ID}); err != nil {
		return err
	}
	if adv.Moved {
		e.limits.add(m.AppID)
	}
	return queue.Settled
}
