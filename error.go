package parley

import (
	"errors"
	"fmt"
)

// A Code says what kind of error an API caller is shown, in the API's own
// (gRPC-style) names. The HTTP status of each is decided by package api.
type Code string

// The codes an API caller can meet.
const (
	CodeInvalidArgument    Code = "INVALID_ARGUMENT"
	CodeFailedPrecondition Code = "FAILED_PRECONDITION"
	CodeUnauthenticated    Code = "UNAUTHENTICATED"
	CodePermissionDenied   Code = "PERMISSION_DENIED"
	CodeNotFound           Code = "NOT_FOUND"
	CodeAlreadyExists      Code = "ALREADY_EXISTS"
	CodeAborted            Code = "ABORTED"
	CodeTooLarge           Code = "REQUEST_TOO_LARGE"
	CodeResourceExhausted  Code = "RESOURCE_EXHAUSTED"
	CodeInternal           Code = "INTERNAL"
	CodeUnimplemented      Code = "UNIMPLEMENTED"
	CodeUnavailable        Code = "UNAVAILABLE"
	CodeMethodNotAllowed   Code = "METHOD_NOT_ALLOWED"
	CodeKeyReused          Code = "IDEMPOTENCY_KEY_REUSED"
)

// An Error may be shown to an API caller as it is: Message never holds a
// secret or another project's data. Err, the cause, is only ever logged.
type Error struct {
	Code    Code
	Message string
	Field   string // the offending member by its wire path, such as message.text_message.text; or ""
	Err     error
}

func (e *Error) Error() string {
	s := e.Message
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an Error for the caller.
func Errorf(code Code, format string, args ...any) error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Invalid returns the error for a broken member, named by its wire path.
func Invalid(field, format string, args ...any) error { return invalid(path(field), format, args...) }

// NotFound returns the error for a resource that is absent from the project.
func NotFound(what, id string) error {
	return Errorf(CodeNotFound, "%s %q was not found in this project", what, id)
}

// CodeOf returns the code of the Error in err's chain, or CodeInternal.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

// IsNotFound reports whether err says that a resource does not exist.
func IsNotFound(err error) bool { return err != nil && CodeOf(err) == CodeNotFound }
