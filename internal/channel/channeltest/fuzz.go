package channeltest

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	"github.com/parley-im/parley/internal/channel"
)

// FuzzReceive fuzzes Receive with genuine requests of any body, starting from
// the recorded ones: it must not panic, and every error must be one of the two
// that Receive may return.
func FuzzReceive(f *testing.F, s Suite) {
	f.Helper()
	if s.Testdata == "" {
		s.Testdata = "testdata"
	}
	r, ok := s.Channel.(channel.Receiver)
	if !ok {
		f.Fatalf("%s is no Receiver", s.Channel.Name())
	}
	files, err := filepath.Glob(s.path("receive", "*.http"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no recorded requests: %v", err)
	}
	first := record(f, files[0])
	for _, file := range files {
		f.Add(record(f, file).body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c := s.conn(t, "")
		req := first
		req.body = body
		_, err := r.Receive(c, s.request(t, c, req, true), bytes.Clone(body))
		if err != nil && !errors.Is(err, channel.ErrForged) && !errors.Is(err, channel.ErrMalformed) {
			t.Errorf("got error %v, want ErrMalformed", err)
		}
	})
}
