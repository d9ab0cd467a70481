package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/callback"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/fake"
	"github.com/parley-im/parley/internal/openapi/openapitest"
	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/store/storetest"
)

const project = "p1"

func TestMain(m *testing.M) { storetest.Main(m) }

// A world is a server without HTTP: a store on disk, an engine, a queue that
// tests step, and a clock that they set. It can crash and start again.
type world struct {
	t        *testing.T
	path     string
	url      string // of PostgreSQL; "" for SQLite at path
	channels []channel.Channel
	mod      func(*Options)
	wrap     func(run func(context.Context) error) error // around the delivery of a callback

	mu    sync.Mutex
	clock time.Time
	got   map[string]told // callbacks by their body: what came again counts once

	store *store.Store
	e     *Engine
	q     *queue.Queue
}

// told is a callback as it reached somebody.
type told struct {
	job  int64
	to   string // the webhook's id or the callback_url
	trig parley.Trigger
	body *parley.Callback
}

func newWorld(t *testing.T, channels ...channel.Channel) *world {
	t.Helper()
	return newWorldWith(t, nil, channels...)
}

// newWorldWith is newWorld with other options.
func newWorldWith(t *testing.T, mod func(*Options), channels ...channel.Channel) *world {
	t.Helper()
	return newWorldOn(t, "", mod, channels...)
}

// newWorldOn is newWorldWith on a database of its own.
func newWorldOn(t *testing.T, url string, mod func(*Options), channels ...channel.Channel) *world {
	t.Helper()
	w := &world{
		t: t, url: url, mod: mod, path: filepath.Join(t.TempDir(), "engine.db"), channels: channels,
		clock: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), got: map[string]told{},
	}
	w.start()
	if _, err := w.store.CreateProject(t.Context(), project, project); err != nil {
		t.Fatal(err)
	}
	return w
}

// start starts the server; after a crash it is the next process.
func (w *world) start() {
	w.t.Helper()
	s, err := store.Open(w.t.Context(), store.Options{
		URL: w.url, Path: w.path, Key: bytes.Repeat([]byte{1}, store.KeySize), Now: w.now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = s.Close() })
	var q *queue.Queue
	o := Options{
		Store: s, Channels: w.channels, Now: w.now, Log: slog.New(slog.DiscardHandler),
		PublicURL: "https://parley.example", Held: func() bool { return q.Held() },
	}
	if w.mod != nil {
		w.mod(&o)
	}
	e, err := New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	kinds := e.Workers()
	kinds[callback.Kind] = queue.Kind{Run: func(ctx context.Context, j *store.Job) error {
		if w.wrap == nil {
			return w.deliver(ctx, j)
		}
		return w.wrap(func(ctx context.Context) error { return w.deliver(ctx, j) })
	}}
	q = queue.New(queue.Options{Store: s, Kinds: kinds, Now: w.now, Log: slog.New(slog.DiscardHandler), Manual: true})
	if err := q.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.store, w.e, w.q = s, e, q
}

// restart abandons the process, as kill -9 does, and starts the next one.
func (w *world) restart() {
	w.t.Helper()
	w.start()
}

// stop stops the process in good order.
func (w *world) stop() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	cancel()
	if err := w.q.Run(ctx, 10*time.Second); err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.Close(); err != nil {
		w.t.Fatal(err)
	}
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

