package rcs

import (
	"cmp"
	"regexp"
	"time"

	"github.com/parley-im/parley/internal/channel"
)

// The API's AgentMessage, as far as the channel writes it
// (github.com/sinch/docs, RCS REST: messages endpoint).

// sinchVersion is the UUIDs' version: the API's pattern takes 1 to 5.
const sinchVersion = 5

// maxPlace is the longest label of a place, in characters.
const maxPlace = 1000

// sinchNumber is what the API takes for a phone number.
var sinchNumber = regexp.MustCompile(`^(00|\+)?[1-9][0-9]{8,16}$`)

// sinchLimits returns what the API takes. Postback data is called base64 there,
// but is not in any of its samples; tokens are sent as they are.
func sinchLimits() limits {
	return limits{text: 2000, unit: channel.Characters, postback: 1024, eventTitle: 1024, eventText: 1024, number: sinchNumber}
}

type sinchMessage struct {
	Content     sinchContent      `json:"message"`
	Suggestions []sinchSuggestion `json:"suggestions,omitempty"`
}

// sinchContent is one of the kinds that Type says.
type sinchContent struct {
	Type      string      `json:"type"`
	Text      string      `json:"text,omitempty"`
	File      *sinchFile  `json:"file,omitempty"`
	Thumbnail *sinchFile  `json:"thumbnail,omitempty"`
	Direction string      `json:"orientation,omitempty"`
	Alignment string      `json:"thumbnail_alignment,omitempty"`
	Card      *sinchCard  `json:"content,omitempty"`
	Width     string      `json:"width,omitempty"`
	Cards     []sinchCard `json:"contents,omitempty"`
}

// sinchFile is a file. Its type and size, which the API wants, are found out
// when it is sent.
type sinchFile struct {
	Name string `json:"file_name,omitempty"`
	URI  string `json:"file_uri"`
}

type sinchCard struct {
	Title       string            `json:"title,omitempty"`
	Description string            `json:"description,omitempty"`
	Media       *sinchMedia       `json:"media,omitempty"`
	Suggestions []sinchSuggestion `json:"suggestions,omitempty"`
}

type sinchMedia struct {
	Height    string     `json:"height"`
	File      *sinchFile `json:"file"`
	Thumbnail *sinchFile `json:"thumbnail,omitempty"`
}

// sinchSuggestion is a reply or, with an Action, an action.
type sinchSuggestion struct {
	Type     string        `json:"type"`
	Text     string        `json:"display_text"`
	Postback sinchPostback `json:"postback"`
	Action   *sinchAction  `json:"action,omitempty"`
}

type sinchPostback struct {
	Data string `json:"data"`
}

type sinchAction struct {
	Type        string     `json:"type"`
	URL         string     `json:"url,omitempty"`
	PhoneNumber string     `json:"phone_number,omitempty"`
	Latitude    *float64   `json:"latitude,omitempty"`
	Longitude   *float64   `json:"longitude,omitempty"`
	Label       string     `json:"label,omitempty"`
	Start       *time.Time `json:"start_time,omitempty"`
	End         *time.Time `json:"end_time,omitempty"`
	Title       string     `json:"title,omitempty"`
	Description string     `json:"description,omitempty"`
}

// sinchMessageOf says c in the words of the API.
func sinchMessageOf(c *content) sinchMessage {
	m := sinchMessage{Suggestions: sinchSuggestionsOf(c.Suggestions)}
	switch {
	case c.File != nil:
		m.Content.Type = "file"
		m.Content.File, m.Content.Thumbnail = sinchFilesOf(c.File)
	case c.Card == nil:
		m.Content.Type, m.Content.Text = "text", c.Text
	case c.Card.Standalone != nil:
		s := c.Card.Standalone
		shown := sinchCardOf(&s.Content)
		m.Content.Type, m.Content.Card = "standalone_rich_card", &shown
		m.Content.Direction, m.Content.Alignment = s.Orientation, s.Alignment
	default:
		m.Content.Type, m.Content.Width = "carousel_rich_card", c.Card.Carousel.Width
		for i := range c.Card.Carousel.Contents {
			m.Content.Cards = append(m.Content.Cards, sinchCardOf(&c.Card.Carousel.Contents[i]))
		}
	}
	return m
}

func sinchFilesOf(f *contentInfo) (file, thumbnail *sinchFile) {
	if f.ThumbnailURL != "" {
		thumbnail = &sinchFile{URI: f.ThumbnailURL}
	}
	return &sinchFile{Name: f.name, URI: f.FileURL}, thumbnail
}

func sinchCardOf(c *card) sinchCard {
	out := sinchCard{Title: c.Title, Description: c.Description, Suggestions: sinchSuggestionsOf(c.Suggestions)}
	if c.Media != nil {
		out.Media = &sinchMedia{Height: c.Media.Height}
		out.Media.File, out.Media.Thumbnail = sinchFilesOf(&c.Media.File)
	}
	return out
}

func sinchSuggestionsOf(all []suggestion) []sinchSuggestion {
	var out []sinchSuggestion
	for i := range all {
		if r := all[i].Reply; r != nil {
			out = append(out, sinchSuggestion{Type: "reply", Text: r.Text, Postback: sinchPostback{r.Postback}})
			continue
		}
		a := all[i].Action
		out = append(out, sinchSuggestion{
			Type: "action", Text: a.Text, Postback: sinchPostback{a.Postback}, Action: sinchActionOf(a),
		})
	}
	return out
}

// sinchActionOf says what a tap does. The API has no fallback addresses and no
// web views.
func sinchActionOf(a *suggestedAction) *sinchAction {
	switch {
	case a.OpenURL != nil:
		return &sinchAction{Type: "open_url", URL: a.OpenURL.URL}
	case a.Dial != nil:
		return &sinchAction{Type: "dial_phone_number", PhoneNumber: a.Dial.PhoneNumber}
	case a.ViewLocation != nil:
		at := a.ViewLocation.LatLong
		return &sinchAction{
			Type: "show_location", Latitude: &at.Latitude, Longitude: &at.Longitude, Label: cut(a.ViewLocation.Label, maxPlace),
		}
	case a.Calendar != nil:
		e := a.Calendar
		return &sinchAction{
			Type: "create_calendar_event", Start: &e.Start, End: &e.End, Title: e.Title,
			Description: cmp.Or(e.Description, e.Title), // required
		}
	default:
		return &sinchAction{Type: "request_location_push"}
	}
}
