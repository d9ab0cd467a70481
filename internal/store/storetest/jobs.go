package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/parley-im/parley/internal/store"
)

// jobs returns n jobs of a kind.
func jobs(n int, kind string) []*store.Job {
	var out []*store.Job
	for i := range n {
		out = append(out, &store.Job{ProjectID: "p1", Kind: kind, Lane: fmt.Sprintf("lane-%d", i), Doc: []byte("{}")})
	}
	return out
}

func jobIDs(list []*store.Job) []int64 {
	var ids []int64
	for _, j := range list {
		ids = append(ids, j.ID)
	}
	return ids
}

// testJobIDs checks that ids are never used twice and ascend.
func testJobIDs(t *testing.T, s *store.Store) {
	ctx := t.Context()
	var last int64
	for range 5 {
		ws := []*store.Write{{Jobs: jobs(40, "test")}, {Jobs: jobs(3, "test")}}
		mustAll(t, commitAll(t, s, ws))
		cold := jobs(2, "test")
		must(t, s.AddJobs(ctx, cold))
		ids := slices.Concat(jobIDs(ws[0].Jobs), jobIDs(ws[1].Jobs))
		slices.Sort(ids)
		ids = append(ids, jobIDs(cold)...)
		for _, id := range ids {
			if id <= last {
				t.Fatalf("id %d follows %d", id, last)
			}
			last = id
		}
	}
	must(t, s.AddJobs(ctx, nil))
	equal(t, "jobs", map[string]int64{"test": 225}, value(s.JobCounts(ctx))(t))
}

// testClaim has eight claimers take jobs at once: each is handed out once.
func testClaim(t *testing.T, s *store.Store) {
	ctx := t.Context()
	const n, claimers, limit = 600, 8, 7
	all := slices.Concat(jobs(n/2, "test"), jobs(n/2, store.KindSend))
	must(t, s.AddJobs(ctx, all))
	var mu sync.Mutex
	owner := map[int64]int64{}
	var wg sync.WaitGroup
	for node := int64(1); node <= claimers; node++ {
		wg.Go(func() {
			for {
				got, err := s.Claim(ctx, node, limit)
				if err != nil {
					t.Error(err)
					return
				}
				if len(got) > limit {
					t.Errorf("%d jobs were claimed, the limit is %d", len(got), limit)
				}
				mu.Lock()
				for _, j := range got {
					if other := owner[j.ID]; other != 0 {
						t.Errorf("job %d was handed to node %d and node %d", j.ID, other, node)
					}
					if owner[j.ID] = node; j.Owner != node {
						t.Errorf("job %d says it is node %d's, not node %d's", j.ID, j.Owner, node)
					}
				}
				enough := len(owner) == n
				mu.Unlock()
				if enough {
					return
				}
			}
		})
	}
	wg.Wait()
	equal(t, "claimed jobs", n, len(owner))
	equal(t, "left", 0, len(value(s.Claim(ctx, 1, 10))(t)))
}

func testClaimFilter(t *testing.T, s *store.Store) {
	ctx := t.Context()
	a, b := jobs(3, "a"), jobs(3, "b")
	must(t, s.AddJobs(ctx, slices.Concat(a, b)))
	got := value(s.ClaimSome(ctx, 1, store.ClaimFilter{Limit: 10, Kinds: []string{"a", "c"}, Skip: []string{"lane-0", "lane-9"}}))(t)
	equal(t, "claimed", jobIDs(a[1:]), jobIDs(got))
	got = value(s.ClaimSome(ctx, 1, store.ClaimFilter{Limit: 10, Skip: []string{"lane-1"}}))(t)
	equal(t, "claimed next", jobIDs([]*store.Job{a[0], b[0], b[2]}), jobIDs(got))
}

