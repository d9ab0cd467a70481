package whatsapp

import (
	"cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// list shows a list natively where it keeps to WhatsApp's limits, else as
// text. Its media goes ahead of it: the header of a list is text alone.
func (r *renderer) list(m *parley.ListMessage) {
	p := m.Properties
	if p == nil {
		p = &parley.ListProperties{}
	}
	var in *interactive
	if isProducts(m) {
		in = products(m, p)
	} else {
		in = r.rows(m, p)
	}
	if in == nil || in.Body.Text == "" { // a body is required
		r.plainList(m)
		return
	}
	if m.Media != nil {
		r.media(m.Media, "")
	}
	pieces := transcode.Split(in.Body.Text, maxBody, channel.Characters)
	for _, ahead := range pieces[:len(pieces)-1] {
		r.text(ahead)
	}
	in.Body.Text = pieces[len(pieces)-1]
	r.add(message{Type: "interactive", Interactive: in})
}

func (r *renderer) plainList(m *parley.ListMessage) {
	rest := *m
	rest.Media = nil
	if m.Media != nil {
		r.media(m.Media, "")
	}
	r.text(transcode.Text(&parley.AppMessage{List: &rest}, style))
}

// rows returns the list message of choices, or nil.
func (r *renderer) rows(m *parley.ListMessage, p *parley.ListProperties) *interactive {
	sections := make([]section, len(m.Sections))
	n := 0
	for i, s := range m.Sections {
		sections[i].Title = cut(s.Title, maxRowTitle)
		for _, item := range s.Items {
			c := item.Choice
			if c == nil || c.Media != nil { // a row has no place for media
				return nil
			}
			id := r.id(n, c.Title, c.PostbackData, maxRowID)
			sections[i].Rows = append(sections[i].Rows, newRow(id, c.Title, c.Description))
			n++
		}
	}
	if !titled(sections) {
		return nil
	}
	in := menu(cmp.Or(p.Menu, defaultMenu), sections)
	if in == nil {
		return nil
	}
	in.Header = textHeader(p.WhatsAppHeader)
	in.Body = &words{Text: cardWords(&parley.CardMessage{Title: m.Title, Description: m.Description})}
	return in
}

// products returns the message that shows one product, or a list of them, or
// nil. A list must have a header: the list's title, where the app chose none.
func products(m *parley.ListMessage, p *parley.ListProperties) *interactive {
	sections := make([]section, len(m.Sections))
	n := 0
	for i, s := range m.Sections {
		sections[i].Title = cut(s.Title, maxRowTitle)
		for _, item := range s.Items {
			if item.Product == nil {
				return nil
			}
			sections[i].Products = append(sections[i].Products, product{ID: item.Product.ID})
			n++
		}
	}
	if n > maxProducts || !titled(sections) {
		return nil
	}
	if n == 1 {
		body := cardWords(&parley.CardMessage{Title: m.Title, Description: m.Description})
		return &interactive{Type: typeProduct, Body: &words{Text: body}, Action: action{
			CatalogID: p.CatalogID, ProductID: sections[0].Products[0].ID,
		}}
	}
	in := &interactive{Type: typeProducts, Action: action{CatalogID: p.CatalogID, Sections: sections}}
	in.Header = textHeader(cmp.Or(p.WhatsAppHeader, m.Title))
	in.Body = &words{Text: cmp.Or(m.Description, m.Title)}
	if p.WhatsAppHeader != "" || !fits(m.Title, maxHeader) {
		in.Body.Text = cardWords(&parley.CardMessage{Title: m.Title, Description: m.Description})
	}
	return in
}

func isProducts(m *parley.ListMessage) bool {
	return len(m.Sections) > 0 && len(m.Sections[0].Items) > 0 && m.Sections[0].Items[0].Product != nil
}

// titled reports whether the sections are as many as WhatsApp takes and, when
// there are several, each has the title it must have then.
func titled(sections []section) bool {
	if len(sections) > maxSections {
		return false
	}
	for i := range sections {
		if len(sections) > 1 && sections[i].Title == "" {
			return false
		}
	}
	return true
}
