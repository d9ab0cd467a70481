package sms

import (
	"bytes"
	"slices"
	"sync"
	"time"
)

// A whole is an inbound short message with all its parts, or those that came.
type whole struct {
	parts   []*messageBody // in order; at least one
	missing int
	answers []answerFunc // owed to the SMSC once the message is stored
}

func (w *whole) answer(err error) (answered bool) {
	answered = true
	for _, answer := range w.answers {
		if answer(err) != nil {
			answered = false
		}
	}
	return answered
}

// A reassembler puts the parts of long messages together.
//
// No part is acknowledged before its whole message is stored, so that a crash
// loses none: the SMSC delivers all of them again. The price is that the
// SMSC's window fills with unanswered parts. Hence two bounds: after patience,
// or when maxHeld parts are waiting, what came so far is passed on as it is.
// An SMSC that sends one deliver_sm at a time never sends the second part
// before the first is answered; for it hold is false: parts are acknowledged
// at once and wait in memory, where a crash loses them.
type reassembler struct {
	hold     bool
	maxHeld  int
	patience time.Duration // since the first part
	emit     func(*whole)  // called without the lock held; must not block

	mu     sync.Mutex
	groups map[groupKey]*group
	held   int
	births int
	closed bool
}

// groupKey tells long messages apart (3GPP TS 23.040, section 9.2.3.24.1).
type groupKey struct {
	source, dest address
	reference    uint16
	wide         bool
	total        byte
}

type group struct {
	parts   []*messageBody // by number less one; nil where missing
	answers []answerFunc
	born    int // order of arrival, to find the oldest
	expiry  *time.Timer
}

func newReassembler(hold bool, maxHeld int, patience time.Duration, emit func(*whole)) *reassembler {
	return &reassembler{
		hold: hold, maxHeld: max(1, maxHeld), patience: patience, emit: emit,
		groups: make(map[groupKey]*group),
	}
}

// concatenationOf returns which part m is: by user data header or by the
// sar_* parameters.
func concatenationOf(m *messageBody) (concatenation, bool) {
	if m.esmClass&esmHeader != 0 {
		if c, _, _, ok := parseHeader(m.data()); ok {
			return c, c.total > 1
		}
	}
	reference, a := m.optional.number(tagSarMsgRefNum)
	total, b := m.optional.number(tagSarTotalSegments)
	number, c := m.optional.number(tagSarSegmentSeqnum)
	if !a || !b || !c || total < 2 || total > maxSegments || number < 1 || number > total {
		return concatenation{}, false
	}
	return concatenation{
		reference: uint16(reference), wide: true, //nolint:gosec // a two-octet parameter
		total: byte(total), number: byte(number), //nolint:gosec // checked above
	}, true
}

// add takes one deliver_sm and emits the message it completes.
func (r *reassembler) add(m *messageBody, answer answerFunc) {
	c, ok := concatenationOf(m)
	if !ok {
		r.emit(&whole{parts: []*messageBody{m}, answers: []answerFunc{answer}})
		return
	}
	if !r.hold {
		// Writing may block. If it fails the part comes again and falls into
		// the same place.
		go answer(nil) //nolint:errcheck // see above
		answer = func(error) error { return nil }
	}
	for _, w := range r.place(m, c, answer) {
		r.emit(w)
	}
}

// place puts m into its group and returns what is ready to go.
func (r *reassembler) place(m *messageBody, c concatenation, answer answerFunc) []*whole {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil // not answered: it will be delivered again
	}
	var ready []*whole
	key := groupKey{source: m.source, dest: m.dest, reference: c.reference, wide: c.wide, total: c.total}
	g := r.groups[key]
	if g != nil {
		if old := g.parts[c.number-1]; old != nil && !bytes.Equal(old.data(), m.data()) {
			// Another message with the same reference: the first will never
			// be complete.
			ready = append(ready, r.remove(key))
			g = nil
		}
	}
	if g == nil {
		r.births++
		g = &group{parts: make([]*messageBody, c.total), born: r.births}
		g.expiry = time.AfterFunc(r.patience, func() { r.expire(key, g) })
		r.groups[key] = g
	}
	g.parts[c.number-1] = m
	g.answers = append(g.answers, answer)
	r.held++
	if !slices.Contains(g.parts, nil) {
		ready = append(ready, r.remove(key))
	} else if r.hold && r.held >= r.maxHeld {
		ready = append(ready, r.remove(r.oldest()))
	}
	return ready
}

func (r *reassembler) oldest() groupKey {
	var key groupKey
	first := -1
	for k, g := range r.groups {
		if first < 0 || g.born < first {
			key, first = k, g.born
		}
	}
	return key
}

// remove takes the group with key out and returns what is there of it.
func (r *reassembler) remove(key groupKey) *whole {
	g := r.groups[key]
	g.expiry.Stop()
	delete(r.groups, key)
	r.held -= len(g.answers)
	w := &whole{answers: g.answers}
	for _, p := range g.parts {
		if p == nil {
			w.missing++
		} else {
			w.parts = append(w.parts, p)
		}
	}
	return w
}

func (r *reassembler) expire(key groupKey, g *group) {
	r.mu.Lock()
	if r.groups[key] != g {
		r.mu.Unlock()
		return
	}
	w := r.remove(key)
	r.mu.Unlock()
	r.emit(w)
}

// close forgets held parts, which the SMSC will deliver again, and emits those
// it has already been told are safe.
func (r *reassembler) close() {
	r.mu.Lock()
	r.closed = true
	var ready []*whole
	for key := range r.groups {
		if w := r.remove(key); !r.hold {
			ready = append(ready, w)
		}
	}
	r.mu.Unlock()
	for _, w := range ready {
		r.emit(w)
	}
}
