package channel

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/parley-im/parley"
)

// DecodeSettings reads provider_settings over the defaults in v, a pointer to a
// struct whose fields are tagged with their names. A member that v does not
// have is an error, because a misspelt one would otherwise be a default in
// disguise. of names whose settings they are.
func DecodeSettings(raw json.RawMessage, of string, v any) error {
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var given map[string]json.RawMessage
	if json.Unmarshal(raw, &given) != nil {
		return parley.Invalid("provider_settings", "must be a JSON object")
	}
	names := members(v)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(names, name) {
			return Setting(name, "is not a setting of %s, which has %s", of, cmp.Or(strings.Join(names, ", "), "none"))
		}
	}
	if err := json.Unmarshal(raw, v); err != nil {
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
			return Setting(settingPath(e.Field, names), "must not be a JSON %s", e.Value)
		}
		return parley.Invalid("provider_settings", "cannot be decoded")
	}
	return nil
}

// members lists the names that the members of a struct have on the wire.
func members(v any) []string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeOf(v).Elem()) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// settingPath returns the path of a setting without the embedded structs that
// encoding/json puts before it.
func settingPath(path string, names []string) string {
	for rest, more := path, true; more; {
		head, tail, found := strings.Cut(rest, ".")
		if slices.Contains(names, head) {
			return rest
		}
		rest, more = tail, found
	}
	return path
}

// Setting returns the error of a member of provider_settings.
func Setting(name, format string, args ...any) error {
	return parley.Invalid("provider_settings."+name, format, args...)
}

// BadCredential is the failure of a credential that Check refuses, or would:
// one is saved nevertheless while its provider's settings are missing.
func BadCredential(err error) *Error {
	e := Refuse(parley.ReasonChannelBadConfiguration, "the channel credential cannot be used")
	e.Err = err
	return e
}
