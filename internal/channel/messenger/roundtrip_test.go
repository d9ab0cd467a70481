package messenger_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/messenger"
	"github.com/parley-im/parley/internal/simulator"
	"github.com/parley-im/parley/internal/transcode"
)

const (
	psid    = "6543217890123456"
	handset = "/handsets/MESSENGER/" + psid
)

// newPhone returns a handset of a simulated Messenger and the page it writes to.
func newPhone(t *testing.T) *channeltest.Rig {
	t.Helper()
	c := credential()
	p := (&channeltest.Rig{
		Channel: messenger.New(), Credential: c, Provider: simulator.ProviderMessenger, To: psid,
		Options: simulator.Options{ReadAfter: 50 * time.Millisecond},
	}).Start(t)
	p.Do(http.MethodPut, "/accounts/messenger/"+pageID, simulator.PageAccount{
		Token: c.StaticToken.Token, AppSecret: c.CallbackSecret, VerifyToken: "verify-token-of-the-test", WebhookURL: p.Conn.WebhookURL,
	}, nil)
	p.Do(http.MethodPut, handset, map[string]string{"name": "Ada Lovelace"}, nil)
	return p
}

// TestCorpusIsTaken sends every message there is to a provider that checks
// what the real one does.
func TestCorpusIsTaken(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	for name, m := range channeltest.Corpus(t) {
		selected := transcode.Select(m, parley.ChannelMessenger)
		if len(selected.ExplicitChannel) > 0 || len(selected.ChannelSpecific) > 0 || selected.Template != nil || selected.Content() == nil {
			continue // its own words, or none
		}
		if ids := p.MustSend(m); len(ids) == 0 {
			t.Errorf("%s: nothing was sent", name)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	if id, err := messenger.New().Connect(t.Context(), p.Conn); id != pageID || err != nil {
		t.Fatalf("connect: got %q, %v", id, err)
	}

	ids := p.MustSend(&parley.AppMessage{Choice: &parley.ChoiceMessage{
		Text: &parley.TextMessage{Text: "Tea?"},
		Choices: []parley.Choice{
			{Text: &parley.TextMessage{Text: "Yes"}}, {URL: &parley.URLMessage{Title: "Shop", URL: "https://shop.example"}},
		},
	}})
	reports := map[parley.DeliveryStatus]*channel.Receipt{}
	for range 3 { // an echo may come after the delivery
		r := p.NextLike("a receipt", func(in *channel.Inbound) bool { return in.Receipt != nil }).Receipt
		reports[r.Status] = r
	}
	if r := reports[parley.StatusQueuedOnChannel]; r == nil || r.ID != ids[0] || r.Key != channeltest.MessageID+".0" {
		t.Errorf("echo: got %+v", r)
	}
	if r := reports[parley.StatusDelivered]; r == nil || r.ID != ids[0] {
		t.Errorf("delivery: got %+v", r)
	}
	if r := reports[parley.StatusRead]; r == nil || r.UpTo.IsZero() {
		t.Errorf("read: got %+v", r)
	}

	p.Do(http.MethodPost, handset+"/tap", map[string]any{"choice": 1}, nil)
	tapped := p.NextLike("a message", func(in *channel.Inbound) bool { return in.Message != nil }).Message.ChoiceResponse
	if tapped == nil || tapped.PostbackData != channeltest.MessageID+".0" {
		t.Errorf("tap: got %+v", tapped)
	}

	p.MustSend(&parley.AppMessage{Choice: &parley.ChoiceMessage{
		Text:    &parley.TextMessage{Text: "Milk?"},
		Choices: []parley.Choice{{Text: &parley.TextMessage{Text: "Yes"}}, {Text: &parley.TextMessage{Text: "No"}}},
	}})
	p.Do(http.MethodPost, handset+"/tap", map[string]any{"choice": "No"}, nil)
	tapped = p.NextLike("a message", func(in *channel.Inbound) bool { return in.Message != nil }).Message.ChoiceResponse
	if tapped == nil || tapped.PostbackData != channeltest.MessageID+".1" {
		t.Errorf("quick reply: got %+v", tapped)
	}
	heard(t, p)

	profile, err := messenger.New().Profile(t.Context(), p.Conn, channel.Address{Identity: psid})
	if profile.Name != "Ada Lovelace" || err != nil {
		t.Errorf("profile: got %+v, %v", profile, err)
	}
	if _, err = messenger.New().Profile(t.Context(), p.Conn, channel.Address{Identity: "1"}); channel.AsError(err).Reason.Code != parley.ReasonNoProfileAvailable {
		t.Errorf("profile of nobody: got %v", err)
	}
}

// heard has the phone send each kind of thing it can.
func heard(t *testing.T, p *channeltest.Rig) {
	t.Helper()
	isMessage := func(in *channel.Inbound) bool { return in.Message != nil }
	p.Do(http.MethodPost, handset+"/reply", map[string]any{"text": "Hello"}, nil)
	if m := p.NextLike("a message", isMessage).Message; m.Text == nil || m.Text.Text != "Hello" {
		t.Errorf("text: got %+v", m)
	}
	p.Do(http.MethodPost, handset+"/reply", map[string]any{"media_url": "/media/sample.png", "caption": "Look"}, nil)
	if in := p.NextLike("a message", isMessage); in.Media == nil || in.Message.MediaCard == nil || in.Message.MediaCard.Caption != "Look" {
		t.Errorf("media: got %+v", in)
	}
	p.Do(http.MethodPost, handset+"/reply", map[string]any{"location": map[string]any{"latitude": 1.5, "longitude": 2, "title": "Cafe"}}, nil)
	if m := p.NextLike("a message", isMessage).Message; m.Location == nil || m.Location.Title != "Cafe" || m.Location.Coordinates.Latitude != 1.5 {
		t.Errorf("location: got %+v", m)
	}
	p.Do(http.MethodPost, handset+"/event", map[string]any{"type": "start", "payload": "spring"}, nil)
	isEvent := func(in *channel.Inbound) bool { return in.MessageEvent != nil || in.Event != nil }
	if e := p.NextLike("an event", isEvent).MessageEvent; e == nil || e.ShortlinkActivated == nil || e.ShortlinkActivated.Ref != "spring" {
		t.Errorf("start: got %+v", e)
	}
	p.Do(http.MethodPost, handset+"/event", map[string]any{"type": "comment", "payload": "Nice"}, nil)
	if e := p.NextLike("an event", isEvent).Event; e == nil || e.Comment == nil || e.Comment.Text != "Nice" || e.Comment.User != "Ada Lovelace" {
		t.Errorf("comment: got %+v", e)
	}
	p.Do(http.MethodPost, handset+"/event", map[string]any{"type": "opt_out"}, nil)
	if in := p.NextLike("an opt-in or opt-out", func(in *channel.Inbound) bool { return in.OptIn || in.OptOut }); !in.OptOut {
		t.Errorf("opt-out: got %+v", in)
	}
}

// TestEvents shows typing and reading on the phone.
func TestEvents(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	p.Do(http.MethodPost, handset+"/reply", map[string]any{"text": "Hello"}, nil)
	for _, e := range []*parley.AppEvent{
		{ReadMessage: &parley.Empty{}}, {Composing: &parley.Empty{}}, {ComposingEnd: &parley.Empty{}},
	} {
		_, err := messenger.New().SendEvent(t.Context(), p.Conn, &channel.OutgoingEvent{To: channel.Address{Identity: psid}, Event: e})
		if err != nil {
			t.Fatal(err)
		}
		var shown struct {
			Typing bool `json:"typing"`
			Items  []struct {
				Status string `json:"status"`
			} `json:"items"`
		}
		p.Do(http.MethodGet, handset, nil, &shown)
		if shown.Typing != (e.Composing != nil) || shown.Items[0].Status != "read" {
			t.Errorf("after %+v the phone shows %+v", e, shown)
		}
	}
}

// TestRefusals has the provider refuse for what may be wrong with the contact.
func TestRefusals(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	for want, behaviour := range map[parley.ReasonCode]map[string]any{
		parley.ReasonOutsideAllowedSendingWindow: {"window_closed": true},
		parley.ReasonRecipientNotReachable:       {"deliver": "reject"},
		parley.ReasonRateLimited:                 {"deliver": "rate_limit"},
		parley.ReasonDeliveryRejectedDueToPolicy: {"deliver": "refuse", "fail_code": "368"},
	} {
		p.Do(http.MethodPut, handset+"/behaviour", behaviour, nil)
		_, err := messenger.New().Send(t.Context(), p.Conn, channel.Attempt{
			Key: "k", Payload: channel.Payload{Body: json.RawMessage(`{"recipient":{"id":"` + psid + `"},"messaging_type":"RESPONSE","message":{"text":"x"}}`)},
		})
		if got := channel.AsError(err).Reason.Code; got != want {
			t.Errorf("got %s (%v), want %s", got, err, want)
		}
	}
}
