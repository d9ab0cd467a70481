package store_test

import (
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/store/storetest"
)

// TestRemembered: what the committer remembers of people must not outlive
// changes that did not go through it.
func TestRemembered(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := storetest.Open(t, storetest.Options(t, ""))
	if _, err := s.CreateProject(ctx, "p", "p"); err != nil {
		t.Fatal(err)
	}
	id := parley.ChannelIdentity{Channel: parley.ChannelSMS, Identity: "12025550123"}
	accept := func() *store.Acceptance {
		t.Helper()
		conv := &parley.Conversation{ID: s.NewID(), AppID: "a", Active: true}
		conv.SetDefaults()
		contact := &parley.Contact{ID: s.NewID(), ChannelIdentities: []parley.ChannelIdentity{id}}
		contact.SetDefaults()
		a := &store.Acceptance{
			Resolution: store.Resolution{
				ProjectID: "p", AppID: "a", Identities: []parley.ChannelIdentity{id}, NewContact: contact, NewConversation: conv,
			},
			Message: &store.Message{ProjectID: "p", ID: s.NewID(), AppID: "a", ToContact: true, Doc: []byte("{}")},
			Job:     &store.Job{ProjectID: "p", Kind: store.KindSend, Doc: []byte("{}")},
		}
		if err := s.Commit(ctx, &store.Write{Accept: a}); err != nil {
			t.Fatal(err)
		}
		return a
	}
	first, again := accept(), accept()
	if again.ContactCreated || again.ConversationStarted || again.ContactID != first.ContactID {
		t.Fatalf("the second message made contact %q beside %q", again.ContactID, first.ContactID)
	}

	conv, err := s.Conversation(ctx, "p", first.Conversation.ID)
	if err != nil {
		t.Fatal(err)
	}
	conv.Active = false
	if err := s.PutConversation(ctx, "p", conv); err != nil {
		t.Fatal(err)
	}
	next := accept()
	if !next.ConversationStarted || next.Message.ConversationID == conv.ID {
		t.Error("a message went into a conversation that was stopped")
	}

	if _, err := s.DeleteContact(ctx, "p", first.ContactID); err != nil {
		t.Fatal(err)
	}
	if last := accept(); !last.ContactCreated || last.ContactID == first.ContactID {
		t.Error("a message went to a contact that was deleted")
	}
}
