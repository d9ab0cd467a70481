package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// keep stores a message without resolving anybody.
func keep(t *testing.T, s *store.Store, m *store.Message) *store.Message {
	t.Helper()
	m.AcceptTime = m.AcceptTime.UTC().Truncate(time.Microsecond)
	must(t, s.Commit(t.Context(), &store.Write{Accept: &store.Acceptance{
		Message: m, Job: &store.Job{ProjectID: m.ProjectID, Kind: "test", Doc: []byte("{}")},
	}}))
	return m
}

func testMessages(t *testing.T, s *store.Store) {
	ctx := t.Context()
	start := time.Date(2026, 5, 6, 7, 8, 9, 123_456_000, time.UTC)
	var ids parley.IDSource
	var all []*store.Message
	add := func(m store.Message) {
		at := start.Add(time.Duration(len(all)) * time.Second)
		m.ProjectID, m.ID, m.AcceptTime, m.Listed = "p1", ids.New(at), at, true
		m.Doc = []byte(`{"app":{"text_message":{"text":"hi"}}}`)
		all = append(all, keep(t, s, &m))
	}
	anna, ben := phone("46700000001"), phone("46700000002")
	must(t, s.PutContact(ctx, "p1", &parley.Contact{ID: "c1", ChannelIdentities: []parley.ChannelIdentity{anna}}))
	must(t, s.PutContact(ctx, "p1", &parley.Contact{ID: "c2", ChannelIdentities: []parley.ChannelIdentity{ben}}))
	for id, of := range map[string][2]string{"v1": {"a1", "c1"}, "v2": {"a1", "c2"}, "v3": {"a2", "c1"}} {
		must(t, s.PutConversation(ctx, "p1", conversation(id, of[0], of[1])))
	}
	add(store.Message{AppID: "a1", ContactID: "c1", ConversationID: "v1", Identity: anna, ToContact: true, Metadata: "m", SenderID: "s"})
	add(store.Message{AppID: "a1", ContactID: "c1", ConversationID: "v1", Identity: anna, Injected: true})
	add(store.Message{AppID: "a1", ContactID: "c2", ConversationID: "v2", Identity: ben, ToContact: true, Progress: store.At(2, parley.StatusRead)})
	add(store.Message{AppID: "a2", ContactID: "c1", ConversationID: "v3", ToContact: true})
	add(store.Message{AppID: "a1", Identity: anna, ToContact: true, Dispatch: true})
	hidden := &store.Message{ProjectID: "p1", ID: s.NewID(), AppID: "a1", Dispatch: true, AcceptTime: start, Doc: []byte("{}")}
	keep(t, s, hidden)

	equal(t, "message", all[2], value(s.Message(ctx, "p1", all[2].ID))(t))
	equal(t, "hidden message", hidden, value(s.Message(ctx, "p1", hidden.ID))(t))
	wire := value(all[1].Wire())(t)
	if wire.Direction != parley.ToApp || wire.AppMessage.Text.Text != "hi" || wire.ChannelIdentity.Identity != anna.Identity || !wire.Injected {
		t.Errorf("on the wire: %+v", wire)
	}
	for _, c := range []struct {
		name   string
		filter store.MessageFilter
		want   []int // of all, newest first
	}{
		{"all", store.MessageFilter{}, []int{3, 2, 1, 0}},
		{"dispatched", store.MessageFilter{Dispatch: true}, []int{4}},
		{"limit", store.MessageFilter{Limit: 2}, []int{3, 2}},
		{"page", store.MessageFilter{Page: all[2].ID}, []int{1, 0}},
		{"app", store.MessageFilter{AppID: "a1"}, []int{2, 1, 0}},
		{"contact", store.MessageFilter{ContactID: "c1"}, []int{3, 1, 0}},
		{"conversation", store.MessageFilter{ConversationID: "v1"}, []int{1, 0}},
		{"channel", store.MessageFilter{Channel: parley.ChannelSMS}, []int{2, 1, 0}},
		{"identity", store.MessageFilter{Identity: ben.Identity}, []int{2}},
		{"identity on a channel", store.MessageFilter{Identity: anna.Identity, Channel: parley.ChannelSMS}, []int{1, 0}},
		{"identity on another channel", store.MessageFilter{Identity: anna.Identity, Channel: parley.ChannelMMS}, nil},
		{"unknown identity", store.MessageFilter{Identity: "1"}, nil},
		{"identity, dispatched", store.MessageFilter{Dispatch: true, Identity: anna.Identity}, []int{4}},
		{"contact, dispatched", store.MessageFilter{Dispatch: true, ContactID: "c1"}, nil},
		{"contact and conversation", store.MessageFilter{ContactID: "c1", ConversationID: "v3"}, []int{3}},
		{"contact and direction", store.MessageFilter{ContactID: "c1", Direction: parley.ToApp}, []int{1}},
		{"unknown conversation", store.MessageFilter{ConversationID: "v9"}, nil},
		{"app and direction", store.MessageFilter{AppID: "a1", Direction: parley.ToContact, Limit: 1}, []int{2}},
		{"to the contact", store.MessageFilter{Direction: parley.ToContact}, []int{3, 2, 0}},
		{"to the app", store.MessageFilter{Direction: parley.ToApp}, []int{1}},
		{"after", store.MessageFilter{After: all[1].AcceptTime}, []int{3, 2}},
		{"just after", store.MessageFilter{After: all[1].AcceptTime.Add(-time.Microsecond)}, []int{3, 2, 1}},
		{"before", store.MessageFilter{Before: all[1].AcceptTime}, []int{0}},
		{"just before", store.MessageFilter{Before: all[1].AcceptTime.Add(time.Microsecond)}, []int{1, 0}},
		{"two at once", store.MessageFilter{ContactID: "c1", AppID: "a1", Before: all[1].AcceptTime}, []int{0}},
	} {
		if c.filter.Limit == 0 {
			c.filter.Limit = 100
		}
		var want, got []string
		for _, i := range c.want {
			want = append(want, all[i].ID)
		}
		for _, m := range value(s.Messages(ctx, "p1", c.filter))(t) {
			got = append(got, m.ID)
		}
		equal(t, "messages by "+c.name, want, got)
	}

	must(t, s.SetMessageMetadata(ctx, "p1", all[0].ID, "changed"))
	equal(t, "metadata", "changed", value(s.Message(ctx, "p1", all[0].ID))(t).Metadata)
	must(t, s.DeleteMessage(ctx, "p1", all[0].ID))
	isCode(t, "DeleteMessage twice", parley.CodeNotFound, s.DeleteMessage(ctx, "p1", all[0].ID))
	isCode(t, "SetMessageMetadata of one that is gone", parley.CodeNotFound, s.SetMessageMetadata(ctx, "p1", all[0].ID, ""))
	_, err := s.Message(ctx, "p1", all[0].ID)
	isCode(t, "Message of one that is gone", parley.CodeNotFound, err)
}

