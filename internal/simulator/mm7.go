package simulator

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// ProviderMMSSinch is Sinch's MM7 service.
const ProviderMMSSinch = "mms-sinch"

// Limits of the service (developers.sinch.com, MM7 service and MMS best
// practices).
const (
	mm7ContentMost = 1 << 20 // bytes of all media and texts
	mm7RequestMost = 4 << 20
	mm7TextMost    = 5000
	mm7SubjectMost = 80
)

// MMSSinchAccount is an account of the MM7 service. Its id is the VASPID.
type MMSSinchAccount struct {
	VASID string `json:"vasid"`
	// Username and Password are wanted of submissions, if set.
	Username   string `json:"username,omitempty"`
	Password   string `json:"password,omitempty"`
	WebhookURL string `json:"webhook_url,omitempty"`
	// WebhookPassword, if set, goes with what is delivered.
	WebhookPassword string `json:"webhook_password,omitempty"`
	// Number is what handsets write to first.
	Number string `json:"number,omitempty"`
}

// mm7 is the MM7 service.
type mm7 struct {
	sim *Simulator
	ids *idSource

	vasps accountSet[MMSSinchAccount]
}

func newMM7(s *Simulator) *mm7 { return &mm7{sim: s, ids: newIDSource(s.now)} }

func (x *mm7) name() string       { return ProviderMMSSinch }
func (x *mm7) channel() string    { return ChannelMMS }
func (x *mm7) accounts() []string { return x.vasps.ids() }

func (x *mm7) put(_ context.Context, vaspID string, doc json.RawMessage) error {
	var a MMSSinchAccount
	if err := readAccount(doc, &a); err != nil {
		return err
	}
	if vaspID == "" || a.VASID == "" {
		return errors.New("mms-sinch account: want an id and a vasid")
	}
	x.vasps.set(vaspID, a)
	return nil
}

func (x *mm7) routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /mms-sinch", x.submit)
	mux.HandleFunc("POST /mms-sinch/{$}", x.submit)
}

// mm7Error is a StatusCode other than success.
type mm7Error struct {
	code, text string
	fault      bool // told as a SOAP fault, before the request is looked into
	status     int  // of HTTP; 0 means 200
}

func (e *mm7Error) Error() string { return e.code + " " + e.text }

func mm7Bad(code, text string) *mm7Error { return &mm7Error{code: code, text: text} }

func mm7Fault(code, text string) *mm7Error {
	return &mm7Error{code: code, text: text, fault: true, status: http.StatusInternalServerError}
}

// mm7Submission is what the service understands of an envelope.
type mm7Submission struct {
	Header struct {
		TransactionID struct {
			Value string `xml:",chardata"`
		} `xml:"TransactionID"`
	} `xml:"Header"`
	Body struct {
		Submit *struct {
			XMLName xml.Name
			Version string `xml:"MM7Version"`
			VASPID  string `xml:"SenderIdentification>VASPID"`
			VASID   string `xml:"SenderIdentification>VASID"`
			Sender  struct {
				Number    string `xml:"Number"`
				ShortCode string `xml:"ShortCode"`
				Mail      string `xml:"RFC2822Address"`
			} `xml:"SenderIdentification>SenderAddress"`
			To        []string `xml:"Recipients>To>Number"`
			Report    bool     `xml:"DeliveryReport"`
			ReadReply bool     `xml:"ReadReply"`
			Subject   string   `xml:"Subject"`
			Content   struct {
				Href string `xml:"href,attr"`
			} `xml:"Content"`
		} `xml:"SubmitReq"`
	} `xml:"Body"`
}

// mm7Wants is what the account asked to be told of a message.
type mm7Wants struct{ report, read bool }

