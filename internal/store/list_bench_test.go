package store_test

import (
	"os"
	"strconv"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/store/storetest"
)

// BenchmarkLists reads first and deep pages of lists in an app with many
// messages (PARLEY_BENCH_MESSAGES; 200,000): a page costs the same wherever it
// is and however much there is that is not asked for.
func BenchmarkLists(b *testing.B) {
	n := prefilled
	if v, err := strconv.Atoi(os.Getenv("PARLEY_BENCH_MESSAGES")); err == nil {
		n = v
	}
	for _, db := range []struct {
		name string
		url  func(testing.TB) string
	}{
		{"sqlite", func(testing.TB) string { return "" }},
		{"postgres", storetest.Postgres},
	} {
		b.Run("db="+db.name, func(b *testing.B) {
			s := storetest.Open(b, storetest.Options(b, db.url(b)))
			(&accepter{s: s}).run(b, n, 512)
			benchLists(b, s)
		})
	}
}

func benchLists(b *testing.B, s *store.Store) {
	ctx := b.Context()
	firstID := func(f store.MessageFilter) string {
		f.Limit = 1
		list, err := s.Messages(ctx, "p1", f)
		if err != nil || len(list) == 0 {
			b.Fatal(list, err)
		}
		return list[0].ID
	}
	newest := firstID(store.MessageFilter{AppID: "app1"})
	m, err := s.Message(ctx, "p1", newest)
	if err != nil {
		b.Fatal(err)
	}
	deep := m.ConversationID // its id is about the time of the oldest messages
	for name, f := range map[string]store.MessageFilter{
		"app":          {AppID: "app1"},
		"app,deep":     {AppID: "app1", Page: deep},
		"project":      {},
		"project,deep": {Page: deep},
		"received":     {AppID: "app1", Direction: parley.ToApp},
		"dispatched":   {AppID: "app1", Dispatch: true},
		"contact":      {ContactID: m.ContactID},
		"contact,app":  {ContactID: m.ContactID, AppID: "app1"},
		"conversation": {ConversationID: m.ConversationID},
		"identity":     {Identity: m.Identity.Identity, AppID: "app1"},
	} {
		b.Run("messages/"+name, func(b *testing.B) {
			f.Limit = 11
			for b.Loop() {
				if _, err := s.Messages(ctx, "p1", f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	benchConversations(b, s, deep)
}

func benchConversations(b *testing.B, s *store.Store, deep string) {
	ctx := b.Context()
	for name, f := range map[string]store.ConversationFilter{
		"app":         {AppID: "app1"},
		"app,deep":    {AppID: "app1", After: deep, SkipTotal: true},
		"active,deep": {AppID: "app1", After: deep, OnlyActive: true, SkipTotal: true},
		"channel":     {AppID: "app1", ActiveChannel: parley.ChannelMMS},
	} {
		b.Run("conversations/"+name, func(b *testing.B) {
			f.Limit = 11
			for b.Loop() {
				if _, _, err := s.Conversations(ctx, "p1", f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	// The first list notes the messages that came before.
	if _, _, err := s.RecentConversations(ctx, "p1", store.RecentFilter{AppID: "app1", Limit: 1}); err != nil {
		b.Fatal(err)
	}
	for name, f := range map[string]store.RecentFilter{
		"first":       {AppID: "app1"},
		"oldest":      {AppID: "app1", OldestFirst: true},
		"active,deep": {AppID: "app1", OnlyActive: true, OldestFirst: true, Page: s.NewID()[:1], SkipTotal: true},
	} {
		b.Run("recent/"+name, func(b *testing.B) {
			f.Limit = 11
			for b.Loop() {
				if _, _, err := s.RecentConversations(ctx, "p1", f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
