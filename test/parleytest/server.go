package parleytest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"testing"
)

// The project every server has from its start, and its access key.
const (
	Project   = "parleytest"
	KeyID     = "parleytest-key"
	KeySecret = "parleytest-secret"
)

// encryptionKey is the same for all servers, so that several can work on one
// database.
const encryptionKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" // 0 to 31

// Options say what server to start.
type Options struct {
	// DatabaseURL is a PostgreSQL database; "" means SQLite.
	DatabaseURL string
	// Simulator plays the providers.
	Simulator *Simulator
	// Env is further settings, as NAME=value.
	Env []string
}

// A Server is a running parley serve.
type Server struct {
	*Process
	// URL is where it serves, the same after a Restart.
	URL string

	env  []string
	http *http.Client
}

// Start runs a server and waits until it is ready.
func Start(tb testing.TB, o Options) *Server {
	tb.Helper()
	address := FreeAddress(tb)
	s := &Server{
		URL:  "http://" + address,
		http: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
	s.env = append([]string{
		"PARLEY_LISTEN=" + address,
		"PARLEY_DATA_DIR=" + tb.TempDir(),
		"PARLEY_DATABASE_URL=" + o.DatabaseURL,
		"PARLEY_ENCRYPTION_KEY=" + encryptionKey,
		"PARLEY_BOOTSTRAP_PROJECT_ID=" + Project,
		"PARLEY_BOOTSTRAP_KEY_ID=" + KeyID,
		"PARLEY_BOOTSTRAP_KEY_SECRET=" + KeySecret,
		"PARLEY_ALLOW_PRIVATE_TARGETS=true",
	}, o.Env...)
	if o.Simulator != nil {
		s.env = append(s.env, o.Simulator.env()...)
	}
	s.Process = Run(tb, s.env, "serve")
	s.awaitReady()
	return s
}

// FreeAddress returns a loopback address that is the test's own to listen on,
// again after a restart, until the test ends. Other test binaries run at the
// same time, so each address comes with a guard: a second port that is listened
// on for as long as the address is somebody's. Both are below the ports that
// connections get.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	const first, count = 15000, 7500
	for range 100 {
		port := first + rand.IntN(count)
		guard, err := net.Listen("tcp", loopback(port+count))
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", loopback(port))
		if err != nil {
			guard.Close()
			continue
		}
		l.Close()
		tb.Cleanup(func() { guard.Close() })
		return loopback(port)
	}
	tb.Fatal("there is no free port")
	return ""
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func (s *Server) awaitReady() {
	s.tb.Helper()
	Eventually(s.tb, patience, func() string {
		if s.Gone() {
			s.tb.Fatalf("parley ended instead of starting: %v", s.state)
		}
		answer, err := s.http.Get(s.URL + "/readyz")
		if err != nil {
			return fmt.Sprintf("parley is not ready: %v", err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return "parley is not ready: " + answer.Status
		}
		return ""
	})
}

// Restart starts the server again, after Kill or Stop, on the same address and
// the same data.
func (s *Server) Restart() {
	s.tb.Helper()
	s.http.CloseIdleConnections()
	s.start(s.env, "serve")
	s.awaitReady()
}

// Command runs another command of the binary on the server's settings and
// returns what it printed.
func (s *Server) Command(args ...string) string {
	s.tb.Helper()
	return Command(s.tb, s.env, args...)
}
