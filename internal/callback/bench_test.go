package callback

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/egress"
)

// BenchmarkDeliver is to be read beside BenchmarkPost, which does no more
// than post the same bytes through the same client.
func BenchmarkDeliver(b *testing.B) {
	client, url := receiver(b)
	hook := &parley.Webhook{
		ID: "w1", AppID: "a1", Target: url, TargetType: parley.TargetHTTP, Secret: "CactusKnight_SurfsWaves",
		Triggers: []parley.Trigger{parley.TriggerMessageSubmit},
	}
	s := New(Options{
		Client:  client,
		Webhook: func(context.Context, string, string) (*parley.Webhook, error) { return hook, nil },
		Now:     time.Now,
		Log:     slog.New(slog.DiscardHandler),
	})
	c := submitted()
	c.AcceptedTime = time.Now()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			jobs, err := Jobs("p1", c, parley.TriggerMessageSubmit, []*parley.Webhook{hook})
			if err == nil {
				err = s.Deliver(b.Context(), jobs[0])
			}
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkPost is the least a delivery can cost.
func BenchmarkPost(b *testing.B) {
	client, url := receiver(b)
	body, err := encode(submitted())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			resp, err := client.Post(url, "application/json", bytes.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	})
}

// BenchmarkJobs is what a callback costs inside the commit.
func BenchmarkJobs(b *testing.B) {
	hook := &parley.Webhook{ID: "w1", TargetType: parley.TargetHTTP, Triggers: []parley.Trigger{parley.TriggerMessageSubmit}}
	c := submitted()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Jobs("p1", c, parley.TriggerMessageSubmit, []*parley.Webhook{hook}); err != nil {
			b.Fatal(err)
		}
	}
}

func receiver(b *testing.B) (*http.Client, string) {
	b.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	b.Cleanup(srv.Close)
	e := egress.New(egress.Options{AllowPrivate: true, Now: time.Now})
	b.Cleanup(e.Close)
	return e.Client("callback", egress.ClientOptions{}), srv.URL
}
