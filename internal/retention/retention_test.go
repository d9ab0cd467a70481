package retention

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/media"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// A world is a store whose clock is set by hand, and a sweeper.
type world struct {
	t       testing.TB
	store   *store.Store
	media   *media.Store
	sweeper *Sweeper

	mu    sync.Mutex
	clock time.Time
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

func newWorld(t testing.TB, url string) *world {
	t.Helper()
	w := &world{t: t, clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	o := storetest.Options(t, url)
	o.Now = w.now
	w.store = storetest.Open(t, o)
	var err error
	w.media, err = media.New(media.Options{Dir: t.TempDir(), Key: make([]byte, 32), Now: w.now, Logger: slog.New(slog.DiscardHandler)})
	w.must(err)
	t.Cleanup(func() { _ = w.media.Close() })
	w.sweeper = w.newSweeper()
	for _, p := range []string{"p1", "p2"} {
		_, err := w.store.CreateProject(t.Context(), p, p)
		w.must(err)
	}
	return w
}

func (w *world) newSweeper() *Sweeper {
	return New(Options{
		Store: w.store, Media: w.media, Now: w.now, Log: slog.New(slog.DiscardHandler), Interval: time.Hour, TraceFor: 7 * day,
	})
}

// on runs a test on both databases.
func on(t *testing.T, f func(*world)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); f(newWorld(t, "")) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); f(newWorld(t, storetest.Postgres(t))) })
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// app makes an app with a retention policy.
func (w *world) app(projectID, kind string, ttl int64, mod ...func(*parley.App)) *parley.App {
	w.t.Helper()
	a := &parley.App{
		ID: w.store.NewID(), ProcessingMode: parley.ModeConversation,
		RetentionPolicy: &parley.RetentionPolicy{RetentionType: kind, TTLDays: ttl},
	}
	for _, f := range mod {
		f(a)
	}
	a.SetDefaults()
	w.must(w.store.PutApp(w.t.Context(), projectID, a))
	return a
}

// send stores a message of an app, with a trace and a provider's id, and
// returns it.
func (w *world) send(projectID string, a *parley.App, to string, mod ...func(*store.Message)) *store.Message {
	w.t.Helper()
	wr := storetest.Accept(w.store, projectID, a.ID, parley.ChannelIdentity{Channel: parley.ChannelSMS, Identity: to})
	m := wr.Accept.Message
	for _, f := range mod {
		f(m)
	}
	if m.Dispatch {
		wr.Accept.Resolution = store.Resolution{}
	}
	w.must(w.store.Commit(w.t.Context(), wr))
	w.trace(projectID, a.ID, m.ID)
	w.must(w.store.Commit(w.t.Context(), &store.Write{Advance: &store.Advance{
		ProjectID: projectID, MessageID: m.ID, To: store.At(0, parley.StatusQueuedOnChannel),
		IDs: []*store.ProviderID{{ProjectID: projectID, AppID: a.ID, Channel: parley.ChannelSMS, ID: "out-" + m.ID, MessageID: m.ID, Parts: 1}},
	}, Done: wr.Accept.Job.ID}))
	return m
}

func (w *world) trace(projectID, appID, messageID string) {
	w.t.Helper()
	var p store.TracePacker
	p.Add(projectID, appID, messageID, func(b []byte) []byte { return append(b, `{"step":"attempt"}`...) })
	w.must(w.store.Commit(w.t.Context(), &store.Write{Traces: p.Rows()}))
}

// sweep lets the next turn come and takes it.
func (w *world) sweep() {
	w.t.Helper()
	w.pass(time.Hour)
	did, err := w.sweeper.Sweep(w.t.Context())
	if err != nil || !did {
		w.t.Fatalf("Sweep = %v, %v", did, err)
	}
}

// left says in one letter for each message whether it is there: m, and with
// its trace M.
func (w *world) left(list ...*store.Message) string {
	w.t.Helper()
	var b strings.Builder
	for _, m := range list {
		_, err := w.store.Message(w.t.Context(), m.ProjectID, m.ID)
		steps, terr := w.store.Traces(w.t.Context(), m.ProjectID, m.AppID, m.ID)
		w.must(terr)
		switch {
		case err == nil && len(steps) > 0:
			b.WriteByte('M')
		case err == nil:
			b.WriteByte('m')
		case len(steps) > 0:
			b.WriteByte('t')
		default:
			b.WriteByte('-')
		}
	}
	return b.String()
}

