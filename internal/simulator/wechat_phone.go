package simulator

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // what WeChat signs with
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// wcNotice is what WeChat posts.
type wcNotice struct {
	XMLName xml.Name `xml:"xml"`
	To      string   `xml:"ToUserName"`
	From    string   `xml:"FromUserName"`
	Created int64    `xml:"CreateTime"`
	Type    string   `xml:"MsgType"`

	Event    string `xml:"Event,omitempty"`
	EventKey string `xml:"EventKey,omitempty"`
	JobID    string `xml:"MsgID,omitempty"` // of a template message
	Status   string `xml:"Status,omitempty"`

	Content   string `xml:"Content,omitempty"`
	MenuID    string `xml:"bizmsgmenuid,omitempty"`
	PicURL    string `xml:"PicUrl,omitempty"`
	MediaID   string `xml:"MediaId,omitempty"`
	Format    string `xml:"Format,omitempty"`
	Thumb     string `xml:"ThumbMediaId,omitempty"`
	Latitude  string `xml:"Location_X,omitempty"`
	Longitude string `xml:"Location_Y,omitempty"`
	Scale     string `xml:"Scale,omitempty"`
	Label     string `xml:"Label,omitempty"`
	ID        string `xml:"MsgId,omitempty"`
}

func (wc *wechat) notice(account string, phone key, kind string) wcNotice {
	a, _ := wc.known.get(account)
	return wcNotice{To: a.OriginalID, From: phone.identity, Created: wc.sim.now().Unix(), Type: kind}
}

// reply sends what the phone writes. WeChat has no contact cards and no
// reactions for accounts.
func (wc *wechat) reply(account string, phone key, r Reply) (Item, error) {
	n := wc.notice(account, phone, "text")
	switch {
	case r.Text != nil:
		n.Content = *r.Text
	case r.Location != nil:
		n.Type, n.Scale, n.Label = "location", "16", orElse(r.Location.Address, r.Location.Title)
		n.Latitude = strconv.FormatFloat(r.Location.Latitude, 'f', -1, 64)
		n.Longitude = strconv.FormatFloat(r.Location.Longitude, 'f', -1, 64)
	case r.file != nil && r.Caption == "":
		n.MediaID = wcMediaID(r.file)
		switch kind, _, _ := strings.Cut(r.file.mime, "/"); kind {
		case "image":
			n.Type, n.PicURL = kind, wc.sim.fileURL(r.file)
		case "audio":
			n.Type, n.Format = "voice", "amr"
			if r.file.mime == "audio/mpeg" {
				n.Format = "mp3"
			}
		case "video":
			n.Type, n.Thumb = kind, n.MediaID
		default:
			return Item{}, errors.New("media_url: WECHAT sends accounts pictures, voice notes and videos only")
		}
	default:
		return Item{}, errors.New("WECHAT sends accounts text, a location, or media without caption")
	}
	return wc.write(phone, r.item(account, ProviderWeChat), n)
}

// tap sends an item of a menu: its words, and its id beside them.
func (wc *wechat) tap(account string, phone key, it Item, c Choice) (Item, error) {
	n := wc.notice(account, phone, "text")
	n.Content, n.MenuID = c.Title, c.Payload
	return wc.write(phone, Item{
		Direction: Out, Account: account, Provider: ProviderWeChat, Status: StatusPending, Type: "text", Text: c.Title, ReplyTo: it.ID,
	}, n)
}

// event follows and unfollows the account, or taps the account's own menu
// (start).
func (wc *wechat) event(account string, phone key, e Event) (Item, error) {
	n := wc.notice(account, phone, "event")
	switch e.Type {
	case EventOptIn:
		n.Event = "subscribe"
		if e.Payload != "" {
			n.EventKey = "qrscene_" + e.Payload
		}
	case EventOptOut:
		n.Event = "unsubscribe"
	case EventStart:
		n.Event, n.EventKey = "CLICK", orElse(e.Payload, "START")
	default:
		return Item{}, errUnsupported
	}
	body, err := xml.Marshal(n)
	if err != nil {
		return Item{}, fmt.Errorf("encode: %w", err)
	}
	return Item{}, wc.send(account, phone, body)
}

func (wc *wechat) write(phone key, it Item, n wcNotice) (Item, error) {
	return wc.sim.writeOut(phone, it, func(it *Item) (*post, error) {
		n.ID = strconv.FormatInt(7_020_728_283_000_000+it.seq, 10)
		body, err := xml.Marshal(n)
		if err != nil {
			return nil, fmt.Errorf("encode: %w", err)
		}
		it.ProviderID, it.Native = n.ID, body
		return wc.post(it.Account, phone, body)
	})
}

