package line

import (
	"slices"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// A template is a layout of LINE's own: buttons or carousel.
type template struct {
	Type    string   `json:"type"`
	Image   string   `json:"thumbnailImageUrl,omitempty"`
	Title   string   `json:"title,omitempty"`
	Text    string   `json:"text,omitempty"`
	Actions []action `json:"actions,omitempty"`
	Columns []column `json:"columns,omitempty"`
}

// A column is a card of a carousel template.
type column struct {
	Image   string   `json:"thumbnailImageUrl,omitempty"`
	Title   string   `json:"title,omitempty"`
	Text    string   `json:"text"`
	Actions []action `json:"actions"`
}

// A panel is something to see with something to tap below it: what choice
// messages and cards have in common.
type panel struct {
	image, title, text string
	taps
}

func panelOf(image, title, text string, choices []parley.Choice) (panel, error) {
	t, err := tapsOf(choices)
	p := panel{image: image, title: title, text: transcode.Join("\n\n", text, transcode.Join("\n", t.lines...)), taps: t}
	return p, err
}

func (p *panel) words() string { return transcode.Join("\n", p.title, p.text) }

func (p *panel) altText() string { return altText(p.words()) }

// altText is what notifications and old clients show of a message.
func altText(words string) string {
	if words == "" {
		return noWords
	}
	return transcode.Truncate(words, maxAltText, channel.UTF16)
}

// panel shows a panel by the simplest means that can: text, template or flex.
func (r *renderer) panel(p *panel) {
	if p.image == "" && len(p.buttons) == 0 {
		r.text(p.words(), quick(p.quick))
		return
	}
	m := message{Type: "template", AltText: p.altText(), QuickReply: quick(p.quick)}
	if c, ok := p.column(maxTemplateText, maxTemplateActions); ok {
		m.Template = &template{Type: "buttons", Image: c.Image, Title: c.Title, Text: c.Text, Actions: c.Actions}
	} else {
		m.Type, m.Contents = "flex", p.bubble()
	}
	r.add(m)
}

// column fits the panel into a template, whose text must not be empty.
// textLimit is that of a text without image and title.
func (p *panel) column(textLimit, most int) (column, bool) {
	title, text := p.title, p.text
	if text == "" {
		title, text = "", title
	}
	if text == "" {
		text = noWords
	}
	if p.image != "" || title != "" {
		textLimit = maxTemplateBeside
	}
	fits := len(p.buttons) >= 1 && len(p.buttons) <= most && short(p.buttons) &&
		transcode.Length(title, channel.UTF16) <= maxTemplateTitle && transcode.Length(text, channel.UTF16) <= textLimit
	return column{Image: p.image, Title: title, Text: text, Actions: p.buttons}, fits
}

func (r *renderer) choice(m *parley.ChoiceMessage) error {
	words := ""
	if m.Text != nil {
		words = m.Text.Text
	}
	p, err := panelOf("", "", words, m.Choices)
	if err != nil {
		return err
	}
	r.panel(&p)
	return nil
}

// card shows an image above the words; other media goes ahead of them.
func (r *renderer) card(m *parley.CardMessage) error {
	p, err := panelOf(picture(m.Media), m.Title, m.Description, m.Choices)
	if err != nil {
		return err
	}
	if m.Media != nil && p.image == "" {
		r.media(m.Media)
		if p.words() == "" && len(m.Choices) == 0 {
			return nil
		}
	}
	r.panel(&p)
	return nil
}

// carousel shows cards side by side. The choices that belong to all are quick
// replies or, where they are too long for those, a bubble at the end.
func (r *renderer) carousel(m *parley.CarouselMessage) error {
	panels := make([]panel, 0, len(m.Cards)+1)
	var all []action
	for i := range m.Cards {
		p, err := cardPanel(&m.Cards[i])
		if err != nil {
			return err
		}
		all = append(all, p.quick...)
		panels = append(panels, p)
	}
	outer, err := panelOf("", "", "", m.Choices)
	if err != nil {
		return err
	}
	all = append(all, outer.quick...)
	if short(outer.buttons) && len(all)+len(outer.buttons) <= maxQuickReplies {
		all = slices.Concat(outer.buttons, all)
		outer.buttons = nil
	}
	r.panels(panels)
	if outer.text != "" || len(outer.buttons) > 0 {
		outer.quick = nil
		r.panel(&outer)
	}
	r.out[len(r.out)-1].QuickReply = quick(all)
	return nil
}

// cardPanel is a card of a carousel. Media that is no image is an address in
// the text.
func cardPanel(m *parley.CardMessage) (panel, error) {
	image, text := picture(m.Media), m.Description
	if m.Media != nil && image == "" {
		text = transcode.Join("\n", text, m.Media.URL)
	}
	return panelOf(image, m.Title, text, m.Choices)
}

// panels shows panels side by side: in a carousel template, where they are
// alike and fit, else in flex bubbles.
func (r *renderer) panels(panels []panel) {
	if columns, ok := columnsOf(panels); ok {
		r.add(message{
			Type: "template", AltText: panels[0].altText(), Template: &template{Type: "carousel", Columns: columns},
		})
		return
	}
	r.bubbles(panels)
}

// columnsOf fits panels into a carousel template, whose columns must have
// equally many actions and all or none an image and a title.
func columnsOf(panels []panel) ([]column, bool) {
	columns := make([]column, 0, len(panels))
	for i := range panels {
		c, ok := panels[i].column(maxColumnText, maxColumnActions)
		columns = append(columns, c)
		first := &columns[0]
		if !ok || len(c.Actions) != len(first.Actions) ||
			(c.Image == "") != (first.Image == "") || (c.Title == "") != (first.Title == "") {
			return nil, false
		}
	}
	return columns, len(columns) <= maxColumns
}
