package instagram_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
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
	ours    = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
)

// A phone is one handset of a simulated Instagram and the account it writes
// to, both over HTTP.
type phone struct {
	t     *testing.T
	base  string
	conn  *channel.Conn
	inbox chan channel.Inbound
}

func newPhone(t *testing.T) *phone {
	t.Helper()
	sim := simulator.New(simulator.Options{Now: time.Now, ReadAfter: 50 * time.Millisecond})
	t.Cleanup(sim.Close)
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	p := &phone{t: t, base: server.URL, inbox: make(chan channel.Inbound, 1024)}
	hook := httptest.NewServer(http.HandlerFunc(p.receive))
	t.Cleanup(hook.Close)
	c := credential()
	p.conn = &channel.Conn{
		Credential: c, BaseURL: server.URL + "/instagram", WebhookURL: hook.URL,
		HTTP: http.DefaultClient, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	err := sim.Put(t.Context(), simulator.ProviderInstagram, accountID, simulator.PageAccount{
		Token: c.Instagram.Token, AppSecret: c.CallbackSecret, VerifyToken: "verify-token-of-the-test", WebhookURL: hook.URL, Name: "shop",
	})
	if err != nil {
		t.Fatal(err)
	}
	p.do(http.MethodPut, "", `{"name":"Ada Lovelace"}`)
	return p
}

func (p *phone) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Error(err)
	}
	got, err := instagram.New().Receive(p.conn, r, body)
	if err != nil {
		p.t.Errorf("Receive(%s): %v", body, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, in := range got.Inbound {
		p.inbox <- in
	}
	_, _ = w.Write(got.Reply.Body)
}

// do has the owner of the phone do something.
func (p *phone) do(method, what, body string) []byte {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.base+handset+what, bytes.NewReader([]byte(body)))
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		p.t.Fatalf("%s %s: %d %s %v", method, what, resp.StatusCode, answer, err)
	}
	return answer
}

// next waits for the next thing the account hears that wanted accepts.
func (p *phone) next(wanted func(channel.Inbound) bool) channel.Inbound {
	p.t.Helper()
	late := time.After(10 * time.Second)
	for {
		select {
		case in := <-p.inbox:
			if wanted(in) {
				return in
			}
		case <-late:
			p.t.Fatal("the account heard nothing of the kind")
			return channel.Inbound{}
		}
	}
}

// send sends a message as the engine would and returns the ids of its parts.
func (p *phone) send(m *parley.AppMessage) []channel.ProviderID {
	p.t.Helper()
	ch := instagram.New()
	parts, err := transcode.Message(channel.Tagged(transcode.Select(m, ch.Name()), ours), ch.Capabilities())
	if err != nil {
		p.t.Fatal(err)
	}
	to := channel.Address{Identity: igsid}
	var ids []channel.ProviderID
	for _, part := range parts {
		payloads, err := ch.Render(&channel.Outgoing{MessageID: ours, To: to, Message: part, Credential: p.conn.Credential})
		if err != nil {
			p.t.Fatal(err)
		}
		for _, payload := range payloads {
			id, err := ch.Send(p.t.Context(), p.conn, channel.Attempt{Key: ours + ".0", To: to, Payload: payload})
			if err != nil {
				p.t.Fatalf("send %s: %v", payload.Body, err)
			}
			ids = append(ids, id)
		}
	}
	return ids
}

// TestCorpusIsTaken sends every message there is to a provider that checks
// what the real one does.
func TestCorpusIsTaken(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	p.do(http.MethodPut, "/behaviour", `{"deliver":"never"}`)
	for name, m := range channeltest.Corpus(t) {
		selected := transcode.Select(m, parley.ChannelInstagram)
		if len(selected.ExplicitChannel) > 0 || len(selected.ChannelSpecific) > 0 || selected.Template != nil || selected.Content() == nil {
			continue // its own words, or none
		}
		if ids := p.send(m); len(ids) == 0 {
			t.Errorf("%s: nothing was sent", name)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	ch := instagram.New()
	if name, err := ch.Connect(t.Context(), p.conn); name != "shop" || err != nil {
		t.Fatalf("connect: got %q, %v", name, err)
	}
	ids := p.send(&parley.AppMessage{Choice: &parley.ChoiceMessage{
		Text:    &parley.TextMessage{Text: "Tea?"},
		Choices: []parley.Choice{{Text: &parley.TextMessage{Text: "Yes"}}, {Text: &parley.TextMessage{Text: "No"}}},
	}})
	for _, want := range []parley.DeliveryStatus{parley.StatusDelivered, parley.StatusRead} {
		if r := p.next(func(in channel.Inbound) bool { return in.Receipt != nil }).Receipt; r.ID != ids[0] || r.Status != want {
			t.Errorf("receipt: got %+v, want %s", r, want)
		}
	}
	isMessage := func(in channel.Inbound) bool { return in.Message != nil }
	p.do(http.MethodPost, "/tap", `{"choice":"No"}`)
	if m := p.next(isMessage).Message; m.ChoiceResponse == nil || m.ChoiceResponse.PostbackData != ours+".1" {
		t.Errorf("tap: got %+v", m)
	}
	p.do(http.MethodPost, "/reply", `{"media_url":"/media/sample.png"}`)
	if in := p.next(isMessage); in.Media == nil || in.Message.Media == nil {
		t.Errorf("media: got %+v", in)
	}
	profile, err := ch.Profile(t.Context(), p.conn, channel.Address{Identity: igsid})
	if profile.Name != "Ada Lovelace" || err != nil {
		t.Errorf("profile: got %+v, %v", profile, err)
	}

	p.do(http.MethodPost, "/event", `{"type":"comment","payload":"Nice"}`)
	comment := p.next(func(in channel.Inbound) bool { return in.Event != nil })
	if c := comment.Event.Comment; c == nil || c.Text != "Nice" || c.User != "ada.lovelace" || c.CommentType != "FEED" {
		t.Fatalf("comment: got %+v", comment.Event)
	}
	answer := &channel.OutgoingEvent{
		To: channel.Address{Identity: igsid}, Event: &parley.AppEvent{CommentReply: &parley.CommentReplyEvent{Text: "Thank you"}},
	}
	if _, err := ch.SendEvent(t.Context(), p.conn, answer); channel.AsError(err).Reason.Code != parley.ReasonBadRequest {
		t.Errorf("answer to no comment: got %v", err)
	}
	answer.LastComment = comment.ID
	if id, err := ch.SendEvent(t.Context(), p.conn, answer); id == "" || err != nil {
		t.Errorf("answer to a comment: got %q, %v", id, err)
	}
	var thread struct {
		Items []struct {
			Text string `json:"text"`
		} `json:"items"`
	}
	if err := json.Unmarshal(p.do(http.MethodGet, "", ""), &thread); err != nil {
		t.Fatal(err)
	}
	if last := thread.Items[len(thread.Items)-1]; last.Text != "Thank you" {
		t.Errorf("the phone shows %+v last", last)
	}
}

// TestFacebookLogin connects by a page's token.
func TestFacebookLogin(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	p.conn.Credential.ProviderSettings = json.RawMessage(`{"login":"facebook","page_id":"` + accountID + `"}`)
	if name, err := instagram.New().Connect(t.Context(), p.conn); name != "shop" || err != nil {
		t.Errorf("connect: got %q, %v", name, err)
	}
}
