package email

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// Links in our letters lead to pages of ours, on which people answer and opt
// out. Programs that look for dangerous links open every one, so that opening
// a page does nothing: its button does (RFC 8058, 3.1).

// The pages, by what their path begins with.
const (
	pageChoice      = "choice"
	pageUnsubscribe = "unsubscribe"
)

// maxShown is how much of a choice's title its page shows, in characters.
const maxShown = 60

// A ticket is what a link stands for. It is in the link and signed, because
// nothing is kept of it here.
type ticket struct {
	To    string `json:"t"`           // who the letter was written to
	Data  string `json:"d,omitempty"` // of the choice
	Title string `json:"c,omitempty"` // of the choice
}

// link is the address of the page, or "" where we have no public one.
func (k *ticket) link(c *channel.Conn, page string) string {
	raw, err := json.Marshal(k)
	if err != nil || c.WebhookURL == "" {
		return ""
	}
	body := base64.RawURLEncoding.EncodeToString(raw)
	return c.WebhookURL + "/" + page + "/" + body + "." + seal(c, page, body)
}

// seal is the signature of a link of the account.
func seal(c *channel.Conn, page, body string) string {
	m := hmac.New(sha256.New, []byte(c.Secret))
	m.Write([]byte(page + "/" + body))
	const enough = 16 // bytes
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:enough])
}

// ticketOf reads the path of a link beyond the account's address.
func ticketOf(c *channel.Conn, path string) (page string, k *ticket, err error) {
	page, rest, _ := strings.Cut(path, "/")
	body, signature, ok := strings.Cut(rest, ".")
	if !ok || !hmac.Equal([]byte(signature), []byte(seal(c, page, body))) {
		return "", nil, channel.ErrForged
	}
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err == nil {
		k = &ticket{}
		err = json.Unmarshal(raw, k)
	}
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	return page, k, nil
}

// visit is somebody on one of the pages.
func visit(c *channel.Conn, r *http.Request, path string) (channel.Received, error) {
	page, k, err := ticketOf(c, path)
	if err != nil {
		return channel.Received{}, err
	}
	acc, err := readAccount(c.Credential)
	if err != nil {
		return channel.Received{}, fmt.Errorf("read the account: %w", err)
	}
	in := channel.Inbound{From: channel.Address{Identity: strings.ToLower(k.To)}, To: strings.ToLower(acc.from.Address)}
	ask, button, thanks := "Send this answer?", k.Title, "Your answer was sent."
	switch page {
	case pageChoice:
		in.ID = channel.ProviderID("choice:" + seal(c, page, path)) // a link counts once
		in.Message = &parley.ContactMessage{ChoiceResponse: &parley.ChoiceResponseMessage{PostbackData: k.Data}}
	case pageUnsubscribe:
		in.OptOut, in.Listed = true, true // no mail service keeps who opted out
		ask, button, thanks = "Stop letters to "+k.To+"?", "Stop them", "You get no more letters from here."
	default:
		return channel.Received{}, channel.ErrMalformed
	}
	if r.Method != http.MethodPost {
		form := `<p>` + words(ask) + "</p>\n" + `<form method="post"><button>` + words(button) + "</button></form>\n"
		return channel.Received{Reply: shown(form)}, nil
	}
	return channel.Received{Inbound: []channel.Inbound{in}, Reply: shown("<p>" + words(thanks) + "</p>\n")}, nil
}

// shown is a page that needs nothing from elsewhere and tells nobody where it
// is.
func shown(body string) channel.Reply {
	return channel.Reply{ContentType: "text/html; charset=utf-8", Body: []byte(`<!DOCTYPE html>
<html><head><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<meta name="referrer" content="no-referrer"><title>Answer</title>
<style>body { font: 1.2em sans-serif; margin: 3em auto; max-width: 30em; text-align: center } button { font: inherit; padding: .5em 1em }</style>
</head><body>
` + body + "</body></html>\n")}
}

// choiceLink is a choice in a letter that is not on its way yet: who it is sent
// to, and from where, is known later.
func choiceLink(title, data string) string {
	return `<a href="choice:` + html.EscapeString(data) + `">` + words(title) + "</a>"
}

var choiceLinks = regexp.MustCompile(`(?s)<a href="choice:([^"]*)">(.*?)</a>`)

// linked is the letter's page with its choices as links, or as words where
// there is nowhere to lead to.
func (l *letter) linked(c *channel.Conn) string {
	return choiceLinks.ReplaceAllStringFunc(l.HTML, func(found string) string {
		m := choiceLinks.FindStringSubmatch(found)
		title := []rune(html.UnescapeString(strings.ReplaceAll(m[2], "<br>\n", " ")))
		k := ticket{To: l.To, Data: html.UnescapeString(m[1]), Title: string(title[:min(len(title), maxShown)])}
		address := k.link(c, pageChoice)
		if address == "" {
			return m[2]
		}
		return `<a href="` + html.EscapeString(address) + `">` + m[2] + "</a>"
	})
}

// unsubscribed is who complains of a letter whose header came back: the link to
// opt out in it says so, and only we can have made it.
func unsubscribed(c *channel.Conn, header string) string {
	for address := range strings.SplitSeq(header, ",") {
		address = strings.Trim(strings.Join(strings.Fields(address), ""), "<>")
		_, path, ok := strings.Cut(address, "/"+pageUnsubscribe+"/")
		if !ok {
			continue
		}
		if _, k, err := ticketOf(c, pageUnsubscribe+"/"+path); err == nil {
			return k.To
		}
	}
	return ""
}
