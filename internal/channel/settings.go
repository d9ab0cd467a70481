package channel

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/parley-im/parley"
)

// DecodeSettings reads provider_settings over the defaults in v. names are the
// members there are: any other is an error, because a misspelt one would
// otherwise be a default in disguise. of names whose settings they are.
func DecodeSettings(raw json.RawMessage, of string, names []string, v any) error {
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var given map[string]json.RawMessage
	if json.Unmarshal(raw, &given) != nil {
		return parley.Invalid("provider_settings", "must be a JSON object")
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(names, name) {
			return Setting(name, "is not a setting of %s, which has %s", of, strings.Join(names, ", "))
		}
	}
	if err := json.Unmarshal(raw, v); err != nil {
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return Setting(e.Field, "must not be a JSON %s", e.Value)
		}
		return parley.Invalid("provider_settings", "cannot be decoded")
	}
	return nil
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
