package parley

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Seconds is a duration on the wire, such as "10s". A bare number of seconds
// is accepted, too; zero means absent.
type Seconds int64

// Duration returns s as a time.Duration, cut off at the longest one (some 292
// years), because the API allows more.
func (s Seconds) Duration() time.Duration {
	const most = int64(1<<63-1) / int64(time.Second)
	return time.Duration(min(int64(s), most)) * time.Second
}

// MarshalJSON encodes s with its unit.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return []byte(`"` + strconv.FormatInt(int64(s), 10) + `s"`), nil
}

// UnmarshalJSON accepts "10s", "10" and 10; fractions are cut off.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	text := string(b)
	if text == "null" {
		return nil
	}
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
	}
	whole, _, _ := strings.Cut(strings.TrimSuffix(text, "s"), ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		// Of all errors only this one is given its place by encoding/json;
		// Decode words it.
		return &json.UnmarshalTypeError{Value: text, Type: reflect.TypeFor[Seconds]()}
	}
	*s = Seconds(n)
	return nil
}
