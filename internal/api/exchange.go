package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/parley-im/parley"
)

// An exchange is one request being answered: the ResponseWriter every handler
// gets, which knows what was answered.
type exchange struct {
	http.ResponseWriter
	s       *Server
	meter   *meter // of the endpoint, once there is one
	id      string // X-Request-Id
	project string // once authenticated
	start   time.Time
	status  int
	err     error // what fail was told
}

// Unwrap lets http.ResponseController reach the connection.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && status >= http.StatusOK {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

func (x *exchange) Write(b []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	return x.ResponseWriter.Write(b) //nolint:gosec // every answer has a type no browser takes for HTML
}

// json answers with v.
func (x *exchange) json(status int, v any) {
	b, err := parley.Marshal(v)
	if err != nil {
		x.fail(fmt.Errorf("encode answer: %w", err))
		return
	}
	x.raw(status, b)
}

// raw answers with JSON that is encoded already.
func (x *exchange) raw(status int, b []byte) {
	h := x.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(b))}
	x.WriteHeader(status)
	_, _ = x.Write(b) // the client has gone; there is nobody left to tell
}

// fail answers with an error in the API's shape. It is logged when the
// exchange ends.
func (x *exchange) fail(err error) {
	x.err = err
	if c, ok := errors.AsType[*challenge](err); ok {
		// Lower case on purpose: the Java SDK looks the name up by case.
		x.Header()["www-authenticate"] = []string{c.header}
	}
	a := newErrorAnswer(err)
	x.json(a.Error.Code, a)
}

// finish ends the exchange: it answers for a handler that panicked, counts
// and logs. recovered is what recover returned.
func (x *exchange) finish(r *http.Request, recovered any) {
	if recovered != nil {
		if err, ok := recovered.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(recovered) // net/http knows what to do
		}
		x.s.log.LogAttrs(r.Context(), slog.LevelError, "request panicked",
			slog.String("request_id", x.id), slog.String("operation", x.meter.operation),
			slog.String("panic", fmt.Sprint(recovered)), slog.String("stack", string(debug.Stack())))
		if x.status == 0 {
			x.fail(parley.Errorf(parley.CodeInternal, "internal error"))
		}
		x.err = nil // said above
	}
	if x.status == 0 {
		x.status = http.StatusOK // net/http answers so for a handler that wrote nothing
	}
	took := x.s.now().Sub(x.start)
	x.meter.observe(x.status, took)
	x.logEnd(r, took)
}

// logEnd writes the access log: server errors at error, the rest at debug.
// The path stays out of it, because it may hold an identity.
func (x *exchange) logEnd(r *http.Request, took time.Duration) {
	ctx, level := r.Context(), slog.LevelDebug
	if x.err != nil && x.status >= http.StatusInternalServerError && x.status != http.StatusNotImplemented && ctx.Err() == nil {
		level = slog.LevelError
	}
	if !x.s.log.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 7)
	attrs = append(attrs, slog.String("request_id", x.id), slog.String("operation", x.meter.operation),
		slog.String("method", x.meter.method), slog.Int("status", x.status), slog.Duration("took", took))
	if x.project != "" {
		attrs = append(attrs, slog.String("project_id", x.project))
	}
	if level == slog.LevelError {
		attrs = append(attrs, slog.String("error", x.err.Error()))
	}
	x.s.log.LogAttrs(ctx, level, "request answered", attrs...)
}
