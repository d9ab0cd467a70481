package simulator

import (
	"context"
	"crypto/sha1" //nolint:gosec // Twilio signs with it
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
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
}

// A smsDialect is what tells one gateway from the other.
type smsDialect struct {
	route string // of the send request
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
	m.id = g.id.next()
	native, err := encode(shownFields(m.fields))
	if err != nil {
		return m, err
	}
	it := Item{
		Account: m.account, Provider: g.provider, ProviderID: m.id, Type: "text", Text: m.text, Sender: m.from,
		Reference: m.reference, Native: native,
		report: func(phone key, it Item) { g.report(m, phone, it) },
	}
	_, err = g.sim.accept(incoming{
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
	})
	return m, err
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

func twilioSMS(s *Simulator) *smsGateway {
	return newSMSGateway(s, ProviderTwilioSMS, smsDialect{
		route: "POST /sms-twilio/2010-04-01/Accounts/{sid}/Messages.json",
		read: func(g *smsGateway, r *http.Request) (gatewayMessage, error) {
			f := r.PostForm
			user, password, _ := r.BasicAuth()
			switch {
			case user != r.PathValue("sid") || !g.check(user, password):
				return gatewayMessage{}, &gatewayError{http.StatusUnauthorized, "20003", "Authenticate"}
			case !strings.HasPrefix(f.Get("To"), "+"):
				return gatewayMessage{}, &gatewayError{http.StatusBadRequest, "21211", "Invalid 'To' Phone Number"}
			case f.Get("From") == "" && f.Get("MessagingServiceSid") == "":
				return gatewayMessage{}, &gatewayError{http.StatusBadRequest, "21603", "A 'From' phone number is required"}
			case f.Get("Body") == "":
				return gatewayMessage{}, &gatewayError{http.StatusBadRequest, "21602", "Message body is required"}
			case len([]rune(f.Get("Body"))) > 1600:
				return gatewayMessage{}, &gatewayError{http.StatusBadRequest, "21617", "The concatenated message body exceeds the 1600 character limit"}
			}
			return gatewayMessage{
				account: user, from: f.Get("From"), to: f.Get("To"), text: f.Get("Body"), callback: f.Get("StatusCallback"), fields: f,
			}, nil
		},
		taken: func(w http.ResponseWriter, m gatewayMessage) {
			writeJSON(w, http.StatusCreated, map[string]any{"sid": "SM" + m.id, "status": "queued", "to": m.to, "from": m.from})
		},
		refused: func(w http.ResponseWriter, e *gatewayError) {
			code, _ := strconv.Atoi(e.code)
			writeJSON(w, e.status, map[string]any{"code": code, "message": e.words, "status": e.status})
		},
		report: func(m gatewayMessage, _ SMSGatewayAccount, it Item) (string, url.Values) {
			f := url.Values{"MessageSid": {"SM" + m.id}, "AccountSid": {m.account}, "To": {m.to}, "From": {m.from}}
			switch it.Status {
			case StatusSent, StatusDelivered:
				f.Set("MessageStatus", it.Status)
			case StatusFailed:
				f.Set("MessageStatus", "undelivered")
				f.Set("ErrorCode", it.Code)
			default:
				return "", nil
			}
			return m.callback, f
		},
		written: func(it *Item, a SMSGatewayAccount, phone key) url.Values {
			return url.Values{
				"MessageSid": {"SM" + it.ProviderID}, "SmsStatus": {"received"}, "From": {"+" + phone.identity}, "To": {it.Sender},
				"Body": {it.Text}, "NumMedia": {"0"}, "AccountSid": {it.Account},
			}
		},
		sign: func(a SMSGatewayAccount, address string, fields url.Values) http.Header {
			text := address + joinFields(fields, func(name, value string) string { return name + value })
			return http.Header{"X-Twilio-Signature": {base64.StdEncoding.EncodeToString(signature(sha1.New, a.Token, []byte(text)))}}
		},
		refuse: "21612", throttle: "20429", undelivered: "30003",
	})
}

func vonageSMS(s *Simulator) *smsGateway {
	answer := func(w http.ResponseWriter, m map[string]string) {
		writeJSON(w, http.StatusOK, map[string]any{"message-count": "1", "messages": []any{m}})
	}
	return newSMSGateway(s, ProviderVonageSMS, smsDialect{
		route: "POST /sms-vonage/sms/json",
		read: func(g *smsGateway, r *http.Request) (gatewayMessage, error) {
			f := r.PostForm
			switch {
			case !g.check(f.Get("api_key"), f.Get("api_secret")):
				return gatewayMessage{}, &gatewayError{code: "4", words: "Bad Credentials"}
			case f.Get("to") == "" || f.Get("from") == "" || f.Get("text") == "":
				return gatewayMessage{}, &gatewayError{code: "2", words: "Missing params"}
			}
			return gatewayMessage{
				account: f.Get("api_key"), from: f.Get("from"), to: f.Get("to"), text: f.Get("text"), callback: f.Get("callback"),
				reference: f.Get("client-ref"), fields: f,
			}, nil
		},
		taken: func(w http.ResponseWriter, m gatewayMessage) {
			answer(w, map[string]string{"to": m.to, "message-id": m.id, "status": "0", "remaining-balance": "10.00", "network": "24001"})
		},
		refused: func(w http.ResponseWriter, e *gatewayError) {
			answer(w, map[string]string{"status": orElse(e.code, "5"), "error-text": e.words})
		},
		report: func(m gatewayMessage, a SMSGatewayAccount, it Item) (string, url.Values) {
			f := url.Values{"messageId": {m.id}, "msisdn": {m.to}, "to": {m.from}, "err-code": {"0"}, "client-ref": {m.reference}}
			switch it.Status {
			case StatusSent:
				f.Set("status", "accepted")
			case StatusDelivered:
				f.Set("status", "delivered")
			case StatusFailed:
				f.Set("status", "failed")
				f.Set("err-code", it.Code)
			default:
				return "", nil
			}
			return orElse(m.callback, a.WebhookURL), signVonage(a, f)
		},
		written: func(it *Item, a SMSGatewayAccount, phone key) url.Values {
			return signVonage(a, url.Values{
				"messageId": {it.ProviderID}, "msisdn": {phone.identity}, "to": {it.Sender}, "text": {it.Text}, "type": {"text"},
			})
		},
		refuse: "6", throttle: "1", undelivered: "12",
	})
}

// joinFields writes fields one after the other, by name.
func joinFields(f url.Values, write func(name, value string) string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(f)) {
		b.WriteString(write(name, f.Get(name)))
	}
	return b.String()
}

