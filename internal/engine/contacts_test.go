package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
)

// contact stores a contact with some identities.
func (w *world) contact(ids ...parley.ChannelIdentity) *parley.Contact {
	w.t.Helper()
	c, err := w.e.CreateContact(w.t.Context(), project, &parley.Contact{ChannelIdentities: ids})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// TestInboundOfShared: what comes from an identity of two contacts is the
// older one's, and each message and event says that there are two.
func TestInboundOfShared(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	a := w.app()
	first, second := w.contact(sms(ada)), w.contact(sms(ada))
	w.take()
	w.tell(a, parley.ChannelSMS, says("i1", ada, "hi"))
	got := w.expect("CONTACT_IDENTITIES_DUPLICATION", "CONVERSATION_START", "MESSAGE_INBOUND")
	want := []parley.DuplicatedIdentity{{Channel: parley.ChannelSMS, ContactIDs: []string{first.ID, second.ID}}}
	if diff := cmp.Diff(want, got[0].body.DuplicatedIdentities.DuplicatedIdentities); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if id := got[2].body.Message.ContactID; id != first.ID {
		t.Errorf("the message is of %s, want %s", id, first.ID)
	}
	w.tell(a, parley.ChannelSMS, says("i2", ada, "again"))
	w.expect("CONTACT_IDENTITIES_DUPLICATION", "MESSAGE_INBOUND")
	if _, err := w.e.MergeContacts(t.Context(), project, second.ID, &parley.MergeContactRequest{SourceID: first.ID}); err != nil {
		t.Fatal(err)
	}
	w.expect("CONTACT_MERGE")
	w.tell(a, parley.ChannelSMS, says("i3", ada, "once more"))
	if id := w.expect("MESSAGE_INBOUND")[0].body.Message.ContactID; id != second.ID {
		t.Errorf("after the merge the message is of %s, want %s", id, second.ID)
	}
}

// TestUnifiedInbound: with Unified Contact ID a number is one contact on all
// its channels.
func TestUnifiedInbound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS), scripted(parley.ChannelRCS))
	a := w.app()
	c := w.contact(sms(ada))
	on := &parley.ProjectSettings{ContactSettings: parley.ContactSettings{UnifiedContactIDEnabled: true}}
	if _, err := w.e.CreateSettings(t.Context(), project, on); err != nil {
		t.Fatal(err)
	}
	w.take()
	w.tell(a, parley.ChannelRCS, says("i1", ada, "hi"))
	got := w.expect("CONTACT_UPDATE", "CONVERSATION_START", "MESSAGE_INBOUND")
	if n := len(got[0].body.ContactUpdate.Contact.ChannelIdentities); n != 3 || got[2].body.Message.ContactID != c.ID {
		t.Errorf("%d identities, a message of %s, want 3 and %s", n, got[2].body.Message.ContactID, c.ID)
	}
	w.tell(a, parley.ChannelSMS, says("i2", bob, "hi"))
	got = w.expect("CONTACT_CREATE", "CONVERSATION_START", "MESSAGE_INBOUND")
	if n := len(got[0].body.ContactCreate.Contact.ChannelIdentities); n != 3 {
		t.Errorf("a new contact has %d identities, want 3", n)
	}
}

// TestReceiptAfterMerge: it is reported of the contact that stays.
func TestReceiptAfterMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	a := w.app()
	c := w.contact(id(parley.ChannelTelegram, "42"))
	w.take()
	message := w.send(text(a, "hello", sms(ada)))
	w.expect("CONTACT_CREATE", "CONVERSATION_START", "SUBMIT SMS", "QUEUED_ON_CHANNEL SMS")
	m, err := w.store.Message(t.Context(), project, message)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.e.MergeContacts(t.Context(), project, c.ID, &parley.MergeContactRequest{SourceID: m.ContactID}); err != nil {
		t.Fatal(err)
	}
	w.expect("CONTACT_MERGE")
	w.receipt(a, parley.ChannelSMS, "fake-"+message+"-0-0-1", parley.StatusDelivered)
	if got := w.expect("DELIVERED SMS")[0].body.MessageDelivery.ContactID; got != c.ID {
		t.Errorf("the report is of %s, want %s", got, c.ID)
	}
}
