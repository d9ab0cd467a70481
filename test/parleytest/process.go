package parleytest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a process may take to start or to stop.
const patience = 30 * time.Second

// A Process is a running command of the parley binary. It is killed when the
// test ends; that it panicked fails the test.
type Process struct {
	tb      testing.TB
	log     string // file with all it wrote
	process *os.Process
	exited  chan struct{} // closed when the process is gone
	state   *os.ProcessState
}

// Run starts a command of the binary with settings as NAME=value.
func Run(tb testing.TB, env []string, args ...string) *Process {
	tb.Helper()
	p := &Process{tb: tb, log: filepath.Join(tb.TempDir(), args[0]+".log")}
	p.start(env, args...)
	tb.Cleanup(p.finish)
	return p
}

func (p *Process) start(env []string, args ...string) {
	p.tb.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.tb.Fatal(err)
	}
	defer log.Close()
	cmd := command(p.tb, env, args...)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = log, log, DiesWithParent()
	if err := cmd.Start(); err != nil {
		p.tb.Fatalf("start parley %s: %v", args[0], err)
	}
	exited := make(chan struct{})
	p.process, p.exited = cmd.Process, exited
	go func() {
		defer close(exited)
		_ = cmd.Wait() // the state says it all
		p.state = cmd.ProcessState
	}()
}

// command returns a command of the binary that was not started.
func command(tb testing.TB, env []string, args ...string) *exec.Cmd {
	tb.Helper()
	path, err := binary()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	return cmd
}

// Command runs a command of the binary to its end and returns what it printed.
func Command(tb testing.TB, env []string, args ...string) string {
	tb.Helper()
	out, err := command(tb, env, args...).CombinedOutput()
	if err != nil {
		tb.Fatalf("parley %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Output returns what the process has written so far, also before a restart.
func (p *Process) Output() string {
	p.tb.Helper()
	out, err := os.ReadFile(p.log)
	if err != nil {
		p.tb.Fatal(err)
	}
	return string(out)
}

// Gone reports whether the process has ended.
func (p *Process) Gone() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// Kill ends the process at once, as a power cut does.
func (p *Process) Kill() {
	p.tb.Helper()
	if err := p.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.tb.Fatalf("kill parley: %v", err)
	}
	<-p.exited
}

// Stop ends the process in good order and fails the test if it is not one.
func (p *Process) Stop() {
	p.tb.Helper()
	if err := p.process.Signal(syscall.SIGTERM); err != nil {
		p.tb.Fatalf("stop parley: %v", err)
	}
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.tb.Fatal("parley does not stop")
	}
	if !p.state.Success() {
		p.tb.Fatalf("parley stopped with %v", p.state)
	}
}

// finish ends the process and looks at what it wrote.
func (p *Process) finish() {
	p.Kill()
	out := p.Output()
	if strings.Contains(out, `"job panicked"`) || strings.Contains(out, "\ngoroutine ") {
		p.tb.Error("parley panicked")
	}
	if p.tb.Failed() {
		p.tb.Logf("what parley wrote, its end:\n%s", out[max(0, len(out)-8<<10):])
	}
}
