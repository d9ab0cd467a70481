package handsetcli

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/parley-im/parley/internal/simulator"
)

// How a thread looks: what came to the phone on the left, what its owner
// wrote on the right.
const (
	defaultWidth = 72
	narrowest    = 30
)

const (
	colorReset = "\x1b[0m"
	colorDim   = "\x1b[2m"
	colorIn    = "\x1b[36m"
	colorOut   = "\x1b[32m"
)

func (c *Client) width() int {
	if c.Width == 0 {
		return defaultWidth
	}
	return max(c.Width, narrowest)
}

// draw is a whole thread.
func (c *Client) draw(t *simulator.Thread) string {
	var b strings.Builder
	title := fmt.Sprintf(" %s  %s  %s ", t.Channel, t.Identity, plain(t.Name))
	b.WriteString("──" + title + strings.Repeat("─", max(2, c.width()-utf8.RuneCountInString(title)-2)) + "\n")
	if s := state(t.HandsetInfo); s != "normal" {
		b.WriteString("  (" + s + ")\n")
	}
	if len(t.Items) == 0 {
		b.WriteString("  no messages\n")
	}
	for i := range t.Items {
		b.WriteString(c.bubble(&t.Items[i]))
	}
	if t.Typing {
		b.WriteString(c.frame([]string{"…"}, simulator.In))
	}
	return b.String()
}

// bubble is one message.
func (c *Client) bubble(it *simulator.Item) string {
	foot, indent := caption(it), ""
	if it.Direction == simulator.Out {
		indent = strings.Repeat(" ", max(0, c.width()-columns(foot)-1))
	}
	return c.frame(content(it), it.Direction) + indent + " " + c.paint(colorDim, foot) + "\n"
}

// frame draws lines in a box, on the side of whoever wrote them.
func (c *Client) frame(text []string, direction string) string {
	text = wrap(text, c.width()*3/4-4)
	inner := 0
	for _, line := range text {
		inner = max(inner, columns(line))
	}
	indent, color := "", colorIn
	if direction == simulator.Out {
		indent, color = strings.Repeat(" ", c.width()-inner-4), colorOut
	}
	var b strings.Builder
	b.WriteString(indent + c.paint(color, "╭"+strings.Repeat("─", inner+2)+"╮") + "\n")
	for _, line := range text {
		pad := strings.Repeat(" ", inner-columns(line))
		b.WriteString(indent + c.paint(color, "│") + " " + line + pad + " " + c.paint(color, "│") + "\n")
	}
	b.WriteString(indent + c.paint(color, "╰"+strings.Repeat("─", inner+2)+"╯") + "\n")
	return b.String()
}

func (c *Client) paint(color, s string) string {
	if !c.Color {
		return s
	}
	return color + s + colorReset
}

// caption is the line under a bubble.
func caption(it *simulator.Item) string {
	parts := []string{"#" + it.ID, it.At.Local().Format("15:04:05")}
	if it.Type != "text" && it.Type != "" {
		parts = append(parts, it.Type)
	}
	if it.Sender != "" && it.Direction == simulator.In {
		parts = append(parts, "from "+plain(it.Sender))
	}
	if it.Parts > 1 {
		parts = append(parts, fmt.Sprintf("%d parts", it.Parts))
	}
	if it.Flash {
		parts = append(parts, "flash")
	}
	status := it.Status
	if it.Code != "" {
		status += " " + it.Code
	}
	return strings.Join(append(parts, status), " · ")
}

// plain makes text harmless to a terminal: what comes from elsewhere must not
// move the cursor or recolour the screen.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '·'
		}
		return r
	}, s)
}

// columns is how wide a line is in a terminal: wide characters take two,
// combining ones none. It need only be right enough to draw a frame.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1100 && r <= 0x115F, r >= 0x2E80 && r <= 0xA4CF, r >= 0xAC00 && r <= 0xD7A3,
		r >= 0xF900 && r <= 0xFAFF, r >= 0xFE30 && r <= 0xFE6F, r >= 0xFF00 && r <= 0xFF60,
		r >= 0x1F300 && r <= 0x1FAFF, r >= 0x20000 && r <= 0x3FFFD:
		return 2
	}
	return 1
}

// wrap breaks lines at spaces, and words that are too long anywhere.
func wrap(in []string, most int) []string {
	var out []string
	for _, line := range in {
		for columns(line) > most {
			cut, space, n := len(line), -1, 0
			for i, r := range line {
				if n += runeColumns(r); n > most {
					cut = i
					break
				}
				if r == ' ' {
					space = i
				}
			}
			if space > 0 {
				out = append(out, line[:space])
				line = line[space+1:]
				continue
			}
			out = append(out, line[:cut])
			line = line[cut:]
		}
		out = append(out, line)
	}
	return out
}
