package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// ProviderKakaoTalk is NHN Cloud's KakaoTalk Bizmessage.
const ProviderKakaoTalk = "kakaotalk"

// NHN's own limits (AlimTalk v2.3, Brand Message v1.0).
const (
	kakaoTextMost    = 1300 // characters
	kakaoCaptionMost = 400  // characters
	kakaoButtonsMost = 5
	kakaoNameMost    = 14 // characters of a button
	kakaoImageMost   = 5 << 20
	kakaoKeyLife     = 10 * time.Minute // of an idempotency key
	kakaoRequestMost = 6 << 20
)

// KakaoTalkAccount is a service of NHN Cloud, by its app key, with one sender.
type KakaoTalkAccount struct {
	SecretKey    string `json:"secret_key"`
	SenderKey    string `json:"sender_key"`
	PlusFriendID string `json:"plus_friend_id,omitempty"` // default @simulator
	WebhookURL   string `json:"webhook_url,omitempty"`
	Signature    string `json:"signature,omitempty"` // sent with results
}

// kakaoTalk is the Bizmessage API. It only sends: contacts have no way to
// answer.
type kakaoTalk struct {
	sim   *Simulator
	known accountSet[KakaoTalkAccount]

	mu   sync.Mutex
	seq  int64
	keys map[string]time.Time // idempotency keys by when they are free again
}

func newKakaoTalk(s *Simulator) *kakaoTalk { return &kakaoTalk{sim: s, keys: map[string]time.Time{}} }

func (k *kakaoTalk) name() string       { return ProviderKakaoTalk }
func (k *kakaoTalk) channel() string    { return ChannelKakaoTalk }
func (k *kakaoTalk) accounts() []string { return k.known.ids() }

func (k *kakaoTalk) put(_ context.Context, id string, doc json.RawMessage) error {
	var a KakaoTalkAccount
	if err := readAccount(doc, &a); err != nil {
		return err
	}
	if a.SecretKey == "" || a.SenderKey == "" {
		return errors.New("want secret_key and sender_key")
	}
	a.PlusFriendID = orElse(a.PlusFriendID, "@simulator")
	k.known.set(id, a)
	return nil
}

func (k *kakaoTalk) routes(mux *http.ServeMux) {
	const alim, brand = "/kakaotalk/alimtalk/v2.3/appkeys/{app}/", "/kakaotalk/brand-message/v1.0/appkeys/{app}/"
	mux.HandleFunc("POST "+alim+"messages", k.serve(k.send("ALIMTALK_NORMAL")))
	mux.HandleFunc("POST "+alim+"auth/messages", k.serve(k.send("ALIMTALK_AUTH")))
	mux.HandleFunc("POST "+brand+"freestyle-messages", k.serve(k.send("BRAND_MESSAGE")))
	mux.HandleFunc("POST "+brand+"images", k.serve(k.upload))
	mux.HandleFunc("GET "+alim+"senders/{sender}", k.serve(func(r *http.Request, a KakaoTalkAccount) (map[string]any, error) {
		if r.PathValue("sender") != a.SenderKey {
			return nil, &kakaoError{-2017, "Not exist plus friend."}
		}
		return map[string]any{"sender": map[string]string{"plusFriendId": a.PlusFriendID, "senderKey": a.SenderKey, "status": "YSC03"}}, nil
	}))
}

// kakaoError is an error as NHN answers it: with status 200.
type kakaoError struct {
	code int
	text string
}

func (e *kakaoError) Error() string { return e.text }

// A kakaoCall returns the members of its answer besides the header.
type kakaoCall func(r *http.Request, a KakaoTalkAccount) (map[string]any, error)

func (k *kakaoTalk) serve(call kakaoCall) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, kakaoRequestMost)
		a, ok := k.known.get(r.PathValue("app"))
		var answer map[string]any
		var err error
		switch {
		case !ok:
			err = &kakaoError{-1000, "Invalid appKey."}
		case r.Header.Get("X-Secret-Key") != a.SecretKey:
			err = &kakaoError{-1001, "Invalid secretKey."}
		default:
			answer, err = call(r, a)
		}
		k.sim.cutIfAsked(r, ProviderKakaoTalk, err)
		header := map[string]any{"resultCode": 0, "resultMessage": "SUCCESS", "isSuccessful": true}
		if err != nil {
			answer = map[string]any{}
			e, ok := errors.AsType[*kakaoError](err)
			if !ok {
				e = &kakaoError{-9999, "System error."}
			}
			header = map[string]any{"resultCode": e.code, "resultMessage": e.text, "isSuccessful": false}
		}
		answer["header"] = header
		writeJSON(w, http.StatusOK, answer)
	}
}

// used reports whether an idempotency key was used within ten minutes, and
// notes it.
func (k *kakaoTalk) used(key string) bool {
	if key == "" {
		return false
	}
	now := k.sim.now()
	k.mu.Lock()
	defer k.mu.Unlock()
	for old, free := range k.keys {
		if !now.Before(free) {
			delete(k.keys, old)
		}
	}
	_, taken := k.keys[key]
	k.keys[key] = now.Add(kakaoKeyLife)
	return taken
}

