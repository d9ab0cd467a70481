package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The SMS gateways that take form fields.
const (
	ProviderTwilioSMS = "sms-twilio"
	ProviderVonageSMS = "sms-vonage"
	ProviderKannel    = "sms-kannel"
)

// SMSGatewayAccount is an account at twilio, vonage or kannel.
type SMSGatewayAccount struct {
	Token  string `json:"token"`  // auth token, API secret or password
	Number string `json:"number"` // which phones write to first
	// WebhookURL is where what phones write goes, and reports that name no
	// address of their own.
	WebhookURL string `json:"webhook_url,omitempty"`
	// Secret signs vonage's webhooks (sha256) and is the token of kannel's.
	Secret string `json:"secret,omitempty"`
}

// smsGateway is one of the gateways; dialect is how it speaks.
type smsGateway struct {
	sim      *Simulator
	id       *idSource
	accts    accountSet[SMSGatewayAccount]
	provider string
	dialect  smsDialect
	parts    smsParts[gatewayMessage]
}

// A smsDialect is what tells one gateway from the other.
type smsDialect struct {
	route string // of the send request
	// own is the route of what only the account itself is shown, or "".
	own string
	// read returns the message of a request, or the error that is answered.
	read func(g *smsGateway, r *http.Request) (gatewayMessage, error)
	// taken answers a message.
	taken func(w http.ResponseWriter, m gatewayMessage)
	// refused answers an error.
	refused func(w http.ResponseWriter, e *gatewayError)
	// report and written make the fields and the address of a webhook.
	report  func(m gatewayMessage, a SMSGatewayAccount, it Item) (address string, fields url.Values)
	written func(it *Item, a SMSGatewayAccount, phone key) url.Values
	// sign signs the fields of a webhook.
	sign func(a SMSGatewayAccount, address string, fields url.Values) http.Header
	// codes of a refused, a throttled and an undeliverable message.
	refuse, throttle, undelivered string
}

// gatewayMessage is a send request.
type gatewayMessage struct {
	account, id, from, to, text, callback, reference string
	fields                                           url.Values
	part                                             segment // its place in a longer message
	taken                                            time.Time
}

// gatewayError is a refusal by the gateway's own code.
type gatewayError struct {
	status int
	code   string
	words  string
}

func (e *gatewayError) Error() string { return e.words }

func newSMSGateway(s *Simulator, provider string, d smsDialect) *smsGateway {
	return &smsGateway{sim: s, id: newIDSource(s.now), provider: provider, dialect: d}
}

func (g *smsGateway) name() string       { return g.provider }
func (g *smsGateway) channel() string    { return ChannelSMS }
func (g *smsGateway) accounts() []string { return g.accts.ids() }

func (g *smsGateway) put(_ context.Context, id string, doc json.RawMessage) error {
	var a SMSGatewayAccount
	if err := readAccount(doc, &a); err != nil {
		return err
	}
	if id == "" || a.Token == "" {
		return fmt.Errorf("%s account: want an id and a token", g.provider)
	}
	g.accts.set(id, a)
	return nil
}

func (g *smsGateway) routes(mux *http.ServeMux) {
	mux.HandleFunc(g.dialect.route, func(w http.ResponseWriter, r *http.Request) {
		m, err := g.take(w, r)
		g.sim.cutIfAsked(r, g.provider, err)
		var refused *gatewayError
		switch {
		case errors.As(err, &refused):
			g.dialect.refused(w, refused)
		case err != nil:
			g.dialect.refused(w, &gatewayError{http.StatusInternalServerError, "", err.Error()})
		default:
			g.dialect.taken(w, m)
		}
	})
	if g.dialect.own != "" {
		mux.HandleFunc(g.dialect.own, g.showOwn)
	}
}

// showOwn answers what a sender asks to learn whether its token is right.
func (g *smsGateway) showOwn(w http.ResponseWriter, r *http.Request) {
	id, token, _ := r.BasicAuth()
	if sid := strings.TrimSuffix(r.PathValue("sid"), ".json"); !g.check(id, token) || sid != "" && sid != id {
		writeJSON(w, http.StatusUnauthorized, map[string]any{"code": 20003, "message": "Authenticate", "error-code": "401"}) // twilio's and vonage's words
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"sid": id, "status": "active", "value": 10.28})
}

