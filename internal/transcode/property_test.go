package transcode_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// TestProperties transcodes random messages for random channels: what comes
// out keeps every limit and says everything that went in.
func TestProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		caps := anyCapabilities().Draw(t, "capabilities")
		m := anyMessage().Draw(t, "message")
		parts, err := transcode.Message(m, caps)
		if err != nil {
			if e, ok := errors.AsType[*channel.Error](err); !ok || e.Reason.Code != parley.ReasonUnsupportedOperation {
				t.Fatalf("got error %v", err)
			}
			return
		}
		if len(parts) == 0 {
			t.Fatal("the message vanished")
		}
		var said []string
		for _, part := range parts {
			checkLimits(t, part, caps)
			said = append(said, atoms(part)...)
		}
		all := strings.ToUpper(dense(said...))
		for _, atom := range atoms(m) {
			if !strings.Contains(all, strings.ToUpper(dense(atom))) {
				t.Errorf("%q was lost; said: %q", atom, said)
			}
		}
	})
}

// checkLimits checks a message against the limits a channel relies on.
func checkLimits(t *rapid.T, m *parley.AppMessage, caps channel.Capabilities) {
	fits := func(what, text string, limit int) {
		if n := transcode.Length(text, caps.Unit); limit > 0 && n > limit {
			t.Errorf("%s of %d, limit %d", what, n, limit)
		}
	}
	native := func(kind string, s channel.Support) {
		if s != channel.Native {
			t.Errorf("got a %s, which the channel has not", kind)
		}
	}
	card := func(c *parley.CardMessage) {
		limit := caps.MaxText
		if c.Media != nil {
			limit = caps.MaxCaption
		}
		fits("card", plainCaption(c), limit)
		if len(c.Choices) > 0 {
			fits("card with choices", plainCaption(c), caps.MaxChoiceText)
		}
		checkChoices(t, c.Choices, caps)
	}
	switch v := m.Content().(type) {
	case *parley.TextMessage:
		fits("text", v.Text, caps.MaxText)
	case *parley.MediaMessage:
		native("media", caps.Media)
	case *parley.ChoiceMessage:
		native("choice", caps.Choice)
		checkChoices(t, v.Choices, caps)
		if v.Text != nil {
			fits("choice text", v.Text.Text, caps.MaxText)
			fits("choice text", v.Text.Text, caps.MaxChoiceText)
		}
	case *parley.CardMessage:
		native("card", caps.Card)
		card(v)
	case *parley.CarouselMessage:
		native("carousel", caps.Carousel)
		checkChoices(t, v.Choices, caps)
		if caps.MaxCards > 0 && len(v.Cards) > caps.MaxCards {
			t.Errorf("%d cards, limit %d", len(v.Cards), caps.MaxCards)
		}
		for i := range v.Cards {
			card(&v.Cards[i])
		}
	case *parley.ListMessage:
		native("list", caps.List)
	case *parley.LocationMessage:
		native("location", caps.Location)
	case *parley.ContactInfoMessage:
		native("contact info", caps.ContactInfo)
	case *parley.TemplateMessage, nil:
		t.Errorf("got %T", v)
	}
}

func checkChoices(t *rapid.T, choices []parley.Choice, caps channel.Capabilities) {
	if caps.MaxChoices > 0 && len(choices) > caps.MaxChoices {
		t.Errorf("%d choices, limit %d", len(choices), caps.MaxChoices)
	}
	for i := range choices {
		kind := channel.ChoiceText
		if choices[i].URL != nil {
			kind = channel.ChoiceURL
		}
		if !slices.Contains(caps.Choices, kind) {
			t.Errorf("a %s choice cannot be tapped", kind)
		}
	}
}

func plainCaption(c *parley.CardMessage) string {
	return strings.Trim(c.Title+"\n"+c.Description, "\n")
}

// atoms lists the words and addresses of a message that must not be lost.
func atoms(m *parley.AppMessage) []string {
	switch v := m.Content().(type) {
	case *parley.CardMessage:
		return cardAtoms(v)
	case *parley.CarouselMessage:
		var out []string
		for i := range v.Cards {
			out = append(out, cardAtoms(&v.Cards[i])...)
		}
		return append(out, choiceAtoms(v.Choices)...)
	case *parley.ChoiceMessage:
		if v.Text == nil {
			return choiceAtoms(v.Choices)
		}
		return append([]string{v.Text.Text}, choiceAtoms(v.Choices)...)
	case *parley.TextMessage, *parley.MediaMessage, *parley.ListMessage, *parley.LocationMessage,
		*parley.ContactInfoMessage, *parley.TemplateMessage, nil:
	}
	return []string{transcode.Text(m, channel.Style{})}
}

func cardAtoms(c *parley.CardMessage) []string {
	var out []string
	if c.Media != nil {
		out = append(out, c.Media.URL)
	}
	return append(append(out, c.Title, c.Description), choiceAtoms(c.Choices)...)
}

