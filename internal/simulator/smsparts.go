package simulator

import (
	"slices"
	"strings"
	"sync"
)

// smsParts puts long messages together from their parts, as a phone does. T is
// what a part came as.
type smsParts[T any] struct {
	mu       sync.Mutex
	partials map[partialKey]*partial[T]
	order    []partialKey // oldest first
}

// partialKey says which parts belong together.
type partialKey struct {
	from, to   string
	ref, total int
}

// partial is a long message of which parts are missing.
type partial[T any] struct {
	text []string
	have []bool
	came []T
}

func (w *partial[T]) words() string { return strings.Join(w.text, "") }

// partialsMost is how many incomplete messages there may be.
const partialsMost = 1000

// add takes a part and returns the message once it is complete.
func (ps *smsParts[T]) add(from, to string, m segment, came T) *partial[T] {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.partials == nil {
		ps.partials = map[partialKey]*partial[T]{}
	}
	k := partialKey{from, to, m.ref, m.total}
	w, i := ps.partials[k], m.seq-1
	// References come round: another text for a part that is there belongs to
	// a new message.
	if w == nil || w.have[i] && w.text[i] != m.text {
		w = &partial[T]{make([]string, m.total), make([]bool, m.total), make([]T, m.total)}
		ps.partials[k] = w
		ps.order = append(ps.order, k)
		if len(ps.order) > partialsMost {
			delete(ps.partials, ps.order[0])
			ps.order = ps.order[1:]
		}
	}
	w.text[i], w.have[i], w.came[i] = m.text, true, came
	if slices.Contains(w.have, false) {
		return nil
	}
	delete(ps.partials, k)
	return w
}
