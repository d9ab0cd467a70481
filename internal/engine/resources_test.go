package engine

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/fake"
)

// A socket is a channel whose credentials are tried.
type socket struct {
	*fake.Channel
	connect func() error
}

func (s *socket) Connect(context.Context, *channel.Conn) (string, error) { return "known", s.connect() }

func TestCredentialStates(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answers []error
		first   string // after the first attempt
		want    string // in the end
	}{
		"good":          {nil, parley.CredentialActive, parley.CredentialActive},
		"bad":           {[]error{fail(channel.NotSent, parley.ReasonChannelBadConfiguration)}, parley.CredentialFailing, parley.CredentialFailing},
		"provider down": {[]error{fail(channel.TryAgain, parley.ReasonChannelFailure)}, parley.CredentialFailing, parley.CredentialActive},
		"fault of ours": {[]error{errors.New("bug")}, parley.CredentialFailing, parley.CredentialActive},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := tc.answers
			w := newWorld(t, &socket{scripted(parley.ChannelSMS), func() error {
				if len(answers) == 0 {
					return nil
				}
				err := answers[0]
				answers = answers[1:]
				return err
			}})
			a := w.app()
			state := func() string {
				got, err := w.e.App(t.Context(), project, a.ID)
				if err != nil {
					t.Fatal(err)
				}
				return got.ChannelCredentials[0].State.Status
			}
			if got := state(); got != parley.CredentialPending {
				t.Errorf("before it was tried: %s", got)
			}
			w.step()
			if got := state(); got != tc.first {
				t.Errorf("after it was tried once: %s, want %s", got, tc.first)
			}
			w.run(time.Minute, time.Second)
			if got := state(); got != tc.want {
				t.Errorf("in the end: %s, want %s", got, tc.want)
			}
			// A change of something else does not try it again, nor forget.
			if _, err := w.e.UpdateApp(t.Context(), project, a.ID, []byte(`{"display_name":"new"}`), nil); err != nil {
				t.Fatal(err)
			}
			if got := state(); got != tc.want {
				t.Errorf("after a change of the name: %s", got)
			}
		})
	}
}

