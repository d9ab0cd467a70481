package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/fake"
	"github.com/parley-im/parley/internal/store"
)

const ada, bob = "15551230001", "15551230002"

// The sequences of the contract: exactly these callbacks and no others.
func TestFirstSendToAStranger(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	a := w.app()
	r := text(a, "hello", sms("+"+ada))
	r.MessageMetadata, r.CorrelationID = "meta", "corr"
	m := w.send(r)
	got := w.expect("CONTACT_CREATE", "CONVERSATION_START", "SUBMIT SMS", "QUEUED_ON_CHANNEL SMS")
	w.receipt(a, parley.ChannelSMS, "fake-"+m+"-0-0-1", parley.StatusDelivered)
	got = append(got, w.expect("DELIVERED SMS")...)
	contact, conv := got[0].body.ContactCreate.Contact, got[1].body.ConversationStart.Conversation
	if contact.DisplayName != parley.UnknownName || len(contact.ChannelIdentities) != 1 || contact.ChannelIdentities[0].Identity != ada {
		t.Errorf("got contact %+v", contact)
	}
	if conv.ContactID != contact.ID || !conv.Active || conv.AppID != a.ID {
		t.Errorf("got conversation %+v", conv)
	}
	for _, c := range got[2:] {
		var ids []string
		if s := c.body.MessageSubmit; s != nil {
			ids = []string{s.MessageID, s.ContactID, s.ConversationID, s.Metadata, string(s.ProcessingMode)}
		} else {
			s := c.body.MessageDelivery
			ids = []string{s.MessageID, s.ContactID, s.ConversationID, s.Metadata, string(s.ProcessingMode)}
		}
		if d := cmp.Diff([]string{m, contact.ID, conv.ID, "meta", "CONVERSATION"}, ids); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.trig, d)
		}
		if c.body.CorrelationID != "corr" || c.body.MessageMetadata != "" {
			t.Errorf("%s: envelope has correlation_id %q, message_metadata %q", c.trig, c.body.CorrelationID, c.body.MessageMetadata)
		}
	}
	w.send(text(a, "again", sms(ada)))
	w.expect("SUBMIT SMS", "QUEUED_ON_CHANNEL SMS") // known by now
}

func TestDispatchKnowsNobody(t *testing.T) {
	t.Parallel()
	for name, dispatch := range map[string]func(*parley.App, *parley.SendMessageRequest){
		"mode":     func(a *parley.App, _ *parley.SendMessageRequest) { a.ProcessingMode = parley.ModeDispatch },
		"strategy": func(_ *parley.App, r *parley.SendMessageRequest) { r.ProcessingStrategy = parley.StrategyDispatch },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, scripted(parley.ChannelSMS))
			a := w.app(func(a *parley.App) { dispatch(a, &parley.SendMessageRequest{}) })
			r := text(a, "hello", sms(ada))
			dispatch(&parley.App{}, r)
			m := w.send(r)
			w.receipt(a, parley.ChannelSMS, "x", parley.StatusDelivered) // of something else
			got := w.expect("SUBMIT SMS", "QUEUED_ON_CHANNEL SMS")
			s := got[0].body.MessageSubmit
			if s.ContactID != "" || s.ConversationID != "" || s.ProcessingMode != parley.ModeDispatch || s.MessageID != m {
				t.Errorf("got %+v", s)
			}
			r.Recipient = &parley.Recipient{ContactID: w.store.NewID()}
			if _, err := w.e.SendMessage(t.Context(), project, r); parley.CodeOf(err) != parley.CodeInvalidArgument {
				t.Errorf("contact_id: got %v", err)
			}
		})
	}
}

