package engine

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/store/storetest"
)

// Batches and scheduled messages on PostgreSQL, where two nodes meet.
func TestBatchOnPostgres(t *testing.T) {
	t.Parallel()
	ch := scripted(parley.ChannelSMS)
	w := newWorldOn(t, storetest.Postgres(t), nil, ch)
	a := w.app()
	r := batchOf(a, crowd(batchStep+1)...)
	at := w.now().Add(30 * time.Second)
	r.SendAfter = &at
	id, gone := w.batch(r).BatchID, w.batch(r).BatchID
	never := w.send(w.later(a, "never", 10*time.Second))
	soon := w.send(w.later(a, "soon", 10*time.Second))
	if err := w.store.DeleteMessage(t.Context(), project, never); err != nil {
		t.Fatal(err)
	}
	if err := w.e.CancelBatches(t.Context(), project, &parley.CancelBatchRequest{BatchID: gone}); err != nil {
		t.Fatal(err)
	}
	w.pass(20 * time.Second)
	w.step()
	if n, s := len(ch.Attempts()), w.status(soon); n != 1 || s != parley.StatusQueuedOnChannel {
		t.Errorf("%d attempts, status %s", n, s)
	}
	w.pass(10 * time.Second)
	j, b, req, app := w.claimBatch(a, id)
	if j.Lane != id {
		t.Fatal("claimed the job of the other batch")
	}
	if _, err := w.e.step(t.Context(), j, b, req, app); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.pass(time.Minute) // until the lease of the dead node has run out
	if _, err := w.store.ReleaseDead(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.step()
	if n := len(ch.Attempts()); n != batchStep+2 {
		t.Errorf("%d attempts, want %d", n, batchStep+2)
	}
	if err := w.e.Recount(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := w.e.limits.waiting(a.ID); n != 0 {
		t.Errorf("%d wait", n)
	}
	if err := w.e.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.pass(batchLife + time.Hour)
	if err := w.e.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.e.Batch(t.Context(), project, id); !parley.IsNotFound(err) {
		t.Errorf("an old batch: %v", err)
	}
}

// The answer is in the database as soon as the message is.
func TestSendKeepsItsAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	a := w.app()
	ctx := store.WithKey(t.Context(), &store.Key{ProjectID: project, Name: "k", Fingerprint: "f"})
	resp, err := w.e.SendMessage(ctx, project, text(a, "x", sms(ada)))
	if err != nil {
		t.Fatal(err)
	}
	w.restart()
	k, err := w.store.FindKey(t.Context(), project, "k")
	if err != nil || k == nil {
		t.Fatalf("the key: %v, %v", k, err)
	}
	want, err := parley.Marshal(resp)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), k.Answer); d != "" || k.Status != 200 {
		t.Errorf("status %d, answer (-want +got):\n%s", k.Status, d)
	}
}

func TestQueueFull(t *testing.T) {
	t.Parallel()
	ch := scripted(parley.ChannelSMS)
	w := newWorldWith(t, func(o *Options) { o.RateLimits = true }, ch)
	a := w.app()
	id := w.batch(batchOf(a, crowd(3)...)).BatchID
	w.e.limits.queued[a.ID] = parley.OutboundQueueLimit - 1
	w.e.limits.add(a.ID)
	if _, err := w.e.SendMessage(t.Context(), project, text(a, "x", sms(ada))); parley.CodeOf(err) != parley.CodeResourceExhausted {
		t.Errorf("a full queue: %v", err)
	}
	w.step()
	if s := w.batchStatus(id); s != parley.BatchReady || len(ch.Attempts()) > 0 {
		t.Errorf("a batch with a full queue: %s, %d attempts", s, len(ch.Attempts()))
	}
	for range 2 {
		w.e.limits.dequeue(a.ID) // room for two of the three
	}
	w.pass(batchWait)
	w.step()
	w.pass(batchWait)
	w.step()
	if s := w.batchStatus(id); s != parley.BatchProcessed {
		t.Errorf("with room again: %s", s)
	}
	oncePerRecipient(t, ch, 3)
}
