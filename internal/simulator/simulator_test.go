package simulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley/internal/simulator"
)

// patience is how long a test waits for something that must happen.
const patience = 10 * time.Second

// world is a simulator with its HTTP address.
type world struct {
	t    *testing.T
	sim  *simulator.Simulator
	base string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	sim := simulator.New(simulator.Options{Now: time.Now, ReadAfter: 5 * time.Millisecond, Workers: 4})
	srv := httptest.NewServer(sim.Handler())
	t.Cleanup(func() {
		srv.CloseClientConnections()
		sim.Close()
		srv.Close()
	})
	return &world{t, sim, srv.URL}
}

// call makes a request and returns the status and the JSON answered. A body
// that is not nil is sent as JSON; a string as it is.
func (w *world) call(method, path string, body any, header ...string) (int, map[string]any) {
	w.t.Helper()
	var r io.Reader = http.NoBody
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			w.t.Fatal(err)
		}
		r = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.base+path, r)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, map[string]any{"error": err.Error()}
	}
	defer resp.Body.Close()
	out := map[string]any{}
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(raw) > 0 && json.Unmarshal(raw, &out) != nil {
		out["raw"] = string(raw)
	}
	return resp.StatusCode, out
}

// must is call for requests that have to be answered with 2xx.
func (w *world) must(method, path string, body any, header ...string) map[string]any {
	w.t.Helper()
	status, out := w.call(method, path, body, header...)
	if status/100 != 2 {
		w.t.Fatalf("%s %s: %d %v", method, path, status, out)
	}
	return out
}

// wait returns the first message of a handset that matches the query.
func (w *world) wait(phone, query string) simulator.Item {
	w.t.Helper()
	out := w.must(http.MethodGet, "/handsets/"+phone+"/wait?timeout=10s&"+query, nil)
	return decode[simulator.Item](w.t, out)
}

func decode[T any](t *testing.T, v any) (out T) {
	t.Helper()
	raw, ok := v.([]byte)
	if !ok {
		var err error
		if raw, err = json.Marshal(v); err != nil {
			t.Fatal(err)
		}
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("decode %s: %v", raw, err)
	}
	return out
}

// at reads a value deep in JSON: at(v, "entry", 0, "changes").
func at(v any, path ...any) any {
	for _, p := range path {
		switch k := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[k]
		case int:
			l, _ := v.([]any)
			if k >= len(l) {
				return nil
			}
			v = l[k]
		}
	}
	return v
}

// hook is the server under test as the simulator sees it: a webhook.
type hook struct {
	t    *testing.T
	url  string
	got  chan hooked
	fail chan int // statuses to answer first
}

type hooked struct {
	header http.Header
	body   []byte
	json   map[string]any
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{t: t, got: make(chan hooked, 100), fail: make(chan int, 10)}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c := r.URL.Query().Get("hub.challenge"); c != "" {
			if r.URL.Query().Get("hub.verify_token") != "verify-me" {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			_, _ = io.WriteString(w, c)
			return
		}
		select {
		case status := <-h.fail:
			w.WriteHeader(status)
			return
		default:
		}
		body, _ := io.ReadAll(r.Body)
		in := hooked{header: r.Header.Clone(), body: body}
		_ = json.Unmarshal(body, &in.json)
		h.got <- in
	}))
	t.Cleanup(srv.Close)
	h.url = srv.URL + "/hook"
	return h
}

// next is the next webhook call.
func (h *hook) next() hooked {
	h.t.Helper()
	select {
	case in := <-h.got:
		return in
	case <-time.After(patience):
		h.t.Fatal("no webhook came")
		return hooked{}
	}
}

// find is the next webhook call that matches; others are dropped.
func (h *hook) find(match func(hooked) bool) hooked {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	for {
		select {
		case in := <-h.got:
			if match(in) {
				return in
			}
		case <-ctx.Done():
			h.t.Fatal("no such webhook came")
			return hooked{}
		}
	}
}

// schema opens a provider's published contract, or skips the test.
func schema(t *testing.T, name string) []byte {
	t.Helper()
	dir := os.Getenv("PARLEY_SCHEMAS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "schemas")
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err == nil {
		return b
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skip("set PARLEY_SCHEMAS to the directory of the providers' contracts")
	return nil
}