func TestFallback(t *testing.T) {
	t.Parallel()
	refused := fail(channel.NotSent, parley.ReasonRecipientNotReachable)
	sms2, rcs2 := sms(ada), id(parley.ChannelRCS, ada)
	t.Run("next channel", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, scripted(parley.ChannelRCS, refused), scripted(parley.ChannelSMS))
		a := w.app()
		m := w.send(text(a, "hello", rcs2, sms2))
		w.expect("CONTACT_CREATE", "CONVERSATION_START", "SUBMIT RCS", "SWITCHING_CHANNEL RCS RECIPIENT_NOT_REACHABLE",
			"SUBMIT SMS", "QUEUED_ON_CHANNEL SMS")
		w.receipt(a, parley.ChannelSMS, "fake-"+m+"-1-0-1", parley.StatusDelivered)
		w.expect("DELIVERED SMS")
	})
	t.Run("last fails", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, scripted(parley.ChannelRCS, refused), scripted(parley.ChannelSMS, fail(channel.NotSent, parley.ReasonChannelReject)))
		w.send(text(w.app(), "hello", rcs2, sms2))
		w.expect("CONTACT_CREATE", "CONVERSATION_START", "SUBMIT RCS", "SWITCHING_CHANNEL RCS RECIPIENT_NOT_REACHABLE",
			"SUBMIT SMS", "FAILED SMS CHANNEL_REJECT")
	})
	t.Run("by receipt", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, scripted(parley.ChannelRCS), scripted(parley.ChannelSMS))
		a := w.app()
		m := w.send(text(a, "hello", rcs2, sms2))
		w.expect("CONTACT_CREATE", "CONVERSATION_START", "SUBMIT RCS", "QUEUED_ON_CHANNEL RCS")
		for range 2 { // also told twice
			w.receipt(a, parley.ChannelRCS, "fake-"+m+"-0-0-1", parley.StatusFailed)
		}
		w.expect("SWITCHING_CHANNEL RCS UNKNOWN", "SUBMIT SMS", "QUEUED_ON_CHANNEL SMS")
		w.receipt(a, parley.ChannelRCS, "fake-"+m+"-0-0-1", parley.StatusDelivered) // of a leg that was left
		w.expect()
	})
	t.Run("nothing was handed over", func(t *testing.T) {
		t.Parallel()
		// The channel cannot show the message, so that it never gets it.
		rcs := scripted(parley.ChannelRCS)
		rcs.Caps.Media = channel.Rejected
		w := newWorld(t, rcs, scripted(parley.ChannelSMS))
		r := text(w.app(), "", rcs2, sms2)
		r.Message = &parley.AppMessage{Media: &parley.MediaMessage{URL: "https://media.example/a.png"}}
		w.send(r)
		got := names(w.take())
		if len(got) != 5 || !strings.HasPrefix(got[2], "SWITCHING_CHANNEL RCS") || got[3] != "SUBMIT SMS" {
			t.Errorf("got %v", got)
		}
	})
}

func TestNobodyToSendTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	w.send(text(w.app(), "hello", id(parley.ChannelRCS, ada)))
	got := w.expect("CONTACT_CREATE", "CONVERSATION_START", "FAILED NO_CHANNEL_IDENTITY_FOR_CONTACT")
	if got[2].body.MessageDelivery.ChannelIdentity != nil {
		t.Error("a channel was never chosen, but channel_identity is not null")
	}
}

