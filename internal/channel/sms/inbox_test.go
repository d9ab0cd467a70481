package sms

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// answers records what the SMSC was told about one deliver_sm.
type answers struct{ got chan error }

func newAnswers() *answers { return &answers{got: make(chan error, 10)} }

func (a *answers) answer(err error) error {
	a.got <- err
	return nil
}

// testInbox returns an inbox that puts what it stores on a channel.
func testInbox(t *testing.T, cfg inboxConfig) (*inbox, chan *delivery) {
	t.Helper()
	stored := make(chan *delivery, 100)
	if cfg.accept == nil {
		cfg.accept = func(_ context.Context, d *delivery) error {
			stored <- d
			return nil
		}
	}
	cfg.alphabet, cfg.ids, cfg.now = alphabetGSM7, idVerbatim, time.Now
	cfg.log = slog.New(slog.DiscardHandler)
	if cfg.seen == nil {
		cfg.seen = newRedeliveries()
	}
	in := newInbox(t.Context(), cfg)
	t.Cleanup(in.close)
	return in, stored
}

// part is one part of a message to 1000.
func part(c concatenation, text string) *messageBody {
	return &messageBody{
		id: deliverSM, source: address{addr: "46700000000"}, dest: address{addr: "1000"}, esmClass: esmHeader,
		shortMessage: append(c.header(), mustGSM7(text)...),
	}
}

func TestInboxReassembles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, stored := testInbox(t, inboxConfig{holdParts: true, maxHeld: 100, patience: 30 * time.Second})
		a := newAnswers()
		in.deliver(part(concatenation{reference: 7, total: 3, number: 3}, "three"), a.answer)
		in.deliver(part(concatenation{reference: 8, total: 2, number: 1}, "other"), a.answer)
		in.deliver(part(concatenation{reference: 7, total: 3, number: 1}, "one "), a.answer)
		in.deliver(part(concatenation{reference: 7, total: 3, number: 1}, "one "), a.answer) // delivered again
		synctest.Wait()
		if len(stored) != 0 || len(a.got) != 0 {
			t.Fatalf("%d stored, %d answered before the message is whole", len(stored), len(a.got))
		}
		in.deliver(part(concatenation{reference: 7, total: 3, number: 2}, "two "), a.answer)
		d := <-stored
		if d.text != "one two three" || d.missing != 0 || d.from != "46700000000" || d.to != "1000" {
			t.Errorf("stored %+v", d)
		}
		synctest.Wait()
		if got := len(a.got); got != 4 {
			t.Errorf("%d answers, want one for each of 4 deliveries", got)
		}
		start := time.Now()
		if d := <-stored; d.text != "other" || d.missing != 1 {
			t.Errorf("after the wait: %+v", d)
		}
		if waited := time.Since(start); waited != 30*time.Second {
			t.Errorf("waited %v for the missing part, want 30s", waited)
		}
	})
}

func TestInboxHoldsNoMoreThanItMay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, stored := testInbox(t, inboxConfig{holdParts: true, maxHeld: 2, patience: time.Hour})
		in.deliver(part(concatenation{reference: 1, total: 3, number: 1}, "old"), newAnswers().answer)
		in.deliver(part(concatenation{reference: 2, total: 3, number: 1}, "new"), newAnswers().answer)
		if d := <-stored; d.text != "old" || d.missing != 2 {
			t.Errorf("stored %+v, want what came of the oldest", d)
		}
	})
}

func TestInboxReferenceReused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, stored := testInbox(t, inboxConfig{holdParts: true, maxHeld: 9, patience: time.Hour})
		for _, text := range []string{"first", "second"} {
			in.deliver(part(concatenation{reference: 1, total: 2, number: 1}, text), newAnswers().answer)
		}
		if d := <-stored; d.text != "first" || d.missing != 1 {
			t.Errorf("stored %+v", d)
		}
	})
}

func TestInboxAnswersPartsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, stored := testInbox(t, inboxConfig{holdParts: false, patience: time.Hour})
		a := newAnswers()
		in.deliver(part(concatenation{reference: 1, total: 2, number: 1}, "kept "), a.answer)
		if err := <-a.got; err != nil {
			t.Errorf("answer %v", err)
		}
		in.close() // the part is ours now, so it must come out
		if d := <-stored; d.text != "kept " || d.missing != 1 {
			t.Errorf("stored %+v", d)
		}
	})
}

func TestInboxForgetsHeldPartsAtClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, stored := testInbox(t, inboxConfig{holdParts: true, maxHeld: 9, patience: time.Hour})
		a := newAnswers()
		in.deliver(part(concatenation{reference: 1, total: 2, number: 1}, "x"), a.answer)
		in.close()
		if len(stored) != 0 || len(a.got) != 0 {
			t.Errorf("%d stored, %d answered; want none, so that the SMSC delivers it again", len(stored), len(a.got))
		}
	})
}

func TestInboxStoreFails(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	synctest.Test(t, func(t *testing.T) {
		var ids []string
		in, _ := testInbox(t, inboxConfig{accept: func(_ context.Context, d *delivery) error {
			ids = append(ids, d.id)
			return full
		}})
		a := newAnswers()
		for range 2 {
			in.deliver(&messageBody{id: deliverSM, shortMessage: []byte("x")}, a.answer)
			if err := <-a.got; !errors.Is(err, full) {
				t.Errorf("answered %v, want %v", err, full)
			}
			time.Sleep(time.Second) // the bubble's clock
		}
		if ids[0] != ids[1] {
			t.Errorf("the same message delivered again has id %q, then %q", ids[0], ids[1])
		}
	})
}

func TestInboxIdentities(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, stored := testInbox(t, inboxConfig{})
		unheard := func(error) error { return errors.New("connection reset") }
		deliver := func(answer answerFunc) string {
			in.deliver(&messageBody{id: deliverSM, shortMessage: []byte("yes")}, answer)
			id := (<-stored).id
			synctest.Wait()
			time.Sleep(time.Second) // the bubble's clock
			return id
		}
		a := deliver(unheard)
		if b := deliver(newAnswers().answer); b != a {
			t.Errorf("delivered again after a lost answer: id %q, want %q", b, a)
		}
		if c := deliver(newAnswers().answer); c == a {
			t.Error("the same text sent twice has one id")
		}
	})
}

func TestInboxReceiptsAndBinary(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, stored := testInbox(t, inboxConfig{})
		a := newAnswers()
		in.deliver(&messageBody{id: deliverSM, esmClass: esmReceipt, shortMessage: []byte("id:7 stat:DELIVRD err:000")}, a.answer)
		d := <-stored
		if d.receipt == nil || d.receipt.messageID != "7" || d.id != "7/2/000" {
			t.Errorf("receipt: %+v", d)
		}
		in.deliver(&messageBody{id: deliverSM, esmClass: esmReceipt, shortMessage: []byte("hello")}, a.answer)
		synctest.Wait()
		if len(stored) != 0 || len(a.got) != 2 {
			t.Errorf("a receipt that says nothing: %d stored, %d answers", len(stored), len(a.got))
		}
		in.deliver(&messageBody{id: deliverSM, dataCoding: 4, shortMessage: []byte{1, 2}}, a.answer)
		if diff := cmp.Diff([]byte{1, 2}, (<-stored).binary); diff != "" {
			t.Errorf("binary (-want +got):\n%s", diff)
		}
	})
}

func TestInboxDecodesSplitSurrogates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, stored := testInbox(t, inboxConfig{holdParts: true, maxHeld: 9, patience: time.Hour})
		data := encodeUCS2("a😀b")
		for i, cut := range [][]byte{data[:4], data[4:]} {
			in.deliver(&messageBody{
				id: deliverSM, dataCoding: codingUCS2, shortMessage: cut, optional: tlvs{
					{tagSarMsgRefNum, []byte{1, 2}}, {tagSarTotalSegments, []byte{2}}, {tagSarSegmentSeqnum, []byte{byte(i + 1)}},
				},
			}, newAnswers().answer)
		}
		if d := <-stored; d.text != "a😀b" {
			t.Errorf("text %q", d.text)
		}
	})
}
