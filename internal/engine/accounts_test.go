package engine

import (
	"context"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/fake"
)

// limited is a provider that asks for a break.
func limited(after time.Duration, one bool) error {
	return &channel.Error{
		Reason: parley.NewReason(parley.ReasonRateLimited, "too fast"), Outcome: channel.TryAgain, After: after, OneRecipient: one,
	}
}

// A provider that asks for a break gets one from all of the account's
// messages, and from no other account's.
func TestBreakOfAnAccount(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		one    bool
		during int // attempts at SMS before the break is over
	}{
		"account":   {false, 1},
		"recipient": {true, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slow, other := scripted(parley.ChannelSMS, limited(time.Minute, tc.one)), scripted(parley.ChannelRCS)
			w := newWorld(t, slow, other)
			a := w.app()
			w.send(text(a, "one", sms(ada)))
			w.step()
			w.send(text(a, "two", sms("4670000002")))
			w.send(text(a, "three", id(parley.ChannelRCS, "4670000077")))
			w.run(30*time.Second, 5*time.Second)
			if got := len(keys(slow)); got != tc.during {
				t.Errorf("%d attempts during the break, want %d", got, tc.during)
			}
			if got := len(keys(other)); got != 1 {
				t.Errorf("the other account made %d attempts, want 1", got)
			}
			w.run(2*time.Minute, 5*time.Second)
			if got := len(keys(slow)); got != 3 {
				t.Errorf("%d attempts in the end, want 3", got)
			}
		})
	}
}

// A paced channel takes so many messages a second.
type paced struct {
	*fake.Channel
	perSecond float64
}

func (p *paced) Pace(*parley.ChannelCredential) float64 { return p.perSecond }

func TestPaceOfAnAccount(t *testing.T) {
	t.Parallel()
	ch := &paced{scripted(parley.ChannelSMS), 2}
	w := newWorldWith(t, func(o *Options) {
		o.RateLimits, o.Limits = true, parley.RateLimits{Inbound: 100, Outbound: 100, Webhooks: 100}
	}, ch)
	a := w.app()
	for _, to := range []string{"4670000001", "4670000002", "4670000003", "4670000004", "4670000005", "4670000006"} {
		w.send(text(a, "hi", sms(to)))
	}
	w.step()
	if got := len(keys(ch.Channel)); got != 2 {
		t.Errorf("%d attempts at once, want 2", got)
	}
	w.run(time.Second, 100*time.Millisecond)
	if got := len(keys(ch.Channel)); got != 4 {
		t.Errorf("%d attempts after a second, want 4", got)
	}
	w.run(2*time.Second, 100*time.Millisecond)
	if got := len(keys(ch.Channel)); got != 6 {
		t.Errorf("%d attempts in the end, want all 6", got)
	}
}

// state returns what an app shows of its first credential.
func (w *world) state(a *parley.App) parley.CredentialState {
	w.t.Helper()
	got, err := w.e.App(w.t.Context(), project, a.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return *got.ChannelCredentials[0].State
}

// A credential fails and works again as its messages show, where the provider
// cannot be asked.
func TestCredentialLearnsFromMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS, fail(channel.NotSent, parley.ReasonChannelBadConfiguration)))
	a := w.app()
	w.send(text(a, "one", sms(ada)))
	w.step()
	if got := w.state(a); got.Status != parley.CredentialFailing || got.Description != "because" {
		t.Fatalf("after a refusal: %+v", got)
	}
	w.pass(2 * suspicionInterval)
	w.send(text(a, "two", sms(ada)))
	w.step()
	if got := w.state(a); got.Status != parley.CredentialActive || got.Description != "" {
		t.Errorf("after a success: %+v", got)
	}
}

