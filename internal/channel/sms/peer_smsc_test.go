package sms

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const peerTimeout = 20 * time.Second

// peerEvent is a line an SMSC under test/peers writes.
type peerEvent struct {
	Event  string
	Port   int
	Kind   string
	Status int
	Error  string

	Source, Dest       [3]any
	ESMClass           int `json:"esm_class"`
	DataCoding         int `json:"data_coding"`
	RegisteredDelivery int `json:"registered_delivery"`
	Text, Hex          string
	UDH                []string
	SAR                [3]int
}

type smscPeer struct {
	t      *testing.T
	port   int
	orders io.Writer
	events chan peerEvent
}

// startSMSC starts an SMSC program.
func startSMSC(t *testing.T, needs, program string, args ...string) *smscPeer {
	t.Helper()
	requirePeer(t, needs, program)
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = peersDir()
	cmd.Stderr = t.Output()
	orders, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &smscPeer{t: t, orders: orders, events: make(chan peerEvent, 1000)}
	go func() {
		defer close(p.events)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var e peerEvent
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				t.Errorf("%s: %v", lines.Text(), err)
			}
			p.events <- e
		}
	}()
	t.Cleanup(func() {
		orders.Close()
		for range p.events { // until it has ended
		}
		_ = cmd.Wait() // killed by the test's context or ended by itself
	})
	p.port = p.next("listening").Port
	return p
}

func peersDir() string { return filepath.Join("..", "..", "..", "test", "peers") }

// requirePeer skips the test without the means to run program, but not where
// CI promises them.
func requirePeer(t *testing.T, needs, program string) {
	t.Helper()
	missing := findPeer(t, needs, program)
	switch {
	case missing == "":
	case os.Getenv("CI") == "true":
		t.Fatal(missing)
	default:
		t.Skip(missing)
	}
}

// findPeer says what is missing to run program.
func findPeer(t *testing.T, needs, program string) string {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		return program + " is not installed"
	}
	if program == "perl" {
		if exec.CommandContext(t.Context(), program, "-M"+needs, "-e1").Run() != nil {
			return needs + " is not installed: run make setup"
		}
		return ""
	}
	if _, err := os.Stat(filepath.Join(peersDir(), "node_modules", needs)); err != nil {
		return "test/peers has no npm package " + needs + ": run make setup"
	}
	return ""
}

// next returns the next event of a kind, passing over others.
func (p *smscPeer) next(kind string) peerEvent {
	p.t.Helper()
	timeout := time.After(peerTimeout)
	for {
		select {
		case e, ok := <-p.events:
			switch {
			case !ok:
				p.t.Fatalf("the SMSC ended, want event %s", kind)
			case e.Event == "error":
				p.t.Errorf("the SMSC says: %s", e.Error)
			case e.Event == kind:
				return e
			}
		case <-timeout:
			p.t.Fatalf("no event %s", kind)
		}
	}
}

func (p *smscPeer) order(format string, args ...any) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.orders, format+"\n", args...); err != nil {
		p.t.Fatal(err)
	}
}
