package engine

import (
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/fake"
	"github.com/parley-im/parley/internal/store"
)

// upTo tells that ada has what she was sent until at.
func (w *world) upTo(a *parley.App, at time.Time, s parley.DeliveryStatus) {
	w.t.Helper()
	w.tell(a, parley.ChannelSMS, channel.Inbound{
		At: at, From: channel.Address{Identity: ada}, Receipt: &channel.Receipt{UpTo: at, Status: s},
	})
}

// A watermark is about everything the contact was sent until then, however
// much that is, and about nobody and nothing else.
func TestWatermark(t *testing.T) {
	t.Parallel()
	for _, mode := range []parley.ProcessingMode{parley.ModeConversation, parley.ModeDispatch} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, scripted(parley.ChannelSMS))
			a := w.app(func(a *parley.App) { a.ProcessingMode = mode })
			var before []string
			for range store.SentPage + 3 {
				before = append(before, w.send(text(a, "x", sms(ada))))
				w.pass(time.Millisecond)
			}
			other := w.send(text(a, "x", sms("46700000099")))
			w.step()
			at := w.now()
			w.pass(time.Second)
			after := w.send(text(a, "x", sms(ada)))
			w.take()

			w.upTo(a, at, parley.StatusDelivered)
			w.upTo(a, at, parley.StatusRead)
			if got := len(w.take()); got != 2*len(before) {
				t.Errorf("got %d callbacks, want %d", got, 2*len(before))
			}
			for _, m := range before {
				if got := w.status(m); got != parley.StatusRead {
					t.Errorf("got %s, want READ", got)
				}
			}
			for _, m := range []string{other, after} {
				if got := w.status(m); got != parley.StatusQueuedOnChannel {
					t.Errorf("got %s, want QUEUED_ON_CHANNEL", got)
				}
			}
			w.upTo(a, at, parley.StatusRead)
			w.upTo(a, at, parley.StatusDelivered)
			w.expect()
		})
	}
}

// A watermark can be faster than the answer to our request.
func TestWatermarkBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	var w *world
	var a *parley.App
	ch := fake.New(parley.ChannelSMS, func(at channel.Attempt) (channel.ProviderID, error) {
		w.upTo(a, w.now(), parley.StatusRead)
		return fake.Accept(at)
	})
	w = newWorld(t, ch)
	a = w.app()
	w.send(text(a, "x", sms(ada)))
	w.run(5*time.Second, 100*time.Millisecond)
	w.expect("CONTACT_CREATE", "CONVERSATION_START", "SUBMIT SMS", "QUEUED_ON_CHANNEL SMS", "READ SMS")
}
