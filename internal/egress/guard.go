package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
)

// ErrPrivate is what errors.Is finds in the error for a host that was refused
// because its address is not public.
var ErrPrivate = errors.New("not a public address")

// A PrivateError refuses a host. It names the host as it was asked for and
// never what it resolved to: that would map the operator's network.
type PrivateError struct{ Host string }

func (e *PrivateError) Error() string { return e.Host + " is " + ErrPrivate.Error() }

// Unwrap returns ErrPrivate.
func (e *PrivateError) Unwrap() error { return ErrPrivate }

// A reach says who an address belongs to.
type reach int

const (
	public  reach = iota
	private       // the operator's own network or machine
	special       // nobody's that a message should go to, even when private is allowed
)

// ranges4 is what is not public of IPv4 (IANA's special-purpose registry).
var ranges4 = []struct {
	prefix netip.Prefix
	reach  reach
}{
	{netip.MustParsePrefix("10.0.0.0/8"), private},
	{netip.MustParsePrefix("127.0.0.0/8"), private},
	{netip.MustParsePrefix("172.16.0.0/12"), private},
	{netip.MustParsePrefix("192.168.0.0/16"), private},
	{netip.MustParsePrefix("100.100.100.200/32"), special}, // Alibaba Cloud's metadata service, inside the next
	{netip.MustParsePrefix("100.64.0.0/10"), private},      // carrier-grade NAT
	{netip.MustParsePrefix("0.0.0.0/8"), special},          // Linux takes 0.0.0.0 for loopback
	{netip.MustParsePrefix("169.254.0.0/16"), special},     // link-local, cloud metadata services
	{netip.MustParsePrefix("168.63.129.16/32"), special},   // Azure's host, public only in form
	{netip.MustParsePrefix("192.0.0.0/24"), special},       // protocol assignments, Oracle's metadata service
	{netip.MustParsePrefix("192.0.2.0/24"), special},       // documentation
	{netip.MustParsePrefix("192.88.99.0/24"), special},     // 6to4 relays
	{netip.MustParsePrefix("198.18.0.0/15"), special},      // benchmarks
	{netip.MustParsePrefix("198.51.100.0/24"), special},    // documentation
	{netip.MustParsePrefix("203.0.113.0/24"), special},     // documentation
	{netip.MustParsePrefix("224.0.0.0/4"), special},        // multicast
	{netip.MustParsePrefix("240.0.0.0/4"), special},        // reserved, broadcast
}

// The parts of IPv6 that matter here. Only global unicast is public, so what
// is reserved today stays refused.
var (
	global6   = netip.MustParsePrefix("2000::/3")
	unique6   = netip.MustParsePrefix("fc00::/7")
	aws6      = netip.MustParseAddr("fd00:ec2::254") // AWS's metadata service
	nat64     = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour = netip.MustParsePrefix("2002::/16")

	special6 = []netip.Prefix{
		netip.MustParsePrefix("2001::/23"),     // protocol assignments, with Teredo
		netip.MustParsePrefix("2001:db8::/32"), // documentation
		netip.MustParsePrefix("3fff::/20"),     // documentation
	}
)

// reachOf tells whose address it is. An IPv4 address wrapped in an IPv6 one
// counts as what it wraps, because that is where the packets end.
func reachOf(a netip.Addr) reach {
	a = a.WithZone("").Unmap()
	if a.Is4() {
		for _, r := range ranges4 {
			if r.prefix.Contains(a) {
				return r.reach
			}
		}
		return public
	}
	b := a.As16()
	switch {
	case nat64.Contains(a):
		return reachOf(netip.AddrFrom4([4]byte(b[12:])))
	case sixToFour.Contains(a):
		return reachOf(netip.AddrFrom4([4]byte(b[2:6])))
	case a == netip.IPv6Loopback():
		return private
	case unique6.Contains(a) && a != aws6:
		return private
	case !global6.Contains(a):
		return special
	}
	for _, p := range special6 {
		if p.Contains(a) {
			return special
		}
	}
	return public
}

// admits reports whether an address of reach r may be connected to.
func admits(r reach, allowPrivate bool) bool {
	return r == public || r == private && allowPrivate
}

// A guard watches the connection attempts of one dial. A name may stand for
// several addresses, tried in turn or side by side.
type guard struct {
	allowPrivate bool
	refused      atomic.Bool // at least one attempt
}

// control is called by the dialer with the resolved address of each attempt,
// after the socket is made and before it connects. No name is looked up
// between this check and its use, so a second DNS answer cannot slip in.
func (g *guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !admits(reachOf(ap.Addr()), g.allowPrivate) {
		g.refused.Store(true)
		return ErrPrivate
	}
	return nil
}

// allowedHosts reads Options.Allowed into a set of normal host:port.
func allowedHosts(entries []string) map[string]bool {
	set := make(map[string]bool, len(entries))
	for _, s := range entries {
		if strings.Contains(s, "://") {
			if u, err := url.Parse(s); err == nil && u.Hostname() != "" {
				set[normal(net.JoinHostPort(u.Hostname(), portOf(u)))] = true
			}
			continue
		}
		if _, _, err := net.SplitHostPort(s); err == nil {
			set[normal(s)] = true
			continue
		}
		host := strings.Trim(s, "[]")
		if host == "" {
			continue
		}
		for _, port := range []string{"80", "443"} {
			set[normal(net.JoinHostPort(host, port))] = true
		}
	}
	return set
}

// normal returns one spelling of a host:port. One that cannot be split is
// left alone, and matches nothing.
func normal(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return net.JoinHostPort(ip.String(), port)
	}
	return net.JoinHostPort(strings.ToLower(strings.TrimSuffix(host, ".")), port)
}

// hostOf returns the host of a host:port, or all of what cannot be split.
func hostOf(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return host
}

// portOf returns the port of an http or https URL.
func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
