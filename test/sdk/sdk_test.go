// Package sdk drives the server with the official Node SDK, unmodified.
package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store/storetest"
	"github.com/parley-im/parley/test/parleytest"
)

func TestMain(m *testing.M) { parleytest.Main(m) }

// scriptTimeout is far longer than a script takes.
const scriptTimeout = 3 * time.Minute

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
			run(t, "getting-started.mjs", server, sim)
			compareCompat(t, run(t, "operations.mjs", server, sim))
		})
	}
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

// run runs a script beside this file against the server and returns what it
// printed.
func run(t *testing.T, script string, server *parleytest.Server, sim *parleytest.Simulator) string {
	t.Helper()
	credentials := map[string]parley.ChannelCredential{}
	for _, name := range parleytest.Accounts() {
		credentials[name] = sim.OpenAccount(t, name)
	}
	raw, err := json.Marshal(credentials)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), scriptTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", script)
	cmd.Env = append(os.Environ(),
		"PARLEY_URL="+server.URL, "PARLEY_SIMULATOR_URL="+sim.URL, "PARLEY_PROJECT="+parleytest.Project,
		"PARLEY_KEY_ID="+parleytest.KeyID, "PARLEY_KEY_SECRET="+parleytest.KeySecret,
		"PARLEY_SDK_CREDENTIALS="+string(raw))
	start := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, errors.Join(err, ctx.Err()), out)
	}
	t.Logf("%s: %v\n%s", script, time.Since(start).Round(time.Millisecond), out)
	return string(out)
}
