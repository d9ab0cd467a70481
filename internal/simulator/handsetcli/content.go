package handsetcli

import (
	"fmt"
	"strings"

	"github.com/parley-im/parley/internal/simulator"
)

// content is what a bubble holds, one line each.
func content(it *simulator.Item) []string {
	var out []string
	if it.ReplyTo != "" {
		out = append(out, "↪ #"+it.ReplyTo)
	}
	if it.Subject != "" {
		out = append(out, "Subject: "+plain(it.Subject), "")
	}
	out = append(out, files(it.Media)...)
	if it.Status == simulator.StatusDeleted {
		out = append(out, "(deleted)")
	}
	out = append(out, words(it.Text)...)
	for _, card := range it.Cards {
		out = apart(out)
		if title := fmt.Sprintf("▌%d. %s", card.Index, plain(card.Title)); card.Title != "" || len(it.Cards) > 1 {
			out = append(out, strings.TrimRight(title, " "))
		}
		out = append(append(out, files(card.Media)...), words(card.Text)...)
		out = append(out, choices(it.Choices, card.Index)...)
	}
	if below := choices(it.Choices, 0); len(below) > 0 {
		out = append(apart(out), below...)
	}
	if it.Reaction != "" {
		out = append(out, "reaction: "+plain(it.Reaction))
	}
	if it.Notice != "" {
		out = append(out, "answer: "+plain(it.Notice))
	}
	if len(out) == 0 {
		out = []string{"(" + it.Type + ")"}
	}
	return out
}

// apart leaves a line free after what there is.
func apart(out []string) []string {
	if len(out) > 0 && out[len(out)-1] != "" {
		out = append(out, "")
	}
	return out
}

func files(media []simulator.Media) []string {
	out := make([]string, 0, len(media))
	for _, m := range media {
		out = append(out, "["+m.Kind+"] "+strings.TrimSpace(plain(m.Name)+" "+plain(m.URL)))
	}
	return out
}

func words(text string) []string {
	var out []string
	if text != "" {
		for line := range strings.SplitSeq(text, "\n") {
			out = append(out, plain(line))
		}
	}
	return out
}

// choices lists those of one card, or of none, under their sections.
func choices(all []simulator.Choice, card int) []string {
	var out []string
	section := ""
	for _, ch := range all {
		if ch.Card != card {
			continue
		}
		if ch.Section != section {
			section = ch.Section
			out = append(out, plain(section))
		}
		out = append(out, choice(ch))
	}
	return out
}

func choice(ch simulator.Choice) string {
	line := fmt.Sprintf("[%d] %s", ch.Index, plain(ch.Title))
	if ch.Detail != "" {
		line += " – " + plain(ch.Detail)
	}
	switch {
	case ch.Calendar != nil:
		const short = "2006-01-02 15:04"
		line += " ↗ " + strings.TrimSpace(plain(ch.Calendar.Title)+" "+ch.Calendar.Start.UTC().Format(short)) +
			" – " + ch.Calendar.End.UTC().Format(short) + " UTC"
	case ch.Location != nil:
		line += " ↗ " + strings.TrimSpace(plain(ch.Location.Title)+" "+ch.Opens())
	case ch.Opens() != "":
		line += " ↗ " + plain(ch.Opens())
	}
	return line
}
