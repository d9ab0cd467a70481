package media

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/egress"
)

const (
	// fetchTimeout bounds one fetch. It goes on when the one who asked leaves.
	fetchTimeout = 5 * time.Minute

	// retryAfter, in seconds, is told when a fetch may work later.
	retryAfter = "30"

	// maxAge bounds how long a browser keeps a file.
	maxAge = 24 * time.Hour
)

// A place is what an address leads to.
type place struct {
	projectID, id, filename string
}

// Handler serves GET and HEAD of /media/{project}/{id}/{filename} as signed by
// URL. When a file is not stored yet it calls fetch, which saves it; requests
// that arrive meanwhile wait for that one call. Whatever cannot be had is a
// 404, but for a passing fault of a channel or an ended context, a 503.
// Errors are in the API's JSON form.
func (s *Store) Handler(fetch func(ctx context.Context, projectID, id string) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, parley.CodeMethodNotAllowed, "only GET and HEAD are allowed")
			return
		}
		p, ok := parsePlace(r.URL)
		if !ok {
			refuse(w, http.StatusNotFound, parley.CodeNotFound, "no such address")
			return
		}
		genuine, expires := s.check(p, r.URL.Query())
		left := expires.Sub(s.now())
		if !genuine || left <= 0 {
			refuse(w, http.StatusForbidden, parley.CodePermissionDenied, "the address has expired or was changed")
			return
		}
		f, a, err := s.obtain(r.Context(), p, fetch)
		if err != nil {
			s.refuseFile(r.Context(), w, p, err)
			return
		}
		defer func() { _ = f.Close() }()
		w.Header().Set("Cache-Control", "private, max-age="+strconv.Itoa(int(min(left, maxAge).Seconds())))
		serve(w, r, p, f, a)
	})
}

// parsePlace takes the path of an address apart. Segments are unescaped only
// after they are told apart, so an escaped slash stays inside its own.
func parsePlace(u *url.URL) (place, bool) {
	rest, ok := strings.CutPrefix(u.EscapedPath(), pathPrefix)
	segments := strings.Split(rest, "/")
	if !ok || len(segments) != 3 {
		return place{}, false
	}
	for i, segment := range segments {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			return place{}, false
		}
		segments[i] = plain
	}
	p := place{projectID: segments[0], id: segments[1], filename: segments[2]}
	return p, valid(p.projectID) && valid(p.id)
}

// obtain opens a file, having it fetched first when it is not stored.
func (s *Store) obtain(ctx context.Context, p place, fetch func(context.Context, string, string) error) (
	io.ReadSeekCloser, *about, error,
) {
	name := p.projectID + "/" + p.id
	f, a, err := s.depot.open(ctx, name)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, a, err
	}
	done := s.flight.DoChan(name, func() (any, error) {
		// An earlier flight may have landed since we looked.
		if s.depot.has(ctx, name) {
			return nil, nil //nolint:nilnil // the result is the stored file
		}
		// The others who wait must not suffer when the first one leaves.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		return nil, fetch(ctx, p.projectID, p.id)
	})
	select {
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	case result := <-done:
		if result.Err != nil {
			return nil, nil, &fetchError{err: result.Err}
		}
	}
	return s.depot.open(ctx, name)
}

// fetchError is what the fetch function answered.
type fetchError struct{ err error }

func (e *fetchError) Error() string { return "fetch media: " + e.err.Error() }

func (e *fetchError) Unwrap() error { return e.err }

// serve writes a stored file. It was made by a stranger: the browser must not
// guess its type, run anything in it, or show what is not plainly a picture,
// a sound or a film.
func serve(w http.ResponseWriter, r *http.Request, p place, f io.ReadSeeker, a *about) {
	filename := cleanFilename(p.filename)
	if path.Ext(filename) == "" {
		filename += path.Ext(a.Filename)
	}
	h := w.Header()
	h.Set("Content-Type", a.ContentType)
	h.Set("Content-Disposition", disposition(a.ContentType, filename))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("ETag", `"`+strconv.FormatInt(a.SavedAt.UnixNano(), 36)+"-"+strconv.FormatInt(a.Size, 36)+`"`)
	http.ServeContent(w, r, "", a.SavedAt, f)
}

// refuseFile answers for a file that cannot be served.
func (s *Store) refuseFile(ctx context.Context, w http.ResponseWriter, p place, err error) {
	var status int
	_, fetched := errors.AsType[*fetchError](err)
	switch {
	case passing(err):
		w.Header().Set("Retry-After", retryAfter)
		status = http.StatusServiceUnavailable
		refuse(w, status, parley.CodeUnavailable, "the media file cannot be had right now")
	case fetched, errors.Is(err, fs.ErrNotExist):
		status = http.StatusNotFound
		refuse(w, status, parley.CodeNotFound, "the media file was not found")
	default:
		status = http.StatusInternalServerError
		refuse(w, status, parley.CodeInternal, "internal error")
	}
	level := slog.LevelError
	if status == http.StatusNotFound || errors.Is(err, context.Canceled) {
		level = slog.LevelDebug
	}
	s.log.LogAttrs(ctx, level, "media not served", slog.Int("status", status),
		slog.String("project_id", p.projectID), slog.String("media_id", p.id), slog.String("error", egress.Redact(err).Error()))
}

// passing reports whether a file that cannot be had now may be had later.
func passing(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	e, ok := errors.AsType[*channel.Error](err)
	return ok && e.Outcome != channel.NotSent
}

// refuse writes an error in the API's form.
func refuse(w http.ResponseWriter, status int, code parley.Code, message string) {
	type body struct {
		Code    int         `json:"code"`
		Message string      `json:"message"`
		Status  parley.Code `json:"status"`
		Details []string    `json:"details"`
	}
	doc, err := json.Marshal(map[string]body{"error": {Code: status, Message: message, Status: code, Details: []string{}}})
	if err != nil {
		doc = nil // strings and a number: it cannot happen
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(doc)
}
