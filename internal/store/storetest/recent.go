package storetest

import (
	"testing"

	"github.com/parley-im/parley/internal/store"
)

// recents lists an app's recent conversations as "conversation message".
func recents(t *testing.T, s *store.Store, f store.RecentFilter) ([]string, int) {
	t.Helper()
	if f.Limit == 0 {
		f.Limit = 100
	}
	list, total, err := s.RecentConversations(t.Context(), "p1", f)
	must(t, err)
	var out []string
	for _, c := range list {
		out = append(out, c.Conversation.ID+" "+c.Last.ID)
	}
	return out, total
}

func testRecent(t *testing.T, s *store.Store) {
	ctx := t.Context()
	sendTo := func(app, number string) *store.Message {
		w := Accept(s, "p1", app, phone(number))
		must(t, s.Commit(ctx, w))
		return w.Accept.Message
	}
	is := func(what string, f store.RecentFilter, want ...*store.Message) {
		t.Helper()
		var names []string
		for _, m := range want {
			names = append(names, m.ConversationID+" "+m.ID)
		}
		got, total := recents(t, s, f)
		equal(t, what, names, got)
		if f.Page == "" && f.Limit == 0 {
			equal(t, what+": in all", len(want), total)
		}
	}
	app1 := store.RecentFilter{AppID: "app1"}
	is("of nothing", app1)
	must(t, s.PutConversation(ctx, "p1", conversation(s.NewID(), "app1", s.NewID()))) // without a message
	a1, b1 := sendTo("app1", "1"), sendTo("app1", "2")
	other := sendTo("app2", "3")
	is("two", app1, b1, a1)
	is("again", app1, b1, a1)
	is("of another app", store.RecentFilter{AppID: "app2"}, other)
	is("of no app", store.RecentFilter{AppID: "app3"})
	a2 := sendTo("app1", "1")
	is("one moves up", app1, a2, b1)
	is("oldest first", store.RecentFilter{AppID: "app1", OldestFirst: true}, b1, a2)
	is("first page", store.RecentFilter{AppID: "app1", Limit: 1}, a2)
	is("second page", store.RecentFilter{AppID: "app1", Limit: 1, Page: a2.ID}, b1)
	is("second page, oldest first", store.RecentFilter{AppID: "app1", Limit: 1, Page: b1.ID, OldestFirst: true}, a2)

	past := *b1
	past.ID, past.AcceptTime, past.Injected = s.IDAt(b1.AcceptTime.Add(-1e12)), b1.AcceptTime.Add(-1e12), true
	must(t, s.AddMessage(ctx, &past))
	is("put into the past", app1, a2, b1)
	must(t, s.DeleteMessage(ctx, "p1", a2.ID))
	is("the last one deleted", app1, b1, a1)
	must(t, s.DeleteMessage(ctx, "p1", b1.ID))
	is("the one in the past", app1, a1, &past)

	c := value(s.Conversation(ctx, "p1", a1.ConversationID))(t)
	c.Active = false
	must(t, s.PutConversation(ctx, "p1", c))
	is("only active ones", store.RecentFilter{AppID: "app1", OnlyActive: true}, &past)
	a3 := sendTo("app1", "1")
	is("a new conversation", app1, a3, a1, &past)
	is("only active ones, oldest first", store.RecentFilter{AppID: "app1", OnlyActive: true, OldestFirst: true}, &past, a3)

	value(s.DeleteConversation(ctx, "p1", a3.ConversationID))(t)
	must(t, s.DeleteMessage(ctx, "p1", a1.ID))
	is("one without messages", app1, &past)
}

// testMovedConversation checks that messages go with their conversation to
// another app and contact.
func testMovedConversation(t *testing.T, s *store.Store) {
	ctx := t.Context()
	w := Accept(s, "p1", "app1", phone("1"))
	must(t, s.Commit(ctx, w))
	m := w.Accept.Message
	old := value(s.Conversation(ctx, "p1", m.ConversationID))(t)
	moved := *old
	moved.AppID, moved.ContactID = "app2", s.NewID()
	must(t, s.Tx(ctx, func(tx *store.Store) error {
		if err := tx.PutConversation(ctx, "p1", &moved); err != nil {
			return err
		}
		return tx.MoveConversation(ctx, "p1", old, &moved)
	}))
	got := value(s.Message(ctx, "p1", m.ID))(t)
	equal(t, "app and contact", [2]string{moved.AppID, moved.ContactID}, [2]string{got.AppID, got.ContactID})
	before, _ := recents(t, s, store.RecentFilter{AppID: "app1"})
	equal(t, "recent where it was", []string(nil), before)
	after, _ := recents(t, s, store.RecentFilter{AppID: "app2"})
	equal(t, "recent where it is", []string{moved.ID + " " + m.ID}, after)
	// The next message to the same people starts another.
	w = Accept(s, "p1", "app1", phone("1"))
	must(t, s.Commit(ctx, w))
	if w.Accept.Message.ConversationID == moved.ID {
		t.Error("a message of the old app is put into the conversation")
	}
}

// testRecentPaging reads page by page, oldest first, while messages come and
// go: a conversation nothing happens in is met once.
func testRecentPaging(t *testing.T, s *store.Store) {
	const n = 60
	var ids []string
	of := map[string]string{} // conversation to message
	for i := range n {
		w := Accept(s, "p1", "app1", phone(string(rune('a'+i))))
		must(t, s.Commit(t.Context(), w))
		ids = append(ids, w.Accept.Message.ID)
		of[w.Accept.Message.ConversationID] = w.Accept.Message.ID
	}
	stays := func(i int) bool { return i%3 != 0 }
	disturb(t, n, func(i int) error {
		if stays(i) {
			return s.Commit(t.Context(), Accept(s, "p1", "app1", phone("another")))
		}
		if i%2 == 0 {
			return s.DeleteMessage(t.Context(), "p1", ids[i])
		}
		return s.Commit(t.Context(), Accept(s, "p1", "app1", phone(string(rune('a'+i)))))
	}, func() {
		var got []string
		for f := (store.RecentFilter{AppID: "app1", Limit: 7, OldestFirst: true}); ; {
			page, _, err := s.RecentConversations(t.Context(), "p1", f)
			must(t, err)
			for _, c := range page {
				if m := of[c.Conversation.ID]; m == c.Last.ID {
					got = append(got, m)
				}
			}
			if len(page) < f.Limit {
				break
			}
			f.Page = page[len(page)-1].Last.ID
		}
		seenOnce(t, ids, stays, got)
	})
}
