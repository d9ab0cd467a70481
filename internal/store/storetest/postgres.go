package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// urlVariable names a PostgreSQL server to use in place of one of our own.
// Its user must be allowed to create databases.
const urlVariable = "PARLEY_TEST_POSTGRES"

const startTimeout = 30 * time.Second

// A cluster is a PostgreSQL server that lives as long as the test binary.
type cluster struct {
	address string // of its administrative database
	stop    func()
}

// errMissing says that there is no PostgreSQL to start.
var errMissing = errors.New("PostgreSQL's initdb and postgres are not installed; " +
	"install Debian's postgresql or set " + urlVariable + " to a server's URL")

// Main runs a package's tests and stops the server that Postgres started.
// A package whose tests use Postgres calls it as the whole of its TestMain.
// What else is to be done after the tests is given as after.
func Main(m *testing.M, after ...func()) {
	code := m.Run()
	for _, f := range after {
		f()
	}
	servers.mu.Lock()
	defer servers.mu.Unlock()
	if servers.one != nil {
		servers.one.stop()
	}
	os.Exit(code)
}

// servers holds the one server of this test binary, or why there is none.
//
//nolint:gochecknoglobals // a server for each test would take seconds
var servers struct {
	mu  sync.Mutex
	one *cluster
	err error
}

// Postgres returns the URL of a new, empty PostgreSQL database, which is
// dropped when the test ends. The server is the one of PARLEY_TEST_POSTGRES or
// one that is started for this test binary in a temporary directory, reached
// through a Unix socket and with fsync on. Without PostgreSQL the test is
// skipped; with CI=true it fails.
func Postgres(tb testing.TB) string {
	tb.Helper()
	c, err := server()
	switch {
	case errors.Is(err, errMissing) && os.Getenv("CI") != "true":
		tb.Skip(err)
	case err != nil:
		tb.Fatalf("start PostgreSQL: %v", err)
	}
	name := "parley_test_" + strings.ToLower(rand.Text())
	if err := c.exec(tb.Context(), "CREATE DATABASE "+name); err != nil {
		tb.Fatalf("create database: %v", err)
	}
	tb.Cleanup(func() {
		if err := c.exec(context.WithoutCancel(tb.Context()), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			tb.Errorf("drop database: %v", err)
		}
	})
	u, err := url.Parse(c.address)
	if err != nil {
		tb.Fatal("the database URL cannot be parsed")
	}
	u.Path = "/" + name
	return u.String()
}

func server() (*cluster, error) {
	servers.mu.Lock()
	defer servers.mu.Unlock()
	if servers.one == nil && servers.err == nil {
		if address := os.Getenv(urlVariable); address != "" {
			servers.one = &cluster{address: address, stop: func() {}}
		} else {
			servers.one, servers.err = start()
		}
	}
	return servers.one, servers.err
}

func (c *cluster) exec(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, c.address)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

// start makes a cluster in a temporary directory and waits until it answers.
func start() (*cluster, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "parley-postgres-")
	if err != nil {
		return nil, err
	}
	user, err := unprivileged(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "data"),
		"-U", "parley", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = dir, user
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w: %s", err, out), os.RemoveAll(dir))
	}
	// The shell ends the server and removes the directory as soon as its
	// standard input is closed, which also happens when this process is
	// killed.
	watched := `"$@" >log 2>&1 & server=$!
		read -r _; kill -INT $server; wait $server; cd /; rm -rf "$0"`
	cmd := exec.Command("/bin/sh", "-c", watched, dir,
		filepath.Join(bin, "postgres"), "-D", filepath.Join(dir, "data"), "-k", dir,
		"-c", "listen_addresses=", "-c", "max_connections=400", "-c", "shared_buffers=64MB", "-c", "fsync=on")
	cmd.Dir, cmd.SysProcAttr = dir, user
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &cluster{
		address: (&url.URL{Scheme: "postgres", User: url.User("parley"), Path: "/postgres", RawQuery: url.Values{"host": {dir}}.Encode()}).String(),
		stop: func() {
			input.Close()
			_ = cmd.Wait() // its status is the server's, which does not matter any more
		},
	}
	if err := c.wait(); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		c.stop()
		return nil, fmt.Errorf("%w: %s", err, log)
	}
	return c, nil
}

// wait polls until the server answers: it is another process.
func (c *cluster) wait() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := c.exec(ctx, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

// binaries finds the directory of PostgreSQL's programs. Debian keeps them off
// the path; of several versions the newest is used.
func binaries() (string, error) {
	var dirs []string
	if path, err := exec.LookPath("initdb"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is well formed
	slices.SortFunc(debian, func(a, b string) int {
		return cmpLonger(b, a)
	})
	for _, dir := range append(append(dirs, debian...), "/usr/local/bin") {
		if isFile(filepath.Join(dir, "initdb")) && isFile(filepath.Join(dir, "postgres")) {
			return dir, nil
		}
	}
	return "", errMissing
}

// cmpLonger orders .../9/bin before .../15/bin.
func cmpLonger(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
