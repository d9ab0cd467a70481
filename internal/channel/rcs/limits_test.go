package rcs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/parley-im/parley/internal/channel"
)

type chip struct {
	Reply, Action *struct {
		Text         string `json:"text"`
		PostbackData string `json:"postbackData"`
	}
}

type shownCard struct {
	Title, Description string
	Media              *struct{ Height string }
	Suggestions        []chip
}

// limits checks what Google documents of an AgentMessage.
func limits(p channel.Payload) error {
	var m struct {
		Content *struct {
			Text        string
			ContentInfo *struct{ FileURL string }
			RichCard    *struct {
				StandaloneCard *struct{ CardContent shownCard }
				CarouselCard   *struct{ CardContents []shownCard }
			}
			Suggestions []chip
		} `json:"contentMessage"`
	}
	if err := json.Unmarshal(p.Body, &m); err != nil {
		return err
	}
	c := m.Content
	if c == nil {
		return nil // an app's own
	}
	kinds := 0
	for _, has := range []bool{c.Text != "", c.ContentInfo != nil, c.RichCard != nil} {
		if has {
			kinds++
		}
	}
	if kinds != 1 || len(c.Text) > 3072 || len(p.Body) > 250_000 {
		return fmt.Errorf("%d kinds, %d bytes of text, %d bytes", kinds, len(c.Text), len(p.Body))
	}
	if err := chips(c.Suggestions, 11); err != nil {
		return err
	}
	if c.RichCard == nil {
		return nil
	}
	if c.RichCard.StandaloneCard != nil {
		return cards([]shownCard{c.RichCard.StandaloneCard.CardContent}, 1)
	}
	return cards(c.RichCard.CarouselCard.CardContents, 2)
}

func cards(all []shownCard, least int) error {
	if len(all) < least || len(all) > 10 {
		return fmt.Errorf("%d cards", len(all))
	}
	for _, c := range all {
		if c.Title == "" && c.Description == "" && c.Media == nil {
			return errors.New("a card shows nothing")
		}
		if len(c.Title) > 200 || len(c.Description) > 2000 {
			return fmt.Errorf("title %d, description %d", len(c.Title), len(c.Description))
		}
		if err := chips(c.Suggestions, 4); err != nil {
			return err
		}
	}
	return nil
}

func chips(all []chip, most int) error {
	if len(all) > most {
		return fmt.Errorf("%d suggestions, at most %d", len(all), most)
	}
	for _, s := range all {
		said := s.Reply
		if said == nil {
			said = s.Action
		}
		if said == nil || said.Text == "" || utf8.RuneCountInString(said.Text) > 25 {
			return fmt.Errorf("suggestion %+v", said)
		}
		if said.PostbackData == "" || len(said.PostbackData) > 2048 {
			return fmt.Errorf("postback of %d bytes", len(said.PostbackData))
		}
	}
	return nil
}
