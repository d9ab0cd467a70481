package all_test

import (
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/all"
	"github.com/parley-im/parley/internal/transcode"
)

// TestWithoutCredential renders as messages:transcode does for a channel that
// the app does not have.
func TestWithoutCredential(t *testing.T) {
	t.Parallel()
	m := &parley.AppMessage{Location: &parley.LocationMessage{
		Title: "Phare", Coordinates: parley.Coordinates{Latitude: 47.79819, Longitude: -4.3727684},
	}}
	for _, ch := range all.Channels() {
		parts, err := transcode.Message(transcode.Select(m, ch.Name()), ch.Capabilities())
		if err != nil {
			t.Fatalf("%s: %v", ch.Name(), err)
		}
		for _, part := range parts {
			o := &channel.Outgoing{MessageID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", To: channel.Address{Identity: "{{to}}"}, Message: part}
			if _, err := ch.Render(o); err != nil {
				t.Errorf("%s: %v", ch.Name(), err)
			}
		}
	}
}
