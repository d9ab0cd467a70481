package mms

import (
	"cmp"
	"crypto/subtle"
	"fmt"
	"net/http"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// receiveMM7 answers a relay: messages, delivery reports and read replies.
func receiveMM7(r *http.Request, body []byte) (channel.Received, error) {
	var none channel.Received
	m, err := readMIME(r.Header.Get("Content-Type"), body)
	if err != nil {
		return none, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	root, err := parseEnvelope(m.envelope)
	if err != nil {
		return none, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	transaction := root.value("TransactionID")
	var in []channel.Inbound
	var req *element
	var answer string
	switch {
	case root.find("DeliverReq") != nil:
		req, answer = root.find("DeliverReq"), "DeliverRsp"
		in, err = delivered(req, transaction, m)
	case root.find("DeliveryReportReq") != nil:
		req, answer = root.find("DeliveryReportReq"), "DeliveryReportRsp"
		in, err = reported(req)
	case root.find("ReadReplyReq") != nil:
		req, answer = root.find("ReadReplyReq"), "ReadReplyRsp"
		in, err = read(req)
	default:
		err = fmt.Errorf("%w: no request of MM7", channel.ErrMalformed)
	}
	if err != nil {
		return none, err
	}
	return channel.Received{Inbound: in, Reply: accepted(req, answer, transaction)}, nil
}

// genuine checks the password of a provider's request, once one has been agreed
// on: neither MM7 (3GPP TS 23.140, 8.7.1.1) nor Bandwidth has anything else.
func genuine(secret string, r *http.Request) bool {
	if secret == "" {
		return true
	}
	_, password, ok := r.BasicAuth()
	return ok && subtle.ConstantTimeCompare([]byte(password), []byte(secret)) == 1
}

// accepted is the answer to a request, in its own version. Without one, the
// relay delivers again.
func accepted(req *element, name, transaction string) channel.Reply {
	namespace := req.space
	version := cmp.Or(req.value("MM7Version"), defaultVersion)
	if len(namespace) < len("http://") { // a prefix nobody declared
		namespace = mm7Namespaces[defaultVersion]
	}
	w := new(xmlWriter)
	w.raw("<" + name + ` xmlns="`)
	w.escape(namespace)
	w.raw(`">`)
	w.element("MM7Version", version)
	w.raw("<Status>")
	w.element("StatusCode", statusOK)
	w.element("StatusText", "Success")
	w.raw("</Status></" + name + ">")
	return channel.Reply{ContentType: "text/xml; charset=utf-8", Body: []byte(envelope(namespace, transaction, w))}
}

// delivered makes a message of each attachment, all with the same caption, as
// the hosted API does.
func delivered(req *element, transaction string, m *message) ([]channel.Inbound, error) {
	from := req.find("Sender").address()
	id := cmp.Or(req.value("LinkedID"), transaction)
	if from == "" || id == "" {
		return nil, fmt.Errorf("%w: a message without sender or id", channel.ErrMalformed)
	}
	in := channel.Inbound{
		ID: channel.ProviderID(id), At: at(req.value("TimeStamp")),
		From: channel.Address{Identity: from}, To: req.find("Recipients").address(),
	}
	words := cmp.Or(transcode.Join("\n", m.texts...), req.value("Subject"))
	if len(m.files) == 0 && words == "" {
		in.Unsupported = string(m.envelope)
	} else if len(m.files) == 0 {
		in.Message = &parley.ContactMessage{Text: &parley.TextMessage{Text: words}}
	}
	if len(m.files) == 0 {
		return []channel.Inbound{in}, nil
	}
	out := make([]channel.Inbound, len(m.files))
	for i := range m.files {
		out[i] = in
		out[i].ID = channel.ProviderID(fmt.Sprintf("%s/%d", id, i))
		out[i].Media = m.files[i].ref()
		out[i].Message = captioned(words)
	}
	return out, nil
}

// captioned is the message of a file whose address the engine fills in.
func captioned(words string) *parley.ContactMessage {
	if words == "" {
		return &parley.ContactMessage{Media: new(parley.MediaMessage)}
	}
	return &parley.ContactMessage{MediaCard: &parley.MediaCardMessage{Caption: words}}
}

// reported reads a delivery report.
func reported(req *element) ([]channel.Inbound, error) {
	id, said := req.value("MessageID"), req.value("MMStatus")
	if id == "" || said == "" {
		return nil, fmt.Errorf("%w: a delivery report without MessageID or MMStatus", channel.ErrMalformed)
	}
	meaning, known := mmStatuses[said]
	if !known {
		meaning.status = parley.StatusQueuedOnChannel
	}
	receipt := &channel.Receipt{ID: channel.ProviderID(id), Status: meaning.status}
	if meaning.status == parley.StatusFailed {
		words := said
		if text := req.value("StatusText"); text != "" && text != said {
			words += ": " + text
		}
		reason := parley.ChannelReason(meaning.reason, words)
		reason.ChannelCode = said
		receipt.Reason = &reason
	}
	return about(req, id+"/"+said, receipt), nil
}

// read reads a read reply: the phone showed the message, or dropped it unseen,
// which is nobody's news.
func read(req *element) ([]channel.Inbound, error) {
	id := req.value("MessageID")
	if id == "" {
		return nil, fmt.Errorf("%w: a read reply without MessageID", channel.ErrMalformed)
	}
	if said := req.value("MMStatus"); said != "" && said != "Read" {
		return nil, nil
	}
	return about(req, id+"/Read", &channel.Receipt{ID: channel.ProviderID(id), Status: parley.StatusRead}), nil
}

func about(req *element, id string, receipt *channel.Receipt) []channel.Inbound {
	return []channel.Inbound{{
		ID: channel.ProviderID(id), At: at(cmp.Or(req.value("Date"), req.value("TimeStamp"))),
		From: channel.Address{Identity: req.find("Recipient").address()}, Receipt: receipt,
	}}
}

// at reads a time of XML schema, or returns zero.
func at(s string) time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05-0700", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	return time.Time{}
}
