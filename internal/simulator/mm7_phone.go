package simulator

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"time"
)

// The phone's side of MM7: what its owner writes and what becomes of messages
// is posted to the account, and must be answered in SOAP.

// reply sends a text or files. Places and contacts are sent as the text a
// phone makes of them.
func (x *mm7) reply(vaspID string, phone key, r Reply) (Item, error) {
	account, ok := x.vasps.get(vaspID)
	if !ok {
		return Item{}, fmt.Errorf("account %w", errNotFound)
	}
	if r.Reaction != nil {
		return Item{}, errors.New("MMS has no reactions")
	}
	it := r.item(vaspID, ProviderMMSSinch)
	it.Sender = orElse(x.sim.senderOf(phone, vaspID, r.ReplyTo), account.Number)
	if it.Sender == "" {
		return Item{}, errors.New("the account has no number to write to: set number")
	}
	return x.sim.writeOut(phone, it, func(it *Item) (*post, error) {
		it.ProviderID = x.ids.next()
		contentType, envelope, body, err := x.deliver(phone, it, r)
		if err != nil {
			return nil, err
		}
		it.Native = envelope
		return x.post(vaspID, phone, it.ProviderID, contentType, body), nil
	})
}

// tap types the title of the choice.
func (x *mm7) tap(vaspID string, phone key, it Item, c Choice) (Item, error) {
	return x.reply(vaspID, phone, Reply{Text: &c.Title, ReplyTo: it.ID})
}

// deliver writes a DeliverReq with what the phone sent as its attachment.
func (x *mm7) deliver(phone key, it *Item, r Reply) (contentType string, envelope, body []byte, err error) {
	request := `<DeliverReq xmlns="` + mm7Schema["6.8.0"] + `"><MM7Version>6.8.0</MM7Version><LinkedID>` + it.ProviderID + `</LinkedID>` +
		`<Sender><Number>` + phone.identity + `</Number></Sender><Recipients><To><Number>` + xmlText(strings.TrimPrefix(it.Sender, "+")) +
		`</Number></To></Recipients><TimeStamp>` + x.sim.now().UTC().Format(time.RFC3339) + `</TimeStamp><Priority>Normal</Priority>`
	if it.Subject != "" {
		request += "<Subject>" + xmlText(it.Subject) + "</Subject>"
	}
	envelope = mm7Envelope(it.ProviderID, request+`<Content href="cid:content"/></DeliverReq>`)
	var inner, outer bytes.Buffer
	mixed, related := multipart.NewWriter(&inner), multipart.NewWriter(&outer)
	parts := []mm7Part{}
	if it.Text != "" {
		parts = append(parts, mm7Part{mime: "text/plain; charset=utf-8", location: "text.txt", data: []byte(it.Text)})
	}
	for i, f := range r.files {
		data, kind, err := x.sim.media.bytesOf(x.sim.ctx, f)
		if err != nil {
			return "", nil, nil, err
		}
		parts = append(parts, mm7Part{mime: kind, location: orElse(f.name, fmt.Sprintf("file%d", i+1)), data: data})
	}
	for i, p := range parts {
		p.id = fmt.Sprintf("part%d", i+1)
		if err := writePart(mixed, p); err != nil {
			return "", nil, nil, err
		}
	}
	err = errors.Join(
		mixed.Close(),
		writePart(related, mm7Part{mime: "text/xml; charset=utf-8", id: "start", data: envelope}),
		writePart(related, mm7Part{mime: "multipart/mixed; boundary=" + mixed.Boundary(), id: "content", data: inner.Bytes()}),
		related.Close(),
	)
	return `multipart/related; type="text/xml"; start="<start>"; boundary=` + related.Boundary(), envelope, outer.Bytes(), err
}

// writePart writes texts as they are and files as base64.
func writePart(w *multipart.Writer, p mm7Part) error {
	h := textproto.MIMEHeader{"Content-Type": {p.mime}, "Content-Id": {"<" + p.id + ">"}}
	if p.location != "" {
		h.Set("Content-Location", p.location)
	}
	if !strings.HasPrefix(p.mime, "text/") && !strings.HasPrefix(p.mime, "multipart/") {
		h.Set("Content-Transfer-Encoding", "base64")
		p.data = []byte(base64.StdEncoding.EncodeToString(p.data))
	}
	to, err := w.CreatePart(h)
	if err != nil {
		return fmt.Errorf("write part: %w", err)
	}
	_, err = to.Write(p.data)
	return err
}

// report tells what became of a message, if the account asked.
func (x *mm7) report(phone key, it Item) {
	wants, _ := it.raw.(mm7Wants)
	said, kind := "", "DeliveryReportReq"
	switch it.Status {
	case StatusSent:
		said = "Forwarded"
	case StatusDelivered:
		said = "Retrieved"
	case StatusFailed:
		said = orElse(it.Code, "Rejected")
	case StatusRead:
		said, kind = "Read", "ReadReplyReq"
	}
	if said == "" || kind == "ReadReplyReq" && !wants.read || kind == "DeliveryReportReq" && !wants.report {
		return
	}
	transaction := x.ids.next()
	body := mm7Envelope(transaction, fmt.Sprintf(`<%s xmlns="%s"><MM7Version>6.8.0</MM7Version><MessageID>%s</MessageID>`+
		`<Recipient><Number>%s</Number></Recipient><Sender><ShortCode>%s</ShortCode></Sender><Date>%s</Date><MMStatus>%s</MMStatus></%s>`,
		kind, mm7Schema["6.8.0"], it.ProviderID, phone.identity, xmlText(it.Sender), x.sim.now().UTC().Format(time.RFC3339), xmlText(said), kind))
	x.sim.poster.send(x.post(it.Account, phone, transaction, `text/xml; charset="utf-8"`, body))
}

func (x *mm7) post(vaspID string, phone key, transaction, contentType string, body []byte) *post {
	return &post{
		provider: ProviderMMSSinch, order: phone.order(), body: body,
		answered: func(answer []byte) error { return mm7Accepted(transaction, answer) },
		target: func() (string, http.Header) {
			a, _ := x.vasps.get(vaspID)
			h := http.Header{"Content-Type": {contentType}, "Soapaction": {`""`}}
			if a.WebhookPassword != "" {
				login := base64.StdEncoding.EncodeToString([]byte("sinch:" + a.WebhookPassword))
				h.Set("Authorization", "Basic "+login)
			}
			return a.WebhookURL, h
		},
	}
}

// mm7Accepted reads the account's answer: without the transaction and a
// StatusCode of success it is no answer.
func mm7Accepted(transaction string, answer []byte) error {
	var env struct {
		Transaction string `xml:"Header>TransactionID"`
		Body        struct {
			Answer struct {
				XMLName xml.Name
				Code    string `xml:"Status>StatusCode"`
			} `xml:",any"`
		} `xml:"Body"`
	}
	if err := xml.Unmarshal(answer, &env); err != nil {
		return fmt.Errorf("read SOAP answer: %w", err)
	}
	if env.Transaction != transaction || env.Body.Answer.Code != "1000" || !strings.HasSuffix(env.Body.Answer.XMLName.Local, "Rsp") {
		return fmt.Errorf("answered %s with code %q", env.Body.Answer.XMLName.Local, env.Body.Answer.Code)
	}
	return nil
}
