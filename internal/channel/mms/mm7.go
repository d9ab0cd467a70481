package mms

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// Content ids of a submission's parts.
const (
	envelopeID = "mm7-start"
	contentID  = "generic_content_id"
	smilID     = "mms.smil"
)

// sendMM7 submits a slide: SOAP with attachments (3GPP TS 23.140, 8.7). The
// media go through as they come in.
func sendMM7(ctx context.Context, c *channel.Conn, a channel.Attempt, s *slide) (channel.ProviderID, error) {
	settings, err := readMM7Settings(c.Credential)
	if err != nil {
		return "", &channel.Error{
			Reason: parley.NewReason(parley.ReasonChannelBadConfiguration, "the credential's provider_settings are not valid"), Err: err,
		}
	}
	files, err := openAll(ctx, c, s, settings.MaxBytes)
	if err != nil {
		return "", err
	}
	body := newSubmission(a, s, files, settings, c.Credential.MMS)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL(settings.URL), body)
	if err != nil {
		_ = body.Close()
		return "", internalError(err)
	}
	req.ContentLength = body.size
	req.Header.Set("Content-Type", `multipart/related; boundary="`+outerBoundary(a.Key)+`"; type="text/xml"; start="<`+envelopeID+`>"`)
	req.Header.Set("SOAPAction", `""`)
	if auth := c.Credential.MMS.BasicAuth; auth != nil {
		req.SetBasicAuth(auth.Username, auth.Password)
	}
	answer, err := channel.Do(c, req)
	if fault := body.failure(); fault != nil {
		// The request was cut off in the middle of a file, so that the relay
		// cannot have taken it.
		return "", fault
	}
	if err != nil {
		return "", err
	}
	return submitted(answer)
}

// submitted reads the answer to a submission.
func submitted(answer *channel.Answer) (channel.ProviderID, error) {
	root, err := parseEnvelope(answer.Body)
	if err != nil {
		return "", channel.Verdict(answer, "")
	}
	code := root.value("StatusCode")
	id := root.value("MessageID")
	if answer.OK() && (code == statusOK || code == statusPartly) && id != "" {
		return channel.ProviderID(id), nil
	}
	return "", mm7Refusal(answer, code, cmp.Or(
		strings.TrimSpace(root.value("StatusText")+" "+root.value("Details")), root.value("faultstring")))
}

// submitReq writes the envelope of a submission, in the order of the schema.
func submitReq(a channel.Attempt, s *slide, settings *mm7Settings, cred *parley.MMSCredentials) string {
	w := new(xmlWriter)
	namespace := mm7Namespaces[settings.Version]
	w.raw(`<SubmitReq xmlns="` + namespace + `">`)
	w.element("MM7Version", settings.Version)
	w.raw("<SenderIdentification>")
	w.element("VASPID", cred.APIKey)
	w.element("VASID", cred.AccountID)
	w.raw("<SenderAddress>")
	w.element(senderKind(s.From), strings.TrimPrefix(s.From, "+"))
	w.raw("</SenderAddress></SenderIdentification><Recipients><To>")
	w.element("Number", s.To)
	w.raw("</To></Recipients>")
	w.element("ServiceCode", settings.ServiceCode)
	if !a.Expires.IsZero() {
		w.element("ExpiryDate", a.Expires.UTC().Format(time.RFC3339))
	}
	w.element("DeliveryReport", "true")
	if settings.ReadReply {
		w.element("ReadReply", "true")
	}
	w.element("Subject", s.Subject)
	adaptations := "false"
	if settings.Adaptations {
		adaptations = "true"
	}
	w.raw(`<Content href="cid:` + contentID + `" allowAdaptations="` + adaptations + `"/></SubmitReq>`)
	return envelope(namespace, a.Key, w)
}

// smil lays out the slide: media above, text below.
func smil(s *slide, files []*file) string {
	w := new(xmlWriter)
	w.raw(`<smil><head><layout><root-layout width="100%" height="100%"/>` +
		`<region id="Image" left="0" top="0" width="100%" height="70%" fit="meet"/>` +
		`<region id="Text" left="0" top="70%" width="100%" height="30%" fit="scroll"/></layout></head><body><par dur="10s">`)
	for _, f := range files {
		w.raw("<" + f.tag() + ` src="cid:` + f.id + `"`)
		if f.tag() == "img" || f.tag() == "video" {
			w.raw(` region="Image"`)
		}
		w.raw("/>")
	}
	if s.VCard != "" {
		w.raw(`<ref src="cid:card1"/>`)
	}
	if s.Text != "" {
		w.raw(`<text src="cid:text1" region="Text"/>`)
	}
	w.raw("</par></body></smil>")
	return w.b.String()
}

func outerBoundary(key string) string { return "mm7-" + key }
func innerBoundary(key string) string { return "mms-" + key }

// newSubmission puts the parts of a submission together. Boundaries are made
// from the attempt's key, which no file holds.
func newSubmission(a channel.Attempt, s *slide, files []*file, settings *mm7Settings, cred *parley.MMSCredentials) *stream {
	b := newStream(files)
	inner, outer := innerBoundary(a.Key), outerBoundary(a.Key)
	b.part(outer, "text/xml; charset=utf-8", envelopeID, "", "")
	b.text(submitReq(a, s, settings, cred))
	b.part(outer, `multipart/related; boundary="`+inner+`"; type="application/smil"; start="<`+smilID+`>"`, contentID, "", "")
	b.part(inner, "application/smil; charset=utf-8", smilID, smilID, "")
	b.text(smil(s, files))
	for _, f := range files {
		b.part(inner, f.mime, f.id, f.name, settings.MediaEncoding)
		b.file(f, settings.MediaEncoding == encodingBase64)
	}
	if s.VCard != "" {
		b.part(inner, "text/x-vcard; charset=utf-8", "card1", "card1.vcf", "")
		b.text(s.VCard)
	}
	if s.Text != "" {
		b.part(inner, "text/plain; charset=utf-8", "text1", "text1.txt", "")
		b.text(s.Text)
	}
	b.text("\r\n--" + inner + "--\r\n--" + outer + "--\r\n")
	b.reader = io.MultiReader(b.readers...)
	return b
}
