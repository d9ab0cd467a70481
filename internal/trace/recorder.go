package trace

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/parley-im/parley/internal/store"
)

const (
	// flushEvery is how long a step stays in memory at most: what a crash can
	// lose.
	flushEvery = time.Second
	// flushBytes of steps are written without waiting for that.
	flushBytes = 8 << 20
	// maxBytes bounds the steps in memory, those being written included.
	maxBytes = 32 << 20
	// rowsPerWrite go into one group commit, so that none is long held up.
	rowsPerWrite = 16
	// chunkSteps are allocated at once.
	chunkSteps = 256
)

// Options configure a Recorder. Store and Log are required.
type Options struct {
	Store   *store.Store
	Log     *slog.Logger
	Metrics prometheus.Registerer // nil: counted for nobody
}

// A Recorder takes notes. It is safe for concurrent use. The nil Recorder
// takes none.
type Recorder struct {
	store   *store.Store
	log     *slog.Logger
	steps   prometheus.Counter
	dropped *prometheus.CounterVec
	full    chan struct{} // there is enough to be written

	flushing sync.Mutex // one flush at a time

	mu      sync.Mutex
	pending []chunk // in order; the last has room
	writing []chunk
	bytes   int // that all of them hold
}

// A chunk is steps in the order they were noted.
type chunk []note

type note struct {
	ref  Ref
	step Step
}

// New returns a Recorder, which writes nothing until it is run.
func New(o Options) *Recorder {
	f := promauto.With(o.Metrics)
	return &Recorder{
		store: o.Store,
		log:   o.Log,
		steps: f.NewCounter(prometheus.CounterOpts{
			Name: "parley_trace_steps_total", Help: "Steps of messages that were noted.",
		}),
		dropped: f.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_trace_dropped_total", Help: "Steps of messages that were not kept: memory was full, or the database failed.",
		}, []string{"cause"}),
		full: make(chan struct{}, 1),
	}
}

// On reports whether notes are taken.
func (r *Recorder) On() bool { return r != nil }

// Add notes a step of a message. It never waits.
func (r *Recorder) Add(ref Ref, s Step) {
	if r == nil {
		return
	}
	size := s.size()
	r.mu.Lock()
	if r.bytes+size > maxBytes {
		r.mu.Unlock()
		r.dropped.WithLabelValues("full").Inc()
		return
	}
	r.bytes += size
	enough := r.bytes > flushBytes
	last := len(r.pending) - 1
	if last < 0 || len(r.pending[last]) == cap(r.pending[last]) {
		r.pending = append(r.pending, make(chunk, 0, chunkSteps))
		last++
	}
	r.pending[last] = append(r.pending[last], note{ref, s})
	r.mu.Unlock()
	r.steps.Inc()
	if enough {
		select {
		case r.full <- struct{}{}:
		default:
		}
	}
}

// Run writes the notes until ctx is done, and then the last ones.
func (r *Recorder) Run(ctx context.Context) {
	if r == nil {
		return
	}
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-r.full:
		case <-ctx.Done():
			r.write(context.WithoutCancel(ctx))
			return
		}
		r.write(context.WithoutCancel(ctx))
	}
}

func (r *Recorder) write(ctx context.Context) {
	if err := r.Flush(ctx); err != nil {
		r.log.Warn("write traces", slog.Any("error", err))
	}
}

// Flush writes what was noted. What cannot be written is dropped.
func (r *Recorder) Flush(ctx context.Context) error {
	if r == nil {
		return nil
	}
	r.flushing.Lock()
	defer r.flushing.Unlock()
	r.mu.Lock()
	r.writing, r.pending = r.pending, nil
	held := r.bytes
	r.mu.Unlock()
	var err error
	if len(r.writing) > 0 {
		err = r.commit(ctx, rows(r.writing))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.dropped.WithLabelValues("failed").Add(float64(count(r.writing)))
	}
	r.writing = nil
	r.bytes -= held
	return err
}

func count(chunks []chunk) int {
	n := 0
	for _, c := range chunks {
		n += len(c)
	}
	return n
}

// commit stores rows, a few with each group, one after the other: the messages
// themselves come first.
func (r *Recorder) commit(ctx context.Context, rows []store.Trace) error {
	for part := range slices.Chunk(rows, rowsPerWrite) {
		if err := r.store.Commit(ctx, &store.Write{Traces: part}); err != nil {
			return err
		}
	}
	return nil
}

// rows encodes steps, message by message, and packs them.
func rows(chunks []chunk) []store.Trace {
	all := make([]*note, 0, count(chunks))
	next := make([]int, cap(all)) // of the same message, or 0
	first := make(map[Ref]int, cap(all)/4)
	last := make(map[Ref]int, cap(all)/4)
	for _, c := range chunks {
		for i := range c {
			n, ref := len(all), c[i].ref
			all = append(all, &c[i])
			if before, ok := last[ref]; ok {
				next[before] = n
			} else {
				first[ref] = n
			}
			last[ref] = n
		}
	}
	refs := slices.SortedFunc(maps.Keys(first), func(a, b Ref) int {
		if a.ProjectID == b.ProjectID && a.AppID == b.AppID {
			return strings.Compare(a.MessageID, b.MessageID) // as nearly always
		}
		return cmp.Or(strings.Compare(a.ProjectID, b.ProjectID), strings.Compare(a.AppID, b.AppID))
	})
	var p store.TracePacker
	var c clock
	for _, ref := range refs {
		p.Add(ref.ProjectID, ref.AppID, ref.MessageID, func(b []byte) []byte {
			for n := first[ref]; ; n = next[n] {
				b = all[n].step.appendTo(b, &c)
				if next[n] == 0 {
					return b
				}
				b = append(b, ',')
			}
		})
	}
	return p.Rows()
}

// Unwritten returns the steps of a message that are still in memory, as
// store.Traces returns the others.
func (r *Recorder) Unwritten(ref Ref) string {
	if r == nil {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var b []byte
	var t clock
	for _, list := range [][]chunk{r.writing, r.pending} {
		for _, c := range list {
			for i := range c {
				if c[i].ref != ref {
					continue
				}
				if len(b) > 0 {
					b = append(b, ',')
				}
				b = c[i].step.appendTo(b, &t)
			}
		}
	}
	return string(b)
}
