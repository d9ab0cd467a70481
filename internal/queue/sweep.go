package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/parley-im/parley/internal/store"
)

// Start registers the node and takes over what a dead one left behind.
func (q *Queue) Start(ctx context.Context) error {
	if err := q.o.Store.Join(ctx, q.node, q.o.Lease); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	lanes, err := q.o.Store.WaitingLanes(ctx)
	if err != nil {
		return fmt.Errorf("waiting lanes: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lease = q.o.Now().Add(q.o.Lease)
	for lane := range lanes {
		q.parked[lane] = true
	}
	q.nextDue = q.o.Now()
	// Until the first look at the table is over, new jobs queue up behind
	// what may be there.
	q.spilling = true
	return nil
}

// Run runs jobs until ctx is done, waits for those under way (at most grace)
// and gives the rest back. Start must have been called.
func (q *Queue) Run(ctx context.Context, grace time.Duration) error {
	beat := time.NewTicker(q.o.Lease / 3)
	defer beat.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return q.stop(context.WithoutCancel(ctx), grace)
		case <-beat.C:
			q.heartbeat(ctx)
		case <-q.wake:
		case <-timer.C:
		}
		timer.Reset(q.sweep(ctx))
	}
}

// heartbeat renews the node's lease and looks for dead nodes.
func (q *Queue) heartbeat(ctx context.Context) {
	now := q.o.Now()
	if err := q.o.Store.Heartbeat(ctx, q.node, q.o.Lease); err != nil {
		q.o.Log.Error("heartbeat", slog.Any("error", err))
		return
	}
	freed, err := q.o.Store.ReleaseDead(ctx)
	if err != nil {
		q.o.Log.Error("release the jobs of dead nodes", slog.Any("error", err))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lease = now.Add(q.o.Lease)
	if freed > 0 {
		q.nextDue = now
	}
}

// sweep starts what fell due, takes from the table what there is room for and
// returns how long to wait before the next look.
func (q *Queue) sweep(ctx context.Context) time.Duration {
	now := q.o.Now()
	q.mu.Lock()
	q.due(now)
	room := q.o.MaxInMemory - q.held
	due := !q.nextDue.IsZero() && !q.nextDue.After(now)
	// Now and then in any case: other nodes leave jobs, too.
	look := room >= q.o.MaxInMemory/2 && (q.spilling || due || now.Sub(q.looked) >= idlePoll)
	if look {
		q.looked = now
	}
	q.pump()
	q.mu.Unlock()
	if look {
		if err := q.claim(ctx, room); err != nil && !errors.Is(err, context.Canceled) {
			q.o.Log.Error("claim jobs", slog.Any("error", err))
			return idlePoll
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	wait := idlePoll
	if len(q.waiting) > 0 {
		wait = min(wait, q.waiting[0].due.Sub(q.o.Now()))
	}
	if !q.nextDue.IsZero() {
		wait = min(wait, q.nextDue.Sub(q.o.Now()))
	}
	if q.o.MaxInMemory-q.held < q.o.MaxInMemory/2 {
		wait = idlePoll // full: finish wakes us
	}
	return max(wait, time.Millisecond)
}

// claim takes free jobs from the table.
func (q *Queue) claim(ctx context.Context, room int) error {
	q.mu.Lock()
	spills := q.spills
	q.mu.Unlock()
	now := q.o.Now()
	jobs, err := q.o.Store.Claim(ctx, q.node, room)
	if err != nil {
		return err
	}
	// What was due and not claimed waits behind another job of its lane.
	next, any, err := q.o.Store.NextDue(ctx, now)
	if err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, j := range jobs {
		delete(q.parked, j.Lane)
		q.add(j)
	}
	switch {
	case len(jobs) == room:
		q.spilling = true // there may be more: what comes now goes behind it
	case spills == q.spills:
		q.spilling = false
	}
	q.nextDue = time.Time{}
	if any {
		q.nextDue = next
	} else if q.spilling {
		q.nextDue = q.o.Now()
	}
	q.pump()
	return nil
}

// stop waits for the jobs under way and gives the others back.
func (q *Queue) stop(ctx context.Context, grace time.Duration) error {
	q.mu.Lock()
	q.stopping = true
	q.mu.Unlock()
	done := make(chan struct{})
	go func() {
		q.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return q.o.Store.Leave(ctx, q.node)
	case <-time.After(grace):
		// What is still under way stays ours and is taken over as
		// interrupted when the lease runs out.
		return errors.New("jobs were still running at the end of the grace period")
	}
}

// Step runs, one after the other, every job that is due and returns how many
// there were. It is how tests run a Manual queue.
func (q *Queue) Step(ctx context.Context) (int, error) {
	n := 0
	for {
		if err := q.claim(ctx, q.o.MaxInMemory); err != nil {
			return n, err
		}
		k, l, j := q.next()
		if j == nil {
			return n, nil
		}
		n++
		q.run(k, l, j)
	}
}

func (q *Queue) next() (*kind, *lane, *store.Job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lease = q.o.Now().Add(q.o.Lease)
	q.due(q.o.Now())
	for _, k := range q.kinds {
		if j, l := k.take(); j != nil {
			return k, l, j
		}
	}
	return nil, nil, nil
}
