package egress_test

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/parley-im/parley/internal/egress"
)

// refused are addresses no stranger may send us to, by why.
var refused = map[string][]string{
	"private": {
		"127.0.0.1", "127.255.255.255", "10.0.0.0", "10.255.255.255", "172.16.0.1", "172.31.255.255",
		"192.168.0.1", "192.168.255.255", "100.64.0.0", "100.127.255.255",
		"::1", "fc00::1", "fdff:ffff::1",
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:c0a8:101", "::ffff:100.64.0.1",
		"64:ff9b::127.0.0.1", "64:ff9b::a00:1", "64:ff9b::192.168.1.1",
		"2002:7f00:1::1", "2002:a00:1::", "2002:c0a8:101::1",
	},
	"special": {
		"0.0.0.0", "0.255.255.255", "169.254.0.1", "169.254.169.254", "169.254.255.255",
		"100.100.100.200", "168.63.129.16", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1",
		"198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
		"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::2", "::127.0.0.1", "100::1", "fe80::1", "fe80::1%lo", "febf::1", "fec0::1",
		"ff00::1", "ff02::1", "ff0e::1", "2001::1", "2001:1::1", "2001:20::1", "2001:db8::1", "3fff::1",
		"5f00::1", "4000::1", "64:ff9b:1::1", "64:ff9b:1::7f00:1", "fd00:ec2::254",
		"::ffff:169.254.169.254", "::ffff:0.0.0.0", "::ffff:255.255.255.255", "::ffff:0:7f00:1",
		"64:ff9b::169.254.169.254", "64:ff9b::e000:1", "2002:a9fe:a9fe::1", "2002:e000:1::1", "2002:0:0::1",
	},
}

func TestGuardRefusesEveryAddressThatIsNotPublic(t *testing.T) {
	t.Parallel()
	strict := open(t, egress.Options{})
	lax := open(t, egress.Options{AllowPrivate: true})
	for why, ips := range refused {
		for _, ip := range ips {
			addr := net.JoinHostPort(ip, "9")
			target := "http://" + strings.Replace(addr, "%", "%25", 1) + "/hook"
			wantRefused(t, strict, addr)
			if err := strict.CheckTarget(t.Context(), target); !errors.Is(err, egress.ErrPrivate) {
				t.Errorf("CheckTarget(%s): got %v, want ErrPrivate", target, err)
			}
			if why == "special" {
				wantRefused(t, lax, addr)
				continue
			}
			if err := lax.CheckTarget(t.Context(), target); err != nil {
				t.Errorf("CheckTarget(%s) where private is allowed: %v", target, err)
			}
		}
	}
}

// wantRefused dials without looking at the network: the guard answers before
// anything is sent. A machine without IPv6 cannot make the socket at all.
func wantRefused(t *testing.T, e *egress.Egress, addr string) {
	t.Helper()
	conn, err := e.Dial(t.Context(), "tcp", addr)
	if err == nil {
		conn.Close()
		t.Errorf("Dial(%s): connected", addr)
		return
	}
	if !errors.Is(err, egress.ErrPrivate) && !strings.Contains(err.Error(), "address family not supported") {
		t.Errorf("Dial(%s): got %v, want ErrPrivate", addr, err)
	}
}