// testClaimOrder checks that what is due first is claimed first, in order of
// id, and what is not due not at all.
func testClaimOrder(t *testing.T, s *store.Store) {
	ctx := t.Context()
	now := s.Now().Truncate(time.Microsecond)
	due := func(d time.Duration) *store.Job {
		return &store.Job{ProjectID: "p1", Kind: "test", Lane: "l", RunAt: now.Add(d), Doc: []byte(`{"k":"<é>"}`), Attempts: 3, Started: 2}
	}
	list := []*store.Job{due(-time.Minute), due(time.Hour), due(-time.Hour), due(-2 * time.Minute), due(2 * time.Hour)}
	_, some, err := s.NextDue(ctx, time.Time{})
	must(t, err)
	equal(t, "due in an empty table", false, some)
	must(t, s.AddJobs(ctx, list))
	for _, c := range []struct {
		after, want time.Time
		some        bool
	}{
		{time.Time{}, list[2].RunAt, true},
		{now, list[1].RunAt, true},
		{list[1].RunAt, list[4].RunAt, true},
		{list[4].RunAt, time.Time{}, false},
	} {
		at, some, err := s.NextDue(ctx, c.after)
		must(t, err)
		if some != c.some || some && !at.Equal(c.want) {
			t.Errorf("next due after %v: %v, %v; want %v, %v", c.after, at, some, c.want, c.some)
		}
	}
	got := value(s.Claim(ctx, 1, 2))(t)
	list[2].Owner, list[3].Owner = 1, 1
	equal(t, "claimed first", list[2:4], got)
	equal(t, "claimed next", jobIDs(list[:1]), jobIDs(value(s.Claim(ctx, 1, 10))(t)))
	equal(t, "claimed last", []int64(nil), jobIDs(value(s.Claim(ctx, 1, 10))(t)))
}

// testLanes checks that a send job that waits for its retry holds up its lane,
// and only that.
func testLanes(t *testing.T, s *store.Store) {
	ctx := t.Context()
	now := s.Now()
	later := now.Add(time.Hour).Truncate(time.Microsecond)
	list := []*store.Job{
		{Kind: store.KindSend, Lane: "x"},
		{Kind: store.KindSend, Lane: "x", RunAt: later},
		{Kind: store.KindSend, Lane: "x"},
		{Kind: store.KindSend, Lane: "y"},
		{Kind: "other", Lane: "x"},
		{Kind: "other", Lane: "z", RunAt: later},
		{Kind: "other", Lane: "z"},
	}
	for _, j := range list {
		j.ProjectID, j.Doc = "p1", []byte("{}")
	}
	must(t, s.AddJobs(ctx, list))
	equal(t, "waiting lanes", map[string]time.Time{"x": later}, value(s.WaitingLanes(ctx))(t))
	want := jobIDs([]*store.Job{list[0], list[3], list[4], list[6]})
	equal(t, "claimed", want, jobIDs(value(s.Claim(ctx, 1, 10))(t)))
	list[1].Owner, list[1].RunAt = 0, now
	must(t, s.Commit(ctx, &store.Write{Release: []*store.Job{list[1]}}))
}

func testJobChanges(t *testing.T, s *store.Store) {
	ctx := t.Context()
	list := jobs(4, "test")
	must(t, s.AddJobs(ctx, list))
	held := value(s.Claim(ctx, 7, 10))(t)

	// The first is begun and fails, the second remembers something, the third
	// is done, the fourth is given back although another node has it by now.
	held[1].Attempts, held[1].Started, held[1].Doc = 2, 3, []byte(`{"part":1}`)
	stolen := *held[3]
	stolen.Owner = 8
	mustAll(t, commitAll(t, s, []*store.Write{
		{Start: held[0].ID}, {Update: held[1]}, {Done: held[2].ID}, {Release: []*store.Job{&stolen}},
	}))
	later := s.Now().Add(time.Hour).Truncate(time.Microsecond)
	held[0].RunAt, held[0].Attempts, held[0].Started = later, 1, 0
	must(t, s.Commit(ctx, &store.Write{Release: held[:1]}))
	at, some, err := s.NextDue(ctx, time.Time{})
	must(t, err)
	if !some || !at.Equal(later) {
		t.Errorf("next due: %v, %v; want %v", at, some, later)
	}
	equal(t, "claimed before it is due", 0, len(value(s.Claim(ctx, 8, 10))(t)))
	must(t, s.Leave(ctx, 7))
	got := value(s.Claim(ctx, 8, 10))(t)
	for _, j := range held {
		j.Owner = 8
	}
	equal(t, "jobs given up", []*store.Job{held[1], held[3]}, got)
	equal(t, "jobs", map[string]int64{"test": 3}, value(s.JobCounts(ctx))(t))
}

