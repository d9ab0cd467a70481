package api

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/parley-im/parley"
)

const (
	maxBody   = 1 << 20  // bytes of an API request
	keepBytes = 64 << 10 // a larger buffer is not kept for the next request
)

// A request is an authenticated request to a project.
type request struct {
	http    *http.Request
	x       *exchange
	project string
	buffer  *bytes.Buffer // the body, once read
	limit   int64         // bytes of the body; 0 means maxBody
}

// read reads the body into the buffer, once.
func (r *request) read() error {
	if r.buffer != nil {
		return nil
	}
	b, ok := r.x.s.buffers.Get().(*bytes.Buffer)
	if !ok {
		b = new(bytes.Buffer)
	}
	b.Reset()
	r.buffer = b
	return readBody(b, r.x.ResponseWriter, r.http, r.limit)
}

// body reads the body. It is good until the operation returns.
func (r *request) body() ([]byte, error) {
	if err := r.read(); err != nil {
		return nil, err
	}
	body := r.buffer.Bytes()
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, parley.Errorf(parley.CodeInvalidArgument, "the body is empty; a JSON object is needed")
	}
	if hasNUL(body) {
		// PostgreSQL has no text with it, and no message needs it.
		return nil, parley.Errorf(parley.CodeInvalidArgument, "the body must not contain the character U+0000")
	}
	return body, nil
}

// release gives the body's memory back.
func (r *request) release() {
	if r.buffer != nil && r.buffer.Cap() <= keepBytes {
		r.x.s.buffers.Put(r.buffer)
	}
	r.buffer = nil
}

// readBody reads a whole body of at most limit bytes.
func readBody(b *bytes.Buffer, w http.ResponseWriter, r *http.Request, limit int64) error {
	if r.ContentLength > limit {
		return errTooLarge(limit)
	}
	if r.ContentLength > 0 {
		b.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	_, err := b.ReadFrom(http.MaxBytesReader(w, r.Body, limit))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return errTooLarge(limit)
	}
	if err != nil {
		return &parley.Error{Code: parley.CodeInvalidArgument, Message: "the body cannot be read", Err: err}
	}
	return nil
}

// hasNUL reports whether JSON text contains an escaped U+0000. (A bare one is
// not valid JSON.)
func hasNUL(text []byte) bool {
	escape := []byte(`\u0000`)
	for {
		i := bytes.Index(text, escape)
		if i < 0 {
			return false
		}
		slashes := 0
		for slashes < i && text[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return true
		}
		text = text[i+len(escape):]
	}
}

// isText reports whether the database can hold s as text.
func isText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// id returns the id in the path of a resource that is called what. Nothing
// else than an id can be there, so anything else is NOT_FOUND.
func (r *request) id(name, what string) (string, error) {
	id := r.http.PathValue(name)
	if !parley.IsID(id) {
		return "", parley.Errorf(parley.CodeNotFound, "the %s was not found in this project", what)
	}
	return id, nil
}

// appID returns the app_id in the path. The API answers INVALID_ARGUMENT for
// one that is not an id.
func (r *request) appID() (string, error) {
	id := r.http.PathValue("app_id")
	if !parley.IsID(id) {
		return "", parley.Invalid("app_id", "is not an id of %d characters", parley.IDLen)
	}
	return id, nil
}
