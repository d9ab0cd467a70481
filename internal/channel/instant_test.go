package channel_test

import (
	"math"
	"testing"
	"time"

	"github.com/parley-im/parley/internal/channel"
)

func TestInstant(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		1900000000:         "2030-03-17T17:46:40Z",
		1900000000123:      "2030-03-17T17:46:40.123Z",
		253402300799999:    "9999-12-31T23:59:59.999Z",
		253402300800000:    "0001-01-01T00:00:00Z",
		math.MaxInt64:      "0001-01-01T00:00:00Z",
		0:                  "0001-01-01T00:00:00Z",
		-1:                 "0001-01-01T00:00:00Z",
		1:                  "1970-01-01T00:00:01Z",
		99_999_999_999:     "5138-11-16T09:46:39Z",
		100_000_000_000:    "1973-03-03T09:46:40Z",
		270_000_000_000_00: "2825-08-06T00:00:00Z",
	} {
		if got := channel.Instant(n).Format(time.RFC3339Nano); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
