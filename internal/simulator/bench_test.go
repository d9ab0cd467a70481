package simulator_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-im/parley/internal/simulator"
)

// benchmarkSend measures sends over HTTP with 16 connections, with what the
// simulator posts in return going to a server that only reads.
func benchmarkSend(b *testing.B, path string, body func(n int64) string, setUp func(*simulator.Simulator, string)) {
	b.Helper()
	null := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.Query().Get("hub.challenge"))
	}))
	defer null.Close()
	sim := simulator.New(simulator.Options{Now: time.Now})
	setUp(sim, null.URL)
	srv := httptest.NewServer(sim.Handler())
	defer srv.Close()
	defer sim.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	var n atomic.Int64
	b.SetParallelism(8)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, srv.URL+path, strings.NewReader(body(n.Add(1))))
			if err != nil {
				b.Error(err)
				return
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", "Bearer tok")
			resp, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode/100 != 2 {
				b.Errorf("answered %s", resp.Status)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

func BenchmarkTelegram(b *testing.B) {
	benchmarkSend(b, tg("sendMessage"), func(n int64) string {
		return `{"chat_id":` + strconv.FormatInt(1+n%500, 10) + `,"text":"Hello"}`
	}, func(s *simulator.Simulator, _ string) {
		if err := s.Put(b.Context(), simulator.ProviderTelegram, tgToken, simulator.TelegramAccount{}); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkWhatsAppWithStatuses(b *testing.B) {
	benchmarkSend(b, waMessages, func(n int64) string {
		return msg(strconv.FormatInt(46700000000+n%500, 10), `"type":"text","text":{"body":"Hello"}`)
	}, func(s *simulator.Simulator, url string) {
		if err := s.Put(b.Context(), simulator.ProviderWhatsApp, "10654", simulator.WhatsAppAccount{Token: "tok", AppSecret: "s", WebhookURL: url}); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkSinchWithReports(b *testing.B) {
	benchmarkSend(b, batches, func(n int64) string {
		return `{"from":"1","to":["` + strconv.FormatInt(46700000000+n%500, 10) + `"],"body":"Hello","delivery_report":"per_recipient_final"}`
	}, func(s *simulator.Simulator, url string) {
		if err := s.Put(b.Context(), simulator.ProviderSinch, "plan1", simulator.SinchAccount{Token: "tok", CallbackURL: url}); err != nil {
			b.Fatal(err)
		}
	})
}
