package simulator

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// ProviderWhatsApp is the WhatsApp Cloud API.
const ProviderWhatsApp = "whatsapp"

// WhatsAppAccount is a business phone number of the Cloud API.
type WhatsAppAccount struct {
	Token       string `json:"token"`                  // bearer
	AppSecret   string `json:"app_secret,omitempty"`   // signs webhooks; unsigned without
	VerifyToken string `json:"verify_token,omitempty"` // sent in the handshake
	WebhookURL  string `json:"webhook_url,omitempty"`
	// DisplayPhoneNumber is the number itself; default the id.
	DisplayPhoneNumber string `json:"display_phone_number,omitempty"`
	WABAID             string `json:"waba_id,omitempty"` // default 0
	// Templates are the approved ones. None means any template is known.
	Templates []WhatsAppTemplate `json:"templates,omitempty"`
}

// WhatsAppTemplate is an approved message template.
type WhatsAppTemplate struct {
	Name     string `json:"name"`
	Language string `json:"language"`
	Body     string `json:"body"` // with {{1}}, {{2}} or {{name}} where parameters go
}

// whatsapp is the Cloud API.
type whatsapp struct {
	sim     *Simulator
	numbers accountSet[WhatsAppAccount]
}

func newWhatsApp(s *Simulator) *whatsapp { return &whatsapp{sim: s} }

func (wa *whatsapp) name() string       { return ProviderWhatsApp }
func (wa *whatsapp) channel() string    { return ChannelWhatsApp }
func (wa *whatsapp) accounts() []string { return wa.numbers.ids() }

// put makes or changes a business phone number. If it has a webhook, the
// verification handshake is made first; when that fails nothing changes.
func (wa *whatsapp) put(ctx context.Context, phoneNumberID string, doc json.RawMessage) error {
	var a WhatsAppAccount
	if err := readAccount(doc, &a); err != nil {
		return err
	}
	if phoneNumberID == "" || a.Token == "" {
		return errors.New("whatsapp account: want an id and a token")
	}
	a.DisplayPhoneNumber = strings.TrimPrefix(orElse(a.DisplayPhoneNumber, phoneNumberID), "+")
	a.WABAID = orElse(a.WABAID, "0")
	if a.WebhookURL != "" {
		if err := wa.sim.metaHandshake(ctx, a.WebhookURL, a.VerifyToken); err != nil {
			return fmt.Errorf("verify webhook: %w", err)
		}
	}
	wa.numbers.set(phoneNumberID, a)
	return nil
}

func (wa *whatsapp) routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /graph/{version}/{id}/messages", wa.guard(wa.messages))
	mux.HandleFunc("POST /graph/{version}/{id}/media", wa.guard(wa.upload))
	mux.HandleFunc("GET /graph/{version}/{id}", wa.guard(wa.node))
	mux.HandleFunc("DELETE /graph/{version}/{id}", wa.guard(wa.deleteMedia))
	mux.HandleFunc("GET /graph/download/media/{id}", wa.download)
	mux.HandleFunc("/graph/", func(w http.ResponseWriter, r *http.Request) {
		writeGraphError(w, unknownObject(strings.TrimPrefix(r.URL.Path, "/graph/")))
	})
}

// graphOp is one operation of the Graph API; v is what it answers.
type graphOp func(r *http.Request, token string) (v any, err error)

// guard checks that the token is of some account and words errors.
func (wa *whatsapp) guard(op graphOp) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			token = r.URL.Query().Get("access_token")
		}
		if !wa.knows(token) {
			writeGraphError(w, badToken(token))
			return
		}
		v, err := op(r, token)
		wa.sim.cutIfAsked(r, ProviderWhatsApp, err)
		if err != nil {
			writeGraphError(w, err)
			return
		}
		writeJSON(w, http.StatusOK, v)
	}
}

func (wa *whatsapp) knows(token string) bool {
	_, _, ok := wa.numbers.find(func(a WhatsAppAccount) bool { return token != "" && a.Token == token })
	return ok
}

// owned returns the number the path names, if the token is its own.
func (wa *whatsapp) owned(r *http.Request, token string) (string, WhatsAppAccount, error) {
	id := r.PathValue("id")
	a, ok := wa.numbers.get(id)
	if !ok || a.Token != token {
		return "", a, unknownObject(id)
	}
	return id, a, nil
}

// post is a webhook call of the number, signed.
func (wa *whatsapp) post(id, order string, body []byte, done func(error, bool)) *post {
	return &post{
		provider: ProviderWhatsApp, order: order, body: body, done: done,
		target: func() (string, http.Header) {
			a, _ := wa.numbers.get(id)
			return a.WebhookURL, metaHeader(a.AppSecret, body)
		},
	}
}

// newWAMID makes a message id. Like the real ones it holds the phone number,
// by which the simulator finds the handset again.
func newWAMID(phone string) string {
	b := append([]byte{0x1c, 0x18, byte(len(phone) & 0x7f)}, phone...)
	b = append(b, 0x15, 0x02, 0x00, 0x11, 0x18, 0x12)
	b = append(b, rand.Text()[:18]...)
	return "wamid." + base64.StdEncoding.EncodeToString(append(b, 0))
}

// phoneOfWAMID is the handset a message id belongs to.
func phoneOfWAMID(id string) (key, bool) {
	rest, ok := strings.CutPrefix(id, "wamid.")
	b, err := base64.StdEncoding.DecodeString(rest)
	if !ok || err != nil || len(b) < 3 || len(b) < 3+int(b[2]) {
		return key{}, false
	}
	return newKey(ChannelWhatsApp, string(b[3:3+int(b[2])])), true
}

// byWAMID finds a message of the account.
func (wa *whatsapp) byWAMID(account, id string) (key, Item, bool) {
	phone, ok := phoneOfWAMID(id)
	if !ok {
		return key{}, Item{}, false
	}
	it, ok := wa.sim.phones.last(phone, func(it *Item) bool { return it.ProviderID == id && it.Account == account })
	return phone, it, ok
}
