package parley

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"time"
)

// Decode decodes one JSON value the way the API does: unknown members are
// ignored, a wrong type is an error that names the member by its wire path.
func Decode(body []byte, v any) error {
	err := unmarshal(body, v)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if e.Type == reflect.TypeFor[Seconds]() {
			return Invalid(e.Field, "%q is not a duration such as \"10s\"", e.Value)
		}
		if e.Field == "" {
			return Errorf(CodeInvalidArgument, "the body must not be a JSON %s", e.Value)
		}
		return Invalid(e.Field, "must not be a JSON %s", e.Value)
	}
	if e, ok := errors.AsType[*time.ParseError](err); ok {
		value := strings.Trim(e.Value, `"`)
		return invalid(find(body, value), "%q is not a time such as \"2030-01-31T12:00:00Z\"", value)
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return &Error{Code: CodeInvalidArgument, Message: "the body is not valid JSON: " + e.Error()}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || len(body) == 0 {
		return Errorf(CodeInvalidArgument, "the body is not valid JSON: it ends too early")
	}
	return &Error{Code: CodeInvalidArgument, Message: "the body cannot be decoded: " + err.Error()}
}

func unmarshal(body []byte, v any) error {
	if own, ok := v.(interface{ decode([]byte) error }); ok {
		return own.decode(body)
	}
	return json.Unmarshal(body, v)
}

// find returns the place of a string in a JSON document, for errors that do
// not know theirs.
func find(body []byte, value string) path {
	var doc any
	if json.Unmarshal(body, &doc) != nil {
		return ""
	}
	p, _ := search("", doc, value)
	return p
}

func search(p path, v any, value string) (path, bool) {
	switch v := v.(type) {
	case string:
		return p, v == value
	case map[string]any:
		for name, member := range v {
			if at, ok := search(p.field(name), member, value); ok {
				return at, true
			}
		}
	case []any:
		for i := range v {
			if at, ok := search(p.index(i), v[i], value); ok {
				return at, true
			}
		}
	}
	return "", false
}
