package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

func contact(id string, identities ...parley.ChannelIdentity) *parley.Contact {
	c := &parley.Contact{ID: id, ChannelIdentities: identities}
	c.SetDefaults()
	return c
}

func testContacts(t *testing.T, s *store.Store) {
	ctx := t.Context()
	anna, ben := phone("46700000001"), phone("46700000002")
	want := []*parley.Contact{contact(s.NewID(), anna), contact(s.NewID(), ben), contact(s.NewID(), anna)}
	want[1].ExternalID, want[1].DisplayName = "crm-2", "Ben <é>"
	for _, c := range want {
		must(t, s.PutContact(ctx, "p1", c))
	}
	equal(t, "contact", want[1], value(s.Contact(ctx, "p1", want[1].ID))(t))
	all := store.ContactFilter{Limit: 10}
	equal(t, "contacts", want, value(s.Contacts(ctx, "p1", all))(t))
	equal(t, "second page", want[1:2], value(s.Contacts(ctx, "p1", store.ContactFilter{After: want[0].ID, Limit: 1}))(t))
	equal(t, "by external id", want[1:2], value(s.Contacts(ctx, "p1", store.ContactFilter{ExternalID: "crm-2", Limit: 10}))(t))
	equal(t, "by identity", []*parley.Contact{want[0], want[2]},
		value(s.Contacts(ctx, "p1", store.ContactFilter{Identity: &anna, Limit: 10}))(t))
	equal(t, "owner of two", want[0].ID, value(s.IdentityOwner(ctx, "p1", anna))(t))
	equal(t, "owner of none", "", value(s.IdentityOwner(ctx, "p1", phone("46709999999")))(t))

	// A changed contact is known by its new identities and by no other.
	clara := phone("46700000003")
	want[0].ChannelIdentities, want[0].ExternalID = []parley.ChannelIdentity{clara}, "crm-1"
	must(t, s.PutContact(ctx, "p1", want[0]))
	equal(t, "owner of the old identity", want[2].ID, value(s.IdentityOwner(ctx, "p1", anna))(t))
	equal(t, "owner of the new identity", want[0].ID, value(s.IdentityOwner(ctx, "p1", clara))(t))
	equal(t, "by new external id", want[:1], value(s.Contacts(ctx, "p1", store.ContactFilter{ExternalID: "crm-1", Limit: 10}))(t))

	gone := value(s.DeleteContact(ctx, "p1", want[0].ID))(t)
	equal(t, "deleted contact", want[0], gone)
	_, err := s.DeleteContact(ctx, "p1", want[0].ID)
	isCode(t, "DeleteContact twice", parley.CodeNotFound, err)
	_, err = s.Contact(ctx, "p1", want[0].ID)
	isCode(t, "Contact of one that is gone", parley.CodeNotFound, err)
	equal(t, "owner after the deletion", "", value(s.IdentityOwner(ctx, "p1", clara))(t))
	equal(t, "contacts left", want[1:], value(s.Contacts(ctx, "p1", all))(t))
}

// testContactsPaging reads page by page while contacts come and go: what is
// there all the time is seen exactly once, in order.
func testContactsPaging(t *testing.T, s *store.Store) {
	const n = 120
	var ids []string
	for i := range n {
		c := contact(s.NewID(), phone(fmt.Sprintf("4670%07d", i)))
		must(t, s.PutContact(t.Context(), "p1", c))
		ids = append(ids, c.ID)
	}
	stays := func(i int) bool { return i%3 != 0 }
	disturb(t, n, func(i int) error {
		if !stays(i) {
			if _, err := s.DeleteContact(t.Context(), "p1", ids[i]); err != nil {
				return err
			}
		}
		return s.PutContact(t.Context(), "p1", contact(s.NewID(), phone(fmt.Sprintf("4671%07d", i))))
	}, func() {
		var got []string
		for f := (store.ContactFilter{Limit: 7}); ; {
			page := value(s.Contacts(t.Context(), "p1", f))(t)
			for _, c := range page {
				got = append(got, c.ID)
			}
			if len(page) < f.Limit {
				break
			}
			f.After = page[len(page)-1].ID
		}
		seenOnce(t, ids, stays, got)
	})
}

// disturb calls change for 0 to n while look runs, and once more look when
// nothing changes any more.
func disturb(t *testing.T, n int, change func(int) error, look func()) {
	t.Helper()
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range n {
			if err := change(i); err != nil {
				t.Errorf("change %d: %v", i, err)
				return
			}
		}
	})
	look()
	wg.Wait()
	look()
}

// seenOnce checks a listing in ascending order.
func seenOnce(t *testing.T, ids []string, stays func(int) bool, got []string) {
	t.Helper()
	for i := 1; i < len(got); i++ {
		if got[i-1] >= got[i] {
			t.Fatalf("%s is listed before %s", got[i-1], got[i])
		}
	}
	for i, id := range ids {
		if _, found := slices.BinarySearch(got, id); !found && stays(i) {
			t.Errorf("%s is missing from the listing", id)
		}
	}
}

