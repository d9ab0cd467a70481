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
	steps := make(map[Ref][]*Step, count(chunks)/4)
	for _, c := range chunks {
		for i := range c {
			steps[c[i].ref] = append(steps[c[i].ref], &c[i].step)
		}
	}
	refs := slices.SortedFunc(maps.Keys(steps), func(a, b Ref) int {
		return cmp.Or(strings.Compare(a.ProjectID, b.ProjectID), strings.Compare(a.AppID, b.AppID), strings.Compare(a.MessageID, b.MessageID))
	})
	var p store.TracePacker
	for _, ref := range refs {
		p.Add(ref.ProjectID, ref.AppID, ref.MessageID, func(b []byte) []byte { return appendSteps(b, steps[ref]) })
	}
	return p.Rows()
}

// appendSteps writes steps as JSON objects, separated by commas.
func appendSteps(b []byte, steps []*Step) []byte {
	for i, s := range steps {
		if i > 0 {
			b = append(b, ',')
		}
		b = s.appendTo(b)
	}
	return b
}

// Unwritten returns the steps of a message that are still in memory, as
// store.Traces returns the others.
func (r *Recorder) Unwritten(ref Ref) string {
	if r == nil {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var steps []*Step
	for _, list := range [][]chunk{r.writing, r.pending} {
		for _, c := range list {
			for i := range c {
				if c[i].ref == ref {
					steps = append(steps, &c[i].step)
				}
			}
		}
	}
	return string(appendSteps(nil, steps))
}
