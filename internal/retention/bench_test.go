package retention

import (
	"flag"
	"sync"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/store/storetest"
)

var stored = flag.Int("stored", 100_000, "messages in the database of BenchmarkSweep")

// BenchmarkSweep sweeps a database in which nearly everything is kept: each
// time a page of messages goes. Read it for several -stored, because what
// stays must not cost anything.
func BenchmarkSweep(b *testing.B) {
	for _, db := range []struct {
		name string
		url  func(testing.TB) string
	}{
		{"sqlite", func(testing.TB) string { return "" }},
		{"postgres", storetest.Postgres},
	} {
		b.Run(db.name, func(b *testing.B) {
			w := newWorld(b, db.url(b))
			w.sweeper.o.Interval = time.Second
			a := w.app("p1", parley.RetentionMessageExpire, 30)
			fill(b, w, a, removePage*(b.N+1))
			w.pass(20 * day)
			fill(b, w, a, *stored)
			w.pass(10*day - time.Duration(removePage*(b.N+1))*apart - time.Duration(*stored)*apart)
			w.sweep()
			b.ResetTimer()
			for range b.N {
				w.pass(removePage * apart)
				if did, err := w.sweeper.Sweep(b.Context()); err != nil || !did {
					b.Fatalf("Sweep = %v, %v", did, err)
				}
			}
		})
	}
}

// apart is the time between messages.
const apart = 100 * time.Millisecond

// fill stores messages to few people.
func fill(b *testing.B, w *world, a *parley.App, n int) {
	b.Helper()
	const few = 512
	for done := 0; done < n; {
		var wg sync.WaitGroup
		for i := range min(few, n-done) {
			w.pass(apart)
			wr := storetest.Accept(w.store, "p1", a.ID, parley.ChannelIdentity{
				Channel: parley.ChannelSMS, Identity: "4670" + string(rune('0'+i%10)),
			})
			m := wr.Accept.Message
			wg.Go(func() {
				if err := w.store.Commit(b.Context(), wr); err != nil {
					b.Error(err)
				}
				err := w.store.Commit(b.Context(), &store.Write{Done: wr.Accept.Job.ID, Advance: &store.Advance{
					ProjectID: "p1", MessageID: m.ID, To: store.At(0, parley.StatusQueuedOnChannel),
					IDs: []*store.ProviderID{{ProjectID: "p1", AppID: a.ID, Channel: parley.ChannelSMS, ID: m.ID, MessageID: m.ID, Parts: 1}},
				}})
				if err != nil {
					b.Error(err)
				}
			})
			done++
		}
		wg.Wait()
	}
}
