package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/fake"
)

// The process dies at every point between two of its effects: before the
// provider has a part and after it, before a callback is out and after it.
// Every commit of a send job lies between two of these points, so this is also
// before and after every commit. Then the next process goes on.

// A victim is a server whose process dies when fate says so.
type victim struct {
	*world
	fate  func() bool
	taken map[string]int // by attempt key: what the provider took
}

// point is where the process may die.
func (v *victim) point() {
	if v.fate() {
		runtime.Goexit() // nothing of this process runs any more
	}
}

// A breed is what channels differ in when an outcome is lost.
type breed struct {
	name       string
	idempotent bool
	finds      bool
	once       bool // idempotent but for these payloads
}

var breeds = []breed{
	{name: "idempotent", idempotent: true}, {name: "finder", finds: true}, {name: "marked"}, {name: "once", once: true},
} //nolint:gochecknoglobals // a table

// patience is how long it takes until the outcome is clear.
func (b breed) patience() time.Duration {
	if b.idempotent || b.finds {
		return time.Minute
	}
	return 3 * time.Minute
}

func newVictim(t *testing.T, b breed, refuse bool, fate func() bool) *victim {
	v := &victim{fate: fate, taken: map[string]int{}}
	first := fake.New(parley.ChannelSMS, func(a channel.Attempt) (channel.ProviderID, error) {
		v.point()
		if refuse {
			v.point()
			return "", fail(channel.NotSent, parley.ReasonRecipientNotReachable)
		}
		return v.take(b, a)
	})
	first.Caps.Idempotent, first.Once = b.idempotent || b.once, b.once
	second := fake.New(parley.ChannelRCS, func(a channel.Attempt) (channel.ProviderID, error) {
		v.point()
		return v.take(b, a)
	})
	second.Caps.Idempotent, second.Once = b.idempotent || b.once, b.once
	channels := []channel.Channel{first, second}
	if b.finds {
		find := func(key string) (bool, error) { return v.taken[key] > 0, nil }
		channels = []channel.Channel{&finder{first, find}, &finder{second, find}}
	}
	v.world = newWorld(t, channels...)
	v.wrap = func(run func(context.Context) error) error {
		v.point()
		if err := run(context.Background()); err != nil {
			return err
		}
		v.point()
		return nil
	}
	return v
}

// take is the provider taking a part: twice is once where it drops repeats.
func (v *victim) take(b breed, a channel.Attempt) (channel.ProviderID, error) {
	if v.taken[a.Key] == 0 || !b.idempotent {
		v.taken[a.Key]++
	}
	v.point()
	return fake.Accept(a)
}

// live runs processes, one after the other, for a while.
func (v *victim) live(d time.Duration) {
	for end := v.now().Add(d); v.now().Before(end); {
		ended := make(chan error, 1)
		go func() {
			err := errors.New("died")
			defer func() { ended <- err }()
			_, serr := v.q.Step(context.Background())
			err = serr
		}()
		if err := <-ended; err != nil {
			v.restart()
			continue
		}
		v.pass(10 * time.Second)
	}
}

// check checks what the contact and the app got.
func (v *victim) check(t *testing.T, b breed, m string, parts int, ch parley.Channel, leg int) {
	t.Helper()
	repeats, whole := 0, true
	for part := range parts {
		n := v.taken[fmt.Sprintf("%s-%d-%d-%d", m, leg, part, parts)]
		whole = whole && n > 0
		if n > 1 {
			repeats++
		}
	}
	if repeats > 0 {
		t.Errorf("%d parts were repeated: %v", repeats, v.taken)
	}
	status := v.status(m)
	if (b.idempotent || b.finds) && (!whole || status != parley.StatusQueuedOnChannel) {
		t.Errorf("the message is %s; the provider took %v", status, v.taken)
	}
	if status != parley.StatusQueuedOnChannel && status != parley.StatusFailed {
		t.Errorf("the message is stuck at %s", status)
	}
	if status == parley.StatusQueuedOnChannel && !whole {
		t.Errorf("the message is %s, but the provider took %v", status, v.taken)
	}
	var got []string
	for _, c := range v.got {
		got = append(got, names([]told{c})...)
	}
	last := "QUEUED_ON_CHANNEL " + string(ch)
	if status == parley.StatusFailed {
		if leg > 0 && slices.Contains(got, "FAILED SMS CHANNEL_FAILURE") {
			ch = parley.ChannelSMS // nobody could tell that it had refused
		}
		last = "FAILED " + string(ch) + " CHANNEL_FAILURE"
	}
	for _, want := range []string{"CONTACT_CREATE", "CONVERSATION_START", "SUBMIT " + string(ch), last} {
		if !slices.Contains(got, want) {
			t.Errorf("the app was never told %s, only %v", want, got)
		}
	}
}

func TestCrashAtEveryPoint(t *testing.T) {
	t.Parallel()
	for _, b := range breeds {
		for name, refuse := range map[string]bool{"": false, " falling back": true} {
			t.Run(b.name+name, func(t *testing.T) {
				t.Parallel()
				leg, ch, parts := 0, parley.ChannelSMS, 3
				if refuse {
					leg, ch = 1, parley.ChannelRCS
				}
				for n, more := 1, true; more && !t.Failed(); n++ {
					passed := 0
					v := newVictim(t, b, refuse, func() bool { passed++; return passed == n })
					m := v.send(text(v.app(), long(parts), sms(ada), id(parley.ChannelRCS, ada)))
					v.live(b.patience())
					v.check(t, b, m, parts, ch, leg)
					if t.Failed() {
						t.Logf("it died at point %d", n)
					}
					_ = v.store.Close()
					more = passed >= n
				}
			})
		}
	}
}

func TestCrashAgainAndAgain(t *testing.T) {
	t.Parallel()
	for _, b := range breeds {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(12) {
				r := rand.New(rand.NewPCG(seed, 0))
				left := 1 + r.IntN(5)
				v := newVictim(t, b, false, func() bool {
					if left == 0 || r.IntN(4) > 0 {
						return false
					}
					left--
					return true
				})
				m := v.send(text(v.app(), long(2), sms(ada)))
				v.live(b.patience())
				v.check(t, b, m, 2, parley.ChannelSMS, 0)
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
				_ = v.store.Close()
			}
		})
	}
}

// The database goes away just after the provider took a part.
func TestDatabaseAwayAfterAcceptance(t *testing.T) {
	t.Parallel()
	var w *world
	ch := fake.New(parley.ChannelSMS, func(a channel.Attempt) (channel.ProviderID, error) {
		_ = w.store.Close()
		return fake.Accept(a)
	})
	w = newWorld(t, marked(ch))
	m := w.send(text(w.app(), "x", sms(ada)))
	for range 5 {
		_, _ = w.q.Step(t.Context()) // fails: there is no database
		w.pass(time.Second)
	}
	if n := len(ch.Attempts()); n != 1 {
		t.Errorf("%d attempts while the acceptance could not be stored", n)
	}
	w.restart()
	w.run(3*time.Minute, time.Second)
	if got := w.status(m); got != parley.StatusFailed {
		t.Errorf("the process died with what it knew: got %s, want FAILED", got)
	}
	if n := len(ch.Attempts()); n != 1 {
		t.Errorf("%d attempts", n)
	}
}
