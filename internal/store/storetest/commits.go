package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// callers is how many commit at the same moment, rounds how often.
const (
	callers = 64
	rounds  = 10
)

// commitAll commits all writes at the same moment and returns their errors.
func commitAll(t *testing.T, s *store.Store, ws []*store.Write) []error {
	t.Helper()
	errs := make([]error, len(ws))
	ready := make(chan struct{})
	var wg sync.WaitGroup
	for i, w := range ws {
		wg.Go(func() {
			<-ready
			errs[i] = s.Commit(t.Context(), w)
		})
	}
	close(ready)
	wg.Wait()
	return errs
}

func mustAll(t *testing.T, errs []error) {
	t.Helper()
	must(t, errors.Join(errs...))
}

// testOneContact has many callers write to the same stranger at once: one
// contact and one conversation come of it.
func testOneContact(t *testing.T, s *store.Store) {
	ctx := t.Context()
	for round := range rounds {
		to := phone(fmt.Sprintf("4670%07d", round))
		var ws []*store.Write
		for range callers {
			ws = append(ws, Accept(s, "p1", "app1", to))
		}
		mustAll(t, commitAll(t, s, ws))
		created, started := 0, 0
		for _, w := range ws {
			r := w.Accept.Resolution
			if r.ContactCreated {
				created++
			}
			if r.ConversationStarted {
				started++
			}
			if r.ContactID != ws[0].Accept.ContactID || r.Conversation.ID != ws[0].Accept.Conversation.ID {
				t.Fatal("callers were given different contacts or conversations")
			}
			if m := w.Accept.Message; m.ContactID != r.ContactID || m.ConversationID != r.Conversation.ID || w.Accept.Job.Lane != r.Conversation.ID {
				t.Fatalf("the message is of contact %s and conversation %s, its job of lane %s", m.ContactID, m.ConversationID, w.Accept.Job.Lane)
			}
		}
		if created != 1 || started != 1 {
			t.Fatalf("%d contacts were created and %d conversations started, want one each", created, started)
		}
		got := value(s.Contacts(ctx, "p1", store.ContactFilter{Identity: &to, Limit: 10}))(t)
		if len(got) != 1 || got[0].ID != ws[0].Accept.ContactID {
			t.Fatalf("%d contacts are stored, want the one", len(got))
		}
	}
	_, total, err := s.Conversations(ctx, "p1", store.ConversationFilter{Limit: 1})
	must(t, err)
	equal(t, "conversations", rounds, total)
	groups, writes := s.CommitStats()
	if writes != rounds*callers || groups >= writes {
		t.Errorf("%d writes were made in %d transactions: they are not grouped", writes, groups)
	}
}

func testStateless(t *testing.T, s *store.Store) {
	ctx := t.Context()
	m := keep(t, s, &store.Message{ProjectID: "p1", ID: s.NewID(), AppID: "app1", Identity: phone("46700000001"), Dispatch: true, AcceptTime: s.Now()})
	equal(t, "dispatched message", m, value(s.Message(ctx, "p1", m.ID))(t))
	equal(t, "contacts", 0, len(value(s.Contacts(ctx, "p1", store.ContactFilter{Limit: 1}))(t)))
}

// testMixedGroups puts writes that must fail among good ones. Each caller is
// told of its own, and nothing of a failed one stays.
func testMixedGroups(t *testing.T, s *store.Store) {
	ctx := t.Context()
	taken := keep(t, s, &store.Message{ProjectID: "p1", ID: s.NewID(), AppID: "app1", AcceptTime: s.Now()})
	for round := range rounds {
		// All write to one stranger, so that a good caller may be given what a
		// bad one was about to create.
		to := phone(fmt.Sprintf("4670%07d", round))
		bad := func(i int) bool { return i%2 == 0 }
		var ws []*store.Write
		for i := range callers {
			w := Accept(s, "p1", "app1", to)
			if bad(i) {
				w.Accept.Message.ID = taken.ID
			}
			w.Jobs = []*store.Job{{ProjectID: "p1", Kind: fmt.Sprintf("extra-%v", bad(i)), Doc: []byte("{}")}}
			ws = append(ws, w)
		}
		errs := commitAll(t, s, ws)
		for i, w := range ws {
			if got := errs[i] != nil; got != bad(i) {
				t.Fatalf("write %d: %v", i, errs[i])
			}
			if bad(i) {
				continue
			}
			m := value(s.Message(ctx, "p1", w.Accept.Message.ID))(t)
			if m.ContactID != w.Accept.ContactID || m.ConversationID != w.Accept.Conversation.ID {
				t.Fatal("the message is not of the contact and conversation the caller was given")
			}
			if _, err := s.Contact(ctx, "p1", m.ContactID); err != nil {
				t.Fatalf("contact of an accepted message: %v", err)
			}
			if _, err := s.Conversation(ctx, "p1", m.ConversationID); err != nil {
				t.Fatalf("conversation of an accepted message: %v", err)
			}
		}
		equal(t, "contacts", 1, len(value(s.Contacts(ctx, "p1", store.ContactFilter{Identity: &to, Limit: 10}))(t)))
	}
	equal(t, "message whose id was used again", taken, value(s.Message(ctx, "p1", taken.ID))(t))
	equal(t, "jobs", map[string]int64{"test": 1, store.KindSend: rounds * callers / 2, "extra-false": rounds * callers / 2},
		value(s.JobCounts(ctx))(t))
}