// report tells how a template message ended.
func (wc *wechat) report(phone key, it Item) {
	n := wc.notice(it.Account, phone, "event")
	n.Event, n.JobID = "TEMPLATESENDJOBFINISH", it.ProviderID
	switch it.Status {
	case StatusDelivered:
		n.Status = "success"
	case StatusFailed:
		n.Status = orElse(it.Code, "failed: system failed")
	default:
		return
	}
	if body, err := xml.Marshal(n); err == nil {
		_ = wc.send(it.Account, phone, body) // an account's key was checked when it was made
	}
}

func (wc *wechat) send(account string, phone key, body []byte) error {
	p, err := wc.post(account, phone, body)
	if err == nil {
		wc.sim.poster.send(p)
	}
	return err
}

// post is the webhook call with the body, encrypted unless the account is in
// plain mode. It wants "success" or nothing for an answer.
func (wc *wechat) post(account string, phone key, body []byte) (*post, error) {
	a, _ := wc.known.get(account)
	q := wc.query(a)
	if a.AESKey != "" {
		encrypted, err := a.encrypt(account, body)
		if err != nil {
			return nil, err
		}
		q.Set("encrypt_type", "aes")
		q.Set("msg_signature", wcSignature(a.Token, q.Get("timestamp"), q.Get("nonce"), encrypted))
		body = []byte("<xml><ToUserName><![CDATA[" + a.OriginalID + "]]></ToUserName><Encrypt><![CDATA[" + encrypted + "]]></Encrypt></xml>")
	}
	q.Set("openid", phone.identity)
	return &post{
		provider: ProviderWeChat, order: phone.order(), body: body,
		target: func() (string, http.Header) {
			now, _ := wc.known.get(account)
			if now.WebhookURL == "" {
				return "", nil
			}
			return withQuery(now.WebhookURL, q), http.Header{"Content-Type": {"text/xml"}}
		},
		answered: func(answer []byte) error {
			if s := string(answer); s != "" && s != "success" {
				return errors.New("answered neither success nor nothing")
			}
			return nil
		},
	}, nil
}

// query is the signed part of the address of a webhook.
func (wc *wechat) query(a WeChatAccount) url.Values {
	timestamp := strconv.FormatInt(wc.sim.now().Unix(), 10)
	nonce := rand.Text()[:10]
	return url.Values{"timestamp": {timestamp}, "nonce": {nonce}, "signature": {wcSignature(a.Token, timestamp, nonce)}}
}

func withQuery(address string, q url.Values) string {
	if strings.Contains(address, "?") {
		return address + "&" + q.Encode()
	}
	return address + "?" + q.Encode()
}

func wcSignature(parts ...string) string {
	slices.Sort(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, ""))) //nolint:gosec // what WeChat signs with
	return hex.EncodeToString(sum[:])
}

// encrypt makes the Encrypt of a body for the AppID.
func (a WeChatAccount) encrypt(appID string, body []byte) (string, error) {
	key, err := base64.RawStdEncoding.DecodeString(a.AESKey)
	if err != nil {
		return "", fmt.Errorf("aes_key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", fmt.Errorf("aes_key: %w", err)
	}
	var b bytes.Buffer
	b.WriteString(rand.Text()[:16])
	if err := binary.Write(&b, binary.BigEndian, uint32(len(body))); err != nil { //nolint:gosec // a few kilobytes
		return "", fmt.Errorf("encrypt: %w", err)
	}
	b.Write(body)
	b.WriteString(appID)
	const unit = 32
	pad := unit - b.Len()%unit
	b.Write(bytes.Repeat([]byte{byte(pad)}, pad))
	data := b.Bytes()
	cipher.NewCBCEncrypter(block, key[:aes.BlockSize]).CryptBlocks(data, data)
	return base64.StdEncoding.EncodeToString(data), nil
}

// handshake verifies a webhook: it must echo the string.
func (wc *wechat) handshake(ctx context.Context, a WeChatAccount) error {
	q := wc.query(a)
	echo := strconv.FormatInt(wc.sim.now().UnixNano(), 10)
	q.Set("echostr", echo)
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, withQuery(a.WebhookURL, q), http.NoBody) //nolint:gosec // the server under test
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	resp, err := wc.sim.opts.HTTP.Do(req) //nolint:gosec // the server under test
	if err != nil {
		return fmt.Errorf("ask for echo: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1024))
	if err != nil {
		return fmt.Errorf("read echo: %w", err)
	}
	if resp.StatusCode != http.StatusOK || string(body) != echo {
		return fmt.Errorf("answered %d without the echo", resp.StatusCode)
	}
	return nil
}
