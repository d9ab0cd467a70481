package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

func on(ch parley.Channel, identity string) parley.ChannelIdentity {
	return parley.ChannelIdentity{Channel: ch, Identity: identity}
}

// testMerge goes through the table of what becomes of two contacts' things.
func testMerge(t *testing.T, s *store.Store) {
	ctx := t.Context()
	chat, number := on(parley.ChannelTelegram, "42"), phone("46700000001")
	accepted := func(appID string, to parley.ChannelIdentity) *store.Message {
		t.Helper()
		w := Accept(s, "p1", appID, to)
		must(t, s.Commit(ctx, w))
		return w.Accept.Message
	}
	// Both write to app1; only the source to app2. With app3 the destination
	// has a conversation that is over.
	first, second := accepted("app1", chat), accepted("app1", number)
	alone, past := accepted("app2", number), accepted("app3", chat)
	source, destination := second.ContactID, first.ContactID
	over := value(s.Conversation(ctx, "p1", past.ConversationID))(t)
	over.Active = false
	must(t, s.PutConversation(ctx, "p1", over))
	present := accepted("app3", number)
	folded := value(s.Conversation(ctx, "p1", second.ConversationID))(t)
	folded.LastReceived = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	folded.CorrelationID, folded.MetadataJSON = "c", json.RawMessage(`{"a":1}`)
	must(t, s.PutConversation(ctx, "p1", folded))
	before := value(s.Contact(ctx, "p1", source))(t)
	before.Email = "s@example.com"
	must(t, s.PutContact(ctx, "p1", before))

	kept, gone, err := s.MergeContacts(ctx, "p1", destination, source)
	must(t, err)
	equal(t, "the source as it was", before, gone)
	want := contact(destination, chat, number)
	want.ChannelPriority, want.Email = []parley.Channel{parley.ChannelSMS}, "s@example.com"
	equal(t, "the merged contact", want, kept)
	equal(t, "the stored contact", want, value(s.Contact(ctx, "p1", destination))(t))
	_, err = s.Contact(ctx, "p1", source)
	isCode(t, "the source", parley.CodeNotFound, err)
	equal(t, "who has the number", destination, value(s.IdentityOwner(ctx, "p1", number))(t))

	where := func(what string, m *store.Message, conversationID string) {
		t.Helper()
		got := value(s.Message(ctx, "p1", m.ID))(t)
		equal(t, what, []string{destination, conversationID}, []string{got.ContactID, got.ConversationID})
	}
	where("the destination's message", first, first.ConversationID)
	where("the source's message", second, first.ConversationID)
	where("a message to an app only the source knows", alone, alone.ConversationID)
	where("a message to an app with which the destination is done", present, present.ConversationID)
	_, err = s.Conversation(ctx, "p1", second.ConversationID)
	isCode(t, "the conversation that was merged", parley.CodeNotFound, err)
	into := value(s.Conversation(ctx, "p1", first.ConversationID))(t)
	equal(t, "what the active conversation took over",
		[]string{folded.LastReceived.String(), "c", `{"a":1}`}, []string{into.LastReceived.String(), into.CorrelationID, string(into.MetadataJSON)})
	recent, _, err := s.RecentConversations(ctx, "p1", store.RecentFilter{AppID: "app1", Limit: 9})
	must(t, err)
	if len(recent) != 1 || recent[0].Last.ID != second.ID {
		t.Errorf("the recent conversations: %+v", recent)
	}
	moved := value(s.ActiveConversation(ctx, "p1", "app2", destination))(t)
	equal(t, "the conversation that moved", alone.ConversationID, moved.ID)
	_, total, err := s.Conversations(ctx, "p1", store.ConversationFilter{ContactID: destination, Limit: 1})
	must(t, err)
	equal(t, "conversations", 4, total)

	// What follows is the destination's.
	next := accepted("app1", number)
	equal(t, "the next message", []string{destination, first.ConversationID}, []string{next.ContactID, next.ConversationID})
	_, _, err = s.MergeContacts(ctx, "p1", destination, source)
	isCode(t, "a source that is gone", parley.CodeNotFound, err)
	_, _, err = s.MergeContacts(ctx, "p1", source, destination)
	isCode(t, "a destination that is gone", parley.CodeNotFound, err)
	_, _, err = s.MergeContacts(ctx, "p2", destination, s.NewID())
	isCode(t, "another project's destination", parley.CodeNotFound, err)
	where("after merges that failed", next, first.ConversationID)
}

