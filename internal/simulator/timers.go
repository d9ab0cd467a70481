package simulator

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// timers runs functions later, from one goroutine and one heap: under load
// there are tens of thousands of receipts waiting, too many for a goroutine or
// a runtime timer each.
type timers struct {
	now  func() time.Time
	wake chan struct{} // capacity 1: the earliest entry may have changed

	mu    sync.Mutex
	queue timerHeap
	seq   uint64
}

type timerEntry struct {
	at  time.Time
	seq uint64 // entries of the same moment run in the order added
	run func()
}

func newTimers(now func() time.Time) *timers {
	return &timers{now: now, wake: make(chan struct{}, 1)}
}

// after runs f once d has passed; at once, in the caller, if d is not
// positive. f must not take long: it holds up the others.
func (t *timers) after(d time.Duration, f func()) {
	if d <= 0 {
		f()
		return
	}
	t.mu.Lock()
	t.seq++
	e := timerEntry{at: t.now().Add(d), seq: t.seq, run: f}
	heap.Push(&t.queue, e)
	first := t.queue[0].seq == e.seq
	t.mu.Unlock()
	if first {
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
}

// run serves the heap until ctx is done.
func (t *timers) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		due, wait := t.due()
		for _, e := range due {
			if ctx.Err() != nil {
				return
			}
			e.run()
		}
		if len(due) > 0 {
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-t.wake:
		case <-timer.C:
		}
	}
}

// due takes the entries whose time has come and says how long until the next.
func (t *timers) due() ([]timerEntry, time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	var due []timerEntry
	for len(t.queue) > 0 && !t.queue[0].at.After(now) {
		due = append(due, heap.Pop(&t.queue).(timerEntry))
	}
	if len(t.queue) == 0 {
		return due, time.Hour
	}
	return due, t.queue[0].at.Sub(now)
}

type timerHeap []timerEntry

func (h timerHeap) Len() int { return len(h) }

func (h timerHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].seq < h[j].seq
	}
	return h[i].at.Before(h[j].at)
}

func (h timerHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *timerHeap) Push(x any) { *h = append(*h, x.(timerEntry)) }

func (h *timerHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = timerEntry{}
	*h = old[:len(old)-1]
	return e
}
