package parley

import (
	"encoding/json"
	"errors"
	"io"
)

// Decode decodes one JSON value the way the API does: unknown members are
// ignored, a wrong type is an error that names the member by its wire path.
func Decode(body []byte, v any) error {
	err := json.Unmarshal(body, v)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return Invalid(e.Field, "must not be a JSON %s", e.Value)
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return &Error{Code: CodeInvalidArgument, Message: "the body is not valid JSON: " + e.Error()}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || len(body) == 0 {
		return Errorf(CodeInvalidArgument, "the body is not valid JSON: it ends too early")
	}
	return &Error{Code: CodeInvalidArgument, Message: "the body cannot be decoded: " + err.Error()}
}