func TestPublicAddressesAreTargets(t *testing.T) {
	t.Parallel()
	e := open(t, egress.Options{})
	for _, host := range []string{
		"1.1.1.1", "9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "100.63.255.255",
		"100.128.0.0", "169.253.255.255", "126.255.255.255", "128.0.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
		"[2606:4700::1111]", "[2a00:1450::1]", "[2001:4860:4860::8888]", "[::ffff:1.1.1.1]", "[64:ff9b::1.1.1.1]", "[2002:101:101::1]",
		"example.com", "EXAMPLE.com.", "xn--bcher-kva.example", "user:pass@example.com", "example.com:8443", "a_b.example.com",
	} {
		if err := e.CheckTarget(t.Context(), "https://"+host+"/hook?key=1"); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestCheckTargetRefusesWhatCannotBeCalled(t *testing.T) {
	t.Parallel()
	e := open(t, egress.Options{})
	for _, target := range []string{
		"", "example.com", "//example.com/", "ftp://example.com/", "file:///etc/passwd", "javascript:alert(1)", "http:///x",
		"http://", "https://:443/", "http://exa mple.com/", "http://example.com:0/", "http://example.com:65536/",
		"http://example.com:/", "http://example.com:http/", "http://2130706433/", "http://0x7f000001/", "http://0x7f.1/",
		"http://127.1/", "http://0177.0.0.1/", "http://0x/", "http://a%00b/", "http://.../", "http://%6c%6fcalhost/",
		"http://localhost/", "http://LOCALHOST./", "http://a.localhost:80/", "http://user@127.0.0.1/", "http:\\\\127.0.0.1/",
	} {
		err := e.CheckTarget(t.Context(), target)
		if err == nil {
			t.Errorf("%q: accepted", target)
		} else if len(target) > 20 && strings.Contains(err.Error(), target) {
			t.Errorf("%q: the error repeats it: %v", target, err)
		}
	}
}

func TestNamesAreCheckedAfterResolution(t *testing.T) {
	t.Parallel()
	for name, answers := range map[string][]string{
		"loopback": {"127.0.0.1"},
		"metadata": {"169.254.169.254"},
		"several":  {"10.0.0.1", "192.168.0.1", "172.16.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := open(t, egress.Options{Resolver: startDNS(t, answers)})
			if err := e.CheckTarget(t.Context(), "http://inside.parley.test/"); err != nil {
				t.Fatalf("CheckTarget: %v", err)
			}
			_, err := get(t, e.Client("test", egress.ClientOptions{}), "http://inside.parley.test/")
			if !errors.Is(err, egress.ErrPrivate) {
				t.Fatalf("got %v, want ErrPrivate", err)
			}
			if !strings.Contains(err.Error(), "inside.parley.test") {
				t.Errorf("the error does not name the host: %v", err)
			}
			for _, ip := range answers {
				if strings.Contains(err.Error(), ip) {
					t.Errorf("the error shows the address: %v", err)
				}
			}
			if op, ok := errors.AsType[*net.OpError](err); ok {
				t.Errorf("the chain shows the address: %v", op)
			}
		})
	}
}

// The name means a permitted address first and a metadata service from then
// on: each new connection is judged by its own answer.
func TestRebindingIsCaughtAtTheNextConnection(t *testing.T) {
	t.Parallel()
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })
	e := open(t, egress.Options{
		AllowPrivate: true,
		Resolver:     startDNS(t, []string{"127.0.0.1"}, []string{"169.254.169.254"}),
	})
	c := e.Client("test", egress.ClientOptions{})
	address := "http://rebind.parley.test:" + u.Port() + "/"

	resp, err := get(t, c, address)
	if err != nil {
		t.Fatalf("first: %v", err)
	}
	resp.Body.Close()
	if _, err := get(t, c, address); !errors.Is(err, egress.ErrPrivate) {
		t.Errorf("second: got %v, want ErrPrivate", err)
	}
}

func TestAllowedHostsAreAllowedOnTheirPortOnly(t *testing.T) {
	t.Parallel()
	u := serve(t, func(http.ResponseWriter, *http.Request) {})
	other := serve(t, func(http.ResponseWriter, *http.Request) {})
	resolver := startDNS(t, []string{"127.0.0.1"})
	for _, allowed := range []string{u.Host, u.String() + "/bot/path", "http://SMSC.parley.test:" + u.Port(), "smsc.parley.test.:" + u.Port()} {
		e := open(t, egress.Options{Allowed: []string{"", "http://", allowed}, Resolver: resolver})
		host := "127.0.0.1"
		if strings.Contains(allowed, "test") {
			host = "smsc.parley.test"
		}
		conn, err := e.Dial(t.Context(), "tcp", net.JoinHostPort(host, u.Port()))
		if err != nil {
			t.Errorf("%s: %v", allowed, err)
			continue
		}
		conn.Close()
		for _, addr := range []string{
			net.JoinHostPort(host, other.Port()),
			net.JoinHostPort("other.parley.test", u.Port()),
			net.JoinHostPort("::ffff:127.0.0.1", u.Port()),
			net.JoinHostPort("127.0.0.2", u.Port()),
		} {
			wantRefused(t, e, addr)
		}
		if err := e.CheckTarget(t.Context(), "http://"+net.JoinHostPort(host, u.Port())); err != nil {
			t.Errorf("%s: CheckTarget: %v", allowed, err)
		}
	}
}

func TestABareAllowedHostMeansTheWebPorts(t *testing.T) {
	t.Parallel()
	e := open(t, egress.Options{Allowed: []string{"10.1.2.3", "[::1]"}})
	for target, ok := range map[string]bool{
		"http://10.1.2.3/": true, "https://10.1.2.3/": true, "https://10.1.2.3:80/": true,
		"http://10.1.2.3:8080/": false, "http://10.1.2.4/": false, "http://[::1]/": true, "http://[::1]:81/": false,
	} {
		if err := e.CheckTarget(t.Context(), target); (err == nil) != ok {
			t.Errorf("%s: got %v, want allowed %t", target, err, ok)
		}
	}
}

func TestDialSpeaksTCPOnly(t *testing.T) {
	t.Parallel()
	e := open(t, egress.Options{AllowPrivate: true})
	for _, network := range []string{"udp", "unix", "ip4:icmp", ""} {
		if conn, err := e.Dial(t.Context(), network, "127.0.0.1:53"); err == nil {
			conn.Close()
			t.Errorf("%q: connected", network)
		}
	}
}
