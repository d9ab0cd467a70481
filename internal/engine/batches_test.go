package engine

import (
	"encoding/json"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel/fake"
	"github.com/parley-im/parley/internal/store"
)

// batchOf is a request to greet people by name.
func batchOf(a *parley.App, to ...parley.RecipientAndParam) *parley.SendBatchRequest {
	return &parley.SendBatchRequest{
		AppID: a.ID, Message: json.RawMessage(`{"text_message":{"text":"Hello ${name}"}}`), RecipientAndParams: to,
		BatchMetadata: json.RawMessage(`{"campaign":"spring"}`), MessageMetadata: json.RawMessage(`{"a":1,"b":2}`),
	}
}

func greeted(name string, to parley.ChannelIdentity) parley.RecipientAndParam {
	return parley.RecipientAndParam{
		Recipient:  &parley.Recipient{IdentifiedBy: &parley.IdentifiedBy{ChannelIdentities: []parley.ChannelIdentity{to}}},
		Parameters: map[string]string{"name": name},
	}
}

// crowd is n recipients.
func crowd(n int) []parley.RecipientAndParam {
	out := make([]parley.RecipientAndParam, 0, n)
	for i := range n {
		out = append(out, greeted(strconv.Itoa(i), sms("1555123"+strconv.Itoa(1000+i))))
	}
	return out
}

func (w *world) batch(r *parley.SendBatchRequest) *parley.SendBatchResponse {
	w.t.Helper()
	resp, err := w.e.SendBatch(w.t.Context(), project, r)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp
}