// The provider answers while somebody changes the app: neither undoes the other.
func TestAppChangedWhileItConnects(t *testing.T) {
	t.Parallel()
	var w *world
	var a *parley.App
	w = newWorld(t, &socket{scripted(parley.ChannelSMS), func() error {
		_, err := w.e.UpdateApp(context.Background(), project, a.ID, []byte(`{"display_name":"renamed"}`), nil)
		return err
	}})
	a = w.app()
	w.step()
	got, err := w.e.App(t.Context(), project, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	if s := got.ChannelCredentials[0].State.Status; got.DisplayName != "renamed" || s != parley.CredentialActive {
		t.Errorf("got %q, %s; want renamed, ACTIVE", got.DisplayName, s)
	}
}

func TestContactOperations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	w.app()
	w.app() // contacts are told to every app of the project
	ctx := t.Context()
	c, err := w.e.CreateContact(ctx, project, &parley.Contact{ChannelIdentities: []parley.ChannelIdentity{sms("+" + ada)}, DisplayName: "Ada"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = w.e.UpdateContact(ctx, project, c.ID, []byte(`{"display_name":"Ada L.","email":"ada@example.org"}`), []string{"display_name"}); err != nil {
		t.Fatal(err)
	}
	if err := w.e.DeleteContact(ctx, project, c.ID); err != nil {
		t.Fatal(err)
	}
	got := w.expect("CONTACT_CREATE", "CONTACT_CREATE", "CONTACT_UPDATE", "CONTACT_UPDATE", "CONTACT_DELETE", "CONTACT_DELETE")
	if last := got[5].body.ContactDelete.Contact; last.DisplayName != "Ada L." || last.Email != "" || last.ChannelIdentities[0].Identity != ada {
		t.Errorf("told of deletion: %+v", last)
	}
	if got[0].to == got[1].to {
		t.Error("one app was told twice")
	}
	if _, err = w.e.UpdateContact(ctx, project, c.ID, []byte(`{"display_name":"back"}`), nil); !parley.IsNotFound(err) {
		t.Errorf("a deleted contact came back: %v", err)
	}
	if _, err = w.e.CreateContact(ctx, project, &parley.Contact{}); parley.CodeOf(err) != parley.CodeInvalidArgument {
		t.Errorf("nobody: got %v", err)
	}
	w.expect()
}

func TestStopConversation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	a := w.app()
	w.tell(a, parley.ChannelSMS, says("1", ada, "hi"))
	first := w.expect("CONTACT_CREATE", "CONVERSATION_START", "MESSAGE_INBOUND")[1].body.ConversationStart.Conversation
	for range 2 { // the second changes nothing
		if err := w.e.StopConversation(t.Context(), project, first.ID); err != nil {
			t.Fatal(err)
		}
	}
	if c := w.expect("CONVERSATION_STOP")[0].body.ConversationStop.Conversation; c.ID != first.ID || c.Active {
		t.Errorf("told of %+v", c)
	}
	w.tell(a, parley.ChannelSMS, says("2", ada, "hi again"))
	if c := w.expect("CONVERSATION_START", "MESSAGE_INBOUND")[0].body.ConversationStart.Conversation; c.ID == first.ID {
		t.Error("the stopped conversation went on")
	}
}

func TestWebhookOperations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	a := w.app()
	ctx := t.Context()
	h := w.webhook(a.ID, "https://two.example", parley.TriggerMessageInbound)
	w.webhook(a.ID, "https://three.example", parley.TriggerOptIn)
	w.tell(a, parley.ChannelSMS, says("1", ada, "hi"))
	w.expect("CONTACT_CREATE", "CONVERSATION_START", "MESSAGE_INBOUND", "MESSAGE_INBOUND")
	if _, err := w.e.CreateWebhook(ctx, project, &parley.Webhook{AppID: a.ID, Target: h.Target}); parley.CodeOf(err) != parley.CodeInvalidArgument {
		t.Errorf("the same target twice: got %v", err)
	}
	for n := range 3 {
		_, err := w.e.CreateWebhook(ctx, project, &parley.Webhook{AppID: a.ID, Target: "https://more.example/" + strconv.Itoa(n)})
		if full := n == 2; full != (parley.CodeOf(err) == parley.CodeInvalidArgument) {
			t.Errorf("webhook %d: got %v", n+4, err)
		}
	}
	if _, err := w.e.UpdateWebhook(ctx, project, h.ID, []byte(`{"triggers":["OPT_IN"]}`), nil); err != nil {
		t.Fatal(err)
	}
	w.tell(a, parley.ChannelSMS, says("2", ada, "hi"))
	w.expect("MESSAGE_INBOUND")
	if err := w.e.DeleteWebhook(ctx, project, h.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.e.UpdateWebhook(ctx, project, h.ID, []byte(`{"triggers":[]}`), nil); !parley.IsNotFound(err) {
		t.Errorf("a deleted webhook came back: %v", err)
	}
	if _, err := w.e.Webhook(ctx, project, h.ID); !parley.IsNotFound(err) {
		t.Errorf("callbacks still find it: %v", err)
	}
}

func TestTargetsAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, func(o *Options) {
		o.CheckTarget = func(_ context.Context, address string) error {
			if address == "https://inside.example" {
				return errors.New("is private")
			}
			return nil
		}
	}, scripted(parley.ChannelSMS))
	a := w.app()
	r := text(a, "x", sms(ada))
	r.CallbackURL = "https://inside.example"
	_, sendErr := w.e.SendMessage(t.Context(), project, r)
	_, hookErr := w.e.CreateWebhook(t.Context(), project, &parley.Webhook{AppID: a.ID, Target: "https://inside.example"})
	_, tokenErr := w.e.CreateWebhook(t.Context(), project, &parley.Webhook{
		AppID: a.ID, Target: "https://outside.example",
		ClientCredentials: &parley.ClientCredentials{ClientID: "i", ClientSecret: "s", Endpoint: "https://inside.example"},
	})
	for name, err := range map[string]error{"callback_url": sendErr, "target": hookErr, "client_credentials.endpoint": tokenErr} {
		if parley.CodeOf(err) != parley.CodeInvalidArgument {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Whatever is refused must not count as waiting to be sent.
func TestQueueCountsWhatWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	a := w.app()
	waiting := func() int64 {
		got, err := w.e.App(t.Context(), project, a.ID)
		if err != nil {
			t.Fatal(err)
		}
		return got.QueueStats.OutboundSize
	}
	r := text(a, "x")
	r.Recipient = &parley.Recipient{ContactID: w.store.NewID()}
	if _, err := w.e.SendMessage(t.Context(), project, r); !parley.IsNotFound(err) {
		t.Errorf("got %v", err)
	}
	if n := waiting(); n != 0 {
		t.Errorf("%d wait after a refusal", n)
	}
	w.send(text(a, "x", sms(ada)))
	if n := waiting(); n != 1 {
		t.Errorf("%d wait, want 1", n)
	}
	w.step()
	if n := waiting(); n != 0 {
		t.Errorf("%d wait after sending", n)
	}
}

func TestOutboundPace(t *testing.T) {
	t.Parallel()
	ch := scripted(parley.ChannelSMS)
	w := newWorldWith(t, func(o *Options) { o.RateLimits, o.Limits = true, parley.RateLimits{Outbound: 2} }, ch)
	a := w.app()
	for n := range 6 {
		w.send(text(a, "x", sms("1555123100"+strconv.Itoa(n))))
	}
	got := []int{}
	for range 4 {
		w.step()
		got = append(got, len(ch.Attempts()))
		w.pass(time.Second)
	}
	if d := cmp.Diff([]int{2, 4, 6, 6}, got); d != "" {
		t.Errorf("sent by the second (-want +got):\n%s", d)
	}
}

func TestTranscodeShowsWhatIsSent(t *testing.T) {
	t.Parallel()
	ch := scripted(parley.ChannelSMS)
	w := newWorld(t, ch)
	a := w.app()
	r := text(a, "hello", sms(ada))
	got, err := w.e.Transcode(t.Context(), project, &parley.TranscodeMessageRequest{
		AppID: a.ID, AppMessage: r.Message, Channels: []parley.Channel{parley.ChannelSMS}, To: "+" + ada,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.send(r)
	w.step()
	if d := cmp.Diff(string(ch.Attempts()[0].Payload.Body), got.TranscodedMessage[parley.ChannelSMS]); d != "" {
		t.Errorf("transcoded (-sent +shown):\n%s", d)
	}
	_, err = w.e.Transcode(t.Context(), project, &parley.TranscodeMessageRequest{
		AppID: a.ID, AppMessage: r.Message, Channels: []parley.Channel{parley.ChannelLINE},
	})
	if parley.CodeOf(err) != parley.CodeUnimplemented {
		t.Errorf("a channel without adapter: got %v", err)
	}
}

// TestWebhookChangedAtOnce changes different members of a webhook at the same
// time: none of the changes is undone.
func TestWebhookChangedAtOnce(t *testing.T) {
	t.Parallel()
	var at sync.WaitGroup
	at.Add(2)
	w := newWorldWith(t, func(o *Options) {
		// Both have read the webhook before either writes it.
		o.CheckTarget = func(_ context.Context, target string) error {
			if target == "https://hook.example/race" {
				at.Done()
				at.Wait()
			}
			return nil
		}
	}, fake.New(parley.ChannelSMS, fake.Accept))
	a := w.app()
	h := w.webhook(a.ID, "https://hook.example/one", parley.TriggerMessageInbound)
	if _, err := w.e.UpdateWebhook(t.Context(), project, h.ID, []byte(`{"triggers":["OPT_IN"]}`), nil); err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	for _, body := range []string{`{"target":"https://hook.example/race","secret":"s"}`, `{"target":"https://hook.example/race","triggers":["OPT_OUT"]}`} {
		both.Go(func() {
			if _, err := w.e.UpdateWebhook(t.Context(), project, h.ID, []byte(body), nil); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	got, err := w.store.Webhook(t.Context(), project, h.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Secret != "s" || !slices.Equal(got.Triggers, []parley.Trigger{parley.TriggerOptOut}) {
		t.Errorf("got %+v", got)
	}
}
