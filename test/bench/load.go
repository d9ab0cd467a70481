package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
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
	host, head string
	body       func(n int) []byte
}

// load sends requests over all connections for the duration. With a sink it
// counts the messages that came out at the other end, else the answers.
func load(ctx context.Context, o options, server *process, t target, s *sink) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, o.duration+o.duration/5)
	defer cancel()
	var sent, answered atomic.Int64
	var measuring atomic.Bool
	var wg sync.WaitGroup
	errs := make(chan error, o.connections)
	times := make([][]time.Duration, o.connections)
	for i := range o.connections {
		wg.Go(func() {
			conn, err := net.Dial("tcp", t.host)
			if err != nil {
				errs <- err
				return
			}
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			defer stop()
			p := newPeer(conn)
			for ctx.Err() == nil {
				if s != nil && answered.Load()-s.done.Load() > inFlight {
					time.Sleep(time.Millisecond)
					continue
				}
				began := time.Now()
				status, answer, err := p.post(t.head, t.body(int(sent.Add(1))))
				if err == nil && status != "200" {
					err = fmt.Errorf("the server answered %s: %s", status, answer)
				}
				if err != nil {
					if ctx.Err() == nil {
						errs <- err
					}
					return
				}
				answered.Add(1)
				if measuring.Load() {
					times[i] = append(times[i], time.Since(began))
				}
			}
		})
	}
	count := answered.Load
	if s != nil {
		count = s.done.Load
	}
	time.Sleep(o.duration / 5)
	measuring.Store(true)
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
	all := slices.Concat(times...)
	slices.Sort(all)
	if n := len(all); n > 0 {
		r.p50, r.p99 = all[n/2], all[n*99/100]
	}
	return r, nil
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
