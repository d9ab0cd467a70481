package engine

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/fake"
	"github.com/parley-im/parley/internal/store"
)

// A stage is a channel that shows events: each takes the next answer; when
// they are used up it is shown.
type stage struct {
	*fake.Channel
	mu      sync.Mutex
	answers []error
	id      channel.ProviderID
	shown   []channel.OutgoingEvent
	before  func() // called within each attempt
}

func newStage(answers ...error) *stage {
	s := &stage{Channel: scripted(parley.ChannelSMS), answers: answers}
	s.Caps.Events = []string{parley.EventComposing, parley.EventReadMessage, parley.EventCommentReply}
	return s
}

func (s *stage) SendEvent(_ context.Context, _ *channel.Conn, e *channel.OutgoingEvent) (channel.ProviderID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = append(s.shown, *e)
	if s.before != nil {
		s.before()
	}
	if len(s.answers) > 0 {
		err := s.answers[0]
		s.answers = s.answers[1:]
		if err != nil {
			return "", err
		}
	}
	return s.id, nil
}

func composing() *parley.AppEvent { return &parley.AppEvent{Composing: &parley.Empty{}} }

func comment() *parley.AppEvent {
	return &parley.AppEvent{CommentReply: &parley.CommentReplyEvent{Text: "thanks"}}
}

// show accepts an event and returns its id.
func (w *world) show(a *parley.App, e *parley.AppEvent, mod ...func(*parley.SendEventRequest)) string {
	w.t.Helper()
	r := &parley.SendEventRequest{AppID: a.ID, Recipient: text(a, "", sms("+"+ada)).Recipient, Event: e}
	for _, f := range mod {
		f(r)
	}
	resp, err := w.e.SendEvent(w.t.Context(), project, r)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.EventID
}

// known makes the contact known, so that tests need not expect that.
func (w *world) known(a *parley.App) {
	w.t.Helper()
	r := text(a, "hello", sms(ada))
	r.CorrelationID = "corr"
	w.send(r)
	w.take()
}

func TestEvent(t *testing.T) {
	t.Parallel()
	s := newStage()
	w := newWorld(t, s)
	a := w.app()
	ev := w.show(a, composing(), func(r *parley.SendEventRequest) { r.EventMetadata = "meta" })
	got := w.expect("CONTACT_CREATE", "CONVERSATION_START", "EVENT QUEUED_ON_CHANNEL")
	contact, conv := got[0].body.ContactCreate.Contact, got[1].body.ConversationStart.Conversation
	if conv.ActiveChannel != parley.ChannelSMS {
		t.Errorf("the conversation is on %s", conv.ActiveChannel)
	}
	to := sms(ada)
	want := &parley.EventDelivery{
		EventID: ev, Status: parley.StatusQueuedOnChannel, ChannelIdentity: &to, ContactID: contact.ID, Metadata: "meta",
		ProcessingMode: parley.ModeConversation,
	}
	if d := cmp.Diff(want, got[2].body.EventDelivery); d != "" {
		t.Errorf("report (-want +got):\n%s", d)
	}
	stored, err := w.store.Event(t.Context(), project, ev)
	if err != nil {
		t.Fatal(err)
	}
	wire, err := stored.Wire()
	if err != nil {
		t.Fatal(err)
	}
	if wire.AppEvent.Composing == nil || wire.Direction != parley.ToContact || *wire.ChannelIdentity != to ||
		wire.ContactID != contact.ID || wire.ConversationID != conv.ID || wire.ProcessingMode != parley.ModeConversation {
		t.Errorf("stored event %+v", wire)
	}
	// What the contact wrote last is what is shown as read.
	w.tell(a, parley.ChannelSMS, says("in-1", ada, "hi"), says("in-2", ada, "there"))
	w.known(a)
	w.show(a, &parley.AppEvent{ReadMessage: &parley.Empty{}}, func(r *parley.SendEventRequest) {
		r.Recipient = &parley.Recipient{ContactID: contact.ID}
		r.CallbackURL = "https://x.example/events"
	})
	report := w.expect("EVENT QUEUED_ON_CHANNEL")[0]
	if report.to != "https://x.example/events" || report.body.CorrelationID != "corr" {
		t.Errorf("report to %s with correlation_id %q", report.to, report.body.CorrelationID)
	}
	if s.shown[0].LastInbound != "" || s.shown[1].LastInbound != "in-2" || s.shown[1].To.Identity != ada {
		t.Errorf("shown: %+v", s.shown)
	}
}

