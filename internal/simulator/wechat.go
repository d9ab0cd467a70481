package simulator

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ProviderWeChat is WeChat's Official Account API.
const ProviderWeChat = "wechat"

// WeChatAccount is an Official Account, by its AppID.
type WeChatAccount struct {
	AppSecret  string `json:"app_secret"`
	Token      string `json:"token"`                 // signs webhooks
	AESKey     string `json:"aes_key,omitempty"`     // encrypts webhooks; "" is plain mode
	OriginalID string `json:"original_id,omitempty"` // what contacts write to; default gh_simulator
	WebhookURL string `json:"webhook_url,omitempty"`
}

// wcTokenLife is how long an access token is good.
const wcTokenLife = 2 * time.Hour

// wechat is the Official Account API.
type wechat struct {
	sim   *Simulator
	known accountSet[WeChatAccount]

	mu     sync.Mutex
	seq    int64
	tokens map[string]wcToken // by AppID; an account has one
}

type wcToken struct {
	value string
	until time.Time
}

func newWeChat(s *Simulator) *wechat { return &wechat{sim: s, tokens: map[string]wcToken{}} }

func (wc *wechat) name() string       { return ProviderWeChat }
func (wc *wechat) channel() string    { return ChannelWeChat }
func (wc *wechat) accounts() []string { return wc.known.ids() }

// put makes or changes an account. One with a webhook is verified first, as
// WeChat's console does: the webhook must echo a string.
func (wc *wechat) put(ctx context.Context, id string, doc json.RawMessage) error {
	var a WeChatAccount
	if err := readAccount(doc, &a); err != nil {
		return err
	}
	if a.AppSecret == "" {
		return errors.New("want app_secret")
	}
	if a.AESKey != "" {
		if key, err := base64.RawStdEncoding.DecodeString(a.AESKey); err != nil || len(key) != 32 {
			return errors.New("aes_key: want 43 characters")
		}
	}
	a.OriginalID = orElse(a.OriginalID, "gh_simulator")
	if a.WebhookURL != "" {
		if err := wc.handshake(ctx, a); err != nil {
			return fmt.Errorf("webhook_url: %w", err)
		}
	}
	wc.known.set(id, a)
	return nil
}

func (wc *wechat) routes(mux *http.ServeMux) {
	const base = "/wechat/cgi-bin/"
	mux.HandleFunc("POST "+base+"stable_token", wc.stableToken)
	for pattern, call := range map[string]wcCall{
		"GET get_api_domain_ip":      func(*http.Request, string) (any, error) { return map[string]any{"ip_list": []string{"127.0.0.1"}}, nil },
		"POST message/custom/send":   wc.customSend,
		"POST message/custom/typing": wc.typing,
		"POST message/template/send": wc.templateSend,
		"POST media/upload":          wc.upload,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+base+path, wc.serve(call))
	}
	mux.HandleFunc("GET "+base+"media/get", wc.download)
}

// A wcCall answers a call of the account.
type wcCall func(r *http.Request, account string) (any, error)

// serve checks the access token and answers, as WeChat always does, with
// status 200.
func (wc *wechat) serve(call wcCall) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		account, err := wc.authorize(r)
		var answer any
		if err == nil {
			answer, err = call(r, account)
		}
		wc.sim.cutIfAsked(r, ProviderWeChat, err)
		writeWeChat(w, answer, err)
	}
}

// wcError is an error as WeChat answers it.
type wcError struct {
	Code    int    `json:"errcode"`
	Message string `json:"errmsg"`
}

func (e *wcError) Error() string { return e.Message }

func writeWeChat(w http.ResponseWriter, answer any, err error) {
	if err == nil {
		writeJSON(w, http.StatusOK, answer)
		return
	}
	var e *wcError
	if !errors.As(err, &e) {
		e = &wcError{-1, "system error"}
	}
	writeJSON(w, http.StatusOK, e)
}

// wcDone is the answer of a call that has nothing to tell.
func wcDone() any { return &wcError{0, "ok"} }

// authorize returns the account whose access token the request has.
func (wc *wechat) authorize(r *http.Request) (string, error) {
	token := r.URL.Query().Get("access_token")
	if token == "" {
		return "", &wcError{41001, "access_token missing"}
	}
	wc.mu.Lock()
	defer wc.mu.Unlock()
	for id, t := range wc.tokens {
		if t.value != token {
			continue
		}
		if !wc.sim.now().Before(t.until) {
			return "", &wcError{42001, "access_token expired"}
		}
		return id, nil
	}
	return "", &wcError{40001, "invalid credential, access_token is invalid or not latest"}
}

// stableToken gives the account's token, the same to all who ask until it
// expires or one of them forces another.
func (wc *wechat) stableToken(w http.ResponseWriter, r *http.Request) {
	var q struct {
		GrantType string `json:"grant_type"`
		AppID     string `json:"appid"`
		Secret    string `json:"secret"`
		Force     bool   `json:"force_refresh"`
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<16))
	if err != nil || json.Unmarshal(body, &q) != nil {
		writeWeChat(w, nil, &wcError{47001, "data format error"})
		return
	}
	a, ok := wc.known.get(q.AppID)
	switch {
	case q.GrantType != "client_credential":
		err = &wcError{40002, "invalid grant_type"}
	case !ok:
		err = &wcError{40013, "invalid appid"}
	case a.AppSecret != q.Secret:
		err = &wcError{40125, "invalid appsecret"}
	}
	if err != nil {
		writeWeChat(w, nil, err)
		return
	}
	now := wc.sim.now()
	wc.mu.Lock()
	t := wc.tokens[q.AppID]
	if q.Force || !now.Before(t.until) {
		wc.seq++
		t = wcToken{"SIMULATED_" + strconv.FormatInt(now.UnixNano(), 36) + "_" + strconv.FormatInt(wc.seq, 36), now.Add(wcTokenLife)}
		wc.tokens[q.AppID] = t
	}
	wc.mu.Unlock()
	writeWeChat(w, map[string]any{"access_token": t.value, "expires_in": int(t.until.Sub(now) / time.Second)}, nil)
}

var wcOpenID = regexp.MustCompile(`^[A-Za-z0-9_-]{2,64}$`)

// typing shows the account as writing for 15 seconds, or no longer.
func (wc *wechat) typing(r *http.Request, _ string) (any, error) {
	var q struct {
		To      string `json:"touser"`
		Command string `json:"command"`
	}
	if body, err := io.ReadAll(r.Body); err != nil || json.Unmarshal(body, &q) != nil {
		return nil, &wcError{47001, "data format error"}
	}
	if !wcOpenID.MatchString(q.To) {
		return nil, &wcError{40003, "invalid openid"}
	}
	phone := newKey(ChannelWeChat, q.To)
	switch q.Command {
	case "Typing":
		wc.sim.phones.typing(phone, 15*time.Second)
	case "CancelTyping":
		wc.sim.phones.typing(phone, 0)
	default:
		return nil, &wcError{45072, "invalid command"}
	}
	return wcDone(), nil
}
