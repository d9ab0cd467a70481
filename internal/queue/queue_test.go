package queue_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// clock is a clock that tests set.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// open opens the database at a path, or a new one.
func open(t *testing.T, path string, now func() time.Time) *store.Store {
	t.Helper()
	if path == "" {
		path = filepath.Join(t.TempDir(), "queue.db")
	}
	s, err := store.Open(t.Context(), store.Options{
		Path: path, Key: bytes.Repeat([]byte{1}, store.KeySize), Now: now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// journal notes what ran, in order.
type journal struct {
	mu  sync.Mutex
	ran []string
}

func (r *journal) note(doc string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ran = append(r.ran, doc)
}

func (r *journal) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.ran
	r.ran = nil
	return out
}

// manual returns a started queue that tests step.
func manual(t *testing.T, s *store.Store, c *clock, kinds map[string]queue.Kind, mod ...func(*queue.Options)) *queue.Queue {
	t.Helper()
	o := queue.Options{Store: s, Kinds: kinds, Now: c.now, Log: slog.New(slog.DiscardHandler), Manual: true}
	for _, f := range mod {
		f(&o)
	}
	q := queue.New(o)
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return q
}

func step(t *testing.T, q *queue.Queue) int {
	t.Helper()
	n, err := q.Step(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func put(t *testing.T, s *store.Store, jobs ...*store.Job) {
	t.Helper()
	if err := s.Commit(t.Context(), &store.Write{Jobs: jobs}); err != nil {
		t.Fatal(err)
	}
}

func job(kind, lane, doc string) *store.Job {
	return &store.Job{ProjectID: "p", Kind: kind, Lane: lane, Doc: []byte(doc)}
}

// maybe is what startedOf returns for a job taken over from a dead node.
const maybe = -1

func startedOf(j *store.Job) int {
	if _, ok := j.TakenOver(); ok {
		return maybe
	}
	return j.Started
}

// only runs kind with f.
func only(kind string, f queue.Worker) map[string]queue.Kind {
	return map[string]queue.Kind{kind: {Run: f, Concurrency: 8}}
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("ran (-want +got):\n%s", d)
	}
}

// counts returns how many jobs are stored, once the outcomes under way are.
func counts(t *testing.T, s *store.Store) map[string]int64 {
	t.Helper()
	n, err := s.JobCounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	type row struct {
		verdict  func(s *store.Store, j *store.Job) error
		again    time.Duration // 0: never
		attempts int           // at the second run
	}
	for name, tc := range map[string]row{
		"done": {verdict: func(*store.Store, *store.Job) error { return nil }},
		"stop": {verdict: func(*store.Store, *store.Job) error { return queue.Stop(errors.New("bad")) }},
		"settled": {verdict: func(s *store.Store, j *store.Job) error {
			if err := s.Commit(context.Background(), &store.Write{Done: j.ID}); err != nil {
				return err
			}
			return queue.Settled
		}},
		"retry":        {func(*store.Store, *store.Job) error { return queue.Retry(time.Second, errors.New("x")) }, time.Second, 1},
		"long retry":   {func(*store.Store, *store.Job) error { return queue.Retry(time.Hour, errors.New("x")) }, time.Hour, 1},
		"snooze":       {func(*store.Store, *store.Job) error { return queue.Snooze(time.Second) }, time.Second, 0},
		"long snooze":  {func(*store.Store, *store.Job) error { return queue.Snooze(time.Hour) }, time.Hour, 0},
		"plain error":  {func(*store.Store, *store.Job) error { return errors.New("x") }, 2 * time.Second, 1},
		"panic":        {func(*store.Store, *store.Job) error { panic("x") }, 2 * time.Second, 1},
		"wrapped stop": {verdict: func(*store.Store, *store.Job) error { return errors.Join(queue.Stop(errors.New("bad"))) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			s := open(t, "", c.now)
			var runs, attempts int
			q := manual(t, s, c, only("k", func(_ context.Context, j *store.Job) error {
				if runs++; runs == 1 {
					return tc.verdict(s, j)
				}
				attempts = j.Attempts
				return nil
			}))
			put(t, s, job("k", "", "x"))
			step(t, q)
			if tc.again > 0 {
				if step(t, q); runs != 1 {
					t.Errorf("it ran again at once")
				}
				c.add(tc.again)
			} else {
				c.add(24 * time.Hour)
			}
			step(t, q)
			wantRuns := 1
			if tc.again > 0 {
				wantRuns = 2
			}
			if runs != wantRuns || attempts != tc.attempts {
				t.Errorf("got %d runs, the last with %d attempts; want %d with %d", runs, attempts, wantRuns, tc.attempts)
			}
			if err := s.Close(); err != nil { // writes what is under way
				t.Fatal(err)
			}
		})
	}
}

// A webhook that never answers must not fill the memory.
func TestStuckLaneLeavesRoom(t *testing.T) {
	t.Parallel()
	s := open(t, "", time.Now)
	block := make(chan struct{})
	done := make(chan string, 200)
	q := queue.New(queue.Options{
		Store: s, Now: time.Now, Log: slog.New(slog.DiscardHandler), MaxInMemory: 32,
		Kinds: map[string]queue.Kind{
			"post": {Concurrency: 8, LaneWidth: 2, Run: func(_ context.Context, j *store.Job) error {
				if j.Lane == "dead" {
					<-block
					return nil
				}
				done <- string(j.Doc)
				return nil
			}},
			store.KindSend: {Concurrency: 8, Run: func(_ context.Context, j *store.Job) error {
				done <- string(j.Doc)
				return nil
			}},
		},
	})
	stop := start(t, q)
	defer stop()
	defer close(block)
	for i := range 200 {
		put(t, s, job("post", "dead", strconv.Itoa(i)))
	}
	for i := range 50 {
		put(t, s, job("post", "alive", "p"), job(store.KindSend, strconv.Itoa(i%3), "s"))
	}
	deadline := time.After(20 * time.Second)
	for i := range 100 {
		select {
		case <-done:
		case <-deadline:
			t.Fatalf("only %d of 100 jobs ran beside a stuck lane", i)
		}
	}
}

// start runs a queue and returns what stops it.
func start(t *testing.T, q *queue.Queue) (stop func()) {
	t.Helper()
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx, 10*time.Second) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("stop: %v", err)
		}
	})
}

