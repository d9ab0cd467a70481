// Package egress is the way out: every byte the server sends to a provider, a
// webhook or a media host leaves through its dialer.
//
// It refuses addresses that are not on the public internet, after DNS
// resolution and at every connection attempt, so that a webhook address cannot
// be turned into a probe of the operator's own network. It bounds times and
// sizes, counts what happens, and takes secrets out of URLs and errors. It
// never retries, and it ignores the proxy variables of the environment: a
// proxy would resolve names where the guard cannot look.
package egress

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Bounds every client shares. Those of one exchange are in ClientOptions.
const (
	dialTimeout     = 10 * time.Second
	tlsTimeout      = 10 * time.Second
	idleTimeout     = 90 * time.Second
	pingAfter       = 15 * time.Second // of silence on an HTTP/2 connection
	pingTimeout     = 15 * time.Second
	maxHeaderBytes  = 64 << 10
	idlePerHost     = 256  // enough to reuse connections at thousands of requests/s to one host
	idleConnections = 2048 // of one client, to all hosts together
)

// Options says what an Egress may reach.
type Options struct {
	// AllowPrivate lets everything reach loopback, private, carrier-grade NAT
	// and unique local addresses. Link-local addresses and cloud metadata
	// services stay refused; to reach those, name them in Allowed.
	AllowPrivate bool

	// Allowed lists the places that are reached whatever their address:
	// "host:port", "host" for the ports 80 and 443, or an http or https URL
	// for its host and port. An entry that is none of these allows nothing.
	Allowed []string

	Metrics  prometheus.Registerer // nil: measured for nobody
	Resolver *net.Resolver         // nil: the system's
	Now      func() time.Time
}

// Egress is the one door out. It is safe for concurrent use.
type Egress struct {
	allowPrivate bool
	allowed      map[string]bool // by normal host:port
	dialer       net.Dialer
	sessions     tls.ClientSessionCache
	metrics      metrics
	now          func() time.Time

	mu         sync.Mutex
	transports []*http.Transport
}

// New returns the door out.
func New(o Options) *Egress {
	return &Egress{
		allowPrivate: o.AllowPrivate,
		allowed:      allowedHosts(o.Allowed),
		dialer:       net.Dialer{Timeout: dialTimeout, Resolver: o.Resolver},
		sessions:     tls.NewLRUClientSessionCache(idleConnections),
		metrics:      newMetrics(o.Metrics),
		now:          o.Now,
	}
}

// Dial connects to a "host:port" over tcp, tcp4 or tcp6 within 10 seconds. An
// address that is not public makes it fail with ErrPrivate. No error shows a
// resolved address.
func (e *Egress) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	switch network {
	case "tcp", "tcp4", "tcp6":
	default:
		return nil, &dialError{addr: addr, err: net.UnknownNetworkError(network)}
	}
	d := e.dialer
	var g guard
	if !e.allowed[normal(addr)] {
		g.allowPrivate = e.allowPrivate
		d.ControlContext = g.control
	}
	conn, err := d.DialContext(ctx, network, addr)
	switch {
	case err == nil:
		return conn, nil
	case g.refused.Load():
		return nil, &PrivateError{Host: hostOf(addr)}
	}
	return nil, &dialError{addr: addr, err: err}
}

// Close gives up the idle connections of all clients. Exchanges that are
// under way go on.
func (e *Egress) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, t := range e.transports {
		t.CloseIdleConnections()
	}
}

// transport returns a new connection pool behind the guard.
func (e *Egress) transport(o *ClientOptions) *http.Transport {
	t := &http.Transport{
		Proxy:                  nil, // see the package comment
		DialContext:            e.Dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, ClientSessionCache: e.sessions},
		TLSHandshakeTimeout:    tlsTimeout,
		ForceAttemptHTTP2:      true, // a dialer of our own turns it off otherwise
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		MaxIdleConns:           max(idleConnections, o.MaxConnsPerHost),
		MaxIdleConnsPerHost:    max(idlePerHost, o.MaxConnsPerHost),
		MaxConnsPerHost:        o.MaxConnsPerHost,
		IdleConnTimeout:        idleTimeout,
		ResponseHeaderTimeout:  o.HeaderTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		// The answers we read are small, and a small compressed answer can be
		// a very large one.
		DisableCompression: true,
	}
	e.mu.Lock()
	e.transports = append(e.transports, t)
	e.mu.Unlock()
	return t
}
