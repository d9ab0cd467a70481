package simulator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"sync"
)

// ProviderViber is Viber's REST bot API.
const ProviderViber = "viber"

// ViberAccount is a bot; its id is its token.
type ViberAccount struct {
	Name       string `json:"name,omitempty"`        // default Simulator
	WebhookURL string `json:"webhook_url,omitempty"` // what set_webhook sets, too
}

// viber is the REST bot API.
type viber struct {
	sim  *Simulator
	bots accountSet[ViberAccount]

	mu  sync.Mutex
	seq int64
}

func newViber(s *Simulator) *viber { return &viber{sim: s} }

func (v *viber) name() string       { return ProviderViber }
func (v *viber) channel() string    { return ChannelViber }
func (v *viber) accounts() []string { return v.bots.ids() }

// put makes or changes a bot; a webhook that was set stays unless another is
// given.
func (v *viber) put(_ context.Context, token string, doc json.RawMessage) error {
	var a ViberAccount
	if err := readAccount(doc, &a); err != nil {
		return err
	}
	if token == "" {
		return errors.New("viber account: want a token")
	}
	a.Name = orElse(a.Name, "Simulator")
	if old, ok := v.bots.get(token); ok {
		a.WebhookURL = orElse(a.WebhookURL, old.WebhookURL)
	}
	v.bots.set(token, a)
	return nil
}

func (v *viber) routes(mux *http.ServeMux) {
	for method, op := range map[string]viberOp{
		"set_webhook": v.setWebhook, "get_account_info": v.accountInfo,
		"get_user_details": v.userDetails, "send_message": v.send,
	} {
		mux.HandleFunc("POST /viber/pa/"+method, v.guard(op))
	}
}

// viberOp is a method of the API: what it answers besides the status.
type viberOp func(token string, body []byte) (map[string]any, error)

// viberError is an error as the API has it: HTTP says 200 all the same.
type viberError struct {
	status  int
	message string
}

func (e *viberError) Error() string { return e.message }

func viberBad(message string) error { return &viberError{3, message} }

// guard finds the bot of the token, and words answers and errors.
func (v *viber) guard(op viberOp) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		const most = 30 << 10
		body, err := io.ReadAll(io.LimitReader(r.Body, most+1))
		token := r.Header.Get("X-Viber-Auth-Token")
		answer := map[string]any{}
		switch _, known := v.bots.get(token); {
		case err != nil || len(body) > most:
			err = viberBad("request is too large")
		case !known:
			err = &viberError{2, "invalidAuthToken"}
		default:
			answer, err = op(token, body)
		}
		v.sim.cutIfAsked(r, ProviderViber, err)
		var ve *viberError
		switch {
		case err == nil:
			answer["status"], answer["status_message"] = 0, "ok"
		case errors.As(err, &ve):
			answer = map[string]any{"status": ve.status, "status_message": ve.message}
		default:
			answer = map[string]any{"status": -1, "status_message": "general error"}
		}
		writeJSON(w, http.StatusOK, answer)
	}
}

// setWebhook calls the address at once, as Viber does, and keeps it only if
// the answer is a 200. Unlike Viber it takes http too.
func (v *viber) setWebhook(token string, body []byte) (map[string]any, error) {
	var in struct {
		URL        string   `json:"url"`
		EventTypes []string `json:"event_types"`
	}
	if json.Unmarshal(body, &in) != nil {
		return nil, viberBad("badData")
	}
	if u, err := url.Parse(in.URL); err != nil || in.URL != "" && u.Host == "" {
		return nil, &viberError{1, "invalidUrl"}
	}
	if err := v.tryWebhook(token, in.URL); in.URL != "" && err != nil {
		return nil, &viberError{1, "Result callback status is not ok: " + err.Error()}
	}
	a, _ := v.bots.get(token)
	a.WebhookURL = in.URL
	v.bots.set(token, a)
	return map[string]any{"event_types": append([]string{"message"}, in.EventTypes...)}, nil
}

func (v *viber) tryWebhook(token, address string) error {
	body, err := encode(v.callback("webhook", nil))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(v.sim.ctx, verifyTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header = v.header(token, body)
	req.Header.Set("Content-Type", "application/json")
	resp, err := v.sim.opts.HTTP.Do(req)
	if err != nil {
		return fmt.Errorf("call webhook: %w", err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %d", resp.StatusCode)
	}
	return nil
}

func (v *viber) accountInfo(token string, _ []byte) (map[string]any, error) {
	a, _ := v.bots.get(token)
	return map[string]any{"id": "pa:simulator", "name": a.Name, "uri": "simulator", "webhook": a.WebhookURL}, nil
}

func (v *viber) userDetails(_ string, body []byte) (map[string]any, error) {
	var in struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(body, &in) != nil || in.ID == "" {
		return nil, viberBad("badData")
	}
	return map[string]any{"message_token": v.next(), "user": v.user(newKey(ChannelViber, in.ID))}, nil
}

// user is the owner of a phone as bots see them.
func (v *viber) user(phone key) map[string]any {
	name := ""
	v.sim.phones.locked(phone, func(h *handset) { name = h.name })
	return map[string]any{"id": phone.identity, "name": name, "country": "SE", "language": "en", "api_version": 10}
}

// next makes a message token, which is larger than a float holds exactly.
func (v *viber) next() json.Number {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seq++
	return json.Number(strconv.FormatInt(5_741_311_803_571_720_000+v.seq, 10))
}

// callback is one with what all of them have.
func (v *viber) callback(name string, members map[string]any) map[string]any {
	out := map[string]any{"event": name, "timestamp": v.sim.now().UnixMilli(), "message_token": v.next()}
	maps.Copy(out, members)
	return out
}

func (v *viber) header(token string, body []byte) http.Header {
	return http.Header{"X-Viber-Content-Signature": {hex.EncodeToString(signature(sha256.New, token, body))}}
}

// tell sends a callback that leaves nothing in the thread.
func (v *viber) tell(token string, phone key, event map[string]any) {
	body, err := encode(event)
	if err != nil {
		return // strings and numbers always encode
	}
	v.sim.poster.send(v.post(token, phone, body))
}

func (v *viber) post(token string, phone key, body []byte) *post {
	return &post{
		provider: ProviderViber, order: phone.order(), body: body,
		target: func() (string, http.Header) {
			a, _ := v.bots.get(token)
			return a.WebhookURL, v.header(token, body)
		},
	}
}
