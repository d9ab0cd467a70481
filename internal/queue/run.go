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
func (q *Queue) run(k *kind, l *lane, j *store.Job) {
	// A job is carried through even when the server stops: its context ends
	// only with its own limits.
	err := q.call(context.Background(), k, j)
	wait, keep := q.settle(k, j, err)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.finish(k, l, j, wait, keep)
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
func (q *Queue) settle(k *kind, j *store.Job, err error) (wait time.Duration, keep bool) {
	if errors.Is(err, Settled) {
		return 0, false
	}
	v, _ := errors.AsType[*verdict](err)
	if err == nil || (v != nil && v.stop) {
		if err != nil {
			q.o.Log.Error("job given up", slog.String("kind", j.Kind), slog.String("project_id", j.ProjectID), slog.Any("error", v.err))
		}
		q.o.Store.CommitLater(&store.Write{Done: j.ID})
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
	if q.release(k, j) != nil {
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
func (q *Queue) release(k *kind, j *store.Job) error {
	jobs := []*store.Job{j}
	if k.ordered {
		q.mu.Lock()
		q.parked[j.Lane] = true
		if l := k.lanes[j.Lane]; l != nil {
			jobs = append(jobs, l.jobs...)
			q.held -= len(l.jobs)
			l.jobs = nil
		}
		q.mu.Unlock()
	}
	err := q.o.Store.Commit(context.Background(), &store.Write{Release: jobs})
	q.mu.Lock()
	defer q.mu.Unlock()
	if err == nil {
		q.dueAt(j.RunAt)
		return nil
	}
	q.o.Log.Error("release jobs", slog.Any("error", err))
	if k.ordered {
		// Keep them: the lane goes on in memory.
		delete(q.parked, j.Lane)
		l := k.lanes[j.Lane]
		l.jobs = append(jobs[1:], l.jobs...)
		q.held += len(jobs) - 1
	}
	return err
}

// finish makes room after a job ran; the caller holds the lock.
func (q *Queue) finish(k *kind, l *lane, j *store.Job, wait time.Duration, keep bool) {
	k.running--
	l.running--
	if keep {
		heap.Push(&q.waiting, waiter{due: q.o.Now().Add(wait), kind: k, lane: l, job: j})
		l.blocked = k.ordered
		q.nudge()
		return
	}
	q.held--
	k.list(l)
	if len(l.jobs) == 0 && l.running == 0 && !l.blocked && !l.listed {
		delete(k.lanes, l.name)
	}
	if q.spilling && q.held <= q.o.MaxInMemory/2 {
		q.nudge()
	}
}

// A waiter is a job that waits in memory for its retry.
type waiter struct {
	due  time.Time
	kind *kind
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
		w.lane.jobs = append([]*store.Job{w.job}, w.lane.jobs...)
		w.kind.lanes[w.lane.name] = w.lane
		w.kind.list(w.lane)
	}
}