// Where the provider can be asked it is, at most once a minute; and again from
// time to time without any message.
func TestCredentialIsAskedAbout(t *testing.T) {
	t.Parallel()
	refused := fail(channel.NotSent, parley.ReasonChannelBadConfiguration)
	asked, good := 0, true
	ch := &socket{scripted(parley.ChannelSMS, refused, refused), func() error {
		if asked++; !good {
			return refused
		}
		return nil
	}}
	w := newWorld(t, ch)
	a := w.app()
	w.step()
	good = false
	w.send(text(a, "one", sms(ada)))
	w.send(text(a, "two", sms("4670000002")))
	w.run(10*time.Second, time.Second)
	if got := w.state(a); asked != 2 || got.Status != parley.CredentialFailing {
		t.Fatalf("asked %d times, %+v; want twice and FAILING", asked, got)
	}
	good = true
	for range 2 { // the second time it is not due
		if err := w.e.recheck(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	w.run(2*time.Minute, 10*time.Second)
	got, err := w.e.App(t.Context(), project, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	if c := got.ChannelCredentials[0]; asked != 3 || c.State.Status != parley.CredentialActive || c.ChannelKnownID != "known" {
		t.Errorf("asked %d times, %+v, known as %q; want 3 times and ACTIVE", asked, c.State, c.ChannelKnownID)
	}
}

// A file that is not there fails the message on a channel that would show it,
// and the next channel, which writes its address, is tried.
func TestMediaIsChecked(t *testing.T) {
	t.Parallel()
	gone := &channel.Error{Reason: parley.NewReason(parley.ReasonMediaNotReachable, "404"), Outcome: channel.NotSent}
	trouble := &channel.Error{Reason: gone.Reason, Outcome: channel.TryAgain}
	for name, tc := range map[string]struct {
		answers []error
		want    []string
	}{
		"there":   {nil, []string{"SUBMIT RCS", "QUEUED_ON_CHANNEL RCS"}},
		"gone":    {[]error{gone}, []string{"SWITCHING_CHANNEL RCS MEDIA_NOT_REACHABLE", "SUBMIT SMS", "QUEUED_ON_CHANNEL SMS"}},
		"trouble": {[]error{trouble, trouble}, []string{"SUBMIT RCS", "QUEUED_ON_CHANNEL RCS"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := tc.answers
			native, link := scripted(parley.ChannelRCS), scripted(parley.ChannelSMS)
			link.Caps.Media = channel.Degraded
			w := newWorldWith(t, func(o *Options) {
				o.CheckMedia = func(_ context.Context, address string, _ []channel.MediaType) error {
					if address != "https://x.example/a.png" || len(answers) == 0 {
						return nil
					}
					err := answers[0]
					answers = answers[1:]
					return err
				}
			}, native, link)
			a := w.app()
			r := text(a, "", id(parley.ChannelRCS, "4670000077"), sms(ada))
			r.Message = &parley.AppMessage{Media: &parley.MediaMessage{URL: "https://x.example/a.png"}}
			w.send(r)
			w.run(time.Minute, time.Second)
			w.expect(append([]string{"CONTACT_CREATE", "CONVERSATION_START"}, tc.want...)...)
		})
	}
}

// An account whose provider does not answer keeps a few attempts, and all
// again once one of them is answered.
func TestStuckAccount(t *testing.T) {
	t.Parallel()
	s := newAccounts(Options{Now: time.Now})
	stuck, fine := accountKey{app: "a"}, accountKey{app: "b"}
	for range hungLimit {
		if _, ok := s.admit(stuck); !ok {
			t.Fatal("stuck too early")
		}
		s.ended(stuck, true)
	}
	var leave func()
	for range maxProbes {
		l, ok := s.admit(stuck)
		if !ok {
			t.Fatal("nothing may find out whether the provider is back")
		}
		leave = l
	}
	if _, ok := s.admit(stuck); ok {
		t.Error("a stuck account takes more than its probes")
	}
	if _, ok := s.admit(fine); !ok {
		t.Error("another account is held up")
	}
	leave()
	if _, ok := s.admit(stuck); !ok {
		t.Error("no probe follows one that is over")
	}
	s.ended(stuck, false)
	if _, ok := s.admit(stuck); !ok {
		t.Error("still stuck after an answer")
	}
}

// A wanting channel needs settings the hosted API does not know.
type wanting struct{ *fake.Channel }

func (w *wanting) Check(c *parley.ChannelCredential) error {
	if string(c.ProviderSettings) != `{"key":"k"}` {
		return parley.Invalid("provider_settings.key", "is required")
	}
	return nil
}

// A credential as the hosted API knows it can be saved and fails until it has
// what its provider needs; settings that are wrong are refused.
func TestIncompleteCredential(t *testing.T) {
	t.Parallel()
	ch := &wanting{scripted(parley.ChannelSMS)}
	w := newWorld(t, ch)
	a := w.app()
	if got := w.state(a); got.Status != parley.CredentialFailing || got.Description != "provider_settings.key: is required" {
		t.Errorf("without settings: %+v", got)
	}
	change := func(settings string) error {
		_, err := w.e.UpdateApp(t.Context(), project, a.ID, []byte(`{"channel_credentials":[{"channel":"SMS",
			"static_bearer":{"claimed_identity":"me","token":"t"},"provider_settings":`+settings+`}]}`), nil)
		return err
	}
	if err := change(`{"key":"x"}`); err == nil {
		t.Error("wrong settings are saved")
	}
	if err := change(`{"key":"k"}`); err != nil {
		t.Fatal(err)
	}
	if got := w.state(a); got.Status != parley.CredentialActive {
		t.Errorf("with settings: %+v", got)
	}
}

// Only the provider's own silence counts against an account.
func TestHung(t *testing.T) {
	t.Parallel()
	failure := func(code parley.ReasonCode, o channel.Outcome) error {
		return &channel.Error{Reason: parley.NewReason(code, ""), Outcome: o}
	}
	for name, tc := range map[string]struct {
		err  error
		took time.Duration
		want bool
	}{
		"accepted, slowly":       {nil, time.Minute, false},
		"no answer":              {failure(parley.ReasonChannelFailure, channel.Unknown), hangTime, true},
		"not connected":          {failure(parley.ReasonChannelFailure, channel.TryAgain), hangTime, true},
		"soon":                   {failure(parley.ReasonChannelFailure, channel.Unknown), hangTime - 1, false},
		"refused, slowly":        {failure(parley.ReasonBadRequest, channel.NotSent), time.Minute, false},
		"a media host that hung": {failure(parley.ReasonMediaNotReachable, channel.TryAgain), time.Minute, false},
	} {
		if got := hung(tc.err, tc.took); got != tc.want {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
}
