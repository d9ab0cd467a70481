package parleytest

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-im/parley/internal/simulator"
)

// threadLength is how many messages a simulated handset keeps: more than any
// test sends to one.
const threadLength = 100_000

// A Simulator is the simulated providers, listening on loopback until the test
// ends.
type Simulator struct {
	*simulator.Simulator
	// URL is the address of the HTTP providers and of the handsets.
	URL string

	smpp string // address of the SMS centre
	away atomic.Bool
}

// StartSimulator starts the providers.
func StartSimulator(tb testing.TB) *Simulator {
	tb.Helper()
	s := &Simulator{Simulator: simulator.New(simulator.Options{Now: time.Now, MaxItems: threadLength})}
	web, smpp := listen(tb), listen(tb)
	s.URL, s.smpp = "http://"+web.Addr().String(), smpp.Addr().String()
	hs := &http.Server{Handler: s.gate(s.Handler()), ReadHeaderTimeout: patience}
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	served := make(chan struct{}, 2)
	go func() {
		_ = hs.Serve(web) // ends when closed
		served <- struct{}{}
	}()
	go func() {
		if err := s.ServeSMPP(ctx, smpp); err != nil && ctx.Err() == nil {
			tb.Errorf("serve SMPP: %v", err)
		}
		served <- struct{}{}
	}()
	tb.Cleanup(func() {
		cancel()
		hs.Close()
		s.Close()
		<-served
		<-served
	})
	return s
}

func listen(tb testing.TB) net.Listener {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// SetAway makes the HTTP providers unreachable, or reachable again: every
// connection is cut before anything is taken.
func (s *Simulator) SetAway(away bool) { s.away.Store(away) }

func (s *Simulator) gate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.away.Load() {
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}

// env points a server at the providers.
func (s *Simulator) env() []string {
	return []string{
		"PARLEY_CHANNELS_TELEGRAM_BASE_URL=" + s.URL + "/telegram",
		"PARLEY_CHANNELS_WHATSAPP_BASE_URL=" + s.URL + "/graph",
		"PARLEY_CHANNELS_SMS_SINCH_BASE_URL=" + s.URL + "/sms-sinch",
		"PARLEY_CHANNELS_SMS_SMPP_BASE_URL=smpp://" + s.smpp,
	}
}
