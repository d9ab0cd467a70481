package egress

import (
	"errors"
	"net"
	"net/url"
	"strings"
)

// hidden stands for what was taken out of a URL.
const hidden = "***"

// RedactURL returns what may be shown of a URL: scheme, host and port. Some
// providers want their token in the path, some webhooks carry theirs in the
// query or as a password.
func RedactURL(u *url.URL) string {
	if u == nil || u.Host == "" {
		return hidden
	}
	s := u.Host
	if u.Scheme != "" {
		s = u.Scheme + "://" + s
	}
	if u.EscapedPath() != "" && u.Path != "/" || u.RawQuery != "" {
		s += "/" + hidden
	}
	return s
}

// Redact returns err with every URL of an HTTP error in it reduced to what
// RedactURL shows. What errors.Is finds stays; errors.As finds a *url.Error
// without the secret.
func Redact(err error) error {
	u, ok := errors.AsType[*url.Error](err)
	if !ok {
		return err
	}
	clean := &url.Error{Op: u.Op, URL: redactString(u.URL), Err: Redact(u.Err)}
	if err == error(u) { //nolint:errorlint // whether it is wrapped is the question
		return clean
	}
	text := clean.Error()
	if before, after, found := strings.Cut(err.Error(), u.Error()); found {
		text = before + text + after
	}
	return &redacted{text: text, clean: clean, whole: err}
}

func redactString(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return hidden
	}
	return RedactURL(u)
}

// redacted is an error that wrapped a *url.Error.
type redacted struct {
	text  string
	clean *url.Error
	whole error // for its identity only, never for its text
}

func (r *redacted) Error() string { return r.text }

func (r *redacted) Unwrap() error { return r.clean }

func (r *redacted) Is(target error) bool { return errors.Is(r.whole, target) }

// A dialError is a connection that was not made. Its text has the address
// that was asked for, not the resolved one nor that of the name server.
type dialError struct {
	addr string
	err  error
}

func (e *dialError) Error() string { return "dial " + e.addr + ": " + e.reason() }

func (e *dialError) Unwrap() error { return e.err }

// Timeout lets http.Client's own error tell a timeout.
func (e *dialError) Timeout() bool { return isTimeout(e.err) }

func (e *dialError) reason() string {
	if dns, ok := errors.AsType[*net.DNSError](e.err); ok {
		// Its own text may quote the name server's address.
		switch {
		case dns.IsNotFound:
			return "no such host"
		case dns.IsTimeout:
			return "name lookup timed out"
		}
		return "name lookup failed"
	}
	if op, ok := errors.AsType[*net.OpError](e.err); ok {
		return op.Err.Error()
	}
	return e.err.Error()
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout()
}
