package rcs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/parley-im/parley/internal/channel"
)

type sinchChip struct {
	Type     string                `json:"type"`
	Label    string                `json:"display_text"`
	Postback struct{ Data string } `json:"postback"`
	Action   *struct {
		Type        string `json:"type"`
		Title       string `json:"title"`
		Description string `json:"description"`
		Label       string `json:"label"`
	} `json:"action"`
}

type sinchCard struct {
	Title       string                   `json:"title"`
	Description string                   `json:"description"`
	Media       *struct{ Height string } `json:"media"`
	Suggestions []sinchChip              `json:"suggestions"`
}

// sinchFits checks what Sinch documents of an AgentMessage.
func sinchFits(p channel.Payload) error {
	var m struct {
		Message struct {
			Type  string          `json:"type"`
			Text  string          `json:"text"`
			File  json.RawMessage `json:"file"`
			Card  *sinchCard      `json:"content"`
			Cards []sinchCard     `json:"contents"`
		} `json:"message"`
		Suggestions []sinchChip `json:"suggestions"`
	}
	if err := json.Unmarshal(p.Body, &m); err != nil {
		return err
	}
	if err := sinchChips(m.Suggestions, 11); err != nil {
		return err
	}
	switch c := m.Message; c.Type {
	case "text":
		if n := utf8.RuneCountInString(c.Text); n == 0 || n > 2000 {
			return fmt.Errorf("text of %d characters", n)
		}
	case "file":
		if len(c.File) == 0 {
			return errors.New("no file")
		}
	case "standalone_rich_card":
		return sinchCards([]sinchCard{*c.Card}, 1)
	case "carousel_rich_card":
		return sinchCards(c.Cards, 2)
	case "": // an app's own, in the words of another provider
	default:
		return fmt.Errorf("type %q", c.Type)
	}
	return nil
}

func sinchCards(all []sinchCard, least int) error {
	if len(all) < least || len(all) > 10 {
		return fmt.Errorf("%d cards", len(all))
	}
	for _, c := range all {
		if c.Title == "" && c.Description == "" && c.Media == nil {
			return errors.New("a card shows nothing")
		}
		if utf8.RuneCountInString(c.Title) > 200 || utf8.RuneCountInString(c.Description) > 2000 {
			return fmt.Errorf("title %q, description %q", c.Title, c.Description)
		}
		if c.Media != nil && !slices.Contains([]string{"SHORT", "MEDIUM", "TALL"}, c.Media.Height) {
			return fmt.Errorf("height %q", c.Media.Height)
		}
		if err := sinchChips(c.Suggestions, 4); err != nil {
			return err
		}
	}
	return nil
}

func sinchChips(all []sinchChip, most int) error {
	if len(all) > most {
		return fmt.Errorf("%d suggestions, at most %d", len(all), most)
	}
	for _, s := range all {
		if n := utf8.RuneCountInString(s.Label); n == 0 || n > 25 || s.Postback.Data == "" || len(s.Postback.Data) > 1024 {
			return fmt.Errorf("suggestion %+v", s)
		}
		if (s.Type == "action") != (s.Action != nil) {
			return fmt.Errorf("suggestion %+v", s)
		}
		if a := s.Action; a != nil && a.Type == "create_calendar_event" &&
			(a.Title == "" || a.Description == "" || utf8.RuneCountInString(a.Description) > 1024) {
			return fmt.Errorf("appointment %+v", a)
		}
	}
	return nil
}
