package simulator

import (
	"context"
	"crypto/sha1" //nolint:gosec // Twilio signs with it
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ProviderMMSTwilio is Twilio's Messages with media.
const ProviderMMSTwilio = "mms-twilio"

// Limits of a message (Twilio, Messages).
const (
	twilioTextMost    = 1600
	twilioMediaMost   = 10
	twilioRequestMost = 1 << 20
)

// TwilioMMSAccount is an account at Twilio. Its id is the Account SID.
type TwilioMMSAccount struct {
	Token      string `json:"token"`
	Number     string `json:"number"` // which handsets write to first
	WebhookURL string `json:"webhook_url,omitempty"`
}

// twilioMMS is Twilio's Messages with media.
type twilioMMS struct {
	sim *Simulator
	ids *idSource

	accts accountSet[TwilioMMSAccount]
}

func newTwilioMMS(s *Simulator) *twilioMMS { return &twilioMMS{sim: s, ids: newIDSource(s.now)} }

func (x *twilioMMS) name() string       { return ProviderMMSTwilio }
func (x *twilioMMS) channel() string    { return ChannelMMS }
func (x *twilioMMS) accounts() []string { return x.accts.ids() }

func (x *twilioMMS) put(_ context.Context, sid string, doc json.RawMessage) error {
	var a TwilioMMSAccount
	if err := readAccount(doc, &a); err != nil {
		return err
	}
	if sid == "" || a.Token == "" {
		return errors.New("mms-twilio account: want an id and a token")
	}
	x.accts.set(sid, a)
	return nil
}

func (x *twilioMMS) routes(mux *http.ServeMux) {
	const account = "/mms-twilio/2010-04-01/Accounts/{sid}"
	mux.HandleFunc("POST "+account+"/Messages.json", x.guard(x.send))
	mux.HandleFunc("GET "+account+"/Messages/{message}/Media/{id}", x.guard(x.media))
	mux.HandleFunc("GET "+account, x.guard(x.account))
}

// account shows an account to itself.
func (x *twilioMMS) account(w http.ResponseWriter, r *http.Request) error {
	writeJSON(w, http.StatusOK, map[string]any{"sid": strings.TrimSuffix(r.PathValue("sid"), ".json"), "status": "active"})
	return nil
}

// twilioError is an error as Twilio words it.
type twilioError struct {
	status, code int
	words        string
	after        int
}

func (e *twilioError) Error() string { return e.words }

func twilioBad(code int, words string) *twilioError {
	return &twilioError{status: http.StatusBadRequest, code: code, words: words}
}

// guard checks the token and words errors.
func (x *twilioMMS) guard(op func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		sid := strings.TrimSuffix(r.PathValue("sid"), ".json")
		a, ok := x.accts.get(sid)
		user, token, _ := r.BasicAuth()
		err := error(&twilioError{status: http.StatusUnauthorized, code: 20003, words: "Authenticate"})
		if ok && user == sid && token == a.Token {
			err = op(w, r)
		}
		x.sim.cutIfAsked(r, ProviderMMSTwilio, err)
		var e *twilioError
		if err != nil && !errors.As(err, &e) {
			e = &twilioError{status: http.StatusInternalServerError, code: 20500, words: err.Error()}
		}
		if e == nil {
			return
		}
		if e.after > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(e.after))
		}
		writeJSON(w, e.status, map[string]any{"code": e.code, "message": e.words, "status": e.status})
	}
}

var twilioNumber = regexp.MustCompile(`^(\+[1-9][0-9]{6,14}|[0-9]{3,8})$`)

func checkTwilioFields(f url.Values) error {
	switch {
	case !twilioNumber.MatchString(f.Get("To")):
		return twilioBad(21211, "Invalid 'To' Phone Number")
	case !twilioNumber.MatchString(f.Get("From")):
		return twilioBad(21212, "Invalid From Number (caller ID)")
	case f.Get("Body") == "" && len(f["MediaUrl"]) == 0:
		return twilioBad(21619, "A text message body or media urls must be specified.")
	case utf8.RuneCountInString(f.Get("Body")) > twilioTextMost:
		return twilioBad(21617, "The concatenated message body exceeds the 1600 character limit")
	case len(f["MediaUrl"]) > twilioMediaMost:
		return twilioBad(21623, "Number of media files exceeds allowed limit")
	}
	for _, address := range f["MediaUrl"] {
		if u, err := url.Parse(address); err != nil || u.Host == "" {
			return twilioBad(21620, "Invalid media URL(s)")
		}
	}
	return nil
}

// twilioSent is what is reported of a message.
type twilioSent struct{ sid, to, from, callback string }

