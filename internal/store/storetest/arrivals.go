package storetest

import (
	"fmt"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// arrive returns the write of a message a provider hands to us.
func arrive(s *store.Store, providerID string, from parley.ChannelIdentity) *store.Write {
	id := s.NewID()
	return &store.Write{Arrive: &store.Arrival{
		Resolution: Resolve(s, "p1", "app1", from),
		Seen: &store.ProviderID{
			ProjectID: "p1", AppID: "app1", Channel: from.Channel, ID: providerID, MessageID: id, Part: store.Inbound,
		},
		Message: &store.Message{ProjectID: "p1", ID: id, AppID: "app1", Identity: from, Listed: true, AcceptTime: s.Now(), Doc: []byte("{}")},
		Consequences: func(r *store.Resolution) ([]*store.Job, error) {
			return []*store.Job{{ProjectID: "p1", Kind: "told", Lane: r.ContactID, Doc: []byte("{}")}}, nil
		},
	}}
}

// testArrivals has a provider hand every message to us many times, also at the
// same moment.
func testArrivals(t *testing.T, s *store.Store) {
	ctx := t.Context()
	const distinct = 8
	for round := range rounds {
		var ws []*store.Write
		for i := range callers {
			n := i % distinct
			ws = append(ws, arrive(s, fmt.Sprintf("r%d-%d", round, n), phone(fmt.Sprintf("4670%07d", n))))
		}
		mustAll(t, commitAll(t, s, ws))
		fresh := map[string]int{}
		for _, w := range ws {
			a := w.Arrive
			if !a.Repeat {
				fresh[a.Seen.ID]++
				m := value(s.Message(ctx, "p1", a.Message.ID))(t)
				equal(t, "contact of what arrived", a.ContactID, m.ContactID)
			} else if _, err := s.Message(ctx, "p1", a.Message.ID); !parley.IsNotFound(err) {
				t.Errorf("a repeat was stored: %v", err)
			}
		}
		for id, n := range fresh {
			if n != 1 {
				t.Errorf("%s was new %d times", id, n)
			}
		}
		equal(t, "new ones", distinct, len(fresh))
	}
	equal(t, "jobs", map[string]int64{"told": rounds * distinct}, value(s.JobCounts(ctx))(t))
	equal(t, "contacts", distinct, len(value(s.Contacts(ctx, "p1", store.ContactFilter{Limit: 100}))(t)))

	// Without an id nothing is known to be a repeat, and an event is stored too.
	w := arrive(s, "", phone("46700000000"))
	w.Arrive.Seen = nil
	w.Arrive.Event = &store.Event{ProjectID: "p1", ID: s.NewID(), AppID: "app1", Doc: []byte("{}")}
	w.Arrive.Media = &store.MediaRef{ProjectID: "p1", ID: s.NewID(), AppID: "app1", Channel: parley.ChannelSMS, Ref: "their-ref"}
	must(t, s.Commit(ctx, w))
	equal(t, "contact of the event", w.Arrive.ContactID, w.Arrive.Event.ContactID)
	equal(t, "media", w.Arrive.Media, value(s.MediaRef(ctx, "p1", w.Arrive.Media.ID))(t))
	_, err := s.MediaRef(ctx, "p1", "none")
	isCode(t, "MediaRef of none", parley.CodeNotFound, err)
}