func TestChannelOrder(t *testing.T) {
	t.Parallel()
	channels := []parley.Channel{parley.ChannelSMS, parley.ChannelRCS, parley.ChannelWhatsApp}
	setup := func(t *testing.T) (*world, *parley.App, *parley.Contact) {
		w := newWorld(t, scripted(channels[0]), scripted(channels[1]), scripted(channels[2]))
		a := w.app()
		c, err := w.e.CreateContact(t.Context(), project, &parley.Contact{
			ChannelIdentities: []parley.ChannelIdentity{id(channels[0], ada), id(channels[1], ada), id(channels[2], ada)},
			ChannelPriority:   []parley.Channel{parley.ChannelWhatsApp},
		})
		if err != nil {
			t.Fatal(err)
		}
		return w, a, c
	}
	used := func(w *world, r *parley.SendMessageRequest) string {
		w.t.Helper()
		w.send(r)
		for _, c := range w.take() {
			if s := c.body.MessageSubmit; s != nil {
				return string(s.ChannelIdentity.Channel)
			}
		}
		return ""
	}
	w, a, c := setup(t)
	to := func(order ...parley.Channel) *parley.SendMessageRequest {
		r := text(a, "x")
		r.Recipient, r.ChannelPriorityOrder = &parley.Recipient{ContactID: c.ID}, order
		return r
	}
	if got := used(w, to()); got != "WHATSAPP" {
		t.Errorf("contact's priority: got %s", got)
	}
	if got := used(w, to(parley.ChannelRCS)); got != "RCS" {
		t.Errorf("message's order: got %s", got)
	}
	if got := used(w, to()); got != "RCS" {
		t.Errorf("active channel of the conversation: got %s", got)
	}
	if _, err := w.e.UpdateContact(t.Context(), project, c.ID, []byte(`{"channel_priority":[]}`), nil); err != nil {
		t.Fatal(err)
	}
	conv, err := w.store.ActiveConversation(t.Context(), project, a.ID, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.e.StopConversation(t.Context(), project, conv.ID); err != nil {
		t.Fatal(err)
	}
	if got := used(w, to()); got != "SMS" {
		t.Errorf("app's order: got %s", got)
	}
	r := text(a, "x", id(parley.ChannelRCS, bob), sms(bob))
	if got := used(w, r); got != "RCS" {
		t.Errorf("order of the identities: got %s", got)
	}
	r.Recipient.IdentifiedBy.ChannelIdentities = r.Recipient.IdentifiedBy.ChannelIdentities[1:]
	r.ChannelPriorityOrder = []parley.Channel{parley.ChannelWhatsApp, parley.ChannelSMS}
	if got := used(w, r); got != "SMS" {
		t.Errorf("a channel without identity is passed over: got %s", got)
	}
	r.ChannelPriorityOrder = []parley.Channel{parley.ChannelTelegram}
	if _, err := w.e.SendMessage(t.Context(), project, r); parley.CodeOf(err) != parley.CodeInvalidArgument {
		t.Errorf("a channel the app lacks: got %v", err)
	}
}

func TestRetryUntilTheEnd(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]error{
		"refused for now": fail(channel.TryAgain, parley.ReasonRateLimited),
		"no answer":       fail(channel.Unknown, parley.ReasonChannelFailure),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &provider{}
			for range 1000 {
				p.answers = append(p.answers, again)
			}
			rcs := fake.New(parley.ChannelRCS, p.script)
			w := newWorld(t, rcs, scripted(parley.ChannelSMS))
			p.now = w.now
			a := w.app(func(a *parley.App) { a.MessageRetrySettings = &parley.MessageRetrySettings{RetryDuration: 60} })
			w.send(text(a, "hello", id(parley.ChannelRCS, ada), sms(ada)))
			w.run(4*time.Minute, 500*time.Millisecond)
			if n := len(p.times); n < 4 || n > 12 {
				t.Errorf("%d attempts", n)
			}
			if last := p.times[len(p.times)-1].Sub(p.times[0]); last < 59*time.Second || last > 62*time.Second {
				t.Errorf("the last attempt came %v after the first, want a minute", last)
			}
			if name == "no answer" {
				// The contact may have it: no other channel.
				w.expect("CONTACT_CREATE", "CONVERSATION_START", "SUBMIT RCS", "FAILED RCS CHANNEL_FAILURE")
				return
			}
			w.expect("CONTACT_CREATE", "CONVERSATION_START", "SUBMIT RCS", "SWITCHING_CHANNEL RCS RATE_LIMITED",
				"SUBMIT SMS", "QUEUED_ON_CHANNEL SMS")
		})
	}
}

func TestTimeToLive(t *testing.T) {
	t.Parallel()
	p := &provider{}
	for range 100 {
		p.answers = append(p.answers, fail(channel.TryAgain, parley.ReasonRateLimited))
	}
	w := newWorld(t, fake.New(parley.ChannelRCS, p.script), scripted(parley.ChannelSMS))
	r := text(w.app(), "hello", id(parley.ChannelRCS, ada), sms(ada))
	r.TTL = 20
	w.send(r)
	w.run(time.Minute, 500*time.Millisecond)
	w.expect("CONTACT_CREATE", "CONVERSATION_START", "SUBMIT RCS", "FAILED RCS MESSAGE_EXPIRED")
	// One that waits in line longer than it may is not handed over at all.
	r.Recipient.IdentifiedBy.ChannelIdentities = []parley.ChannelIdentity{sms(bob)}
	w.send(r)
	w.pass(time.Minute)
	w.expect("CONTACT_CREATE", "CONVERSATION_START", "FAILED SMS MESSAGE_EXPIRED")
}