func (x *mm7) submit(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mm7RequestMost))
	if err != nil {
		http.Error(w, "the request is too large", http.StatusRequestEntityTooLarge)
		return
	}
	transaction, id, err := x.take(r, body)
	x.sim.cutIfAsked(r, ProviderMMSSinch, err)
	var e *mm7Error
	if err != nil && !errors.As(err, &e) {
		e = mm7Fault("3000", err.Error())
	}
	if e != nil && e.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="mm7"`)
		w.WriteHeader(e.status)
		return
	}
	w.Header().Set("Content-Type", `text/xml; charset="utf-8"`)
	if e != nil && e.status != 0 {
		w.WriteHeader(e.status)
	}
	_, _ = w.Write(mm7Answer(transaction, id, e)) //nolint:gosec // XML, escaped; a client that hangs up is no error
}

// take reads a submission and hands it to the phone.
func (x *mm7) take(r *http.Request, body []byte) (transaction, id string, err error) {
	request, err := mm7Parts(r.Header.Get("Content-Type"), body)
	if err != nil {
		return "", "", x.refused(mm7Fault("4004", err.Error()))
	}
	var env mm7Submission
	if err := xml.Unmarshal(request.envelope, &env); err != nil {
		return "", "", x.refused(mm7Fault("4004", err.Error()))
	}
	transaction = env.Header.TransactionID.Value
	it, err := x.read(r, &env, request)
	if err != nil {
		return transaction, "", x.refused(err)
	}
	_, err = x.sim.accept(incoming{
		phone: newKey(ChannelMMS, env.Body.Submit.To[0]), item: it, refuse: mm7Refusal, failCode: "Rejected",
		reads: env.Body.Submit.ReadReply,
	})
	return transaction, it.ProviderID, err
}

func (x *mm7) refused(err error) error {
	x.sim.stats.refused(ProviderMMSSinch)
	return err
}

var mm7Number = regexp.MustCompile(`^[0-9]{7,15}$`)

// mm7Schema says which namespace goes with which version.
var mm7Schema = map[string]string{
	"5.3.0": "http://www.3gpp.org/ftp/Specs/archive/23_series/23.140/schema/REL-5-MM7-1-2",
	"6.8.0": "http://www.3gpp.org/ftp/Specs/archive/23_series/23.140/schema/REL-6-MM7-1-4",
}

// read checks a submission and says how the phone shows it.
func (x *mm7) read(r *http.Request, env *mm7Submission, request *mm7Request) (Item, error) {
	s := env.Body.Submit
	if s == nil || env.Header.TransactionID.Value == "" {
		return Item{}, mm7Fault("4004", "want SubmitReq and TransactionID")
	}
	if mm7Schema[s.Version] == "" || s.XMLName.Space != mm7Schema[s.Version] {
		return Item{}, mm7Fault("4002", "Version not supported")
	}
	account, ok := x.vasps.get(s.VASPID)
	if user, password, _ := r.BasicAuth(); ok && account.Password != "" &&
		(user != account.Username || subtle.ConstantTimeCompare([]byte(password), []byte(account.Password)) != 1) {
		return Item{}, &mm7Error{code: "4001", status: http.StatusUnauthorized}
	}
	sender := orElse(s.Sender.Number, orElse(s.Sender.ShortCode, s.Sender.Mail))
	switch {
	case !ok || account.VASID != s.VASID:
		return Item{}, mm7Bad("2001", "Operation restricted")
	case len(s.To) != 1 || !mm7Number.MatchString(s.To[0]):
		return Item{}, mm7Bad("2002", "Address Error")
	case sender == "" || strings.HasPrefix(sender, "+"):
		return Item{}, mm7Bad("2550", "Invalid sender")
	case len(s.Subject) > mm7SubjectMost || strings.ContainsFunc(s.Subject, func(r rune) bool { return r < ' ' || r > '~' }):
		return Item{}, mm7Bad("2510", "Invalid subject")
	case s.Content.Href != "cid:"+request.contentID:
		return Item{}, mm7Bad("2500", "Content is not attached")
	}
	it := Item{
		Account: s.VASPID, Provider: ProviderMMSSinch, ProviderID: x.ids.next(), Sender: sender, Subject: s.Subject,
		Native: native(request.envelope), raw: mm7Wants{report: s.Report, read: s.ReadReply}, report: x.report,
	}
	return it, x.content(&it, request)
}

// content checks the parts and fills in what the phone shows of them.
func (x *mm7) content(it *Item, request *mm7Request) error {
	size := 0
	var words []string
	it.Type = "text"
	for _, p := range request.parts {
		size += len(p.data)
		switch {
		case p.mime == "application/smil":
			continue
		case !bytes.Contains(request.smil, []byte(`"cid:`+p.id+`"`)):
			return mm7Bad("2500", "A part is not on the slide")
		case p.mime == "text/plain":
			words = append(words, string(p.data))
		default:
			f := x.sim.media.put(p.data, p.mime, p.location)
			it.Type = "media"
			it.Media = append(it.Media, f.shown(f.kind()))
		}
	}
	it.Text = lines(words...)
	switch {
	case size > mm7ContentMost:
		return mm7Bad("2005", "Message is too large")
	case len([]rune(it.Text)) > mm7TextMost:
		return mm7Bad("2005", "Text is too long")
	case it.Text == "" && len(it.Media) == 0:
		return mm7Bad("2004", "Multimedia refused")
	}
	return nil
}

func mm7Refusal(b Behaviour, _ bool) error {
	switch b.Deliver {
	case DeliverRateLimit:
		return mm7Bad("3510", "Throttled")
	case DeliverRefuse:
		return mm7Bad(b.FailCode.or("2004"), "Multimedia refused")
	}
	return nil
}

// mm7Answer is a SubmitRsp or a SOAP fault.
func mm7Answer(transaction, id string, e *mm7Error) []byte {
	status := `<Status><StatusCode>1000</StatusCode><StatusText>Success</StatusText></Status><MessageID>` + id + `</MessageID>`
	if e != nil {
		status = fmt.Sprintf(`<Status><StatusCode>%s</StatusCode><StatusText>%s</StatusText></Status>`, e.code, xmlText(e.text))
	}
	body := `<SubmitRsp xmlns="` + mm7Schema["6.8.0"] + `"><MM7Version>6.8.0</MM7Version>` + status + `</SubmitRsp>`
	if e != nil && e.fault {
		body = `<env:Fault><faultcode>env:Client</faultcode><faultstring>Client error</faultstring><detail>` +
			strings.ReplaceAll(body, "SubmitRsp", "RSErrorRsp") + `</detail></env:Fault>`
	}
	return mm7Envelope(transaction, body)
}

func mm7Envelope(transaction, body string) []byte {
	return []byte(`<?xml version="1.0" encoding="UTF-8"?><env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/">` +
		`<env:Header><TransactionID xmlns="` + mm7Schema["6.8.0"] + `" env:mustUnderstand="1">` + xmlText(transaction) +
		`</TransactionID></env:Header><env:Body>` + body + `</env:Body></env:Envelope>`)
}

func xmlText(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a buffer never fails
	return b.String()
}
