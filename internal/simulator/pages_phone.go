package simulator

import (
	"fmt"
	"strconv"
)

// The phone's side of Messenger and Instagram: what its owner does becomes a
// webhook.

type pageEnvelope struct {
	Object string      `json:"object"`
	Entry  []pageEntry `json:"entry"`
}

type pageEntry struct {
	ID        string           `json:"id"`
	Time      int64            `json:"time"`
	Messaging []*pageHappening `json:"messaging,omitempty"`
	Changes   []pageChange     `json:"changes,omitempty"`
}

type pageChange struct {
	Field string         `json:"field"`
	Value map[string]any `json:"value"`
}

type pageParty struct {
	ID string `json:"id"`
}

// pageHappening is one thing that happened between an account and a phone.
type pageHappening struct {
	Sender    pageParty      `json:"sender"`
	Recipient pageParty      `json:"recipient"`
	Timestamp int64          `json:"timestamp"` // ms
	Message   *pageInbound   `json:"message,omitempty"`
	Postback  *pagePostback  `json:"postback,omitempty"`
	Reaction  *pageReaction  `json:"reaction,omitempty"`
	Delivery  map[string]any `json:"delivery,omitempty"`
	Read      map[string]any `json:"read,omitempty"`
	OptIn     map[string]any `json:"optin,omitempty"`
}

type pageInbound struct {
	MID         string             `json:"mid"`
	Text        string             `json:"text,omitempty"`
	IsEcho      bool               `json:"is_echo,omitempty"`
	IsDeleted   bool               `json:"is_deleted,omitempty"`
	AppID       int64              `json:"app_id,omitempty"`
	Metadata    string             `json:"metadata,omitempty"`
	QuickReply  *pageReplyPayload  `json:"quick_reply,omitempty"`
	ReplyTo     *pageReplyTo       `json:"reply_to,omitempty"`
	Attachments []pageInAttachment `json:"attachments,omitempty"`
}

type pageReplyPayload struct {
	Payload string `json:"payload"`
}

type pageInAttachment struct {
	Type    string         `json:"type"`
	Title   string         `json:"title,omitempty"`
	Payload map[string]any `json:"payload"`
}

type pagePostback struct {
	MID      string            `json:"mid,omitempty"`
	Title    string            `json:"title"`
	Payload  string            `json:"payload"`
	Referral map[string]string `json:"referral,omitempty"`
}

type pageReaction struct {
	MID      string `json:"mid"`
	Action   string `json:"action"`
	Reaction string `json:"reaction,omitempty"`
	Emoji    string `json:"emoji,omitempty"`
}

// from is something the phone did.
func (p *pages) from(account string, phone key) *pageHappening {
	return &pageHappening{
		Sender: pageParty{phone.identity}, Recipient: pageParty{account}, Timestamp: p.sim.now().UnixMilli(),
	}
}

// wrap is the webhook's body.
func (p *pages) wrap(account string, h *pageHappening) ([]byte, error) {
	return encode(pageEnvelope{p.object, []pageEntry{{ID: account, Time: h.Timestamp, Messaging: []*pageHappening{h}}}})
}

// tell posts what leaves nothing in the thread.
func (p *pages) tell(account string, phone key, h *pageHappening) {
	body, err := p.wrap(account, h)
	if err != nil {
		return // plain structs always encode
	}
	p.sim.poster.send(p.post(account, phone, body))
}

// write sends what stays in the thread.
func (p *pages) write(account string, phone key, it Item, mid string, h *pageHappening) (Item, error) {
	if _, ok := p.set.get(account); !ok {
		return Item{}, fmt.Errorf("account %w", errNotFound)
	}
	return p.sim.writeOut(phone, it, func(it *Item) (*post, error) {
		body, err := p.wrap(account, h)
		if err != nil {
			return nil, err
		}
		it.ProviderID, it.Native = mid, body
		return p.post(account, phone, body), nil
	})
}

// reply sends what the owner wrote.
func (p *pages) reply(account string, phone key, r Reply) (Item, error) {
	h, mid := p.from(account, phone), p.newMID()
	it := r.item(account, p.provider)
	if r.Reaction != nil {
		h.Reaction = &pageReaction{MID: r.quoted.ProviderID, Action: "react", Reaction: "other", Emoji: *r.Reaction}
		if *r.Reaction == "" {
			h.Reaction.Action, h.Reaction.Reaction = "unreact", ""
		}
		return p.write(account, phone, it, mid, h)
	}
	h.Message = &pageInbound{MID: mid, Text: r.Caption}
	if r.quoted != nil {
		h.Message.ReplyTo = &pageReplyTo{r.quoted.ProviderID}
	}
	switch {
	case r.Text != nil:
		h.Message.Text = *r.Text
	case r.Location != nil && p.places:
		l := r.Location
		h.Message.Attachments = []pageInAttachment{{Type: "location", Title: l.Title, Payload: map[string]any{
			"coordinates": map[string]float64{"lat": l.Latitude, "long": l.Longitude},
		}}}
	case r.file != nil:
		for _, f := range r.files {
			h.Message.Attachments = append(h.Message.Attachments, pageInAttachment{
				Type: pageKind(f.kind()), Payload: map[string]any{"url": p.sim.fileURL(f)},
			})
		}
	default:
		return Item{}, fmt.Errorf("this is %w on %s", errUnsupported, p.of)
	}
	return p.write(account, phone, it, mid, h)
}

