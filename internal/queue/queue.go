// Package queue runs durable jobs: the table in store is the truth, this
// package decides what runs when on this node.
//
// Jobs a node writes are its own from the start and are scheduled from memory;
// the table is read only after a restart, when a retry falls due, when another
// node died, and when more was accepted than memory should hold. Jobs of a
// kind share a limit, jobs of a lane (a conversation, a webhook) another. Send
// jobs of a lane run in order, and one that waits for its retry holds up the
// rest of its lane. No lane fills the memory: one that is stuck may take a
// third of it, the next a third of what is left, and so on.
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

	// Group says what jobs share a part of the kind's Concurrency, such as the
	// app they are of; all jobs of a lane are of one group. Groups that have
	// something to run take turns, and GroupWidth is how many of one group run
	// at once: one that is slow leaves room for the others. A nil Group makes
	// all jobs one group.
	Group      func(*store.Job) string
	GroupWidth int // 0 means no limit
}

// Options configure a Queue.
type Options struct {
	Store   *store.Store
	Kinds   map[string]Kind
	Now     func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer

	// MaxInMemory bounds the jobs held in memory, 0 means 4096. What is
	// accepted beyond it waits in the table.
	MaxInMemory int
	// Lease is how long the node may be out of touch with the database before
	// others take its jobs over; 0 means 30 s.
	Lease time.Duration
	// Predecessor is a node that is known to be dead, or 0: its jobs are taken
	// over at once and not when its lease runs out.
	Predecessor int64
	// Joining, if set, is told the node's id before any job is the node's.
	Joining func(node int64) error
	// Manual leaves all running to Step, for tests.
	Manual bool
}

const (
	// shortWait is the longest retry that is waited for in memory.
	shortWait = 2 * time.Second
	// idlePoll is how often the table is looked at for what other nodes left.
	idlePoll = time.Second
	// crowdedPoll is how often it is looked at when memory is nearly full.
	crowdedPoll = 100 * time.Millisecond
	// claimRest is how many times as long as it took a claim that passes over
	// crowded lanes is to be rested from, at most maxRest.
	claimRest = 4
	maxRest   = 5 * time.Second
)

// A Queue runs this node's share of the jobs.
type Queue struct {
	o   Options
	met *metrics

	mu       sync.Mutex
	node     int64
	kinds    map[string]*kind
	held     int // jobs in memory, running ones included
	table    table
	waiting  waitHeap
	nextDue  time.Time // the earliest job known to wait in the table
	looked   time.Time // when the table was last looked at
	audited  time.Time
	suspects map[int64]bool // jobs that are this node's and were not in memory
	runs     map[int64]bool // jobs that run now
	lease    time.Time      // until when this node may run jobs
	started  bool
	stopping bool
	busy     int        // jobs running and outcomes being written
	quiet    *sync.Cond // busy is 0

	wake chan struct{}
}

// New returns a queue. It becomes the store's hooks, so it must be made before
// the first write; until Start all jobs are left in the table.
func New(o Options) *Queue {
	if o.MaxInMemory == 0 {
		o.MaxInMemory = 4096
	}
	if o.Lease == 0 {
		o.Lease = 30 * time.Second
	}
	q := &Queue{
		o:     o,
		node:  randomNode(),
		kinds: map[string]*kind{},
		table: newTable(),
		runs:  map[int64]bool{},
		wake:  make(chan struct{}, 1),
		met:   newMetrics(o.Metrics),
	}
	q.quiet = sync.NewCond(&q.mu)
	for name, k := range o.Kinds {
		k.Concurrency = max(k.Concurrency, 1)
		q.kinds[name] = &kind{Kind: k, name: name, ordered: name == store.KindSend, lanes: map[string]*lane{}, groups: map[string]*group{}}
	}
	o.Store.SetHooks(store.Hooks{Owner: q.owner, Ready: q.ready, Left: q.left, Added: q.added})
	return q
}

// randomNode returns a positive number no other node has.
func randomNode() int64 {
	var b [8]byte
	_, _ = rand.Read(b[:])                             // crypto/rand.Read never fails
	return int64(binary.BigEndian.Uint64(b[:])>>1) | 1 // the top bit is clear
}

// dueAt notes that a job in the table is due at t; the caller holds the lock.
func (q *Queue) dueAt(t time.Time) {
	if q.nextDue.IsZero() || t.Before(q.nextDue) {
		q.nextDue = t
		q.nudge()
	}
}

func (q *Queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// pump starts what can start; the caller holds the lock.
func (q *Queue) pump() {
	if q.o.Manual || q.stopping || q.o.Now().After(q.lease) {
		return
	}
	for _, k := range q.kinds {
		for {
			j, l := q.take(k)
			if j == nil {
				break
			}
			go q.run(l, j)
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
