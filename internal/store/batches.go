package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/parley-im/parley"
)

// The statuses of a batch (API reference, Batch API).
const (
	BatchReady     = string(parley.BatchReady)
	BatchScheduled = string(parley.BatchScheduled)
	BatchProcessed = string(parley.BatchProcessed)
	BatchCancelled = string(parley.BatchCancelled)
)

// ErrStepLost says that a write was left undone because its batch went on, or
// was cancelled, without it.
var ErrStepLost = errors.New("the batch is not where the step starts")

// A Batch is messages to many recipients, accepted in one go.
type Batch struct {
	ProjectID, ID, AppID string
	Status               string
	SendAfter            time.Time // zero means at once
	Done                 int       // recipients dealt with
	Metadata             []byte    // a JSON object
	Index                map[string]string
	Doc                  []byte // what was asked for; empty once it is carried out
	CreatedAt            time.Time
}

// A BatchStep moves a batch on in the transaction of its Write, which takes
// place only if the batch was at From and is not cancelled: however many
// workers try, each step is made once.
type BatchStep struct {
	ProjectID, BatchID string
	From, To           int
	Status             string
}

const batchColumns = `project_id, id, app_id, status, send_after, done, metadata, doc, created_at`

// PutBatch stores a new batch; Index is by what it is found again.
func (s *Store) PutBatch(ctx context.Context, b *Batch) error {
	return s.Tx(ctx, func(tx *Store) error {
		if _, err := tx.exec(ctx, `INSERT INTO batches (`+batchColumns+`) VALUES `+placeholders(1, 9),
			b.ProjectID, b.ID, b.AppID, b.Status, micros(b.SendAfter), b.Done, string(b.Metadata), string(b.Doc),
			micros(b.CreatedAt)); err != nil {
			return fmt.Errorf("put batch: %w", err)
		}
		for name, v := range b.Index {
			if _, err := tx.exec(ctx, `INSERT INTO batch_metadata (project_id, name, value, batch_id) VALUES ($1, $2, $3, $4)`,
				b.ProjectID, name, v, b.ID); err != nil {
				return fmt.Errorf("put batch metadata: %w", err)
			}
		}
		return nil
	})
}

// Batch returns a batch of the project, or NOT_FOUND.
func (s *Store) Batch(ctx context.Context, projectID, id string) (*Batch, error) {
	b, err := scanBatch(s.q.QueryRowContext(ctx, `SELECT `+batchColumns+` FROM batches WHERE project_id = $1 AND id = $2`,
		projectID, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, parley.NotFound("batch", id)
	}
	return b, err
}

// BatchesWith lists the project's batches that have a member in their
// metadata, newest first and without Doc.
func (s *Store) BatchesWith(ctx context.Context, projectID, name, value string, limit int) ([]*Batch, error) {
	out := []*Batch{}
	err := s.each(ctx, func(r *sql.Rows) error {
		b, err := scanBatch(r.Scan)
		out = append(out, b)
		return err
	}, `SELECT b.project_id, b.id, b.app_id, b.status, b.send_after, b.done, b.metadata, '', b.created_at
		FROM batch_metadata AS m JOIN batches AS b ON b.project_id = m.project_id AND b.id = m.batch_id
		WHERE m.project_id = $1 AND m.name = $2 AND m.value = $3 ORDER BY b.id DESC LIMIT $4`, projectID, name, value, limit)
	return out, err
}

func scanBatch(scan func(...any) error) (*Batch, error) {
	b := new(Batch)
	var after, created int64
	var metadata, doc string
	err := scan(&b.ProjectID, &b.ID, &b.AppID, &b.Status, &after, &b.Done, &metadata, &doc, &created)
	if after != 0 {
		b.SendAfter = fromMicros(after)
	}
	b.Metadata, b.Doc, b.CreatedAt = []byte(metadata), []byte(doc), fromMicros(created)
	return b, err
}

// CancelBatch cancels a batch that is scheduled and reports whether it was:
// once its messages are being made it cannot be any more.
func (s *Store) CancelBatch(ctx context.Context, projectID, id string) (bool, error) {
	n, err := s.exec(ctx, `UPDATE batches SET status = '`+BatchCancelled+`', doc = ''
		WHERE project_id = $1 AND id = $2 AND status = '`+BatchScheduled+`'`, projectID, id)
	return n > 0, err
}

// SweepBatches forgets up to limit batches made before a time that are over,
// and returns how many there were.
func (s *Store) SweepBatches(ctx context.Context, before time.Time, limit int) (int64, error) {
	var n int64
	err := s.Tx(ctx, func(tx *Store) error {
		var old [][2]string
		if err := tx.each(ctx, func(r *sql.Rows) error {
			var id [2]string
			err := r.Scan(&id[0], &id[1])
			old = append(old, id)
			return err
		}, `SELECT project_id, id FROM batches WHERE created_at < $1 AND status IN ('`+BatchProcessed+`', '`+BatchCancelled+`')
			ORDER BY created_at LIMIT $2`, micros(before), limit); err != nil {
			return err
		}
		for _, id := range old {
			if _, err := tx.exec(ctx, `DELETE FROM batch_metadata WHERE project_id = $1 AND batch_id = $2`, id[0], id[1]); err != nil {
				return err
			}
			if _, err := tx.exec(ctx, `DELETE FROM batches WHERE project_id = $1 AND id = $2`, id[0], id[1]); err != nil {
				return err
			}
		}
		n = int64(len(old))
		return nil
	})
	return n, err
}

// KeepJob stores what a worker has done of a job so far, or deletes the job
// when it is done, within the transaction at hand. When the job is another
// node's by now, it fails and with it the transaction: that node does it all.
func (s *Store) KeepJob(ctx context.Context, j *Job, done bool) error {
	var n int64
	var err error
	if done {
		n, err = s.exec(ctx, `DELETE FROM jobs WHERE id = $1 AND owner = $2`, j.ID, j.Owner)
	} else {
		n, err = s.exec(ctx, `UPDATE jobs SET doc = $3 WHERE id = $1 AND owner = $2`, j.ID, j.Owner, string(j.Doc))
	}
	if err == nil && n == 0 {
		return errors.New("the job is another node's by now")
	}
	return err
}
