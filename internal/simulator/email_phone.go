package simulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-smtp"
	"golang.org/x/net/html"
)

// The phone's side of mail: what its owner writes is a letter, which the mail
// server brings to the account, and what its owner taps is a link.

// emailHost is what the mail server calls itself.
const emailHost = "simulator.example"

// reply sends a letter, which answers the one that is quoted or the last.
func (e *emailServer) reply(user string, phone key, r Reply) (Item, error) {
	account, ok := e.accts.get(user)
	switch {
	case !ok:
		return Item{}, fmt.Errorf("account %w", errNotFound)
	case account.Mail == "":
		return Item{}, errors.New("the account takes no letters: set mail")
	case r.Reaction != nil:
		return Item{}, errors.New("EMAIL has no reactions")
	}
	answered := e.answered(user, phone, r.quoted)
	to := account.Address
	if answered != nil {
		to = answered.answerTo
	}
	if to == "" {
		return Item{}, errors.New("the account has no address to write to: set address")
	}
	it := r.item(user, e.name())
	return e.sim.writeOut(phone, it, func(it *Item) (*post, error) {
		it.ProviderID = e.ids.next() + "@" + emailHost
		raw, err := e.write(phone, it, to, answered, r)
		if err != nil {
			return nil, err
		}
		it.Native = native(raw)
		return e.bring(account, phone, phone.identity, to, raw), nil
	})
}

// answered is the letter that is answered, or nil.
func (e *emailServer) answered(user string, phone key, quoted *Item) *emailLetter {
	if quoted == nil {
		it, ok := e.sim.phones.last(phone, func(it *Item) bool { return it.Direction == In && it.Account == user })
		if !ok {
			return nil
		}
		quoted = &it
	}
	l, _ := quoted.raw.(*emailLetter)
	return l
}

// quoted is the item of the phone's own letter with a Message-ID, or "".
func (e *emailServer) quoted(phone key, id string) string {
	it, ok := e.sim.phones.last(phone, func(it *Item) bool {
		return it.Direction == Out && it.ProviderID != "" && "<"+it.ProviderID+">" == id
	})
	if !ok {
		return ""
	}
	return it.ID
}

// write writes a letter as the usual programs do: what is answered is quoted
// below.
func (e *emailServer) write(phone key, it *Item, to string, answered *emailLetter, r Reply) ([]byte, error) {
	var h mail.Header
	list, err := mail.ParseAddressList(to)
	if err != nil {
		return nil, fmt.Errorf("the account's address: %w", err)
	}
	h.SetAddressList("To", list)
	h.SetAddressList("From", []*mail.Address{{Address: phone.identity}})
	h.SetDate(e.sim.now())
	h.SetMessageID(it.ProviderID)
	text, subject := it.Text, it.Subject
	if answered != nil {
		h.SetMsgIDList("In-Reply-To", []string{answered.id})
		h.SetMsgIDList("References", []string{answered.id})
		subject = orElse(subject, "Re: "+answered.subject)
		text += "\n\nOn " + e.sim.now().Format("Mon, Jan 2, 2006 at 15:04") + " " + answered.answerTo + " wrote:\n\n> " +
			strings.ReplaceAll(answered.text, "\n", "\n> ")
	}
	h.SetSubject(subject)
	var b bytes.Buffer
	w, err := mail.CreateWriter(&b, h)
	if err != nil {
		return nil, err
	}
	if it.Text != "" {
		if err := writeWords(w, text, r.HTML); err != nil {
			return nil, err
		}
	}
	for _, f := range r.files {
		if err := e.attach(w, f); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), w.Close()
}

// writeWords writes the text and, if there is one, its form with formatting.
func writeWords(w *mail.Writer, text, page string) error {
	words, err := w.CreateInline()
	if err != nil {
		return err
	}
	for _, part := range [][2]string{{"text/plain", text}, {"text/html", page}} {
		if part[1] == "" {
			continue
		}
		var h mail.InlineHeader
		h.SetContentType(part[0], map[string]string{"charset": "utf-8"})
		p, err := words.CreatePart(h)
		if err != nil {
			return err
		}
		_, err = io.WriteString(p, part[1])
		if err = errors.Join(err, p.Close()); err != nil {
			return err
		}
	}
	return words.Close()
}

func (e *emailServer) attach(w *mail.Writer, f *file) error {
	data, kind, err := e.sim.media.bytesOf(e.sim.ctx, f)
	if err != nil {
		return err
	}
	var h mail.AttachmentHeader
	h.SetContentType(kind, nil)
	h.SetFilename(orElse(f.name, "file"))
	p, err := w.CreateAttachment(h)
	if err != nil {
		return err
	}
	_, err = p.Write(data)
	return errors.Join(err, p.Close())
}

