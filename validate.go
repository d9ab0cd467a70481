package parley

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"unicode/utf8"
)

// A path is a member's place on the wire, such as message.cards[2].title.
type path string

func (p path) field(name string) path {
	if p == "" {
		return path(name)
	}
	return p + "." + path(name)
}

func (p path) index(i int) path { return p + path("["+strconv.Itoa(i)+"]") }

func invalid(p path, format string, args ...any) error {
	msg := fmt.Sprintf(format, args...)
	if p != "" {
		msg = string(p) + ": " + msg
	}
	return &Error{Code: CodeInvalidArgument, Message: msg, Field: string(p)}
}

func missing(p path) error { return invalid(p, "is required") }

// required rejects the empty string.
func required(p path, s string) error {
	if s == "" {
		return missing(p)
	}
	return nil
}

// atMost rejects strings of more than n characters (code points, not bytes).
func atMost(p path, s string, n int) error {
	if len(s) > n && utf8.RuneCountInString(s) > n {
		return invalid(p, "must have at most %d characters", n)
	}
	return nil
}

func oneOf[T ~string](p path, v T, allowed ...T) error {
	if slices.Contains(allowed, v) {
		return nil
	}
	return invalid(p, "unknown value %q", string(v))
}

// object accepts JSON objects. Raw text begins with its first token.
func object(p path, text json.RawMessage) error {
	if len(text) == 0 {
		return missing(p)
	}
	if text[0] != '{' {
		return invalid(p, "must be a JSON object")
	}
	return nil
}

// absoluteURL accepts http and https URLs with a host.
func absoluteURL(p path, s string) error {
	if s == "" {
		return missing(p)
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return invalid(p, "must be an absolute http or https URL")
	}
	return nil
}

// first returns the first error, so that checks read as a list.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// each applies check to every element under its index.
func each[T any](p path, list []T, check func(*T, path) error) error {
	for i := range list {
		if err := check(&list[i], p.index(i)); err != nil {
			return err
		}
	}
	return nil
}

// exactlyOne rejects a one-of with no member or several.
func exactlyOne(p path, what string, set []string) error {
	switch len(set) {
	case 1:
		return nil
	case 0:
		return invalid(p, "needs a %s", what)
	default:
		return invalid(p, "has more than one %s: %s and %s", what, set[0], set[1])
	}
}
