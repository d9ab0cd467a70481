package engine

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// later is a request to send a text after a while.
func (w *world) later(a *parley.App, words string, d time.Duration) *parley.SendMessageRequest {
	r := text(a, words, sms(ada))
	at := w.now().Add(d)
	r.SendAt = &at
	return r
}

func TestSendAt(t *testing.T) {
	t.Parallel()
	ch := scripted(parley.ChannelSMS)
	w := newWorld(t, ch)
	a := w.app()
	r := w.later(a, "later", 24*time.Hour)
	r.TTL = 60
	id := w.send(r)
	w.send(text(a, "now", sms(ada)))
	w.step()
	if n := len(ch.Attempts()); n != 1 {
		t.Fatalf("%d attempts: what is scheduled must wait and hold up nobody", n)
	}
	if s := w.status(id); s != parley.StatusQueued {
		t.Errorf("status %s", s)
	}
	w.restart()
	w.take() // what was told shortly before the crash may come again
	w.pass(24*time.Hour - time.Second)
	w.expect()
	w.pass(time.Second)
	w.expect("SUBMIT SMS", "QUEUED_ON_CHANNEL SMS")
	if n := len(ch.Attempts()); n != 2 {
		t.Errorf("%d attempts", n)
	}
}

func TestSendAtDeleted(t *testing.T) {
	t.Parallel()
	for _, mode := range []parley.ProcessingMode{parley.ModeConversation, parley.ModeDispatch} {
		ch := scripted(parley.ChannelSMS)
		w := newWorld(t, ch)
		a := w.app(func(a *parley.App) { a.ProcessingMode = mode })
		id := w.send(w.later(a, "never", time.Hour))
		w.take()
		m, err := w.store.Message(t.Context(), project, id)
		if err != nil || !m.Listed {
			t.Fatalf("%s: listed %v, %v", mode, m.Listed, err)
		}
		if err := w.store.DeleteMessage(t.Context(), project, id); err != nil {
			t.Fatal(err)
		}
		w.pass(2 * time.Hour)
		w.expect()
		if n := len(ch.Attempts()); n > 0 {
			t.Errorf("%s: %d attempts at a message that was deleted", mode, n)
		}
	}
}

// A message is deleted while its job decides that its time has come.
func TestSendAtDeletedAtTheLastMoment(t *testing.T) {
	t.Parallel()
	ch := scripted(parley.ChannelSMS)
	w := newWorld(t, ch)
	a := w.app()
	id := w.send(w.later(a, "never", time.Hour))
	w.pass(time.Hour)
	m, err := w.store.Message(t.Context(), project, id)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.DeleteMessage(t.Context(), project, id); err != nil {
		t.Fatal(err)
	}
	adv := &store.Advance{ProjectID: project, MessageID: id, To: store.At(0, parley.StatusQueued), Jobs: []*store.Job{sendJob(m, &store.SendOptions{}, 0)}}
	if err := w.store.Commit(t.Context(), &store.Write{Advance: adv}); err != nil || adv.Moved {
		t.Errorf("moved %v, %v", adv.Moved, err)
	}
	w.take()
	if n := len(ch.Attempts()); n > 0 {
		t.Errorf("%d attempts", n)
	}
}

func TestSendAtRange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	a := w.app()
	for _, d := range []time.Duration{-time.Second, parley.MaxSendAhead + time.Second} {
		_, err := w.e.SendMessage(t.Context(), project, w.later(a, "x", d))
		if parley.CodeOf(err) != parley.CodeInvalidArgument || !strings.HasPrefix(err.Error(), "send_at: ") {
			t.Errorf("%v ahead: %v", d, err)
		}
	}
}

// While the app's limit holds messages back, urgent ones overtake the others,
// and each kind keeps its order within a conversation.
func TestHighPriority(t *testing.T) {
	t.Parallel()
	ch := scripted(parley.ChannelSMS)
	w := newWorldWith(t, func(o *Options) { o.RateLimits, o.Limits = true, parley.RateLimits{Outbound: 2} }, ch)
	a := w.app()
	for i := range 6 {
		w.send(text(a, "normal "+strconv.Itoa(i), sms(ada)))
	}
	w.step()
	for i := range 3 {
		r := text(a, "high "+strconv.Itoa(i), sms(ada))
		r.Queue = parley.QueueHigh
		w.send(r)
	}
	w.run(10*time.Second, 100*time.Millisecond)
	got := []string{}
	for _, at := range ch.Attempts() {
		body := string(at.Payload.Body)
		i := max(strings.Index(body, "normal "), strings.Index(body, "high "))
		got = append(got, strings.TrimRight(body[i:], `"}`+"\n"))
	}
	want := []string{"normal 0", "normal 1", "high 0", "high 1", "high 2", "normal 2", "normal 3", "normal 4", "normal 5"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("order (-want +got):\n%s", d)
	}
}

func TestQueueCountAfterRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	a := w.app()
	for i := range 3 {
		w.send(text(a, "x", sms("1555123100"+strconv.Itoa(i))))
	}
	w.send(w.later(a, "x", time.Hour))
	w.restart()
	if err := w.e.Recount(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := w.e.limits.waiting(a.ID); n != 3 {
		t.Errorf("%d wait after a restart, want 3", n)
	}
	w.step()
	if n := w.e.limits.waiting(a.ID); n != 0 {
		t.Errorf("%d wait after sending", n)
	}
	w.pass(time.Hour)
	w.step()
	if n := w.e.limits.waiting(a.ID); n != 0 {
		t.Errorf("%d wait after the scheduled one was sent", n)
	}
}
