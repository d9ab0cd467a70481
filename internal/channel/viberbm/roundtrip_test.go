package viberbm_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/viberbm"
	"github.com/parley-im/parley/internal/simulator"
)

// A phone is a handset of a simulated Viber and the service it writes to.
type phone struct {
	t     *testing.T
	sim   *simulator.Simulator
	conn  *channel.Conn
	inbox chan channel.Inbound
}

const number = "15551230001"

// newPhone returns one whose account speaks with an application's key.
func newPhone(t *testing.T) *phone {
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
	c := credential()
	c.ProviderSettings = json.RawMessage(`{"application_id":"78d335fa-323d-0114-9c3d-d6f0d48968cf"}`)
	c.StaticBearer.Token = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))

	p := &phone{t: t, inbox: make(chan channel.Inbound, 64)}
	p.sim = simulator.New(simulator.Options{Now: time.Now, ReadAfter: 50 * time.Millisecond})
	t.Cleanup(p.sim.Close)
	server := httptest.NewServer(p.sim.Handler())
	t.Cleanup(server.Close)
	hook := httptest.NewServer(http.HandlerFunc(p.receive))
	t.Cleanup(hook.Close)
	p.conn = &channel.Conn{
		Credential: c, BaseURL: server.URL + "/viberbm-vonage", WebhookURL: hook.URL, HTTP: http.DefaultClient,
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	if err := p.sim.Put(t.Context(), simulator.ProviderVonageViber, serviceID, simulator.VonageViberAccount{
		ApplicationID:   "78d335fa-323d-0114-9c3d-d6f0d48968cf",
		PublicKey:       string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		WebhookURL:      hook.URL,
		SignatureSecret: c.CallbackSecret,
	}); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *phone) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Error(err)
	}
	got, err := viberbm.New().Receive(p.conn, r, body)
	if err != nil {
		p.t.Errorf("Receive(%s): %v", body, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, in := range got.Inbound {
		p.inbox <- in
	}
}

func (p *phone) next() channel.Inbound {
	p.t.Helper()
	select {
	case in := <-p.inbox:
		return in
	case <-time.After(10 * time.Second):
		p.t.Fatal("nothing comes")
		return channel.Inbound{}
	}
}

// send sends a message that is one payload.
func (p *phone) send(m *parley.AppMessage) (channel.ProviderID, error) {
	p.t.Helper()
	payloads, err := viberbm.New().Render(&channel.Outgoing{To: channel.Address{Identity: number}, Message: m, Credential: p.conn.Credential})
	if err != nil || len(payloads) != 1 {
		p.t.Fatal(payloads, err)
	}
	return viberbm.New().Send(p.t.Context(), p.conn, channel.Attempt{
		Key: "01ARZ3NDEKTSV4RRFFQ69G5FAV-0-0-1", Payload: payloads[0], Expires: time.Now().Add(time.Second),
	})
}

// TestRoundTrip sends a card to a simulated phone, and takes in what is
// reported and answered.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	if _, err := viberbm.New().Connect(t.Context(), p.conn); err != nil {
		t.Errorf("Connect: %v", err)
	}
	id, err := p.send(&parley.AppMessage{Card: &parley.CardMessage{
		Title: "Tulips", Media: &parley.MediaMessage{URL: "https://media.example/tulip.jpg"},
		Choices: []parley.Choice{{Call: &parley.CallMessage{Title: "Call us", PhoneNumber: "+1 555 123 0099"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []parley.DeliveryStatus{parley.StatusQueuedOnChannel, parley.StatusDelivered, parley.StatusRead} {
		if r := p.next().Receipt; r == nil || r.Status != want || r.ID != id || r.Key != "01ARZ3NDEKTSV4RRFFQ69G5FAV-0-0-1" {
			t.Fatalf("receipt %+v, want %s of %s", r, want, id)
		}
	}
	tapped, err := p.sim.Tap(simulator.ChannelViberBM, number, simulator.Tap{Choice: "Call us"})
	if err != nil || tapped.Opened != "tel:+15551230099" {
		t.Errorf("tap opens %q, error %v", tapped.Opened, err)
	}

	words := "Red ones"
	if _, err := p.sim.Reply(t.Context(), simulator.ChannelViberBM, number, simulator.Reply{Text: &words}); err != nil {
		t.Fatal(err)
	}
	if in := p.next(); in.Message == nil || in.Message.Text == nil || in.Message.Text.Text != words || in.From.Identity != number {
		t.Errorf("got %+v", in)
	}
	if _, err := p.sim.Reply(t.Context(), simulator.ChannelViberBM, number, simulator.Reply{MediaURL: "/media/sample.png", Caption: "These"}); err != nil {
		t.Fatal(err)
	}
	in := p.next()
	if in.Media == nil || in.Message.MediaCard == nil || in.Message.MediaCard.Caption != "These" {
		t.Fatalf("got %+v", in)
	}
	file, err := viberbm.New().FetchMedia(t.Context(), p.conn, in.Media.Ref)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Body.Close()
	if file.MIME != "image/png" {
		t.Errorf("got a file of type %s", file.MIME)
	}
}

// TestRefusals has the simulated Viber refuse, and fail to deliver.
func TestRefusals(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	hello := &parley.AppMessage{Text: &parley.TextMessage{Text: "Hello"}}
	stranger := *p.conn.Credential
	bearer := *stranger.StaticBearer
	bearer.ClaimedIdentity = "1"
	stranger.StaticBearer = &bearer
	own := p.conn.Credential
	p.conn.Credential = &stranger
	if _, err := p.send(hello); channel.AsError(err).Reason.Code != parley.ReasonChannelBadConfiguration {
		t.Errorf("another's sender: got %v", err)
	}
	p.conn.Credential = own
	if _, err := viberbm.New().FetchMedia(t.Context(), p.conn, "https://elsewhere.example/x"); err == nil {
		t.Error("the credential goes elsewhere")
	}
	if err := p.sim.SetBehaviour(simulator.ChannelViberBM, number, simulator.Behaviour{Deliver: simulator.DeliverReject}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.send(hello); err != nil {
		t.Fatal(err)
	}
	r := p.next().Receipt
	if r == nil || r.Status != parley.StatusFailed || r.Reason.Code != parley.ReasonRecipientNotReachable {
		t.Errorf("receipt %+v", r)
	}
}
