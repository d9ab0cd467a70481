package channeltest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-im/parley/internal/channel"
)

// connApp and connSecret are Conn.AppID and Conn.Secret.
const (
	connApp    = "01ARZ3NDEKTSV4RRFFQ69G5APP"
	connSecret = "5ec2e75ec2e75ec2e75ec2e75ec2e700"
)

// conn returns an account whose provider is at baseURL. It lets nothing leave
// loopback, and fails the test where a log record holds a secret or, above
// debug, the recipient's identity.
func (s *Suite) conn(t *testing.T, baseURL string) *channel.Conn {
	t.Helper()
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			t.Errorf("the channel dials %s: Conn.BaseURL was not used", address)
			return nil, fmt.Errorf("%s is not a loopback address", address)
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	transport := &http.Transport{DialContext: dial, DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)

	var logged journal
	t.Cleanup(func() {
		s.noSecret(t, "the log", logged.String())
		for line := range strings.Lines(logged.String()) {
			if !strings.Contains(line, "level=DEBUG") && strings.Contains(line, s.To) {
				t.Errorf("the log shows an identity above debug: %s", line)
			}
		}
	})
	return &channel.Conn{
		AppID:      connApp,
		Credential: s.Credential,
		BaseURL:    baseURL,
		WebhookURL: "https://parley.example/channels/webhook",
		Secret:     connSecret,
		HTTP:       &http.Client{Transport: transport},
		OpenMedia:  openMedia,
		Dial:       dial,
		Log:        slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:        func() time.Time { return time.Date(2030, 5, 1, 10, 0, 0, 0, time.UTC) },
	}
}

// openMedia stands for the media that messages of the corpus name: a few bytes
// of the type their address ends in.
func openMedia(_ context.Context, address string) (channel.Media, error) {
	const body = "media"
	return channel.Media{
		Body: io.NopCloser(strings.NewReader(body)), MIME: mime.TypeByExtension(path.Ext(address)), Size: int64(len(body)),
	}, nil
}

// A journal is a log in memory.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}
