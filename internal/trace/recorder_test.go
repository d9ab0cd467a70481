package trace_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/egress"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/store/storetest"
	"github.com/parley-im/parley/internal/trace"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// on runs a test on both databases.
func on(t *testing.T, f func(*testing.T, *store.Store)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); f(t, storetest.Open(t, storetest.Options(t, ""))) })
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		f(t, storetest.Open(t, storetest.Options(t, storetest.Postgres(t))))
	})
}

func recorder(s *store.Store) (*trace.Recorder, *prometheus.Registry) {
	reg := prometheus.NewRegistry()
	return trace.New(trace.Options{Store: s, Log: slog.New(slog.DiscardHandler), Metrics: reg}), reg
}

// kinds names the steps of rows as the store returns them.
func kinds(t *testing.T, rows ...string) string {
	t.Helper()
	var out []string
	for _, r := range rows {
		var list []struct{ Step, Detail string }
		if err := json.Unmarshal([]byte("["+r+"]"), &list); err != nil {
			t.Fatalf("%v: %s", err, r)
		}
		for _, s := range list {
			out = append(out, strings.TrimSpace(s.Step+" "+s.Detail))
		}
	}
	return strings.Join(out, ", ")
}

func TestRecorder(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, s *store.Store) {
		r, _ := recorder(s)
		m1, m2 := trace.Ref{ProjectID: "p1", AppID: "a1", MessageID: "m1"}, trace.Ref{ProjectID: "p1", AppID: "a1", MessageID: "m2"}
		other := trace.Ref{ProjectID: "p2", AppID: "a1", MessageID: "m1"}
		r.Add(m1, trace.Step{Kind: trace.Attempt, Detail: "\x00 and \xff"})
		r.Add(m2, trace.Step{Kind: trace.Attempt})
		r.Add(m1, trace.Step{Kind: trace.Status})
		r.Add(other, trace.Step{Kind: trace.Received})
		if got := kinds(t, r.Unwritten(m1)); got != "attempt \x00 and \uFFFD, status" {
			t.Errorf("unwritten: %q", got)
		}
		flush(t, r)
		r.Add(m1, trace.Step{Kind: trace.Callback})
		flush(t, r)
		flush(t, r)
		for ref, want := range map[trace.Ref]string{m1: "attempt \x00 and \uFFFD, status, callback", m2: "attempt", other: "received"} {
			rows, err := s.Traces(t.Context(), ref.ProjectID, ref.AppID, ref.MessageID)
			if err != nil {
				t.Fatal(err)
			}
			if got := kinds(t, rows...); got != want {
				t.Errorf("%v: %q, want %q", ref, got, want)
			}
			if got := r.Unwritten(ref); got != "" {
				t.Errorf("%v is still unwritten: %s", ref, got)
			}
		}
	})
}

func flush(t *testing.T, r *trace.Recorder) {
	t.Helper()
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestManyAtOnce has steps of many messages noted while they are written.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, s *store.Store) {
		r, _ := recorder(s)
		const messages, steps = 300, 7
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := w; i < messages*steps; i += 4 {
					r.Add(ref(i%messages), trace.Step{Kind: trace.Attempt})
				}
			})
			wg.Go(func() { _ = r.Flush(t.Context()) })
		}
		wg.Wait()
		flush(t, r)
		for i := range messages {
			rows, err := s.Traces(t.Context(), "p1", "a1", ref(i).MessageID)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(strings.Join(rows, ","), `"step"`); n != steps {
				t.Fatalf("message %d has %d steps, want %d", i, n, steps)
			}
		}
	})
}

func ref(i int) trace.Ref {
	return trace.Ref{ProjectID: "p1", AppID: "a1", MessageID: fmt.Sprintf("%08d%018d", i/4000, i)}
}

