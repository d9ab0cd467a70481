package api

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"github.com/parley-im/parley/internal/openapi"
)

// pagePolicy lets a page load nothing but the style sheet beside it, and run
// nothing.
const pagePolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// A static is something that is the same for as long as the server runs.
type static struct {
	kind string // Content-Type
	tag  string // ETag
	body []byte
}

func newStatic(kind string, body []byte) static {
	sum := sha256.Sum256(body)
	return static{kind, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, body}
}

// The pages that describe the API.
type pages struct{ document, page, style static }

// describePages makes the pages. It is called once, when the first is asked
// for.
func (s *Server) describePages() (pages, error) {
	d, err := s.document()
	if err != nil {
		return pages{}, err
	}
	document, err := d.JSON()
	if err != nil {
		return pages{}, err
	}
	page, err := d.Page()
	if err != nil {
		return pages{}, err
	}
	return pages{
		newStatic("application/json", document),
		newStatic("text/html; charset=utf-8", page),
		newStatic("text/css; charset=utf-8", openapi.Style()),
	}, nil
}

// described answers with one of the pages.
func (s *Server) described(which func(*pages) *static) func(*exchange, *http.Request) {
	return func(x *exchange, r *http.Request) {
		all, err := s.pages()
		if err != nil {
			x.fail(err)
			return
		}
		which(&all).serve(x, r)
	}
}

func (t *static) serve(x *exchange, r *http.Request) {
	h := x.Header()
	h.Set("ETag", t.tag)
	h.Set("Cache-Control", "no-cache") // ask whether it changed
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	if strings.Contains(r.Header.Get("If-None-Match"), t.tag) {
		x.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", t.kind)
	h.Set("Content-Length", strconv.Itoa(len(t.body)))
	x.WriteHeader(http.StatusOK)
	_, _ = x.Write(t.body) // the client has gone; there is nobody left to tell
}

// toDocs leads to the page from its address without the slash.
func toDocs(x *exchange, _ *http.Request) {
	x.Header().Set("Location", "docs/")
	x.WriteHeader(http.StatusPermanentRedirect)
}