func TestPartsContinueWhereTheyStopped(t *testing.T) {
	t.Parallel()
	for name, mark := range map[string]bool{"idempotent": false, "marked": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ch := scripted(parley.ChannelSMS, nil, fail(channel.TryAgain, parley.ReasonRateLimited))
			if mark {
				marked(ch)
			}
			w := newWorld(t, ch)
			m := w.send(text(w.app(), long(3), sms(ada)))
			w.run(10*time.Second, 500*time.Millisecond)
			if d := cmp.Diff([]string{"0-0-3", "0-1-3", "0-1-3", "0-2-3"}, keys(ch)); d != "" {
				t.Errorf("attempts (-want +got):\n%s", d)
			}
			w.expect("CONTACT_CREATE", "CONVERSATION_START", "SUBMIT SMS", "QUEUED_ON_CHANNEL SMS")
			if got := w.status(m); got != parley.StatusQueuedOnChannel {
				t.Errorf("got %s", got)
			}
		})
	}
}

// long is a text of n parts on a fake channel.
func long(n int) string { return strings.TrimSpace(strings.Repeat("word ", 200*n-50)) }

func TestNoReportInTime(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		told parley.DeliveryStatus
		want []string
	}{
		"nothing":   {"", []string{"SWITCHING_CHANNEL RCS DELIVERY_REPORT_TIME_OUT", "SUBMIT SMS", "QUEUED_ON_CHANNEL SMS"}},
		"delivered": {parley.StatusDelivered, []string{"DELIVERED RCS"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, scripted(parley.ChannelRCS), scripted(parley.ChannelSMS))
			a := w.app(func(a *parley.App) {
				a.DeliveryReportBasedFallback = &parley.DeliveryReportBasedFallback{Enabled: true, DeliveryReportWaitingTime: 30}
			})
			m := w.send(text(a, "x", id(parley.ChannelRCS, ada), sms(ada)))
			w.expect("CONTACT_CREATE", "CONVERSATION_START", "SUBMIT RCS", "QUEUED_ON_CHANNEL RCS")
			if tc.told != "" {
				w.receipt(a, parley.ChannelRCS, "fake-"+m+"-0-0-1", tc.told)
			}
			w.run(time.Minute, time.Second)
			w.expect(tc.want...)
		})
	}
}

func TestCallbackURLTakesReceiptsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	r := text(w.app(), "x", sms(ada))
	r.CallbackURL = "https://mine.example/cb"
	w.send(r)
	for _, c := range w.expect("CONTACT_CREATE", "CONVERSATION_START", "SUBMIT SMS", "QUEUED_ON_CHANNEL SMS") {
		if mine := c.to == r.CallbackURL; mine != (c.trig == parley.TriggerMessageDelivery) {
			t.Errorf("%s went to %s", c.trig, c.to)
		}
	}
}

// What is deleted while its jobs wait is not sent, and nothing is stuck.
func TestDeletedWhileQueued(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(*world, *parley.App, *store.Message) error{
		"message": func(w *world, _ *parley.App, m *store.Message) error {
			return w.store.DeleteMessage(w.t.Context(), project, m.ID)
		},
		"app": func(w *world, a *parley.App, _ *store.Message) error {
			return w.e.DeleteApp(w.t.Context(), project, a.ID)
		},
		"contact": func(w *world, _ *parley.App, m *store.Message) error {
			return w.e.DeleteContact(w.t.Context(), project, m.ContactID)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ch := scripted(parley.ChannelSMS, &channel.Error{
				Reason: parley.NewReason(parley.ReasonRateLimited, "slowly"), Outcome: channel.TryAgain, After: 10 * time.Second,
			})
			w := newWorld(t, ch)
			a := w.app()
			m, err := w.store.Message(t.Context(), project, w.send(text(a, "x", sms(ada))))
			if err != nil {
				t.Fatal(err)
			}
			w.step() // it waits in the table now
			if err := remove(w, a, m); err != nil {
				t.Fatal(err)
			}
			before := len(ch.Attempts())
			w.run(time.Minute, time.Second)
			if n := len(ch.Attempts()); n != before {
				t.Errorf("%d more attempts", n-before)
			}
			w.stop()
			w.start()
			jobs, err := w.store.JobCounts(t.Context())
			if err != nil || jobs[store.KindSend] > 0 {
				t.Errorf("jobs left: %v, %v", jobs, err)
			}
		})
	}
}

