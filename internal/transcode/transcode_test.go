package transcode_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// A profile is a channel as the transcoder sees it. The limits are small, so
// that the golden files stay readable.
type profile struct {
	name parley.Channel
	caps channel.Capabilities
}

func profiles() []profile {
	everyChoice := []channel.ChoiceKind{
		channel.ChoiceText, channel.ChoiceURL, channel.ChoiceCall,
		channel.ChoiceLocation, channel.ChoiceCalendar, channel.ChoiceShareLocation,
	}
	return []profile{
		{parley.ChannelSMS, channel.Capabilities{
			Text: channel.Native, Media: channel.Degraded, Card: channel.Degraded, Carousel: channel.Degraded,
			Choice: channel.Degraded, List: channel.Degraded, Location: channel.Degraded, ContactInfo: channel.Degraded,
			TypedChoices: true,
		}},
		{parley.ChannelTelegram, channel.Capabilities{
			MaxText: 120, MaxCaption: 60, Unit: channel.UTF16,
			Text: channel.Native, Media: channel.Native, Card: channel.Native, Carousel: channel.Degraded,
			Choice: channel.Native, List: channel.Degraded, Location: channel.Native, ContactInfo: channel.Native,
			Choices: []channel.ChoiceKind{channel.ChoiceText, channel.ChoiceURL}, MaxChoices: 8,
			Style: channel.Style{Bullet: "* "},
		}},
		{parley.ChannelWhatsApp, channel.Capabilities{
			MaxText: 200, MaxCaption: 60, MaxChoiceText: 80, Unit: channel.Characters,
			Text: channel.Native, Media: channel.Native, Card: channel.Native, Carousel: channel.Degraded,
			Choice: channel.Native, List: channel.Native, Location: channel.Native, ContactInfo: channel.Native,
			Template: channel.Native,
			Choices:  []channel.ChoiceKind{channel.ChoiceText}, MaxChoices: 3, MaxItems: 4,
			Style: channel.Style{Bold: "*", Italic: "_", BlankBefore: true},
		}},
		{parley.ChannelMMS, channel.Capabilities{
			MaxText: 300, Unit: channel.Bytes,
			Text: channel.Native, Media: channel.Native, Card: channel.Degraded, Carousel: channel.Degraded,
			Choice: channel.Degraded, List: channel.Degraded, Location: channel.Degraded, ContactInfo: channel.Rejected,
			Style: channel.Style{Unnumbered: true},
		}},
		{parley.ChannelRCS, channel.Capabilities{
			Text: channel.Native, Media: channel.Native, Card: channel.Native, Carousel: channel.Native,
			Choice: channel.Native, List: channel.Native, Location: channel.Native, ContactInfo: channel.Native,
			Template: channel.Native, Choices: everyChoice, MaxChoices: 10, MaxCards: 10,
		}},
	}
}

// TestGolden transcodes the message of each testdata/<kind>-<case>.txtar for
// every profile. To add a case, write a file with a message.json and run the
// tests with -update.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			golden(t, file)
		})
	}
}

func golden(t *testing.T, file string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	archive := txtar.Parse(raw)
	if len(archive.Files) == 0 || archive.Files[0].Name != "message.json" {
		t.Fatalf("%s does not begin with message.json", file)
	}
	m := new(parley.AppMessage)
	if err := parley.Decode(archive.Files[0].Data, m); err != nil {
		t.Fatal(err)
	}
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	got := &txtar.Archive{Comment: archive.Comment, Files: archive.Files[:1:1]}
	for _, p := range profiles() {
		got.Files = append(got.Files, txtar.File{Name: string(p.name), Data: []byte(transcoded(t, m, p))})
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(raw), string(txtar.Format(got))); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// transcoded returns what m becomes on a channel: a JSON message a line, or
// the error.
func transcoded(t *testing.T, m *parley.AppMessage, p profile) string {
	t.Helper()
	before := encode(t, m)
	parts, err := transcode.Message(transcode.Select(m, p.name), p.caps)
	if after := encode(t, m); before != after {
		t.Errorf("%s: the message was changed:\n%s\n%s", p.name, before, after)
	}
	if err != nil {
		e, ok := errors.AsType[*channel.Error](err)
		if !ok || e.Outcome != channel.NotSent {
			t.Errorf("%s: got error %v, want a refusal", p.name, err)
		}
		return "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	for _, part := range parts {
		b.WriteString(indented(t, part) + "\n")
	}
	return b.String()
}

// indented is without the escapes of json.MarshalIndent, to be read by people.
func indented(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(encode(t, v)), "", "  "); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func encode(t *testing.T, v any) string {
	t.Helper()
	raw, err := parley.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
