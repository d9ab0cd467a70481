package email

import (
	"bufio"
	"bytes"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/mail"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// A report is a letter from a machine about one of ours (RFC 6522).
type report struct {
	kind  string // delivery-status, disposition-notification, feedback-report
	notes []textproto.MIMEHeader
	about mail.Header // of the letter it is about, as far as it is given
}

func newReport(kind string) *report { return &report{kind: strings.ToLower(kind)} }

// take reads a part of the report, and reports whether it was one.
func (r *report) take(kind string, body []byte) bool {
	switch kind {
	case "message/delivery-status", "message/global-delivery-status",
		"message/disposition-notification", "message/global-disposition-notification", "message/feedback-report":
		r.notes = append(r.notes, groups(body[:min(len(body), maxNote)])...)
	case "message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers":
		// A header without a body may lack the blank line that ends it.
		e, _ := message.ReadWithOptions(
			bytes.NewReader(append(bytes.Clone(body), "\r\n\r\n"...)), &message.ReadOptions{MaxHeaderBytes: maxHeader})
		if e == nil {
			return true
		}
		r.about = mail.Header{Header: e.Header}
	default:
		return false
	}
	return true
}

// groups reads groups of fields, which blank lines part.
func groups(body []byte) []textproto.MIMEHeader {
	var out []textproto.MIMEHeader
	r := textproto.NewReader(bufio.NewReader(bytes.NewReader(append(bytes.Clone(body), "\r\n\r\n"...))))
	for len(out) < maxParts {
		h, err := r.ReadMIMEHeader()
		if len(h) > 0 {
			out = append(out, h)
		}
		if err != nil {
			return out
		}
		if rest, err := r.R.Peek(1); err != nil || len(rest) == 0 {
			return out
		}
	}
	return out
}

// get returns the first field of the name in the report's groups.
func (r *report) get(name string) string {
	for _, h := range r.notes {
		if v := h.Get(name); v != "" {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// receipt is what the report says of our letter id: nil for what changes
// nothing, such as that it is late.
func (r *report) receipt(key string, id channel.ProviderID) *channel.Receipt {
	out := &channel.Receipt{ID: id, Key: key}
	switch {
	case r.kind == "disposition-notification":
		// manual-action/MDN-sent-manually; displayed (RFC 8098, 3.2.6)
		_, disposition, _ := strings.Cut(r.get("Disposition"), ";")
		disposition, _, _ = strings.Cut(disposition, "/")
		if !strings.EqualFold(strings.TrimSpace(disposition), "displayed") {
			return nil
		}
		out.Status = parley.StatusRead
		return out
	case r.kind != "delivery-status":
		return nil
	}
	// Of several recipients, one who did not get it decides: a letter of ours
	// has one, so that the others are who it was passed on to.
	for _, h := range r.notes {
		switch strings.ToLower(strings.TrimSpace(h.Get("Action"))) {
		case "failed":
			reason := bounceReason(h.Get("Status"), h.Get("Diagnostic-Code"))
			out.Status, out.Reason = parley.StatusFailed, &reason
			return out
		case "delivered":
			out.Status = parley.StatusDelivered
		}
		// delayed, relayed and expanded leave it open (RFC 3464, 2.3.3).
	}
	if out.Status == "" {
		return nil
	}
	return out
}

// statusCode is a code of RFC 3463, and diagnosticCode an SMTP server's answer.
var (
	statusCode     = regexp.MustCompile(`\b([245])\.(\d{1,3})\.(\d{1,3})\b`)
	diagnosticCode = regexp.MustCompile(`\b([45]\d\d)\b`)
)

// bounceReason is why a letter came back. The words of the other server are
// left out, as they tend to name the recipient.
func bounceReason(status, diagnostic string) parley.Reason {
	r := refusal{enhanced: statusCode.FindString(status)}
	if smtp, words, ok := strings.Cut(diagnostic, ";"); ok && strings.EqualFold(strings.TrimSpace(smtp), "smtp") {
		if m := diagnosticCode.FindString(words); m != "" {
			r.code, _ = strconv.Atoi(m)
		}
		if found := statusCode.FindString(words); strings.HasSuffix(r.enhanced, ".0.0") && found != "" {
			r.enhanced = found // the server was more exact than who reports it
		}
	}
	code, ok := r.reason()
	if !ok {
		code = parley.ReasonRecipientNotReachable
	}
	reason := parley.ChannelReason(code, strings.TrimSpace("returned "+r.enhanced))
	reason.ChannelCode = r.enhanced
	return reason
}

// complaint is what somebody says of a letter by the button of a mail program
// (RFC 5965): that it is spam, mostly. Whoever says so wants no more of them.
func (r *report) complaint(c *channel.Conn) []channel.Inbound {
	who := unsubscribed(c, r.about.Get("List-Unsubscribe"))
	if who == "" || strings.EqualFold(r.get("Feedback-Type"), "not-spam") {
		return nil
	}
	return []channel.Inbound{{From: channel.Address{Identity: strings.ToLower(who)}, OptOut: true, Listed: true}}
}