func TestEventInDispatchMode(t *testing.T) {
	t.Parallel()
	s := newStage()
	w := newWorld(t, s)
	a := w.app(func(a *parley.App) { a.ProcessingMode = parley.ModeDispatch })
	w.tell(a, parley.ChannelSMS, says("in-1", ada, "hi"))
	w.expect("MESSAGE_INBOUND")
	ev := w.show(a, composing())
	d := w.expect("EVENT QUEUED_ON_CHANNEL")[0].body.EventDelivery
	if d.EventID != ev || d.ContactID != "" || d.ProcessingMode != parley.ModeDispatch {
		t.Errorf("report %+v", d)
	}
	if s.shown[0].LastInbound != "in-1" {
		t.Errorf("last message %q", s.shown[0].LastInbound)
	}
	if _, err := w.store.Event(t.Context(), project, ev); !parley.IsNotFound(err) {
		t.Errorf("it is kept: %v", err)
	}
}

// An answer to a comment is for the newest one on the channel.
func TestEventAnswersComment(t *testing.T) {
	t.Parallel()
	s := newStage()
	w := newWorld(t, s)
	a := w.app()
	for _, id := range []string{"c-1", "c-2"} {
		w.tell(a, parley.ChannelSMS, channel.Inbound{
			ID: channel.ProviderID(id), From: channel.Address{Identity: ada},
			Event: &parley.ContactEvent{Comment: &parley.CommentEvent{ID: id, Text: "Nice"}},
		})
	}
	w.tell(a, parley.ChannelSMS, says("in-1", ada, "hi"))
	w.show(a, comment())
	w.show(a, composing())
	w.step()
	if len(s.shown) != 2 || s.shown[0].LastComment != "c-2" || s.shown[0].LastInbound != "in-1" || s.shown[1].LastComment != "" {
		t.Errorf("shown: %+v", s.shown)
	}
}

func TestEventRefused(t *testing.T) {
	t.Parallel()
	rcs := func(r *parley.SendEventRequest) {
		r.ChannelPriorityOrder = []parley.Channel{parley.ChannelRCS, parley.ChannelSMS}
	}
	s := newStage()
	w := newWorld(t, s, scripted(parley.ChannelRCS))
	a := w.app()
	w.known(a)
	w.show(a, &parley.AppEvent{ComposingEnd: &parley.Empty{}}) // the channel has no such thing
	w.expect("EVENT FAILED BAD_REQUEST")
	w.show(a, composing(), rcs, func(r *parley.SendEventRequest) { r.Recipient = text(a, "", id(parley.ChannelRCS, ada)).Recipient })
	w.expect("CONTACT_CREATE", "CONVERSATION_START", "EVENT FAILED BAD_REQUEST") // the channel has no events
	w.show(a, composing(), rcs)                                                  // only the first channel counts
	w.expect("EVENT FAILED NO_CHANNEL_IDENTITY_FOR_CONTACT")
	w.show(a, composing(), func(r *parley.SendEventRequest) { r.Recipient = text(a, "", id(parley.ChannelWhatsApp, ada)).Recipient })
	w.expect("CONTACT_CREATE", "CONVERSATION_START", "EVENT FAILED NO_CHANNEL_IDENTITY_FOR_CONTACT")
	w.consent(a, parley.OptOutMarketing, false, ada)
	w.show(a, composing())
	w.expect("EVENT QUEUED_ON_CHANNEL")
	w.consent(a, parley.OptOutAll, false, ada)
	w.show(a, composing())
	w.expect("EVENT FAILED RECIPIENT_NOT_OPTED_IN")
	if n := len(s.shown); n != 1 {
		t.Errorf("%d attempts, want 1", n)
	}
	r := &parley.SendEventRequest{
		AppID: a.ID, Recipient: text(a, "", sms(ada)).Recipient, Event: composing(),
		ChannelPriorityOrder: []parley.Channel{parley.ChannelWhatsApp},
	}
	if _, err := w.e.SendEvent(t.Context(), project, r); parley.CodeOf(err) != parley.CodeInvalidArgument {
		t.Errorf("a channel the app does not have: got %v", err)
	}
}