func TestWidthAndConcurrency(t *testing.T) {
	t.Parallel()
	s := open(t, "", time.Now)
	var mu sync.Mutex
	now, most := map[string]int{}, map[string]int{}
	count := func(lane string, d int) {
		mu.Lock()
		defer mu.Unlock()
		for _, k := range []string{lane, "all"} {
			now[k] += d
			most[k] = max(most[k], now[k])
		}
	}
	const jobs = 60
	var wg sync.WaitGroup
	wg.Add(jobs)
	q := queue.New(queue.Options{
		Store: s, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Kinds: map[string]queue.Kind{"k": {Concurrency: 3, LaneWidth: 2, Run: func(ctx context.Context, j *store.Job) error {
			count(j.Lane, 1)
			defer count(j.Lane, -1)
			if j.Attempts == 0 { // also those that come back from waiting
				return queue.Retry(time.Millisecond, errors.New("again"))
			}
			wg.Done()
			return nil
		}}},
	})
	stop := start(t, q)
	for i := range jobs {
		put(t, s, job("k", strconv.Itoa(i%4), "x"))
	}
	wg.Wait()
	stop()
	for lane, n := range most {
		if limit := map[bool]int{true: 3, false: 2}[lane == "all"]; n > limit {
			t.Errorf("%s: %d at once, want at most %d", lane, n, limit)
		}
	}
}

func TestTakeOverOfDeadNode(t *testing.T) {
	t.Parallel()
	c := newClock()
	path := filepath.Join(t.TempDir(), "queue.db")
	s := open(t, path, c.now)
	manual(t, s, c, only("k", func(context.Context, *store.Job) error { return nil }))
	put(t, s, job("k", "", "x")) // and never run: the process dies
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, c.now)
	var taken []time.Time
	q := manual(t, s, c, only("k", func(_ context.Context, j *store.Job) error {
		at, _ := j.TakenOver()
		taken = append(taken, at)
		return nil
	}))
	step(t, q)
	if d := cmp.Diff([]time.Time{c.now().Truncate(time.Millisecond)}, taken); d != "" {
		t.Errorf("taken over at (-want +got):\n%s", d)
	}
}

func TestGracefulStopGivesJobsBack(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "queue.db")
	s := open(t, path, time.Now)
	begun, release := make(chan struct{}), make(chan struct{})
	q := queue.New(queue.Options{
		Store: s, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Kinds: map[string]queue.Kind{"k": {Run: func(context.Context, *store.Job) error {
			close(begun)
			<-release
			return nil
		}}},
	})
	stop := start(t, q)
	put(t, s, job("k", "", "1"), job("k", "", "2"), job("k", "", "3"))
	<-begun
	ended := make(chan struct{})
	go func() { stop(); close(ended) }()
	close(release)
	<-ended
	if d := cmp.Diff(map[string]int64{"k": 2}, counts(t, s)); d != "" {
		t.Errorf("jobs left (-want +got):\n%s", d)
	}
	var started []int
	c := newClock()
	c.t = time.Now()
	q2 := manual(t, s, c, only("k", func(_ context.Context, j *store.Job) error {
		started = append(started, startedOf(j))
		return nil
	}))
	step(t, q2)
	if d := cmp.Diff([]int{0, 0}, started); d != "" {
		t.Errorf("Started of what was given back (-want +got):\n%s", d)
	}
}