// testMergeCrossing merges contacts while messages to and from the source
// arrive: each ends with a contact and a conversation that are there, or is
// refused.
func testMergeCrossing(t *testing.T, s *store.Store) {
	ctx := t.Context()
	var mu sync.Mutex
	var messages []*store.Message
	for round := range rounds {
		chat, number := on(parley.ChannelTelegram, fmt.Sprint(round)), phone(fmt.Sprintf("4670%07d", round))
		start := []*store.Write{Accept(s, "p1", "app1", chat), Accept(s, "p1", "app1", number)}
		mustAll(t, commitAll(t, s, start))
		destination, source := start[0].Accept.ContactID, start[1].Accept.ContactID
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				for range 4 {
					w := Accept(s, "p1", fmt.Sprint("app", i%4), number)
					if i%2 == 0 {
						w.Accept.ContactID = source // as it was when the message was addressed
					}
					err := s.Commit(ctx, w)
					if parley.IsNotFound(err) {
						continue
					}
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					messages = append(messages, w.Accept.Message)
					mu.Unlock()
				}
			})
		}
		if _, _, err := s.MergeContacts(ctx, "p1", destination, source); err != nil {
			t.Error(err)
		}
		wg.Wait()
		equal(t, "who has the number", destination, value(s.IdentityOwner(ctx, "p1", number))(t))
	}
	for _, m := range messages {
		got := value(s.Message(ctx, "p1", m.ID))(t)
		_, err := s.Contact(ctx, "p1", got.ContactID)
		c, cerr := s.Conversation(ctx, "p1", got.ConversationID)
		if must(t, errors.Join(err, cerr)); c.ContactID != got.ContactID {
			t.Fatalf("a message of contact %s is in a conversation of %s", got.ContactID, c.ContactID)
		}
	}
}

// testDeleteCrossing deletes contacts, and conversations, while messages to and
// from them arrive: each ends with a contact and a conversation that are there,
// is gone with what was deleted, or is refused.
func testDeleteCrossing(t *testing.T, s *store.Store) {
	ctx := t.Context()
	var mu sync.Mutex
	var messages []*store.Message
	for round := range rounds {
		number := phone(fmt.Sprintf("4671%07d", round))
		first := Accept(s, "p1", "app0", number)
		must(t, s.Commit(ctx, first))
		doomed := first.Accept.ContactID
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				for range 4 {
					w := Accept(s, "p1", fmt.Sprint("app", i%4), number)
					if i%2 == 0 {
						w.Accept.ContactID = doomed // as it was when the message was addressed
					}
					err := s.Commit(ctx, w)
					if parley.IsNotFound(err) {
						continue
					}
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					messages = append(messages, w.Accept.Message)
					mu.Unlock()
				}
			})
		}
		var err error
		if round%2 == 0 {
			_, err = s.DeleteContact(ctx, "p1", doomed)
		} else {
			_, err = s.DeleteConversation(ctx, "p1", first.Accept.Message.ConversationID)
		}
		if err != nil {
			t.Error(err)
		}
		wg.Wait()
	}
	for _, m := range messages {
		got, err := s.Message(ctx, "p1", m.ID)
		if parley.IsNotFound(err) {
			continue // deleted with it
		}
		must(t, err)
		_, err = s.Contact(ctx, "p1", got.ContactID)
		_, cerr := s.Conversation(ctx, "p1", got.ConversationID)
		if err != nil || cerr != nil {
			t.Fatalf("a message is left with a contact or a conversation that is gone: %v", errors.Join(err, cerr))
		}
	}
}

// testOwners looks at identities that several contacts have, or that nobody
// has while the contact is known by another.
func testOwners(t *testing.T, s *store.Store) {
	ctx := t.Context()
	anna, chat, other := phone("46700000001"), on(parley.ChannelTelegram, "42"), on(parley.ChannelWhatsApp, "46700000001")
	ids := []string{s.NewID(), s.NewID()}
	slices.Sort(ids)
	for _, id := range ids {
		must(t, s.PutContact(ctx, "p1", contact(id, anna)))
	}
	send := func(to ...parley.ChannelIdentity) *store.Resolution {
		t.Helper()
		w := Accept(s, "p1", "app1", to[0])
		w.Accept.Identities, w.Accept.NewContact.ChannelIdentities = to, to
		must(t, s.Commit(ctx, w))
		return &w.Accept.Resolution
	}
	shared := []parley.DuplicatedIdentity{{Channel: parley.ChannelSMS, ContactIDs: ids}}
	for range 3 { // every time, also by those who remember
		r := send(anna)
		equal(t, "the oldest owner", ids[0], r.ContactID)
		equal(t, "duplicates", shared, r.Duplicates)
	}

	r := send(anna, chat, other)
	want := contact(ids[0], anna, chat, other)
	equal(t, "the contact with what it lacked", want, r.ContactUpdated)
	equal(t, "the stored contact", want, value(s.Contact(ctx, "p1", ids[0]))(t))
	equal(t, "duplicates of an update", shared, r.Duplicates)
	for _, to := range [][]parley.ChannelIdentity{{chat}, {other, chat}} {
		r := send(to...)
		equal(t, "the owner", ids[0], r.ContactID)
		if r.ContactUpdated != nil || r.Duplicates != nil || r.ContactCreated {
			t.Errorf("a message to a known contact: %+v", r)
		}
	}
	// What somebody else has stays theirs.
	must(t, s.PutContact(ctx, "p1", contact(ids[1], phone("46700000002"))))
	r = send(chat, phone("46700000002"))
	equal(t, "the owner of the first", ids[0], r.ContactID)
	if r.ContactUpdated != nil {
		t.Errorf("a contact was given another's identity: %+v", r.ContactUpdated)
	}
	if r = send(anna); r.Duplicates != nil {
		t.Errorf("duplicates where there are none any more: %+v", r.Duplicates)
	}
}