// testReplays fails a group because of one write and checks what its
// neighbours ask for is done once, and done in full.
func testReplays(t *testing.T, s *store.Store) {
	ctx := t.Context()
	taken := keep(t, s, &store.Message{ProjectID: "p1", ID: s.NewID(), AppID: "app1", AcceptTime: s.Now()})
	for round := range rounds {
		to := phone(fmt.Sprintf("4670%07d", round))
		must(t, s.Commit(ctx, Accept(s, "p1", "app1", to)))
		var ws []*store.Write
		for i := range callers {
			w := Accept(s, "p1", "app1", to)
			switch i {
			case 0:
				w.Accept.Message.ID = taken.ID
			case 1:
				w.Accept.ActiveChannel = parley.ChannelSMS
			case 2:
				w.Accept.CorrelationID = "corr"
			}
			ws = append(ws, w)
		}
		errs := commitAll(t, s, ws)
		if errs[0] == nil {
			t.Fatal("a message id was used twice")
		}
		mustAll(t, errs[1:])
		c := value(s.Conversation(ctx, "p1", ws[1].Accept.Conversation.ID))(t)
		if c.ActiveChannel != parley.ChannelSMS || c.CorrelationID != "corr" {
			t.Fatalf("the conversation is on channel %s with correlation id %q", c.ActiveChannel, c.CorrelationID)
		}
	}
}

// testConsequences checks that consequences see what was created and become
// jobs, and that their error is their caller's alone.
func testConsequences(t *testing.T, s *store.Store) {
	ctx := t.Context()
	broken := errors.New("no consequences")
	to := phone("46700000001")
	var ws []*store.Write
	for i := range callers {
		w := Accept(s, "p1", "app1", to)
		w.Accept.Consequences = func(r *store.Resolution) ([]*store.Job, error) {
			if i%8 == 0 {
				return nil, broken
			}
			kind := "found"
			if r.ContactCreated && r.ConversationStarted {
				kind = "created"
			}
			return []*store.Job{{ProjectID: "p1", Kind: kind, Lane: r.Conversation.ID, Doc: []byte("{}")}}, nil
		}
		ws = append(ws, w)
	}
	for i, err := range commitAll(t, s, ws) {
		if i%8 == 0 && !errors.Is(err, broken) || i%8 != 0 && err != nil {
			t.Errorf("write %d: %v", i, err)
		}
	}
	good := int64(callers - callers/8)
	equal(t, "jobs", map[string]int64{store.KindSend: good, "created": 1, "found": good - 1}, value(s.JobCounts(ctx))(t))
}

// testConversationChange has callers change different members of one
// conversation at once. None undoes another's change.
func testConversationChange(t *testing.T, s *store.Store) {
	ctx := t.Context()
	at := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	for round := range rounds {
		to := phone(fmt.Sprintf("4670%07d", round))
		var ws []*store.Write
		for i := range callers {
			w := Accept(s, "p1", "app1", to)
			switch i % 8 {
			case 0:
				w.Accept.ActiveChannel = parley.ChannelSMS
			case 1:
				w.Accept.LastReceived = at.Add(time.Duration(i) * time.Second)
			case 2:
				w.Accept.MetadataJSON = json.RawMessage(`{"k":1}`)
			case 3:
				w.Accept.CorrelationID = "corr"
			}
			ws = append(ws, w)
		}
		mustAll(t, commitAll(t, s, ws))
		got := value(s.Conversation(ctx, "p1", ws[0].Accept.Conversation.ID))(t)
		want := conversation(got.ID, "app1", ws[0].Accept.ContactID)
		want.ActiveChannel, want.LastReceived = parley.ChannelSMS, at.Add((callers-7)*time.Second)
		want.MetadataJSON, want.CorrelationID = json.RawMessage(`{"k":1}`), "corr"
		equal(t, "conversation", want, got)
	}
}

// testMerging has callers add to one conversation's metadata at once.
func testMerging(t *testing.T, s *store.Store) {
	ctx := t.Context()
	to := phone("46700000001")
	var ws []*store.Write
	want := map[string]int{}
	for i := range callers {
		w := Accept(s, "p1", "app1", to)
		key := fmt.Sprintf("k%d", i)
		want[key] = i
		w.Accept.MetadataJSON, w.Accept.MergeMetadata = json.RawMessage(fmt.Sprintf(`{%q:%d}`, key, i)), true
		ws = append(ws, w)
	}
	mustAll(t, commitAll(t, s, ws))
	got := map[string]int{}
	must(t, json.Unmarshal(value(s.Conversation(ctx, "p1", ws[0].Accept.Conversation.ID))(t).MetadataJSON, &got))
	equal(t, "merged metadata", want, got)
}

