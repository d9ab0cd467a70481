package viberbm_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/viberbm"
)

// A heard request is what the Messages API would see.
type heard struct {
	Path, Auth string
	Body       any
}

// TestVonageClient holds our requests against those of Vonage's own client,
// and has it check a webhook's token.
func TestVonageClient(t *testing.T) {
	t.Parallel()
	peers := filepath.Join("..", "..", "..", "test", "peers")
	if _, err := os.Stat(filepath.Join(peers, "node_modules", "@vonage", "messages")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("test/peers has no npm package @vonage/messages: run make setup")
		}
		t.Skip("test/peers has no npm package @vonage/messages: run make setup")
	}
	requests := make(chan heard, 10)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		var body any
		if err := json.Unmarshal(raw, &body); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
		requests <- heard{r.URL.Path, r.Header.Get("Authorization"), body}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"message_uuid":"1d4723b0-9134-4440-8cf0-e9f39ccb1c6a"}`)
	}))
	defer api.Close()
	const secret = "signature-secret-of-the-test"
	cmd := exec.CommandContext(t.Context(), "node", "vonage.mjs", api.URL, token(`{"typ":"JWT","alg":"HS256"}`, secret, []byte("{}")), secret)
	cmd.Dir = peers
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if got := strings.TrimSpace(string(said)); got != "true" {
		t.Errorf("the client says of the token: %s", got)
	}

	now := time.Date(2030, 5, 1, 10, 0, 0, 0, time.UTC)
	c := &channel.Conn{
		Credential: vonageCredential(), BaseURL: api.URL, WebhookURL: "https://parley.example/hook", HTTP: api.Client(),
		Now: func() time.Time { return now },
	}
	shop := []parley.Choice{{URL: &parley.URLMessage{Title: "Open the shop", URL: "https://shop.example/"}}}
	theirs := []heard{<-requests, <-requests, <-requests, <-requests}
	for i, tc := range []struct {
		m       parley.AppMessage
		expires time.Time
	}{
		{m: parley.AppMessage{Text: &parley.TextMessage{Text: "Hello & <welcome>"}}},
		{
			m:       parley.AppMessage{Choice: &parley.ChoiceMessage{Text: &parley.TextMessage{Text: "Our shop"}, Choices: shop}},
			expires: now.Add(90 * time.Second),
		},
		{m: parley.AppMessage{Card: &parley.CardMessage{
			Title: "Tulips", Media: &parley.MediaMessage{URL: "https://media.example/tulip.jpg"}, Choices: shop,
		}}},
		{m: parley.AppMessage{Media: &parley.MediaMessage{URL: "https://media.example/bill.pdf"}}},
	} {
		payloads, err := viberbm.New().Render(&channel.Outgoing{
			To: channel.Address{Identity: "15551230001"}, Message: &tc.m, Credential: c.Credential,
		})
		if err != nil || len(payloads) != 1 {
			t.Fatal(payloads, err)
		}
		if _, err := viberbm.New().Send(t.Context(), c, channel.Attempt{Key: "k-0", Payload: payloads[0], Expires: tc.expires}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(theirs[i], <-requests); diff != "" {
			t.Errorf("-Vonage's client +ours:\n%s", diff)
		}
	}
}
