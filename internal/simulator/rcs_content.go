package simulator

import (
	"fmt"
	"net/url"
	"slices"
	"time"
	"unicode/utf8"
)

// Limits of what a message shows (RCS for Business: send messages,
// AgentMessage).
const (
	rcsTextMost        = 3072
	rcsTitleMost       = 200
	rcsDescriptionMost = 2000
	rcsLabelMost       = 25
	rcsPostbackMost    = 2048
	rcsURLMost         = 2048
	rcsChipsMost       = 11
	rcsCardChipsMost   = 4
	rcsCardsMost       = 10
)

type rcsContent struct {
	Text string   `json:"text"`
	File *rcsFile `json:"contentInfo"`
	Card *struct {
		Standalone *struct {
			Orientation string  `json:"cardOrientation"`
			Alignment   string  `json:"thumbnailImageAlignment"`
			Content     rcsCard `json:"cardContent"`
		} `json:"standaloneCard"`
		Carousel *struct {
			Width    string    `json:"cardWidth"`
			Contents []rcsCard `json:"cardContents"`
		} `json:"carouselCard"`
	} `json:"richCard"`
	Suggestions []rcsSuggestion `json:"suggestions"`
}

type rcsFile struct {
	FileURL      string `json:"fileUrl"`
	ThumbnailURL string `json:"thumbnailUrl"`
	ForceRefresh bool   `json:"forceRefresh"`
}

type rcsCard struct {
	Title       string `json:"title"`
	Description string `json:"description"`
	Media       *struct {
		Height string  `json:"height"`
		File   rcsFile `json:"contentInfo"`
	} `json:"media"`
	Suggestions []rcsSuggestion `json:"suggestions"`
}

type rcsSuggestion struct {
	Reply *struct {
		Text     string `json:"text"`
		Postback string `json:"postbackData"`
	} `json:"reply"`
	Action *struct {
		Text        string `json:"text"`
		Postback    string `json:"postbackData"`
		FallbackURL string `json:"fallbackUrl"`
		OpenURL     *struct {
			URL         string `json:"url"`
			Application string `json:"application"`
			ViewMode    string `json:"webviewViewMode"`
			Description string `json:"description"`
		} `json:"openUrlAction"`
		Dial *struct {
			Phone string `json:"phoneNumber"`
		} `json:"dialAction"`
		ViewLocation *struct {
			LatLong rcsLatLong `json:"latLong"`
			Label   string     `json:"label"`
			Query   string     `json:"query"`
		} `json:"viewLocationAction"`
		ShareLocation *struct{} `json:"shareLocationAction"`
		Calendar      *struct {
			Start       time.Time `json:"startTime"`
			End         time.Time `json:"endTime"`
			Title       string    `json:"title"`
			Description string    `json:"description"`
		} `json:"createCalendarEventAction"`
	} `json:"action"`
}

type rcsLatLong struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

// show checks the content and fills what the phone shows.
func (c *rcsContent) show(it *Item) error {
	kinds := 0
	for _, has := range []bool{c.Text != "", c.File != nil, c.Card != nil} {
		if has {
			kinds++
		}
	}
	if kinds != 1 {
		return rcsInvalid("Exactly one of text, contentInfo and richCard must be set.")
	}
	if err := c.body(it); err != nil {
		return err
	}
	return it.addRCS(c.Suggestions, rcsChipsMost, 0)
}

func (c *rcsContent) body(it *Item) error {
	switch {
	case c.Text != "":
		it.Type, it.Text = "text", c.Text
		return rcsLong("text", c.Text, rcsTextMost)
	case c.File != nil:
		m, err := c.File.shown()
		it.Type, it.Media = m.Kind, []Media{m}
		return err
	case c.Card.Standalone != nil:
		s := c.Card.Standalone
		if s.Orientation != "VERTICAL" && s.Orientation != "HORIZONTAL" {
			return rcsInvalid("cardOrientation must be VERTICAL or HORIZONTAL.")
		}
		if s.Orientation == "HORIZONTAL" && s.Alignment != "LEFT" && s.Alignment != "RIGHT" {
			return rcsInvalid("thumbnailImageAlignment must be set for horizontal cards.")
		}
		shown, err := s.Content.shown(s.Orientation == "VERTICAL")
		if err != nil {
			return err
		}
		it.Type, it.Text, it.Media = "card", lines(shown.Title, shown.Text), shown.Media
		return it.addRCS(s.Content.Suggestions, rcsCardChipsMost, 0)
	case c.Card.Carousel != nil:
		return c.carousel(it)
	}
	return rcsInvalid("One of standaloneCard and carouselCard must be set.")
}

func (c *rcsContent) carousel(it *Item) error {
	in := c.Card.Carousel
	if in.Width != "SMALL" && in.Width != "MEDIUM" {
		return rcsInvalid("cardWidth must be SMALL or MEDIUM.")
	}
	if n := len(in.Contents); n < 2 || n > rcsCardsMost {
		return rcsInvalid("A carousel must have 2 to 10 cards.")
	}
	it.Type = "carousel"
	for i := range in.Contents {
		card := &in.Contents[i]
		if in.Width == "SMALL" && card.Media != nil && card.Media.Height == "TALL" {
			return rcsInvalid("Cards of width SMALL cannot have TALL media.")
		}
		shown, err := card.shown(true)
		if err != nil {
			return err
		}
		shown.Index = i + 1
		it.Cards = append(it.Cards, shown)
		it.Text = lines(it.Text, shown.Title, shown.Text)
		if err := it.addRCS(card.Suggestions, rcsCardChipsMost, i+1); err != nil {
			return err
		}
	}
	return nil
}

