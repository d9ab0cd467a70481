package simulator

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ProviderVonageViber is the Vonage Messages API as far as it is about Viber
// Business Messages.
const ProviderVonageViber = "viberbm-vonage"

// VonageViberAccount is a Viber service of a Vonage account. Requests come
// with the key and the secret, or with a token signed with the application's
// key.
type VonageViberAccount struct {
	APIKey        string `json:"api_key,omitempty"`
	Secret        string `json:"secret,omitempty"`
	ApplicationID string `json:"application_id,omitempty"`
	PublicKey     string `json:"public_key,omitempty"` // PEM
	// WebhookURL is where messages go, and reports that name no address of
	// their own.
	WebhookURL      string `json:"webhook_url,omitempty"`
	SignatureSecret string `json:"signature_secret,omitempty"` // signs webhooks
}

// vonageViber is the provider. Accounts have the id of their Viber service.
type vonageViber struct {
	sim   *Simulator
	id    *idSource
	accts accountSet[VonageViberAccount]
}

func newVonageViber(s *Simulator) *vonageViber { return &vonageViber{sim: s, id: newIDSource(s.now)} }

func (v *vonageViber) name() string       { return ProviderVonageViber }
func (v *vonageViber) channel() string    { return ChannelViberBM }
func (v *vonageViber) accounts() []string { return v.accts.ids() }

func (v *vonageViber) put(_ context.Context, id string, doc json.RawMessage) error {
	var a VonageViberAccount
	if err := readAccount(doc, &a); err != nil {
		return err
	}
	if id == "" || (a.APIKey == "") == (a.ApplicationID == "") {
		return fmt.Errorf("%s account: want an id, and api_key or application_id", v.name())
	}
	v.accts.set(id, a)
	return nil
}

// vonageError is an error as Vonage answers it (RFC 7807).
type vonageError struct {
	status int
	code   string
	detail string
}

func (p *vonageError) Error() string { return p.detail }

func (p *vonageError) write(w http.ResponseWriter) {
	kind := "https://developer.vonage.com/api-errors#" + p.code
	if p.code != "" && p.code[0] >= '0' && p.code[0] <= '9' {
		kind = "https://developer.vonage.com/api-errors/messages#" + p.code
	}
	writeJSON(w, p.status, map[string]string{"type": kind, "title": http.StatusText(p.status), "detail": p.detail, "instance": "sim"})
}

func (v *vonageViber) routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /viberbm-vonage/v1/messages", func(w http.ResponseWriter, r *http.Request) {
		id, err := v.take(w, r)
		v.sim.cutIfAsked(r, v.name(), err)
		var problem *vonageError
		switch {
		case errors.As(err, &problem):
			problem.write(w)
		case err != nil:
			(&vonageError{http.StatusInternalServerError, "1030", err.Error()}).write(w)
		default:
			writeJSON(w, http.StatusAccepted, map[string]string{"message_uuid": id})
		}
	})
}

// take reads a message and puts it on the phone.
func (v *vonageViber) take(w http.ResponseWriter, r *http.Request) (string, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return "", err
	}
	if !v.known(r.Header.Get("Authorization")) {
		return "", &vonageError{http.StatusUnauthorized, "unauthorized", "You did not provide correct credentials."}
	}
	var m vonageMessage
	if err := json.Unmarshal(body, &m); err != nil {
		return "", &vonageError{http.StatusUnprocessableEntity, "invalid-params", err.Error()}
	}
	if err := m.check(); err != nil {
		return "", &vonageError{http.StatusUnprocessableEntity, "invalid-params", err.Error()}
	}
	a, ok := v.accts.get(m.From)
	if !ok || !a.opens(r.Header.Get("Authorization"), v.sim.now()) {
		return "", &vonageError{http.StatusUnprocessableEntity, "1120", "the sender is not of the account"}
	}
	it := m.item()
	it.Account, it.Provider, it.ProviderID, it.Native = m.From, v.name(), uuidOf(v.id.next()), native(body)
	it.report = func(phone key, it Item) { v.report(&m, phone, it) }
	_, err = v.sim.accept(incoming{
		phone: newKey(ChannelViberBM, m.To), item: it, reads: true, failCode: "1300",
		refuse: func(b Behaviour, _ bool) error {
			switch b.Deliver {
			case DeliverRefuse:
				return &vonageError{http.StatusUnprocessableEntity, b.FailCode.or("1170"), "refused"}
			case DeliverRateLimit:
				return &vonageError{http.StatusTooManyRequests, "1000", "Throttled"}
			}
			return nil
		},
	})
	return it.ProviderID, err
}

