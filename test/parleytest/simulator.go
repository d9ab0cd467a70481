package parleytest

import (
	"context"
	"net"
	"net/http"
	"sync"
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
	// SMPP is the address of the SMS centre.
	SMPP string

	tb    testing.TB
	web   string // address
	leave func() // nil while away
}

// StartSimulator starts the providers.
func StartSimulator(tb testing.TB) *Simulator {
	tb.Helper()
	s := &Simulator{
		Simulator: simulator.New(simulator.Options{Now: time.Now, MaxItems: threadLength}),
		tb:        tb, web: FreeAddress(tb), SMPP: FreeAddress(tb),
	}
	s.URL = "http://" + s.web
	s.Return()
	tb.Cleanup(func() {
		s.Leave()
		s.Close()
	})
	return s
}

// Leave makes the providers unreachable: they listen no more and connections
// end. What they know stays.
func (s *Simulator) Leave() {
	if s.leave != nil {
		s.leave()
		s.leave = nil
	}
}

// Return makes the providers reachable again.
func (s *Simulator) Return() {
	s.tb.Helper()
	web, smpp := s.listen(s.web), s.listen(s.SMPP)
	hs := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: patience}
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.tb.Context()))
	var served sync.WaitGroup
	served.Go(func() { _ = hs.Serve(web) }) // ends when closed
	served.Go(func() {
		if err := s.Serve(ctx, simulator.ProviderSMPP, smpp); err != nil && ctx.Err() == nil {
			s.tb.Errorf("serve SMPP: %v", err)
		}
	})
	s.leave = func() {
		cancel()
		hs.Close()
		served.Wait()
	}
}

func (s *Simulator) listen(address string) net.Listener {
	s.tb.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		s.tb.Fatal(err)
	}
	return l
}

// env points a server at the providers.
func (s *Simulator) env() []string {
	return []string{
		"PARLEY_CHANNELS_TELEGRAM_BASE_URL=" + s.URL + "/telegram",
		"PARLEY_CHANNELS_WHATSAPP_BASE_URL=" + s.URL + "/graph",
		"PARLEY_CHANNELS_SMS_SINCH_BASE_URL=" + s.URL + "/sms-sinch",
		"PARLEY_CHANNELS_SMS_SMPP_BASE_URL=smpp://" + s.SMPP,
	}
}
