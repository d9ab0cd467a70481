package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
)

// ProviderKakaoChat is Happytalk's KakaoWebhook, by which consultations of
// KakaoTalk channels are held.
const ProviderKakaoChat = "kakaotalkchat"

// KakaoChatAccount is a KakaoTalk channel; its id is its sender key.
type KakaoChatAccount struct {
	ClientID string `json:"client_id"`
	Secret   string `json:"secret"`
	// WebhookURL is the address below which message, reference and
	// expired_session are posted.
	WebhookURL string `json:"webhook_url,omitempty"`
}

// kakaoChat is the provider.
type kakaoChat struct {
	sim   *Simulator
	id    *idSource
	accts accountSet[KakaoChatAccount]
}

func newKakaoChat(s *Simulator) *kakaoChat { return &kakaoChat{sim: s, id: newIDSource(s.now)} }

func (k *kakaoChat) name() string       { return ProviderKakaoChat }
func (k *kakaoChat) channel() string    { return ChannelKakaoTalkChat }
func (k *kakaoChat) accounts() []string { return k.accts.ids() }

func (k *kakaoChat) put(_ context.Context, id string, doc json.RawMessage) error {
	var a KakaoChatAccount
	if err := readAccount(doc, &a); err != nil {
		return err
	}
	if id == "" || a.ClientID == "" || a.Secret == "" {
		return fmt.Errorf("%s account: want an id, client_id and secret", k.name())
	}
	k.accts.set(id, a)
	return nil
}

// The codes of refusals. The provider's are not public: these only look like
// those that are, and the names like Kakao's.
var kakaoChatErrors = map[string]string{
	"-501": "NotFoundSessionException",
	"-502": "BlockedUserException",
	"-503": "InvalidUserKeyException",
	"-504": "InvalidSenderKeyException",
	"-506": "InvalidParameterException",
	"-507": "TooManyRequestException",
}

// kakaoChatError is a refusal, which HTTP calls OK but where it is about the keys.
type kakaoChatError struct {
	status int
	code   string
	detail string
}

func (e *kakaoChatError) Error() string {
	return e.code + " " + orElse(kakaoChatErrors[e.code], "refused") + " " + e.detail
}

func kakaoChatBad(detail string) error { return &kakaoChatError{http.StatusOK, "-506", detail} }

func (k *kakaoChat) routes(mux *http.ServeMux) {
	const api = "POST /kakaotalkchat/kakaoWebhook/v3/bzc/"
	mux.HandleFunc(api+"chat/send/plain", k.guard(k.send))
	mux.HandleFunc(api+"chat/send/rich", k.guard(k.send))
	mux.HandleFunc("POST /kakaotalkchat/v1/chat/write", k.guard(k.send))
	mux.HandleFunc(api+"image/upload", k.guard(k.upload))
	mux.HandleFunc(api+"file/upload", k.guard(k.upload))
}

// guard words answers and errors.
func (k *kakaoChat) guard(op func(w http.ResponseWriter, r *http.Request) (map[string]any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer, err := op(w, r)
		k.sim.cutIfAsked(r, k.name(), err)
		status := http.StatusOK
		var e *kakaoChatError
		switch {
		case errors.As(err, &e):
			status, answer = e.status, map[string]any{"code": e.code, "message": e.Error()}
		case err != nil:
			status, answer = http.StatusInternalServerError, map[string]any{"code": "-500", "message": "InternalException"}
		}
		writeJSON(w, status, answer)
	}
}

// account checks the keys of a request for a sender key.
func (k *kakaoChat) account(r *http.Request, sender string) error {
	id, secret := r.Header.Get("HT-Client-Id"), r.Header.Get("HT-Client-Secret")
	_, _, known := k.accts.find(func(a KakaoChatAccount) bool { return a.ClientID == id && a.Secret == secret })
	if !known {
		return &kakaoChatError{http.StatusUnauthorized, "401", "Unauthorized"}
	}
	if a, ok := k.accts.get(sender); !ok || a.ClientID != id {
		return &kakaoChatError{http.StatusOK, "-504", ""}
	}
	return nil
}

// upload keeps a picture or a file.
func (k *kakaoChat) upload(w http.ResponseWriter, r *http.Request) (map[string]any, error) {
	r.Body = http.MaxBytesReader(w, r.Body, 32<<20)
	part := path.Base(path.Dir(r.URL.Path))
	in, head, err := r.FormFile(part)
	if err != nil {
		return nil, kakaoChatBad(part + " is required")
	}
	defer in.Close()
	data, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("read upload: %w", err)
	}
	if err := k.account(r, r.FormValue("sender_key")); err != nil {
		return nil, err
	}
	f := k.sim.media.put(data, mimeOf(head.Filename), head.Filename)
	out := map[string]any{"code": "0000", part: k.sim.fileURL(f)}
	if part == "file" {
		out["name"], out["size"] = head.Filename, len(data)
	}
	return out, nil
}

