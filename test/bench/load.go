package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
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
	left       int64         // messages still under way at the end
}

// inFlight bounds the messages under way in a pipeline measurement, so that a
// pipeline slower than its intake shows as such instead of filling a queue.
const inFlight = 2000

// load sends requests over all connections for the duration. With a sink it
// counts the messages that came out at the other end, else the answers.
func load(ctx context.Context, o options, server *process, request func(int) (*http.Request, error), s *sink) (result, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.connections, DisableCompression: true}}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, o.duration+o.duration/5)
	defer cancel()
	var sent, answered atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, o.connections)
	times := make([][]time.Duration, o.connections)
	measuring := atomic.Bool{}
	for i := range o.connections {
		wg.Go(func() {
			for ctx.Err() == nil {
				if s != nil && answered.Load()-s.done.Load() > inFlight {
					time.Sleep(time.Millisecond)
					continue
				}
				req, err := request(int(sent.Add(1)))
				if err != nil {
					errs <- err
					return
				}
				began := time.Now()
				if err := exchange(client, req); err != nil {
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
	count := func() int64 {
		if s != nil {
			return s.done.Load()
		}
		return answered.Load()
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
	if s != nil {
		r.left = answered.Load() - s.done.Load()
	}
	all := slices.Concat(times...)
	slices.Sort(all)
	if n := len(all); n > 0 {
		r.p50, r.p99 = all[n/2], all[n*99/100]
	}
	return r, nil
}

func exchange(client *http.Client, req *http.Request) error {
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("the server answered %s: %s", resp.Status, body)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// A row is a line of the table.
type row struct {
	name string
	result
}

func printTable(out io.Writer, o options, base result, rows []row) error {
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
	line("%-64s %9s %9s %9s %9s %6s %9s\n", "", "per s", "baseline", "p50", "p99", "cores", "memory")
	for _, r := range rows {
		line("%-64s %9.0f %8.2fx %9s %9s %6.2f %6d MiB\n", r.name, r.perSecond, r.perSecond/base.perSecond,
			r.p50.Round(10*time.Microsecond), r.p99.Round(10*time.Microsecond), r.cpu, r.peakMemory>>20)
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
