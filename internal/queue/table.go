package queue

import (
	"context"
	"log/slog"
	"time"

	"github.com/parley-im/parley/internal/store"
)

// table is what is known of the jobs that wait in the database, where it
// matters for order: a send job must not run from memory while an earlier one
// of its lane waits in the table, or is on its way there.
type table struct {
	// behind says that any lane may have jobs there: after a start, and while
	// more is there than memory has room for.
	behind bool
	// parked are the lanes known to have jobs there.
	parked map[string]*park
	// leaving counts, by lane, the send jobs left to the table whose
	// transaction is not over.
	leaving map[string]int
	// watch are the lanes of which send jobs were left since the last claim
	// began: the claim may have missed them.
	watch map[string]bool
	// crowded are the lanes that have their share of memory.
	crowded map[*lane]bool
	claims  int64 // how many were begun
	tidied  time.Time
	rest    time.Duration // the least time until the next claim
}

// A park is a lane of which jobs wait in the table.
type park struct {
	due    time.Time // when the first of them is
	retry  bool      // it waits for its retry: everything of the lane waits with it
	moving int       // writes under way that put jobs of the lane there
	moved  int64     // table.claims when the last one was over
}

func newTable() table {
	return table{
		parked: map[string]*park{}, leaving: map[string]int{}, watch: map[string]bool{}, crowded: map[*lane]bool{},
	}
}

// park notes that jobs of a lane wait in the table.
func (t *table) park(lane string, due time.Time, retry bool) *park {
	p := t.parked[lane]
	if p == nil {
		p = &park{due: due}
		t.parked[lane] = p
	}
	if retry {
		p.retry, p.due = true, due
	}
	return p
}

// owner decides, inside the commit that writes a job, whether it stays in
// memory or waits in the table.
func (q *Queue) owner(j *store.Job) int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	k := q.kinds[j.Kind]
	if k == nil || q.stopping || !q.started {
		return 0
	}
	now := q.o.Now()
	switch p := q.table.parked[j.Lane]; {
	case k.ordered && p != nil:
		if p.retry && j.RunAt.Before(p.due) {
			j.RunAt = p.due // it cannot run before: nobody need look at it until then
		}
	case k.ordered && q.crowds(k, j.Lane):
		q.table.park(j.Lane, now, false)
	case k.ordered && q.table.behind:
	case k.ordered:
		return q.node
	case j.RunAt.After(now.Add(shortWait)), q.crowds(k, j.Lane):
		return 0
	default:
		return q.node
	}
	q.table.leaving[j.Lane]++
	q.table.watch[j.Lane] = true
	return 0
}

// crowds reports whether there is no room for another job of a lane; the
// caller holds the lock.
func (q *Queue) crowds(k *kind, name string) bool {
	room := q.o.MaxInMemory - q.held
	if room <= 0 {
		q.table.behind = true
		return true
	}
	l := k.lanes[name]
	if l == nil || name == "" || len(l.jobs) <= room/2 {
		return false
	}
	l.crowded = true
	q.table.crowded[l] = true
	return true
}

// left is told that the transaction is over that wrote jobs for the table.
func (q *Queue) left(jobs []*store.Job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var early []*store.Job
	for _, j := range jobs {
		k := q.kinds[j.Kind]
		if k == nil {
			continue
		}
		if p := q.table.parked[j.Lane]; k.ordered && p != nil && p.retry && j.RunAt.Before(p.due) {
			// The head of its lane went to wait while it was being committed.
			j.RunAt = p.due
			early = append(early, j)
		}
		if n := q.table.leaving[j.Lane]; k.ordered && n > 1 {
			q.table.leaving[j.Lane] = n - 1
		} else if k.ordered {
			delete(q.table.leaving, j.Lane)
		}
		if l := k.lanes[j.Lane]; l != nil && l.crowded {
			continue // no claim takes it before uncrowd, and each would look at all that waits there
		}
		q.dueAt(j.RunAt)
	}
	q.giveBack(early)
}

// added looks for jobs written outside the group commit.
func (q *Queue) added() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dueAt(q.o.Now())
}

// ready takes committed jobs into memory and starts what can start.
func (q *Queue) ready(jobs []*store.Job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var late []*store.Job
	for _, j := range jobs {
		p := q.table.parked[j.Lane]
		switch {
		case j.Owner != q.node: // the node lost its lease and has another name now
			late = append(late, j)
		case q.kinds[j.Kind].ordered && p != nil && p.retry:
			// The head of its lane went to wait while it was being committed.
			j.RunAt = p.due
			late = append(late, j)
		default:
			q.add(j)
		}
	}
	q.giveBack(late)
	q.pump()
}

// add puts a job at the end of its lane; the caller holds the lock.
func (q *Queue) add(j *store.Job) {
	k := q.kinds[j.Kind]
	if k == nil {
		return // of a newer version; this node never claims it
	}
	q.held++
	l := k.lane(j)
	if now := q.o.Now(); !k.ordered && j.RunAt.After(now) {
		q.await(l, j, j.RunAt)
		return
	}
	l.jobs = append(l.jobs, j)
	k.list(l)
}

// giveBack puts jobs into the table whose lane's head waits there. It goes on
// until that is done: nobody else will run them. The caller holds the lock.
func (q *Queue) giveBack(jobs []*store.Job) {
	if len(jobs) == 0 {
		return
	}
	for _, j := range jobs {
		q.table.park(j.Lane, j.RunAt, false).moving++
	}
	q.save(&store.Write{Release: jobs}, func() {
		for _, j := range jobs {
			q.arrived(j.Lane)
			q.dueAt(j.RunAt)
		}
	})
}

