package email

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// plainText is the text of a text/plain part. Lines that were only folded for
// the way are joined again (RFC 3676).
func plainText(body []byte, params map[string]string) string {
	text := tidy(string(body))
	if !strings.EqualFold(params["format"], "flowed") {
		return text
	}
	deleteSpace := strings.EqualFold(params["delsp"], "yes")
	var b strings.Builder
	for line := range strings.SplitSeq(string(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))), "\n") {
		line = strings.TrimPrefix(line, " ") // stuffed
		switch {
		case line == "-- " || !strings.HasSuffix(line, " "):
			b.WriteString(line + "\n")
		case deleteSpace:
			b.WriteString(strings.TrimSuffix(line, " "))
		default:
			b.WriteString(line)
		}
	}
	return tidy(b.String())
}

// tidy is text with plain line ends, no blank ones around it and never more
// than one between its lines.
func tidy(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\r\n", "\n")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\x00", ""), "\u00a0", " ")
	var b strings.Builder
	blank := 0
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, " \t\r")
		if line == "" {
			blank++
			continue
		}
		if b.Len() > 0 {
			b.WriteString(strings.Repeat("\n", min(blank, 1)+1))
		}
		blank = 0
		b.WriteString(line)
	}
	return b.String()
}

// htmlText is what a text/html part says: its words, a line for each block,
// and where links lead if their words do not say it.
func htmlText(body []byte) string {
	z := html.NewTokenizer(bytes.NewReader(body))
	var w htmlWords
	for {
		switch z.Next() {
		case html.ErrorToken:
			return tidy(w.b.String())
		case html.TextToken:
			w.text(string(z.Text()))
		case html.StartTagToken, html.SelfClosingTagToken:
			w.start(z.Token())
		case html.EndTagToken:
			name, _ := z.TagName()
			w.end(string(name))
		case html.CommentToken, html.DoctypeToken:
		}
	}
}

// htmlWords writes down a page as it is read.
type htmlWords struct {
	b      strings.Builder
	hidden int    // depth of elements that show nothing
	link   string // where the link leads that is open
	linked int    // where its words begin
}

func (w *htmlWords) text(raw string) {
	if w.hidden > 0 {
		return
	}
	text := html.UnescapeString(raw)
	said := strings.Join(strings.Fields(text), " ")
	soFar := w.b.String()
	fresh := soFar == "" || strings.HasSuffix(soFar, "\n") || strings.HasSuffix(soFar, " ")
	if said == "" {
		if text != "" && !fresh {
			w.b.WriteByte(' ')
		}
		return
	}
	if !fresh && strings.TrimLeft(text, " \t\r\n") != text {
		w.b.WriteByte(' ')
	}
	w.b.WriteString(said)
	if strings.TrimRight(text, " \t\r\n") != text {
		w.b.WriteByte(' ')
	}
}

func (w *htmlWords) start(t html.Token) {
	switch t.Data {
	case "script", "style", "head", "title", "template":
		if t.Type == html.StartTagToken {
			w.hidden++
		}
	case "body":
		w.hidden = 0 // the end of the head may be left out
	case "br":
		w.line("\n")
	case "hr":
		w.line("\n---\n")
	case "li":
		w.line("\n- ")
	case "p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "table", "pre":
		w.line("\n\n")
	case "div", "tr", "section", "header", "footer", "article":
		w.line("\n")
	case "td", "th":
		w.text(" ")
	case "img":
		for _, a := range t.Attr {
			if a.Key == "alt" {
				w.text(a.Val)
			}
		}
	case "a":
		w.link, w.linked = "", w.b.Len()
		for _, a := range t.Attr {
			if a.Key == "href" {
				w.link = strings.TrimSpace(a.Val)
			}
		}
	}
}

func (w *htmlWords) end(tag string) {
	switch tag {
	case "script", "style", "head", "title", "template":
		w.hidden = max(w.hidden-1, 0)
	case "p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "table", "pre":
		w.line("\n\n")
	case "div", "tr":
		w.line("\n")
	case "a":
		said := strings.TrimSpace(w.b.String()[w.linked:])
		if isWeb(w.link) && !strings.Contains(said, w.link) && said != "" {
			w.line(" (" + w.link + ")")
		}
		w.link = ""
	}
}

func (w *htmlWords) line(s string) {
	if w.hidden == 0 {
		w.b.WriteString(s)
	}
}

// original begins a letter quoted whole.
var original = regexp.MustCompile(`(?m)^-{3,} ?Original Message ?-{3,}$`)

// unquoted is the reply without the letter it answers, where that is quoted
// below it and nothing follows. A reply between the lines of the other stays
// as it is, and so does one that would be nothing.
func unquoted(text string) string {
	rest := text
	if at := original.FindStringIndex(rest); at != nil {
		rest = rest[:at[0]]
	}
	lines := strings.Split(rest, "\n")
	n := len(lines)
	for n > 0 && (lines[n-1] == "" || strings.HasPrefix(lines[n-1], ">")) {
		n--
	}
	if n < len(lines) {
		rest = strings.Join(unattributed(lines[:n]), "\n")
	}
	if rest = strings.TrimSpace(rest); rest == "" {
		return text
	}
	return rest
}

// unattributed drops the line above a quoted letter that says whose it is, such
// as "On Mon, Nov 23, 2026 at 9:00 The Shop <shop@example.com> wrote:", which
// may be folded: it ends in a colon and names an address or a time.
func unattributed(lines []string) []string {
	const names = "@0123456789"
	last := len(lines) - 1
	if last < 0 || !strings.HasSuffix(lines[last], ":") {
		return lines
	}
	before := ""
	if last > 0 {
		before = lines[last-1]
	}
	word, _, _ := strings.Cut(before, " ")
	begins := strings.ContainsAny(before, names) && slices.Contains(attributions, word)
	switch {
	case begins:
		return lines[:last-1]
	case strings.ContainsAny(lines[last], names):
		return lines[:last]
	}
	return lines
}

// attributions are what such a line begins with in some languages.
var attributions = []string{"On", "Am", "Le", "El", "Il", "Op", "Em", "Den", "W"}
