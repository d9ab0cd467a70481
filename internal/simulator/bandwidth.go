package simulator

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"
	"unicode/utf8"
)

// ProviderMMSBandwidth is Bandwidth's Messaging API.
const ProviderMMSBandwidth = "mms-bandwidth"

// Limits of the API (dev.bandwidth.com, create message).
const (
	bandwidthTextMost    = 2048
	bandwidthTagMost     = 1024
	bandwidthRequestMost = 1 << 20
)

// BandwidthAccount is an account of the Messaging API.
type BandwidthAccount struct {
	Username      string `json:"username"`
	Password      string `json:"password"`
	ApplicationID string `json:"application_id"`
	WebhookURL    string `json:"webhook_url,omitempty"`
	// WebhookPassword, if set, goes with events.
	WebhookPassword string `json:"webhook_password,omitempty"`
	// Number is what handsets write to first.
	Number string `json:"number,omitempty"`
}

// bandwidth is the Messaging API.
type bandwidth struct {
	sim *Simulator
	ids *idSource

	users accountSet[BandwidthAccount]
}

func newBandwidth(s *Simulator) *bandwidth { return &bandwidth{sim: s, ids: newIDSource(s.now)} }

func (x *bandwidth) name() string       { return ProviderMMSBandwidth }
func (x *bandwidth) channel() string    { return ChannelMMS }
func (x *bandwidth) accounts() []string { return x.users.ids() }

func (x *bandwidth) put(_ context.Context, id string, doc json.RawMessage) error {
	var a BandwidthAccount
	if err := readAccount(doc, &a); err != nil {
		return err
	}
	if id == "" || a.Password == "" || a.ApplicationID == "" {
		return errors.New("mms-bandwidth account: want an id, a password and an application_id")
	}
	x.users.set(id, a)
	return nil
}

func (x *bandwidth) routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /mms-bandwidth/users/{user}/messages", x.guard(x.send))
	mux.HandleFunc("GET /mms-bandwidth/users/{user}/media/{id}/{name}", x.guard(x.media))
}

// bandwidthError is an error as the API words it.
type bandwidthError struct {
	status      int
	kind, words string
	after       int
}

func (e *bandwidthError) Error() string { return e.kind + ": " + e.words }

func bandwidthBad(words string) *bandwidthError {
	return &bandwidthError{status: http.StatusBadRequest, kind: "request-validation", words: words}
}

// guard checks the password and words errors.
func (x *bandwidth) guard(op func(http.ResponseWriter, *http.Request, BandwidthAccount) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a, ok := x.users.get(r.PathValue("user"))
		user, password, _ := r.BasicAuth()
		err := error(&bandwidthError{status: http.StatusUnauthorized, kind: "unauthorized", words: "Authentication Failed"})
		if ok && user == a.Username && subtle.ConstantTimeCompare([]byte(password), []byte(a.Password)) == 1 {
			err = op(w, r, a)
		}
		x.sim.cutIfAsked(r, ProviderMMSBandwidth, err)
		var e *bandwidthError
		switch {
		case errors.As(err, &e):
			if e.after > 0 {
				w.Header().Set("Retry-After", strconv.Itoa(e.after))
			}
			writeJSON(w, e.status, map[string]string{"type": e.kind, "description": e.words})
		case err != nil:
			writeJSON(w, http.StatusInternalServerError, map[string]string{"type": "server-error", "description": err.Error()})
		}
	}
}

// bandwidthMessage is a message as the API has it, asked for and told of.
type bandwidthMessage struct {
	ID            string    `json:"id"`
	Owner         string    `json:"owner"`
	Time          time.Time `json:"time"`
	Direction     string    `json:"direction"`
	To            []string  `json:"to"`
	From          string    `json:"from"`
	Text          string    `json:"text"`
	Media         []string  `json:"media,omitempty"`
	ApplicationID string    `json:"applicationId"`
	Tag           string    `json:"tag,omitempty"`
	Segments      int       `json:"segmentCount"`
}

var (
	bandwidthNumber = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	bandwidthSender = regexp.MustCompile(`^(\+[1-9][0-9]{6,14}|[0-9]{3,8})$`)
)

func (m *bandwidthMessage) check(a BandwidthAccount) error {
	switch {
	case m.ApplicationID != a.ApplicationID:
		return bandwidthBad("'applicationId' is not of the account")
	case len(m.To) != 1 || !bandwidthNumber.MatchString(m.To[0]):
		return bandwidthBad("'to' must be one phone number in E.164 format") // of several the handsets know nothing
	case !bandwidthSender.MatchString(m.From):
		return bandwidthBad("'from' must be an E164 telephone number or a short code")
	case m.Text == "" && len(m.Media) == 0:
		return bandwidthBad("'text' or 'media' must be given")
	case utf8.RuneCountInString(m.Text) > bandwidthTextMost || len(m.Tag) > bandwidthTagMost:
		return bandwidthBad("'text' or 'tag' is too long")
	}
	for _, address := range m.Media {
		if u, err := url.Parse(address); err != nil || u.Host == "" {
			return bandwidthBad("'media' must be URLs")
		}
	}
	return nil
}