// arrived notes that a write is over that moved jobs of a lane to the table;
// the caller holds the lock.
func (q *Queue) arrived(lane string) {
	if p := q.table.parked[lane]; p != nil {
		p.moving--
		p.moved = q.table.claims
	}
}

// save writes an outcome without waiting, and again until the database takes
// it; then is called with the lock held, as save must be.
func (q *Queue) save(w *store.Write, then func()) {
	q.busy++
	// Not from here: the caller may be the committer itself, whose queue may
	// be full.
	go q.o.Store.CommitThen(w, func(err error) { q.saved(w, then, err) })
}

func (q *Queue) saved(w *store.Write, then func(), err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		q.o.Log.Error("write the outcome of jobs", slog.Any("error", err))
		if !q.stopping {
			time.AfterFunc(idlePoll, func() {
				q.o.Store.CommitThen(w, func(err error) { q.saved(w, then, err) })
			})
			return
		}
		// The jobs stay this node's and are taken over as perhaps begun.
	}
	if then != nil {
		then()
	}
	q.idle()
}

// idle counts something under way out; the caller holds the lock.
func (q *Queue) idle() {
	q.busy--
	if q.busy == 0 {
		q.quiet.Broadcast()
	}
}

// uncrowd lets a lane have more jobs in memory once it has few; the caller
// holds the lock.
func (q *Queue) uncrowd(l *lane) {
	if l.crowded && (len(l.jobs) == 0 || len(l.jobs) <= (q.o.MaxInMemory-q.held)/4) {
		l.crowded = false
		delete(q.table.crowded, l)
		q.dueAt(q.o.Now())
	}
}

// skipped lists the lanes a claim is to leave alone; the caller holds the lock.
func (q *Queue) skipped() []string {
	const most = 256 // names in one statement
	var names []string
	for l := range q.table.crowded {
		if len(names) == most {
			break
		}
		names = append(names, l.name)
	}
	return names
}

// claim takes free jobs from the table.
func (q *Queue) claim(ctx context.Context, room int) error {
	q.mu.Lock()
	q.table.claims++
	n := q.table.claims
	clear(q.table.watch)
	for lane := range q.table.leaving {
		q.table.watch[lane] = true
	}
	f := store.ClaimFilter{Limit: min(room, max(q.o.MaxInMemory/16, 64)), Skip: q.skipped()}
	for name := range q.kinds {
		f.Kinds = append(f.Kinds, name)
	}
	node, now := q.node, q.o.Now()
	q.mu.Unlock()
	jobs, err := q.o.Store.ClaimSome(ctx, node, f)
	if err != nil {
		return err
	}
	// What was due and not claimed waits behind another job of its lane.
	next, waits, err := q.o.Store.NextDue(ctx, now)
	if err != nil {
		q.o.Log.Error("look for the next job", slog.Any("error", err))
		next, waits = now.Add(idlePoll), true // what was claimed must not be lost
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.table.rest = 0
	if len(f.Skip) > 0 {
		// It looked at all that waits in the crowded lanes, perhaps a million
		// callbacks to one dead webhook, while others wait for the database.
		q.table.rest = min(claimRest*q.o.Now().Sub(now), maxRest)
	}
	more := len(jobs) == f.Limit
	q.table.behind = more
	q.nextDue = time.Time{}
	if waits {
		q.nextDue = next
	}
	q.claimed(jobs, n)
	if !more {
		q.settleTable(f.Skip, n, now)
	}
	if more || len(q.table.watch) > 0 {
		q.nextDue = now
	}
	q.pump() //nolint:contextcheck // a job is carried through even when the server stops
	return nil
}

// claimed takes the jobs of the n-th claim into memory; the caller holds the
// lock.
func (q *Queue) claimed(jobs []*store.Job, n int64) {
	var late []*store.Job
	for _, j := range jobs {
		if j.Owner != q.node {
			continue // the node lost its lease meanwhile and has another name
		}
		if p := q.table.parked[j.Lane]; p != nil && q.kinds[j.Kind].ordered {
			if p.moving > 0 || p.moved >= n {
				// Earlier jobs of the lane got into the table too late for
				// this claim.
				if p.retry {
					j.RunAt = p.due
				}
				late = append(late, j)
				continue
			}
			delete(q.table.parked, j.Lane)
		}
		q.add(j)
		q.crowds(q.kinds[j.Kind], j.Lane)
	}
	q.giveBack(late)
}

// settleTable notes what is in the table after a claim that took all it might;
// the caller holds the lock.
func (q *Queue) settleTable(skipped []string, n int64, now time.Time) {
	for _, lane := range skipped {
		q.table.park(lane, now, false)
	}
	for lane := range q.table.watch {
		q.table.park(lane, now, false)
	}
	if now.Sub(q.table.tidied) < 10*time.Second {
		return
	}
	q.table.tidied = now
	keep := map[string]bool{}
	for _, lane := range skipped {
		keep[lane] = true
	}
	for lane, p := range q.table.parked {
		if p.moving == 0 && p.moved < n && !p.due.After(now) && !keep[lane] && !q.table.watch[lane] {
			delete(q.table.parked, lane)
		}
	}
}
