package channeltest

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-im/parley/internal/channel"
)

// FuzzReceive fuzzes Receive with genuine requests of any query and body,
// starting from the recorded ones: it must not panic, every error must be one
// of the two that Receive may return, and what is received is one thing each,
// from somebody.
func FuzzReceive(f *testing.F, s Suite) {
	f.Helper()
	s.complete(f)
	r, ok := s.Channel.(channel.Receiver)
	if !ok {
		f.Fatalf("%s is no Receiver", s.Channel.Name())
	}
	files, err := filepath.Glob(s.path("receive", "*.http"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no recorded requests: %v", err)
	}
	var requests []recorded
	for i, file := range files {
		req := record(f, file)
		_, query, _ := strings.Cut(req.target, "?")
		f.Add(uint16(i), query, req.body)
		requests = append(requests, req)
	}
	f.Fuzz(func(t *testing.T, i uint16, query string, body []byte) {
		req := requests[int(i)%len(requests)]
		req.body = body
		c := s.conn(t, "")
		genuine := s.request(t, c, req, false)
		genuine.URL.RawQuery = query
		if s.Sign != nil {
			s.Sign(c, genuine, body)
		}
		got, err := r.Receive(c, genuine, bytes.Clone(body))
		if err != nil && !errors.Is(err, channel.ErrForged) && !errors.Is(err, channel.ErrMalformed) {
			t.Errorf("got error %v, want ErrMalformed", err)
		}
		if err != nil && len(got.Inbound) > 0 {
			t.Errorf("%d inbound with error %v", len(got.Inbound), err)
		}
		for i := range got.Inbound {
			coherent(t, &got.Inbound[i])
			if _, err := json.Marshal(got.Inbound[i]); err != nil {
				t.Errorf("it cannot be stored: %v", err)
			}
		}
	})
}