// testMessagesPaging reads page by page, newest first, while messages come and
// go.
func testMessagesPaging(t *testing.T, s *store.Store) {
	const n = 120
	to := phone("46700000001")
	var ids []string
	for range n {
		w := Accept(s, "p1", "app1", to)
		must(t, s.Commit(t.Context(), w))
		ids = append(ids, w.Accept.Message.ID)
	}
	stays := func(i int) bool { return i%3 != 0 }
	disturb(t, n, func(i int) error {
		if !stays(i) {
			if err := s.DeleteMessage(t.Context(), "p1", ids[i]); err != nil {
				return err
			}
		}
		return s.Commit(t.Context(), Accept(s, "p1", "app1", to))
	}, func() {
		var got []string
		for f := (store.MessageFilter{Limit: 7}); ; {
			page := value(s.Messages(t.Context(), "p1", f))(t)
			for _, m := range page {
				got = append(got, m.ID)
			}
			if len(page) < f.Limit {
				break
			}
			f.Page = page[len(page)-1].ID
		}
		slices.Reverse(got)
		seenOnce(t, ids, stays, got)
	})
}

func testLastSent(t *testing.T, s *store.Store) {
	ctx := t.Context()
	since := s.Now().Add(-time.Minute)
	to := phone("46700000001")
	var toContact, toIdentity []string
	for range 7 {
		w := Accept(s, "p1", "app1", to)
		must(t, s.Commit(ctx, w))
		toContact = append(toContact, w.Accept.Message.ID)
		m := keep(t, s, &store.Message{ProjectID: "p1", ID: s.NewID(), AppID: "app1", Identity: to, ToContact: true, Dispatch: true, AcceptTime: s.Now()})
		toIdentity = append(toIdentity, m.ID)
		keep(t, s, &store.Message{ProjectID: "p1", ID: s.NewID(), AppID: "app1", Identity: to, AcceptTime: s.Now()}) // received
		must(t, s.Commit(ctx, Accept(s, "p1", "app2", to)))
		must(t, s.Commit(ctx, Accept(s, "p1", "app1", parley.ChannelIdentity{Channel: parley.ChannelWhatsApp, Identity: to.Identity})))
	}
	owner := value(s.IdentityOwner(ctx, "p1", to))(t)
	for _, c := range []struct {
		contact string
		sent    []string
	}{{owner, toContact}, {"", toIdentity}} {
		var got []string
		for _, m := range value(s.LastSent(ctx, "p1", "app1", c.contact, to, since))(t) {
			got = append(got, m.ID)
		}
		slices.Reverse(c.sent)
		equal(t, "last sent to "+c.contact, c.sent[:5], got)
		later := value(s.LastSent(ctx, "p1", "app1", c.contact, to, s.Now().Add(time.Minute)))(t)
		equal(t, "sent in the future", 0, len(later))

		var before []string
		for _, m := range value(s.SentBefore(ctx, "p1", "app1", c.contact, to, c.sent[0]))(t) {
			before = append(before, m.ID)
		}
		equal(t, "sent before the newest to "+c.contact, c.sent[1:], before)
	}
}