func (x *bandwidth) send(w http.ResponseWriter, r *http.Request, a BandwidthAccount) error {
	native, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bandwidthRequestMost))
	if err != nil {
		return bandwidthBad("the body could not be read")
	}
	var m bandwidthMessage
	err = json.Unmarshal(native, &m)
	if err == nil {
		err = m.check(a)
	} else {
		err = bandwidthBad("the body could not be parsed")
	}
	if err != nil {
		x.sim.stats.refused(ProviderMMSBandwidth)
		return err
	}
	m.ID, m.Owner, m.Direction, m.Time, m.Segments = x.ids.next(), m.From, "out", x.sim.now().UTC(), 1
	it := Item{
		Account: r.PathValue("user"), Provider: ProviderMMSBandwidth, ProviderID: m.ID, Type: "text", Text: m.Text,
		Sender: m.From, Reference: m.Tag, Native: native, raw: m, report: x.report,
	}
	for _, address := range m.Media {
		f := file{link: address, mime: mimeOf(address)}
		it.Type = "media"
		it.Media = append(it.Media, f.shown(f.kind()))
	}
	_, err = x.sim.accept(incoming{phone: newKey(ChannelMMS, m.To[0]), item: it, refuse: bandwidthRefusal, failCode: "4750"})
	if err == nil {
		writeJSON(w, http.StatusAccepted, m)
	}
	return err
}

func bandwidthRefusal(b Behaviour, _ bool) error {
	switch b.Deliver {
	case DeliverRateLimit:
		return &bandwidthError{http.StatusTooManyRequests, "too-many-requests", "Too Many Requests", b.RetryAfter}
	case DeliverRefuse:
		return &bandwidthError{status: http.StatusBadRequest, kind: b.FailCode.or("request-validation"), words: "Your request could not be accepted"}
	}
	return nil
}

// media gives an account the files of its phones.
func (x *bandwidth) media(w http.ResponseWriter, r *http.Request, _ BandwidthAccount) error {
	f := x.sim.media.get(r.PathValue("id"))
	if f == nil {
		return &bandwidthError{status: http.StatusNotFound, kind: "not-found", words: "No such media"}
	}
	data, kind, err := x.sim.media.bytesOf(r.Context(), f)
	if err != nil {
		return err
	}
	serveFile(w, data, kind)
	return nil
}

type bandwidthEvent struct {
	Type        string           `json:"type"`
	Time        time.Time        `json:"time"`
	Description string           `json:"description"`
	To          string           `json:"to"`
	ErrorCode   int              `json:"errorCode,omitempty"`
	Message     bandwidthMessage `json:"message"`
}

// report tells what became of a message.
func (x *bandwidth) report(phone key, it Item) {
	m, ok := it.raw.(bandwidthMessage)
	if !ok {
		return
	}
	e := bandwidthEvent{Time: x.sim.now().UTC(), To: m.To[0], Message: m}
	switch it.Status {
	case StatusSent:
		e.Type, e.Description = "message-sending", "Message is sending to carrier"
	case StatusDelivered:
		e.Type, e.Description = "message-delivered", "Message delivered to carrier."
	case StatusFailed:
		e.Type, e.Description, e.ErrorCode = "message-failed", "failed", atoi(it.Code, 0)
	default:
		return
	}
	if p, err := x.post(it.Account, phone, e); err == nil {
		x.sim.poster.send(p)
	}
}

func (x *bandwidth) post(user string, phone key, e bandwidthEvent) (*post, error) {
	body, err := encode([]bandwidthEvent{e})
	if err != nil {
		return nil, err
	}
	return &post{provider: ProviderMMSBandwidth, order: phone.order(), body: body, target: func() (string, http.Header) {
		a, _ := x.users.get(user)
		h := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
		if a.WebhookPassword != "" {
			h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("bandwidth:"+a.WebhookPassword)))
		}
		return a.WebhookURL, h
	}}, nil
}

// reply sends a text or files. Places and contacts are sent as the text a
// phone makes of them.
func (x *bandwidth) reply(user string, phone key, r Reply) (Item, error) {
	a, ok := x.users.get(user)
	if !ok {
		return Item{}, fmt.Errorf("account %w", errNotFound)
	}
	if r.Reaction != nil || r.Subject != "" {
		return Item{}, errors.New("the API has no reactions and no subjects")
	}
	it := r.item(user, ProviderMMSBandwidth)
	it.Sender = orElse(x.sim.senderOf(phone, user, r.ReplyTo), a.Number)
	if it.Sender == "" {
		return Item{}, errors.New("the account has no number to write to: set number")
	}
	return x.sim.writeOut(phone, it, func(it *Item) (*post, error) {
		it.ProviderID = x.ids.next()
		m := bandwidthMessage{
			ID: it.ProviderID, Owner: it.Sender, Time: x.sim.now().UTC(), Direction: "in", To: []string{it.Sender},
			From: "+" + phone.identity, Text: it.Text, ApplicationID: a.ApplicationID, Segments: 1,
		}
		for i, f := range r.files {
			name := orElse(f.name, "file"+strconv.Itoa(i+1))
			m.Media = append(m.Media, x.sim.base()+"/mms-bandwidth/users/"+url.PathEscape(user)+"/media/"+f.id+"/"+url.PathEscape(name))
		}
		p, err := x.post(user, phone, bandwidthEvent{
			Type: "message-received", Time: m.Time, Description: "Incoming message received", To: it.Sender, Message: m,
		})
		if err != nil {
			return nil, err
		}
		it.Native = p.body
		return p, nil
	})
}

// tap types the title of the choice.
func (x *bandwidth) tap(user string, phone key, it Item, c Choice) (Item, error) {
	return x.reply(user, phone, Reply{Text: &c.Title, ReplyTo: it.ID})
}
