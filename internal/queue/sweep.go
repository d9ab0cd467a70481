package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/parley-im/parley/internal/store"
)

// Start registers the node and takes over what a dead one left behind.
func (q *Queue) Start(ctx context.Context) error {
	if q.o.Predecessor != 0 {
		if err := q.o.Store.Bury(ctx, q.o.Predecessor); err != nil {
			return fmt.Errorf("bury the predecessor: %w", err)
		}
	}
	if err := q.join(ctx); err != nil {
		return err
	}
	if err := q.o.Store.AlignLanes(ctx); err != nil {
		return fmt.Errorf("align lanes: %w", err)
	}
	lanes, err := q.o.Store.WaitingLanes(ctx)
	if err != nil {
		return fmt.Errorf("waiting lanes: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for lane, due := range lanes {
		q.table.park(lane, due, true)
	}
	q.nextDue = q.o.Now()
	// Until the first look at the table is over, new jobs queue up behind
	// what may be there.
	q.table.behind = true
	q.started = true
	return nil
}

// join registers the node under a name that no other has.
func (q *Queue) join(ctx context.Context) error {
	q.mu.Lock()
	node := q.node
	q.mu.Unlock()
	for {
		taken, err := q.o.Store.NodeTaken(ctx, node)
		if err != nil {
			return fmt.Errorf("look for other nodes: %w", err)
		}
		if !taken {
			break
		}
		node = randomNode()
	}
	if q.o.Joining != nil {
		if err := q.o.Joining(node); err != nil {
			return fmt.Errorf("note the node's id: %w", err)
		}
	}
	now := q.o.Now()
	if err := q.o.Store.Join(ctx, node, q.o.Lease); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.node, q.lease = node, now.Add(q.o.Lease)
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
	held, err := q.o.Store.Renew(ctx, q.node, q.o.Lease)
	if err == nil && !held {
		err = q.lapsed(ctx)
	}
	if err != nil {
		q.o.Log.Error("heartbeat", slog.Any("error", err))
		return
	}
	if now.Sub(q.audited) >= auditEvery {
		q.audited = now
		if err := q.audit(ctx); err != nil {
			q.o.Log.Error("look for lost jobs", slog.Any("error", err))
		}
	}
	freed, err := q.o.Store.ReleaseDead(ctx)
	if err != nil {
		q.o.Log.Error("release the jobs of dead nodes", slog.Any("error", err))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lease = now.Add(q.o.Lease)
	if freed > 0 {
		q.dueAt(now)
	}
}

// lapsed starts afresh after the node was out of touch for so long that others
// took its jobs: all that does not run already is forgotten.
func (q *Queue) lapsed(ctx context.Context) error {
	q.mu.Lock()
	q.o.Log.Error("the node's lease ran out: its jobs were taken over")
	old := q.node
	q.node = randomNode()
	for _, k := range q.kinds {
		q.held -= k.forget()
	}
	q.held -= len(q.waiting)
	q.waiting = nil
	claims := q.table.claims
	q.table = newTable()
	q.table.claims, q.table.behind = claims, true
	q.mu.Unlock()
	// What it wrote since it was given up is found as a dead node's.
	if err := q.o.Store.Heartbeat(ctx, old, -time.Second); err != nil {
		return fmt.Errorf("give up the old name: %w", err)
	}
	return q.join(ctx)
}

// auditEvery is how often the node looks for jobs that are its own and yet not
// in its memory.
const auditEvery = time.Minute

// audit gives back the jobs that the table says are this node's and that it
// does not know: the answer to the claim or commit that made them its own was
// lost. One that is just on its way is not there any more at the next audit.
func (q *Queue) audit(ctx context.Context) error {
	owned, err := q.o.Store.OwnedJobs(ctx, q.node)
	if err != nil {
		return err
	}
	q.mu.Lock()
	known := q.inMemory()
	var lost []int64
	suspects := map[int64]bool{}
	for _, id := range owned {
		switch {
		case known[id]:
		case q.suspects[id]:
			lost = append(lost, id)
		default:
			suspects[id] = true
		}
	}
	q.suspects = suspects
	q.mu.Unlock()
	if len(lost) == 0 {
		return nil
	}
	q.o.Log.Warn("gave back jobs that were lost from memory", slog.Int("jobs", len(lost)))
	if err := q.o.Store.ReleaseLost(ctx, q.node, lost); err != nil {
		return err
	}
	q.added()
	return nil
}

// inMemory returns the ids of the jobs in memory; the caller holds the lock.
func (q *Queue) inMemory() map[int64]bool {
	ids := maps.Clone(q.runs)
	for _, w := range q.waiting {
		ids[w.job.ID] = true
	}
	for _, k := range q.kinds {
		for _, l := range k.lanes {
			for _, j := range l.jobs {
				ids[j.ID] = true
			}
		}
	}
	return ids
}

// sweep starts what fell due, takes from the table what there is room for and
// returns how long to wait before the next look.
func (q *Queue) sweep(ctx context.Context) time.Duration {
	now := q.o.Now()
	q.mu.Lock()
	q.due(now)
	if now.Before(q.looked) {
		q.looked = time.Time{} // the clock was set back
	}
	room := q.o.MaxInMemory - q.held
	// Without a lease, what is claimed would be nobody's.
	look := room > 0 && !now.After(q.lease) && now.Sub(q.looked) >= q.pause(room) && (q.wanted(now) || now.Sub(q.looked) >= idlePoll)
	if look {
		q.looked = now
	}
	q.pump() //nolint:contextcheck // a job is carried through even when the server stops
	q.mu.Unlock()
	if look {
		if err := q.claim(ctx, room); err != nil {
			if !errors.Is(err, context.Canceled) {
				q.o.Log.Error("claim jobs", slog.Any("error", err))
			}
			return idlePoll
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now = q.o.Now()
	wait := idlePoll
	if q.wanted(now) {
		wait = min(wait, q.pause(q.o.MaxInMemory-q.held))
	} else if !q.nextDue.IsZero() {
		wait = min(wait, q.nextDue.Sub(now))
	}
	if len(q.waiting) > 0 {
		wait = min(wait, q.waiting[0].due.Sub(now))
	}
	return max(wait, time.Millisecond)
}

// wanted reports whether something in the table is to be run now.
func (q *Queue) wanted(now time.Time) bool {
	return q.table.behind || (!q.nextDue.IsZero() && !q.nextDue.After(now))
}

// pause is the least time between two looks at the table: with little room,
// each look is worth little.
func (q *Queue) pause(room int) time.Duration {
	if room < q.o.MaxInMemory/4 {
		return max(crowdedPoll, q.table.rest)
	}
	return q.table.rest
}

// stop waits for the jobs under way and gives the others back.
func (q *Queue) stop(ctx context.Context, grace time.Duration) error {
	q.mu.Lock()
	q.stopping = true
	q.mu.Unlock()
	done := make(chan struct{})
	go func() {
		q.mu.Lock()
		for q.busy > 0 {
			q.quiet.Wait()
		}
		q.mu.Unlock()
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
		l, j := q.next()
		if j == nil {
			return n, nil
		}
		n++
		q.run(l, j) //nolint:contextcheck // as when it runs by itself
	}
}

func (q *Queue) next() (*lane, *store.Job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lease = q.o.Now().Add(q.o.Lease)
	q.due(q.o.Now())
	for _, k := range q.kinds {
		if j, l := q.take(k); j != nil {
			return l, j
		}
	}
	return nil, nil
}
