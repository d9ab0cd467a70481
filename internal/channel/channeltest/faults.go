package channeltest

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// faults breaks the connection at each point at which it can break. What
// matters is whether the provider may have the message: a channel that is
// wrong about it loses messages or sends them twice.
func (s *Suite) faults(t *testing.T) {
	rows := []struct {
		name  string
		want  channel.Outcome
		serve http.HandlerFunc // nil: nobody listens
	}{
		{"connection refused", channel.TryAgain, nil},
		{"connection lost after the request", channel.Unknown, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			cutOff(t, w, "")
		}},
		{"connection lost within the answer", channel.Unknown, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			cutOff(t, w, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
		}},
		{"an answer that is not HTTP", channel.Unknown, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			cutOff(t, w, "220 mail.example ESMTP\r\n")
		}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s.fault(t, row.want, s.address(t, row.serve))
		})
	}
	t.Run("no answer in time", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		address := s.address(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			cancel() // the caller's patience ends while the provider thinks
			<-r.Context().Done()
		})
		_, err := s.Channel.Send(ctx, s.conn(t, address), s.attempt(t, ""))
		s.unreached(t, err, channel.Unknown)
	})
	t.Run("no time left", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.Channel.Send(ctx, s.conn(t, s.address(t, nil)), s.attempt(t, ""))
		s.unreached(t, err, channel.TryAgain)
	})
}

func (s *Suite) fault(t *testing.T, want channel.Outcome, address string) {
	ctx, cancel := context.WithTimeout(t.Context(), callTimeout)
	defer cancel()
	_, err := s.Channel.Send(ctx, s.conn(t, address), s.attempt(t, ""))
	s.unreached(t, err, want)
}

func (s *Suite) unreached(t *testing.T, err error, want channel.Outcome) {
	t.Helper()
	e := s.failure(t, err)
	if e.Outcome != want {
		t.Errorf("got outcome %s, want %s (%v)", e.Outcome, want, err)
	}
	if e.Reason.Code != parley.ReasonChannelFailure {
		t.Errorf("got reason %s, want %s (%v)", e.Reason.Code, parley.ReasonChannelFailure, err)
	}
}

// address returns the address of a server that answers Suite.Serve's requests
// well and all others by serve, or of nobody when serve is nil.
func (s *Suite) address(t *testing.T, serve http.HandlerFunc) string {
	t.Helper()
	if serve == nil {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return "http://" + l.Addr().String()
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Serve == nil || !s.Serve(w, r) {
			serve(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// cutOff writes raw bytes and drops the connection.
func cutOff(t *testing.T, w http.ResponseWriter, raw string) {
	t.Helper()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Errorf("hijack: %v", err)
		return
	}
	_, _ = io.WriteString(conn, raw)
	_ = conn.Close()
}
