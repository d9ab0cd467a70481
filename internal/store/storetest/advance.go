package storetest

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

func testAdvance(t *testing.T, s *store.Store) {
	ctx := t.Context()
	w := Accept(s, "p1", "app1", phone("46700000001"))
	must(t, s.Commit(ctx, w))
	m := w.Accept.Message
	next := phone("46700000002")
	next.AppID = "app1"
	first := &store.Advance{
		ProjectID: "p1", MessageID: m.ID, To: store.At(0, parley.StatusQueuedOnChannel),
		Channel: next.Channel, Identity: next.Identity, IdentityApp: next.AppID,
		ConversationID: m.ConversationID, ActiveChannel: next.Channel,
		IDs:  []*store.ProviderID{{ProjectID: "p1", AppID: "app1", Channel: next.Channel, ID: "x1", MessageID: m.ID, Parts: 1}},
		Jobs: []*store.Job{{ProjectID: "p1", Kind: "moved", Doc: []byte("{}")}}, Always: []*store.Job{{ProjectID: "p1", Kind: "always", Doc: []byte("{}")}},
	}
	must(t, s.Commit(ctx, &store.Write{Advance: first}))
	got := value(s.Message(ctx, "p1", m.ID))(t)
	equal(t, "moved", true, first.Moved)
	equal(t, "progress", first.To, got.Progress)
	equal(t, "identity", next, got.Identity)
	equal(t, "active channel", next.Channel, value(s.Conversation(ctx, "p1", m.ConversationID))(t).ActiveChannel)

	// The same again does not move it, and leaves its identity alone.
	again := &store.Advance{
		ProjectID: "p1", MessageID: m.ID, To: first.To, Channel: parley.ChannelRCS, Identity: "other",
		IDs:  []*store.ProviderID{{ProjectID: "p1", AppID: "app1", Channel: next.Channel, ID: "x2", MessageID: m.ID, Parts: 1}},
		Jobs: []*store.Job{{ProjectID: "p1", Kind: "moved", Doc: []byte("{}")}}, Always: []*store.Job{{ProjectID: "p1", Kind: "always", Doc: []byte("{}")}},
	}
	must(t, s.Commit(ctx, &store.Write{Advance: again}))
	equal(t, "moved again", false, again.Moved)
	equal(t, "message", got, value(s.Message(ctx, "p1", m.ID))(t))
	equal(t, "jobs", map[string]int64{store.KindSend: 1, "moved": 1, "always": 2}, value(s.JobCounts(ctx))(t))
	if value(s.FindProviderID(ctx, "p1", "app1", next.Channel, "x2"))(t) == nil {
		t.Error("the provider id of an advance that did not move was lost")
	}

	// A message that is gone, or another project's, does not move.
	for _, a := range []*store.Advance{
		{ProjectID: "p1", MessageID: s.NewID(), To: store.At(0, parley.StatusRead)},
		{ProjectID: "p2", MessageID: m.ID, To: store.At(0, parley.StatusRead)},
	} {
		must(t, s.Commit(ctx, &store.Write{Advance: a}))
		equal(t, "moved without a message", false, a.Moved)
	}
}

// testAdvanceProperty reports random states of a message, one by one and many
// at the same moment. The message never goes back and never leaves its end.
func testAdvanceProperty(t *testing.T, s *store.Store) {
	statuses := []parley.DeliveryStatus{
		parley.StatusQueued, parley.StatusQueuedOnChannel, parley.StatusDelivered, parley.StatusRead,
		parley.StatusFailed, parley.StatusSwitchingChannel,
	}
	to := rapid.Custom(func(r *rapid.T) store.Progress {
		return store.At(rapid.IntRange(0, 2).Draw(r, "leg"), rapid.SampledFrom(statuses).Draw(r, "status"))
	})
	rapid.Check(t, func(r *rapid.T) {
		w := Accept(s, "p1", "app1", phone("46700000001"))
		must(t, s.Commit(t.Context(), w))
		at := store.Progress(0)
		for _, group := range rapid.SliceOfN(rapid.SliceOfN(to, 1, 5), 1, 6).Draw(r, "reports") {
			var ws []*store.Write
			for _, p := range group {
				ws = append(ws, &store.Write{Advance: &store.Advance{ProjectID: "p1", MessageID: w.Accept.Message.ID, To: p}})
			}
			mustAll(t, commitAll(t, s, ws))
			got := value(s.Message(t.Context(), "p1", w.Accept.Message.ID))(t).Progress
			checkMoves(r, at, got, ws)
			at = got
		}
	})
}

// checkMoves checks that a message that was at one state and got to another
// was moved there by the reports that say so.
func checkMoves(r *rapid.T, before, after store.Progress, ws []*store.Write) {
	moves := []store.Progress{before}
	for _, w := range ws {
		if w.Advance.Moved {
			moves = append(moves, w.Advance.To)
		}
		// What fails a leg may have been reported when the leg was delivered.
		to := w.Advance.To
		fails := to.Status() == parley.StatusFailed || to.Status() == parley.StatusSwitchingChannel
		if to.Follows(after) && !fails {
			r.Fatalf("the message stayed at %v, though %v was reported", after, to)
		}
	}
	slices.Sort(moves) // it only goes up
	for i, p := range moves[1:] {
		if !p.Follows(moves[i]) {
			r.Fatalf("the message moved from %v to %v", moves[i], p)
		}
	}
	if last := moves[len(moves)-1]; last != after {
		r.Fatalf("the message was moved from %v to %v and is at %v", before, last, after)
	}
}
