package kannel

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/simulator"
	"github.com/parley-im/parley/test/parleytest"
)

// TestServer has an app on the real Kannel: a message in parts goes out and is
// reported, and what the phone answers while the server is away arrives when
// it is back.
func TestServer(t *testing.T) {
	t.Parallel()
	sim, sink := parleytest.StartSimulator(t), parleytest.StartSink(t)
	server := parleytest.Start(t, parleytest.Options{Simulator: sim})
	// Kannel's configuration needs the app's id and the credential a Kannel, so
	// that the app begins with another.
	var app parley.App
	server.Call(t, http.MethodPost, "/apps", map[string]any{
		"display_name": "Kannel", "channel_credentials": []any{sim.OpenAccount(t, parleytest.SMS)},
	}, &app)
	url := startKannel(t, sim, server.URL+"/channels/sms/"+app.ID)
	server.Call(t, http.MethodPatch, "/apps/"+app.ID, map[string]any{
		"channel_credentials": []any{credential(url)},
	}, nil)
	server.AwaitActive(t, app.ID)
	sink.Follow(t, server, app.ID)

	const phone = "15551270001"
	text := texts["UCS-2 in parts"].text
	var sent struct {
		ID string `json:"message_id"`
	}
	server.Call(t, http.MethodPost, "/messages:send", map[string]any{
		"app_id": app.ID, "message": map[string]any{"text_message": map[string]any{"text": text}},
		"recipient": map[string]any{"identified_by": map[string]any{"channel_identities": []any{
			map[string]any{"channel": "SMS", "identity": phone},
		}}},
	}, &sent)
	parleytest.Eventually(t, patience, func() string {
		reports := sink.Reports(sent.ID)
		if !slices.ContainsFunc(reports, func(r parleytest.Report) bool { return r.Status == "DELIVERED" }) {
			return fmt.Sprintf("the message is reported as %+v", reports)
		}
		return ""
	})
	thread, _ := sim.Thread(simulator.ChannelSMS, phone)
	if len(thread.Items) != 1 || thread.Items[0].Text != text {
		t.Errorf("the phone shows %+v", thread.Items)
	}

	server.Kill()
	if _, err := sim.Reply(t.Context(), simulator.ChannelSMS, phone, simulator.Reply{Text: &text}); err != nil {
		t.Fatal(err)
	}
	server.Restart()
	parleytest.Eventually(t, patience, func() string {
		if got := sink.Inbound(); !slices.Equal(got, []string{text}) {
			return fmt.Sprintf("the app was told %q", got)
		}
		return ""
	})
}
