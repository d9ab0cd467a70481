package api

import (
	"net/http"
	"net/url"
	"strings"
)

// isVerb reports whether the API has the custom verb on one of a collection's
// resources, such as conversations/{id}:stop.
func isVerb(collection, verb string) bool {
	switch collection {
	case "contacts":
		return verb == "merge"
	case "conversations":
		return verb == "stop" || verb == "inject-message" || verb == "inject-event"
	}
	return false
}

// splitVerb moves a known custom verb into a segment of its own, {id}/:stop,
// because ServeMux has no patterns within a segment and would take {id}:stop
// for an id. It splits the escaped path, so that an id is left as it is; the
// colon may be escaped, too.
func splitVerb(r *http.Request) *http.Request {
	p := r.URL.EscapedPath()
	dir, last := p, ""
	if i := strings.LastIndexByte(p, '/'); i >= 0 {
		dir, last = p[:i], p[i+1:]
	}
	id, verb, ok := cutVerb(last)
	if !ok || !isVerb(dir[strings.LastIndexByte(dir, '/')+1:], verb) {
		return r
	}
	return withPath(r, dir+"/"+id+"/:"+verb)
}

// cutVerb splits at the last colon.
func cutVerb(segment string) (id, verb string, ok bool) {
	at, width := strings.LastIndexByte(segment, ':'), 1
	for _, escaped := range []string{"%3A", "%3a"} {
		if i := strings.LastIndex(segment, escaped); i > at {
			at, width = i, len(escaped)
		}
	}
	if at <= 0 {
		return "", "", false
	}
	return segment[:at], segment[at+width:], true
}

// withPath returns the request with another escaped path.
func withPath(r *http.Request, escaped string) *http.Request {
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		return r
	}
	u := *r.URL
	u.Path, u.RawPath = plain, escaped
	c := *r
	c.URL = &u
	return &c
}
