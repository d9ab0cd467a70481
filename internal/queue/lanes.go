package queue

import (
	"github.com/parley-im/parley/internal/store"
)

// kind is the state of one kind of jobs.
type kind struct {
	Kind
	name    string
	ordered bool
	running int
	lanes   map[string]*lane
	ready   []*lane // lanes with something to run now, in turn
	urgent  []*lane // those of urgent jobs, which come before
}

// lane is the jobs that share a turn.
type lane struct {
	kind    *kind
	name    string
	jobs    []*store.Job
	running int
	waiting int  // jobs that wait in memory for their retry
	blocked bool // an ordered lane whose head waits for its retry
	listed  bool // in kind.ready
	crowded bool // it has its share of the memory: more of it waits in the table
}

// lane returns the lane of a name, made when absent.
func (k *kind) lane(name string) *lane {
	l := k.lanes[name]
	if l == nil {
		l = &lane{kind: k, name: name}
		k.lanes[name] = l
	}
	return l
}

// list puts a lane in line if it has something to run.
func (k *kind) list(l *lane) {
	if l.listed || l.blocked || len(l.jobs) == 0 || (k.width() > 0 && l.running >= k.width()) {
		return
	}
	l.listed = true
	if l.jobs[0].Urgent() {
		k.urgent = append(k.urgent, l)
	} else {
		k.ready = append(k.ready, l)
	}
}

// next takes the lane whose turn it is off the line, or returns nil.
func (k *kind) next() *lane {
	line := &k.ready
	if len(k.urgent) > 0 {
		line = &k.urgent
	}
	if len(*line) == 0 {
		return nil
	}
	l := (*line)[0]
	(*line)[0] = nil
	*line = (*line)[1:]
	l.listed = false
	return l
}

func (k *kind) width() int {
	if k.ordered {
		return 1
	}
	return k.LaneWidth
}

// take returns the next job of the kind that may run now, or nil; the caller
// holds the lock.
func (q *Queue) take(k *kind) (*store.Job, *lane) {
	for k.running < k.Concurrency {
		l := k.next()
		if l == nil {
			break
		}
		if len(l.jobs) == 0 {
			k.tidy(l) // they were given back since it got in line
			continue
		}
		j := l.jobs[0]
		l.jobs[0] = nil
		l.jobs = l.jobs[1:]
		l.running++
		k.running++
		q.busy++
		q.runs[j.ID] = true
		k.list(l)
		return j, l
	}
	return nil, nil
}

// tidy forgets a lane with nothing in it.
func (k *kind) tidy(l *lane) {
	if len(l.jobs) == 0 && l.running == 0 && l.waiting == 0 && !l.listed && !l.crowded && k.lanes[l.name] == l {
		delete(k.lanes, l.name)
	}
}