// signVonage adds the signature to the fields of a webhook.
func signVonage(a SMSGatewayAccount, f url.Values) url.Values {
	if a.Secret == "" {
		return f
	}
	clean := strings.NewReplacer("&", "_", "=", "_")
	text := joinFields(f, func(name, value string) string { return "&" + name + "=" + clean.Replace(value) })
	f.Set("sig", hex.EncodeToString(signature(sha256.New, a.Secret, []byte(text))))
	return f
}

func kannelSMS(s *Simulator) *smsGateway {
	words := func(w http.ResponseWriter, status int, text string) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}
	return newSMSGateway(s, ProviderKannel, smsDialect{
		route: "GET /sms-kannel/cgi-bin/sendsms",
		read: func(g *smsGateway, r *http.Request) (gatewayMessage, error) {
			f := r.Form
			switch {
			case !g.check(f.Get("username"), f.Get("password")):
				return gatewayMessage{}, &gatewayError{http.StatusForbidden, "", "Authorization failed for sendsms"}
			case f.Get("to") == "":
				return gatewayMessage{}, &gatewayError{http.StatusBadRequest, "", "Missing receiver number, rejected"}
			case f.Get("from") == "":
				return gatewayMessage{}, &gatewayError{http.StatusBadRequest, "", "Sender missing and no global set, rejected"}
			}
			return gatewayMessage{
				account: f.Get("username"), from: f.Get("from"), to: f.Get("to"), text: f.Get("text"), callback: f.Get("dlr-url"), fields: f,
			}, nil
		},
		taken: func(w http.ResponseWriter, _ gatewayMessage) {
			words(w, http.StatusAccepted, "0: Accepted for delivery")
		},
		refused: func(w http.ResponseWriter, e *gatewayError) {
			status := e.status
			if status == http.StatusTooManyRequests {
				status = http.StatusServiceUnavailable
			}
			words(w, status, e.words)
		},
		report: func(m gatewayMessage, _ SMSGatewayAccount, it Item) (string, url.Values) {
			status, ok := map[string]string{StatusSent: "8", StatusDelivered: "1", StatusFailed: "2"}[it.Status]
			if !ok || m.callback == "" {
				return "", nil
			}
			return strings.NewReplacer("%d", status, "%A", url.QueryEscape(it.Code)).Replace(m.callback), nil
		},
		written: func(it *Item, a SMSGatewayAccount, phone key) url.Values {
			return url.Values{
				"id": {it.ProviderID}, "from": {"+" + phone.identity}, "to": {it.Sender}, "text": {it.Text}, "token": {a.Secret},
			}
		},
	})
}
