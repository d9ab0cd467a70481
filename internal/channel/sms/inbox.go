package sms

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Deliveries are stored by several goroutines, because a store answers many
// writers at once faster than one after the other. One sender's messages go
// through one goroutine, so they stay in order.
const (
	inboxLanes     = 8
	inboxLaneQueue = 64
)

var errInboxFull = errors.New("too many deliveries under way")

// A delivery is what the SMSC brought: a receipt, or a message.
type delivery struct {
	id       string // the same when the SMSC delivers it again
	at       time.Time
	from, to string
	receipt  *receipt
	text     string
	binary   []byte // data that is not text; text is empty then
	missing  int    // parts that did not come
}

// inboxConfig is how an inbox reads and where it brings what it read.
type inboxConfig struct {
	alphabet  alphabet
	ids       idForm
	holdParts bool
	maxHeld   int
	patience  time.Duration
	accept    func(context.Context, *delivery) error // returns once it is stored
	seen      *redeliveries
	log       *slog.Logger
	now       func() time.Time
}

// An inbox takes what an SMSC delivers, stores it and answers.
type inbox struct {
	cfg   inboxConfig
	parts *reassembler
	lanes [inboxLanes]chan *whole
	work  sync.WaitGroup

	mu     sync.RWMutex
	closed bool
}

// newInbox starts an inbox. ctx bounds each call of accept; close ends it.
func newInbox(ctx context.Context, cfg inboxConfig) *inbox {
	in := &inbox{cfg: cfg}
	in.parts = newReassembler(cfg.holdParts, cfg.maxHeld, cfg.patience, in.enqueue)
	for i := range in.lanes {
		lane := make(chan *whole, inboxLaneQueue)
		in.lanes[i] = lane
		in.work.Go(func() {
			for w := range lane {
				in.store(ctx, w)
			}
		})
	}
	return in
}

// deliver takes one deliver_sm; it never blocks.
func (in *inbox) deliver(m *messageBody, answer answerFunc) {
	if m.esmClass&esmTypeMask != 0 { // receipts have no parts
		in.enqueue(&whole{parts: []*messageBody{m}, answers: []answerFunc{answer}})
		return
	}
	in.parts.add(m, answer)
}

func (in *inbox) enqueue(w *whole) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(w.parts[0].source.addr)) // a hash never fails
	in.mu.RLock()
	defer in.mu.RUnlock()
	if in.closed {
		return // not answered: it will be delivered again
	}
	select {
	case in.lanes[h.Sum32()%inboxLanes] <- w:
	default:
		go w.answer(errInboxFull) // answering writes, which may block
	}
}

// close stores what is on its way in and returns when that is done.
func (in *inbox) close() {
	in.parts.close()
	in.mu.Lock()
	if !in.closed {
		in.closed = true
		for _, lane := range in.lanes {
			close(lane)
		}
	}
	in.mu.Unlock()
	in.work.Wait()
}

// store hands w over and tells the SMSC how that went.
func (in *inbox) store(ctx context.Context, w *whole) {
	d, ok := in.read(w)
	if !ok {
		in.cfg.log.Warn("delivery report not understood")
		w.answer(nil) // delivered again it would say the same
		return
	}
	if w.missing > 0 {
		in.cfg.log.Warn("message stored without all its parts", slog.Int("missing", w.missing))
	}
	key := ""
	if d.receipt == nil {
		key = contentKey(w)
		d.id = in.cfg.seen.id(key, d.at)
	}
	err := in.cfg.accept(ctx, d)
	if err != nil {
		in.cfg.log.Error("delivery not stored", slog.String("error", err.Error()))
	}
	if answered := w.answer(err); answered && err == nil && key != "" {
		in.cfg.seen.settled(key)
	}
}

// read decodes w; it is false for a receipt that says nothing of use.
func (in *inbox) read(w *whole) (*delivery, bool) {
	first := w.parts[0]
	d := &delivery{at: in.cfg.now(), from: first.source.addr, to: first.dest.addr, missing: w.missing}
	switch first.esmClass & esmTypeMask {
	case esmReceipt, esmIntermediate:
		r, ok := parseReceipt(first, in.cfg.ids)
		d.receipt = &r
		d.id = fmt.Sprintf("%s/%d/%s", r.messageID, r.state, r.errorCode)
		return d, ok
	case esmUserAck, esmManualAck:
		// A handset's own acknowledgement: its text is all there is to it.
	}
	d.text, d.binary = in.decode(w.parts)
	return d, true
}

// decode joins the user data of parts. It is joined before it is decoded,
// because some handsets cut a surrogate pair in two.
func (in *inbox) decode(parts []*messageBody) (text string, binary []byte) {
	var b strings.Builder
	var run []byte // UCS-2 not yet decoded
	for _, p := range parts {
		data, header := p.data(), []byte(nil)
		if p.esmClass&esmHeader != 0 {
			_, header, data, _ = parseHeader(data)
		}
		c := codingOf(p.dataCoding, in.cfg.alphabet)
		switch {
		case c.binary:
			binary = append(binary, data...)
		case c.ucs2:
			run = append(run, data...)
		default:
			b.WriteString(decodeUCS2(run))
			run = nil
			b.WriteString(c.alphabet.decode(data, len(header)))
		}
	}
	b.WriteString(decodeUCS2(run))
	if b.Len() > 0 {
		return b.String(), nil
	}
	return "", binary
}

// contentKey is the same for two deliveries of the same thing.
func contentKey(w *whole) string {
	h := sha256.New()
	for _, p := range w.parts {
		// A hash never fails to take what is written.
		_, _ = fmt.Fprintf(h, "%s\x00%s\x00%d\x00%d\x00", p.source.addr, p.dest.addr, p.dataCoding, len(p.data()))
		_, _ = h.Write(p.data())
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// redeliveries recognises messages that the SMSC delivers again because our
// answer did not reach it. SMPP gives an inbound message no id, and the same
// text from the same sender may well be a second message; so only one whose
// answer is known not to have arrived is taken for a repeat. After a crash
// that knowledge is gone, and the last few messages may come twice.
type redeliveries struct {
	mu       sync.Mutex
	unproved map[string]redelivery
}

type redelivery struct {
	id string
	at time.Time
}

// redeliveryWindow is how long an SMSC may take to deliver again.
const redeliveryWindow = 15 * time.Minute

func newRedeliveries() *redeliveries {
	return &redeliveries{unproved: make(map[string]redelivery)}
}

// id returns the id of the delivery with this content: the one it had before
// if the SMSC may not know that we have it, else a new one.
func (r *redeliveries) id(key string, now time.Time) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old, ok := r.unproved[key]; ok && now.Sub(old.at) < redeliveryWindow {
		return old.id
	}
	for k, old := range r.unproved {
		if now.Sub(old.at) >= redeliveryWindow {
			delete(r.unproved, k)
		}
	}
	id := key + "-" + strconv.FormatInt(now.UnixNano(), 36)
	r.unproved[key] = redelivery{id: id, at: now}
	return id
}

// settled records that the SMSC has our answer.
func (r *redeliveries) settled(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.unproved, key)
}
