package parleytest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
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

// patience is how long a server may take to start or to stop.
const patience = 30 * time.Second

// Options say what server to start.
type Options struct {
	// DatabaseURL is a PostgreSQL database; "" means SQLite.
	DatabaseURL string
	// Simulator plays the providers.
	Simulator *Simulator
	// Env is further settings, as NAME=value.
	Env []string
}

// A Server is a parley process. It is killed when the test ends.
type Server struct {
	// URL is where it serves, the same after a Restart.
	URL string

	tb     testing.TB
	binary string
	dir    string
	env    []string
	http   *http.Client

	process *os.Process
	exited  chan struct{} // closed when the process is gone
	state   *os.ProcessState
}

// Start runs a server and waits until it is ready.
func Start(tb testing.TB, o Options) *Server {
	tb.Helper()
	path, err := binary()
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{
		tb: tb, binary: path, dir: tb.TempDir(),
		http: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
	address := freeAddress(tb)
	s.URL = "http://" + address
	s.env = append([]string{
		"PATH=" + os.Getenv("PATH"),
		"PARLEY_LISTEN=" + address,
		"PARLEY_DATA_DIR=" + s.dir,
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
	tb.Cleanup(s.finish)
	s.start()
	return s
}

// freeAddress returns a loopback address to listen on. It is below the ports
// that connections get, so that it is still free after a restart.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(15000+rand.IntN(15000)))
		l, err := net.Listen("tcp", address)
		if err == nil {
			l.Close()
			return address
		}
	}
	tb.Fatal("there is no free port")
	return ""
}

func (s *Server) logPath() string { return filepath.Join(s.dir, "server.log") }

func (s *Server) start() {
	s.tb.Helper()
	log, err := os.OpenFile(s.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(s.binary, "serve")
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = s.env, log, log, diesWithParent()
	if err := cmd.Start(); err != nil {
		s.tb.Fatalf("start parley: %v", err)
	}
	s.process, s.exited = cmd.Process, make(chan struct{})
	exited := s.exited
	go func() {
		defer close(exited)
		_ = cmd.Wait() // the state says it all
		s.state = cmd.ProcessState
	}()
	Eventually(s.tb, patience, func() string {
		select {
		case <-exited:
			s.tb.Fatalf("parley ended instead of starting: %v", s.state)
		default:
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

// Kill ends the process at once, as a power cut does.
func (s *Server) Kill() {
	s.tb.Helper()
	if err := s.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.tb.Fatalf("kill parley: %v", err)
	}
	<-s.exited
}

// Stop ends the process in good order and fails the test if it is not one.
func (s *Server) Stop() {
	s.tb.Helper()
	if err := s.process.Signal(syscall.SIGTERM); err != nil {
		s.tb.Fatalf("stop parley: %v", err)
	}
	select {
	case <-s.exited:
	case <-time.After(patience):
		s.tb.Fatal("parley does not stop")
	}
	if !s.state.Success() {
		s.tb.Fatalf("parley stopped with %v", s.state)
	}
}

// Restart starts the server again, after Kill or Stop, on the same address and
// the same data.
func (s *Server) Restart() {
	s.tb.Helper()
	s.http.CloseIdleConnections()
	s.start()
}

// Command runs another command of the binary on the server's settings and
// returns what it printed.
func (s *Server) Command(args ...string) string {
	s.tb.Helper()
	cmd := exec.Command(s.binary, args...)
	cmd.Env = s.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.tb.Fatalf("parley %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// finish ends the process and looks at what it logged.
func (s *Server) finish() {
	if s.process == nil {
		return
	}
	s.Kill()
	log, err := os.ReadFile(s.logPath())
	if err != nil {
		s.tb.Error(err)
		return
	}
	if text := string(log); strings.Contains(text, `"job panicked"`) || strings.Contains(text, "\ngoroutine ") {
		s.tb.Error("the server panicked")
	}
	if s.tb.Failed() {
		s.tb.Logf("the server's log, its end:\n%s", log[max(0, len(log)-8<<10):])
	}
}
