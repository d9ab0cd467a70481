// Command bench measures the server as its users load it: over HTTP, from
// another process, on the machine at hand. Every figure stands beside a
// baseline taken in the same run, the same load against a bare net/http
// handler that only decodes the JSON, because absolute figures say more about
// the machine than about us. Run it with make bench.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

// options are the flags.
type options struct {
	binary      string
	database    string
	duration    time.Duration
	connections int
	contacts    int
	profile     string
	only        string
	env         []string // of the server
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "baseline" {
		fail(baseline())
		return
	}
	var o options
	flag.StringVar(&o.binary, "binary", "bin/parley", "the server")
	flag.StringVar(&o.database, "database-url", "", "PostgreSQL URL; empty means SQLite in a temporary directory")
	flag.DurationVar(&o.duration, "duration", 10*time.Second, "how long each measurement runs, after a warm-up of a fifth")
	flag.IntVar(&o.connections, "connections", 64, "concurrent connections")
	flag.IntVar(&o.contacts, "contacts", 1000, "different recipients")
	flag.StringVar(&o.profile, "profile", "", "directory for CPU profiles of the server")
	flag.StringVar(&o.only, "only", "", "accept, inbound, statuses, pipeline, render, lists, or traces: the pipeline with and without them; default all but traces")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	fail(run(ctx, o))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run makes every measurement and prints the table. Each stands between two
// runs of the same load against the bare handler, because the machine may be
// faster at one time than at another.
func run(ctx context.Context, o options) error {
	if o.only == "traces" {
		return compareTraces(ctx, o)
	}
	var rows []row
	for _, m := range measurements() {
		if o.only != "" && o.only != m.key {
			continue
		}
		both, err := m.rows(ctx, o)
		if err != nil {
			return fmt.Errorf("%s: %w", m.key, err)
		}
		rows = append(rows, both...)
	}
	if len(rows) > 0 {
		if err := printTable(os.Stdout, o, rows); err != nil {
			return err
		}
	}
	if o.only == "" || o.only == "render" {
		if err := printRender(os.Stdout); err != nil {
			return err
		}
	}
	if o.only != "" && o.only != "lists" {
		return nil
	}
	times, err := measureLists(ctx, o)
	if err != nil {
		return fmt.Errorf("lists: %w", err)
	}
	return printLists(os.Stdout, times)
}

// A measurement is one of the server under a load, and what the load is.
type measurement struct {
	key, name string
	load      string // how the baseline's row names it
	g         generator
	target    func(url, app, token string, o options) target
	run       func(context.Context, options, generator) (result, error)
}

func measurements() []measurement {
	return []measurement{
		{
			"accept", "accepted messages, durable (provider stalled)",
			"net/http client", ordinary, sendTarget, measureAccept,
		},
		{
			"inbound", "inbound WHATSAPP messages, durable (app's webhook stalled)",
			"net/http client, signed messages", ordinary, messageTarget, measureMessages,
		},
		{
			"statuses", "inbound WHATSAPP receipts, durable (app's webhook stalled)",
			"net/http client, signed receipts", ordinary, statusTarget, measureStatuses,
		},
		{
			"pipeline", "pipeline over SMS REST: accept, dispatch, receipt, 2 callbacks",
			"raw connections", lean, sendTarget, measurePipeline,
		},
	}
}

// rows makes the measurement between two of its baseline.
func (m *measurement) rows(ctx context.Context, o options) ([]row, error) {
	before, err := m.baseline(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("baseline: %w", err)
	}
	r, err := m.run(ctx, o, m.g)
	if err != nil {
		return nil, err
	}
	after, err := m.baseline(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("baseline: %w", err)
	}
	base := (before.perSecond + after.perSecond) / 2
	return []row{
		{name: "bare net/http handler that decodes, " + m.load, result: before, baseline: base},
		{name: m.name, result: r, baseline: base},
	}, nil
}

// baseline loads a bare handler in a process of its own.
func (m *measurement) baseline(ctx context.Context, o options) (result, error) {
	exe, err := os.Executable()
	if err != nil {
		return result{}, err
	}
	p, err := start(ctx, exe, []string{"baseline"}, nil)
	if err != nil {
		return result{}, err
	}
	defer p.stop()
	address, err := p.firstLine(ctx)
	if err != nil {
		return result{}, err
	}
	t := m.target("http://"+address, "01J0000000000000000000000A", "", o)
	t.last = 0 // the bare handler takes any
	return load(ctx, o, p, t, m.g, nil)
}

// measureAccept loads the server while its provider answers nothing, so that
// accepting is all it does.
func measureAccept(ctx context.Context, o options, g generator) (result, error) {
	w, err := newWorld(ctx, o, true)
	if err != nil {
		return result{}, err
	}
	defer w.close()
	return load(ctx, o, w.server, w.target(), g, nil)
}

// measurePipeline loads the server with everything in motion and counts the
// messages whose last callback has come.
func measurePipeline(ctx context.Context, o options, g generator) (result, error) {
	w, err := newWorld(ctx, o, false)
	if err != nil {
		return result{}, err
	}
	defer w.close()
	return load(ctx, o, w.server, w.target(), g, w.sink)
}
