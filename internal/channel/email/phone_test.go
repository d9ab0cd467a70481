package email_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/email"
	"github.com/parley-im/parley/internal/simulator"
)

// A postman is a mailbox whose owner can write: letters come in at a server of
// ours, and our pages are there.
type postman struct {
	*mailbox
	told chan channel.Inbound
}

func newPostman(t *testing.T) *postman {
	t.Helper()
	p := &postman{mailbox: newMailbox(t), told: make(chan channel.Inbound, 100)}
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.SetPathValue("rest", strings.TrimPrefix(r.URL.Path, "/account/"))
		got, err := email.New().Receive(p.conn, r, nil)
		if err != nil {
			t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		}
		_, _ = w.Write(got.Reply.Body)
		p.take(got.Inbound)
	}))
	t.Cleanup(pages.Close)
	p.conn.WebhookURL, p.conn.Secret = pages.URL+"/account", "secret-of-the-account"
	p.conn.Credential.ProviderSettings = json.RawMessage(`{"host":"mail.example","from":"The Shop <shop@example.com>",
		"bounces":"bounces@in.example.com","delivery_reports":true,"read_reports":true}`)
	address := p.serve()
	if err := p.sim.Put(t.Context(), simulator.ProviderEmail, "shop", simulator.EmailAccount{
		Password: p.conn.Credential.StaticBearer.Token, Mail: address, Address: "shop@example.com", Web: pages.URL,
	}); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *postman) take(told []channel.Inbound) {
	for _, in := range told {
		p.told <- in
	}
}

// serve takes in letters until the test ends.
func (p *postman) serve() (address string) {
	p.t.Helper()
	l, err := new(net.ListenConfig).Listen(p.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	s := email.NewServer(email.ServerOptions{
		Domain: "parley.example", Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Inlets: func(context.Context) ([]email.Inlet, error) {
			accept := func(_ context.Context, told []channel.Inbound) error {
				p.take(told)
				return nil
			}
			return []email.Inlet{{Conn: p.conn, Accept: accept}}, nil
		},
	})
	ctx, stop := context.WithCancel(context.WithoutCancel(p.t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.Serve(ctx, l); err != nil {
			p.t.Errorf("Serve: %v", err)
		}
	}()
	p.t.Cleanup(func() {
		stop()
		<-ended
	})
	return l.Addr().String()
}

func (p *postman) next() channel.Inbound {
	p.t.Helper()
	select {
	case in := <-p.told:
		return in
	case <-time.After(30 * time.Second):
		p.t.Fatal("nothing came")
		return channel.Inbound{}
	}
}

// TestPhone has a person get letters, answer them and write some.
func TestPhone(t *testing.T) {
	t.Parallel()
	p := newPostman(t)
	id, err := p.send(channel.Outgoing{Message: &parley.AppMessage{Choice: &parley.ChoiceMessage{
		Text:    &parley.TextMessage{Text: "Coffee?"},
		Choices: []parley.Choice{{Text: &parley.TextMessage{Text: "Yes"}, PostbackData: "01ARZ3NDEKTSV4RRFFQ69G5FAV.0"}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []parley.DeliveryStatus{parley.StatusDelivered, parley.StatusRead} {
		if in := p.next(); in.Receipt == nil || in.Receipt.ID != id || in.Receipt.Status != want {
			t.Errorf("got %+v, want %s", in, want)
		}
	}
	if _, err := p.sim.Tap(simulator.ChannelEmail, ada, simulator.Tap{Choice: "yes"}); err != nil {
		t.Fatal(err)
	}
	if in := p.next(); in.Message == nil || in.Message.ChoiceResponse == nil || in.From.Identity != ada {
		t.Errorf("tapped: got %+v", in)
	}
	if _, err := p.sim.Tap(simulator.ChannelEmail, ada, simulator.Tap{Choice: "Tea"}); err != nil {
		t.Fatal(err)
	}
	if in := p.next(); in.Message == nil || in.Message.Text.Text != "Tea" || in.ReplyTo != id {
		t.Errorf("typed: got %+v", in)
	}
	p.reply(simulator.Reply{Text: new("Grüße\n\nAda")})
	if in := p.next(); in.Message == nil || in.Message.Text.Text != "Grüße\n\nAda" || in.ReplyTo != id || in.To != "shop@example.com" {
		t.Errorf("replied: got %+v", in)
	}
	written := p.items()[len(p.items())-1]
	if _, err := p.send(channel.Outgoing{
		Message: &parley.AppMessage{Text: &parley.TextMessage{Text: "Hello"}}, ReplyTo: channel.ProviderID("<" + written.ProviderID + ">#2"),
	}); err != nil {
		t.Fatal(err)
	}
	if got := p.items(); got[len(got)-1].ReplyTo != written.ID {
		t.Errorf("the letter answers %q, want %s", got[len(got)-1].ReplyTo, written.ID)
	}
	for range 2 {
		p.next() // it is delivered and read
	}
	p.reply(simulator.Reply{MediaURL: "data:image/jpeg;base64,YSBwaWN0dXJl", Caption: "Look"})
	if in := p.next(); in.Message == nil || in.Message.Text.Text != "Look" {
		t.Errorf("media: got %+v, want its words first", in)
	}
	if in := p.next(); in.Message == nil || in.Message.Media == nil || string(in.Media.Data) != "a picture" || in.Media.MIME != "image/jpeg" {
		t.Errorf("media: got %+v", in)
	}
}

func (p *postman) reply(r simulator.Reply) {
	p.t.Helper()
	if _, err := p.sim.Reply(p.t.Context(), simulator.ChannelEmail, ada, r); err != nil {
		p.t.Fatal(err)
	}
}

// TestBounces has a server take letters and find out later that it cannot
// deliver them.
func TestBounces(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]parley.ReasonCode{
		"5.1.1": parley.ReasonRecipientInvalidChannelIdentity,
		"5.2.2": parley.ReasonRecipientNotReachable,
		"5.7.1": parley.ReasonDeliveryRejectedDueToPolicy,
	} {
		p := newPostman(t)
		if err := p.sim.SetBehaviour(simulator.ChannelEmail, ada, simulator.Behaviour{
			Deliver: simulator.DeliverReject, FailCode: simulator.FailCode(code),
		}); err != nil {
			t.Fatal(err)
		}
		id, err := p.send(pdf())
		if err != nil {
			t.Fatal(err)
		}
		in := p.next()
		if r := in.Receipt; r == nil || r.ID != id || r.Status != parley.StatusFailed || r.Reason.Code != want || r.Reason.ChannelCode != code {
			t.Errorf("%s: got %+v", code, r)
		}
	}
}