// own makes a node the owner of all jobs written from now on.
func own(s *store.Store, node int64) {
	s.SetHooks(store.Hooks{Owner: func(*store.Job) int64 { return node }})
}

// testDeadNodes checks that the jobs of a node whose heartbeat stopped go to
// the others, who learn which may have been under way.
func testDeadNodes(t *testing.T, s *store.Store) {
	ctx := t.Context()
	own(s, 1)
	must(t, s.Join(ctx, 1, time.Hour))
	w := &store.Write{Jobs: jobs(3, "test")}
	must(t, s.Commit(ctx, w))
	must(t, s.Commit(ctx, &store.Write{Start: w.Jobs[1].ID}))
	equal(t, "freed while the node lives", int64(0), value(s.ReleaseDead(ctx))(t))
	equal(t, "claimed while the node lives", 0, len(value(s.Claim(ctx, 2, 10))(t)))

	must(t, s.Heartbeat(ctx, 1, -time.Second))
	equal(t, "freed", int64(3), value(s.ReleaseDead(ctx))(t))
	equal(t, "freed again", int64(0), value(s.ReleaseDead(ctx))(t))
	equal(t, "renewed by the dead", false, value(s.Renew(ctx, 1, time.Hour))(t))
	got := value(s.Claim(ctx, 2, 10))(t)
	equal(t, "claimed from the dead", jobIDs(w.Jobs), jobIDs(got))
	for i, j := range got {
		at, taken := j.TakenOver()
		if begun := i == 1; taken == begun || begun && j.Started != 1 {
			t.Errorf("job %d: taken over %v, started %d", i, taken, j.Started)
		}
		if taken && s.Now().Sub(at).Abs() > time.Minute {
			t.Errorf("job %d was taken over at %v", i, at)
		}
	}

	// The dead node's last words come too late.
	late := *w.Jobs[0]
	late.Owner, late.RunAt = 1, s.Now().Add(time.Hour)
	must(t, s.Commit(ctx, &store.Write{Release: []*store.Job{&late}}))
	_, some, err := s.NextDue(ctx, time.Time{})
	must(t, err)
	equal(t, "a job was given back by a node that lost it", false, some)
}

func testLeavingNodes(t *testing.T, s *store.Store) {
	ctx := t.Context()
	own(s, 1)
	must(t, s.Join(ctx, 1, time.Hour))
	equal(t, "renewed", true, value(s.Renew(ctx, 1, time.Hour))(t))
	must(t, s.Commit(ctx, &store.Write{Jobs: jobs(2, "test")}))
	must(t, s.Leave(ctx, 1))
	for _, j := range value(s.Claim(ctx, 2, 10))(t) {
		if j.Started != 0 {
			t.Errorf("job %d of a node that left in good order has started: %d", j.ID, j.Started)
		}
	}
}

// testHooks checks that the queue hears of the jobs it owns once they are
// stored, and of no others.
func testHooks(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ready, left, added := make(chan []*store.Job, 8), make(chan []*store.Job, 8), make(chan struct{}, 8)
	s.SetHooks(store.Hooks{
		Owner: func(j *store.Job) int64 {
			if j.Kind == "mine" {
				return 5
			}
			return 0
		},
		Ready: func(list []*store.Job) {
			counts, err := s.JobCounts(ctx)
			if err != nil || counts["mine"] == 0 {
				t.Errorf("told of jobs that are not stored: %v, %v", counts, err)
			}
			ready <- list
		},
		Left:  func(list []*store.Job) { left <- list },
		Added: func() { added <- struct{}{} },
	})
	memo := "at hand"
	mine, others := jobs(2, "mine"), jobs(1, "others")
	mine[0].Memo = memo
	must(t, s.Commit(ctx, &store.Write{Jobs: slices.Concat(mine, others)}))
	equal(t, "ready", mine, <-ready)
	equal(t, "left", others, <-left)
	equal(t, "claimed", jobIDs(others), jobIDs(value(s.Claim(ctx, 5, 10))(t)))
	must(t, s.AddJobs(ctx, jobs(1, "mine")))
	<-added
	equal(t, "claimed of the added", 1, len(value(s.Claim(ctx, 5, 10))(t)))
}
