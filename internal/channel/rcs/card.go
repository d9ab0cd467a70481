package rcs

import (
	"net/url"
	"path"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// The channel properties of cards.
const (
	cardOrientation = "RCS_CARD_ORIENTATION"
	cardAlignment   = "RCS_CARD_THUMBNAIL_IMAGE_ALIGNMENT"
)

const (
	vertical   = "VERTICAL"
	horizontal = "HORIZONTAL"

	// carouselWidth takes media of any height; SMALL cards take no tall one.
	carouselWidth = "MEDIUM"
	defaultHeight = "MEDIUM"
)

// mediaTypes returns the files RCS shows (RCS for Business: supported media
// types). A file of another type is sent as its address.
func mediaTypes() []channel.MediaType {
	return []channel.MediaType{
		{Type: "image/*", MaxBytes: maxFile},
		{Type: "video/*", MaxBytes: maxFile},
		{Type: "audio/*", MaxBytes: maxFile},
		{Type: "application/pdf", MaxBytes: maxFile},
		{Type: "*/*"},
	}
}

// The kinds of files.
const (
	kindImage   = "image"
	kindVideo   = "video"
	kindFile    = "file"    // shown by itself, but not on a card
	kindForeign = "foreign" // not shown at all
	kindUnknown = "unknown" // the address does not tell
)

// kindOf guesses from its address what a file is. The system's table of types
// is left alone: the same message must look the same on every machine.
func kindOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return kindUnknown
	}
	switch strings.ToLower(path.Ext(u.Path)) {
	case ".jpg", ".jpeg", ".png", ".gif":
		return kindImage
	case ".mp4", ".m4v", ".mpeg", ".mpg", ".webm", ".h263", ".3gp":
		return kindVideo
	case ".mp3", ".m4a", ".aac", ".ogg", ".oga", ".opus", ".3ga", ".wav", ".pdf":
		return kindFile
	case ".bmp", ".tif", ".tiff", ".svg", ".webp", ".heic", ".avi", ".mov", ".mkv", ".doc", ".docx", ".xls", ".xlsx", ".ppt",
		".pptx", ".odt", ".ods", ".odp", ".rtf", ".txt", ".csv", ".vcf", ".ics", ".zip", ".gz", ".apk", ".pkpass":
		return kindForeign
	default:
		return kindUnknown
	}
}

// media shows a file, or its address where RCS shows no such file.
func (r *renderer) media(m *parley.MediaMessage) {
	if kindOf(m.URL) == kindForeign || len(m.URL) > maxURL {
		r.text(m.URL, nil)
		return
	}
	r.add(content{File: file(m)})
}

func file(m *parley.MediaMessage) *contentInfo {
	return &contentInfo{FileURL: m.URL, ThumbnailURL: m.ThumbnailURL, name: m.FilenameOverride}
}

// card shows a card, with up to four buttons on it and the other choices as
// chips below.
func (r *renderer) card(m *parley.CardMessage) {
	buttons, ok := r.suggestions(m.Choices)
	if !ok || !cardFits(m) {
		r.plainCard(m, nil)
		return
	}
	r.standalone(m, buttons, nil)
}

func (r *renderer) standalone(m *parley.CardMessage, buttons, chips []suggestion) {
	if m.Media != nil && !onCard(m.Media) {
		r.media(m.Media)
		rest := *m
		rest.Media = nil
		m = &rest
	}
	if len(buttons) > maxCardChips {
		buttons, chips = buttons[:maxCardChips], append(buttons[maxCardChips:len(buttons):len(buttons)], chips...)
	}
	body := r.cardContent(m, buttons)
	if body.Title == "" && body.Description == "" && body.Media == nil {
		r.below(append(buttons, chips...))
		return
	}
	s := &standaloneCard{Orientation: vertical, Content: body}
	if m.Media != nil && body.Title+body.Description != "" && r.property(cardOrientation, horizontal) {
		s.Orientation, s.Alignment = horizontal, "LEFT"
		if r.property(cardAlignment, "RIGHT") {
			s.Alignment = "RIGHT"
		}
	}
	r.add(content{Card: &richCard{Standalone: s}, Suggestions: chips})
}

