package parley

import (
	"bytes"
	"encoding/json"
	"strings"
)

// patch returns a copy of current changed by body. With a mask only the paths
// it lists are touched, and one that body lacks is cleared; without, the
// members present in body are. Read-only members are ignored without a mask,
// since clients write back what they read, and refused in one. Lists are
// replaced whole.
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
	if len(mask) == 0 {
		for name, value := range change {
			if writable[name] {
				setMember(doc, name, value)
			}
		}
	}
	for _, p := range mask {
		if top, _, _ := strings.Cut(p, "."); !writable[top] {
			return nil, Invalid("update_mask", "%q cannot be updated", p)
		}
		if err := setPath(doc, change, strings.Split(p, ".")); err != nil {
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
