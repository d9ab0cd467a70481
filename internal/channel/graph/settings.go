package graph

import (
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/parley-im/parley"
)

// DefaultVersion is the version of the Graph API that the channels were
// written for.
const DefaultVersion = "v23.0"

// Decode reads provider_settings over the defaults in v. names are the members
// there are: any other is an error, because a misspelt one would otherwise be
// a default in disguise.
func Decode(raw json.RawMessage, provider string, names []string, v any) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var given map[string]json.RawMessage
	if json.Unmarshal(raw, &given) != nil {
		return parley.Invalid("provider_settings", "must be a JSON object")
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(names, name) {
			return Setting(name, "is not a setting of provider %s, which has %s", provider, strings.Join(names, ", "))
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

var (
	versionForm = regexp.MustCompile(`^v[0-9]{1,3}\.[0-9]{1,3}$`)
	lineForm    = regexp.MustCompile(`^[^\x00-\x1f\x7f]+$`)
)

// IsLine reports whether s fits the header of a request.
func IsLine(s string) bool { return lineForm.MatchString(s) }

// CheckVersion returns the error of an api_version that is none.
func CheckVersion(s string) error {
	if !versionForm.MatchString(s) {
		return Setting("api_version", "must look like %s", DefaultVersion)
	}
	return nil
}
