package simulator

import (
	"bytes"
	"mime/multipart"
	"net/textproto"
	"slices"
	"strings"

	"github.com/emersion/go-smtp"
)

// What becomes of letters is told in letters: by servers (RFC 3464), and by
// people's programs where they were asked to (RFC 8098).

// emailLetter is what the mail server keeps of a letter that came in.
type emailLetter struct {
	id         string // Message-ID without <>
	subject    string
	text       string
	answerTo   string // Reply-To or From
	readTo     string // who asks whether it was read, or ""
	returnPath string
	to         string
	notify     []smtp.DSNNotify // what the sender wants to hear of; none: failures
}

// wants reports whether the sender asked to hear of n.
func (l *emailLetter) wants(n smtp.DSNNotify) bool {
	if len(l.notify) == 0 {
		return n == smtp.DSNNotifyFailure
	}
	return slices.Contains(l.notify, n)
}

// report tells the account what became of a letter.
func (e *emailServer) report(phone key, it Item) {
	l, ok := it.raw.(*emailLetter)
	account, known := e.accts.get(it.Account)
	if !ok || !known || account.Mail == "" {
		return
	}
	to, from, body := l.returnPath, "", []byte(nil)
	switch {
	case it.Status == StatusDelivered && l.wants(smtp.DSNNotifySuccess):
		body = e.deliveryStatus(l, "delivered", "2.1.5", "smtp; 250 2.1.5 OK")
	case it.Status == StatusFailed && l.wants(smtp.DSNNotifyFailure):
		body = e.deliveryStatus(l, "failed", it.Code, "smtp; 550 "+it.Code+" <"+l.to+">: not delivered")
	case it.Status == StatusRead && l.readTo != "":
		to, from, body = l.readTo, phone.identity, e.disposition(l)
	}
	if body == nil || to == "" {
		return
	}
	e.sim.poster.send(e.bring(account, phone, from, to, body))
}

// deliveryStatus is a report of a server.
func (e *emailServer) deliveryStatus(l *emailLetter, action, status, diagnostic string) []byte {
	return e.machineReport(l, l.returnPath, "delivery-status", "Your letter was "+action+".",
		"Reporting-MTA: dns; "+emailHost+"\r\n\r\n"+
			"Final-Recipient: rfc822; "+l.to+"\r\nAction: "+action+"\r\nStatus: "+status+"\r\nDiagnostic-Code: "+diagnostic+"\r\n")
}

// disposition is a report of a person's program.
func (e *emailServer) disposition(l *emailLetter) []byte {
	return e.machineReport(l, l.readTo, "disposition-notification", "Your letter was displayed.",
		"Reporting-UA: "+emailHost+"; phone\r\nFinal-Recipient: rfc822; "+l.to+"\r\n"+
			"Original-Message-ID: <"+l.id+">\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n")
}

// machineReport is a letter of three parts: for people, for machines, and the
// header of what it is about (RFC 6522).
func (e *emailServer) machineReport(l *emailLetter, to, kind, words, note string) []byte {
	b := e.headerOf(to, "Report: "+strings.TrimSpace(kind))
	var parts bytes.Buffer
	w := multipart.NewWriter(&parts)
	for _, p := range [][2]string{
		{"text/plain; charset=utf-8", words + "\r\n"},
		{"message/" + kind, note},
		{"text/rfc822-headers", "Message-ID: <" + l.id + ">\r\nSubject: " + l.subject + "\r\n"},
	} {
		part, err := w.CreatePart(textproto.MIMEHeader{"Content-Type": {p[0]}})
		if err != nil {
			return nil // memory does not fail
		}
		_, _ = part.Write([]byte(p[1]))
	}
	_ = w.Close()
	b.WriteString("Auto-Submitted: auto-replied\r\n" +
		"Content-Type: multipart/report; report-type=" + kind + "; boundary=\"" + w.Boundary() + "\"\r\n\r\n")
	b.Write(parts.Bytes())
	return b.Bytes()
}
