// Package parleytest runs the real server for tests: the binary, in a process
// of its own that can be killed and started again on the same data, with the
// simulated providers and a callback target in the test's process, where they
// survive it.
package parleytest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-im/parley/internal/store/storetest"
)

// Main runs a package's tests and removes what they share: the binary, and the
// PostgreSQL server of storetest. A package whose tests use this one calls it
// as the whole of its TestMain.
func Main(m *testing.M) {
	storetest.Main(m, func() {
		if path, err := binary(); err == nil {
			os.RemoveAll(filepath.Dir(path))
		}
	})
}

// binary builds the server, once for the test binary, and returns its path.
// GOFLAGS applies, so that a tester can, for example, add -tags.
var binary = sync.OnceValues(func() (string, error) {
	gomod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	dir, err := os.MkdirTemp("", "parley-binary-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "parley")
	build := exec.Command("go", "build", "-trimpath", "-o", path, "./cmd/parley")
	build.Dir = filepath.Dir(strings.TrimSpace(string(gomod)))
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", errors.Join(fmt.Errorf("build parley: %w\n%s", err, out), os.RemoveAll(dir))
	}
	return path, nil
})

// Eventually calls missing until it returns "" and fails the test with what it
// last returned if that takes longer than within. It is the one place where
// these tests wait for other processes.
func Eventually(tb testing.TB, within time.Duration, missing func() string) {
	tb.Helper()
	if what := poll(within, missing); what != "" {
		tb.Fatalf("after %v: %s", within, what)
	}
}

// poll is Eventually without a verdict.
func poll(within time.Duration, missing func() string) string {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		what := missing()
		if what == "" {
			return ""
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return what
		}
	}
}
