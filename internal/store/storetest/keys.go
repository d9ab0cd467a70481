package storetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

func newKey(name string) *store.Key {
	return &store.Key{ProjectID: "p1", Name: name, Fingerprint: "f"}
}

// testKeys has many callers commit with the same key at once: one write takes
// place, and neighbours without a key are not disturbed.
func testKeys(t *testing.T, s *store.Store) {
	for round := range rounds {
		name := strings.Repeat("k", round+1)
		done, errs := 0, make(chan error, callers)
		for i := range callers {
			go func() {
				ctx := t.Context()
				if i%4 != 0 {
					ctx = store.WithKey(ctx, newKey(name))
					if err := store.Answer(ctx, 200, map[string]int{"caller": i}); err != nil {
						errs <- err
						return
					}
				}
				w := Accept(s, "p1", "app1", phone("4670000"+name))
				err := s.Commit(ctx, w)
				if i%4 == 0 && err != nil {
					t.Errorf("a write without a key: %v", err)
				}
				if i%4 != 0 {
					_, merr := s.Message(t.Context(), "p1", w.Accept.Message.ID)
					if (err == nil) != (merr == nil) {
						t.Errorf("commit: %v, but the message: %v", err, merr)
					}
				}
				if i%4 == 0 {
					err = store.ErrKeyUsed // not counted
				}
				errs <- err
			}()
		}
		for range callers {
			switch err := <-errs; {
			case err == nil:
				done++
			case !errors.Is(err, store.ErrKeyUsed):
				t.Error(err)
			}
		}
		if done != 1 {
			t.Errorf("%d writes took place with one key", done)
		}
		k := value(s.FindKey(t.Context(), "p1", name))(t)
		if k == nil || k.Status != 200 || !strings.HasPrefix(k.Answer, `{"caller":`) {
			t.Errorf("the key is kept as %+v", k)
		}
	}
	if k := value(s.FindKey(t.Context(), "p2", "k"))(t); k != nil {
		t.Error("another project sees the key")
	}
}

// testKeysTx has a cold write carry the key.
func testKeysTx(t *testing.T, s *store.Store) {
	ctx := t.Context()
	put := func(name string, fail error) (*store.Key, error) {
		k := newKey(name)
		return k, s.Tx(store.WithKey(ctx, k), func(tx *store.Store) error {
			if err := tx.PutContact(ctx, "p1", &parley.Contact{ID: s.NewID()}); err != nil {
				return err
			}
			return fail
		})
	}
	refused := errors.New("refused")
	if k, err := put("a", refused); !errors.Is(err, refused) || k.Stored() {
		t.Errorf("a failed write: stored %v, %v", k.Stored(), err)
	}
	k, err := put("a", nil)
	must(t, err)
	if !k.Stored() {
		t.Error("the key is not stored")
	}
	if _, err := put("a", nil); !errors.Is(err, store.ErrKeyUsed) {
		t.Errorf("a second write: %v", err)
	}
	if n := len(value(s.Contacts(ctx, "p1", store.ContactFilter{Limit: 10}))(t)); n != 1 {
		t.Errorf("%d contacts", n)
	}
	must(t, s.KeepAnswer(ctx, k, 200, "{}"))
	must(t, s.KeepAnswer(ctx, k, 200, "other"))
	if got := value(s.FindKey(ctx, "p1", "a"))(t); got.Status != 200 || got.Answer != "{}" {
		t.Errorf("kept %+v", got)
	}
	must(t, s.DropKey(ctx, k))
	if got := value(s.FindKey(ctx, "p1", "a"))(t); got != nil {
		t.Errorf("dropped, but found %+v", got)
	}
	if n := value(s.SweepKeys(ctx, 10))(t); n != 0 {
		t.Errorf("%d fresh keys were swept", n)
	}
}

