package wechat

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// maxBody bounds a webhook in bytes; WeChat's are a few kilobytes.
const maxBody = 256 << 10

// A notice is what WeChat tells: one message or event.
type notice struct {
	Encrypt string `xml:"Encrypt"` // all the rest, encrypted

	To      string `xml:"ToUserName"`
	From    string `xml:"FromUserName"`
	Created int64  `xml:"CreateTime"` // seconds, as some relays have it milliseconds
	Type    string `xml:"MsgType"`
	ID      string `xml:"MsgId"`

	Content     string  `xml:"Content"`
	MenuID      string  `xml:"bizmsgmenuid"`
	PicURL      string  `xml:"PicUrl"`
	MediaID     string  `xml:"MediaId"`
	Format      string  `xml:"Format"`
	Recognition string  `xml:"Recognition"`
	Latitude    float64 `xml:"Location_X"`
	Longitude   float64 `xml:"Location_Y"`
	Label       string  `xml:"Label"`
	Title       string  `xml:"Title"`
	Description string  `xml:"Description"`
	URL         string  `xml:"Url"`

	Event    string `xml:"Event"`
	EventKey string `xml:"EventKey"`
	Ticket   string `xml:"Ticket"`
	JobID    string `xml:"MsgID"` // of a template message
	Status   string `xml:"Status"`
}

// Receive answers the handshake of WeChat's console, and reads one message or
// event. WeChat repeats what is not answered with "success" within 5 seconds.
func (*WeChat) Receive(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	a, err := readAccount(c.Credential)
	if err != nil {
		return channel.Received{}, channel.ErrForged // there is nothing to check it with
	}
	q := r.URL.Query()
	genuine := signed(q.Get("signature"), a.token, q.Get("timestamp"), q.Get("nonce"))
	if r.Method == http.MethodGet {
		if !genuine {
			return channel.Received{}, channel.ErrForged
		}
		return channel.Received{Reply: reply(q.Get("echostr"))}, nil
	}
	if !genuine && q.Get("msg_signature") == "" {
		return channel.Received{}, channel.ErrForged
	}
	n, raw, err := a.read(r, body, genuine)
	if err != nil {
		return channel.Received{}, err
	}
	in, err := n.inbound(raw)
	if err != nil {
		return channel.Received{}, err
	}
	return channel.Received{Inbound: in, Reply: reply("success")}, nil
}

func reply(body string) channel.Reply {
	return channel.Reply{ContentType: "text/plain; charset=utf-8", Body: []byte(body)}
}

// read decodes the body, and what is encrypted in it. Accounts in compatible
// mode send both; then the encrypted text counts, whose signature covers it.
func (a *account) read(r *http.Request, body []byte, genuine bool) (*notice, []byte, error) {
	n, err := decode(body)
	if err != nil {
		if !genuine {
			return nil, nil, channel.ErrForged
		}
		return nil, nil, err
	}
	if n.Encrypt == "" {
		if !genuine || a.RequireEncryption {
			return nil, nil, channel.ErrForged
		}
		return n, body, nil
	}
	q := r.URL.Query()
	if !signed(q.Get("msg_signature"), a.token, q.Get("timestamp"), q.Get("nonce"), n.Encrypt) {
		return nil, nil, channel.ErrForged
	}
	plain, err := a.decrypt(n.Encrypt)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	n, err = decode(plain)
	return n, plain, err
}

func decode(body []byte) (*notice, error) {
	if len(body) > maxBody {
		return nil, fmt.Errorf("%w: too long", channel.ErrMalformed)
	}
	n := new(notice)
	if err := xml.Unmarshal(body, n); err != nil {
		// Its words may quote the contact's.
		return nil, fmt.Errorf("%w: not the XML of a message", channel.ErrMalformed)
	}
	return n, nil
}

// start fills in what everything has.
func (n *notice) start() channel.Inbound {
	in := channel.Inbound{ID: channel.ProviderID(n.ID), At: channel.Instant(n.Created), From: channel.Address{Identity: n.From}, To: n.To}
	if n.ID == "" {
		in.ID = channel.ProviderID(strings.Join([]string{
			n.From, strconv.FormatInt(n.Created, 10), n.Event, n.EventKey,
		}, ":"))
	}
	return in
}