var kakaoNumber = regexp.MustCompile(`^[0-9]{5,15}$`)

// send takes a message of the type for one or several recipients.
func (k *kakaoTalk) send(kind string) kakaoCall {
	return func(r *http.Request, a KakaoTalkAccount) (map[string]any, error) {
		if k.used(r.Header.Get("X-NC-API-IDEMPOTENCY-KEY")) {
			return nil, &kakaoError{-1005, "The same 'X-NC-API-IDEMPOTENCY-KEY' was used within the last 10 minute."}
		}
		body, err := io.ReadAll(r.Body)
		m := new(kakaoMessage)
		if err != nil || json.Unmarshal(body, m) != nil {
			return nil, &kakaoError{-3002, "Field is not valid."}
		}
		it := Item{Account: r.PathValue("app"), Provider: ProviderKakaoTalk, Native: body}
		if err := m.show(kind, a, &it); err != nil {
			return nil, err
		}
		k.mu.Lock()
		k.seq++
		id := "2026112300000000000000000" + strconv.FormatInt(k.seq, 10)
		k.mu.Unlock()
		var results []map[string]any
		for i, to := range m.Recipients {
			code, text := 0, "SUCCESS"
			it.ProviderID, it.Reference = id+":"+strconv.Itoa(i+1), to.Key
			if err := k.deliver(kind, to, it); err != nil {
				e, ok := errors.AsType[*kakaoError](err)
				if !ok {
					return nil, err
				}
				code, text = e.code, e.text
			}
			results = append(results, map[string]any{
				"recipientSeq": i + 1, "recipientNo": to.Number, "resultCode": code, "resultMessage": text, "recipientGroupingKey": to.Key,
			})
		}
		return map[string]any{"message": map[string]any{"requestId": id, "sendResults": results}}, nil
	}
}

func (k *kakaoTalk) deliver(kind string, to kakaoRecipient, it Item) error {
	if !kakaoNumber.MatchString(to.Number) {
		return &kakaoError{-5000, "Invalid recipient."}
	}
	it.Text = to.fill(it.Text)
	it.report = func(phone key, it Item) { k.report(kind, to, phone, it) }
	_, err := k.sim.accept(incoming{
		phone: newKey(ChannelKakaoTalk, kakaoHandset(to.Number)), item: it, failCode: "3018",
		refuse: func(b Behaviour, _ bool) error {
			switch b.Deliver {
			case DeliverRefuse:
				code, err := strconv.Atoi(b.FailCode.or("-7000"))
				if err != nil {
					code = -9999
				}
				return &kakaoError{code, "refused by the simulated phone"}
			case DeliverRateLimit:
				return &kakaoError{-7000, "Vendor request fail."}
			}
			return nil
		},
	})
	return err
}

// upload is images: a picture by its type.
func (k *kakaoTalk) upload(r *http.Request, _ KakaoTalkAccount) (map[string]any, error) {
	mr, err := r.MultipartReader()
	if err != nil {
		return nil, &kakaoError{-3002, "Field is not valid."}
	}
	var kind, name string
	var data []byte
	for {
		part, err := mr.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, &kakaoError{-3002, "Field is not valid."}
		}
		b, err := io.ReadAll(part)
		if err != nil {
			return nil, &kakaoError{-4007, "The file is too large."}
		}
		switch part.FormName() {
		case "imageType":
			kind = string(b)
		case "image":
			data, name = b, part.FileName()
		}
	}
	mime := mimeOf(name)
	switch {
	case kind != "IMAGE" && kind != "CAROUSEL_COMMERCE_IMAGE" && kind != "WIDE_IMAGE" && kind != "CAROUSEL_FEED_IMAGE":
		return nil, &kakaoError{-2001, "The 'imageType' must not be blank."}
	case len(data) == 0 || mime != "image/jpeg" && mime != "image/png":
		return nil, &kakaoError{-8001, "The image cannot be used."}
	case len(data) > kakaoImageMost:
		return nil, &kakaoError{-4007, "The file is too large."}
	}
	f := k.sim.media.put(data, mime, name)
	return map[string]any{"image": map[string]any{
		"imageSeq": 1, "imageUrl": "http://" + r.Host + "/media/" + f.id, "imageName": name,
	}}, nil
}

func kakaoLong(s string, most int) bool { return utf8.RuneCountInString(s) > most }

// errKakaoDeaf is what the phone cannot do here.
var errKakaoDeaf = errors.New("KAKAOTALK only sends: contacts answer on KAKAOTALKCHAT")

func (k *kakaoTalk) reply(string, key, Reply) (Item, error)      { return Item{}, errKakaoDeaf }
func (k *kakaoTalk) tap(string, key, Item, Choice) (Item, error) { return Item{}, errKakaoDeaf }
