package transcode_test

import (
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// TestCoordinate has the pairs that were seen in the hosted service's output.
func TestCoordinate(t *testing.T) {
	t.Parallel()
	want := map[float64]string{
		47.7981899: "47.79819",
		-4.3727685: "-4.3727684",
		55.610479:  "55.610477",
		0:          "0",
		-90:        "-90",
		0.00001:    "0.00001",
		180:        "180",
	}
	for degrees, s := range want {
		if got := transcode.Coordinate(degrees); got != s {
			t.Errorf("Coordinate(%v) = %q, want %q", degrees, got, s)
		}
	}
}

func TestMapsURL(t *testing.T) {
	t.Parallel()
	got := transcode.MapsURL(parley.Coordinates{Latitude: 55.610479, Longitude: 13.002873})
	if want := "https://www.google.com/maps/search/?api=1&query=55.610477,13.002873"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestChoiceLine(t *testing.T) {
	t.Parallel()
	where := parley.LocationMessage{Title: "Find us", Label: "2nd floor", Coordinates: parley.Coordinates{Latitude: 1, Longitude: 2}}
	tests := []struct {
		choice parley.Choice
		want   string
	}{
		{parley.Choice{Text: &parley.TextMessage{Text: "Suggested reply"}}, "> SUGGESTED REPLY"},
		{parley.Choice{URL: &parley.URLMessage{Title: "Shop", URL: "https://a.example"}}, "> Shop: https://a.example"},
		{parley.Choice{Call: &parley.CallMessage{Title: "Call", PhoneNumber: "+15551"}}, "> Call: +15551"},
		{parley.Choice{Location: &where}, "> Find us: https://www.google.com/maps/search/?api=1&query=1,2"},
		{parley.Choice{Calendar: &parley.CalendarMessage{Title: "Date", FallbackURL: "https://c.example"}}, "> Date: https://c.example"},
		{parley.Choice{ShareLocation: &parley.ShareLocationMessage{Title: "Where?", FallbackURL: "https://w.example"}}, "> Where?: https://w.example"},
		{parley.Choice{}, ""},
	}
	for _, tt := range tests {
		if got := transcode.ChoiceLine(&tt.choice, channel.Style{}); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	if got := transcode.ChoiceLine(&tests[0].choice, channel.Style{Bullet: "* "}); got != "* SUGGESTED REPLY" {
		t.Errorf("got %q", got)
	}
}
