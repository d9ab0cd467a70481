package transcode

import (
	"strconv"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// Text returns the whole of m as plain text, in the way the hosted service
// writes it on channels that have nothing but text. A template, which has no
// words of its own, and a message of overrides only are "".
func Text(m *parley.AppMessage, s channel.Style) string {
	switch v := m.Content().(type) {
	case *parley.TextMessage:
		return v.Text
	case *parley.MediaMessage:
		return v.URL
	case *parley.CardMessage:
		return card(v, s)
	case *parley.CarouselMessage:
		return carousel(v, s)
	case *parley.ChoiceMessage:
		return choice(v, s)
	case *parley.ListMessage:
		return list(v, s)
	case *parley.LocationMessage:
		return location(v)
	case *parley.ContactInfoMessage:
		return contactInfo(v)
	case *parley.TemplateMessage, nil:
		return ""
	}
	return ""
}

// ChoiceLine returns one choice as a line of text, such as "> YES" or
// "> Shop: https://shop.example". Text choices are upper-cased, because the
// contact is meant to type them.
func ChoiceLine(c *parley.Choice, s channel.Style) string {
	switch v := c.Content().(type) {
	case *parley.TextMessage:
		return bullet(s) + strings.ToUpper(v.Text)
	case *parley.URLMessage:
		return bullet(s) + titled(v.Title, v.URL)
	case *parley.CallMessage:
		return bullet(s) + titled(v.Title, v.PhoneNumber)
	case *parley.LocationMessage:
		return bullet(s) + location(v)
	case *parley.CalendarMessage:
		return bullet(s) + titled(v.Title, v.FallbackURL)
	case *parley.ShareLocationMessage:
		return bullet(s) + titled(v.Title, v.FallbackURL)
	case nil:
		return ""
	}
	return ""
}

// MapsURL returns the address of a place on a public map.
func MapsURL(c parley.Coordinates) string {
	return "https://www.google.com/maps/search/?api=1&query=" + Coordinate(c.Latitude) + "," + Coordinate(c.Longitude)
}

// Coordinate writes degrees as the hosted service does: at 32-bit precision,
// with as few digits as still tell it from its neighbours.
func Coordinate(degrees float64) string {
	return strconv.FormatFloat(float64(float32(degrees)), 'f', -1, 32)
}

func bullet(s channel.Style) string {
	if s.Bullet == "" {
		return "> "
	}
	return s.Bullet
}

func titled(title, target string) string { return title + ": " + target }

func location(m *parley.LocationMessage) string { return titled(m.Title, MapsURL(m.Coordinates)) }

func choice(m *parley.ChoiceMessage, s channel.Style) string {
	options := lines(choiceLines(m.Choices, s)...)
	if m.Text == nil {
		return options
	}
	return m.Text.Text + "\n\n" + options
}

func choiceLines(choices []parley.Choice, s channel.Style) []string {
	out := make([]string, len(choices))
	for i := range choices {
		out[i] = ChoiceLine(&choices[i], s)
	}
	return out
}

func card(m *parley.CardMessage, s channel.Style) string {
	head := caption(m, s)
	if m.Media != nil {
		head = lines(head, m.Media.URL)
	}
	options := lines(choiceLines(m.Choices, s)...)
	if s.BlankBefore && head != "" && options != "" {
		return head + "\n\n" + options
	}
	return lines(head, options)
}

// caption returns the words of a card: its title and description.
func caption(m *parley.CardMessage, s channel.Style) string {
	return lines(marked(m.Title, s.Bold), marked(m.Description, s.Italic))
}

func carousel(m *parley.CarouselMessage, s channel.Style) string {
	between := "\n\n"
	if s.Unnumbered {
		between = "\n"
	}
	parts := make([]string, 0, len(m.Cards)+1)
	for i := range m.Cards {
		text := card(&m.Cards[i], s)
		if !s.Unnumbered {
			text = strconv.Itoa(i+1) + ". " + text
		}
		parts = append(parts, text)
	}
	if len(m.Choices) > 0 {
		parts = append(parts, lines(choiceLines(m.Choices, s)...))
	}
	return strings.Join(parts, between)
}

func list(m *parley.ListMessage, s channel.Style) string {
	out := []string{marked(m.Title, s.Bold), marked(m.Description, s.Italic)}
	if m.Media != nil {
		out = append(out, m.Media.URL)
	}
	for _, section := range m.Sections {
		out = append(out, section.Title)
		for _, item := range section.Items {
			out = append(out, itemLine(item, s))
		}
	}
	return lines(out...)
}

// itemLine returns an item of a list as a line of text, like a text choice. Of
// a product only the id is known here.
func itemLine(i parley.ListItem, s channel.Style) string {
	switch {
	case i.Choice != nil:
		line := bullet(s) + strings.ToUpper(i.Choice.Title)
		if i.Choice.Description != "" {
			line += " - " + i.Choice.Description
		}
		if i.Choice.Media != nil {
			line += " - " + i.Choice.Media.URL
		}
		return line
	case i.Product != nil:
		return bullet(s) + i.Product.ID
	}
	return ""
}

func contactInfo(m *parley.ContactInfoMessage) string {
	out := []string{m.Name.FullName}
	for _, n := range m.PhoneNumbers {
		out = append(out, n.PhoneNumber)
	}
	for _, e := range m.EmailAddresses {
		out = append(out, e.EmailAddress)
	}
	for _, a := range m.Addresses {
		country := a.Country
		if country == "" {
			country = a.CountryCode
		}
		out = append(out, Join(", ", Join(" ", a.Zip, a.City), a.State, country))
	}
	if o := m.Organization; o != nil {
		out = append(out, Join(", ", o.Title, o.Department, o.Company))
	}
	for _, u := range m.URLs {
		out = append(out, u.URL)
	}
	return lines(append(out, m.Birthday)...)
}

// marked puts a mark such as * around text. Marks do not reach across lines on
// any channel, so text of several lines stays bare.
func marked(text, mark string) string {
	if mark == "" || text == "" || strings.Contains(text, "\n") {
		return text
	}
	return mark + text + mark
}

// lines joins what is not empty by line breaks.
func lines(parts ...string) string { return Join("\n", parts...) }

// Join joins the parts that are not empty.
func Join(sep string, parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		if p == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(sep)
		}
		b.WriteString(p)
	}
	return b.String()
}