func TestEventAttempts(t *testing.T) {
	t.Parallel()
	again, lost := fail(channel.TryAgain, parley.ReasonRateLimited), fail(channel.Unknown, parley.ReasonChannelFailure)
	many := make([]error, 100)
	for i := range many {
		many[i] = again
	}
	for _, tc := range []struct {
		name     string
		event    *parley.AppEvent
		answers  []error
		attempts int // 0: some
		end      string
	}{
		{"a retry helps", composing(), []error{again, again}, 3, "EVENT QUEUED_ON_CHANNEL"},
		{"refused", comment(), []error{fail(channel.NotSent, parley.ReasonChannelReject)}, 1, "EVENT FAILED CHANNEL_REJECT"},
		{"stale", composing(), many, 0, "EVENT FAILED RATE_LIMITED"},
		{"given up", comment(), many, 0, "EVENT FAILED RATE_LIMITED"},
		{"may be seen twice", composing(), []error{lost}, 2, "EVENT QUEUED_ON_CHANNEL"},
		{"must not be seen twice", comment(), []error{lost}, 1, "EVENT FAILED CHANNEL_FAILURE"},
		{"waits its turn", comment(), []error{again, again, again}, 4, "EVENT QUEUED_ON_CHANNEL"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(tc.answers...)
			w := newWorld(t, s)
			a := w.app()
			w.known(a)
			w.show(a, tc.event)
			w.run(6*time.Minute, 500*time.Millisecond)
			w.expect(tc.end)
			if n := len(s.shown); tc.attempts != 0 && n != tc.attempts || n < 1 {
				t.Errorf("%d attempts, want %d", n, tc.attempts)
			}
		})
	}
	t.Run("after a standstill", func(t *testing.T) {
		t.Parallel()
		s := newStage()
		w := newWorld(t, s)
		a := w.app()
		w.known(a)
		w.show(a, composing())
		w.pass(time.Minute)
		w.expect("EVENT FAILED MESSAGE_EXPIRED")
	})
	t.Run("panic", func(t *testing.T) {
		t.Parallel()
		s := newStage()
		s.before = func() { panic("bug") }
		w := newWorld(t, s)
		a := w.app()
		w.known(a)
		w.show(a, composing())
		w.expect("EVENT FAILED INTERNAL_ERROR")
	})
}

// TestEventCrash: the process dies within an attempt.
func TestEventCrash(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		event    *parley.AppEvent
		attempts int
		end      string
	}{
		"may be seen twice":      {&parley.AppEvent{ReadMessage: &parley.Empty{}}, 2, "EVENT QUEUED_ON_CHANNEL"},
		"must not be seen twice": {comment(), 1, "EVENT FAILED CHANNEL_FAILURE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage()
			w := newWorld(t, s)
			a := w.app()
			s.before = runtime.Goexit
			w.show(a, tc.event)
			died := make(chan struct{})
			go func() {
				defer close(died)
				_, _ = w.q.Step(context.Background())
			}()
			<-died
			s.before = nil
			w.restart()
			w.run(10*time.Second, time.Second)
			w.expect("CONTACT_CREATE", "CONVERSATION_START", tc.end)
			if n := len(s.shown); n != tc.attempts {
				t.Errorf("%d attempts, want %d", n, tc.attempts)
			}
		})
	}
}

// TestEventReceipts: where a provider names an event, it may report on it.
func TestEventReceipts(t *testing.T) {
	t.Parallel()
	for _, mode := range []parley.ProcessingMode{parley.ModeConversation, parley.ModeDispatch} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			s := newStage()
			s.id = "ev-1"
			w := newWorld(t, s)
			a := w.app(func(a *parley.App) { a.ProcessingMode = mode })
			w.known(a)
			ev := w.show(a, comment(), func(r *parley.SendEventRequest) { r.EventMetadata = "meta" })
			w.receipt(a, parley.ChannelSMS, "ev-1", parley.StatusDelivered) // faster than the answer
			w.run(2*time.Second, 100*time.Millisecond)
			w.receipt(a, parley.ChannelSMS, "ev-1", parley.StatusRead)
			w.receipt(a, parley.ChannelSMS, "ev-1", parley.StatusDelivered)
			w.receipt(a, parley.ChannelSMS, "ev-1", parley.StatusFailed)
			got := w.expect("EVENT QUEUED_ON_CHANNEL", "EVENT DELIVERED", "EVENT READ")
			if d := got[2].body.EventDelivery; d.EventID != ev || d.Metadata != "meta" || d.ProcessingMode != mode {
				t.Errorf("report %+v", d)
			}
		})
	}
}

// TestEventsAreNotMessages: listing and deleting.
func TestEventsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, newStage())
	a := w.app()
	w.known(a)
	out := w.show(a, composing())
	w.tell(a, parley.ChannelSMS, channel.Inbound{
		ID: "e", From: channel.Address{Identity: ada}, Event: &parley.ContactEvent{Composing: &parley.Empty{}},
	})
	w.expect("EVENT_INBOUND", "EVENT QUEUED_ON_CHANNEL")
	list, err := w.store.Events(t.Context(), project, store.EventFilter{Limit: 9})
	if err != nil || len(list) != 2 || list[1].ID != out || list[0].ConversationID != list[1].ConversationID || list[0].ContactID == "" {
		t.Errorf("got %+v, %v", list, err)
	}
}
