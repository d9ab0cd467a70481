package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// acceptEvent stores an app event for somebody.
func acceptEvent(t *testing.T, s *store.Store, projectID, appID string, to parley.ChannelIdentity) *store.Event {
	t.Helper()
	id := s.NewID()
	e := &store.Event{ProjectID: projectID, ID: id, AppID: appID, Doc: []byte(`{"id":"` + id + `","app_event":{"composing_event":{}}}`)}
	must(t, s.Commit(t.Context(), &store.Write{Accept: &store.Acceptance{Resolution: Resolve(s, projectID, appID, to), Event: e}}))
	return e
}

func testEvents(t *testing.T, s *store.Store) {
	ctx := t.Context()
	anna, ben := phone("46700000001"), phone("46700000002")
	want := []*store.Event{acceptEvent(t, s, "p1", "a1", anna), acceptEvent(t, s, "p1", "a1", ben), acceptEvent(t, s, "p1", "a2", anna)}
	for _, c := range []struct {
		what   string
		filter store.EventFilter
		want   []*store.Event
	}{
		{"events", store.EventFilter{Limit: 9}, []*store.Event{want[2], want[1], want[0]}},
		{"second page", store.EventFilter{Limit: 1, Page: want[2].ID}, want[1:2]},
		{"of a contact", store.EventFilter{Limit: 9, ContactID: want[0].ContactID}, []*store.Event{want[2], want[0]}},
		{"of a conversation", store.EventFilter{Limit: 9, ConversationID: want[0].ConversationID}, want[:1]},
	} {
		equal(t, c.what, c.want, value(s.Events(ctx, "p1", c.filter))(t))
	}
	equal(t, "event", want[0], value(s.Event(ctx, "p1", want[0].ID))(t))
	wire := value(want[0].Wire())(t)
	if wire.ContactID != want[0].ContactID || wire.ConversationID == "" || wire.AppEvent.Composing == nil {
		t.Errorf("on the wire: %+v", wire)
	}
	_, err := s.Event(ctx, "p2", want[0].ID)
	isCode(t, "Event from another project", parley.CodeNotFound, err)
	isCode(t, "DeleteEvent from another project", parley.CodeNotFound, s.DeleteEvent(ctx, "p2", want[0].ID))
	equal(t, "events of another project", 0, len(value(s.Events(ctx, "p2", store.EventFilter{Limit: 9}))(t)))
	must(t, s.DeleteEvent(ctx, "p1", want[0].ID))
	isCode(t, "DeleteEvent twice", parley.CodeNotFound, s.DeleteEvent(ctx, "p1", want[0].ID))
}

// testLastInbound finds the newest message of somebody, with and without a
// contact.
func testLastInbound(t *testing.T, s *store.Store) {
	ctx := t.Context()
	anna := phone("46700000001")
	arrive := func(appID, id string, from parley.ChannelIdentity, contact bool) *store.Message {
		m := &store.Message{ProjectID: "p1", ID: s.NewID(), AppID: appID, Identity: from, Dispatch: !contact, AcceptTime: s.Now(), Doc: []byte(`{}`)}
		a := &store.Arrival{Message: m, Seen: &store.ProviderID{
			ProjectID: "p1", AppID: appID, Channel: from.Channel, ID: id, MessageID: m.ID, Part: store.Inbound,
		}}
		if contact {
			a.Resolution = Resolve(s, "p1", appID, from)
		}
		must(t, s.Commit(ctx, &store.Write{Arrive: a}))
		return m
	}
	first := arrive("a1", "1", anna, true)
	must(t, s.Commit(ctx, Accept(s, "p1", "a1", anna))) // ours is none
	arrive("a1", "2", anna, true)
	arrive("a2", "3", anna, true)
	arrive("a1", "4", phone("46700000002"), true)
	arrive("a1", "5", anna, false)
	last := func(projectID, appID, contactID string, from parley.ChannelIdentity, since time.Time) string {
		return value(s.LastInbound(ctx, projectID, appID, contactID, from, since))(t)
	}
	whatsApp := anna
	whatsApp.Channel = parley.ChannelWhatsApp
	day := s.Now().Add(-24 * time.Hour)
	for _, c := range []struct{ what, want, got string }{
		{"of a contact", "2", last("p1", "a1", first.ContactID, anna, day)},
		{"of another app", "3", last("p1", "a2", first.ContactID, anna, day)},
		{"of no contact", "5", last("p1", "a1", "", anna, day)},
		{"on another channel", "", last("p1", "a1", first.ContactID, whatsApp, day)},
		{"too old", "", last("p1", "a1", first.ContactID, anna, s.Now().Add(time.Hour))},
		{"of another project", "", last("p2", "a1", first.ContactID, anna, day)},
	} {
		equal(t, "last message "+c.what, c.want, c.got)
	}
}

func testSentEvents(t *testing.T, s *store.Store) {
	ctx := t.Context()
	sent := &store.SentEvent{
		ProjectID: "p1", AppID: "a1", Channel: parley.ChannelSMS, ID: "e", Status: parley.StatusQueuedOnChannel, Doc: []byte(`{"a":1}`),
	}
	must(t, s.Commit(ctx, &store.Write{Sent: sent}))
	find := func(projectID, id string) *store.SentEvent {
		return value(s.SentEvent(ctx, projectID, "a1", parley.ChannelSMS, id))(t)
	}
	equal(t, "sent event", sent, find("p1", "e"))
	if find("p2", "e") != nil || find("p1", "f") != nil {
		t.Error("an event of another project or id is found")
	}
	for i, c := range []struct {
		to    parley.DeliveryStatus
		moves bool
	}{
		{parley.StatusQueuedOnChannel, false},
		{parley.StatusDelivered, true},
		{parley.StatusDelivered, false},
		{parley.StatusFailed, false},
		{parley.StatusRead, true},
		{parley.StatusDelivered, false},
		{parley.StatusRead, false},
	} {
		job := &store.Job{ProjectID: "p1", Kind: fmt.Sprint("k", i), Doc: []byte(`{}`)}
		moved := value(s.AdvanceEvent(ctx, sent, c.to, []*store.Job{job}))(t)
		if moved != c.moves || (value(s.JobCounts(ctx))(t)[job.Kind] == 1) != c.moves {
			t.Errorf("step %d, to %s: moved %v, want %v", i, c.to, moved, c.moves)
		}
	}
}
