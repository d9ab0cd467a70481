package viber_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/viber"
)

// TestPeerSignature has Viber's own library judge the signatures these tests
// make.
func TestPeerSignature(t *testing.T) {
	t.Parallel()
	peers, err := filepath.Abs(filepath.Join("..", "..", "..", "test", "peers"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(peers, "node_modules", "viber-bot")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("test/peers has no npm package viber-bot: run make setup")
		}
		t.Skip("test/peers has no npm package viber-bot: run make setup")
	}
	const body = `{"event":"webhook","timestamp":1457764197627,"text":"héllo 😀"}`
	const program = `const Validator = require('viber-bot/lib/message/message-validator.js');
const [token, body, good, bad] = process.argv.slice(1);
const logger = { debug() {}, info() {}, warn() {}, error() {} };
const v = new Validator(logger, token);
console.log(v.validateMessage(good, body), v.validateMessage(bad, body));`
	good, bad := signature(token, []byte(body)), signature("another token", []byte(body))
	cmd := exec.CommandContext(t.Context(), "node", "-e", program, "--", token, body, good, bad)
	cmd.Dir = peers
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := strings.TrimSpace(string(out)); got != "true false" {
		t.Errorf("the library says %s, want true false", got)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/channels/VIBER/x", http.NoBody)
	r.Header.Set("X-Viber-Content-Signature", good)
	if _, err := viber.New().Receive(&channel.Conn{Credential: credential()}, r, []byte(body)); err != nil {
		t.Errorf("what the library takes: %v", err)
	}
}
