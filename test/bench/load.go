package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A result is what one measurement found.
type result struct {
	perSecond  float64
	p50, p99   time.Duration // of a request
	peakMemory int64         // bytes resident, of the server
	cpu        float64       // cores the server used
}

// inFlight bounds the messages under way in a pipeline measurement, so that a
// pipeline slower than its intake shows as such instead of filling a queue.
const inFlight = 2000

// A target is where the load goes.
type target struct {
	url, token string
	body       func(n int) []byte       // of request n, counted from 1
	sign       func(body []byte) string // the signature as Meta's webhooks carry it; nil where none is wanted
	last       int                      // the last request there is, which ends the load; 0 for no end
}

// signatureHeader carries the signature.
const signatureHeader = "X-Hub-Signature-256"

// A generator makes the sender of one connection.
type generator func(t target, client *http.Client) func(ctx context.Context, n int) error

// ordinary sends the way any Go program would.
func ordinary(t target, client *http.Client) func(context.Context, int) error {
	return func(ctx context.Context, n int) error { return t.post(ctx, client, n) }
}

// lean sends over a connection of its own with next to no work, so that the
// load takes little of the machine from a pipeline that needs all of it.
func lean(t target, _ *http.Client) func(context.Context, int) error {
	host, path, _ := strings.Cut(strings.TrimPrefix(t.url, "http://"), "/")
	head := postHead(host, "/"+path)
	if t.token != "" {
		head += "Authorization: Bearer " + t.token + "\r\n"
	}
	var p *peer
	return func(ctx context.Context, n int) error {
		if p == nil {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", host)
			if err != nil {
				return err
			}
			context.AfterFunc(ctx, func() { conn.Close() })
			p = newPeer(conn)
		}
		body, head := t.body(n), head
		if t.sign != nil {
			head += signatureHeader + ": " + t.sign(body) + "\r\n"
		}
		status, answer, err := p.post(head, body)
		if err == nil && status != "200" {
			err = fmt.Errorf("the server answered %s: %s", status, answer)
		}
		return err
	}
}

func (t target) post(ctx context.Context, client *http.Client, n int) error {
	body := t.body(n)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if t.token != "" {
		req.Header.Set("Authorization", "Bearer "+t.token)
	}
	if t.sign != nil {
		req.Header.Set(signatureHeader, t.sign(body))
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the server answered %s: %s", resp.Status, answer)
	}
	return err
}

// load sends requests over all connections for the duration, or as long as the
// target has any. With a sink it counts the messages that came out at the other
// end, else the answers.
func load(ctx context.Context, o options, server *process, t target, g generator, s *sink) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, o.duration+o.duration/5)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.connections, DisableCompression: true}}
	defer client.CloseIdleConnections()
	var n tally
	var wg sync.WaitGroup
	errs := make(chan error, o.connections)
	times := make([][]time.Duration, o.connections)
	for i := range o.connections {
		wg.Go(func() {
			var err error
			if times[i], err = n.work(ctx, cancel, t, g(t, client), s); err != nil {
				errs <- err
			}
		})
	}
	count := n.answered.Load
	if s != nil {
		count = s.done.Load
	}
	time.Sleep(o.duration / 5)
	ended := ctx.Err() != nil
	n.measuring.Store(true)
	before, cpu, began := count(), server.cpu(), time.Now()
	if o.profile != "" && server.profileURL != "" {
		go server.profile(ctx, filepath.Join(o.profile, "cpu.pprof"), o.duration-time.Second)
	}
	<-ctx.Done()
	elapsed := time.Since(began).Seconds()
	r := result{
		perSecond: float64(count()-before) / elapsed, cpu: (server.cpu() - cpu).Seconds() / elapsed, peakMemory: server.peakMemory(),
	}
	wg.Wait()
	select {
	case err := <-errs:
		return r, err
	default:
	}
	if ended {
		return r, errors.New("the load ended before the measurement began")
	}
	all := slices.Concat(times...)
	slices.Sort(all)
	if many := len(all); many > 0 {
		r.p50, r.p99 = all[many/2], all[many*99/100]
	}
	return r, nil
}

// A tally is what all connections did.
type tally struct {
	sent, answered atomic.Int64
	measuring      atomic.Bool
}

// work sends one request after the other until ctx is done or there are no
// more, and returns how long those that were measured took.
func (n *tally) work(ctx context.Context, end func(), t target, send func(context.Context, int) error, s *sink) ([]time.Duration, error) {
	var times []time.Duration
	for ctx.Err() == nil {
		if s != nil && n.answered.Load()-s.done.Load() > inFlight {
			time.Sleep(time.Millisecond)
			continue
		}
		number := int(n.sent.Add(1))
		if t.last > 0 && number > t.last {
			end()
			break
		}
		began := time.Now()
		if err := send(ctx, number); err != nil {
			if ctx.Err() == nil {
				return times, err
			}
			break
		}
		n.answered.Add(1)
		if n.measuring.Load() {
			times = append(times, time.Since(began))
		}
	}
	return times, nil
}

// A row is a line of the table.
type row struct {
	name string
	result
	baseline float64 // of the bare handler around the same time, per second
}

func printTable(out io.Writer, o options, rows []row) error {
	database := "SQLite"
	if o.database != "" {
		database = "PostgreSQL"
	}
	var err error
	line := func(format string, args ...any) {
		_, werr := fmt.Fprintf(out, format, args...)
		err = errors.Join(err, werr)
	}
	line("\n%s, %d connections, %v each\n\n", database, o.connections, o.duration)
	line("%-64s %9s %9s %9s %9s %6s %9s %9s\n", "", "per s", "baseline", "p50", "p99", "cores", "us each", "memory")
	for _, r := range rows {
		line("%-64s %9.0f %8.2fx %9s %9s %6.2f %9.0f %6d MiB\n", r.name, r.perSecond, r.perSecond/r.baseline,
			r.p50.Round(10*time.Microsecond), r.p99.Round(10*time.Microsecond), r.cpu, 1e6*r.cpu/r.perSecond, r.peakMemory>>20)
	}
	return err
}

// file opens a file for writing, with its directory.
func file(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return os.Create(path)
}