func TestOtherProjectsAreOutOfReach(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	a := w.app()
	m := w.send(text(a, "x", sms(ada)))
	contact := w.expect("CONTACT_CREATE", "CONVERSATION_START", "SUBMIT SMS", "QUEUED_ON_CHANNEL SMS")[0].body.ContactCreate.Contact
	ctx, e := t.Context(), w.e
	if _, err := w.store.CreateProject(ctx, "p2", "p2"); err != nil {
		t.Fatal(err)
	}
	own, err := e.CreateApp(ctx, "p2", &parley.App{
		DisplayName: "x", ProcessingMode: parley.ModeConversation,
		ChannelCredentials: []parley.ChannelCredential{credential(parley.ChannelSMS, "t")},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := text(own, "x")
	r.Recipient = &parley.Recipient{ContactID: contact.ID}
	_, sendErr := e.SendMessage(ctx, "p2", r)
	_, appErr := e.App(ctx, "p2", a.ID)
	_, updateErr := e.UpdateApp(ctx, "p2", a.ID, []byte(`{"display_name":"mine"}`), nil)
	_, contactErr := e.UpdateContact(ctx, "p2", contact.ID, []byte(`{"display_name":"mine"}`), nil)
	_, asErr := e.SendMessage(ctx, "p2", text(a, "x", sms(ada)))
	_, hookErr := e.CreateWebhook(ctx, "p2", &parley.Webhook{AppID: a.ID, Target: "https://evil.example"})
	for name, err := range map[string]error{
		"send to its contact": sendErr, "send as its app": asErr, "read its app": appErr, "change its app": updateErr,
		"delete its app": e.DeleteApp(ctx, "p2", a.ID), "change its contact": contactErr, "delete its contact": e.DeleteContact(ctx, "p2", contact.ID),
		"hook onto its app": hookErr, "delete its message": w.store.DeleteMessage(ctx, "p2", m),
	} {
		if !parley.IsNotFound(err) {
			t.Errorf("%s: got %v, want NOT_FOUND", name, err)
		}
	}
	// A choice token and a receipt that name the other project's message.
	other, err := w.store.App(ctx, "p2", own.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.takeIn(ctx, "p2", other, parley.ChannelSMS, []channel.Inbound{
		{Receipt: &channel.Receipt{ID: "z", Key: m + "-0-0-1", Status: parley.StatusRead}},
		{Receipt: &channel.Receipt{ID: channel.ProviderID("fake-" + m + "-0-0-1"), Status: parley.StatusRead}},
	}); err != nil {
		t.Fatal(err)
	}
	w.run(20*time.Second, time.Second)
	if got := w.status(m); got != parley.StatusQueuedOnChannel {
		t.Errorf("its message is %s", got)
	}
}

// TestSubmittedAsSent reports a message just as it was sent, and keeps it so.
func TestSubmittedAsSent(t *testing.T) {
	t.Parallel()
	const sent = `{"choice_message":{"choices":[{"text_message":{"text":"<a>"},"new_member":1.50}]},"agent":null,"new_member":{}}`
	w := newWorld(t, scripted(parley.ChannelSMS))
	a := w.app()
	r := text(a, "", sms(ada))
	if err := parley.Decode([]byte(sent), r.Message); err != nil {
		t.Fatal(err)
	}
	m := w.send(r)
	var submitted *parley.AppMessage
	for _, c := range w.take() {
		if s := c.body.MessageSubmit; s != nil {
			submitted = s.SubmittedMessage
		}
	}
	stored, err := w.store.Message(t.Context(), project, m)
	if err != nil {
		t.Fatal(err)
	}
	wire, err := stored.Wire()
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := parley.Marshal(wire.AppMessage); string(raw) != sent || err != nil {
		t.Errorf("sent %s, got %s (%v)", sent, raw, err)
	}
	// Callbacks write numbers in one way; see package callback.
	want := strings.Replace(sent, "1.50", "1.5", 1)
	if raw, err := parley.Marshal(submitted); string(raw) != want || err != nil {
		t.Errorf("sent %s, told %s (%v)", want, raw, err)
	}
}
