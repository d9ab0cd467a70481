// Package queue runs durable jobs: the table in store is the truth, this
// package decides what runs when on this node.
//
// Jobs a node writes are its own from the start and are scheduled from memory;
// the table is read only after a restart, when a retry falls due, when another
// node died, and when more was accepted than memory should hold. Jobs of a
// kind share a limit, jobs of a lane (a conversation, a webhook) another. Send
// jobs of a lane run in order, and one that waits for its retry holds up the
// rest of its lane.
//
// What can go wrong: the process dies (the jobs are taken over and marked as
// perhaps begun), the database is away (a job's outcome is written again when
// it is back, and the node starts nothing new once its lease ran out), a
// worker panics (the job is retried).
package queue

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley/internal/store"
)

// A Worker runs one job. Nil means done; an error means try again with
// backoff, unless it is made by Retry, Snooze or Stop, or is Settled.
type Worker func(context.Context, *store.Job) error

// A Kind says how jobs of one kind are run.
type Kind struct {
	Run         Worker
	Concurrency int // how many at once; 0 means 1
	LaneWidth   int // how many of one lane at once; 0 means no limit
}

// Options configure a Queue.
type Options struct {
	Store   *store.Store
	Kinds   map[string]Kind
	Now     func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer

	// MaxInMemory bounds the jobs held in memory, 0 means 8192. What is
	// accepted beyond it waits in the table.
	MaxInMemory int
	// Lease is how long the node may be out of touch with the database before
	// others take its jobs over; 0 means 30 s.
	Lease time.Duration
	// Manual leaves all running to Step, for tests.
	Manual bool
}

const (
	// shortWait is the longest retry that is waited for in memory.
	shortWait = 2 * time.Second
	// idlePoll is how often the table is looked at for what other nodes left.
	idlePoll = time.Second
)

// A Queue runs this node's share of the jobs.
type Queue struct {
	o    Options
	node int64
	met  *metrics

	mu       sync.Mutex
	kinds    map[string]*kind
	held     int  // jobs in memory, running ones included
	spilling bool // more was accepted than memory holds: what comes now waits in the table
	spills   int  // counts the jobs that were left in the table
	parked   map[string]bool
	waiting  waitHeap
	nextDue  time.Time // the earliest job known to wait in the table
	looked   time.Time // when the table was last looked at
	lease    time.Time // until when this node may run jobs
	stopping bool
	running  sync.WaitGroup

	wake chan struct{}
}

// kind is the state of one kind of jobs.
type kind struct {
	Kind
	name    string
	ordered bool
	running int
	lanes   map[string]*lane
	ready   []*lane // lanes with something to run now, in turn
}

// lane is the jobs that share a turn.
type lane struct {
	name    string
	jobs    []*store.Job
	running int
	blocked bool // an ordered lane whose head waits for its retry
	listed  bool // in kind.ready
}

// New returns a queue. It becomes the store's hooks, so it must be made before
// the first write; nothing runs before Run.
func New(o Options) *Queue {
	if o.MaxInMemory == 0 {
		o.MaxInMemory = 8192
	}
	if o.Lease == 0 {
		o.Lease = 30 * time.Second
	}
	q := &Queue{
		o:      o,
		node:   randomNode(),
		kinds:  map[string]*kind{},
		parked: map[string]bool{},
		wake:   make(chan struct{}, 1),
		met:    newMetrics(o.Metrics),
	}
	for name, k := range o.Kinds {
		k.Concurrency = max(k.Concurrency, 1)
		q.kinds[name] = &kind{Kind: k, name: name, ordered: name == store.KindSend, lanes: map[string]*lane{}}
	}
	o.Store.SetHooks(store.Hooks{Owner: q.owner, Ready: q.ready, Added: q.added})
	return q
}

// randomNode returns a positive number no other node has.
func randomNode() int64 {
	var b [8]byte
	_, _ = rand.Read(b[:])                             // crypto/rand.Read never fails
	return int64(binary.BigEndian.Uint64(b[:])>>1) | 1 //nolint:gosec // the top bit is clear
}

// owner decides, inside the commit that writes a job, whether it stays in
// memory or waits in the table.
func (q *Queue) owner(j *store.Job) int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	k := q.kinds[j.Kind]
	switch {
	case k == nil, q.stopping:
		return 0
	case j.RunAt.After(q.o.Now().Add(shortWait)):
		q.dueAt(j.RunAt)
		return 0
	case k.ordered && q.parked[j.Lane]:
		return 0
	case q.spilling, q.held >= q.o.MaxInMemory:
		q.spilling = true
		q.spills++
		return 0
	}
	return q.node
}

// dueAt notes that a job in the table is due at t; the caller holds the lock.
func (q *Queue) dueAt(t time.Time) {
	if q.nextDue.IsZero() || t.Before(q.nextDue) {
		q.nextDue = t
		q.nudge()
	}
}

// added looks for jobs written outside the group commit.
func (q *Queue) added() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dueAt(q.o.Now())
}

func (q *Queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// ready takes committed jobs into memory and starts what can start.
func (q *Queue) ready(jobs []*store.Job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var late []*store.Job
	for _, j := range jobs {
		if q.parked[j.Lane] && j.Kind == store.KindSend {
			// Its lane was given back while it was being committed.
			late = append(late, j)
			continue
		}
		q.add(j)
	}
	if late != nil {
		// Not from here: the caller is the committer itself.
		go q.o.Store.CommitLater(&store.Write{Release: late})
	}
	q.pump()
}

// add puts a job at the end of its lane; the caller holds the lock.
func (q *Queue) add(j *store.Job) {
	k := q.kinds[j.Kind]
	if k == nil {
		return // a kind of a newer version; its owner never claims it
	}
	q.held++
	l := k.lanes[j.Lane]
	if l == nil {
		l = &lane{name: j.Lane}
		k.lanes[j.Lane] = l
	}
	l.jobs = append(l.jobs, j)
	k.list(l)
}

// list puts a lane in line if it has something to run.
func (k *kind) list(l *lane) {
	if l.listed || l.blocked || len(l.jobs) == 0 || (k.width() > 0 && l.running >= k.width()) {
		return
	}
	l.listed = true
	k.ready = append(k.ready, l)
}

func (k *kind) width() int {
	if k.ordered {
		return 1
	}
	return k.LaneWidth
}

// take returns the next job of the kind that may run now, or nil.
func (k *kind) take() (*store.Job, *lane) {
	if k.running >= k.Concurrency || len(k.ready) == 0 {
		return nil, nil
	}
	l := k.ready[0]
	k.ready[0] = nil
	k.ready = k.ready[1:]
	l.listed = false
	j := l.jobs[0]
	l.jobs[0] = nil
	l.jobs = l.jobs[1:]
	l.running++
	k.running++
	k.list(l)
	return j, l
}

// pump starts what can start; the caller holds the lock.
func (q *Queue) pump() {
	if q.o.Manual || q.stopping || q.o.Now().After(q.lease) {
		return
	}
	for _, k := range q.kinds {
		for {
			j, l := k.take()
			if j == nil {
				break
			}
			q.running.Add(1)
			go func() {
				defer q.running.Done()
				q.run(k, l, j)
			}()
		}
	}
}

// Held reports whether this node may still act on its jobs: a worker asks
// before what cannot be taken back.
func (q *Queue) Held() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.o.Now().After(q.lease)
}
