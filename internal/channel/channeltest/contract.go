package channeltest

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// contract checks that what the channel says of itself is consistent.
func (s *Suite) contract(t *testing.T, rows []Verdict) {
	caps := s.Channel.Capabilities()
	if diff := cmp.Diff(caps, s.Channel.Capabilities()); diff != "" {
		t.Errorf("Capabilities is not constant:\n%s", diff)
	}
	if s.Channel.Name() == "" {
		t.Error("the channel has no name")
	}
	if caps.Text != channel.Native {
		t.Error("a channel shows text at least")
	}
	tapped := caps.Choice == channel.Native || caps.Card == channel.Native || caps.Carousel == channel.Native
	if len(caps.Choices) > 0 && !tapped {
		t.Error("Choices names kinds that no message can show")
	}
	if caps.Choice == channel.Native && len(caps.Choices) == 0 {
		t.Error("Choice is native, but Choices names no kind")
	}
	if caps.MaxCards > 0 && caps.Carousel != channel.Native {
		t.Error("MaxCards limits carousels, which are not native")
	}
	if caps.MaxItems > 0 && caps.List != channel.Native {
		t.Error("MaxItems limits lists, which are not native")
	}
	s.interfaces(t, caps, rows)
	s.checks(t)
}

// interfaces checks Capabilities against the optional interfaces, both ways.
func (s *Suite) interfaces(t *testing.T, caps channel.Capabilities, rows []Verdict) {
	t.Helper()
	agree[channel.EventSender](t, s.Channel, "Capabilities.Events names an event", len(caps.Events) > 0)
	for _, name := range caps.Events {
		if event(name) == nil {
			t.Errorf("Events: there is no app event %q", name)
		}
		good := slices.ContainsFunc(rows, func(v Verdict) bool { return v.Call == name && v.Outcome == "" })
		if !good {
			t.Errorf("Events: no verdict shows how %s is sent", name)
		}
	}
	_, receives := s.Channel.(channel.Receiver)
	_, listens := s.Channel.(channel.Listener)
	if hears := receives || listens; !hears && (len(caps.Receipts) > 0 || caps.TypedChoices) {
		t.Error("receipts and typed choices need a Receiver or a Listener")
	}
	for _, status := range caps.Receipts {
		switch status {
		case parley.StatusQueuedOnChannel, parley.StatusDelivered, parley.StatusRead, parley.StatusFailed:
		case parley.StatusQueued, parley.StatusSwitchingChannel:
			t.Errorf("Receipts: %s is not a provider's to say", status)
		default:
			t.Errorf("Receipts: there is no status %q", status)
		}
	}
	if len(rows) > 0 {
		judged[channel.Connector](t, s.Channel, rows, "connect")
		judged[channel.Prober](t, s.Channel, rows, "probe")
		judged[channel.Profiler](t, s.Channel, rows, "profile")
		judged[channel.Retractor](t, s.Channel, rows, "retract")
	}
}

// judged fails the test if the channel implements T and no verdict is about
// its call.
func judged[T any](t *testing.T, ch channel.Channel, rows []Verdict, call string) {
	t.Helper()
	if _, ok := ch.(T); ok && !slices.ContainsFunc(rows, func(v Verdict) bool { return v.Call == call }) {
		t.Errorf("the channel implements %T, but no verdict is about %s", new(T), call)
	}
}

// agree fails the test unless the channel implements T exactly when it has
// reason to.
func agree[T any](t *testing.T, ch channel.Channel, reason string, has bool) {
	t.Helper()
	if _, ok := ch.(T); ok != has {
		t.Errorf("the channel implements %T: %v; %s: %v", new(T), ok, reason, has)
	}
}

// checks tries Check on good and bad credentials.
func (s *Suite) checks(t *testing.T) {
	t.Helper()
	if err := s.Channel.Check(s.Credential); err != nil {
		t.Errorf("Check refuses the suite's credential: %v", err)
	}
	bad := *s.Credential
	bad.Provider = "no-such-provider"
	if err := s.Channel.Check(&bad); err == nil {
		t.Error("Check accepts a provider that does not exist")
	}
	for _, settings := range []string{`{`, `[]`, `"x"`, `{"no_such_setting":true}`, `{"port":"x"}`, "null"} {
		odd := *s.Credential
		odd.ProviderSettings = json.RawMessage(settings)
		if err := s.Channel.Check(&odd); err != nil {
			s.noSecret(t, "the error of Check", err.Error())
		}
	}
	bare := parley.ChannelCredential{Channel: s.Channel.Name()}
	if err := s.Channel.Check(&bare); err == nil && s.Channel.Name() != parley.ChannelEmail {
		t.Error("Check accepts a credential without a credential object")
	}
}