// testAdopting has many callers give one contact new identities at once.
func testAdopting(t *testing.T, s *store.Store) {
	ctx := t.Context()
	anna := phone("46700000001")
	first := Accept(s, "p1", "app1", anna)
	must(t, s.Commit(ctx, first))
	for round := range rounds {
		var ws []*store.Write
		for i := range callers {
			w := Accept(s, "p1", "app1", anna)
			w.Accept.Identities = []parley.ChannelIdentity{anna, on(parley.ChannelTelegram, fmt.Sprint(round, i/8))}
			ws = append(ws, w)
		}
		mustAll(t, commitAll(t, s, ws))
		updates := 0
		for _, w := range ws {
			equal(t, "contact", first.Accept.ContactID, w.Accept.ContactID)
			if w.Accept.ContactUpdated != nil {
				updates++
			}
		}
		equal(t, "updates", callers/8, updates)
	}
	c := value(s.Contact(ctx, "p1", first.Accept.ContactID))(t)
	equal(t, "identities", 1+rounds*callers/8, len(c.ChannelIdentities))
	all := value(s.Contacts(ctx, "p1", store.ContactFilter{Limit: 10}))(t)
	equal(t, "contacts", 1, len(all))
}

func testSettings(t *testing.T, s *store.Store) {
	ctx := t.Context()
	for _, p := range []string{"p1", "p2"} {
		value(s.CreateProject(ctx, p, ""))(t)
	}
	_, err := s.Settings(ctx, "p1")
	isCode(t, "Settings of a project without", parley.CodeNotFound, err)
	v := &parley.ProjectSettings{ContactSettings: parley.ContactSettings{UnifiedContactIDEnabled: true}}
	must(t, s.CreateSettings(ctx, "p1", v))
	isCode(t, "CreateSettings again", parley.CodeAlreadyExists, s.CreateSettings(ctx, "p1", v))
	equal(t, "settings", v, value(s.Settings(ctx, "p1"))(t))
	_, err = s.Settings(ctx, "p2")
	isCode(t, "Settings from another project", parley.CodeNotFound, err)
	v.ContactSettings.UnifiedContactIDEnabled = false
	must(t, s.PutSettings(ctx, "p1", v))
	equal(t, "changed settings", v, value(s.Settings(ctx, "p1"))(t))
	isCode(t, "DeleteSettings of another project", parley.CodeNotFound, s.DeleteSettings(ctx, "p2"))
	must(t, s.DeleteSettings(ctx, "p1"))
	_, err = s.Settings(ctx, "p1")
	isCode(t, "Settings that are gone", parley.CodeNotFound, err)
}

func testIdentityConflicts(t *testing.T, s *store.Store) {
	ctx := t.Context()
	var ids []string
	put := func(project string, identities ...parley.ChannelIdentity) {
		id := s.NewID()
		ids = append(ids, id)
		must(t, s.PutContact(ctx, project, contact(id, identities...)))
	}
	// 1 and 3 are shared, across channels and on one; 2 is one contact's; 4 is
	// on channels that are not united; 5 in different projects.
	put("p1", phone("1"), on(parley.ChannelMMS, "2"))
	put("p1", on(parley.ChannelRCS, "1"), on(parley.ChannelMMS, "1"))
	put("p1", phone("2b"), phone("3"), phone("4"), on(parley.ChannelWhatsApp, "5"))
	put("p1", phone("3"), on(parley.ChannelWhatsApp, "4"), phone("5"))
	put("p2", phone("5"), phone("1"))
	want := []*parley.IdentityConflict{
		{Identity: "1", Channels: []parley.Channel{"MMS", "RCS", "SMS"}, ContactIDs: ids[:2]},
		{Identity: "3", Channels: []parley.Channel{"SMS"}, ContactIDs: ids[2:4]},
	}
	equal(t, "conflicts", want, value(s.IdentityConflicts(ctx, "p1", "", 10))(t))
	equal(t, "first page", want[:1], value(s.IdentityConflicts(ctx, "p1", "", 1))(t))
	equal(t, "second page", want[1:], value(s.IdentityConflicts(ctx, "p1", "1", 1))(t))
	equal(t, "after the last", []*parley.IdentityConflict{}, value(s.IdentityConflicts(ctx, "p1", "3", 1))(t))
	equal(t, "another project's", []*parley.IdentityConflict{}, value(s.IdentityConflicts(ctx, "p2", "", 1))(t))

	both := []parley.ChannelIdentity{phone("2b"), phone("1")}
	equal(t, "another owner", ids[0], value(s.OtherOwner(ctx, "p1", ids[2], both))(t))
	equal(t, "no other owner", "", value(s.OtherOwner(ctx, "p1", ids[0], []parley.ChannelIdentity{phone("1")}))(t))
}