// bring is the post that brings a letter to the account over SMTP. Without a
// sender nothing comes back.
func (e *emailServer) bring(a EmailAccount, phone key, from, to string, letter []byte) *post {
	return &post{provider: e.name(), order: phone.order(), carry: func(ctx context.Context) error {
		rcpt, err := mail.ParseAddress(to)
		if err != nil {
			return fmt.Errorf("bring a letter: %w", err)
		}
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", a.Mail)
		if err != nil {
			return fmt.Errorf("bring a letter: %w", err)
		}
		c := smtp.NewClient(conn)
		defer func() { _ = c.Close() }() // after an error; else it has quit
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		defer stop()
		err = c.Hello(emailHost)
		if err == nil {
			err = c.SendMail(from, []string{rcpt.Address}, bytes.NewReader(letter))
		}
		if err != nil {
			return fmt.Errorf("bring a letter: %w", err)
		}
		return c.Quit()
	}}
}

// tap follows a link to one of the account's pages and fills in its form; what
// is no link is written.
func (e *emailServer) tap(user string, phone key, it Item, c Choice) (Item, error) {
	if c.URL == "" {
		return e.reply(user, phone, Reply{Text: &c.Title, ReplyTo: it.ID, quoted: &it})
	}
	out := Item{Direction: Out, Account: user, Provider: e.name(), Type: "form", Text: c.Title, Status: StatusPending, ReplyTo: it.ID}
	return e.sim.writeOut(phone, out, func(it *Item) (*post, error) {
		native, err := encode(map[string]string{"url": c.URL})
		it.Native = native
		return &post{
			provider: e.name(), order: phone.order(),
			carry: func(ctx context.Context) error { return e.fillIn(ctx, c.URL) },
		}, err
	})
}

// fillIn opens a page in the browser and sends off its form.
func (e *emailServer) fillIn(ctx context.Context, page string) error {
	body, err := e.browse(ctx, http.MethodGet, page, nil)
	if err != nil {
		return err
	}
	action, fields, ok := formOf(body)
	if !ok {
		return errors.New("the page has no form")
	}
	at, err := url.Parse(page)
	if err == nil {
		at, err = at.Parse(action)
	}
	if err != nil {
		return fmt.Errorf("the form's action: %w", err)
	}
	_, err = e.browse(ctx, http.MethodPost, at.String(), fields)
	return err
}

func (e *emailServer) browse(ctx context.Context, method, address string, form url.Values) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := e.sim.opts.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = &statusError{resp.StatusCode, http.StatusText(resp.StatusCode)}
	}
	return body, err
}

// formOf is the first form of a page that is posted, with its fields.
func formOf(page []byte) (action string, fields url.Values, ok bool) {
	fields = url.Values{}
	z := html.NewTokenizer(bytes.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return action, fields, ok
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			switch {
			case t.Data == "form" && strings.EqualFold(attr(t, "method"), "post"):
				action, ok = attr(t, "action"), true
			case t.Data == "input" && ok && attr(t, "name") != "":
				fields.Set(attr(t, "name"), attr(t, "value"))
			}
		case html.TextToken, html.EndTagToken, html.CommentToken, html.DoctypeToken:
		}
	}
}

func attr(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return strings.TrimSpace(a.Val)
		}
	}
	return ""
}

// links makes choices of the links in a letter.
func (e *emailServer) links(it *Item, account EmailAccount) {
	z := html.NewTokenizer(strings.NewReader(it.HTML))
	var open *Choice
	for {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.StartTagToken:
			if t := z.Token(); t.Data == "a" {
				open = &Choice{Kind: "link", URL: attr(t, "href")}
				open.Reports = account.Web != "" && strings.HasPrefix(open.URL, account.Web)
			}
		case html.TextToken:
			if open != nil {
				open.Title += string(z.Text())
			}
		case html.EndTagToken:
			if name, _ := z.TagName(); string(name) == "a" && open != nil {
				open.Index, open.Title = len(it.Choices)+1, html.UnescapeString(open.Title)
				if number, ok := strings.CutPrefix(open.URL, "tel:"); ok {
					open.Phone, open.URL = number, ""
				}
				it.Choices, open = append(it.Choices, *open), nil
			}
		case html.SelfClosingTagToken, html.CommentToken, html.DoctypeToken:
		}
	}
}

// headerOf begins a letter of the server's own.
func (e *emailServer) headerOf(to, subject string) *bytes.Buffer {
	var b bytes.Buffer
	for _, f := range [][2]string{
		{"From", "MAILER-DAEMON@" + emailHost},
		{"To", to},
		{"Subject", subject},
		{"Date", e.sim.now().Format("Mon, 02 Jan 2006 15:04:05 -0700")},
		{"Message-ID", "<" + e.ids.next() + "@" + emailHost + ">"},
		{"MIME-Version", "1.0"},
	} {
		b.WriteString(f[0] + ": " + f[1] + "\r\n")
	}
	return &b
}