func (w *world) expect(what, want string, list ...*store.Message) {
	w.t.Helper()
	if got := w.left(list...); got != want {
		w.t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// TestPolicies has an app of each policy send over time.
func TestPolicies(t *testing.T) {
	t.Parallel()
	on(t, func(w *world) {
		apps := map[string]*parley.App{
			"each":  w.app("p1", parley.RetentionMessageExpire, 30),
			"whole": w.app("p1", parley.RetentionConversationExpire, 30),
			"ever":  w.app("p1", parley.RetentionPersist, 0),
			"p2":    w.app("p2", parley.RetentionMessageExpire, 60),
		}
		sent := map[string][]*store.Message{}
		send := func(who string) {
			for name, a := range apps {
				project := "p1"
				if name == "p2" {
					project = name
				}
				sent[name] = append(sent[name], w.send(project, a, who))
			}
		}
		send("4670001") // day 0
		send("4670002")
		w.pass(20 * day)
		send("4670001") // day 20
		w.pass(11 * day)
		w.sweep() // day 31
		w.expect("each, day 31", "--m", sent["each"]...)
		w.expect("whole, day 31", "m-m", sent["whole"]...)
		w.expect("ever, day 31", "mmm", sent["ever"]...)
		w.expect("p2, day 31", "mmm", sent["p2"]...)
		w.pass(20 * day)
		w.sweep() // day 51
		w.expect("each, day 51", "---", sent["each"]...)
		w.expect("whole, day 51", "---", sent["whole"]...)
		w.expect("ever, day 51", "mmm", sent["ever"]...)
		list, _, err := w.store.Conversations(w.t.Context(), "p1", store.ConversationFilter{Limit: 10})
		w.must(err)
		of := map[string]int{}
		for _, c := range list {
			of[c.AppID]++
		}
		// Messages that go leave their conversations.
		if d := cmp.Diff(map[string]int{apps["each"].ID: 2, apps["ever"].ID: 2}, of); d != "" {
			w.t.Errorf("conversations (-want +got):\n%s", d)
		}
		// One that was wiped begins anew.
		m := w.send("p1", apps["whole"], "4670001")
		w.sweep()
		w.expect("after a new start", "M", m)
	})
}

// TestManyMessages removes more than a page, some of which stay.
func TestManyMessages(t *testing.T) {
	t.Parallel()
	on(t, func(w *world) {
		a := w.app("p1", parley.RetentionMessageExpire, 1)
		var old, kept []*store.Message
		for i := range 3 * removePage / 2 {
			old = append(old, w.send("p1", a, "4670001"))
			if i%100 == 0 {
				kept = append(kept, w.send("p1", a, "4670001", func(m *store.Message) { m.Dispatch = true }))
			}
		}
		w.pass(day)
		w.sweep()
		w.expect("old", strings.Repeat("-", len(old)), old...)
		// The app keeps no trace of what it sends for longer than a day.
		w.expect("dispatched", strings.Repeat("m", len(kept)), kept...)
		w.pass(dispatchKept)
		w.sweep()
		w.expect("dispatched, later", strings.Repeat("-", len(kept)), kept...)
	})
}

// TestIntoThePast: a message put where a sweep has been goes a little later.
func TestIntoThePast(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	a := w.app("p1", parley.RetentionMessageExpire, 1)
	past := w.store.NewID()
	w.pass(time.Second)
	w.send("p1", a, "4670001")
	w.pass(2 * day)
	w.sweep()
	m := w.send("p1", a, "4670001", func(m *store.Message) { m.ID = past })
	w.sweep()
	w.expect("passed by", "m", m)
	w.pass(startOver)
	w.sweep()
	w.expect("in the end", "-", m)
}

// TestDispatch: what is dispatched is listed for as long as the app says, and
// there for receipts a while longer.
func TestDispatch(t *testing.T) {
	t.Parallel()
	on(t, func(w *world) {
		a := w.app("p1", "", 0, func(a *parley.App) {
			a.ProcessingMode = parley.ModeDispatch
			a.DispatchRetentionPolicy = &parley.RetentionPolicy{RetentionType: parley.RetentionMessageExpire, TTLDays: 1}
		})
		dispatched := func(listed, toContact bool) *store.Message {
			return w.send("p1", a, "4670001", func(m *store.Message) { m.Dispatch, m.Listed, m.ToContact = true, listed, toContact })
		}
		all := []*store.Message{dispatched(true, true), dispatched(false, true), dispatched(true, false)}
		listed := func() int {
			list, err := w.store.Messages(w.t.Context(), "p1", store.MessageFilter{Dispatch: true, Limit: 10})
			w.must(err)
			return len(list)
		}
		w.sweep()
		if w.expect("at once", "MMM", all...); listed() != 2 {
			w.t.Errorf("%d are listed, want 2", listed())
		}
		w.pass(day)
		w.sweep()
		if w.expect("after a day", "MMM", all...); listed() != 0 {
			w.t.Errorf("after a day %d are listed", listed())
		}
		w.pass(dispatchKept)
		w.sweep()
		w.expect("after that", "---", all...)
	})
}

// TestScheduled: to remove a message that is yet to be sent would cancel it,
// and one that was just sent has receipts to come.
func TestScheduled(t *testing.T) {
	t.Parallel()
	on(t, func(w *world) {
		each := w.app("p1", parley.RetentionMessageExpire, 1)
		whole := w.app("p1", parley.RetentionConversationExpire, 1)
		w.must(w.store.SetContactTTL(w.t.Context(), "p2", 1))
		ever := w.app("p2", parley.RetentionPersist, 0)
		at := w.now().Add(20 * day)
		later := func(m *store.Message) {
			m.Progress = store.Scheduled
			m.Doc = []byte(`{"send":{"targets":[],"send_at":"` + at.Format(time.RFC3339) + `"}}`)
		}
		all := []*store.Message{
			w.schedule("p1", each, later), w.schedule("p1", whole, later), w.schedule("p2", ever, later),
			w.schedule("p1", each, func(m *store.Message) { later(m); m.Dispatch = true }),
		}
		w.pass(19 * day)
		w.sweep()
		w.expect("before its time", "mmmm", all...)
		for _, m := range all {
			w.must(w.store.Commit(w.t.Context(), &store.Write{Advance: &store.Advance{
				ProjectID: m.ProjectID, MessageID: m.ID, To: store.At(0, parley.StatusQueuedOnChannel),
			}}))
		}
		w.pass(day)
		w.sweep()
		if got := w.left(all[0], all[3]); got != "mm" {
			w.t.Errorf("just sent: %q", got)
		}
		w.pass(startOver)
		w.sweep()
		w.expect("in the end", "----", all...)
	})
}

// schedule stores a message that is yet to be sent.
func (w *world) schedule(projectID string, a *parley.App, mod func(*store.Message)) *store.Message {
	w.t.Helper()
	wr := storetest.Accept(w.store, projectID, a.ID, parley.ChannelIdentity{Channel: parley.ChannelSMS, Identity: "4670009"})
	if mod(wr.Accept.Message); wr.Accept.Message.Dispatch {
		wr.Accept.Resolution = store.Resolution{}
	}
	w.must(w.store.Commit(w.t.Context(), wr))
	return wr.Accept.Message
}

// TestProviderIDs: they stay as long as their message, and repeats are known
// for a while without one.
func TestProviderIDs(t *testing.T) {
	t.Parallel()
	on(t, func(w *world) {
		each, ever := w.app("p1", parley.RetentionMessageExpire, 1), w.app("p1", parley.RetentionPersist, 0)
		old, kept := w.send("p1", each, "4670001"), w.send("p1", ever, "4670001")
		for i := range 5 {
			w.must(w.store.Commit(w.t.Context(), &store.Write{Arrive: &store.Arrival{
				Resolution: store.Resolution{ProjectID: "p1", AppID: each.ID},
				Seen: &store.ProviderID{
					ProjectID: "p1", AppID: each.ID, Channel: parley.ChannelSMS, ID: fmt.Sprint("in-", i), MessageID: w.store.NewID(), Part: store.Inbound,
				},
				Consequences: func(*store.Resolution) ([]*store.Job, error) { return nil, nil },
			}}))
		}
		count := func() string {
			var b strings.Builder
			for _, id := range []string{"out-" + old.ID, "in-0", "in-4"} {
				p, err := w.store.FindProviderID(w.t.Context(), "p1", each.ID, parley.ChannelSMS, id)
				w.must(err)
				fmt.Fprint(&b, p != nil, " ")
			}
			p, err := w.store.FindProviderID(w.t.Context(), "p1", ever.ID, parley.ChannelSMS, "out-"+kept.ID)
			w.must(err)
			return b.String() + fmt.Sprint(p != nil)
		}
		w.pass(3 * day)
		w.sweep()
		if got := count(); got != "true true true true" {
			w.t.Errorf("after three days: %s", got)
		}
		w.pass(providerIDsKept)
		w.sweep()
		if got := count(); got != "false false false true" {
			w.t.Errorf("in the end: %s", got)
		}
	})
}

// TestContacts: a project removes contacts nobody wrote to or heard from.
func TestContacts(t *testing.T) {
	t.Parallel()
	on(t, func(w *world) {
		a, other := w.app("p1", parley.RetentionPersist, 0), w.app("p2", parley.RetentionPersist, 0)
		w.must(w.store.SetContactTTL(w.t.Context(), "p1", 10))
		idle, busy, safe := w.send("p1", a, "4670001"), w.send("p1", a, "4670002"), w.send("p2", other, "4670001")
		w.pass(6 * day)
		w.send("p1", a, "4670002")
		w.pass(5 * day)
		w.sweep()
		w.expect("after eleven days", "-mm", idle, busy, safe)
		if _, err := w.store.Contact(w.t.Context(), "p1", idle.ContactID); !parley.IsNotFound(err) {
			w.t.Errorf("the idle contact: %v", err)
		}
		for _, m := range []*store.Message{busy, safe} {
			if _, err := w.store.Contact(w.t.Context(), m.ProjectID, m.ContactID); err != nil {
				w.t.Error(err)
			}
		}
		if err := w.store.SetContactTTL(w.t.Context(), "nowhere", 10); !parley.IsNotFound(err) {
			w.t.Errorf("SetContactTTL of no project: %v", err)
		}
	})
}

// TestLeftovers: traces, media, events, keys.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	on(t, func(w *world) {
		ctx := w.t.Context()
		a := w.app("p1", parley.RetentionMessageExpire, 30)
		m := w.send("p1", a, "4670001")
		w.trace("p1", "01NOSUCHAPP000000000000000", m.ID)
		ref := &store.MediaRef{ProjectID: "p1", ID: w.store.NewID(), AppID: a.ID, Channel: parley.ChannelSMS, Ref: "r"}
		event := &store.Event{ProjectID: "p1", ID: w.store.NewID(), AppID: a.ID, Doc: []byte("{}")}
		none := func(*store.Resolution) ([]*store.Job, error) { return nil, nil }
		w.must(w.store.Commit(ctx, &store.Write{Arrive: &store.Arrival{
			Resolution: store.Resolution{ProjectID: "p1", AppID: a.ID}, Media: ref, Event: event, Consequences: none,
		}}))
		w.must(w.media.Save(ctx, "p1", ref.ID, channel.Media{Body: io.NopCloser(strings.NewReader("file")), Size: 4}))
		key, err := w.store.CreateKey(ctx, "p1", "", "")
		w.must(err)
		w.must(w.store.RevokeKey(ctx, key.ID))

		w.sweep()
		w.expect("at once", "M", m)
		w.pass(7 * day)
		w.sweep()
		w.expect("after a week", "m", m)
		if _, ok, err := w.store.TracedApp(ctx, store.AppRef{}); ok || err != nil {
			w.t.Errorf("an app has traces: %v", err)
		}
		w.pass(day)
		w.sweep()
		if _, err := w.store.MediaRef(ctx, "p1", ref.ID); !parley.IsNotFound(err) {
			w.t.Errorf("the media: %v", err)
		}
		if ids, _, err := w.store.OldEvents(ctx, "p1", "", w.now(), 10); err != nil || len(ids) != 1 {
			w.t.Errorf("events after eight days: %v, %v", ids, err)
		}
		w.pass(23 * day)
		w.sweep()
		if ids, _, err := w.store.OldEvents(ctx, "p1", "", w.now(), 10); err != nil || len(ids) != 0 {
			w.t.Errorf("events after a month: %v, %v", ids, err)
		}
		if keys, err := w.store.Keys(ctx, "p1"); err != nil || len(keys) != 0 {
			w.t.Errorf("keys after a month: %v, %v", keys, err)
		}
	})
}

// TestTurns: of several nodes one sweeps, and not before it is due.
func TestTurns(t *testing.T) {
	t.Parallel()
	on(t, func(w *world) {
		turns := func() int {
			var mu sync.Mutex
			n := 0
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					did, err := w.newSweeper().Sweep(w.t.Context())
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						w.t.Error(err)
					}
					if did {
						n++
					}
				})
			}
			wg.Wait()
			return n
		}
		if n := turns(); n != 1 {
			w.t.Errorf("%d nodes swept, want 1", n)
		}
		w.pass(time.Hour - time.Second)
		if n := turns(); n != 0 {
			w.t.Errorf("%d nodes swept before it was due", n)
		}
		w.pass(time.Second)
		if n := turns(); n != 1 {
			w.t.Errorf("%d nodes swept when it was due, want 1", n)
		}
	})
}
