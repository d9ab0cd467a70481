package viberbm_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/viberbm"
	"github.com/parley-im/parley/internal/simulator"
)

// A phone is a handset of a simulated Viber and the service it writes to.
type phone struct {
	*channeltest.Rig
	t *testing.T
}

const number = "15551230001"

const applicationID = "78d335fa-323d-0114-9c3d-d6f0d48968cf"

// vonagePhone returns one whose account speaks with an application's key.
func vonagePhone(t *testing.T) *phone {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c := vonageCredential()
	c.ProviderSettings = json.RawMessage(`{"application_id":"` + applicationID + `"}`)
	c.StaticBearer.Token = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	return newPhone(t, c, simulator.ProviderVonageViber, func(hook string) any {
		return simulator.VonageViberAccount{
			ApplicationID:   applicationID,
			PublicKey:       string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
			WebhookURL:      hook,
			SignatureSecret: c.CallbackSecret,
		}
	})
}

func infobipPhone(t *testing.T) *phone {
	t.Helper()
	c := infobipCredential()
	return newPhone(t, c, simulator.ProviderInfobipViber, func(hook string) any {
		return simulator.InfobipViberAccount{
			APIKey: infobipKey, WebhookURL: hook, WebhookUser: "parley", WebhookPassword: c.CallbackSecret,
		}
	})
}

// newPhone returns one that a provider of the simulator reaches with an
// account.
func newPhone(t *testing.T, c *parley.ChannelCredential, provider string, account func(hook string) any) *phone {
	t.Helper()
	p := &phone{t: t, Rig: (&channeltest.Rig{
		Channel: viberbm.New(), Credential: c, Provider: provider, To: number,
		Options: simulator.Options{ReadAfter: 50 * time.Millisecond},
	}).Start(t)}
	p.Put(c.StaticBearer.ClaimedIdentity, account(p.Conn.WebhookURL))
	return p
}

const key = "01ARZ3NDEKTSV4RRFFQ69G5FAV-0-0-1"

// send sends a message that is one payload.
func (p *phone) send(key string, m *parley.AppMessage) (channel.ProviderID, error) {
	p.t.Helper()
	payloads, err := viberbm.New().Render(&channel.Outgoing{To: channel.Address{Identity: number}, Message: m, Credential: p.Conn.Credential})
	if err != nil || len(payloads) != 1 {
		p.t.Fatal(payloads, err)
	}
	return viberbm.New().Send(p.t.Context(), p.Conn, channel.Attempt{
		Key: key, Payload: payloads[0], Expires: time.Now().Add(time.Second),
	})
}

// TestRoundTrip sends a card to a simulated phone, and takes in what is
// reported and answered.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for provider, newPhone := range map[string]func(*testing.T) *phone{"vonage": vonagePhone, "infobip": infobipPhone} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			p := newPhone(t)
			p.reported()
			p.answered()
		})
	}
}

