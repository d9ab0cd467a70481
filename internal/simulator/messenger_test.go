package simulator_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley/internal/simulator"
)

// TestMessengerPeer lets an independent client speak to the simulated page:
// what it takes for Meta's, it must take for Meta's here.
func TestMessengerPeer(t *testing.T) {
	t.Parallel()
	peers, err := filepath.Abs(filepath.Join("..", "..", "test", "peers"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(peers, "node_modules", "messaging-api-messenger")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("test/peers has no npm package messaging-api-messenger")
		}
		t.Skip("test/peers has no npm package messaging-api-messenger: run make setup")
	}
	w := newWorld(t)
	err = w.sim.Put(t.Context(), simulator.ProviderMessenger, "104", simulator.PageAccount{Token: "tok"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "messenger.mjs", w.base+"/messenger", "tok", "2001")
	cmd.Dir = peers
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	said := map[string]string{}
	for line := range strings.Lines(string(out)) {
		var one struct{ Name, ID, Error string }
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		said[one.Name] = one.ID + one.Error
	}
	for name, want := range map[string]string{
		"text": "m_", "image": "m_", "file": "m_", "quick_replies": "m_", "buttons": "m_", "cards": "m_", "tag": "m_",
		"typing": "2001", "seen": "2001", "page": "104",
		"too_many": "Messenger API - 100 OAuthException", "nobody": "Messenger API - 100 OAuthException",
	} {
		if !strings.HasPrefix(said[name], want) {
			t.Errorf("%s: got %q, want %s…", name, said[name], want)
		}
	}
	if it := w.wait("MESSENGER/2001", "type=button_template"); len(it.Choices) != 3 || it.Choices[1].Phone != "+15105551234" {
		t.Errorf("buttons are shown as %+v", it)
	}
}
