package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/store/storetest"
)

// prefilled is how many messages the filled databases begin with.
const prefilled = 200_000

// BenchmarkAccept stores accepted messages, each to somebody new: a contact, a
// conversation, a message and a job that is deleted later. Read it on an empty
// database and on a filled one: PostgreSQL plans differently for each.
func BenchmarkAccept(b *testing.B) {
	for _, db := range []struct {
		name string
		url  func(testing.TB) string
	}{
		{"sqlite", func(testing.TB) string { return "" }},
		{"postgres", storetest.Postgres},
	} {
		for _, fill := range []int{0, prefilled} {
			name := fmt.Sprintf("db=%s/stored=%dk", db.name, fill/1000)
			b.Run(name, func(b *testing.B) {
				s := storetest.Open(b, storetest.Options(b, db.url(b)))
				a := &accepter{s: s}
				a.run(b, fill, 512)
				for _, callers := range []int{1, 64, 256} {
					b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) { a.measure(b, callers) })
				}
			})
		}
	}
}

// An accepter accepts one message after the other.
type accepter struct {
	s    *store.Store
	next atomic.Int64
}

func (a *accepter) measure(b *testing.B, callers int) {
	groups, writes := a.s.CommitStats()
	b.ResetTimer()
	start := time.Now()
	a.run(b, b.N, callers)
	took := time.Since(start)
	b.StopTimer()
	g, w := a.s.CommitStats()
	b.ReportMetric(float64(b.N)/took.Seconds(), "msg/s")
	b.ReportMetric(float64(w-writes)/float64(max(g-groups, 1)), "writes/group")
}

// run accepts n messages from so many callers at once.
func (a *accepter) run(b *testing.B, n, callers int) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	for range min(callers, n) {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := a.accept(b); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func (a *accepter) accept(b *testing.B) error {
	n := a.next.Add(1)
	to := parley.ChannelIdentity{Channel: parley.ChannelSMS, Identity: fmt.Sprintf("4670%08d", n%50_000)}
	w := storetest.Accept(a.s, "p1", "app1", to)
	if err := a.s.Commit(b.Context(), w); err != nil {
		return err
	}
	a.s.CommitLater(&store.Write{Done: w.Accept.Job.ID})
	return nil
}
