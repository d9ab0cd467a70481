package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/fake"
)

func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	lost := fail(channel.Unknown, parley.ReasonChannelFailure)
	start := []string{"CONTACT_CREATE", "CONVERSATION_START", "SUBMIT SMS"}
	t.Run("idempotent", func(t *testing.T) {
		t.Parallel()
		ch := scripted(parley.ChannelSMS, lost, lost)
		w := newWorld(t, ch)
		w.send(text(w.app(), "x", sms(ada)))
		w.run(20*time.Second, 500*time.Millisecond)
		w.expect(append(start, "QUEUED_ON_CHANNEL SMS")...)
		if d := cmp.Diff([]string{"0-0-1", "0-0-1", "0-0-1"}, keys(ch)); d != "" {
			t.Errorf("attempts (-want +got):\n%s", d)
		}
	})
	t.Run("receipts only", func(t *testing.T) {
		t.Parallel()
		ch := marked(scripted(parley.ChannelSMS, lost))
		w := newWorld(t, ch, scripted(parley.ChannelRCS))
		w.send(text(w.app(), "x", sms(ada), id(parley.ChannelRCS, ada)))
		w.run(3*time.Minute, time.Second)
		w.expect(append(start, "FAILED SMS CHANNEL_FAILURE")...)
		if n := len(ch.Attempts()); n != 1 {
			t.Errorf("%d attempts", n)
		}
	})
	t.Run("a receipt tells", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, marked(scripted(parley.ChannelSMS, lost)))
		a := w.app()
		m := w.send(text(a, "x", sms(ada)))
		w.step()
		w.tell(a, parley.ChannelSMS, channel.Inbound{Receipt: &channel.Receipt{ID: "p", Key: m + "-0-0-1", Status: parley.StatusDelivered}})
		w.run(3*time.Minute, time.Second)
		w.expect(append(start, "QUEUED_ON_CHANNEL SMS", "DELIVERED SMS")...)
		w.receipt(a, parley.ChannelSMS, "p", parley.StatusRead) // the id is known now
		w.expect("READ SMS")
	})
	t.Run("nothing ever tells", func(t *testing.T) {
		t.Parallel()
		ch := marked(scripted(parley.ChannelSMS, lost))
		ch.Caps.Receipts = nil
		w := newWorld(t, ch, scripted(parley.ChannelRCS))
		w.send(text(w.app(), "x", sms(ada), id(parley.ChannelRCS, ada)))
		w.expect(append(start, "FAILED SMS CHANNEL_FAILURE")...)
	})
	t.Run("panic", func(t *testing.T) {
		t.Parallel()
		n := 0
		ch := marked(fake.New(parley.ChannelSMS, func(channel.Attempt) (channel.ProviderID, error) { n++; panic("bug") }))
		w := newWorld(t, ch)
		w.send(text(w.app(), "x", sms(ada)))
		w.run(3*time.Minute, time.Second)
		w.expect(append(start, "FAILED SMS CHANNEL_FAILURE")...)
		if n != 1 {
			t.Errorf("%d attempts: after a panic nobody knows what became of the first", n)
		}
	})
}

// A finder is a channel whose provider can be asked.
type finder struct {
	*fake.Channel
	find func(key string) (bool, error)
}

func (f *finder) Finds(*parley.ChannelCredential) bool { return true }

func (f *finder) Find(_ context.Context, _ *channel.Conn, a channel.Attempt) (channel.ProviderID, bool, error) {
	found, err := f.find(a.Key)
	return channel.ProviderID("fake-" + a.Key), found, err
}

func TestFinder(t *testing.T) {
	t.Parallel()
	lost := fail(channel.Unknown, parley.ReasonChannelFailure)
	start := []string{"CONTACT_CREATE", "CONVERSATION_START", "SUBMIT SMS"}
	for name, tc := range map[string]struct {
		find     func(string) (bool, error)
		attempts int
		end      string
	}{
		"it arrived": {func(string) (bool, error) { return true, nil }, 1, "QUEUED_ON_CHANNEL SMS"},
		"it did not": {func(string) (bool, error) { return false, nil }, 2, "QUEUED_ON_CHANNEL SMS"},
		"no answer":  {func(string) (bool, error) { return false, errors.New("down") }, 1, "FAILED SMS CHANNEL_FAILURE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ch := marked(scripted(parley.ChannelSMS, lost))
			w := newWorld(t, &finder{ch, tc.find}, scripted(parley.ChannelRCS))
			a := w.app(func(a *parley.App) { a.MessageRetrySettings = &parley.MessageRetrySettings{RetryDuration: 60} })
			w.send(text(a, "x", sms(ada), id(parley.ChannelRCS, ada)))
			w.run(4*time.Minute, 500*time.Millisecond)
			w.expect(append(start, tc.end)...)
			if n := len(ch.Attempts()); n != tc.attempts {
				t.Errorf("%d attempts, want %d", n, tc.attempts)
			}
		})
	}
}