// sent notes what a provider calls the parts of a message.
func sent(t *testing.T, s *store.Store, messageID string, leg, parts int) []*store.ProviderID {
	t.Helper()
	var ids []*store.ProviderID
	for part := range parts {
		ids = append(ids, &store.ProviderID{
			ProjectID: "p1", AppID: "app1", Channel: parley.ChannelSMS, ID: fmt.Sprintf("%s-%d-%d", messageID, leg, part),
			MessageID: messageID, Leg: leg, Part: part, Parts: parts,
		})
	}
	must(t, s.Commit(t.Context(), &store.Write{Advance: &store.Advance{ProjectID: "p1", MessageID: messageID, IDs: ids}}))
	return ids
}

func testProviderIDs(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ids := append(sent(t, s, "m1", 0, 1), sent(t, s, "m2", 1, 3)...)
	for _, want := range ids {
		equal(t, "provider id", want, value(s.FindProviderID(ctx, "p1", "app1", parley.ChannelSMS, want.ID))(t))
	}
	for _, absent := range []string{"", "m1-0-1", strings.ToUpper(ids[0].ID)} {
		if p := value(s.FindProviderID(ctx, "p1", "app1", parley.ChannelSMS, absent))(t); p != nil {
			t.Errorf("FindProviderID(%q) = %+v", absent, p)
		}
	}
	received := &store.ProviderID{
		ProjectID: "p1", AppID: "app1", Channel: parley.ChannelSMS, ID: "their-1", MessageID: "m3", Part: store.Inbound,
	}
	must(t, s.Commit(ctx, &store.Write{Arrive: &store.Arrival{Seen: received}}))
	equal(t, "what they call what we received", "their-1", value(s.InboundProviderID(ctx, "p1", "app1", "m3"))(t))
	equal(t, "what they call what we sent", "", value(s.InboundProviderID(ctx, "p1", "app1", "m2"))(t))
	// A repeat of an id changes nothing.
	again := *ids[0]
	again.MessageID = "m9"
	must(t, s.Commit(ctx, &store.Write{Advance: &store.Advance{ProjectID: "p1", MessageID: "m9", IDs: []*store.ProviderID{&again}}}))
	equal(t, "provider id given twice", ids[0], value(s.FindProviderID(ctx, "p1", "app1", parley.ChannelSMS, ids[0].ID))(t))
}

// testFoldPart reports all parts of messages at the same moment: whoever comes
// last must see that all are there.
func testFoldPart(t *testing.T, s *store.Store) {
	ctx := t.Context()
	for round := range 10 {
		ids := sent(t, s, fmt.Sprintf("m%d", round), 0, 4)
		sent(t, s, fmt.Sprintf("m%d", round), 1, 2) // another leg's are none of ours
		var mu sync.Mutex
		complete := 0
		var wg sync.WaitGroup
		for _, p := range ids {
			wg.Go(func() {
				ranks, err := s.FoldPart(ctx, p, store.RankDelivered)
				if err != nil {
					t.Error(err)
				}
				if len(ranks) != len(ids) {
					t.Errorf("FoldPart returned %d parts, want %d", len(ranks), len(ids))
				}
				mu.Lock()
				defer mu.Unlock()
				if !slices.ContainsFunc(ranks, func(r int) bool { return r < store.RankDelivered }) {
					complete++
				}
			})
		}
		wg.Wait()
		if complete == 0 {
			t.Errorf("message %d: all parts were delivered, and nobody saw it", round)
		}
		ranks := value(s.FoldPart(ctx, ids[0], store.RankQueuedOnChannel))(t)
		equal(t, "ranks after a late report", []int{2, 2, 2, 2}, ranks)
	}
}