func (x *twilioMMS) send(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, twilioRequestMost)
	err := r.ParseForm()
	if err == nil {
		err = checkTwilioFields(r.PostForm)
	}
	if err != nil {
		x.sim.stats.refused(ProviderMMSTwilio)
		return err
	}
	f := r.PostForm
	native, err := encode(f)
	if err != nil {
		return err
	}
	m := twilioSent{sid: "MM" + x.ids.next(), to: f.Get("To"), from: f.Get("From"), callback: f.Get("StatusCallback")}
	it := Item{
		Account: r.PathValue("sid"), Provider: ProviderMMSTwilio, ProviderID: m.sid, Type: "text", Text: f.Get("Body"),
		Sender: m.from, Native: native, raw: m, report: x.report,
	}
	for _, address := range f["MediaUrl"] {
		shown := file{link: address, mime: mimeOf(address)}
		it.Type = "media"
		it.Media = append(it.Media, shown.shown(shown.kind()))
	}
	_, err = x.sim.accept(incoming{phone: newKey(ChannelMMS, m.to), item: it, refuse: twilioMMSRefusal, failCode: "30003"})
	if err == nil {
		writeJSON(w, http.StatusCreated, map[string]any{"sid": m.sid, "status": "queued", "to": m.to, "from": m.from})
	}
	return err
}

func twilioMMSRefusal(b Behaviour, _ bool) error {
	switch b.Deliver {
	case DeliverRateLimit:
		return &twilioError{http.StatusTooManyRequests, 20429, "Too Many Requests", b.RetryAfter}
	case DeliverRefuse:
		return twilioBad(atoi(b.FailCode.or("21612"), 21612), "refused")
	}
	return nil
}

// media gives an account the files of its phones.
func (x *twilioMMS) media(w http.ResponseWriter, r *http.Request) error {
	f := x.sim.media.get(r.PathValue("id"))
	if f == nil {
		return &twilioError{status: http.StatusNotFound, code: 20404, words: "The requested resource was not found"}
	}
	data, kind, err := x.sim.media.bytesOf(r.Context(), f)
	if err != nil {
		return err
	}
	serveFile(w, data, kind)
	return nil
}

// report tells what became of a message, where it asked for it.
func (x *twilioMMS) report(phone key, it Item) {
	m, ok := it.raw.(twilioSent)
	if !ok || m.callback == "" {
		return
	}
	f := url.Values{"MessageSid": {m.sid}, "AccountSid": {it.Account}, "To": {m.to}, "From": {m.from}, "MessageStatus": {it.Status}}
	switch it.Status {
	case StatusSent, StatusDelivered:
	case StatusFailed:
		f.Set("MessageStatus", "undelivered")
		f.Set("ErrorCode", it.Code)
	default:
		return
	}
	x.sim.poster.send(x.post(it.Account, m.callback, phone, f))
}

// post is a form, signed with its address.
func (x *twilioMMS) post(sid, address string, phone key, fields url.Values) *post {
	return &post{provider: ProviderMMSTwilio, order: phone.order(), body: []byte(fields.Encode()), target: func() (string, http.Header) {
		a, _ := x.accts.get(sid)
		to := orElse(address, a.WebhookURL)
		text := to + joinFields(fields, func(name, value string) string { return name + value })
		return to, http.Header{
			"Content-Type":       {"application/x-www-form-urlencoded"},
			"X-Twilio-Signature": {base64.StdEncoding.EncodeToString(signature(sha1.New, a.Token, []byte(text)))},
		}
	}}
}

// reply sends a text or files. Places and contacts are sent as the text a
// phone makes of them.
func (x *twilioMMS) reply(sid string, phone key, r Reply) (Item, error) {
	a, ok := x.accts.get(sid)
	if !ok {
		return Item{}, fmt.Errorf("account %w", errNotFound)
	}
	if r.Reaction != nil || r.Subject != "" {
		return Item{}, errors.New("the API has no reactions and no subjects")
	}
	it := r.item(sid, ProviderMMSTwilio)
	it.Sender = orElse(x.sim.senderOf(phone, sid, r.ReplyTo), a.Number)
	if it.Sender == "" {
		return Item{}, errors.New("the account has no number to write to: set number")
	}
	return x.sim.writeOut(phone, it, func(it *Item) (*post, error) {
		it.ProviderID = "MM" + x.ids.next()
		f := url.Values{
			"MessageSid": {it.ProviderID}, "SmsStatus": {"received"}, "AccountSid": {sid}, "To": {it.Sender},
			"From": {"+" + strings.TrimPrefix(phone.identity, "+")}, "Body": {it.Text}, "NumMedia": {strconv.Itoa(len(r.files))},
		}
		for i, file := range r.files {
			f.Set("MediaUrl"+strconv.Itoa(i), x.sim.base()+"/mms-twilio/2010-04-01/Accounts/"+url.PathEscape(sid)+
				"/Messages/"+it.ProviderID+"/Media/"+file.id)
			f.Set("MediaContentType"+strconv.Itoa(i), file.mime)
		}
		native, err := encode(f)
		it.Native = native
		return x.post(sid, "", phone, f), err
	})
}

// tap types the title of the choice.
func (x *twilioMMS) tap(sid string, phone key, it Item, c Choice) (Item, error) {
	return x.reply(sid, phone, Reply{Text: &c.Title, ReplyTo: it.ID})
}