// TestDropped fills the memory while nothing is written, and then has the
// database fail: neither is anybody's problem but the trace's.
func TestDropped(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.Context(), storetest.Options(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	r, reg := recorder(s)
	big := make([]byte, 1<<20)
	for i := range 64 {
		r.Add(ref(i), trace.Step{Kind: trace.Attempt, Payloads: [][]byte{big}})
	}
	if n := dropped(t, reg); n < 32 || n > 40 {
		t.Errorf("%v of 64 MiB were dropped, want what is over 32", n)
	}
	before := dropped(t, reg)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Flush(t.Context()); err == nil {
		t.Error("Flush of a closed store succeeded")
	}
	if n := dropped(t, reg); n != 64 || n == before {
		t.Errorf("%v were dropped, want all 64", n)
	}
	r.Add(ref(0), trace.Step{Kind: trace.Attempt, Payloads: [][]byte{big}})
	if n := dropped(t, reg); n != 64 {
		t.Error("the memory of what was dropped was not given back")
	}
}

func dropped(t *testing.T, reg *prometheus.Registry) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var n float64
	for _, f := range families {
		if f.GetName() == "parley_trace_dropped_total" {
			for _, m := range f.GetMetric() {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}

// TestOff: the nil Recorder takes no notes and does no harm.
func TestOff(t *testing.T) {
	t.Parallel()
	var r *trace.Recorder
	r.Add(ref(1), trace.Step{})
	flush(t, r)
	r.Run(t.Context())
	if r.On() || r.Unwritten(ref(1)) != "" {
		t.Error("it is on")
	}
}

// BenchmarkRecorder notes the steps of an ordinary message: an attempt with
// its exchange, two states, a receipt and two callbacks. ns/op is the whole of
// it, encoding and writing included.
func BenchmarkRecorder(b *testing.B) {
	s := storetest.Open(b, storetest.Options(b, ""))
	r := trace.New(trace.Options{Store: s, Log: slog.New(slog.DiscardHandler)})
	secrets := trace.OfCredential(&parley.ChannelCredential{
		Channel: parley.ChannelSMS, StaticBearer: &parley.StaticBearer{ClaimedIdentity: "plan", Token: "0123456789abcdef0123456789abcdef"},
	})
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		note(r, ref(i), secrets)
		if i%2000 == 1999 {
			if err := r.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := r.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkAdd is the part of it that the message waits for.
func BenchmarkAdd(b *testing.B) {
	s := storetest.Open(b, storetest.Options(b, ""))
	r := trace.New(trace.Options{Store: s, Log: slog.New(slog.DiscardHandler)})
	b.ReportAllocs()
	for i := range b.N {
		note(r, ref(i), nil)
		if i%2000 == 1999 {
			b.StopTimer()
			if err := r.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	}
}

func note(r *trace.Recorder, ref trace.Ref, secrets *trace.Secrets) {
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	request := []byte(`{"type":"mt_text","to":["46700000000"],"body":"` + strings.Repeat("Your parcel is here. ", 12) + `"}`)
	r.Add(ref, trace.Step{
		At: at, Kind: trace.Attempt, Channel: parley.ChannelSMS, Identity: "46700000000", Attempt: 1, Outcome: "accepted",
		Provider: "01BENCH1000000000000000001", Took: time.Millisecond, Secrets: secrets,
		Exchanges: []egress.Exchange{{
			Start: at, Took: time.Millisecond, Method: "POST", URL: "https://eu.sms.api.sinch.com/xms/v1/plan/batches", Status: 201,
			Request:  egress.Part{Body: request, Size: int64(len(request))},
			Response: egress.Part{Body: []byte(`{"id":"01BENCH1000000000000000001","type":"mt_text"}`), Size: 52},
		}},
	})
	for _, st := range []parley.DeliveryStatus{parley.StatusQueuedOnChannel, parley.StatusDelivered} {
		r.Add(ref, trace.Step{At: at, Kind: trace.Receipt, Channel: parley.ChannelSMS, Status: st, Provider: "01BENCH1000000000000000001"})
		r.Add(ref, trace.Step{At: at, Kind: trace.Status, Channel: parley.ChannelSMS, Status: st, Callbacks: 1})
		r.Add(ref, trace.Step{
			At: at, Kind: trace.Callback, Trigger: parley.TriggerMessageDelivery, WebhookID: "01W4FFL35P4NC4K35WEBHOOK01",
			Target: "https://app.example/***", Attempt: 1, Outcome: "delivered", Took: time.Millisecond, Answer: 200,
		})
	}
}