func choiceAtoms(choices []parley.Choice) []string {
	var out []string
	for i := range choices {
		out = append(out, choices[i].Title())
		if choices[i].URL != nil {
			out = append(out, choices[i].URL.URL)
		}
	}
	return out
}

func anyCapabilities() *rapid.Generator[channel.Capabilities] {
	return rapid.Custom(func(t *rapid.T) channel.Capabilities {
		support := rapid.SampledFrom([]channel.Support{channel.Rejected, channel.Degraded, channel.Native})
		limit := rapid.SampledFrom([]int{0, 20, 40, 100})
		return channel.Capabilities{
			MaxText: limit.Draw(t, "text"), MaxCaption: limit.Draw(t, "caption"), MaxChoiceText: limit.Draw(t, "choice text"),
			Unit: rapid.SampledFrom([]channel.Unit{channel.Characters, channel.Bytes, channel.UTF16}).Draw(t, "unit"),
			Text: channel.Native, Media: support.Draw(t, "media"), Card: support.Draw(t, "card"),
			Carousel: support.Draw(t, "carousel"), Choice: support.Draw(t, "choice"), List: support.Draw(t, "list"),
			Location: support.Draw(t, "location"), ContactInfo: support.Draw(t, "contact info"),
			Choices: rapid.SliceOfDistinct(rapid.SampledFrom([]channel.ChoiceKind{channel.ChoiceText, channel.ChoiceURL}),
				rapid.ID[channel.ChoiceKind]).Draw(t, "choices"),
			MaxChoices: rapid.IntRange(0, 4).Draw(t, "max choices"),
			MaxCards:   rapid.IntRange(0, 3).Draw(t, "max cards"),
			MaxItems:   rapid.IntRange(0, 3).Draw(t, "max items"),
		}
	})
}

func anyMessage() *rapid.Generator[*parley.AppMessage] {
	return rapid.Custom(func(t *rapid.T) *parley.AppMessage {
		m := new(parley.AppMessage)
		switch rapid.IntRange(0, 7).Draw(t, "kind") {
		case 0:
			m.Text = &parley.TextMessage{Text: anyText(1).Draw(t, "text")}
		case 1:
			m.Media = &parley.MediaMessage{URL: anyURL().Draw(t, "url")}
		case 2:
			m.Choice = &parley.ChoiceMessage{Choices: anyChoices(1, 5).Draw(t, "choices")}
			if rapid.Bool().Draw(t, "has text") {
				m.Choice.Text = &parley.TextMessage{Text: anyText(1).Draw(t, "text")}
			}
		case 3:
			card := anyCard().Draw(t, "card")
			m.Card = &card
		case 4:
			m.Carousel = &parley.CarouselMessage{
				Cards:   rapid.SliceOfN(anyCard(), 1, 4).Draw(t, "cards"),
				Choices: anyChoices(0, 3).Draw(t, "outer choices"),
			}
		case 5:
			items := make([]parley.ListItem, rapid.IntRange(1, 5).Draw(t, "items"))
			for i := range items {
				items[i].Choice = &parley.ListChoice{Title: anyText(1).Draw(t, "title"), Description: anyText(0).Draw(t, "description")}
			}
			m.List = &parley.ListMessage{Title: anyText(1).Draw(t, "title"), Sections: []parley.ListSection{{Items: items}}}
		case 6:
			m.Location = &parley.LocationMessage{Title: anyText(1).Draw(t, "title")}
		case 7:
			m.ContactInfo = &parley.ContactInfoMessage{
				Name:         parley.ContactName{FullName: anyText(1).Draw(t, "name")},
				PhoneNumbers: []parley.PhoneNumber{{PhoneNumber: "+15551234567"}},
			}
		}
		return m
	})
}

func anyText(least int) *rapid.Generator[string] {
	letters := []rune("abcdeä \n\u0301\u200d😀👋\U0001F3FD🇩🇪>*_:")
	return rapid.StringOfN(rapid.SampledFrom(letters), least, 150, -1)
}

func anyURL() *rapid.Generator[string] {
	return rapid.StringMatching(`https://[a-z]{1,60}\.example/[a-z]{0,60}`)
}

func anyChoices(least, most int) *rapid.Generator[[]parley.Choice] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) parley.Choice {
		if rapid.Bool().Draw(t, "url") {
			return parley.Choice{URL: &parley.URLMessage{Title: anyText(1).Draw(t, "title"), URL: anyURL().Draw(t, "url")}}
		}
		return parley.Choice{Text: &parley.TextMessage{Text: anyText(1).Draw(t, "text")}}
	}), least, most)
}

func anyCard() *rapid.Generator[parley.CardMessage] {
	return rapid.Custom(func(t *rapid.T) parley.CardMessage {
		c := parley.CardMessage{
			Title: anyText(1).Draw(t, "title"), Description: anyText(0).Draw(t, "description"),
			Choices: anyChoices(0, 4).Draw(t, "choices"),
		}
		if rapid.Bool().Draw(t, "has media") {
			c.Media = &parley.MediaMessage{URL: anyURL().Draw(t, "url")}
		}
		return c
	})
}
