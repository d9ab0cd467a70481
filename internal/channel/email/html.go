package email

import (
	"html"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// page is the message as HTML, or "" for one that has nothing to show but its
// words.
func page(m *parley.AppMessage) string {
	var b strings.Builder
	switch v := m.Content().(type) {
	case *parley.CardMessage:
		card(&b, v)
	case *parley.CarouselMessage:
		for i := range v.Cards {
			card(&b, &v.Cards[i])
		}
		choices(&b, v.Choices)
	case *parley.ChoiceMessage:
		if v.Text != nil {
			paragraph(&b, v.Text.Text)
		}
		choices(&b, v.Choices)
	case *parley.ListMessage:
		list(&b, v)
	case *parley.LocationMessage:
		b.WriteString("<p>")
		link(&b, v.Title, transcode.MapsURL(v.Coordinates))
		b.WriteString("</p>\n")
	case *parley.TextMessage, *parley.MediaMessage, *parley.ContactInfoMessage, *parley.TemplateMessage, nil:
		return ""
	}
	return "<!DOCTYPE html>\n<html><body>\n" + b.String() + "</body></html>\n"
}

func card(b *strings.Builder, m *parley.CardMessage) {
	heading(b, "h2", m.Title)
	picture(b, m.Media)
	paragraph(b, m.Description)
	choices(b, m.Choices)
}

func list(b *strings.Builder, m *parley.ListMessage) {
	heading(b, "h2", m.Title)
	picture(b, m.Media)
	paragraph(b, m.Description)
	for _, s := range m.Sections {
		heading(b, "h3", s.Title)
		b.WriteString("<ul>\n")
		for _, item := range s.Items {
			b.WriteString("<li>")
			switch {
			case item.Choice != nil && item.Choice.PostbackData != "":
				b.WriteString(transcode.Join(" – ", choiceLink(item.Choice.Title, item.Choice.PostbackData), words(item.Choice.Description)))
				picture(b, item.Choice.Media)
			case item.Choice != nil:
				b.WriteString(words(transcode.Join(" – ", item.Choice.Title, item.Choice.Description)))
				picture(b, item.Choice.Media)
			case item.Product != nil:
				b.WriteString(words(item.Product.ID))
			}
			b.WriteString("</li>\n")
		}
		b.WriteString("</ul>\n")
	}
}

func heading(b *strings.Builder, tag, text string) {
	if text != "" {
		b.WriteString("<" + tag + ">" + words(text) + "</" + tag + ">\n")
	}
}

func paragraph(b *strings.Builder, text string) {
	if text != "" {
		b.WriteString("<p>" + words(text) + "</p>\n")
	}
}

// picture shows media where it is. What is no picture is a link.
func picture(b *strings.Builder, m *parley.MediaMessage) {
	if m == nil || !isWeb(m.URL) {
		return
	}
	name := fileName(m)
	switch strings.ToLower(extension(name)) {
	case "jpg", "jpeg", "png", "gif", "webp":
		b.WriteString(`<p><img src="` + html.EscapeString(m.URL) + `" alt="` + html.EscapeString(name) + `" style="max-width:100%"></p>` + "\n")
	default:
		b.WriteString("<p>")
		link(b, name, m.URL)
		b.WriteString("</p>\n")
	}
}

func extension(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

func choices(b *strings.Builder, all []parley.Choice) {
	if len(all) == 0 {
		return
	}
	b.WriteString("<ul>\n")
	for i := range all {
		b.WriteString("<li>")
		c := &all[i]
		switch address := opens(c); {
		case address != "":
			link(b, c.Title(), address)
		case c.Text != nil && c.PostbackData != "":
			b.WriteString(choiceLink(c.Title(), c.PostbackData))
		default:
			b.WriteString(words(strings.TrimPrefix(transcode.ChoiceLine(c, channel.Style{}), "> ")))
		}
		b.WriteString("</li>\n")
	}
	b.WriteString("</ul>\n")
}

// opens is the address behind a choice, or "".
func opens(c *parley.Choice) string {
	address := ""
	switch v := c.Content().(type) {
	case *parley.URLMessage:
		address = v.URL
	case *parley.CallMessage:
		return "tel:" + strings.ReplaceAll(v.PhoneNumber, " ", "")
	case *parley.LocationMessage:
		return transcode.MapsURL(v.Coordinates)
	case *parley.CalendarMessage:
		address = v.FallbackURL
	case *parley.ShareLocationMessage:
		address = v.FallbackURL
	case *parley.TextMessage, nil:
	}
	if !isWeb(address) {
		return ""
	}
	return address
}

func isWeb(address string) bool {
	return strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://")
}

func link(b *strings.Builder, text, address string) {
	b.WriteString(`<a href="` + html.EscapeString(address) + `">` + words(text) + "</a>")
}

// words is text as HTML.
func words(text string) string { return strings.ReplaceAll(html.EscapeString(text), "\n", "<br>\n") }
