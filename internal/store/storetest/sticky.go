package storetest

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// dispatched returns a write that accepts a dispatched message and what it
// leaves with its recipient.
func dispatched(s *store.Store, y *store.Sticky) *store.Write {
	y.ProjectID, y.AppID, y.Identity, y.MergeMetadata = "p1", "app1", phone("1"), true
	return &store.Write{Accept: &store.Acceptance{
		Message: &store.Message{
			ProjectID: "p1", ID: s.NewID(), AppID: "app1", Identity: phone("1"), ToContact: true, Dispatch: true,
			AcceptTime: s.Now(), Doc: []byte("{}"),
		},
		Job:   &store.Job{ProjectID: "p1", Kind: "test", Doc: []byte("{}")},
		Stick: []*store.Sticky{y},
	}}
}

// testSticky has many messages leave something at the same moment: all of it
// sticks.
func testSticky(t *testing.T, s *store.Store) {
	ctx := t.Context()
	expires := s.Now().Add(time.Hour).Truncate(time.Microsecond)
	const n = 20
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			w := dispatched(s, &store.Sticky{MetadataJSON: json.RawMessage(fmt.Sprintf(`{"%d":true}`, i)), Expires: expires})
			if err := s.Commit(ctx, w); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	must(t, s.Commit(ctx, dispatched(s, &store.Sticky{CorrelationID: "c", Expires: expires})))
	y := value(s.Sticky(ctx, "p1", "app1", phone("1")))(t)
	var got map[string]bool
	must(t, json.Unmarshal(y.MetadataJSON, &got))
	equal(t, "members", n, len(got))
	equal(t, "correlation id", "c", y.CorrelationID)
	for _, c := range []struct {
		project, app string
		who          parley.ChannelIdentity
	}{
		{"p2", "app1", phone("1")},
		{"p1", "app2", phone("1")},
		{"p1", "app1", phone("2")},
		{"p1", "app1", parley.ChannelIdentity{Channel: parley.ChannelRCS, Identity: "1"}},
	} {
		if other := value(s.Sticky(ctx, c.project, c.app, c.who))(t); other != nil {
			t.Errorf("of %+v: %+v", c, other)
		}
	}
	equal(t, "app with something", true, value(s.HasSticky(ctx, "p1", "app1"))(t))
	equal(t, "app without", false, value(s.HasSticky(ctx, "p1", "app2"))(t))
	equal(t, "swept too early", 0, int(value(s.SweepSticky(ctx, 10))(t)))

	must(t, s.Commit(ctx, dispatched(s, &store.Sticky{CorrelationID: "d", Expires: s.Now().Add(-time.Second)})))
	if y := value(s.Sticky(ctx, "p1", "app1", phone("1")))(t); y != nil {
		t.Errorf("expired: %+v", y)
	}
	equal(t, "swept", 1, int(value(s.SweepSticky(ctx, 10))(t)))
}
