package email_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/email"
	"github.com/parley-im/parley/internal/simulator"
)

const ada = "ada@phone.example"

func credential() *parley.ChannelCredential {
	return &parley.ChannelCredential{
		Channel:          parley.ChannelEmail,
		StaticBearer:     &parley.StaticBearer{ClaimedIdentity: "shop", Token: "mail-password-of-the-test"},
		CallbackSecret:   "forward-secret-of-the-test",
		ProviderSettings: json.RawMessage(`{"host":"mail.example","from":"The Shop <shop@example.com>","bounces":"bounces@in.example.com"}`),
	}
}

func suite() channeltest.Suite {
	return channeltest.Suite{
		Channel: email.New(), Credential: credential(), To: ada,
		Sign: func(c *channel.Conn, r *http.Request, _ []byte) {
			r.Header.Set("Authorization", "Bearer "+c.Credential.CallbackSecret)
		},
	}
}

func TestChannel(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, suite())
}

func FuzzReceive(f *testing.F) { channeltest.FuzzReceive(f, suite()) }

// TestCheck refuses what cannot work, by its name.
func TestCheck(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string]string{
		``:                                       "provider_settings.host",
		`{"host":"smtp://x","from":"a@b.c"}`:     "provider_settings.host",
		`{"host":"x"}`:                           "provider_settings.from",
		`{"host":"x","from":"nobody"}`:           "provider_settings.from",
		`{"host":"x","from":"a@b.c","port":0.5}`: "provider_settings.port",
		`{"host":"x","from":"a@b.c","port":70000}`:        "provider_settings.port",
		`{"host":"x","from":"a@b.c","tls":"maybe"}`:       "provider_settings.tls",
		`{"host":"x","from":"a@b.c","reply_to":"me"}`:     "provider_settings.reply_to",
		`{"host":"x","from":"a@b.c","bounces":"a+b@c.d"}`: "provider_settings.bounces",
		`{"host":"x","from":"a@b.c","tls_ca":"x"}`:        "provider_settings.tls_ca",
		`{"hosts":"x"}`: "provider_settings.hosts",
		`[]`:            "provider_settings",
	} {
		c := credential()
		c.ProviderSettings = json.RawMessage(settings)
		err := email.New().Check(c)
		if e, ok := errors.AsType[*parley.Error](err); !ok || e.Field != want {
			t.Errorf("%s: got error %v, want one about %s", settings, err, want)
		}
	}
}

// A mailbox is a handset of a simulated mail server, and an account there.
type mailbox struct {
	t    *testing.T
	sim  *simulator.Simulator
	conn *channel.Conn
}

func newMailbox(t *testing.T) *mailbox {
	t.Helper()
	b := &mailbox{t: t, sim: simulator.New(simulator.Options{Now: time.Now})}
	t.Cleanup(b.sim.Close)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = b.sim.Serve(context.WithoutCancel(t.Context()), simulator.ProviderEmail, l) }() // ends with the simulator
	c := credential()
	b.conn = &channel.Conn{
		Credential: c, BaseURL: "smtp://" + l.Addr().String(), Dial: new(net.Dialer).DialContext,
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	b.opens(strings.NewReader("%PDF-1.7"))
	if err := b.sim.Put(t.Context(), simulator.ProviderEmail, "shop", simulator.EmailAccount{Password: c.StaticBearer.Token}); err != nil {
		t.Fatal(err)
	}
	return b
}

// opens has media be what r reads.
func (b *mailbox) opens(r io.Reader) {
	b.conn.OpenMedia = func(context.Context, string) (channel.Media, error) {
		return channel.Media{Body: io.NopCloser(r), MIME: "application/pdf", Size: -1}, nil
	}
}

func (b *mailbox) send(o channel.Outgoing) (channel.ProviderID, error) {
	b.t.Helper()
	o.To, o.Credential = channel.Address{Identity: ada}, b.conn.Credential
	payloads, err := email.New().Render(&o)
	if err != nil || len(payloads) != 1 {
		b.t.Fatal(payloads, err)
	}
	return email.New().Send(b.t.Context(), b.conn, channel.Attempt{Key: "01ARZ3NDEKTSV4RRFFQ69G5FAV-0-0-1", Payload: payloads[0]})
}

// items is what the mailbox has.
func (b *mailbox) items() []simulator.Item {
	thread, _ := b.sim.Thread(simulator.ChannelEmail, ada)
	return thread.Items
}

