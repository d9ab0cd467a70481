package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/parley-im/parley"
)

// statusOf is the one table from an error's code to its HTTP status.
func statusOf(c parley.Code) int {
	switch c {
	case parley.CodeInvalidArgument, parley.CodeFailedPrecondition:
		return http.StatusBadRequest
	case parley.CodeUnauthenticated:
		return http.StatusUnauthorized
	case parley.CodePermissionDenied:
		return http.StatusForbidden
	case parley.CodeNotFound:
		return http.StatusNotFound
	case parley.CodeMethodNotAllowed:
		return http.StatusMethodNotAllowed
	case parley.CodeAlreadyExists, parley.CodeAborted:
		return http.StatusConflict
	case parley.CodeKeyReused:
		return http.StatusUnprocessableEntity
	case parley.CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case parley.CodeResourceExhausted:
		return http.StatusTooManyRequests
	case parley.CodeUnimplemented:
		return http.StatusNotImplemented
	case parley.CodeUnavailable:
		return http.StatusServiceUnavailable
	case parley.CodeInternal:
		return http.StatusInternalServerError
	}
	return http.StatusInternalServerError
}

// errorAnswer is an error on the wire.
type errorAnswer struct {
	Error errorStatus `json:"error"`
}

type errorStatus struct {
	Code    int          `json:"code"` // the HTTP status, not gRPC's number
	Message string       `json:"message"`
	Status  parley.Code  `json:"status"`
	Details []badRequest `json:"details"` // always an array
}

// badRequest is google.rpc.BadRequest.
type badRequest struct {
	Type       string           `json:"@type"`
	Violations []fieldViolation `json:"field_violations"`
}

type fieldViolation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
}

// newErrorAnswer says of err what the caller may know.
func newErrorAnswer(err error) errorAnswer {
	e := shown(err)
	a := errorAnswer{errorStatus{Code: statusOf(e.Code), Message: e.Message, Status: e.Code, Details: []badRequest{}}}
	if e.Field != "" {
		a.Error.Details = append(a.Error.Details, badRequest{
			Type:       "type.googleapis.com/google.rpc.BadRequest",
			Violations: []fieldViolation{{e.Field, strings.TrimPrefix(e.Message, e.Field+": ")}},
		})
	}
	return a
}

// shown returns the part of err that is for the caller.
func shown(err error) *parley.Error {
	e, ok := errors.AsType[*parley.Error](err)
	switch {
	case ok && e.Code != parley.CodeInternal:
		return e
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &parley.Error{Code: parley.CodeUnavailable, Message: "the request was cut short"}
	}
	return &parley.Error{Code: parley.CodeInternal, Message: "internal error"}
}

func errNoRoute() error { return parley.Errorf(parley.CodeNotFound, "there is nothing at this path") }

func errTooLarge(limit int64) error {
	return parley.Errorf(parley.CodeTooLarge, "the body is longer than %d bytes", limit)
}