// pageKind is Meta's word for what a phone makes of a file.
func pageKind(kind string) string {
	switch kind {
	case "video", "audio":
		return kind
	case "voice":
		return "audio"
	case "document":
		return "file"
	}
	return "image"
}

// tap answers a quick reply or a button.
func (p *pages) tap(account string, phone key, it Item, c Choice) (Item, error) {
	h, mid := p.from(account, phone), p.newMID()
	out := Item{
		Direction: Out, Account: account, Provider: p.provider, Status: StatusPending,
		Type: c.Kind, Text: c.Title, ReplyTo: it.ID,
	}
	switch c.Kind {
	case "quick_reply":
		h.Message = &pageInbound{MID: mid, Text: c.Title, QuickReply: &pageReplyPayload{c.Payload}}
	case "postback":
		h.Postback = &pagePostback{MID: mid, Title: c.Title, Payload: c.Payload}
	default:
		return Item{}, errNothingSent
	}
	return p.write(account, phone, out, mid, h)
}

// event sends what the owner does besides writing.
func (p *pages) event(account string, phone key, e Event) (Item, error) {
	h, mid := p.from(account, phone), p.newMID()
	it := Item{Direction: Out, Account: account, Provider: p.provider, Status: StatusPending, Type: e.Type, Text: e.Payload}
	switch {
	case e.Type == EventStart:
		h.Postback = &pagePostback{MID: mid, Title: "Get Started", Payload: "GET_STARTED"}
		if e.Payload != "" {
			h.Postback.Referral = map[string]string{"ref": e.Payload, "source": "SHORTLINK", "type": "OPEN_THREAD"}
		}
		return p.write(account, phone, it, mid, h)
	case (e.Type == EventOptIn || e.Type == EventOptOut) && p.watermark:
		h.OptIn = map[string]any{"type": "notification_messages", "notification_messages_token": "T" + phone.identity, "title": e.Payload}
		if e.Type == EventOptOut {
			h.OptIn["notification_messages_status"] = "STOP_NOTIFICATIONS"
		}
		p.tell(account, phone, h)
		return Item{}, nil
	case e.Type == EventMessageDeleted:
		h.Message = &pageInbound{MID: e.item.ProviderID, IsDeleted: true}
		p.sim.phones.edit(phone, e.Item, func(it *Item) { it.Status = StatusDeleted })
		p.tell(account, phone, h)
		return Item{}, nil
	case e.Type == EventComment:
		return p.comment(account, phone, it)
	}
	return Item{}, errUnsupported
}

// comment writes one under a post of the account.
func (p *pages) comment(account string, phone key, it Item) (Item, error) {
	who, id := p.profile(phone), strconv.FormatInt(p.sim.now().UnixNano(), 10)
	c := pageChange{Field: "comments", Value: map[string]any{
		"id": id, "text": it.Text, "media": map[string]string{"id": "17900000000000001"},
		"from": map[string]string{"id": phone.identity, "username": who["username"]},
	}}
	if p.object == "page" {
		c = pageChange{Field: "feed", Value: map[string]any{
			"item": "comment", "verb": "add", "comment_id": account + "_" + id, "post_id": account + "_1", "message": it.Text,
			"from": map[string]string{"id": phone.identity, "name": who["name"]},
		}}
		id = account + "_" + id
	}
	return p.sim.writeOut(phone, it, func(it *Item) (*post, error) {
		body, err := encode(pageEnvelope{p.object, []pageEntry{{ID: account, Time: p.sim.now().Unix(), Changes: []pageChange{c}}}})
		if err != nil {
			return nil, err
		}
		it.ProviderID, it.Native = id, body
		return p.post(account, phone, body), nil
	})
}

// echo tells the account of its own message.
func (p *pages) echo(phone key, it Item) {
	h := p.from(it.Account, phone)
	h.Sender, h.Recipient = h.Recipient, h.Sender
	h.Message = &pageInbound{MID: it.ProviderID, IsEcho: true, AppID: 1, Metadata: it.Reference, Text: it.Text}
	p.tell(it.Account, phone, h)
}

// report tells the account what became of a message: Messenger names what was
// delivered and says until when all was read, Instagram names what was read.
func (p *pages) report(phone key, it Item) {
	h := p.from(it.Account, phone)
	switch {
	case it.Status == StatusDelivered && p.watermark:
		h.Delivery = map[string]any{"mids": []string{it.ProviderID}, "watermark": h.Timestamp}
	case it.Status == StatusRead && p.watermark:
		h.Read = map[string]any{"watermark": h.Timestamp}
	case it.Status == StatusRead:
		h.Read = map[string]any{"mid": it.ProviderID}
	default:
		return
	}
	p.tell(it.Account, phone, h)
}
