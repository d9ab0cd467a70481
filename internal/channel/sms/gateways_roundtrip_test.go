package sms

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
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
			sms, got := New(), make(chan channel.Inbound, 16)
			c := &channel.Conn{
				Credential: gatewayCredential(provider, tc.settings), HTTP: http.DefaultClient, Secret: "s",
				Log: slog.New(slog.DiscardHandler), Now: time.Now,
			}
			hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				in, err := sms.Receive(c, r, body)
				if err != nil {
					t.Errorf("receive: %v", err)
				}
				for _, one := range in.Inbound {
					got <- one
				}
			}))
			defer hook.Close()
			sim := simulator.New(simulator.Options{Now: time.Now})
			defer sim.Close()
			srv := httptest.NewServer(sim.Handler())
			defer srv.Close()
			c.BaseURL, c.WebhookURL = srv.URL+tc.path, hook.URL
			if err := sim.Put(t.Context(), tc.simulated, "AC1", simulator.SMSGatewayAccount{
				Token: "gateway-token-secret", Number: "+15550001111", WebhookURL: hook.URL, Secret: "KannelSecret",
			}); err != nil {
				t.Fatal(err)
			}
			if _, err := sms.Connect(t.Context(), c); err != nil {
				t.Errorf("connect: %v", err)
			}
			payloads, err := sms.Render(&channel.Outgoing{
				To: channel.Address{Identity: "15551230001"}, Credential: c.Credential,
				Message: &parley.AppMessage{Text: &parley.TextMessage{Text: "Tea & coffee?"}},
			})
			if err != nil {
				t.Fatal(err)
			}
			id, err := sms.Send(t.Context(), c, channel.Attempt{Key: "01ARZ3NDEKTSV4RRFFQ69G5FAV-0-0-1", Payload: payloads[0]})
			if err != nil {
				t.Fatal(err)
			}
			next := func() channel.Inbound {
				t.Helper()
				select {
				case in := <-got:
					return in
				case <-time.After(10 * time.Second):
					t.Fatal("nothing comes")
				}
				return channel.Inbound{}
			}
			for _, want := range []parley.DeliveryStatus{parley.StatusQueuedOnChannel, parley.StatusDelivered} {
				r := next().Receipt
				if r == nil || r.Status != want || r.ID != id {
					t.Fatalf("receipt %+v, want %s of %s", r, want, id)
				}
			}
			words := "Tea & milk"
			if _, err := sim.Reply(t.Context(), "SMS", "15551230001", simulator.Reply{Text: &words}); err != nil {
				t.Fatal(err)
			}
			if in := next(); in.Message == nil || in.Message.Text.Text != words || in.From.Identity != "15551230001" {
				t.Errorf("got %+v", in)
			}
		})
	}
}