// deliver is the worker of callback jobs: it notes the callback.
func (w *world) deliver(_ context.Context, j *store.Job) error {
	var p struct {
		WebhookID string          `json:"webhook_id"`
		URL       string          `json:"url"`
		Trigger   parley.Trigger  `json:"trigger"`
		Body      json.RawMessage `json:"body"`
	}
	if err := json.Unmarshal(j.Doc, &p); err != nil {
		return queue.Stop(err)
	}
	c := new(parley.Callback)
	if err := json.Unmarshal(p.Body, c); err != nil {
		return queue.Stop(err)
	}
	if err := openapitest.Callback(p.Trigger, p.Body); err != nil {
		w.t.Errorf("not as /openapi.json says: %v", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	to := p.URL
	if to == "" {
		to = p.WebhookID
	}
	w.got[to+string(p.Body)] = told{job: j.ID, to: to, trig: p.Trigger, body: c}
	return nil
}

// step runs what is due.
func (w *world) step() {
	w.t.Helper()
	if _, err := w.q.Step(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// run lets time pass until nothing is left to do but what is due after d.
func (w *world) run(d, stride time.Duration) {
	w.t.Helper()
	for end := w.now().Add(d); !w.now().After(end); w.pass(stride) {
		w.step()
	}
}

// take returns the callbacks made since the last take, in order.
func (w *world) take() []told {
	w.t.Helper()
	w.step()
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]told, 0, len(w.got))
	for _, c := range w.got {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b told) int { return int(a.job - b.job) })
	w.got = map[string]told{}
	return out
}

// names says callbacks in a few words: the trigger and, for reports, the
// status, channel and reason.
func names(list []told) []string {
	out := []string{}
	for _, c := range list {
		s := string(c.trig)
		switch d := c.body.MessageDelivery; {
		case d != nil:
			s = string(d.Status)
			if d.ChannelIdentity != nil {
				s += " " + string(d.ChannelIdentity.Channel)
			}
			if d.Reason != nil {
				s += " " + string(d.Reason.Code)
			}
		case c.body.MessageSubmit != nil:
			s = "SUBMIT " + string(c.body.MessageSubmit.ChannelIdentity.Channel)
		case c.body.EventDelivery != nil:
			d := c.body.EventDelivery
			s = "EVENT " + string(d.Status)
			if d.Reason != nil {
				s += " " + string(d.Reason.Code)
			}
		}
		out = append(out, s)
	}
	return out
}

// expect compares the callbacks since the last take with the words of names.
func (w *world) expect(want ...string) []told {
	w.t.Helper()
	got := w.take()
	if want == nil {
		want = []string{}
	}
	if d := cmp.Diff(want, names(got)); d != "" {
		w.t.Errorf("callbacks (-want +got):\n%s", d)
	}
	return got
}

// app makes an app with credentials for every channel of the world and a
// webhook for every trigger.
func (w *world) app(mod ...func(*parley.App)) *parley.App {
	w.t.Helper()
	a := &parley.App{DisplayName: "test", ProcessingMode: parley.ModeConversation}
	for _, ch := range w.channels {
		a.ChannelCredentials = append(a.ChannelCredentials, credential(ch.Name(), "t"))
	}
	for _, f := range mod {
		f(a)
	}
	a, err := w.e.CreateApp(w.t.Context(), project, a)
	if err != nil {
		w.t.Fatal(err)
	}
	w.webhook(a.ID, "https://hook.example/"+a.ID, parley.Triggers()...)
	return a
}

func (w *world) webhook(appID, target string, triggers ...parley.Trigger) *parley.Webhook {
	w.t.Helper()
	h, err := w.e.CreateWebhook(w.t.Context(), project, &parley.Webhook{AppID: appID, Target: target, Triggers: triggers})
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

func credential(ch parley.Channel, token string) parley.ChannelCredential {
	if ch == parley.ChannelMMS {
		return parley.ChannelCredential{Channel: ch, MMS: &parley.MMSCredentials{AccountID: "me", APIKey: token}}
	}
	return parley.ChannelCredential{Channel: ch, StaticBearer: &parley.StaticBearer{ClaimedIdentity: "me", Token: token}}
}

// text is a request to send a text to identities.
func text(a *parley.App, words string, to ...parley.ChannelIdentity) *parley.SendMessageRequest {
	return &parley.SendMessageRequest{
		AppID: a.ID, Message: &parley.AppMessage{Text: &parley.TextMessage{Text: words}},
		Recipient: &parley.Recipient{IdentifiedBy: &parley.IdentifiedBy{ChannelIdentities: to}},
	}
}

func id(ch parley.Channel, name string) parley.ChannelIdentity {
	return parley.ChannelIdentity{Channel: ch, Identity: name}
}

func sms(name string) parley.ChannelIdentity { return id(parley.ChannelSMS, name) }

// send accepts a message and returns its id.
func (w *world) send(r *parley.SendMessageRequest) string {
	w.t.Helper()
	resp, err := w.e.SendMessage(w.t.Context(), project, r)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.MessageID
}

// tell hands the engine what a provider told.
func (w *world) tell(a *parley.App, ch parley.Channel, in ...channel.Inbound) {
	w.t.Helper()
	if err := w.e.takeIn(w.t.Context(), project, a, ch, in); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) receipt(a *parley.App, ch parley.Channel, id string, s parley.DeliveryStatus) {
	w.t.Helper()
	w.tell(a, ch, channel.Inbound{Receipt: &channel.Receipt{ID: channel.ProviderID(id), Status: s}})
}

func (w *world) status(messageID string) parley.DeliveryStatus {
	w.t.Helper()
	m, err := w.store.Message(w.t.Context(), project, messageID)
	if err != nil {
		w.t.Fatal(err)
	}
	return m.Progress.Status()
}

// A provider scripts a channel: each attempt takes the next answer; when they
// are used up it accepts.
type provider struct {
	mu      sync.Mutex
	answers []error
	times   []time.Time
	now     func() time.Time
}

func (p *provider) script(a channel.Attempt) (channel.ProviderID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now != nil {
		p.times = append(p.times, p.now())
	}
	if len(p.answers) > 0 {
		err := p.answers[0]
		p.answers = p.answers[1:]
		if err != nil {
			return "", err
		}
	}
	return fake.Accept(a)
}

// fail is an attempt that fails.
func fail(o channel.Outcome, code parley.ReasonCode) error {
	return &channel.Error{Reason: parley.NewReason(code, "because"), Outcome: o}
}

// scripted returns a channel whose attempts end as answers say.
func scripted(name parley.Channel, answers ...error) *fake.Channel {
	return fake.New(name, (&provider{answers: answers}).script)
}

// marked makes a channel one that cannot tell a repeat.
func marked(c *fake.Channel) *fake.Channel {
	c.Caps.Idempotent = false
	return c
}

// keys lists the attempts made at a channel without the message's id.
func keys(c *fake.Channel) []string {
	out := []string{}
	for _, a := range c.Attempts() {
		_, rest, _ := strings.Cut(a.Key, "-")
		out = append(out, rest)
	}
	return out
}
