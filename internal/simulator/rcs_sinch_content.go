package simulator

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// Limits of what a message shows, where they are not those of rcs_content.go
// (github.com/sinch/docs, RCS REST: messages endpoint). All are in characters.
const (
	rcsSinchTextMost     = 2000
	rcsSinchPostbackMost = 1024
	rcsSinchEventMost    = 1024
	rcsSinchPlaceMost    = 1000
)

type rcsSinchContent struct {
	Type        string         `json:"type"`
	Text        string         `json:"text"`
	File        *rcsSinchFile  `json:"file"`
	Thumbnail   *rcsSinchFile  `json:"thumbnail"`
	Orientation string         `json:"orientation"`
	Alignment   string         `json:"thumbnail_alignment"`
	Card        *rcsSinchCard  `json:"content"`
	Width       string         `json:"width"`
	Cards       []rcsSinchCard `json:"contents"`
}

type rcsSinchFile struct {
	MIME string `json:"mime_type"`
	Size int    `json:"file_size"`
	Name string `json:"file_name,omitempty"`
	URI  string `json:"file_uri"`
}

type rcsSinchCard struct {
	Title       string `json:"title"`
	Description string `json:"description"`
	Media       *struct {
		Height    string        `json:"height"`
		File      *rcsSinchFile `json:"file"`
		Thumbnail *rcsSinchFile `json:"thumbnail"`
	} `json:"media"`
	Suggestions []rcsSinchSuggestion `json:"suggestions"`
}

type rcsSinchSuggestion struct {
	Type     string `json:"type"`
	Text     string `json:"display_text"`
	Postback *struct {
		Data string `json:"data"`
	} `json:"postback"`
	Action *rcsSinchAction `json:"action"`
}

type rcsSinchAction struct {
	Type        string    `json:"type"`
	URL         string    `json:"url"`
	Phone       string    `json:"phone_number"`
	Latitude    *float64  `json:"latitude"`
	Longitude   *float64  `json:"longitude"`
	Label       string    `json:"label"`
	Start       time.Time `json:"start_time"`
	End         time.Time `json:"end_time"`
	Title       string    `json:"title"`
	Description string    `json:"description"`
}

// show checks the content and fills what the phone shows.
func (c *rcsSinchContent) show(it *Item) error {
	switch c.Type {
	case "text":
		it.Type, it.Text = "text", c.Text
		return rcsSinchLong("message.text", c.Text, 1, rcsSinchTextMost)
	case "file":
		m, err := c.File.shown("message.file")
		if err == nil && c.Thumbnail != nil {
			_, err = c.Thumbnail.shown("message.thumbnail")
		}
		it.Type, it.Media = m.Kind, []Media{m}
		return err
	case "standalone_rich_card":
		return c.standalone(it)
	case "carousel_rich_card":
		return c.carousel(it)
	}
	return rcsSinchInvalid("message.type", "Invalid property")
}

func (c *rcsSinchContent) standalone(it *Item) error {
	switch {
	case c.Orientation != "VERTICAL" && c.Orientation != "HORIZONTAL":
		return rcsSinchInvalid("message.orientation", "Invalid property")
	case !slices.Contains([]string{"", "LEFT", "RIGHT"}, c.Alignment):
		return rcsSinchInvalid("message.thumbnail_alignment", "Invalid property")
	case c.Card == nil:
		return rcsSinchInvalid("message.content", "Missing required property")
	}
	shown, err := c.Card.shown()
	if err != nil {
		return err
	}
	it.Type, it.Text, it.Media = "card", lines(shown.Title, shown.Text), shown.Media
	return it.addRCSSinch(c.Card.Suggestions, rcsCardChipsMost, 0)
}

func (c *rcsSinchContent) carousel(it *Item) error {
	if c.Width != "SMALL" && c.Width != "MEDIUM" {
		return rcsSinchInvalid("message.width", "Invalid property")
	}
	if n := len(c.Cards); n < 2 || n > rcsCardsMost {
		return rcsSinchInvalid("message.contents", "size must be between 2 and 10")
	}
	it.Type = "carousel"
	for i := range c.Cards {
		shown, err := c.Cards[i].shown()
		if err != nil {
			return err
		}
		shown.Index = i + 1
		it.Cards = append(it.Cards, shown)
		it.Text = lines(it.Text, shown.Title, shown.Text)
		if err := it.addRCSSinch(c.Cards[i].Suggestions, rcsCardChipsMost, i+1); err != nil {
			return err
		}
	}
	return nil
}

