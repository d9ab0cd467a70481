package queue_test

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/store/storetest"
)

// tally counts how often each job ran and tells when all have.
type tally struct {
	mu   sync.Mutex
	runs map[string]int
	left int
	done chan struct{}
}

func newTally(n int) *tally {
	return &tally{runs: map[string]int{}, left: n, done: make(chan struct{})}
}

func (r *tally) run(_ context.Context, j *store.Job) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.runs[string(j.Doc)]++; r.runs[string(j.Doc)] == 1 {
		if r.left--; r.left == 0 {
			close(r.done)
		}
	}
	return nil
}

func TestNodesNeverRunAJobTwice(t *testing.T) {
	t.Parallel()
	url := storetest.Postgres(t)
	const nodes, each = 8, 150
	r := newTally(nodes * each)
	stops := make([]func(), nodes)
	stores := make([]*store.Store, nodes)
	for n := range nodes {
		stores[n] = storetest.Open(t, storetest.Options(t, url))
		q := queue.New(queue.Options{
			Store: stores[n], Now: time.Now, Log: slog.New(slog.DiscardHandler), MaxInMemory: 32,
			Kinds: map[string]queue.Kind{"k": {Run: r.run, Concurrency: 8}, store.KindSend: {Run: r.run, Concurrency: 8}},
		})
		stops[n] = start(t, q)
	}
	var writers sync.WaitGroup
	for n := range nodes {
		writers.Go(func() {
			for i := range each {
				doc := strconv.Itoa(n) + "/" + strconv.Itoa(i)
				jobs := []*store.Job{job([]string{"k", store.KindSend}[i%2], strconv.Itoa(i%9), doc)}
				var err error
				if i%5 == 0 {
					err = stores[n].AddJobs(context.Background(), jobs)
				} else {
					err = stores[n].Commit(context.Background(), &store.Write{Jobs: jobs})
				}
				if err != nil {
					t.Error(err)
				}
			}
			if n%2 == 0 {
				stops[n]() // what it has not run is the others'
			}
		})
	}
	writers.Wait()
	select {
	case <-r.done:
	case <-time.After(30 * time.Second):
		t.Errorf("%d jobs never ran", r.left)
	}
	for _, stop := range stops {
		stop()
	}
	for doc, n := range r.runs {
		if n != 1 {
			t.Errorf("job %s ran %d times", doc, n)
		}
	}
}

// The answer to a claim is lost: the jobs are the node's, and it does not know.
func TestLostJobsAreFound(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := open(t, "", c.now)
	node := make(chan int64, 1)
	ran := make(chan int, 1)
	q := queue.New(queue.Options{
		Store: s, Now: c.now, Log: slog.New(slog.DiscardHandler), Lease: 150 * time.Millisecond,
		Joining: func(n int64) error {
			select {
			case node <- n:
			default: // it joins again when it was out of touch, as on a busy machine
			}
			return nil
		},
		Kinds: only("k", func(_ context.Context, j *store.Job) error {
			ran <- startedOf(j)
			return nil
		}),
	})
	put(t, s, job("k", "", "x")) // free, because the queue has not started
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if jobs, err := s.Claim(t.Context(), <-node, 10); err != nil || len(jobs) != 1 {
		t.Fatalf("claimed %d jobs, %v", len(jobs), err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx, 10*time.Second) }()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for found := false; !found; {
		select {
		case started := <-ran:
			if found = true; started != maybe {
				t.Errorf("Started is %d: it may have been under way", started)
			}
		case <-tick.C:
			c.add(time.Minute)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A node that was out of touch for too long must forget the jobs that others
// have by then.
func TestLapsedNodeForgetsItsJobs(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := open(t, "", c.now)
	begun, release, again := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var mu sync.Mutex
	started := map[string][]int{}
	q := queue.New(queue.Options{
		Store: s, Now: c.now, Log: slog.New(slog.DiscardHandler), Lease: 300 * time.Millisecond,
		Kinds: only(store.KindSend, func(_ context.Context, j *store.Job) error {
			mu.Lock()
			defer mu.Unlock()
			doc := string(j.Doc)
			started[doc] = append(started[doc], startedOf(j))
			switch {
			case doc == "1" && len(started["1"]) == 1:
				mu.Unlock()
				close(begun)
				<-release
				mu.Lock()
			case doc == "2":
				close(again)
			}
			return nil
		}),
	})
	stop := start(t, q)
	put(t, s, job(store.KindSend, "a", "1"), job(store.KindSend, "a", "2"))
	<-begun
	c.add(time.Hour)
	if n, err := s.ReleaseDead(t.Context()); err != nil || n != 2 {
		t.Fatalf("released %d jobs, %v; want 2", n, err)
	}
	<-again // by the new registration, once
	close(release)
	stop()
	if d := cmp.Diff(map[string][]int{"1": {0, maybe}, "2": {maybe}}, started); d != "" {
		t.Errorf("Started, by job (-want +got):\n%s", d)
	}
}
