package engine

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/store/storetest"
)

// The main ways of a message on PostgreSQL; all the others are tried on SQLite.
func TestPostgres(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, storetest.Postgres(t), nil,
		scripted(parley.ChannelRCS, fail(channel.NotSent, parley.ReasonRecipientNotReachable)),
		scripted(parley.ChannelSMS, nil, fail(channel.TryAgain, parley.ReasonRateLimited)))
	a := w.app()
	r := text(a, long(2), id(parley.ChannelRCS, ada), sms(ada))
	r.ConversationMetadata = json.RawMessage(`{"a":1}`)
	m := w.send(r)
	w.run(5*time.Second, 500*time.Millisecond)
	w.expect("CONTACT_CREATE", "CONVERSATION_START", "SUBMIT RCS", "SWITCHING_CHANNEL RCS RECIPIENT_NOT_REACHABLE",
		"SUBMIT SMS", "QUEUED_ON_CHANNEL SMS")
	w.receipt(a, parley.ChannelSMS, "fake-"+m+"-1-0-2", parley.StatusDelivered)
	w.receipt(a, parley.ChannelSMS, "fake-"+m+"-1-1-2", parley.StatusRead)
	w.expect("DELIVERED SMS")
	w.receipt(a, parley.ChannelSMS, "fake-"+m+"-1-1-2", parley.StatusFailed)
	w.tell(a, parley.ChannelSMS, says("1", ada, "hi"), says("1", ada, "hi"))
	if c := w.expect("MESSAGE_INBOUND")[0].body; c.MessageMetadata != `{"a":1}` {
		t.Errorf("got message_metadata %q", c.MessageMetadata)
	}
	contact, err := w.store.IdentityOwner(t.Context(), project, sms(ada))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.e.DeleteContact(t.Context(), project, contact); err != nil {
		t.Fatal(err)
	}
	if _, err := w.e.UpdateApp(t.Context(), project, a.ID, []byte(`{"display_name":"new"}`), nil); err != nil {
		t.Fatal(err)
	}
	if err := w.e.DeleteApp(t.Context(), project, a.ID); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.run(time.Minute, 5*time.Second)
}