func (c *rcsCard) shown(upright bool) (Card, error) {
	out := Card{Title: c.Title, Text: c.Description}
	if c.Title == "" && c.Description == "" && c.Media == nil {
		return out, rcsInvalid("A card must have a title, a description or media.")
	}
	if err := rcsLong("title", c.Title, rcsTitleMost); err != nil {
		return out, err
	}
	if err := rcsLong("description", c.Description, rcsDescriptionMost); err != nil {
		return out, err
	}
	if c.Media == nil {
		return out, nil
	}
	if upright && !slices.Contains([]string{"SHORT", "MEDIUM", "TALL"}, c.Media.Height) {
		return out, rcsInvalid("media.height must be SHORT, MEDIUM or TALL.")
	}
	m, err := c.Media.File.shown()
	if err == nil && (m.MIME == "application/pdf" || m.Kind == "audio" || m.Kind == "voice") {
		err = rcsInvalid("A card shows images and videos only.")
	}
	out.Media = []Media{m}
	return out, err
}

func (f *rcsFile) shown() (Media, error) {
	for _, address := range []string{f.FileURL, f.ThumbnailURL} {
		if address == "" && f.FileURL != "" {
			continue
		}
		if !rcsIsURL(address) {
			return Media{}, rcsInvalid("contentInfo: not a valid URL.")
		}
	}
	mime := mimeOf(f.FileURL)
	return Media{Kind: (&file{mime: mime}).kind(), URL: f.FileURL, MIME: mime}, nil
}

func rcsIsURL(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") && len(address) <= rcsURLMost
}

func rcsLong(field, text string, most int) error {
	if utf8.RuneCountInString(text) > most {
		return rcsInvalid(fmt.Sprintf("%s must have at most %d characters.", field, most))
	}
	return nil
}

// addRCS makes suggestions tappable; card is the card they are on, from 1, or
// 0.
func (it *Item) addRCS(suggestions []rcsSuggestion, most, card int) error {
	if len(suggestions) > most {
		return rcsInvalid(fmt.Sprintf("There must be at most %d suggestions.", most))
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

func (s *rcsSuggestion) choice() (Choice, error) {
	var c Choice
	switch {
	case s.Reply != nil && s.Action == nil:
		c = Choice{Title: s.Reply.Text, Payload: s.Reply.Postback, Kind: "reply"}
	case s.Action != nil && s.Reply == nil:
		c = Choice{Title: s.Action.Text, Payload: s.Action.Postback}
		if err := s.action(&c); err != nil {
			return c, err
		}
	default:
		return c, rcsInvalid("A suggestion must be a reply or an action.")
	}
	if c.Title == "" || c.Payload == "" || len(c.Payload) > rcsPostbackMost {
		return c, rcsInvalid("A suggestion must have text, and postbackData of at most 2048 characters.")
	}
	return c, rcsLong("suggestion.text", c.Title, rcsLabelMost)
}

// action fills in what the action opens. The agent hears of the tap, too.
func (s *rcsSuggestion) action(c *Choice) error {
	a := s.Action
	c.Reports = true
	if a.FallbackURL != "" && !rcsIsURL(a.FallbackURL) {
		return rcsInvalid("fallbackUrl: not a valid URL.")
	}
	switch {
	case a.OpenURL != nil:
		if !rcsIsURL(a.OpenURL.URL) {
			return rcsInvalid("openUrlAction.url: not a valid URL.")
		}
		c.Kind, c.URL = "url", a.OpenURL.URL
	case a.Dial != nil:
		if len(a.Dial.Phone) == 0 || a.Dial.Phone[0] != '+' || !waPhone.MatchString(a.Dial.Phone) {
			return rcsInvalid("dialAction.phoneNumber must be in E.164 format.")
		}
		c.Kind, c.Phone = "call", a.Dial.Phone
	case a.ViewLocation != nil:
		l := a.ViewLocation
		c.Kind, c.Location = "map", &Location{Latitude: l.LatLong.Latitude, Longitude: l.LatLong.Longitude, Title: l.Label}
	case a.Calendar != nil:
		e := a.Calendar
		if e.Title == "" || e.Start.IsZero() || !e.End.After(e.Start) || utf8.RuneCountInString(e.Title) > 100 ||
			utf8.RuneCountInString(e.Description) > 500 {
			return rcsInvalid("createCalendarEventAction is invalid.")
		}
		c.Kind, c.Calendar = "calendar", &Calendar{Title: e.Title, Description: e.Description, Start: e.Start, End: e.End}
	case a.ShareLocation != nil:
		c.Kind = "location"
	default:
		return rcsInvalid("An action must do something.")
	}
	return nil
}