func (w *world) batchStatus(id string) parley.BatchStatus {
	w.t.Helper()
	b, err := w.e.Batch(w.t.Context(), project, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return b.Status
}

// batchStatuses lists what the app was told of batches since the last take.
func batchStatuses(list []told) []string {
	out := []string{}
	for _, c := range list {
		if u := c.body.BatchStatusUpdate; u != nil {
			out = append(out, u.BatchStatus)
		}
	}
	return out
}

// oncePerRecipient checks that each of n recipients got one message.
func oncePerRecipient(t *testing.T, ch *fake.Channel, n int) {
	t.Helper()
	got := map[string]int{}
	for _, a := range ch.Attempts() {
		got[a.To.Identity]++
	}
	for i := range n {
		if c := got["1555123"+strconv.Itoa(1000+i)]; c != 1 {
			t.Errorf("recipient %d got %d messages", i, c)
		}
	}
	if len(got) != n {
		t.Errorf("%d recipients got a message, want %d", len(got), n)
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	ch := scripted(parley.ChannelSMS)
	w := newWorld(t, ch)
	a := w.app()
	bob := greeted("Bob", sms("15551230002"))
	bob.MessageMetadata = json.RawMessage(`{"b":"own"}`)
	stranger := parley.RecipientAndParam{
		Recipient: &parley.Recipient{ContactID: w.store.NewID()}, Parameters: map[string]string{"name": "Nobody"},
	}
	id := w.batch(batchOf(a, greeted("Ada", sms(ada)), stranger, bob)).BatchID
	if s := w.batchStatus(id); s != parley.BatchReady {
		t.Errorf("status %s", s)
	}
	got := w.take()
	if d := cmp.Diff([]string{"BATCH_STATUS_READY", "BATCH_STATUS_PROCESSED"}, batchStatuses(got)); d != "" {
		t.Errorf("statuses (-want +got):\n%s", d)
	}
	metadata := map[string]string{}
	for _, c := range got {
		if r := c.body.MessageDelivery; r != nil {
			metadata[string(r.Status)+" "+r.ContactID] = r.Metadata
			if r.Status == parley.StatusFailed && r.Reason.Code != parley.ReasonContactNotFound {
				t.Errorf("failed because of %s", r.Reason.Code)
			}
		}
	}
	want := `{"_batch_id":"` + id + `","a":1,"b":2,"batch_id":"` + id + `","message_index":1}`
	if d := cmp.Diff(want, metadata["FAILED "+stranger.Recipient.ContactID]); d != "" {
		t.Errorf("metadata of the refused recipient (-want +got):\n%s", d)
	}
	texts, metas := []string{}, []string{}
	for _, m := range w.messages() {
		body, err := m.Body()
		if err != nil {
			t.Fatal(err)
		}
		texts, metas = append(texts, body.App.Text.Text), append(metas, m.Metadata)
	}
	if d := cmp.Diff([]string{"Hello Bob", "Hello Ada"}, texts); d != "" {
		t.Errorf("texts (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{`{"_batch_id":"` + id + `","a":1,"b":"own"}`, `{"_batch_id":"` + id + `","a":1,"b":2}`}, metas); d != "" {
		t.Errorf("metadata (-want +got):\n%s", d)
	}
	if s := w.batchStatus(id); s != parley.BatchProcessed {
		t.Errorf("status %s", s)
	}
}

// messages lists all messages, newest first.
func (w *world) messages() []*store.Message {
	w.t.Helper()
	list, err := w.store.Messages(w.t.Context(), project, store.MessageFilter{Limit: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// claimBatch has a node that is about to die take the job of a batch.
func (w *world) claimBatch(a *parley.App, id string) (*store.Job, *store.Batch, *parley.SendBatchRequest, *parley.App) {
	w.t.Helper()
	ctx := w.t.Context()
	const doomed = 4711
	if err := w.store.Heartbeat(ctx, doomed, -time.Second); err != nil {
		w.t.Fatal(err)
	}
	jobs, err := w.store.ClaimSome(ctx, doomed, store.ClaimFilter{Limit: 1, Kinds: []string{kindBatch}})
	if err != nil || len(jobs) != 1 {
		w.t.Fatalf("claimed %d jobs: %v", len(jobs), err)
	}
	b, err := w.store.Batch(ctx, project, id)
	if err != nil {
		w.t.Fatal(err)
	}
	r := new(parley.SendBatchRequest)
	if err := json.Unmarshal(b.Doc, r); err != nil {
		w.t.Fatal(err)
	}
	return jobs[0], b, r, a
}

// The process dies after any number of steps; it may also go on after others
// took over.
func TestBatchCrashBetweenSteps(t *testing.T) {
	t.Parallel()
	const people = 2*batchStep + 20
	for steps := range 4 {
		t.Run(strconv.Itoa(steps), func(t *testing.T) {
			t.Parallel()
			ch := scripted(parley.ChannelSMS)
			w := newWorld(t, ch)
			a := w.app()
			id := w.batch(batchOf(a, crowd(people)...)).BatchID
			j, b, r, app := w.claimBatch(a, id)
			for range steps {
				if _, err := w.e.step(t.Context(), j, b, r, app); err != nil {
					t.Fatal(err)
				}
			}
			old := w.e
			w.restart()
			w.run(10*time.Second, time.Second)
			oncePerRecipient(t, ch, people)
			if s := w.batchStatus(id); s != parley.BatchProcessed {
				t.Errorf("status %s", s)
			}
			if _, err := old.step(t.Context(), j, b, r, app); !errors.Is(err, store.ErrStepLost) {
				t.Errorf("the dead process made a step: %v", err)
			}
			w.run(10*time.Second, time.Second)
			oncePerRecipient(t, ch, people)
		})
	}
}

func TestBatchScheduled(t *testing.T) {
	t.Parallel()
	ch := scripted(parley.ChannelSMS)
	w := newWorld(t, ch)
	a := w.app()
	r := batchOf(a, crowd(3)...)
	at := w.now().Add(62 * time.Minute)
	r.SendAfter = &at
	resp := w.batch(r)
	want := w.now().Add(65 * time.Minute) // the clock starts on the hour
	if resp.SendAfter == nil || !resp.SendAfter.Equal(want) {
		t.Errorf("scheduled for %v, want %v", resp.SendAfter, want)
	}
	w.run(64*time.Minute, time.Minute)
	if n := len(ch.Attempts()); n > 0 {
		t.Errorf("%d messages before the time", n)
	}
	if s := w.batchStatus(resp.BatchID); s != parley.BatchScheduled {
		t.Errorf("status %s", s)
	}
	w.restart()
	w.pass(time.Minute)
	w.step()
	oncePerRecipient(t, ch, 3)
	got := batchStatuses(w.take())
	if d := cmp.Diff([]string{"BATCH_STATUS_SCHEDULED", "BATCH_STATUS_READY", "BATCH_STATUS_PROCESSED"}, got); d != "" {
		t.Errorf("statuses (-want +got):\n%s", d)
	}
}

func TestBatchCancelled(t *testing.T) {
	t.Parallel()
	ch := scripted(parley.ChannelSMS)
	w := newWorld(t, ch)
	a := w.app()
	r := batchOf(a, crowd(batchStep+1)...)
	at := w.now().Add(time.Hour)
	r.SendAfter = &at
	cancelled, begun := w.batch(r).BatchID, w.batch(r).BatchID
	w.pass(time.Hour)
	cancel := func(c parley.CancelBatchRequest) {
		t.Helper()
		if err := w.e.CancelBatches(t.Context(), project, &c); err != nil {
			t.Fatal(err)
		}
	}
	j, b, req, app := w.claimBatch(a, cancelled)
	cancel(parley.CancelBatchRequest{BatchID: cancelled})
	if _, err := w.e.step(t.Context(), j, b, req, app); !errors.Is(err, store.ErrStepLost) {
		t.Errorf("a step of a cancelled batch: %v", err)
	}
	j, b, req, app = w.claimBatch(a, begun)
	if _, err := w.e.step(t.Context(), j, b, req, app); err != nil {
		t.Fatal(err)
	}
	cancel(parley.CancelBatchRequest{MetadataKey: "campaign", MetadataValue: "spring"}) // too late
	w.restart()
	w.run(10*time.Second, time.Second)
	oncePerRecipient(t, ch, batchStep+1)
	if s := []parley.BatchStatus{w.batchStatus(cancelled), w.batchStatus(begun)}; s[0] != parley.BatchCancelled || s[1] != parley.BatchProcessed {
		t.Errorf("statuses %v", s)
	}
}

func TestBulkContacts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	w.app()
	r := &parley.CreateContactsRequest{}
	for _, p := range crowd(bulkStep + 5) {
		r.Contacts = append(r.Contacts, parley.Contact{ChannelIdentities: p.Recipient.IdentifiedBy.ChannelIdentities})
	}
	if err := w.e.CreateContacts(t.Context(), project, r); err != nil {
		t.Fatal(err)
	}
	created := w.take()
	d := &parley.DeleteContactsRequest{ContactIDs: []string{w.store.NewID()}}
	for _, c := range created {
		if c.trig == parley.TriggerContactCreate {
			d.ContactIDs = append(d.ContactIDs, c.body.ContactCreate.Contact.ID)
		}
	}
	if len(d.ContactIDs) != len(r.Contacts)+1 {
		t.Errorf("%d contacts were created, want %d", len(d.ContactIDs)-1, len(r.Contacts))
	}
	if err := w.e.DeleteContacts(t.Context(), project, d); err != nil {
		t.Fatal(err)
	}
	if n := len(w.take()); n != len(r.Contacts) {
		t.Errorf("%d callbacks about deletions, want %d", n, len(r.Contacts))
	}
	left, err := w.store.Contacts(t.Context(), project, store.ContactFilter{Limit: 10})
	if err != nil || len(left) > 0 {
		t.Errorf("%d contacts are left: %v", len(left), err)
	}
}

// TestBulkContactsRefused creates contacts of whom one is refused: the others
// are there, and nothing is left to do.
func TestBulkContactsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	w.app()
	if _, err := w.e.CreateSettings(t.Context(), project, &parley.ProjectSettings{
		ContactSettings: parley.ContactSettings{UnifiedContactIDEnabled: true},
	}); err != nil {
		t.Fatal(err)
	}
	w.take()
	r := &parley.CreateContactsRequest{}
	for _, to := range []parley.ChannelIdentity{sms(ada), id(parley.ChannelRCS, ada), sms(bob)} {
		c := parley.Contact{ChannelIdentities: []parley.ChannelIdentity{to}}
		c.SetDefaults()
		r.Contacts = append(r.Contacts, c)
	}
	if err := w.e.CreateContacts(t.Context(), project, r); err != nil {
		t.Fatal(err)
	}
	w.expect("CONTACT_CREATE", "CONTACT_CREATE")
	counts, err := w.store.JobCounts(t.Context())
	if err != nil || counts[kindContacts] != 0 {
		t.Errorf("left to do: %v, %v", counts, err)
	}
}
