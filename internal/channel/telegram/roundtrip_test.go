package telegram_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/telegram"
	"github.com/parley-im/parley/internal/simulator"
)

const handset = "/handsets/TELEGRAM/42"

// newPhone returns a handset of a simulated Telegram and the bot it talks to.
func newPhone(t *testing.T) *channeltest.Rig {
	t.Helper()
	p := (&channeltest.Rig{Channel: telegram.New(), Credential: credential(), Provider: simulator.ProviderTelegram, To: "42"}).Start(t)
	p.Conn.Secret = secret
	p.Do(http.MethodPut, "/accounts/telegram/"+token, struct{}{}, nil)
	p.Do(http.MethodPut, handset, map[string]string{"name": "Nic"}, nil)
	if _, err := telegram.New().Connect(t.Context(), p.Conn); err != nil {
		t.Fatal(err)
	}
	return p
}

// send sends what a message becomes, if it is not refused before.
func send(t *testing.T, p *channeltest.Rig, m *parley.AppMessage) ([]channel.ProviderID, error) {
	t.Helper()
	return p.SendPayloads(messageID, render(t, m, nil))
}

// item is what the handset shows of a message.
type item struct {
	Type    string `json:"type"`
	Text    string `json:"text"`
	Choices []struct {
		Title string `json:"title"`
		Kind  string `json:"kind"`
	} `json:"choices"`
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	p := newPhone(t)

	p.Do(http.MethodPost, handset+"/start", map[string]string{"account": token, "payload": "sale"}, nil)
	if in := p.Next(); !in.OptIn || in.From != (channel.Address{Identity: "42", Name: "Nic"}) {
		t.Errorf("start: got %+v, want an opt-in", in)
	}
	started := p.Next()
	if started.Message == nil || started.Message.Text == nil || started.Message.Text.Text != "/start sale" {
		t.Errorf("start: got %+v, want its text", started)
	}

	ids, err := send(t, p, &parley.AppMessage{Choice: &parley.ChoiceMessage{
		Text: &parley.TextMessage{Text: "Tea?"},
		Choices: []parley.Choice{
			{Text: &parley.TextMessage{Text: "Yes"}}, {URL: &parley.URLMessage{Title: "Shop", URL: "https://shop.example"}},
		},
	}})
	if err != nil || len(ids) != 1 {
		t.Fatalf("send a choice: %v, %v", ids, err)
	}
	var shown item
	p.Do(http.MethodGet, handset+"/wait", nil, &shown)
	if shown.Text != "Tea?" || len(shown.Choices) != 2 || shown.Choices[0].Kind != "callback" || shown.Choices[1].Kind != "url" {
		t.Errorf("the phone shows %+v", shown)
	}

	p.Do(http.MethodPost, handset+"/tap", map[string]any{"choice": 1}, nil)
	tapped := p.Next()
	want := &parley.ContactMessage{ChoiceResponse: &parley.ChoiceResponseMessage{PostbackData: channel.Token(messageID, 0)}}
	if diff := cmp.Diff(want, tapped.Message, cmpopts.IgnoreUnexported(parley.ContactMessage{})); diff != "" || tapped.ReplyTo != ids[0] {
		t.Errorf("tap: reply to %s, want %s; (-want +got):\n%s", tapped.ReplyTo, ids[0], diff)
	}
	if err := telegram.New().Acknowledge(t.Context(), p.Conn, tapped); err != nil {
		t.Errorf("acknowledge: %v", err)
	}
	composing := &parley.AppEvent{Composing: &parley.Empty{}}
	e := &channel.OutgoingEvent{To: channel.Address{Identity: "42"}, Event: composing}
	if _, err := telegram.New().SendEvent(t.Context(), p.Conn, e); err != nil {
		t.Errorf("composing: %v", err)
	}
}

func TestRoundTripMedia(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	p.Do(http.MethodPost, handset+"/reply", map[string]string{
		"media_url": "data:image/jpeg;base64,YSBwaWN0dXJl", "caption": "Look", "account": token,
	}, nil)
	in := p.Next()
	if in.Message == nil || in.Message.MediaCard == nil || in.Message.MediaCard.Caption != "Look" || in.Media == nil {
		t.Fatalf("got %+v, want media with a caption", in)
	}
	m, err := telegram.New().FetchMedia(t.Context(), p.Conn, in.Media.Ref)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Body.Close()
	if got, err := io.ReadAll(m.Body); err != nil || string(got) != "a picture" {
		t.Errorf("fetched %q, %v", got, err)
	}
}

func TestRoundTripLocation(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	_, err := send(t, p, &parley.AppMessage{Choice: &parley.ChoiceMessage{
		Text: &parley.TextMessage{Text: "Where to?"},
		Choices: []parley.Choice{
			{ShareLocation: &parley.ShareLocationMessage{Title: "Here", FallbackURL: "https://x.example"}},
			{Text: &parley.TextMessage{Text: "Nowhere"}},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	p.Do(http.MethodPost, handset+"/tap", map[string]any{"choice": "Nowhere"}, nil)
	if in := p.Next(); in.Message == nil || in.Message.Text == nil || in.Message.Text.Text != "Nowhere" {
		t.Errorf("a tapped text: got %+v, want its words", in)
	}
	p.Do(http.MethodPost, handset+"/tap", map[string]any{"choice": "Here"}, nil)
	if in := p.Next(); in.Message == nil || in.Message.Location == nil {
		t.Errorf("a tapped location: got %+v, want a location", in)
	}
}

func TestRoundTripBlocked(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	if _, err := send(t, p, text("Hi")); err != nil {
		t.Fatal(err)
	}
	p.Do(http.MethodPost, handset+"/block", struct{}{}, nil)
	if in := p.Next(); !in.OptOut {
		t.Errorf("block: got %+v, want an opt-out", in)
	}
	_, err := send(t, p, text("Hi again"))
	if e := channel.AsError(err); err == nil || e.Reason.Code != parley.ReasonRecipientNotOptedIn || e.Outcome != channel.NotSent {
		t.Errorf("to a blocked phone: %v, want RECIPIENT_NOT_OPTED_IN", err)
	}
	p.Do(http.MethodPost, handset+"/unblock", struct{}{}, nil)
	if in := p.Next(); !in.OptIn {
		t.Errorf("unblock: got %+v, want an opt-in", in)
	}
}

func TestRoundTripReaction(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	ids, err := send(t, p, text("Hi"))
	if err != nil {
		t.Fatal(err)
	}
	var shown struct {
		ID string `json:"id"`
	}
	p.Do(http.MethodGet, handset+"/wait", nil, &shown)
	p.Do(http.MethodPost, handset+"/reply", map[string]string{"reaction": "👍", "reply_to": shown.ID}, nil)
	in := p.Next()
	want := &parley.ContactMessageEvent{Reaction: &parley.ReactionEvent{Emoji: "👍", Action: parley.ReactionReact}}
	if diff := cmp.Diff(want, in.MessageEvent, cmpopts.IgnoreUnexported(parley.ContactMessageEvent{})); diff != "" || in.ReplyTo != ids[0] {
		t.Errorf("reaction on %s, want %s; (-want +got):\n%s", in.ReplyTo, ids[0], diff)
	}
}

// TestRoundTripCorpus hands everything the corpus becomes to the simulated
// Telegram, which refuses what the real one does.
func TestRoundTripCorpus(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	for name, m := range corpus(t) {
		if _, err := send(t, p, m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
