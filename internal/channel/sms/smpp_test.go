package sms

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley/internal/channel"
)

func TestDialTLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	address := server.Listener.Addr().(*net.TCPAddr)
	for name, tt := range map[string]struct {
		settings smppSettings
		ok       bool
	}{
		"trusted":      {smppSettings{TLS: true, TLSCA: ca}, true},
		"another name": {smppSettings{TLS: true, TLSCA: ca, TLSServerName: "smsc.invalid"}, false},
		"not trusted":  {smppSettings{TLS: true}, false},
	} {
		s := tt.settings
		s.Host, s.Port = address.IP.String(), address.Port
		ctx, cancel := context.WithTimeout(t.Context(), peerTimeout)
		conn, err := s.dial(ctx, &channel.Conn{Dial: new(net.Dialer).DialContext})
		cancel()
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
		if conn != nil {
			conn.Close()
		}
	}
}

func TestDialReplacedAddress(t *testing.T) {
	t.Parallel()
	var dialed []string
	c := &channel.Conn{Dial: func(_ context.Context, _, address string) (net.Conn, error) {
		dialed = append(dialed, address)
		return nil, net.ErrClosed
	}}
	s := &smppSettings{Host: "smsc.example", Port: 2775}
	for _, base := range []string{"", "https://sms.example", "smpp://127.0.0.1:12775"} {
		c.BaseURL = base
		_, _ = s.dial(t.Context(), c)
	}
	want := "smsc.example:2775 smsc.example:2775 127.0.0.1:12775"
	if got := strings.Join(dialed, " "); got != want {
		t.Errorf("dialed %s, want %s", got, want)
	}
}

func TestFindSMPP(t *testing.T) {
	t.Parallel()
	for onUnknown, want := range map[string]channel.Outcome{onUnknownResend: -1, onUnknownWait: channel.Unknown} {
		c := &channel.Conn{Credential: smppCredential(`{"host":"x","on_unknown":"` + onUnknown + `"}`)}
		_, found, err := New().Find(t.Context(), c, channel.Attempt{})
		if found || (want < 0) != (err == nil) || err != nil && channel.AsError(err).Outcome != want {
			t.Errorf("%s: found %t, %v", onUnknown, found, err)
		}
	}
}

func TestNoListener(t *testing.T) {
	t.Parallel()
	c := &channel.Conn{Credential: smppCredential(`{"host":"x"}`), Now: time.Now}
	body, err := json.Marshal(&segment{Text: "x", Alphabet: alphabetGSM7})
	if err != nil {
		t.Fatal(err)
	}
	_, err = New().Send(t.Context(), c, channel.Attempt{Payload: channel.Payload{Body: body}})
	if e := channel.AsError(err); e.Outcome != channel.TryAgain || e.After == 0 {
		t.Errorf("with nobody listening: %v", err)
	}
}