func pdf() channel.Outgoing {
	return channel.Outgoing{Message: &parley.AppMessage{Media: &parley.MediaMessage{URL: "https://media.example/bill.pdf"}}}
}

// TestRoundTrip sends letters through a mail server that others wrote.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	b := newMailbox(t)
	if known, err := email.New().Connect(t.Context(), b.conn); err != nil || known != "shop@example.com" {
		t.Errorf("Connect: %q, %v", known, err)
	}
	id, err := b.send(channel.Outgoing{
		Message: &parley.AppMessage{Choice: &parley.ChoiceMessage{
			Text:    &parley.TextMessage{Text: "Grüße & more"},
			Choices: []parley.Choice{{URL: &parley.URLMessage{Title: "Shop <1>", URL: "https://shop.example/?a=1&b=2"}}},
		}},
		Properties: map[string]string{"EMAIL_SUBJECT": "Tulips\r\nBcc: x@y.example"}, ReplyTo: "<asked@phone.example>",
	})
	if err != nil || id != "<01ARZ3NDEKTSV4RRFFQ69G5FAV-0-0-1@example.com>" {
		t.Fatal(id, err)
	}
	got := b.items()[0]
	if got.Subject != "Tulips Bcc: x@y.example" || got.Sender != `"The Shop" <shop@example.com>` ||
		got.Reference != "<asked@phone.example>" || "<"+got.ProviderID+">" != string(id) {
		t.Errorf("got %+v", got)
	}
	if !strings.Contains(got.Text, "Grüße & more") || !strings.Contains(got.HTML, `<a href="https://shop.example/?a=1&amp;b=2">Shop &lt;1&gt;</a>`) {
		t.Errorf("it says %q, %q", got.Text, got.HTML)
	}
	if _, err := b.send(pdf()); err != nil {
		t.Fatal(err)
	}
	if got := b.items()[1]; len(got.Media) != 1 || got.Media[0].Name != "bill.pdf" || got.Media[0].MIME != "application/pdf" {
		t.Errorf("got %+v", got)
	}
}

// TestRefusals has the server say no, and media that cannot be read.
func TestRefusals(t *testing.T) {
	t.Parallel()
	b := newMailbox(t)
	hello := channel.Outgoing{Message: &parley.AppMessage{Text: &parley.TextMessage{Text: "Hello"}}}
	check := func(what string, err error, code parley.ReasonCode, outcome channel.Outcome) {
		t.Helper()
		if e := channel.AsError(err); err == nil || e.Reason.Code != code || e.Outcome != outcome {
			t.Errorf("%s: got %v, want %s, %s", what, err, code, outcome)
		} else if strings.Contains(err.Error(), ada) {
			t.Errorf("%s: the error names the recipient: %v", what, err)
		}
	}
	behave := func(v simulator.Behaviour) {
		t.Helper()
		if err := b.sim.SetBehaviour(simulator.ChannelEmail, ada, v); err != nil {
			t.Fatal(err)
		}
	}
	behave(simulator.Behaviour{Deliver: simulator.DeliverRefuse})
	_, err := b.send(hello)
	check("no such mailbox", err, parley.ReasonRecipientInvalidChannelIdentity, channel.NotSent)
	behave(simulator.Behaviour{Deliver: simulator.DeliverRateLimit})
	_, err = b.send(hello)
	check("too fast", err, parley.ReasonRateLimited, channel.TryAgain)
	behave(simulator.Behaviour{Hang: simulator.HangAfter})
	_, err = b.send(hello)
	check("no answer", err, parley.ReasonChannelFailure, channel.Unknown)
	behave(simulator.Behaviour{})
	before := len(b.items())
	b.opens(io.MultiReader(strings.NewReader("half"), iotest.ErrReader(errors.New("gone"))))
	_, err = b.send(pdf())
	check("media that breaks off", err, parley.ReasonMediaNotReachable, channel.TryAgain)
	b.opens(io.LimitReader(zeros{}, 10<<20+1))
	_, err = b.send(pdf())
	check("media that is too large", err, parley.ReasonMediaTooLarge, channel.NotSent)
	if n := len(b.items()); n != before {
		t.Errorf("%d letters arrived all the same", n-before)
	}
	b.conn.Credential.StaticBearer.Token = "another password"
	_, err = b.send(hello)
	check("password", err, parley.ReasonChannelBadConfiguration, channel.NotSent)
	b.conn.BaseURL = "smtp://127.0.0.1:1"
	_, err = b.send(hello)
	check("nobody there", err, parley.ReasonChannelFailure, channel.TryAgain)
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
