package channel

import "time"

// Instant returns the time that a provider gives as a number, of seconds or of
// milliseconds since 1970. What no calendar has is no time: a message is worth
// more than its date.
func Instant(n int64) time.Time {
	const (
		milliseconds = 100_000_000_000     // in seconds, a time of the year 5138
		last         = 253_402_300_799_999 // of the year 9999, in milliseconds; later ones have no RFC 3339 form
	)
	switch {
	case n <= 0 || n > last:
		return time.Time{}
	case n >= milliseconds:
		return time.UnixMilli(n).UTC()
	default:
		return time.Unix(n, 0).UTC()
	}
}
