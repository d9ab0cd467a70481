package channeltest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// TestCorpus checks that the corpus has every kind of message and of choice,
// so that a new kind cannot be forgotten.
func TestCorpus(t *testing.T) {
	t.Parallel()
	kinds := map[string]bool{}
	for _, m := range Corpus(t) {
		kinds[fmt.Sprintf("%T", m.Content())] = true
		if m.Choice != nil {
			for i := range m.Choice.Choices {
				kinds[fmt.Sprintf("choice %T", m.Choice.Choices[i].Content())] = true
			}
		}
		kinds["explicit"] = kinds["explicit"] || m.ExplicitChannel != nil
		kinds["explicit omni"] = kinds["explicit omni"] || m.ExplicitChannelOmni != nil
		kinds["channel specific"] = kinds["channel specific"] || m.ChannelSpecific != nil
		kinds["agent"] = kinds["agent"] || m.Agent != nil
		kinds["reply to"] = kinds["reply to"] || m.ReplyTo != nil
	}
	for _, kind := range []any{
		&parley.TextMessage{}, &parley.MediaMessage{}, &parley.CardMessage{}, &parley.CarouselMessage{},
		&parley.ChoiceMessage{}, &parley.LocationMessage{}, &parley.TemplateMessage{}, &parley.ListMessage{},
		&parley.ContactInfoMessage{},
	} {
		if !kinds[fmt.Sprintf("%T", kind)] {
			t.Errorf("the corpus has no %T", kind)
		}
	}
	for _, kind := range []parley.ChoiceContent{
		&parley.TextMessage{}, &parley.URLMessage{}, &parley.CallMessage{}, &parley.LocationMessage{},
		&parley.CalendarMessage{}, &parley.ShareLocationMessage{},
	} {
		if !kinds[fmt.Sprintf("choice %T", kind)] {
			t.Errorf("the corpus has no choice of %T", kind)
		}
	}
	for _, kind := range []string{"explicit", "explicit omni", "channel specific", "agent", "reply to"} {
		if !kinds[kind] {
			t.Errorf("the corpus has no %s", kind)
		}
	}
}

// TestLimits checks that the messages at a channel's limits are what the API
// would accept.
func TestLimits(t *testing.T) {
	t.Parallel()
	limits := map[string]*parley.AppMessage{}
	addLimits(limits, channel.Capabilities{MaxText: 10, MaxCaption: 10, MaxChoiceText: 10, MaxChoices: 3, MaxCards: 3, MaxItems: 3})
	if len(limits) != 12 {
		t.Errorf("got %d messages, want two for each of 6 limits", len(limits))
	}
	for name, m := range limits {
		if err := m.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := limits["limit-text-past"].Text.Text; len(got) != 11 {
		t.Errorf("one past 10 is %q", got)
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	got := secrets(t, &parley.ChannelCredential{
		Channel:          parley.ChannelMMS,
		MMS:              &parley.MMSCredentials{AccountID: "account", APIKey: "api-key-value", BasicAuth: &parley.BasicAuth{Username: "user", Password: "a-password"}},
		CallbackSecret:   "callback-secret",
		ProviderSettings: []byte(`{"host": "a.example", "tls": {"private_keys": ["first-key", "second-key"]}}`),
	})
	slices.Sort(got)
	want := []string{connSecret, "a-password", "api-key-value", "callback-secret", "first-key", "second-key"}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
