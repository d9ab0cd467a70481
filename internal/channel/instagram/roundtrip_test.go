package instagram_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/instagram"
	"github.com/parley-im/parley/internal/simulator"
	"github.com/parley-im/parley/internal/transcode"
)

const (
	igsid   = "6543217890123456"
	handset = "/handsets/INSTAGRAM/" + igsid
)

// newPhone returns a handset of a simulated Instagram and the account it writes
// to.
func newPhone(t *testing.T) *channeltest.Rig {
	t.Helper()
	c := credential()
	p := (&channeltest.Rig{
		Channel: instagram.New(), Credential: c, Provider: simulator.ProviderInstagram, To: igsid,
		Options: simulator.Options{ReadAfter: 50 * time.Millisecond},
	}).Start(t)
	p.Put(accountID, simulator.PageAccount{
		Token: c.Instagram.Token, AppSecret: c.CallbackSecret, VerifyToken: "verify-token-of-the-test",
		WebhookURL: p.Conn.WebhookURL, Name: "shop",
	})
	p.Do(http.MethodPut, handset, map[string]string{"name": "Ada Lovelace"}, nil)
	return p
}

// TestCorpusIsTaken sends every message there is to a provider that checks
// what the real one does.
func TestCorpusIsTaken(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	p.Do(http.MethodPut, handset+"/behaviour", json.RawMessage(`{"deliver":"never"}`), nil)
	for name, m := range channeltest.Corpus(t) {
		selected := transcode.Select(m, parley.ChannelInstagram)
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
	ch := instagram.New()
	if name, err := ch.Connect(t.Context(), p.Conn); name != "shop" || err != nil {
		t.Fatalf("connect: got %q, %v", name, err)
	}
	ids := p.MustSend(&parley.AppMessage{Choice: &parley.ChoiceMessage{
		Text:    &parley.TextMessage{Text: "Tea?"},
		Choices: []parley.Choice{{Text: &parley.TextMessage{Text: "Yes"}}, {Text: &parley.TextMessage{Text: "No"}}},
	}})
	for _, want := range []parley.DeliveryStatus{parley.StatusDelivered, parley.StatusRead} {
		if r := p.NextLike("a receipt", func(in *channel.Inbound) bool { return in.Receipt != nil }).Receipt; r.ID != ids[0] || r.Status != want {
			t.Errorf("receipt: got %+v, want %s", r, want)
		}
	}
	isMessage := func(in *channel.Inbound) bool { return in.Message != nil }
	p.Do(http.MethodPost, handset+"/tap", json.RawMessage(`{"choice":"No"}`), nil)
	if m := p.NextLike("a message", isMessage).Message; m.ChoiceResponse == nil || m.ChoiceResponse.PostbackData != channeltest.MessageID+".1" {
		t.Errorf("tap: got %+v", m)
	}
	p.Do(http.MethodPost, handset+"/reply", json.RawMessage(`{"media_url":"/media/sample.png"}`), nil)
	if in := p.NextLike("a message", isMessage); in.Media == nil || in.Message.Media == nil {
		t.Errorf("media: got %+v", in)
	}
	profile, err := ch.Profile(t.Context(), p.Conn, channel.Address{Identity: igsid})
	if profile.Name != "Ada Lovelace" || err != nil {
		t.Errorf("profile: got %+v, %v", profile, err)
	}

	p.Do(http.MethodPost, handset+"/event", json.RawMessage(`{"type":"comment","payload":"Nice"}`), nil)
	comment := p.NextLike("an event", func(in *channel.Inbound) bool { return in.Event != nil })
	if c := comment.Event.Comment; c == nil || c.Text != "Nice" || c.User != "ada.lovelace" || c.CommentType != "FEED" {
		t.Fatalf("comment: got %+v", comment.Event)
	}
	answer := &channel.OutgoingEvent{
		To: channel.Address{Identity: igsid}, Event: &parley.AppEvent{CommentReply: &parley.CommentReplyEvent{Text: "Thank you"}},
	}
	if _, err := ch.SendEvent(t.Context(), p.Conn, answer); channel.AsError(err).Reason.Code != parley.ReasonBadRequest {
		t.Errorf("answer to no comment: got %v", err)
	}
	answer.LastComment = comment.ID
	if id, err := ch.SendEvent(t.Context(), p.Conn, answer); id == "" || err != nil {
		t.Errorf("answer to a comment: got %q, %v", id, err)
	}
	var thread struct {
		Items []struct {
			Text string `json:"text"`
		} `json:"items"`
	}
	p.Do(http.MethodGet, handset, nil, &thread)
	if last := thread.Items[len(thread.Items)-1]; last.Text != "Thank you" {
		t.Errorf("the phone shows %+v last", last)
	}
}

// TestFacebookLogin connects by a page's token.
func TestFacebookLogin(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	p.Conn.Credential.ProviderSettings = json.RawMessage(`{"login":"facebook","page_id":"` + accountID + `"}`)
	if name, err := instagram.New().Connect(t.Context(), p.Conn); name != "shop" || err != nil {
		t.Errorf("connect: got %q, %v", name, err)
	}
}