// Jobs of cold writes are for whoever has room, and nobody hands them over.
func TestColdJobsAreNoticed(t *testing.T) {
	t.Parallel()
	s := open(t, "", time.Now)
	ran := make(chan struct{})
	q := queue.New(queue.Options{
		Store: s, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Kinds: only("k", func(context.Context, *store.Job) error { close(ran); return nil }),
	})
	stop := start(t, q)
	defer stop()
	if err := s.AddJobs(t.Context(), []*store.Job{job("k", "", "x")}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ran:
	case <-time.After(10 * time.Second):
		t.Fatal("the job was not noticed")
	}
}

// A job of a kind that only a newer version knows is left to it.
func TestUnknownKindIsLeftAlone(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := open(t, "", c.now)
	q := manual(t, s, c, only("k", func(context.Context, *store.Job) error { return nil }))
	put(t, s, job("newer", "", "x"))
	if n := step(t, q); n != 0 {
		t.Errorf("%d jobs ran, want none", n)
	}
	jobs, err := s.Claim(t.Context(), 1, 10)
	if err != nil || len(jobs) != 1 {
		t.Errorf("got %d free jobs, %v; want the one", len(jobs), err)
	}
}

// A lane that waits must not have the table looked at all the time.
func TestNoBusyLoop(t *testing.T) {
	t.Parallel()
	s := open(t, "", time.Now)
	ran := make(chan struct{}, 1)
	var looks int
	var mu sync.Mutex
	q := queue.New(queue.Options{
		Store: s, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			looks++
			return time.Now()
		},
		Kinds: only(store.KindSend, func(context.Context, *store.Job) error {
			ran <- struct{}{}
			return queue.Retry(time.Hour, errors.New("later"))
		}),
	})
	stop := start(t, q)
	put(t, s, job(store.KindSend, "a", "1"))
	<-ran
	put(t, s, job(store.KindSend, "a", "2"))
	mu.Lock()
	before := looks
	mu.Unlock()
	<-time.After(1500 * time.Millisecond)
	mu.Lock()
	after := looks
	mu.Unlock()
	stop()
	if n := after - before; n > 200 {
		t.Errorf("the clock was read %d times in 1.5 s of waiting", n)
	}
}

// What is put behind a crowded lane must not have the table looked at: it
// waits until there is room again.
func TestCrowdedLaneIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := open(t, "", time.Now)
	block := make(chan struct{})
	var looks atomic.Int64
	ran := make(chan struct{}, 400)
	q := queue.New(queue.Options{
		Store: s, Log: slog.New(slog.DiscardHandler), MaxInMemory: 32,
		Now: func() time.Time {
			looks.Add(1)
			return time.Now()
		},
		Kinds: map[string]queue.Kind{"post": {Concurrency: 8, LaneWidth: 2, Run: func(context.Context, *store.Job) error {
			<-block
			ran <- struct{}{}
			return nil
		}}},
	})
	stop := start(t, q)
	defer stop()
	const crowd, more = 100, 300
	for range crowd {
		put(t, s, job("post", "dead", ""))
	}
	before := looks.Load()
	for range more {
		put(t, s, job("post", "dead", ""))
	}
	if n := looks.Load() - before; n > 2*more { // once for each, to decide where it goes
		t.Errorf("the clock was read %d times while %d jobs were put behind a crowded lane", n, more)
	}
	close(block)
	for i := range crowd + more {
		select {
		case <-ran:
		case <-time.After(20 * time.Second):
			t.Fatalf("only %d of %d jobs ran once the lane moved", i, crowd+more)
		}
	}
}

func TestNoGoroutineLeak(t *testing.T) { //nolint:paralleltest // it counts goroutines
	before := goleak.IgnoreCurrent()
	s := open(t, "", time.Now)
	q := queue.New(queue.Options{
		Store: s, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Kinds: only("k", func(context.Context, *store.Job) error { return nil }),
	})
	stop := start(t, q)
	for range 20 {
		put(t, s, job("k", "", "x"))
	}
	stop()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	goleak.VerifyNone(t, before)
}
