package viber_test

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/viber"
	"github.com/parley-im/parley/internal/simulator"
)

var handset = "/handsets/VIBER/" + url.PathEscape(userID)

// newPhone returns a handset of a simulated Viber and the account it talks to.
func newPhone(t *testing.T) *channeltest.Rig {
	t.Helper()
	p := (&channeltest.Rig{Channel: viber.New(), Credential: credential(), Provider: simulator.ProviderViber, To: userID}).Start(t)
	p.Do(http.MethodPut, "/accounts/viber/"+token, simulator.ViberAccount{Name: "Shop"}, nil)
	p.Do(http.MethodPut, handset, map[string]string{"name": "John"}, nil)
	if known, err := viber.New().Connect(t.Context(), p.Conn); err != nil || known != "Shop" {
		t.Fatalf("connect: %q, %v", known, err)
	}
	return p
}

// send sends a message; one that is refused before, as other tests expect, has
// no ids.
func send(p *channeltest.Rig, m *parley.AppMessage) ([]channel.ProviderID, error) {
	payloads, err := p.Render(m)
	if err != nil {
		return nil, nil //nolint:nilerr // refused, as other tests expect
	}
	return p.SendPayloads(rand.Text(), payloads)
}

func text(s string) *parley.AppMessage { return &parley.AppMessage{Text: &parley.TextMessage{Text: s}} }

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	ids, err := send(p, &parley.AppMessage{Choice: &parley.ChoiceMessage{
		Text: &parley.TextMessage{Text: "Tea?"},
		Choices: []parley.Choice{
			{Text: &parley.TextMessage{Text: "Yes & no"}},
			{URL: &parley.URLMessage{Title: "Shop", URL: "https://shop.example"}},
			{ShareLocation: &parley.ShareLocationMessage{Title: "Here", FallbackURL: "https://x.example"}},
		},
	}})
	if err != nil || len(ids) != 1 {
		t.Fatalf("send a choice: %v, %v", ids, err)
	}
	var shown simulator.Item
	p.Do(http.MethodGet, handset+"/wait", nil, &shown)
	if shown.Text != "Tea?" || len(shown.Choices) != 3 || shown.Choices[0].Title != "Yes & no" || shown.Choices[1].Kind != "url" {
		t.Errorf("the phone shows %+v", shown)
	}
	for _, status := range []parley.DeliveryStatus{parley.StatusDelivered, parley.StatusRead} {
		p.NextLike("receipt "+string(status), func(in *channel.Inbound) bool {
			return in.Receipt != nil && in.Receipt.ID == ids[0] && in.Receipt.Status == status
		})
	}
	p.Do(http.MethodPost, handset+"/tap", map[string]any{"choice": 1}, nil)
	in := p.NextLike("tap", func(in *channel.Inbound) bool { return in.Message != nil && in.Message.ChoiceResponse != nil })
	if in.Message.ChoiceResponse.PostbackData != channel.Token(channeltest.MessageID, 0) || in.From != (channel.Address{Identity: userID, Name: "John"}) {
		t.Errorf("tap: got %+v", in)
	}
	p.Do(http.MethodPost, handset+"/tap", map[string]any{"choice": "Here"}, nil)
	p.NextLike("location", func(in *channel.Inbound) bool { return in.Message != nil && in.Message.Location != nil })
	p.Do(http.MethodPost, handset+"/reply", map[string]string{"media_url": "data:image/jpeg;base64,YSBwaWN0dXJl", "caption": "Look"}, nil)
	in = p.NextLike("picture", func(in *channel.Inbound) bool { return in.Message != nil && in.Message.MediaCard != nil })
	if in.Media == nil || !strings.HasPrefix(in.Media.Ref, p.URL) {
		t.Errorf("picture: %+v", in.Media)
	}
	if profile, err := viber.New().Profile(t.Context(), p.Conn, in.From); err != nil || profile.Name != "John" {
		t.Errorf("profile: %+v, %v", profile, err)
	}
	p.Do(http.MethodPost, handset+"/event", map[string]string{"type": "start", "payload": "ad-7"}, nil)
	p.NextLike("start", func(in *channel.Inbound) bool { return in.Event != nil && in.Event.Generic != nil })
	p.Do(http.MethodPost, handset+"/block", struct{}{}, nil)
	p.NextLike("opt-out", func(in *channel.Inbound) bool { return in.OptOut })
	_, err = send(p, text("Hi again"))
	if e := channel.AsError(err); err == nil || e.Reason.Code != parley.ReasonRecipientNotOptedIn {
		t.Errorf("to one who unsubscribed: %v, want RECIPIENT_NOT_OPTED_IN", err)
	}
	p.Do(http.MethodPost, handset+"/unblock", struct{}{}, nil)
	p.NextLike("opt-in", func(in *channel.Inbound) bool { return in.OptIn })
	p.Do(http.MethodPut, handset+"/behaviour", simulator.Behaviour{Deliver: simulator.DeliverReject}, nil)
	if _, err = send(p, text("Hi")); err != nil {
		t.Fatal(err)
	}
	p.NextLike("failure", func(in *channel.Inbound) bool { return in.Receipt != nil && in.Receipt.Status == parley.StatusFailed })
}

// TestRoundTripCorpus hands everything the corpus becomes to the simulated
// Viber, which refuses what the real one does.
func TestRoundTripCorpus(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	corpus := channeltest.Corpus(t)
	delete(corpus, "explicit") // shows that nothing is added or lost
	for name, m := range corpus {
		if _, err := send(p, m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