func conversation(id, appID, contactID string) *parley.Conversation {
	c := &parley.Conversation{ID: id, AppID: appID, ContactID: contactID, Active: true}
	c.SetDefaults()
	return c
}

func testConversations(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ids := []string{s.NewID(), s.NewID(), s.NewID(), s.NewID()}
	want := []*parley.Conversation{
		conversation(ids[0], "a1", "c1"), conversation(ids[1], "a2", "c1"),
		conversation(ids[2], "a1", "c2"), conversation(ids[3], "a1", "c3"),
	}
	want[0].Active = false
	want[2].ActiveChannel, want[2].LastReceived = parley.ChannelSMS, time.Date(2026, 3, 4, 5, 6, 7, 8000, time.UTC)
	want[2].Metadata, want[2].MetadataJSON, want[2].CorrelationID = "m", json.RawMessage(`{"k":"<é>"}`), "corr"
	for _, c := range want {
		must(t, s.PutConversation(ctx, "p1", c))
	}
	equal(t, "conversation", want[2], value(s.Conversation(ctx, "p1", ids[2]))(t))
	equal(t, "active one", want[1], value(s.ActiveConversation(ctx, "p1", "a2", "c1"))(t))
	if c := value(s.ActiveConversation(ctx, "p1", "a1", "c1"))(t); c != nil {
		t.Errorf("an inactive conversation is taken for the active one: %+v", c)
	}
	for _, c := range []struct {
		filter store.ConversationFilter
		want   []*parley.Conversation
		total  int
	}{
		{store.ConversationFilter{Limit: 10}, want, 4},
		{store.ConversationFilter{Limit: 2, After: ids[0]}, want[1:3], 4},
		{store.ConversationFilter{Limit: 1, AppID: "a1"}, want[:1], 3},
		{store.ConversationFilter{Limit: 10, AppID: "a1", OnlyActive: true}, want[2:], 2},
		{store.ConversationFilter{Limit: 10, ContactID: "c1"}, want[:2], 2},
		{store.ConversationFilter{Limit: 10, ActiveChannel: parley.ChannelSMS}, want[2:3], 1},
	} {
		got, total, err := s.Conversations(ctx, "p1", c.filter)
		must(t, err)
		equal(t, fmt.Sprintf("conversations by %+v", c.filter), c.want, got)
		equal(t, fmt.Sprintf("total by %+v", c.filter), c.total, total)
	}
	second := conversation(s.NewID(), "a1", "c2")
	isCode(t, "PutConversation of a second active one", parley.CodeAlreadyExists, s.PutConversation(ctx, "p1", second))
	want[2].Active = false
	must(t, s.PutConversation(ctx, "p1", want[2]))
	must(t, s.PutConversation(ctx, "p1", second))

	equal(t, "the conversation as it was", ids[3], value(s.DeleteConversation(ctx, "p1", ids[3]))(t).ID)
	_, err := s.DeleteConversation(ctx, "p1", ids[3])
	isCode(t, "DeleteConversation twice", parley.CodeNotFound, err)
	_, err = s.Conversation(ctx, "p1", ids[3])
	isCode(t, "Conversation of one that is gone", parley.CodeNotFound, err)
}

// testDeleting checks that what belongs to an app, a contact or a conversation
// goes with it, and that nothing else does.
func testDeleting(t *testing.T, s *store.Store) {
	ctx := t.Context()
	value(s.CreateProject(ctx, "p1", ""))(t)
	for _, id := range []string{"app1", "app2"} {
		must(t, s.PutApp(ctx, "p1", app(id)))
	}
	anna, ben := phone("46700000001"), phone("46700000002")
	messages := map[string]*store.Message{}
	accept := func(name, appID string, to parley.ChannelIdentity) {
		w := Accept(s, "p1", appID, to)
		must(t, s.Commit(ctx, w))
		messages[name] = w.Accept.Message
	}
	left := func() (names []string) {
		for name, m := range messages {
			_, err := s.Message(ctx, "p1", m.ID)
			if err == nil {
				names = append(names, name)
			} else if !parley.IsNotFound(err) {
				t.Error(err)
			}
		}
		slices.Sort(names)
		return names
	}
	accept("1 anna", "app1", anna)
	accept("1 ben", "app1", ben)
	accept("2 anna", "app2", anna)
	accept("2 ben", "app2", ben)
	value(s.DeleteConversation(ctx, "p1", messages["1 ben"].ConversationID))(t)
	equal(t, "messages without a conversation", []string{"1 anna", "2 anna", "2 ben"}, left())
	must(t, s.DeleteApp(ctx, "p1", "app2"))
	equal(t, "messages without an app", []string{"1 anna"}, left())
	_, err := s.Contact(ctx, "p1", messages["2 ben"].ContactID)
	must(t, err) // contacts are the project's
	value(s.DeleteContact(ctx, "p1", messages["1 anna"].ContactID))(t)
	equal(t, "messages without a contact", []string(nil), left())
	_, err = s.Conversation(ctx, "p1", messages["1 anna"].ConversationID)
	isCode(t, "Conversation of a deleted contact", parley.CodeNotFound, err)
}
