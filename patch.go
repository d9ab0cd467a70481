package parley

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"time"
	"unicode"
)

// patch returns a copy of current changed by body. With a mask only the paths
// it lists are touched, and one that body lacks is cleared; without, the
// members present in body are, at any depth. Read-only members are ignored
// without a mask, since clients write back what they read, and refused in one.
// Lists, and objects that may have any members, are replaced whole.
func patch[T any](current *T, body []byte, mask []string, writable map[string]bool) (*T, error) {
	var change map[string]json.RawMessage
	if err := decodeObject(body, &change); err != nil {
		return nil, err
	}
	raw, err := Marshal(current)
	if err != nil {
		return nil, err
	}
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	paths, err := maskPaths(reflect.TypeFor[T](), mask, writable)
	if err != nil {
		return nil, err
	}
	if len(mask) == 0 {
		paths = present(reflect.TypeFor[T](), change, writable)
	}
	for _, p := range paths {
		if err := setPath(doc, change, p); err != nil {
			return nil, err
		}
	}
	raw, err = json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	out := new(T)
	return out, Decode(raw, out)
}

// maskPaths takes the paths of an update mask apart. Names may also be in
// camel case, as protocol buffers write masks in JSON; * is every member that
// can be written.
func maskPaths(t reflect.Type, mask []string, writable map[string]bool) ([][]string, error) {
	var paths [][]string
	for _, p := range mask {
		if p == "*" {
			for name := range writable {
				paths = append(paths, []string{name})
			}
			continue
		}
		at, ok := memberPath(t, strings.Split(p, "."))
		if !ok || !writable[at[0]] {
			return nil, Invalid("update_mask", "%q cannot be updated", p)
		}
		paths = append(paths, at)
	}
	return paths, nil
}

// memberPath returns a path in the names of the wire, if a type has it.
func memberPath(t reflect.Type, names []string) ([]string, bool) {
	var at []string
	for i, name := range names {
		fields := fieldsOf(t)
		switch {
		case fields == nil && t == reflect.TypeFor[json.RawMessage]():
			return append(at, names[i:]...), true
		case fields[name] == nil:
			if name = snake(name); fields[name] == nil {
				return nil, false
			}
		}
		at, t = append(at, name), fields[name]
	}
	return at, true
}

// present lists the paths that a body has: down to where a member has none of
// its own.
func present(t reflect.Type, body map[string]json.RawMessage, writable map[string]bool) [][]string {
	var paths [][]string
	for name, value := range body {
		ft := fieldsOf(t)[name]
		if ft == nil || (writable != nil && !writable[name]) {
			continue
		}
		var inner map[string]json.RawMessage
		if fieldsOf(ft) == nil || json.Unmarshal(value, &inner) != nil || inner == nil {
			paths = append(paths, []string{name})
			continue
		}
		for _, p := range present(ft, inner, nil) {
			paths = append(paths, append([]string{name}, p...))
		}
	}
	return paths
}

// fieldsOf returns the types of a struct's members by their name on the wire,
// or nil for what is no struct.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return nil
	}
	fields := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); f.IsExported() && name != "" {
			fields[name] = f.Type
		}
	}
	return fields
}

// snake returns a name in camel case as the wire has it.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// setPath copies the member at path from one document to another, or removes
// it where the source lacks it.
func setPath(dst, src map[string]json.RawMessage, at []string) error {
	name := at[0]
	if len(at) == 1 {
		setMember(dst, name, src[name])
		return nil
	}
	var d, s map[string]json.RawMessage
	if err := objectMember(dst[name], &d); err != nil {
		return Invalid(name, "is not an object")
	}
	if err := objectMember(src[name], &s); err != nil {
		return Invalid(name, "is not an object")
	}
	if err := setPath(d, s, at[1:]); err != nil {
		return err
	}
	raw, err := json.Marshal(d)
	if err != nil {
		return err
	}
	dst[name] = raw
	return nil
}

func objectMember(raw json.RawMessage, m *map[string]json.RawMessage) error {
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, m); err != nil {
			return err
		}
	}
	if *m == nil {
		*m = map[string]json.RawMessage{}
	}
	return nil
}

func setMember(doc map[string]json.RawMessage, name string, value json.RawMessage) {
	if value == nil || bytes.Equal(value, []byte("null")) {
		delete(doc, name)
		return
	}
	doc[name] = value
}

func decodeObject(body []byte, m *map[string]json.RawMessage) error {
	if err := Decode(body, m); err != nil {
		return err
	}
	if *m == nil {
		return Errorf(CodeInvalidArgument, "the body must be a JSON object")
	}
	return nil
}
