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
	groups  map[string]*group
	turns   []*group // groups with something to run now, in turn
}

// group is the lanes that share a part of the kind's concurrency.
type group struct {
	name    string
	lanes   int // how many there are
	running int
	ready   []*lane // lanes with something to run now, in turn
	urgent  []*lane // those of urgent jobs, which come before
	listed  bool    // in kind.turns
}

// lane is the jobs that share a turn.
type lane struct {
	kind    *kind
	group   *group
	name    string
	jobs    []*store.Job
	running int
	waiting int  // jobs that wait in memory for their retry
	blocked bool // an ordered lane whose head waits for its retry
	listed  bool // in its group's ready or urgent
	crowded bool // it has its share of the memory: more of it waits in the table
}

// lane returns the lane of a job, made when absent.
func (k *kind) lane(j *store.Job) *lane {
	l := k.lanes[j.Lane]
	if l != nil {
		return l
	}
	name := ""
	if k.Group != nil {
		name = k.Group(j)
	}
	g := k.groups[name]
	if g == nil {
		g = &group{name: name}
		k.groups[name] = g
	}
	g.lanes++
	l = &lane{kind: k, group: g, name: j.Lane}
	k.lanes[j.Lane] = l
	return l
}

// list puts a lane in line if it has something to run.
func (k *kind) list(l *lane) {
	if l.listed || l.blocked || len(l.jobs) == 0 || (k.width() > 0 && l.running >= k.width()) {
		return
	}
	l.listed = true
	if g := l.group; l.jobs[0].Urgent() {
		g.urgent = append(g.urgent, l)
	} else {
		g.ready = append(g.ready, l)
	}
	k.offer(l.group)
}

// offer gives a group a turn if it has something to run and may.
func (k *kind) offer(g *group) {
	if g.listed || len(g.urgent)+len(g.ready) == 0 || (k.GroupWidth > 0 && g.running >= k.GroupWidth) {
		return
	}
	g.listed = true
	k.turns = append(k.turns, g)
}

// next takes the lane whose turn it is off the line, or returns nil.
func (k *kind) next() *lane {
	for len(k.turns) > 0 {
		g := k.turns[0]
		k.turns[0] = nil
		k.turns = k.turns[1:]
		g.listed = false
		if l := g.next(); l != nil {
			return l
		}
	}
	return nil
}

func (g *group) next() *lane {
	line := &g.ready
	if len(g.urgent) > 0 {
		line = &g.urgent
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
			k.offer(l.group)
			continue
		}
		j := l.jobs[0]
		l.jobs[0] = nil
		l.jobs = l.jobs[1:]
		l.running++
		l.group.running++
		k.running++
		q.busy++
		q.runs[j.ID] = true
		k.list(l)
		k.offer(l.group)
		return j, l
	}
	return nil, nil
}

// tidy forgets a lane with nothing in it.
func (k *kind) tidy(l *lane) {
	if len(l.jobs) == 0 && l.running == 0 && l.waiting == 0 && !l.listed && !l.crowded && k.lanes[l.name] == l {
		delete(k.lanes, l.name)
		if l.group.lanes--; l.group.lanes == 0 {
			delete(k.groups, l.group.name)
		}
	}
}

// forget drops all that does not run; the caller holds the lock. It returns
// how many jobs there were, those that wait for their retry not counted.
func (k *kind) forget() (jobs int) {
	for _, l := range k.lanes {
		jobs += len(l.jobs)
		l.jobs, l.listed, l.blocked, l.crowded, l.waiting = nil, false, false, false, 0
	}
	for _, g := range k.groups {
		g.ready, g.urgent, g.listed = nil, nil, false
	}
	k.turns = nil
	clear(k.lanes)
	clear(k.groups)
	return jobs
}
