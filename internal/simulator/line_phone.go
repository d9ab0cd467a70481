package simulator

import (
	"crypto/rand"
	"errors"
	"fmt"
)

// The phone's side of LINE: what its owner does becomes a webhook event.

type lineEvent struct {
	Type       string            `json:"type"`
	Mode       string            `json:"mode"`
	Timestamp  int64             `json:"timestamp"` // milliseconds
	Source     *lineSource       `json:"source,omitempty"`
	EventID    string            `json:"webhookEventId"`
	Context    map[string]bool   `json:"deliveryContext"`
	ReplyToken string            `json:"replyToken,omitempty"`
	Message    *lineSaid         `json:"message,omitempty"`
	Postback   map[string]string `json:"postback,omitempty"`
	Follow     map[string]bool   `json:"follow,omitempty"`
	Unsend     map[string]string `json:"unsend,omitempty"`
	Delivery   map[string]string `json:"delivery,omitempty"`
}

type lineSource struct {
	Type   string `json:"type"`
	UserID string `json:"userId"`
}

// lineSaid is a message of a phone.
type lineSaid struct {
	ID         string            `json:"id"`
	Type       string            `json:"type"`
	QuoteToken string            `json:"quoteToken,omitempty"`
	Quoted     string            `json:"quotedMessageId,omitempty"`
	ReadToken  string            `json:"markAsReadToken,omitempty"`
	Text       string            `json:"text,omitempty"`
	Provider   map[string]string `json:"contentProvider,omitempty"`
	Duration   int               `json:"duration,omitempty"`
	FileName   string            `json:"fileName,omitempty"`
	FileSize   int               `json:"fileSize,omitempty"`
	Title      string            `json:"title,omitempty"`
	Address    string            `json:"address,omitempty"`
	Latitude   *float64          `json:"latitude,omitempty"`
	Longitude  *float64          `json:"longitude,omitempty"`
	PackageID  string            `json:"packageId,omitempty"`
	StickerID  string            `json:"stickerId,omitempty"`
	StickerFor string            `json:"stickerResourceType,omitempty"`
}

// body wraps one event, completed, as a webhook's.
func (l *line) body(account string, phone key, e lineEvent) ([]byte, error) {
	e.Mode, e.Timestamp, e.EventID = "active", l.sim.now().UnixMilli(), rand.Text()
	e.Context = map[string]bool{"isRedelivery": false}
	if e.Type != "delivery" {
		e.Source = &lineSource{"user", phone.identity}
	}
	switch e.Type {
	case "message", "postback", "follow":
		e.ReplyToken = rand.Text()
	}
	return encode(map[string]any{"destination": botUserID(account), "events": []lineEvent{e}})
}

// tell sends an event that leaves nothing in the thread.
func (l *line) tell(account string, phone key, e lineEvent) {
	body, err := l.body(account, phone, e)
	if err != nil {
		return // structs of strings always encode
	}
	l.sim.poster.send(l.post(account, phone.order(), body))
}

// reply sends a message to the account.
func (l *line) reply(account string, phone key, r Reply) (Item, error) {
	m := &lineSaid{ID: l.nextID()}
	m.ReadToken = "read-" + m.ID
	switch {
	case r.Text != nil:
		m.Type, m.Text, m.QuoteToken = "text", *r.Text, "quote-"+m.ID
	case r.file != nil:
		if r.Caption != "" {
			return Item{}, errors.New("caption: not on LINE")
		}
		m.setFile(r.file)
	case r.Location != nil:
		m.Type, m.Title, m.Address = "location", r.Location.Title, r.Location.Address
		m.Latitude, m.Longitude = &r.Location.Latitude, &r.Location.Longitude
	default:
		return Item{}, fmt.Errorf("contact and reaction are %w by LINE", errUnsupported)
	}
	if r.quoted != nil {
		m.Quoted = r.quoted.ProviderID
	}
	return l.send(account, phone, r.item(account, ProviderLINE), lineEvent{Type: "message", Message: m})
}

// setFile makes m a message of the kind of the file, whose id is the content's.
func (m *lineSaid) setFile(f *file) {
	m.ID, m.Provider = f.id, map[string]string{"type": "line"}
	switch f.kind() {
	case "image", "animation":
		m.Type, m.QuoteToken = "image", "quote-"+m.ID
	case "video":
		m.Type, m.Duration = "video", 1000
	case "audio", "voice":
		m.Type, m.Duration = "audio", 1000
	case "sticker":
		m.Type, m.Provider, m.PackageID, m.StickerID, m.StickerFor = "sticker", nil, "446", "1988", "STATIC"
	default:
		m.Type, m.Provider, m.FileName, m.FileSize = "file", nil, orElse(f.name, "file"), len(f.data)
	}
}

// send puts the item in the thread and sends the event.
func (l *line) send(account string, phone key, it Item, e lineEvent) (Item, error) {
	if _, ok := l.channels.get(account); !ok {
		return Item{}, fmt.Errorf("account %w", errNotFound)
	}
	return l.sim.writeOut(phone, it, func(it *Item) (*post, error) {
		body, err := l.body(account, phone, e)
		if err != nil {
			return nil, err
		}
		it.Native = body
		if e.Message != nil {
			it.ProviderID = e.Message.ID
		}
		return l.post(account, phone.order(), body), nil
	})
}

// tap presses a button. Text and display text appear as if written.
func (l *line) tap(account string, phone key, it Item, c Choice) (Item, error) {
	out := Item{Direction: Out, Account: account, Provider: ProviderLINE, Status: StatusPending, ReplyTo: it.ID}
	switch c.Kind {
	case "postback":
		out.Type, out.Text = "postback", orElse(c.Detail, c.Title)
		return l.send(account, phone, out, lineEvent{Type: "postback", Postback: map[string]string{"data": c.Payload}})
	case "keyboard":
		return l.reply(account, phone, Reply{Text: &c.Payload})
	case "location":
		return l.reply(account, phone, Reply{Location: &Location{Latitude: 55.6059, Longitude: 13.0007}})
	}
	return Item{}, errors.New("tapping this sends nothing")
}

// event adds the account as a friend or blocks it, or takes a message back.
func (l *line) event(account string, phone key, e Event) (Item, error) {
	switch e.Type {
	case EventStart, EventOptIn:
		l.blocked(phone, account, false)
	case EventOptOut:
		l.blocked(phone, account, true)
	case EventMessageDeleted:
		l.tell(account, phone, lineEvent{Type: "unsend", Unsend: map[string]string{"messageId": e.item.ProviderID}})
	default:
		return Item{}, errUnsupported
	}
	return Item{}, nil
}

// blocked tells accounts that the phone blocked them or follows them again.
func (l *line) blocked(phone key, account string, blocked bool) {
	accounts := map[string]bool{}
	if account != "" {
		accounts[account] = true
	} else if th, ok := l.sim.phones.thread(phone, Filter{}); ok {
		for _, it := range th.Items {
			accounts[it.Account] = true
		}
	}
	e := lineEvent{Type: "unfollow"}
	if !blocked {
		e = lineEvent{Type: "follow", Follow: map[string]bool{"isUnblocked": true}}
	}
	for account := range accounts {
		l.tell(account, phone, e)
	}
}
