package channel_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/parley-im/parley/internal/channel"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	const sent = "Sun, 06 Nov 1994 08:49:37 GMT"
	for _, tt := range []struct {
		said, date string
		want       time.Duration
	}{
		{"", sent, 0},
		{"7", "", 7 * time.Second},
		{"0", "", 0},
		{"-7", "", 0},
		{"7200", "", time.Hour},
		{"99999999999999999999", "", time.Hour},
		{"soon", sent, 0},
		{"Sun, 06 Nov 1994 08:50:07 GMT", sent, 30 * time.Second},
		{"Sunday, 06-Nov-94 08:50:07 GMT", sent, 30 * time.Second},
		{"Sun, 06 Nov 1994 20:49:37 GMT", sent, time.Hour},
		{"Sun, 06 Nov 1994 08:49:00 GMT", sent, 0},
		{"Sun, 06 Nov 1994 08:50:07 GMT", "", 0},
	} {
		h := http.Header{"Retry-After": {tt.said}, "Date": {tt.date}}
		if got := channel.RetryAfter(h); got != tt.want {
			t.Errorf("%q at %q: got %s, want %s", tt.said, tt.date, got, tt.want)
		}
	}
}
