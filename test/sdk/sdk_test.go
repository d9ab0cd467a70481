// Package sdk drives the server with the official Node SDK, unmodified.
package sdk

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store/storetest"
	"github.com/parley-im/parley/test/parleytest"
)

func TestMain(m *testing.M) { parleytest.Main(m) }

func TestNodeSDK(t *testing.T) {
	t.Parallel()
	requireNode(t)
	for name, database := range map[string]func(testing.TB) string{
		"SQLite":     func(testing.TB) string { return "" },
		"PostgreSQL": storetest.Postgres,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim := parleytest.StartSimulator(t)
			server := parleytest.Start(t, parleytest.Options{DatabaseURL: database(t), Simulator: sim})
			c := newClient(t, server, sim)
			c.mustRun("getting-started.mjs")
			compareCompat(t, c.mustRun("operations.mjs"))
			c.mustRun("token.mjs")
			c.mustRun("signatures.mjs")
		})
	}
}

// TestKeyRotation changes a client's access key while the server runs: both
// keys work until the old one is revoked.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	requireNode(t)
	sim := parleytest.StartSimulator(t)
	server := parleytest.Start(t, parleytest.Options{Simulator: sim})
	before := newClient(t, server, sim)
	after := *before
	made := regexp.MustCompile(`key +(\S+)\nsecret +(\S+)\n`).FindStringSubmatch(server.Command("key", "create", parleytest.Project))
	if made == nil {
		t.Fatal("parley key create printed no key")
	}
	after.keyID, after.keySecret = made[1], made[2]
	before.mustRun("drive.mjs", "app.list")
	after.mustRun("drive.mjs", "app.list")
	server.Command("key", "revoke", parleytest.KeyID)
	const within = 10 * time.Second // a key is believed for some seconds
	parleytest.Eventually(t, within, func() string {
		if _, err := before.run("drive.mjs", "app.list"); err == nil {
			return "the revoked key still works"
		}
		return ""
	})
	after.mustRun("drive.mjs", "app.list")
}

// requireNode skips the test without Node or the SDK; with CI=true it fails.
func requireNode(t *testing.T) {
	t.Helper()
	_, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat("node_modules/@sinch/sdk-core")
	}
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("Node and the SDK are needed (make setup installs it): %v", err)
	default:
		t.Skipf("Node and the SDK are needed (make setup installs it): %v", err)
	}
}

// A client runs the scripts beside this file against a server.
type client struct {
	t                *testing.T
	url, simulator   string
	project          string
	keyID, keySecret string
	env              []string // what else scripts read, as NAME=value
}

func newClient(t *testing.T, server *parleytest.Server, sim *parleytest.Simulator) *client {
	t.Helper()
	credentials := map[string]parley.ChannelCredential{}
	for _, name := range parleytest.Accounts() {
		credentials[name] = sim.OpenAccount(t, name)
	}
	raw, err := json.Marshal(credentials)
	if err != nil {
		t.Fatal(err)
	}
	return &client{
		t: t, url: described(t, server.URL), simulator: sim.URL, project: parleytest.Project,
		keyID: parleytest.KeyID, keySecret: parleytest.KeySecret,
		env: []string{"PARLEY_SDK_CREDENTIALS=" + string(raw)}, // of every account
	}
}

// scriptTimeout is far longer than a script takes.
const scriptTimeout = 5 * time.Minute

// run returns what a script printed.
func (c *client) run(script ...string) (string, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), scriptTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", script...)
	cmd.Env = append(os.Environ(),
		"PARLEY_URL="+c.url, "PARLEY_SIMULATOR_URL="+c.simulator, "PARLEY_PROJECT="+c.project,
		"PARLEY_KEY_ID="+c.keyID, "PARLEY_KEY_SECRET="+c.keySecret)
	cmd.Env = append(cmd.Env, c.env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// mustRun is run for a script that must succeed.
func (c *client) mustRun(script ...string) string {
	c.t.Helper()
	start := time.Now()
	out, err := c.run(script...)
	if err != nil {
		c.t.Fatalf("node %s: %v\n%s", strings.Join(script, " "), err, out)
	}
	c.t.Logf("node %s: %v\n%s", strings.Join(script, " "), time.Since(start).Round(time.Millisecond), out)
	return out
}
