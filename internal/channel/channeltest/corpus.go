package channeltest

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// corpusFiles are messages as clients send them to the API.
//
//go:embed testdata/corpus/*.json
var corpusFiles embed.FS

// Corpus returns the shared corpus by name: every kind of message, plain and
// rich, short and long.
func Corpus(t testing.TB) map[string]*parley.AppMessage {
	t.Helper()
	dir, err := fs.Sub(corpusFiles, "testdata/corpus")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*parley.AppMessage{}
	addMessages(t, out, dir)
	return out
}

// corpus returns what the channel has to render: the shared corpus, its own
// messages and those that try its limits.
func (s *Suite) corpus(t *testing.T) map[string]*parley.AppMessage {
	t.Helper()
	out := Corpus(t)
	addMessages(t, out, os.DirFS(s.path("corpus")))
	addLimits(out, s.Channel.Capabilities())
	return out
}

func addMessages(t testing.TB, out map[string]*parley.AppMessage, dir fs.FS) {
	t.Helper()
	files, err := fs.Glob(dir, "*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := fs.ReadFile(dir, file)
		if err != nil {
			t.Fatal(err)
		}
		m := new(parley.AppMessage)
		if err := parley.Decode(raw, m); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if err := m.Validate(); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out[strings.TrimSuffix(path.Base(file), ".json")] = m
	}
}

// addLimits adds messages exactly at the limits of caps and one past them.
func addLimits(out map[string]*parley.AppMessage, caps channel.Capabilities) {
	const image = "https://media.example/tulip.jpg"
	edge := func(name string, limit int, build func(n int) *parley.AppMessage) {
		if limit > 0 {
			out["limit-"+name+"-at"] = build(limit)
			out["limit-"+name+"-past"] = build(limit + 1)
		}
	}
	edge("text", caps.MaxText, func(n int) *parley.AppMessage {
		return &parley.AppMessage{Text: &parley.TextMessage{Text: words(n)}}
	})
	edge("caption", caps.MaxCaption, func(n int) *parley.AppMessage {
		return &parley.AppMessage{Card: &parley.CardMessage{Description: words(n), Media: &parley.MediaMessage{URL: image}}}
	})
	edge("choice-text", caps.MaxChoiceText, func(n int) *parley.AppMessage {
		return &parley.AppMessage{Choice: &parley.ChoiceMessage{Text: &parley.TextMessage{Text: words(n)}, Choices: choices(2)}}
	})
	if caps.MaxChoices < parley.MaxChoices {
		edge("choices", caps.MaxChoices, func(n int) *parley.AppMessage {
			return &parley.AppMessage{Choice: &parley.ChoiceMessage{Text: &parley.TextMessage{Text: "Pick"}, Choices: choices(n)}}
		})
	}
	if caps.MaxCards < parley.MaxCards {
		edge("cards", caps.MaxCards, func(n int) *parley.AppMessage {
			cards := make([]parley.CardMessage, n)
			for i := range cards {
				cards[i] = parley.CardMessage{Title: fmt.Sprintf("Card %d", i+1), Choices: choices(1)}
			}
			return &parley.AppMessage{Carousel: &parley.CarouselMessage{Cards: cards}}
		})
	}
	edge("items", caps.MaxItems, func(n int) *parley.AppMessage {
		items := make([]parley.ListItem, n)
		for i := range items {
			items[i].Choice = &parley.ListChoice{Title: fmt.Sprintf("Item %d", i+1)}
		}
		return &parley.AppMessage{List: &parley.ListMessage{Title: "Items", Sections: []parley.ListSection{{Items: items}}}}
	})
}

// words returns n characters of text, which count the same in every unit and
// begin and end with a letter.
func words(n int) string {
	text := []byte(strings.Repeat("lorem ipsum ", n/12+1)[:n])
	text[n-1] = '.'
	return string(text)
}

func choices(n int) []parley.Choice {
	out := make([]parley.Choice, n)
	for i := range out {
		out[i].Text = &parley.TextMessage{Text: fmt.Sprintf("Choice %d", i+1)}
	}
	return out
}