// testBatches walks a batch through its steps.
func testBatches(t *testing.T, s *store.Store) {
	ctx := t.Context()
	b := &store.Batch{
		ProjectID: "p1", ID: s.NewID(), AppID: "app1", Status: store.BatchScheduled, SendAfter: s.Now().Truncate(time.Second),
		Metadata: []byte(`{"a":"b"}`), Index: map[string]string{"a": "b"}, Doc: []byte("{}"), CreatedAt: s.Now().Truncate(time.Second),
	}
	must(t, s.PutBatch(ctx, b))
	_, err := s.Batch(ctx, "p2", b.ID)
	isCode(t, "another project's batch", parley.CodeNotFound, err)
	equal(t, "batches with a=b", 1, len(value(s.BatchesWith(ctx, "p1", "a", "b", 10))(t)))
	equal(t, "batches with a=c", 0, len(value(s.BatchesWith(ctx, "p1", "a", "c", 10))(t)))
	equal(t, "another project's with a=b", 0, len(value(s.BatchesWith(ctx, "p2", "a", "b", 10))(t)))
	step := func(from, to int, status string) ([]string, error) {
		w := &store.Write{Step: &store.BatchStep{ProjectID: "p1", BatchID: b.ID, From: from, To: to, Status: status}}
		var ids []string
		for range to - from {
			a := Accept(s, "p1", "app1", phone("46701"+s.NewID())).Accept
			w.Accepts = append(w.Accepts, a)
			ids = append(ids, a.Message.ID)
		}
		return ids, s.Commit(ctx, w)
	}
	made, err := step(0, 2, store.BatchReady)
	must(t, err)
	for _, id := range made {
		_, err := s.Message(ctx, "p1", id)
		must(t, err)
	}
	lost, err := step(0, 2, store.BatchReady)
	if !errors.Is(err, store.ErrStepLost) {
		t.Errorf("a step made twice: %v", err)
	}
	_, err = s.Message(ctx, "p1", lost[0])
	isCode(t, "a message of a lost step", parley.CodeNotFound, err)
	if value(s.CancelBatch(ctx, "p1", b.ID))(t) {
		t.Error("a batch was cancelled that had begun")
	}
	_, err = step(2, 3, store.BatchProcessed)
	must(t, err)
	got := value(s.Batch(ctx, "p1", b.ID))(t)
	if got.Status != store.BatchProcessed || got.Done != 3 || len(got.Doc) > 0 {
		t.Errorf("at the end it is %+v", got)
	}
	equal(t, "swept", int64(1), value(s.SweepBatches(ctx, s.Now().Add(time.Hour), 10))(t))
	equal(t, "left with a=b", 0, len(value(s.BatchesWith(ctx, "p1", "a", "b", 10))(t)))
}

// testQueuedByApp counts jobs by a part of their document.
func testQueuedByApp(t *testing.T, s *store.Store) {
	ctx := t.Context()
	add := func(kind, doc string) {
		must(t, s.Commit(ctx, &store.Write{Jobs: []*store.Job{{ProjectID: "p1", Kind: kind, Doc: []byte(doc)}}}))
	}
	add(store.KindSend, "..one..")
	add(store.KindSend, "..one..")
	add(store.KindSend, "..two..")
	add("other", "..one..")
	equal(t, "jobs by app", map[string]int64{"one": 2, "two": 1}, value(s.QueuedByApp(ctx, 2, 3))(t))
}

// testUrgent claims urgent jobs before older ones.
func testUrgent(t *testing.T, s *store.Store) {
	ctx := context.Background()
	for _, lane := range []string{"a", "b", store.UrgentLane("a")} {
		must(t, s.Commit(ctx, &store.Write{Jobs: []*store.Job{{ProjectID: "p1", Kind: store.KindSend, Lane: lane, Doc: []byte("{}")}}}))
	}
	jobs := value(s.ClaimSome(ctx, 1, store.ClaimFilter{Limit: 1}))(t)
	if len(jobs) != 1 || !jobs[0].Urgent() {
		t.Errorf("claimed %d jobs, the first not the urgent one", len(jobs))
	}
}
