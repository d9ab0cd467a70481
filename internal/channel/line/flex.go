package line

import (
	"encoding/json"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// Flex messages are layouts of one's own, for what is too large for a
// template.

// A container is a flex bubble or a carousel of them.
type container struct {
	Type     string            `json:"type"`
	Hero     *component        `json:"hero,omitempty"`
	Body     *component        `json:"body,omitempty"`
	Footer   *component        `json:"footer,omitempty"`
	Contents []json.RawMessage `json:"contents,omitempty"` // of a carousel
}

// A component is a part of a bubble: box, text, image, button or separator.
type component struct {
	Type     string      `json:"type"`
	Layout   string      `json:"layout,omitempty"`
	Contents []component `json:"contents,omitempty"`
	Spacing  string      `json:"spacing,omitempty"`

	Text   string `json:"text,omitempty"`
	Weight string `json:"weight,omitempty"`
	Size   string `json:"size,omitempty"`
	Color  string `json:"color,omitempty"`
	Wrap   bool   `json:"wrap,omitempty"`

	URL         string `json:"url,omitempty"`
	AspectRatio string `json:"aspectRatio,omitempty"`
	AspectMode  string `json:"aspectMode,omitempty"`

	Action *action `json:"action,omitempty"`
	Height string  `json:"height,omitempty"`
}

func box(contents []component) *component {
	if len(contents) == 0 {
		return nil
	}
	return &component{Type: "box", Layout: "vertical", Contents: contents, Spacing: "sm"}
}

func hero(image string) *component {
	if image == "" {
		return nil
	}
	return &component{Type: "image", URL: image, Size: "full", AspectRatio: "20:13", AspectMode: "cover"}
}

// say appends words to contents, unless there are none.
func say(contents []component, words string, like component) []component {
	if words == "" {
		return contents
	}
	like.Type, like.Text, like.Wrap = "text", words, true
	return append(contents, like)
}

func button(a action) component {
	return component{Type: "button", Action: &a, Height: "sm"}
}

// bubble shows the panel as a flex bubble.
func (p *panel) bubble() *container {
	var body, footer []component
	body = say(body, p.title, component{Weight: "bold", Size: "lg"})
	body = say(body, p.text, component{})
	for _, a := range p.buttons {
		footer = append(footer, button(a))
	}
	if p.image == "" && len(body) == 0 && len(footer) == 0 {
		body = say(body, noWords, component{})
	}
	return &container{Type: "bubble", Hero: hero(p.image), Body: box(body), Footer: box(footer)}
}

// bubbles shows panels side by side, in as few carousels as they fit in.
func (r *renderer) bubbles(panels []panel) {
	var some []json.RawMessage
	size, first := 0, 0
	flush := func(next int) {
		if len(some) > 0 {
			r.add(message{
				Type: "flex", AltText: panels[first].altText(), Contents: &container{Type: "carousel", Contents: some},
			})
		}
		some, size, first = nil, 0, next
	}
	for i := range panels {
		raw, err := channel.Encode(panels[i].bubble())
		if err != nil {
			continue // strings always encode
		}
		if len(some) == maxBubbles || size+len(raw) > maxFlexBytes-100 {
			flush(i)
		}
		some, size = append(some, raw), size+len(raw)+1
	}
	flush(len(panels))
}

// list shows a list as a bubble with a button for each item, under its
// section. One that is too large for a bubble is a text.
func (r *renderer) list(m *parley.ListMessage) error {
	image := picture(m.Media)
	contents := say(nil, m.Title, component{Weight: "bold", Size: "lg"})
	contents = say(contents, m.Description, component{})
	if m.Media != nil && image == "" {
		contents = say(contents, m.Media.URL, component{})
	}
	for i, s := range m.Sections {
		if i > 0 {
			contents = append(contents, component{Type: "separator"})
		}
		contents = say(contents, s.Title, component{Weight: "bold"})
		for _, item := range s.Items {
			var err error
			if contents, err = listItem(contents, item); err != nil {
				return err
			}
		}
	}
	c := &container{Type: "bubble", Hero: hero(image), Body: box(contents)}
	raw, err := channel.Encode(c)
	if err != nil {
		return err
	}
	if len(raw) > maxBubble {
		r.text(transcode.Text(&parley.AppMessage{List: m}, style), nil)
		return nil
	}
	r.add(message{Type: "flex", AltText: altText(transcode.Join("\n", m.Title, m.Description)), Contents: c})
	return nil
}

// listItem appends the button of an item and what it has no room for. Products
// are a catalogue's, of which LINE has none.
func listItem(contents []component, item parley.ListItem) ([]component, error) {
	small := component{Size: "sm", Color: "#666666"}
	if item.Product != nil {
		return say(contents, "> "+item.Product.ID, component{}), nil
	}
	if item.Choice == nil {
		return contents, nil
	}
	a, err := postback(item.Choice.Title, item.Choice.PostbackData)
	if err != nil {
		return nil, err
	}
	contents = append(contents, button(a))
	if transcode.Length(item.Choice.Title, channel.UTF16) > maxFlexLabel {
		contents = say(contents, item.Choice.Title, small)
	}
	contents = say(contents, item.Choice.Description, small)
	if item.Choice.Media != nil {
		contents = say(contents, item.Choice.Media.URL, small)
	}
	return contents, nil
}