// uuidOf makes the id of a message look like Vonage's.
func uuidOf(id string) string {
	sum := sha256.Sum256([]byte(id))
	h := hex.EncodeToString(sum[:16])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// known tells whether any account has the credential.
func (v *vonageViber) known(authorization string) bool {
	now := v.sim.now()
	_, _, ok := v.accts.find(func(a VonageViberAccount) bool { return a.opens(authorization, now) })
	return ok
}

// opens tells whether a request with this header may use the account.
func (a VonageViberAccount) opens(authorization string, now time.Time) bool {
	if a.APIKey != "" {
		return authorization == "Basic "+base64.StdEncoding.EncodeToString([]byte(a.APIKey+":"+a.Secret))
	}
	token, ok := strings.CutPrefix(authorization, "Bearer ")
	parts := strings.Split(token, ".")
	block, _ := pem.Decode([]byte(a.PublicKey))
	if !ok || len(parts) != 3 || block == nil {
		return false
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	key, isRSA := public.(*rsa.PublicKey)
	if err != nil || !isRSA {
		return false
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig) != nil {
		return false
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return false
	}
	var claims struct {
		ApplicationID string `json:"application_id"`
		ID            string `json:"jti"`
		IssuedAt      int64  `json:"iat"`
		Expires       int64  `json:"exp"`
	}
	return json.Unmarshal(raw, &claims) == nil && claims.ApplicationID == a.ApplicationID && claims.ID != "" &&
		claims.IssuedAt != 0 && claims.Expires > now.Unix()
}

// report posts what became of a message.
func (v *vonageViber) report(m *vonageMessage, phone key, it Item) {
	status, ok := map[string]string{
		StatusSent: "submitted", StatusDelivered: "delivered", StatusRead: "read", StatusFailed: "rejected",
	}[it.Status]
	if !ok {
		return
	}
	doc := v.frame(it.ProviderID, m.To, m.From)
	doc["status"], doc["client_ref"] = status, m.ClientRef
	if it.Status == StatusFailed {
		code, _ := strconv.Atoi(it.Code)
		doc["error"] = map[string]any{
			"type": "https://developer.vonage.com/api-errors/messages#" + it.Code, "title": code, "detail": "not delivered", "instance": "sim",
		}
	}
	body, err := encode(doc)
	if err != nil {
		return // it is strings
	}
	v.sim.poster.send(v.post(m.From, phone, body, m.WebhookURL))
}

func (v *vonageViber) frame(id, to, from string) map[string]any {
	return map[string]any{
		"channel": "viber_service", "message_uuid": id, "to": to, "from": from,
		"timestamp": v.sim.now().UTC().Format("2006-01-02T15:04:05.000Z"),
	}
}

// post signs a webhook: a token over the body's hash.
func (v *vonageViber) post(account string, phone key, body []byte, address string) *post {
	return &post{provider: v.name(), order: phone.order(), body: body, target: func() (string, http.Header) {
		a, _ := v.accts.get(account)
		h := http.Header{}
		if a.SignatureSecret != "" {
			h.Set("Authorization", "Bearer "+vonageToken(a, body, v.sim.now()))
		}
		return orElse(address, a.WebhookURL), h
	}}
}

func vonageToken(a VonageViberAccount, body []byte, now time.Time) string {
	sum := sha256.Sum256(body)
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"JWT","alg":"HS256"}`))
	claims := fmt.Sprintf(`{"iat":%d,"jti":"%x","iss":"Vonage","payload_hash":"%x","api_key":%q}`, now.Unix(), sum[:16], sum, a.APIKey)
	signed := head + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature(sha256.New, a.SignatureSecret, []byte(signed)))
}

// reply sends what the phone wrote. A contact card is sent as its words.
func (v *vonageViber) reply(account string, phone key, r Reply) (Item, error) {
	if _, ok := v.accts.get(account); !ok {
		return Item{}, fmt.Errorf("account %w", errNotFound)
	}
	if r.Reaction != nil {
		return Item{}, fmt.Errorf("reaction is %w by %s", errUnsupported, v.name())
	}
	return v.sim.writeOut(phone, r.item(account, v.name()), func(it *Item) (*post, error) {
		it.ProviderID = uuidOf(v.id.next())
		doc := v.frame(it.ProviderID, account, phone.identity)
		switch {
		case r.file != nil:
			kind := map[string]string{"image": "image", "animation": "image", "sticker": "image", "video": "video"}[r.file.kind()]
			kind = orElse(kind, "file")
			doc["message_type"] = kind
			doc[kind] = map[string]string{"url": v.sim.fileURL(r.file), "name": r.file.name, "caption": r.Caption}
		case r.Location != nil:
			doc["message_type"] = "location"
			doc["location"] = map[string]any{"lat": r.Location.Latitude, "long": r.Location.Longitude, "name": r.Location.Title}
		default:
			doc["message_type"], doc["text"] = "text", it.Text
		}
		if r.quoted != nil {
			doc["context"] = map[string]string{"message_uuid": r.quoted.ProviderID}
		}
		body, err := encode(doc)
		if err != nil {
			return nil, err
		}
		it.Native = body
		return v.post(account, phone, body, ""), nil
	})
}

// tap types the title: the only button opens something.
func (v *vonageViber) tap(account string, phone key, _ Item, c Choice) (Item, error) {
	return v.reply(account, phone, Reply{Text: &c.Title})
}