func (n *notice) inbound(raw []byte) ([]channel.Inbound, error) {
	if n.From == "" || n.Type == "" {
		return nil, fmt.Errorf("%w: no sender or type", channel.ErrMalformed)
	}
	in := n.start()
	if n.Type == "event" {
		if !n.event(&in) {
			return nil, nil
		}
	} else {
		n.content(&in)
	}
	if in.Message == nil && in.Receipt == nil && !in.OptIn && !in.OptOut {
		in.Unsupported = string(raw)
	}
	return []channel.Inbound{in}, nil
}

// content reads a message. One of an unknown type is left to be passed on as
// it is.
func (n *notice) content(in *channel.Inbound) {
	switch n.Type {
	case "text":
		in.Message = &parley.ContactMessage{Text: &parley.TextMessage{Text: n.Content}}
		if n.MenuID != "" {
			in.Message = &parley.ContactMessage{ChoiceResponse: &parley.ChoiceResponseMessage{PostbackData: n.MenuID}}
		}
	case "image":
		// The picture's address is open to everybody and lasts longer than its id.
		in.Message = &parley.ContactMessage{Media: &parley.MediaMessage{URL: n.PicURL}}
		if n.PicURL == "" {
			in.Media = &channel.MediaRef{Ref: n.MediaID, MIME: "image/jpeg"}
		}
	case "voice":
		in.Message, in.Media = &parley.ContactMessage{Media: &parley.MediaMessage{}}, &channel.MediaRef{Ref: n.MediaID, MIME: n.voiceType()}
		in.Metadata = metadata("recognition", n.Recognition)
	case "video", "shortvideo":
		in.Message, in.Media = &parley.ContactMessage{Media: &parley.MediaMessage{}}, &channel.MediaRef{Ref: n.MediaID, MIME: "video/mp4"}
	case "location":
		if !n.onEarth() {
			return
		}
		in.Message = &parley.ContactMessage{Location: &parley.LocationMessage{
			Label: n.Label, Coordinates: parley.Coordinates{Latitude: n.Latitude, Longitude: n.Longitude},
		}}
	case "link":
		words := strings.TrimSpace(n.Title + "\n" + n.Description)
		in.Message = &parley.ContactMessage{Text: &parley.TextMessage{Text: strings.TrimSpace(words + "\n" + n.URL)}}
	}
	if in.Media != nil && in.Media.Ref == "" {
		in.Message, in.Media, in.Metadata = nil, nil, ""
	}
}

// onEarth reports whether the place is one; XML can say NaN, which JSON cannot.
func (n *notice) onEarth() bool {
	return n.Latitude >= -90 && n.Latitude <= 90 && n.Longitude >= -180 && n.Longitude <= 180
}

func (n *notice) voiceType() string {
	switch strings.ToLower(n.Format) {
	case "mp3":
		return "audio/mpeg"
	case "speex":
		return "audio/speex"
	}
	return "audio/amr"
}

// event reads what happened besides messages, and reports whether it means
// anything.
func (n *notice) event(in *channel.Inbound) bool {
	switch n.Event {
	case "subscribe":
		in.OptIn = true
		in.Metadata = metadata("event_key", n.EventKey, "ticket", n.Ticket)
	case "unsubscribe":
		in.OptOut = true
	case "CLICK":
		if n.EventKey != "" {
			in.Message = &parley.ContactMessage{ChoiceResponse: &parley.ChoiceResponseMessage{PostbackData: n.EventKey}}
		}
	case "TEMPLATESENDJOBFINISH":
		if n.Status == "success" || n.JobID == "" {
			return false
		}
		in.ID = channel.ProviderID(templatePrefix + n.JobID)
		in.Receipt = &channel.Receipt{ID: in.ID, Status: parley.StatusFailed, Reason: templateReason(n.Status)}
	}
	return true
}

// templateReason reads why a template message failed: "failed:user block" or
// "failed: system failed" (Template message: event push).
func templateReason(status string) *parley.Reason {
	code := parley.ReasonChannelFailure
	if strings.Contains(status, "block") {
		code = parley.ReasonRecipientNotOptedIn
	}
	r := parley.ChannelReason(code, status)
	return &r
}

// metadata returns a JSON object of names and values, or "" when all values
// are.
func metadata(pairs ...string) string {
	members := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			members[pairs[i]] = pairs[i+1]
		}
	}
	if len(members) == 0 {
		return ""
	}
	raw, err := json.Marshal(members)
	if err != nil {
		return "" // strings always encode
	}
	return string(raw)
}