func (r *renderer) property(name, value string) bool {
	return strings.EqualFold(r.o.Properties[name], value)
}

// plainCard shows a card that is too much for one as its file and text, with
// the choices as chips below and others after them.
func (r *renderer) plainCard(m *parley.CardMessage, chips []suggestion) {
	rest := *m
	if m.Media != nil {
		r.media(m.Media)
		rest.Media = nil
	}
	buttons, ok := r.suggestions(m.Choices)
	if ok {
		rest.Choices = nil
	}
	if len(buttons)+len(chips) <= maxChips {
		buttons, chips = append(buttons, chips...), nil
	}
	r.text(transcode.Text(&parley.AppMessage{Card: &rest}, channel.Style{}), buttons)
	r.below(chips)
}

// below shows chips that have no message to hang on: the first one's words
// stand above them.
func (r *renderer) below(chips []suggestion) {
	if len(chips) > 0 {
		r.text(chips[0].label(), chips)
	}
}

// onCard reports whether a card can show the file: a picture or a film.
func onCard(m *parley.MediaMessage) bool {
	if len(m.URL) > maxURL {
		return false
	}
	switch kindOf(m.URL) {
	case kindImage, kindVideo, kindUnknown:
		return true
	default:
		return false
	}
}

// cardFits reports whether the words of a card have room on it. A title that
// is too long goes ahead of the description.
func cardFits(m *parley.CardMessage) bool {
	title, description := cardWords(m)
	return len(title) <= maxTitle && len(description) <= maxDescription
}

func cardWords(m *parley.CardMessage) (title, description string) {
	if len(m.Title) <= maxTitle {
		return m.Title, m.Description
	}
	return "", transcode.Join("\n", m.Title, m.Description)
}

func (r *renderer) cardContent(m *parley.CardMessage, buttons []suggestion) card {
	c := card{Suggestions: buttons}
	c.Title, c.Description = cardWords(m)
	if m.Media != nil {
		c.Media = &cardMedia{Height: height(m.Height), File: *file(m.Media)}
	}
	return c
}

func height(h string) string {
	switch h {
	case "SHORT", "TALL":
		return h
	default:
		return defaultHeight
	}
}

// carousel shows cards side by side, and one after another where there is only
// one or one of them has too much for a carousel. The choices below the
// carousel are chips.
func (r *renderer) carousel(m *parley.CarouselMessage) {
	chips, ok := r.suggestions(m.Choices)
	if !ok {
		r.apart(m, nil)
		r.text(transcode.Text(&parley.AppMessage{Choice: &parley.ChoiceMessage{Choices: m.Choices}}, channel.Style{}), nil)
		return
	}
	cards := make([]card, len(m.Cards))
	for i := range m.Cards {
		c := &m.Cards[i]
		buttons, ok := r.suggestions(c.Choices)
		if !ok || len(m.Cards) == 1 || len(buttons) > maxCardChips || !cardFits(c) || c.Media != nil && !onCard(c.Media) {
			r.apart(m, chips)
			return
		}
		cards[i] = r.cardContent(c, buttons)
	}
	r.add(content{
		Card:        &richCard{Carousel: &carouselCard{Width: carouselWidth, Contents: cards}},
		Suggestions: chips,
	})
}

// apart shows the cards of a carousel one after another, chips below the last.
func (r *renderer) apart(m *parley.CarouselMessage, chips []suggestion) {
	final := len(m.Cards) - 1
	for i := range m.Cards[:final] {
		r.card(&m.Cards[i])
	}
	buttons, ok := r.suggestions(m.Cards[final].Choices)
	if !ok || !cardFits(&m.Cards[final]) || len(buttons)-maxCardChips+len(chips) > maxChips {
		r.plainCard(&m.Cards[final], chips)
		return
	}
	r.standalone(&m.Cards[final], buttons, chips)
}
