package api

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-im/parley"
)

// params reads query parameters. The first that is broken is remembered in
// err, so that an operation reads all and then looks once. An empty parameter
// is one that was left out.
//
// What asks for every parameter, whatever the others are, can be run without a
// request to learn which parameters there are; see operation.parameters.
type params struct {
	request *request // nil when there is none
	values  url.Values
	err     error
	asked   *[]parameter // notes what is asked for, unless nil
}

// A parameter is what can be known of a query parameter without a request.
type parameter struct {
	name     string
	kind     kind
	enum     []string // the allowed values; the first is the default
	most     int      // of a page size: the largest page
	required bool
}

// A kind is how a query parameter is read.
type kind int

// The kinds of query parameters.
const (
	kindText kind = iota
	kindID
	kindFlag
	kindEnum
	kindChannel
	kindTime
	kindPageSize
	kindList // comma-separated or repeated
)

// params parses the query. Values may come unescaped from the Node SDK.
func (r *request) params() *params {
	values, err := url.ParseQuery(r.http.URL.RawQuery)
	p := &params{request: r, values: values}
	if err != nil {
		p.err = &parley.Error{Code: parley.CodeInvalidArgument, Message: "the query cannot be parsed", Err: err}
		return p
	}
	for name, list := range values {
		for _, v := range list {
			if !isText(v) {
				p.fail(name, "is not text")
			}
		}
	}
	return p
}

func (p *params) fail(name, format string, args ...any) {
	if p.err == nil {
		p.err = parley.Invalid(name, format, args...)
	}
}

// ask returns the value of a parameter.
func (p *params) ask(want parameter) string {
	if p.asked != nil {
		*p.asked = append(*p.asked, want)
	}
	return p.values.Get(want.name)
}

func (p *params) text(name string) string { return p.ask(parameter{name: name}) }

// required reads a text that must be given.
func (p *params) required(name string) string {
	s := p.ask(parameter{name: name, required: true})
	if s == "" {
		p.fail(name, "is required")
	}
	return s
}

// identity reads an identity. A + that was not escaped has become a space.
func (p *params) identity(name string) string {
	s := p.text(name)
	if rest, ok := strings.CutPrefix(s, " "); ok {
		s = "+" + rest
	}
	return strings.TrimSpace(s)
}

func (p *params) id(name string) string {
	return p.checkID(name, p.ask(parameter{name: name, kind: kindID}))
}

// requiredID reads an id that must be given.
func (p *params) requiredID(name string) string {
	s := p.ask(parameter{name: name, kind: kindID, required: true})
	if s == "" {
		p.fail(name, "is required")
	}
	return p.checkID(name, s)
}

func (p *params) checkID(name, s string) string {
	if s != "" && !parley.IsID(s) {
		p.fail(name, "is not an id of %d characters", parley.IDLen)
	}
	return s
}

func (p *params) flag(name string) bool {
	s := p.ask(parameter{name: name, kind: kindFlag})
	if s == "" {
		return false
	}
	v, err := strconv.ParseBool(s)
	if err != nil {
		p.fail(name, "must be true or false")
	}
	return v
}

// enum reads one of the allowed values; the first is the default.
func (p *params) enum(name string, allowed ...string) string {
	s := p.ask(parameter{name: name, kind: kindEnum, enum: allowed})
	if s == "" {
		return allowed[0]
	}
	if !slices.Contains(allowed, s) {
		p.fail(name, "unknown value %q", s)
	}
	return s
}

func (p *params) channel(name string) parley.Channel {
	c := parley.Channel(p.ask(parameter{name: name, kind: kindChannel}))
	if c == "" || c == parley.ChannelUnspecified {
		return ""
	}
	if !c.Known() {
		p.fail(name, "unknown channel %q", c)
	}
	return c
}

// time reads a timestamp: RFC 3339, or the Python SDK's spelling of it with a
// space for the T and perhaps another for the + of the zone.
func (p *params) time(name string) time.Time {
	s := strings.Trim(p.ask(parameter{name: name, kind: kindTime}), `" `)
	if s == "" {
		return time.Time{}
	}
	const date = len("2006-01-02")
	if len(s) > date && s[date] == ' ' {
		s = s[:date] + "T" + s[date+1:]
	}
	s = strings.Replace(s, " ", "+", 1)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	p.fail(name, "is not an RFC 3339 timestamp")
	return time.Time{}
}

// mask reads an update mask in either of its forms: update_mask=a,b, or
// update_mask.paths=a repeated. Empty means that there is none.
func (p *params) mask() []string {
	p.ask(parameter{name: "update_mask", kind: kindList})
	p.ask(parameter{name: "update_mask.paths", kind: kindList})
	var paths []string
	// updateMask is the first in camel case: who means it must not have it
	// ignored.
	for _, list := range [][]string{p.values["update_mask"], p.values["update_mask.paths"], p.values["updateMask"]} {
		for _, v := range list {
			for path := range strings.SplitSeq(v, ",") {
				if path = strings.TrimSpace(path); path != "" {
					paths = append(paths, path)
				}
			}
		}
	}
	return paths
}
