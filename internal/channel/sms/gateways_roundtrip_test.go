package sms

import (
	"strings"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/simulator"
)

// TestGatewaysRoundTrip sends through the simulated gateways, and takes in
// what they report and what the phone answers.
func TestGatewaysRoundTrip(t *testing.T) {
	t.Parallel()
	for provider, tc := range map[string]struct{ simulated, settings string }{
		providerTwilio: {simulator.ProviderTwilioSMS, `{"default_sender":"+15550001111"}`},
		providerVonage: {simulator.ProviderVonageSMS, `{"default_sender":"Parley"}`},
		providerKannel: {simulator.ProviderKannel, `{"url":"http://kannel.example:13013","default_sender":"12345"}`},
	} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			r := newGatewayRig(t, provider, tc.simulated, tc.settings)
			ids, err := r.Send(channeltest.MessageID, &parley.AppMessage{Text: &parley.TextMessage{Text: "Tea & coffee?"}})
			if err != nil || len(ids) != 1 {
				t.Fatalf("send: %v, %v", ids, err)
			}
			for _, want := range []parley.DeliveryStatus{parley.StatusQueuedOnChannel, parley.StatusDelivered} {
				receipt := r.Next().Receipt
				if receipt == nil || receipt.Status != want || receipt.ID != ids[0] {
					t.Fatalf("receipt %+v, want %s of %s", receipt, want, ids[0])
				}
			}
			words := "Чай 🫖 & milk"
			if _, err := r.Sim.Reply(t.Context(), "SMS", "15551230001", simulator.Reply{Text: &words}); err != nil {
				t.Fatal(err)
			}
			if in := r.Next(); in.Message == nil || in.Message.Text.Text != words || in.From.Identity != "15551230001" {
				t.Errorf("got %+v", in)
			}
		})
	}
}

// TestKannelInParts sends a long text through the simulated Kannel.
func TestKannelInParts(t *testing.T) {
	t.Parallel()
	r := newGatewayRig(t, providerKannel, simulator.ProviderKannel,
		`{"url":"http://kannel.example:13013","default_sender":"12345"}`)
	text := strings.Repeat("Чай 🫖 ", 30)
	ids, err := r.Send(channeltest.MessageID, &parley.AppMessage{Text: &parley.TextMessage{Text: text}})
	if err != nil || len(ids) != 4 {
		t.Fatalf("%d payloads, %v; want 4", len(ids), err)
	}
	delivered := map[channel.ProviderID]bool{}
	for range 2 * len(ids) { // taken and delivered
		if receipt := r.Next().Receipt; receipt.Status == parley.StatusDelivered {
			delivered[receipt.ID] = true
		}
	}
	if len(delivered) != len(ids) {
		t.Errorf("delivered: %v, want %d parts", delivered, len(ids))
	}
	thread, _ := r.Sim.Thread(simulator.ChannelSMS, "15551230001")
	if len(thread.Items) != 1 || thread.Items[0].Text != text || thread.Items[0].Parts != len(ids) {
		t.Errorf("the phone shows %+v", thread.Items)
	}
}

// newGatewayRig returns an account at a simulated gateway.
func newGatewayRig(t *testing.T, provider, simulated, settings string) *channeltest.Rig {
	t.Helper()
	r := (&channeltest.Rig{
		Channel: New(), Credential: gatewayCredential(provider, settings), Provider: simulated, To: "15551230001",
	}).Start(t)
	r.Put("AC1", simulator.SMSGatewayAccount{
		Token: "gateway-token-secret", Number: "+15550001111", WebhookURL: r.Conn.WebhookURL, Secret: "KannelSecret",
	})
	return r
}