// testCrossing has callers touch the same few rows in every order, which must
// neither fail nor stall.
func testCrossing(t *testing.T, s *store.Store) {
	ctx := t.Context()
	const people = 6
	var first []*store.Write
	for n := range people {
		w := Accept(s, "p1", "app1", phone(fmt.Sprintf("4670%07d", n)))
		must(t, s.Commit(ctx, w))
		first = append(first, w)
	}
	for round := range rounds {
		var ws []*store.Write
		for i := range callers {
			n := (i*7 + round) % people
			w := Accept(s, "p1", "app1", first[n].Accept.Identities[0])
			w.Accept.LastReceived = s.Now()
			m := first[(i*5+round)%people].Accept.Message
			w.Advance = &store.Advance{
				ProjectID: "p1", MessageID: m.ID, To: store.At(round*callers+i, parley.StatusQueuedOnChannel),
				ConversationID: m.ConversationID, ActiveChannel: []parley.Channel{parley.ChannelSMS, parley.ChannelRCS}[i%2],
			}
			ws = append(ws, w)
		}
		mustAll(t, commitAll(t, s, ws))
	}
	var top store.Progress
	for _, w := range first {
		top = max(top, value(s.Message(ctx, "p1", w.Accept.Message.ID))(t).Progress)
	}
	equal(t, "furthest progress", store.At(rounds*callers-1, parley.StatusQueuedOnChannel), top)
}

func testCommitStyles(t *testing.T, s *store.Store) {
	ctx := t.Context()
	var ws []*store.Write
	for n := range callers {
		ws = append(ws, Accept(s, "p1", "app1", phone(fmt.Sprintf("4670%07d", n))))
	}
	must(t, s.CommitAll(ctx, ws[:10]))
	told := make(chan error, callers)
	for _, w := range ws[10:20] {
		s.CommitThen(w, func(err error) { told <- err })
	}
	s.CommitThen(ws[0], func(err error) { told <- err }) // its message exists
	failed := 0
	for range 11 {
		if err := <-told; err != nil {
			failed++
		}
	}
	equal(t, "failed", 1, failed)
	if err := s.CommitAll(ctx, []*store.Write{ws[20], ws[1], ws[21]}); err == nil {
		t.Error("CommitAll does not tell of the write that failed")
	}
	for _, w := range ws[:22] {
		if _, err := s.Message(ctx, "p1", w.Accept.Message.ID); err != nil {
			t.Error(err)
		}
	}
}

// testClosed checks that nobody waits for ever for a store that was closed.
func testClosed(t *testing.T, s *store.Store) {
	var ws []*store.Write
	for n := range callers {
		ws = append(ws, Accept(s, "p1", "app1", phone(fmt.Sprintf("4670%07d", n))))
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	_ = commitAll(t, s, ws) // some are in time, some are not; all are answered
	wg.Wait()
	for range 2000 {
		if err := s.Commit(t.Context(), ws[0]); err == nil {
			t.Fatal("a closed store accepted a write")
		}
	}
	if err := s.CommitAll(t.Context(), ws); err == nil {
		t.Error("a closed store accepted writes")
	}
}

func testTx(t *testing.T, s *store.Store) {
	ctx := t.Context()
	undo := errors.New("undo")
	c := contact(s.NewID(), phone("46700000001"))
	err := s.Tx(ctx, func(tx *store.Store) error {
		must(t, tx.PutContact(ctx, "p1", c))
		must(t, tx.AddJobs(ctx, []*store.Job{{ProjectID: "p1", Kind: "test", Doc: []byte("{}")}}))
		equal(t, "contact within", c, value(tx.Contact(ctx, "p1", c.ID))(t))
		return undo
	})
	if !errors.Is(err, undo) {
		t.Errorf("Tx = %v, want the function's own error", err)
	}
	_, err = s.Contact(ctx, "p1", c.ID)
	isCode(t, "Contact after it was undone", parley.CodeNotFound, err)
	equal(t, "jobs after they were undone", map[string]int64{}, value(s.JobCounts(ctx))(t))

	// Transactions that change what they read do not undo each other.
	must(t, s.PutContact(ctx, "p1", c))
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if err := s.Tx(ctx, func(tx *store.Store) error {
				c, err := tx.Contact(ctx, "p1", c.ID)
				if err != nil {
					return err
				}
				c.ChannelPriority = append(c.ChannelPriority, parley.Channel(fmt.Sprint(i)))
				return tx.PutContact(ctx, "p1", c)
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	equal(t, "changes", 16, len(value(s.Contact(ctx, "p1", c.ID))(t).ChannelPriority))
}