// reported sends a card and takes in what becomes of it.
func (p *phone) reported() {
	t := p.t
	t.Helper()
	if _, err := viberbm.New().Connect(t.Context(), p.Conn); err != nil {
		t.Errorf("Connect: %v", err)
	}
	id, err := p.send(key, &parley.AppMessage{Card: &parley.CardMessage{
		Title: "Tulips", Media: &parley.MediaMessage{URL: "https://media.example/tulip.jpg"},
		Choices: []parley.Choice{{Call: &parley.CallMessage{Title: "Call us", PhoneNumber: "+1 555 123 0099"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []parley.DeliveryStatus{parley.StatusQueuedOnChannel, parley.StatusDelivered, parley.StatusRead} {
		if r := p.Next().Receipt; r == nil || r.Status != want || r.ID != id || r.Key != key {
			t.Fatalf("receipt %+v, want %s of %s", r, want, id)
		}
	}
	tapped, err := p.Sim.Tap(simulator.ChannelViberBM, number, simulator.Tap{Choice: "Call us"})
	if err != nil || tapped.Opened != "tel:+15551230099" {
		t.Errorf("tap opens %q, error %v", tapped.Opened, err)
	}
}

// answered has the phone write.
func (p *phone) answered() {
	t := p.t
	t.Helper()
	words := "Red ones"
	if _, err := p.Sim.Reply(t.Context(), simulator.ChannelViberBM, number, simulator.Reply{Text: &words}); err != nil {
		t.Fatal(err)
	}
	if in := p.Next(); in.Message == nil || in.Message.Text == nil || in.Message.Text.Text != words || in.From.Identity != number {
		t.Errorf("got %+v", in)
	}
	if _, err := p.Sim.Reply(t.Context(), simulator.ChannelViberBM, number, simulator.Reply{MediaURL: "/media/sample.png", Caption: "These"}); err != nil {
		t.Fatal(err)
	}
	in := p.Next()
	if in.Media == nil || in.Message.MediaCard == nil || in.Message.MediaCard.Caption != "These" {
		t.Fatalf("got %+v", in)
	}
	file, err := viberbm.New().FetchMedia(t.Context(), p.Conn, in.Media.Ref)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Body.Close()
	if file.MIME != "image/png" {
		t.Errorf("got a file of type %s", file.MIME)
	}
}

// TestSimulatorTakesTheCorpus sends every message of the corpus.
func TestSimulatorTakesTheCorpus(t *testing.T) {
	t.Parallel()
	for provider, newPhone := range map[string]func(*testing.T) *phone{"vonage": vonagePhone, "infobip": infobipPhone} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			p := newPhone(t)
			for name, m := range channeltest.Corpus(t) {
				if m.Content() == nil || m.Template != nil || m.ExplicitChannel[parley.ChannelViberBM] != "" {
					continue // another channel's own
				}
				if _, err := p.Send(name, m); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// TestRefusals has the simulated Viber refuse, and fail to deliver.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for provider, newPhone := range map[string]func(*testing.T) *phone{"vonage": vonagePhone, "infobip": infobipPhone} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			newPhone(t).refused()
		})
	}
}

func (p *phone) refused() {
	t := p.t
	t.Helper()
	hello := &parley.AppMessage{Text: &parley.TextMessage{Text: "Hello"}}
	stranger := *p.Conn.Credential
	bearer := *stranger.StaticBearer
	bearer.ClaimedIdentity = "1"
	stranger.StaticBearer = &bearer
	own := p.Conn.Credential
	p.Conn.Credential = &stranger
	if _, err := p.send("a", hello); channel.AsError(err).Reason.Code != parley.ReasonChannelBadConfiguration {
		t.Errorf("another's sender: got %v", err)
	}
	p.Conn.Credential = own
	if _, err := viberbm.New().FetchMedia(t.Context(), p.Conn, "https://elsewhere.example/x"); err == nil {
		t.Error("the credential goes elsewhere")
	}
	for _, tc := range []struct {
		behaviour simulator.Behaviour
		want      parley.ReasonCode
	}{
		{simulator.Behaviour{Deliver: simulator.DeliverRefuse}, parley.ReasonRecipientInvalidChannelIdentity},
		{simulator.Behaviour{Deliver: simulator.DeliverRateLimit}, parley.ReasonRateLimited},
	} {
		if err := p.Sim.SetBehaviour(simulator.ChannelViberBM, number, tc.behaviour); err != nil {
			t.Fatal(err)
		}
		if _, err := p.send(string(tc.want), hello); err == nil || channel.AsError(err).Reason.Code != tc.want {
			t.Errorf("%s: got error %v", tc.behaviour.Deliver, err)
		}
	}
	if err := p.Sim.SetBehaviour(simulator.ChannelViberBM, number, simulator.Behaviour{Deliver: simulator.DeliverReject}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.send(key, hello); err != nil {
		t.Fatal(err)
	}
	r := p.Next().Receipt
	if r == nil || r.Status != parley.StatusFailed || r.Reason.Code != parley.ReasonRecipientNotReachable {
		t.Errorf("receipt %+v", r)
	}
}

// TestInfobipLostAnswer looks a message up whose answer was cut off, and does
// not send it a second time.
func TestInfobipLostAnswer(t *testing.T) {
	t.Parallel()
	p := infobipPhone(t)
	ch, hello := viberbm.New(), &parley.AppMessage{Text: &parley.TextMessage{Text: "Hello"}}
	find := func() (channel.ProviderID, bool) {
		id, found, err := ch.Find(t.Context(), p.Conn, channel.Attempt{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		return id, found
	}
	for _, hang := range []string{simulator.HangBefore, simulator.HangAfter} {
		if err := p.Sim.SetBehaviour(simulator.ChannelViberBM, number, simulator.Behaviour{Hang: hang, Times: 1}); err != nil {
			t.Fatal(err)
		}
		if _, err := p.send(key, hello); err == nil || channel.AsError(err).Outcome != channel.Unknown {
			t.Fatalf("cut %s: got error %v", hang, err)
		}
		if id, found := find(); found != (hang == simulator.HangAfter) || found && id != key {
			t.Errorf("cut %s: found %q, %v", hang, id, found)
		}
	}
	if id, err := p.send(key, hello); err != nil || id != key {
		t.Errorf("a repeat: got %q, error %v", id, err)
	}
	if thread, _ := p.Sim.Thread(simulator.ChannelViberBM, number); len(thread.Items) != 1 {
		t.Errorf("the phone shows %d messages", len(thread.Items))
	}
}