// send reads a message and puts it on the phone.
func (k *kakaoChat) send(w http.ResponseWriter, r *http.Request) (map[string]any, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	var m kakaoChatMessage
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, kakaoChatBad(err.Error())
	}
	if err := k.account(r, m.SenderKey); err != nil {
		return nil, err
	}
	if err := m.check(path.Base(r.URL.Path), k.sim.base()+"/media/"); err != nil {
		return nil, err
	}
	it := m.item()
	it.Account, it.Provider, it.ProviderID, it.Native = m.SenderKey, k.name(), m.Serial, native(body)
	_, err = k.sim.accept(incoming{
		phone: newKey(ChannelKakaoTalkChat, m.UserKey), item: it, windowCode: "-501",
		refuse: func(b Behaviour, blocked bool) error {
			switch {
			case blocked:
				return &kakaoChatError{http.StatusOK, "-502", ""}
			case b.Deliver == DeliverReject || b.Deliver == DeliverRefuse:
				return &kakaoChatError{http.StatusOK, b.FailCode.or("-501"), ""}
			case b.Deliver == DeliverRateLimit:
				return &kakaoChatError{http.StatusOK, "-507", ""}
			}
			return nil
		},
	})
	return map[string]any{"code": 0}, err
}

// reply posts what the phone wrote. Places and contact cards are told as their
// words.
func (k *kakaoChat) reply(account string, phone key, r Reply) (Item, error) {
	if r.Reaction != nil || r.Caption != "" {
		return Item{}, fmt.Errorf("reaction and caption are %w by %s", errUnsupported, k.name())
	}
	return k.write(account, phone, r.item(account, k.name()), func(it *Item, doc map[string]any) {
		doc["type"], doc["contents"] = "text", it.Text
		if r.file == nil {
			return
		}
		address := k.sim.fileURL(r.file)
		doc["type"] = orElse(map[string]string{
			"image": "photo", "animation": "photo", "sticker": "photo", "video": "video", "audio": "audio", "voice": "audio",
		}[r.file.kind()], "file")
		doc["contents"] = address
		if doc["type"] != "photo" {
			doc["attachment"] = map[string]any{"url": address, "name": r.file.name, "size": len(r.file.data)}
		}
	})
}

// tap says the name of the button.
func (k *kakaoChat) tap(account string, phone key, it Item, c Choice) (Item, error) {
	out := Item{
		Direction: Out, Account: account, Provider: k.name(), Status: StatusPending,
		Type: "text", Text: c.Title, ReplyTo: it.ID,
	}
	return k.write(account, phone, out, func(_ *Item, doc map[string]any) {
		doc["type"], doc["contents"] = "text", c.Title
	})
}

func (k *kakaoChat) write(account string, phone key, it Item, fill func(it *Item, doc map[string]any)) (Item, error) {
	if _, ok := k.accts.get(account); !ok {
		return Item{}, fmt.Errorf("account %w", errNotFound)
	}
	return k.sim.writeOut(phone, it, func(it *Item) (*post, error) {
		it.ProviderID = uuidOf(k.id.next())
		doc := k.frame(account, phone)
		fill(it, doc)
		body, err := encode(doc)
		if err != nil {
			return nil, err
		}
		it.Native = body
		return k.post(account, phone, "message", body), nil
	})
}

func (k *kakaoChat) frame(account string, phone key) map[string]any {
	return map[string]any{
		"user_key": phone.identity, "sender_key": account, "session_id": "163755146", "time": k.sim.now().UnixMilli(),
	}
}

func (k *kakaoChat) post(account string, phone key, kind string, body []byte) *post {
	return &post{provider: k.name(), order: phone.order(), body: body, target: func() (string, http.Header) {
		a, _ := k.accts.get(account)
		if a.WebhookURL == "" {
			return "", nil
		}
		return strings.TrimSuffix(a.WebhookURL, "/") + "/" + kind, nil
	}}
}

// event begins or ends the consultation.
func (k *kakaoChat) event(account string, phone key, e Event) (Item, error) {
	doc := k.frame(account, phone)
	kind := "expired_session"
	switch e.Type {
	case EventStart:
		kind = "reference"
		doc["reference"] = map[string]any{"extra": e.Payload, "text": ""}
	case EventConversationDeleted:
	default:
		return Item{}, errUnsupported
	}
	body, err := encode(doc)
	if err != nil {
		return Item{}, err
	}
	k.sim.poster.send(k.post(account, phone, kind, body))
	return Item{}, nil
}
