package simulator

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// pages is Meta's Send API and its webhooks, as Messenger and Instagram have
// it: a provider's type holds one and says where it differs.
type pages struct {
	sim *Simulator
	dialect
	set accountSet[PageAccount]
}

// dialect is where Messenger and Instagram differ.
type dialect struct {
	provider  string // also the prefix of paths
	of        string // the channel
	object    string // of webhooks
	midPrefix string // of message ids
	textMost  int    // in bytes if textBytes, else in characters
	textBytes bool
	kinds     []string // of attachments besides templates
	calls     bool     // buttons may dial
	places    bool     // phones can share where they are
	watermark bool     // deliveries are told, and reads by time; otherwise only reads, by message
	windowSub int      // the subcode of code 10 where the window is closed
}

// PageAccount is a page of Messenger or a professional account of Instagram.
type PageAccount struct {
	Token       string `json:"token"`                  // page or user access token
	AppSecret   string `json:"app_secret,omitempty"`   // signs webhooks; unsigned without
	VerifyToken string `json:"verify_token,omitempty"` // sent in the handshake
	WebhookURL  string `json:"webhook_url,omitempty"`
	Name        string `json:"name,omitempty"` // default the id
}

func (p *pages) name() string       { return p.provider }
func (p *pages) channel() string    { return p.of }
func (p *pages) accounts() []string { return p.set.ids() }

// put makes or changes a page. If it has a webhook, the verification handshake
// is made first; when that fails nothing changes.
func (p *pages) put(ctx context.Context, id string, doc json.RawMessage) error {
	var a PageAccount
	if err := readAccount(doc, &a); err != nil {
		return err
	}
	if id == "" || id == "me" || a.Token == "" {
		return fmt.Errorf("%s account: want an id and a token", p.provider)
	}
	a.Name = orElse(a.Name, id)
	if a.WebhookURL != "" {
		if err := p.sim.metaHandshake(ctx, a.WebhookURL, a.VerifyToken); err != nil {
			return fmt.Errorf("verify webhook: %w", err)
		}
	}
	p.set.set(id, a)
	return nil
}

func (p *pages) routes(mux *http.ServeMux) {
	prefix := "/" + p.provider
	mux.HandleFunc("POST "+prefix+"/{version}/{id}/messages", p.guard(p.messages))
	mux.HandleFunc("POST "+prefix+"/{version}/{id}/subscribed_apps", p.guard(p.subscribe))
	mux.HandleFunc("GET "+prefix+"/{version}/{id}", p.guard(p.node))
	mux.HandleFunc(prefix+"/", func(w http.ResponseWriter, r *http.Request) {
		writeGraphError(w, unknownObject(strings.TrimPrefix(r.URL.Path, prefix+"/")))
	})
}

// pageOp is one operation; account is whose token the request carries.
type pageOp func(r *http.Request, account string) (v any, err error)

// guard finds the account of the token and words errors.
func (p *pages) guard(op pageOp) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			token = r.URL.Query().Get("access_token")
		}
		account, _, ok := p.set.find(func(a PageAccount) bool { return token != "" && a.Token == token })
		if !ok {
			writeGraphError(w, badToken(token))
			return
		}
		v, err := op(r, account)
		p.sim.cutIfAsked(r, p.provider, err)
		if err != nil {
			writeGraphError(w, err)
			return
		}
		writeJSON(w, http.StatusOK, v)
	}
}

// owned refuses an edge of a node that is not the token's own.
func (p *pages) owned(r *http.Request, account string) error {
	if id := r.PathValue("id"); id != "me" && id != account {
		return unknownObject(id)
	}
	return nil
}

// subscribe is POST /{id}/subscribed_apps.
func (p *pages) subscribe(r *http.Request, account string) (any, error) {
	if err := p.owned(r, account); err != nil {
		return nil, err
	}
	return map[string]bool{"success": true}, nil
}

// node is GET /{id}: the account itself, or the profile of somebody who wrote
// to it.
func (p *pages) node(r *http.Request, account string) (any, error) {
	id := r.PathValue("id")
	if p.owned(r, account) == nil {
		a, _ := p.set.get(account)
		return map[string]string{"id": account, "user_id": account, "name": a.Name, "username": a.Name}, nil
	}
	phone := newKey(p.of, id)
	_, wrote := p.sim.phones.last(phone, func(it *Item) bool { return it.Direction == Out && it.Account == account })
	if !wrote {
		return nil, unknownObject(id)
	}
	return p.profile(phone), nil
}

// profile is what an account may know of somebody.
func (p *pages) profile(phone key) map[string]string {
	name := ""
	p.sim.phones.locked(phone, func(h *handset) { name = h.name })
	first, last, _ := strings.Cut(name, " ")
	return map[string]string{
		"id": phone.identity, "first_name": first, "last_name": last, "name": name,
		"username": strings.ToLower(strings.ReplaceAll(name, " ", ".")),
	}
}

// post is a webhook call of the account, signed.
func (p *pages) post(account string, phone key, body []byte) *post {
	return &post{
		provider: p.provider, order: phone.order(), body: body,
		target: func() (string, http.Header) {
			a, _ := p.set.get(account)
			return a.WebhookURL, metaHeader(a.AppSecret, body)
		},
	}
}

func (p *pages) newMID() string { return p.midPrefix + rand.Text() }

// byMID finds a message of the account by Meta's id for it.
func (p *pages) byMID(phone key, account, mid string) (Item, bool) {
	return p.sim.phones.last(phone, func(it *Item) bool { return it.ProviderID == mid && it.Account == account })
}

// pageError is an error of the Send API (Messenger Platform, Common Error
// Codes).
func pageError(code, sub int, message string) *graphError {
	status := http.StatusBadRequest
	switch {
	case code == 190:
		status = http.StatusUnauthorized
	case code == 10 || code >= 200 && code < 300:
		status = http.StatusForbidden
	case code == 1 || code == 2:
		status = http.StatusInternalServerError
	}
	return &graphError{status: status, code: code, subcode: sub, typ: "OAuthException", message: fmt.Sprintf("(#%d) %s", code, message)}
}

var errNothingSent = errors.New("tapping this sends nothing")
