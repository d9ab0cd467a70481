package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// CheckTarget says early what is wrong with an address that is to be called
// later, such as a webhook's target: its scheme, its host, or a host that is
// plainly private (ErrPrivate). It looks nothing up. The check that counts is
// made at each dial, because what a name stands for can change.
//
// The error is fit for an API caller and does not repeat the URL.
func (e *Egress) CheckTarget(_ context.Context, rawURL string) error {
	u, err := url.Parse(rawURL)
	if err != nil {
		return errors.New("is not a valid URL")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("must start with http:// or https://")
	}
	host := u.Hostname()
	if host == "" {
		return errors.New("has no host")
	}
	if strings.HasSuffix(u.Host, ":") {
		return errors.New("has an empty port")
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return errors.New("has a port outside 1 to 65535")
		}
	}
	if e.allowed[normal(net.JoinHostPort(host, portOf(u)))] {
		return nil
	}
	return e.checkHost(host)
}

func (e *Egress) checkHost(host string) error {
	if ip, err := netip.ParseAddr(host); err == nil {
		if !admits(reachOf(ip), e.allowPrivate) {
			return &PrivateError{Host: host}
		}
		return nil
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch {
	case strings.ContainsAny(name, ":%/\\ \t"):
		return errors.New("has an invalid host")
	case last == "localhost" && !e.allowPrivate:
		return &PrivateError{Host: host}
	case last == "" || isNumber(last):
		// 2130706433, 0x7f.1 and 127.1 are loopback to some resolvers. No
		// top-level domain is a number.
		return errors.New("has an invalid host")
	}
	return nil
}

// isNumber reports whether a resolver may take a label for a part of an IPv4
// address: decimal, octal or hexadecimal.
func isNumber(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		label = strings.TrimLeft(hex, "abcdef0123456789")
		return label == ""
	}
	return strings.Trim(label, "0123456789") == ""
}
