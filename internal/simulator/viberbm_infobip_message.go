package simulator

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// infobipMessage is what is sent to phones.
type infobipMessage struct {
	Sender       string `json:"sender"`
	Destinations []struct {
		To        string `json:"to"`
		MessageID string `json:"messageId"`
	} `json:"destinations"`
	Content infobipContent `json:"content"`
	Options struct {
		Label    string `json:"label"`
		Validity *struct {
			Amount   int    `json:"amount"`
			TimeUnit string `json:"timeUnit"`
		} `json:"validityPeriod"`
	} `json:"options"`
	Webhooks struct {
		Delivery     infobipHook `json:"delivery"`
		Seen         infobipHook `json:"seen"`
		CallbackData string      `json:"callbackData"`
	} `json:"webhooks"`
}

type infobipHook struct {
	URL string `json:"url"`
}

type infobipContent struct {
	Type          string            `json:"type"`
	Text          string            `json:"text"`
	MediaURL      string            `json:"mediaUrl"`
	ThumbnailURL  string            `json:"thumbnailUrl"`
	MediaDuration string            `json:"mediaDuration"`
	FileName      string            `json:"fileName"`
	Button        *infobipButton    `json:"button"`
	Options       []string          `json:"options"`
	Cards         []infobipCard     `json:"cards"`
	TemplateID    string            `json:"templateId"`
	Language      string            `json:"language"`
	Parameters    map[string]string `json:"parameters"`
}

type infobipButton struct {
	Title  string `json:"title"`
	Action string `json:"action"`
}

type infobipCard struct {
	Text     string          `json:"text"`
	MediaURL string          `json:"mediaUrl"`
	Buttons  []infobipButton `json:"buttons"`
}

// infobipFileName is what the names of files must look like.
var infobipFileName = regexp.MustCompile(`.*\.(docx?|dotx?|xlsx?|f?ods|f?odt|rtf|odf|txt|info|pdf|xps|pdax|eps|csv|xlsm|xltx)$`)

// check names the part that Infobip would not take (Infobip OpenAPI
// Specification 3.210.0).
func (m *infobipMessage) check() (string, error) {
	switch v := m.Options.Validity; {
	case m.Sender == "":
		return "sender", errors.New("must not be blank")
	case len(m.Destinations) == 0:
		return "destinations", errors.New("must not be empty")
	case !slices.Contains([]string{"", "TRANSACTIONAL", "PROMOTIONAL"}, m.Options.Label):
		return "options.label", errors.New("want TRANSACTIONAL or PROMOTIONAL")
	case v != nil && (v.Amount < 1 || !slices.Contains([]string{"", "SECONDS", "MINUTES", "HOURS"}, v.TimeUnit)):
		return "options.validityPeriod", errors.New("want a period")
	}
	for i, to := range m.Destinations {
		if !viberNumber.MatchString(to.To) || len(to.MessageID) > 200 {
			return fmt.Sprintf("destinations[%d]", i), errors.New("want a number in E.164 without +, and an id of at most 200 characters")
		}
	}
	part, err := m.Content.check()
	return "content." + part, err
}

func (c *infobipContent) check() (string, error) {
	web := func(address string) bool {
		return len(address) <= 1000 && (strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://"))
	}
	if utf8.RuneCountInString(c.Text) > 1000 {
		return "text", errors.New("size must be between 0 and 1000")
	}
	if b := c.Button; b != nil && (b.Action == "" || b.Title == "" || utf8.RuneCountInString(b.Title) > 30 || c.Text == "") {
		return "button", errors.New("want an action and a title of at most 30 characters, and text beside it")
	}
	switch c.Type {
	case "TEXT":
		if c.Text == "" {
			return "text", errors.New("must not be blank")
		}
	case "IMAGE", "VIDEO", "FILE":
		if !web(c.MediaURL) {
			return "mediaUrl", errors.New("must be a URL of at most 1000 characters")
		}
	}
	switch c.Type {
	case "TEXT", "IMAGE":
	case "VIDEO":
		if !web(c.ThumbnailURL) || c.MediaDuration == "" {
			return "thumbnailUrl", errors.New("a video has a thumbnail and a duration")
		}
	case "FILE":
		if !infobipFileName.MatchString(c.FileName) {
			return "fileName", errors.New("want the name of a document")
		}
	case "LIST", "CAROUSEL", "TEMPLATE":
		return c.checkRich(web)
	default:
		return "type", fmt.Errorf("there is no type %q", c.Type)
	}
	return "", nil
}

// checkRich looks at what Parley does not make by itself.
func (c *infobipContent) checkRich(web func(string) bool) (string, error) {
	long := func(most int) func(string) bool {
		return func(s string) bool { return utf8.RuneCountInString(s) > most }
	}
	switch {
	case c.Type == "TEMPLATE" && (c.TemplateID == "" || c.Language == ""):
		return "templateId", errors.New("want templateId and language")
	case c.Type == "LIST" && (len(c.Options) < 2 || len(c.Options) > 5 || slices.ContainsFunc(c.Options, long(50)) || long(85)(c.Text)):
		return "options", errors.New("want 2 to 5 options of at most 50 characters, under at most 85")
	case c.Type == "CAROUSEL" && (len(c.Cards) < 2 || len(c.Cards) > 5):
		return "cards", errors.New("want 2 to 5 cards")
	}
	for _, card := range c.Cards {
		if n := utf8.RuneCountInString(card.Text); n < 2 || n > 38 || !web(card.MediaURL) || len(card.Buttons) > 2 {
			return "cards", errors.New("want a text of 2 to 38 characters, an image and at most 2 buttons")
		}
	}
	return "", nil
}

// item is the message as the phone shows it.
func (m *infobipMessage) item() Item {
	c := &m.Content
	it := Item{Type: strings.ToLower(c.Type), Text: c.Text, Sender: m.Sender}
	kind := map[string]string{"IMAGE": "image", "VIDEO": "video", "FILE": "document"}[c.Type]
	if kind != "" {
		it.Media = []Media{{Kind: kind, URL: c.MediaURL, MIME: mimeOf(c.MediaURL), Name: c.FileName}}
	}
	if c.Button != nil {
		it.Choices = []Choice{viberButton(1, c.Button.Title, c.Button.Action)}
	}
	for i, option := range c.Options {
		it.Choices = append(it.Choices, Choice{Index: i + 1, Title: option, Kind: "reply"})
	}
	for i, card := range c.Cards {
		it.Cards = append(it.Cards, Card{
			Index: i + 1, Text: card.Text, Media: []Media{{Kind: "image", URL: card.MediaURL, MIME: mimeOf(card.MediaURL)}},
		})
		for _, b := range card.Buttons {
			choice := viberButton(len(it.Choices)+1, b.Title, b.Action)
			choice.Card = i + 1
			it.Choices = append(it.Choices, choice)
		}
	}
	if c.Type == "TEMPLATE" {
		it.Text = c.TemplateID
	}
	return it
}