func (c *rcsSinchCard) shown() (Card, error) {
	out := Card{Title: c.Title, Text: c.Description}
	if c.Title == "" && c.Description == "" && c.Media == nil {
		return out, rcsSinchInvalid("content", "At least one of title, description and media must be specified")
	}
	if err := rcsSinchLong("title", c.Title, 0, rcsTitleMost); err != nil {
		return out, err
	}
	if err := rcsSinchLong("description", c.Description, 0, rcsDescriptionMost); err != nil {
		return out, err
	}
	if c.Media == nil {
		return out, nil
	}
	if !slices.Contains([]string{"SHORT", "MEDIUM", "TALL"}, c.Media.Height) {
		return out, rcsSinchInvalid("media.height", "Invalid property")
	}
	m, err := c.Media.File.shown("media.file")
	if err == nil && c.Media.Thumbnail != nil {
		_, err = c.Media.Thumbnail.shown("media.thumbnail")
	}
	out.Media = []Media{m}
	return out, err
}

// shown checks a file, whose type and size must be said.
func (f *rcsSinchFile) shown(field string) (Media, error) {
	switch {
	case f == nil:
		return Media{}, rcsSinchInvalid(field, "Missing required property")
	case f.MIME == "":
		return Media{}, rcsSinchInvalid(field+".mime_type", "Missing required property")
	case f.Size < 1:
		return Media{}, rcsSinchInvalid(field+".file_size", "Missing required property")
	case !rcsIsURL(f.URI):
		return Media{}, rcsSinchInvalid(field+".file_uri", "must be a valid URL")
	}
	return Media{Kind: (&file{mime: f.MIME}).kind(), URL: f.URI, MIME: f.MIME, Name: f.Name}, nil
}

func rcsSinchLong(field, text string, least, most int) error {
	if n := utf8.RuneCountInString(text); n < least || n > most {
		return rcsSinchInvalid(field, fmt.Sprintf("length must be between %d and %d", least, most))
	}
	return nil
}

// addRCSSinch makes suggestions tappable; card is the card they are on, from 1,
// or 0.
func (it *Item) addRCSSinch(suggestions []rcsSinchSuggestion, most, card int) error {
	if len(suggestions) > most {
		return rcsSinchInvalid("suggestions", fmt.Sprintf("size must be between 0 and %d", most))
	}
	for i := range suggestions {
		c, err := suggestions[i].choice()
		if err != nil {
			return err
		}
		c.Index, c.Card = len(it.Choices)+1, card
		it.Choices = append(it.Choices, c)
	}
	return nil
}

func (s *rcsSinchSuggestion) choice() (Choice, error) {
	c := Choice{Title: s.Text, Kind: s.Type}
	if err := rcsSinchLong("suggestions.display_text", s.Text, 1, rcsLabelMost); err != nil {
		return c, err
	}
	if s.Postback != nil {
		c.Payload = s.Postback.Data
		if err := rcsSinchLong("suggestions.postback.data", c.Payload, 1, rcsSinchPostbackMost); err != nil {
			return c, err
		}
	}
	switch {
	case s.Type == "reply" && s.Action == nil:
		return c, nil
	case s.Type == "action" && s.Action != nil:
		c.Reports = true
		return c, s.Action.choice(&c)
	}
	return c, rcsSinchInvalid("suggestions.type", "Invalid property")
}

// choice fills in what the action opens. The agent hears of the tap, too.
func (a *rcsSinchAction) choice(c *Choice) error {
	switch a.Type {
	case "open_url":
		c.Kind, c.URL = "url", a.URL
		if !rcsIsURL(a.URL) {
			return rcsSinchInvalid("action.url", "must be a valid URL")
		}
	case "dial_phone_number":
		c.Kind, c.Phone = "call", a.Phone
		if !rcsSinchPhone.MatchString(a.Phone) {
			return rcsSinchInvalid("action.phone_number", "Invalid property")
		}
	case "show_location":
		if a.Latitude == nil || a.Longitude == nil || max(*a.Latitude, -*a.Latitude) > 90 || max(*a.Longitude, -*a.Longitude) > 180 {
			return rcsSinchInvalid("action.latitude", "Invalid property")
		}
		c.Kind, c.Location = "map", &Location{Latitude: *a.Latitude, Longitude: *a.Longitude, Title: a.Label}
		return rcsSinchLong("action.label", a.Label, 0, rcsSinchPlaceMost)
	case "request_location_push":
		c.Kind = "location"
	case "create_calendar_event":
		c.Kind, c.Calendar = "calendar", &Calendar{Title: a.Title, Description: a.Description, Start: a.Start, End: a.End}
		if a.Start.IsZero() || a.End.IsZero() {
			return rcsSinchInvalid("action.start_time", "Missing required property")
		}
		if err := rcsSinchLong("action.title", a.Title, 1, rcsSinchEventMost); err != nil {
			return err
		}
		return rcsSinchLong("action.description", a.Description, 1, rcsSinchEventMost)
	default:
		return rcsSinchInvalid("action.type", "Invalid property")
	}
	return nil
}
