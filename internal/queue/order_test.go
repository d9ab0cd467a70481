package queue_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
)

func TestRetryHoldsUpItsLaneOnly(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]time.Duration{"in memory": time.Second, "in the table": time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			s := open(t, "", c.now)
			var r journal
			failed := false
			q := manual(t, s, c, map[string]queue.Kind{
				store.KindSend: {Concurrency: 4, Run: func(_ context.Context, j *store.Job) error {
					r.note(string(j.Doc))
					if string(j.Doc) == "a1" && !failed {
						failed = true
						return queue.Retry(wait, errors.New("later"))
					}
					return nil
				}},
				"other": {Run: func(_ context.Context, j *store.Job) error { r.note(string(j.Doc)); return nil }},
			})
			put(t, s, job(store.KindSend, "a", "a1"), job(store.KindSend, "a", "a2"))
			step(t, q)
			put(t, s, job(store.KindSend, "a", "a3"), job(store.KindSend, "b", "b1"))
			step(t, q)
			put(t, s, job("other", "a", "o1"))
			step(t, q)
			same(t, r.take(), []string{"a1", "b1", "o1"})
			c.add(wait)
			put(t, s, job(store.KindSend, "a", "a4"))
			step(t, q)
			put(t, s, job(store.KindSend, "a", "a5"))
			step(t, q)
			same(t, r.take(), []string{"a1", "a2", "a3", "a4", "a5"})
		})
	}
}

func TestOrderSurvivesRestart(t *testing.T) {
	t.Parallel()
	c := newClock()
	path := filepath.Join(t.TempDir(), "queue.db")
	s := open(t, path, c.now)
	var r journal
	fail := true
	work := func(_ context.Context, j *store.Job) error {
		r.note(string(j.Doc))
		if string(j.Doc) == "a1" && fail {
			return queue.Retry(time.Minute, errors.New("later"))
		}
		return nil
	}
	q := manual(t, s, c, only(store.KindSend, work))
	put(t, s, job(store.KindSend, "a", "a1"))
	step(t, q)
	put(t, s, job(store.KindSend, "a", "a2"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r.take()
	fail = false
	s = open(t, path, c.now)
	q = manual(t, s, c, only(store.KindSend, work))
	put(t, s, job(store.KindSend, "a", "a3"))
	step(t, q)
	same(t, r.take(), nil)
	c.add(time.Minute)
	step(t, q)
	put(t, s, job(store.KindSend, "a", "a4"))
	step(t, q)
	same(t, r.take(), []string{"a1", "a2", "a3", "a4"})
}

func TestSpillKeepsOrderAndLosesNothing(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := open(t, "", c.now)
	got := map[string][]string{}
	q := manual(t, s, c, only(store.KindSend, func(_ context.Context, j *store.Job) error {
		got[j.Lane] = append(got[j.Lane], string(j.Doc))
		return nil
	}), func(o *queue.Options) { o.MaxInMemory = 8 })
	step(t, q)
	want := map[string][]string{}
	for i := range 300 {
		lane, doc := strconv.Itoa(i%7%3), strconv.Itoa(i)
		want[lane] = append(want[lane], doc)
		put(t, s, job(store.KindSend, lane, doc))
		if i%50 == 49 {
			step(t, q)
		}
	}
	step(t, q)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("ran (-want +got):\n%s", d)
	}
}

// Retries, spills and claims at once: each lane still runs in order.
func TestOrderUnderLoad(t *testing.T) {
	t.Parallel()
	s := open(t, "", time.Now)
	const lanes, each = 5, 120
	var mu sync.Mutex
	got := map[string][]string{}
	var wg sync.WaitGroup
	wg.Add(lanes * each)
	q := queue.New(queue.Options{
		Store: s, Now: time.Now, Log: slog.New(slog.DiscardHandler), MaxInMemory: 40,
		Kinds: only(store.KindSend, func(_ context.Context, j *store.Job) error {
			n, _ := strconv.Atoi(string(j.Doc))
			if n%17 == 3 && j.Attempts == 0 {
				return queue.Retry(5*time.Millisecond, errors.New("short"))
			}
			if n%41 == 7 && j.Attempts == 0 {
				return queue.Retry(2100*time.Millisecond, errors.New("long"))
			}
			mu.Lock()
			got[j.Lane] = append(got[j.Lane], string(j.Doc))
			mu.Unlock()
			wg.Done()
			return nil
		}),
	})
	stop := start(t, q)
	want := map[string][]string{}
	var writers sync.WaitGroup
	for l := range lanes {
		lane := strconv.Itoa(l)
		for n := range each {
			want[lane] = append(want[lane], strconv.Itoa(n))
		}
		writers.Go(func() {
			for n := range each {
				if err := s.Commit(context.Background(), &store.Write{Jobs: []*store.Job{job(store.KindSend, lane, strconv.Itoa(n))}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	wg.Wait()
	stop()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("ran (-want +got):\n%s", d)
	}
	if n := counts(t, s); len(n) > 0 {
		t.Errorf("jobs left: %v", n)
	}
}

// One group that is slow leaves places to the others, and groups take turns.
func TestGroupsLeaveRoom(t *testing.T) {
	t.Parallel()
	s := open(t, "", time.Now)
	hold, ran := make(chan struct{}), make(chan string, 16)
	q := queue.New(queue.Options{
		Store: s, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Kinds: map[string]queue.Kind{store.KindSend: {
			Concurrency: 4, GroupWidth: 2, Group: func(j *store.Job) string { return string(j.Doc[:1]) },
			Run: func(_ context.Context, j *store.Job) error {
				ran <- string(j.Doc)
				if j.Doc[0] == 'a' {
					<-hold
				}
				return nil
			},
		}},
	})
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { _ = q.Run(ctx, time.Minute) })
	defer done.Wait()
	defer stop()
	for i := range 4 {
		n := strconv.Itoa(i)
		put(t, s, job(store.KindSend, "a"+n, "a"+n))
	}
	put(t, s, job(store.KindSend, "b0", "b0"), job(store.KindSend, "b1", "b1"), job(store.KindSend, "b2", "b2"))
	seen := map[byte]int{}
	for range 5 {
		seen[(<-ran)[0]]++
	}
	if seen['a'] != 2 || seen['b'] != 3 {
		t.Errorf("while group a hung, %d of it and %d of b began; want 2 and all 3", seen['a'], seen['b'])
	}
	close(hold)
	for range 2 {
		if d := <-ran; d[0] != 'a' {
			t.Errorf("got %s, want the rest of a", d)
		}
	}
}
