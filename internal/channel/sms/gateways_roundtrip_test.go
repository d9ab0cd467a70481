package sms

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/simulator"
)

// TestGatewaysRoundTrip sends through the simulated gateways, and takes in
// what they report and what the phone answers.
func TestGatewaysRoundTrip(t *testing.T) {
	t.Parallel()
	for provider, tc := range map[string]struct{ simulated, path, settings string }{
		providerTwilio: {simulator.ProviderTwilioSMS, "/sms-twilio", `{"default_sender":"+15550001111"}`},
		providerVonage: {simulator.ProviderVonageSMS, "/sms-vonage", `{"default_sender":"Parley"}`},
		providerKannel: {simulator.ProviderKannel, "/sms-kannel", `{"url":"http://kannel.example:13013","default_sender":"12345"}`},
	} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			r := newGatewayRig(t, provider, tc.simulated, tc.path, tc.settings)
			payloads, err := r.sms.Render(&channel.Outgoing{
				To: channel.Address{Identity: "15551230001"}, Credential: r.conn.Credential,
				Message: &parley.AppMessage{Text: &parley.TextMessage{Text: "Tea & coffee?"}},
			})
			if err != nil {
				t.Fatal(err)
			}
			id, err := r.sms.Send(t.Context(), r.conn, channel.Attempt{Key: "01ARZ3NDEKTSV4RRFFQ69G5FAV-0-0-1", Payload: payloads[0]})
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []parley.DeliveryStatus{parley.StatusQueuedOnChannel, parley.StatusDelivered} {
				receipt := r.next().Receipt
				if receipt == nil || receipt.Status != want || receipt.ID != id {
					t.Fatalf("receipt %+v, want %s of %s", receipt, want, id)
				}
			}
			words := "Чай 🫖 & milk"
			if _, err := r.sim.Reply(t.Context(), "SMS", "15551230001", simulator.Reply{Text: &words}); err != nil {
				t.Fatal(err)
			}
			if in := r.next(); in.Message == nil || in.Message.Text.Text != words || in.From.Identity != "15551230001" {
				t.Errorf("got %+v", in)
			}
		})
	}
}

// TestKannelInParts sends a long text through the simulated Kannel.
func TestKannelInParts(t *testing.T) {
	t.Parallel()
	r := newGatewayRig(t, providerKannel, simulator.ProviderKannel, "/sms-kannel",
		`{"url":"http://kannel.example:13013","default_sender":"12345"}`)
	text := strings.Repeat("Чай 🫖 ", 30)
	payloads, err := r.sms.Render(&channel.Outgoing{
		MessageID: "01M", To: channel.Address{Identity: "15551230001"}, Credential: r.conn.Credential,
		Message: &parley.AppMessage{Text: &parley.TextMessage{Text: text}},
	})
	if err != nil || len(payloads) != 4 {
		t.Fatalf("%d payloads, %v; want 4", len(payloads), err)
	}
	delivered := map[channel.ProviderID]bool{}
	for i, payload := range payloads {
		if _, err := r.sms.Send(t.Context(), r.conn, channel.Attempt{Key: fmt.Sprintf("key-%d", i), Payload: payload}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 * len(payloads) { // taken and delivered
		if receipt := r.next().Receipt; receipt.Status == parley.StatusDelivered {
			delivered[receipt.ID] = true
		}
	}
	if len(delivered) != len(payloads) {
		t.Errorf("delivered: %v, want %d parts", delivered, len(payloads))
	}
	thread, _ := r.sim.Thread(simulator.ChannelSMS, "15551230001")
	if len(thread.Items) != 1 || thread.Items[0].Text != text || thread.Items[0].Parts != len(payloads) {
		t.Errorf("the phone shows %+v", thread.Items)
	}
}

// gatewayRig is an account at a simulated gateway.
type gatewayRig struct {
	t    *testing.T
	sms  *SMS
	conn *channel.Conn
	sim  *simulator.Simulator
	got  chan channel.Inbound
}

func newGatewayRig(t *testing.T, provider, simulated, path, settings string) *gatewayRig {
	t.Helper()
	r := &gatewayRig{t: t, sms: New(), got: make(chan channel.Inbound, 16), sim: simulator.New(simulator.Options{Now: time.Now})}
	r.conn = &channel.Conn{
		Credential: gatewayCredential(provider, settings), HTTP: http.DefaultClient, Secret: "s",
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		in, err := r.sms.Receive(r.conn, req, body)
		if err != nil {
			t.Errorf("receive: %v", err)
		}
		for _, one := range in.Inbound {
			r.got <- one
		}
	}))
	srv := httptest.NewServer(r.sim.Handler())
	t.Cleanup(func() {
		r.sim.Close()
		srv.Close()
		hook.Close()
	})
	r.conn.BaseURL, r.conn.WebhookURL = srv.URL+path, hook.URL
	if err := r.sim.Put(t.Context(), simulated, "AC1", simulator.SMSGatewayAccount{
		Token: "gateway-token-secret", Number: "+15550001111", WebhookURL: hook.URL, Secret: "KannelSecret",
	}); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *gatewayRig) next() channel.Inbound {
	r.t.Helper()
	select {
	case in := <-r.got:
		return in
	case <-time.After(10 * time.Second):
		r.t.Fatal("nothing comes")
		return channel.Inbound{}
	}
}
