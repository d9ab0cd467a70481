package queue

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/parley-im/parley/internal/store"
)

// run runs one job and does what its verdict says.
func (q *Queue) run(l *lane, j *store.Job) {
	// A job is carried through even when the server stops: its context ends
	// only with its own limits.
	err := q.call(context.Background(), l.kind, j)
	wait, keep := q.settle(l, j, err)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.finish(l, j, wait, keep)
	q.pump()
}

// call runs the worker and turns a panic into an error.
func (q *Queue) call(ctx context.Context, k *kind, j *store.Job) (err error) {
	start := q.o.Now()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			q.o.Log.Error("job panicked", slog.String("kind", j.Kind), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
		}
		q.met.done(j.Kind, err, q.o.Now().Sub(start))
	}()
	return k.Run(ctx, j)
}

// settle writes down the outcome of a job that its worker has not. It returns
// how long the job waits in memory, if it stays there.
func (q *Queue) settle(l *lane, j *store.Job, err error) (wait time.Duration, keep bool) {
	if errors.Is(err, Settled) {
		return 0, false
	}
	v, _ := errors.AsType[*verdict](err)
	if err == nil || (v != nil && v.stop) {
		if err != nil {
			q.o.Log.Error("job given up", slog.String("kind", j.Kind), slog.String("project_id", j.ProjectID), slog.Any("error", v.err))
		}
		q.mu.Lock()
		defer q.mu.Unlock()
		q.save(&store.Write{Done: j.ID}, nil)
		return 0, false
	}
	if v == nil {
		q.o.Log.Error("job failed", slog.String("kind", j.Kind), slog.String("project_id", j.ProjectID), slog.Any("error", err))
		v = &verdict{after: Backoff(j.Attempts), count: true}
	}
	if v.count {
		j.Attempts++
	}
	j.Started = 0
	j.RunAt = q.o.Now().Add(v.after)
	if v.after <= shortWait {
		return v.after, true
	}
	if q.release(l, j) != nil {
		return shortWait, true
	}
	return 0, false
}

// Backoff is the wait before retry n+1 of a job whose worker named none:
// exponential from a second to five minutes, with jitter.
func Backoff(n int) time.Duration {
	d := min(time.Second<<min(n, 9), 5*time.Minute)
	return d/2 + rand.N(d) //nolint:gosec // jitter is no secret
}

// release gives a job back to the table and, when it is the head of an ordered
// lane, the rest of the lane behind it.
func (q *Queue) release(l *lane, j *store.Job) error {
	jobs := []*store.Job{j}
	if l.kind.ordered {
		jobs = q.empty(l, j)
	}
	err := q.o.Store.Commit(context.Background(), &store.Write{Release: jobs})
	q.mu.Lock()
	defer q.mu.Unlock()
	if err == nil {
		if l.kind.ordered {
			q.arrived(j.Lane)
		}
		q.dueAt(j.RunAt)
		return nil
	}
	q.o.Log.Error("release jobs", slog.Any("error", err))
	if l.kind.ordered {
		// Keep them: the lane goes on in memory.
		q.arrived(j.Lane)
		if p := q.table.parked[j.Lane]; p != nil {
			p.retry = false
		}
		l.jobs = append(jobs[1:], l.jobs...)
		q.held += len(jobs) - 1
	}
	return err
}

// empty parks a lane behind its head, which is running, and returns all of it.
func (q *Queue) empty(l *lane, head *store.Job) []*store.Job {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.table.park(l.name, head.RunAt, true).moving++
	for _, j := range l.jobs {
		j.RunAt = head.RunAt
	}
	jobs := append([]*store.Job{head}, l.jobs...)
	q.held -= len(l.jobs)
	l.jobs = nil
	return jobs
}

// finish makes room after a job ran; the caller holds the lock.
func (q *Queue) finish(l *lane, j *store.Job, wait time.Duration, keep bool) {
	l.kind.running--
	l.group.running--
	l.running--
	delete(q.runs, j.ID)
	defer q.idle()
	l.kind.offer(l.group)
	if keep && j.Owner == q.node {
		q.await(l, j, q.o.Now().Add(wait))
		return
	}
	q.held--
	q.uncrowd(l)
	l.kind.list(l)
	l.kind.tidy(l)
	if q.held == q.o.MaxInMemory/2 {
		q.nudge() // there is room for what waits in the table
	}
}

// await keeps a job in memory until it is due; the caller holds the lock.
func (q *Queue) await(l *lane, j *store.Job, due time.Time) {
	heap.Push(&q.waiting, waiter{due: due, lane: l, job: j})
	l.waiting++
	l.blocked = l.kind.ordered
	q.nudge()
}

// A waiter is a job that waits in memory for its retry.
type waiter struct {
	due  time.Time
	lane *lane
	job  *store.Job
}

type waitHeap []waiter

func (h waitHeap) Len() int           { return len(h) }
func (h waitHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h waitHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *waitHeap) Push(x any) { *h = append(*h, x.(waiter)) } //nolint:forcetypeassert // only waiters are pushed

// Pop implements heap.Interface.
func (h *waitHeap) Pop() any {
	old := *h
	w := old[len(old)-1]
	old[len(old)-1] = waiter{}
	*h = old[:len(old)-1]
	return w
}

// due puts the jobs whose wait is over at the head of their lanes; the caller
// holds the lock.
func (q *Queue) due(now time.Time) {
	for len(q.waiting) > 0 && !q.waiting[0].due.After(now) {
		w := heap.Pop(&q.waiting).(waiter) //nolint:forcetypeassert // only waiters are pushed
		w.lane.blocked = false
		w.lane.waiting--
		w.lane.jobs = append([]*store.Job{w.job}, w.lane.jobs...)
		w.lane.kind.list(w.lane)
	}
}