// take reads a message and puts it on the phone.
func (g *smsGateway) take(w http.ResponseWriter, r *http.Request) (gatewayMessage, error) {
	r.Body = http.MaxBytesReader(w, r.Body, sinchRequestMost)
	if err := r.ParseForm(); err != nil {
		return gatewayMessage{}, err
	}
	m, err := g.dialect.read(g, r)
	if err != nil {
		return m, err
	}
	m.id, m.taken = g.id.next(), g.sim.now()
	native, err := encode(shownFields(m.fields))
	if err != nil {
		return m, err
	}
	it := Item{
		Account: m.account, Provider: g.provider, ProviderID: m.id, Type: "text", Text: m.text, Sender: m.from,
		Reference: m.reference, Native: native,
		report: func(phone key, it Item) { g.report(m, phone, it) },
	}
	in := incoming{
		phone: newKey(ChannelSMS, strings.TrimPrefix(m.to, "+")), item: it, failCode: g.dialect.undelivered,
		refuse: func(b Behaviour, _ bool) error {
			switch b.Deliver {
			case DeliverRefuse:
				return &gatewayError{http.StatusBadRequest, b.FailCode.or(g.dialect.refuse), "refused"}
			case DeliverRateLimit:
				return &gatewayError{http.StatusTooManyRequests, g.dialect.throttle, "please wait [ 1000 ] and retry"}
			}
			return nil
		},
	}
	if m.part.total > 1 {
		return m, g.takePart(m, in)
	}
	_, err = g.sim.accept(in)
	return m, err
}

// takePart takes a part of a longer message, which the phone shows when it has
// all of them. Each part has reports of its own.
func (g *smsGateway) takePart(m gatewayMessage, in incoming) error {
	b, err := g.sim.admit(&in)
	if err != nil {
		return err
	}
	if whole := g.parts.add(m.account+"/"+m.from, m.to, m.part, m); whole != nil {
		in.item.Text, in.item.Parts, in.item.Flash = whole.words(), m.part.total, m.part.flash
		in.item.report = func(phone key, it Item) {
			for _, part := range whole.came {
				g.report(part, phone, it)
			}
		}
		g.sim.arrive(in, b)
	}
	if b.Hang == HangAfter {
		return hangError{b}
	}
	return nil
}

// shownFields makes an object of form fields, without secrets.
func shownFields(fields url.Values) map[string]string {
	out := map[string]string{}
	for name := range fields {
		if !slices.Contains([]string{"password", "api_secret"}, name) {
			out[name] = fields.Get(name)
		}
	}
	return out
}

func (g *smsGateway) report(m gatewayMessage, phone key, it Item) {
	a, ok := g.accts.get(m.account)
	if !ok {
		return
	}
	address, fields := g.dialect.report(m, a, it)
	if address != "" {
		g.sim.poster.send(g.post(m.account, phone, address, fields))
	}
}

// post is a webhook: a form, or all of it in the address.
func (g *smsGateway) post(account string, phone key, address string, fields url.Values) *post {
	p := &post{provider: g.provider, order: phone.order()}
	if fields == nil {
		p.method = http.MethodGet
		p.target = func() (string, http.Header) { return address, nil }
		return p
	}
	a, _ := g.accts.get(account)
	h := http.Header{}
	if g.dialect.sign != nil {
		h = g.dialect.sign(a, address, fields)
	}
	h.Set("Content-Type", "application/x-www-form-urlencoded")
	p.body = []byte(fields.Encode())
	p.target = func() (string, http.Header) { return address, h }
	return p
}

// reply sends a text. Places and cards are sent as the text a phone makes of
// them.
func (g *smsGateway) reply(account string, phone key, r Reply) (Item, error) {
	a, ok := g.accts.get(account)
	switch {
	case !ok:
		return Item{}, fmt.Errorf("account %w", errNotFound)
	case r.Reaction != nil || r.file != nil:
		return Item{}, errors.New("SMS carries text only")
	}
	it := r.item(account, g.provider)
	it.Sender = orElse(g.sim.senderOf(phone, account, r.ReplyTo), a.Number)
	return g.sim.writeOut(phone, it, func(it *Item) (*post, error) {
		it.ProviderID = g.id.next()
		fields := g.dialect.written(it, a, phone)
		native, err := encode(shownFields(fields))
		if err != nil {
			return nil, err
		}
		it.Native = native
		if a.WebhookURL == "" {
			return nil, nil //nolint:nilnil // nobody to tell
		}
		if g.provider == ProviderKannel {
			return g.post(account, phone, a.WebhookURL+"?"+fields.Encode(), nil), nil
		}
		return g.post(account, phone, a.WebhookURL, fields), nil
	})
}

// tap types the title of the choice.
func (g *smsGateway) tap(account string, phone key, it Item, c Choice) (Item, error) {
	return g.reply(account, phone, Reply{Text: &c.Title, ReplyTo: it.ID})
}

// check reports whether an account has the token.
func (g *smsGateway) check(id, token string) bool {
	a, ok := g.accts.get(id)
	return ok && a.Token == token
}
