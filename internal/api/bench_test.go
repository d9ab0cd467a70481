package api

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/parley-im/parley"
)

// BenchmarkDecode is a bare handler that only decodes: what BenchmarkSend is
// measured against.
func BenchmarkDecode(b *testing.B) {
	body := text("01ARZ3NDEKTSV4RRFFQ69G5FAV", "15551230001", "Hello")
	bench(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(raw, new(parley.SendMessageRequest))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}), func() *http.Request { return httptest.NewRequest("POST", "/", strings.NewReader(body)) })
}

// BenchmarkRefuse is everything this package does for a send request: the
// engine refuses it at once, since it does not validate.
func BenchmarkRefuse(b *testing.B) {
	h := newHarness(b)
	bearer := "Bearer " + h.grant(b)
	body := strings.Replace(text("01ARZ3NDEKTSV4RRFFQ69G5FAV", "15551230001", "Hello"), `"app_id":"01`, `"app_id":"`, 1)
	bench(b, h.api.Handler(), func() *http.Request {
		r := h.request("POST", "P/messages:send", body)
		r.Header.Set("Authorization", bearer)
		return r
	})
}

// BenchmarkSend is a message accepted, durable commit included.
func BenchmarkSend(b *testing.B) {
	h := newHarness(b)
	app, bearer := h.app(b, dispatchApp), "Bearer "+h.grant(b)
	bench(b, h.api.Handler(), func() *http.Request {
		r := h.request("POST", "P/messages:send", text(app, "15551230001", "Hello"))
		r.Header.Set("Authorization", bearer)
		return r
	})
}

func bench(b *testing.B, handler http.Handler, request func() *http.Request) {
	b.Helper()
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			handler.ServeHTTP(httptest.NewRecorder(), request())
		}
	})
}
