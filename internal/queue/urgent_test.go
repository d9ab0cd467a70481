package queue_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
)

// Urgent jobs go first, in memory and out of the table, and keep their order.
func TestUrgentFirst(t *testing.T) {
	t.Parallel()
	for name, most := range map[string]int{"in memory": 0, "in the table": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			s := open(t, filepath.Join(t.TempDir(), "queue.db"), c.now)
			var r journal
			q := manual(t, s, c, only(store.KindSend, func(_ context.Context, j *store.Job) error {
				r.note(string(j.Doc))
				return nil
			}), func(o *queue.Options) { o.MaxInMemory = most })
			step(t, q)
			urgent := store.UrgentLane("a")
			put(t, s, job(store.KindSend, "a", "a1"), job(store.KindSend, "b", "b1"), job(store.KindSend, "a", "a2"),
				job(store.KindSend, "b", "b2"), job(store.KindSend, urgent, "u1"), job(store.KindSend, urgent, "u2"))
			step(t, q)
			same(t, r.take(), []string{"u1", "u2", "a1", "b1", "a2", "b2"})
		})
	}
}
