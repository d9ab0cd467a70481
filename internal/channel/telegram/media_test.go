package telegram_test

import (
	"strings"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel/telegram"
)

// TestLimitsAreOfWhatIsFetched checks that only files Telegram fetches have a
// limit: the others are sent as their address, whatever their size.
func TestLimitsAreOfWhatIsFetched(t *testing.T) {
	t.Parallel()
	for name, mime := range map[string]string{
		"a.jpg": "image/jpeg", "a.png": "image/png", "a.gif": "image/gif", "a.mp4": "video/mp4", "a.mp3": "audio/mpeg", "a.ogg": "audio/ogg",
		"a.pdf": "application/pdf", "a.zip": "application/zip", "a.csv": "text/csv", "a.mov": "video/quicktime",
		"a.docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	} {
		media := &parley.MediaMessage{URL: "https://x.example/" + name}
		out := bodies(render(t, &parley.AppMessage{Media: media}, nil))
		fetched := len(out) == 1 && !strings.Contains(out[0], `"sendMessage"`)
		for _, m := range telegram.New().Capabilities().MediaTypes {
			if m.Matches(mime) {
				if limited := m.MaxBytes > 0; limited != fetched {
					t.Errorf("%s: fetched %v, limited %v", name, fetched, limited)
				}
				break
			}
		}
	}
}
