package engine

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
)

// bulkStep is how many contacts are dealt with in one transaction.
const bulkStep = 50

// A bulk is the document of a contacts job: what is left to do.
type bulk struct {
	Create []parley.Contact `json:"create,omitempty"`
	Delete []string         `json:"delete,omitempty"`
}

// CreateContacts accepts contacts to be created, each with a callback of its
// own.
func (e *Engine) CreateContacts(ctx context.Context, projectID string, r *parley.CreateContactsRequest) error {
	if err := r.Validate(); err != nil {
		return err
	}
	for i := range r.Contacts {
		r.Contacts[i].ID = e.store.NewID()
	}
	return e.addBulk(ctx, projectID, bulk{Create: r.Contacts})
}

// DeleteContacts accepts contacts to be deleted, each with a callback of its
// own. Those that do not exist by then are passed over.
func (e *Engine) DeleteContacts(ctx context.Context, projectID string, r *parley.DeleteContactsRequest) error {
	if err := r.Validate(); err != nil {
		return err
	}
	return e.addBulk(ctx, projectID, bulk{Delete: r.ContactIDs})
}

func (e *Engine) addBulk(ctx context.Context, projectID string, b bulk) error {
	j, err := newJob(projectID, kindContacts, "", b)
	if err != nil {
		return err
	}
	if err := store.Answer(ctx, http.StatusOK, parley.Empty{}); err != nil {
		return err
	}
	return e.store.Tx(ctx, func(tx *store.Store) error { return tx.AddJobs(ctx, []*store.Job{j}) })
}

// InsertConsents puts people on an app's lists, all of them or, on an error,
// none. The id it returns names nothing else: there is nothing left to do.
func (e *Engine) InsertConsents(ctx context.Context, projectID string, r *parley.InsertConsentsRequest) (*parley.InsertConsentsResponse, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	changes := make([]store.ConsentChange, 0, len(r.ConsentRecords))
	for _, c := range r.ConsentRecords {
		changes = append(changes, store.ConsentChange{Identity: c.Identification, List: c.ConsentType})
	}
	resp := &parley.InsertConsentsResponse{BatchID: e.store.NewID()}
	if err := store.Answer(ctx, http.StatusOK, resp); err != nil {
		return nil, err
	}
	return resp, e.PutConsents(ctx, projectID, r.AppID, changes, parley.OriginAPI)
}

// bulkContacts is the worker of contacts jobs. Each step stores what is left
// with what it did, so that nothing is done twice.
func (e *Engine) bulkContacts(ctx context.Context, j *store.Job) error {
	var b bulk
	if err := json.Unmarshal(j.Doc, &b); err != nil {
		return queue.Stop(err)
	}
	for {
		step := bulk{Create: b.Create[:min(bulkStep, len(b.Create))], Delete: b.Delete[:min(bulkStep, len(b.Delete))]}
		left := bulk{Create: b.Create[len(step.Create):], Delete: b.Delete[len(step.Delete):]}
		over := len(left.Create)+len(left.Delete) == 0
		doc, err := parley.Marshal(left)
		if err != nil {
			return err
		}
		next := *j
		next.Doc = doc
		if err := e.store.Tx(ctx, func(tx *store.Store) error {
			if err := e.bulkStep(ctx, tx, j.ProjectID, step); err != nil {
				return err
			}
			return tx.KeepJob(ctx, &next, over)
		}); err != nil {
			return err
		}
		if over {
			return queue.Settled
		}
		b, j.Doc = left, doc
	}
}

func (e *Engine) bulkStep(ctx context.Context, tx *store.Store, projectID string, b bulk) error {
	for i := range b.Create {
		err := e.putContact(ctx, tx, projectID, &b.Create[i], parley.TriggerContactCreate)
		if parley.CodeOf(err) == parley.CodeAlreadyExists {
			// Refused before anything was written, and it would be again. The
			// client has its answer; the others must not wait for this one.
			e.o.Log.Info("contact of a batch refused", slog.String("project_id", projectID), slog.String("contact_id", b.Create[i].ID))
			continue
		}
		if err != nil {
			return err
		}
	}
	for _, id := range b.Delete {
		if err := e.deleteContact(ctx, tx, projectID, id); err != nil && !parley.IsNotFound(err) {
			return err
		}
	}
	return nil
}
