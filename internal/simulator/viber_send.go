package simulator

import (
	"encoding/json"
	"net/url"
	"path"
	"strconv"
	"unicode/utf16"
)

// viberMessage is the body of send_message.
type viberMessage struct {
	Receiver   string
	MinVersion int `json:"min_api_version"`
	Sender     struct{ Name, Avatar string }
	Type, Text string
	Media      string
	FileName   string `json:"file_name"`
	Size       int64
	StickerID  int `json:"sticker_id"`
	Contact    *struct {
		Name  string
		Phone string `json:"phone_number"`
	}
	Location *struct {
		Lat json.Number `json:"lat"`
		Lon json.Number `json:"lon"`
	}
	RichMedia *viberGrid `json:"rich_media"`
	Keyboard  *viberGrid
}

type viberGrid struct {
	Type         string
	GroupColumns int `json:"ButtonsGroupColumns"`
	GroupRows    int `json:"ButtonsGroupRows"`
	Buttons      []struct {
		Columns, Rows                       int
		ActionType, ActionBody, Text, Image string
	}
}

// send shows a message on a phone.
func (v *viber) send(token string, body []byte) (map[string]any, error) {
	var m viberMessage
	if json.Unmarshal(body, &m) != nil {
		return nil, viberBad("badData")
	}
	it := Item{Account: token, Provider: ProviderViber, Type: m.Type, Sender: m.Sender.Name, Native: body, report: v.report}
	if err := m.read(&it); err != nil {
		v.sim.stats.refused(ProviderViber)
		return nil, err
	}
	id := v.next()
	it.ProviderID = id.String()
	_, err := v.sim.accept(incoming{
		phone: newKey(ChannelViber, m.Receiver), item: it, refuse: v.refuse, failCode: "Failed to deliver", reads: true,
	})
	return map[string]any{"message_token": id, "chat_hostname": "SN-CHAT-01_", "billing_status": 1}, err
}

// refuse words the errors of send_message.
func (v *viber) refuse(b Behaviour, blocked bool) error {
	status, err := strconv.Atoi(b.FailCode.or("5"))
	switch {
	case blocked:
		return &viberError{6, "notSubscribed"}
	case b.Deliver == DeliverRateLimit:
		return &viberError{12, "tooManyRequests"}
	case b.Deliver == DeliverRefuse && err != nil:
		return &viberError{3, string(b.FailCode)}
	case b.Deliver == DeliverRefuse:
		return &viberError{status, "refused"}
	}
	return nil
}

// report tells what became of a message.
func (v *viber) report(phone key, it Item) {
	e := map[string]any{"user_id": phone.identity, "message_token": json.Number(it.ProviderID)}
	switch it.Status {
	case StatusDelivered:
		v.tell(it.Account, phone, v.callback("delivered", e))
	case StatusRead:
		v.tell(it.Account, phone, v.callback("seen", e))
	case StatusFailed:
		e["desc"] = it.Code
		v.tell(it.Account, phone, v.callback("failed", e))
	}
}

// read makes the item of the message, or says what Viber would refuse.
func (m *viberMessage) read(it *Item) error {
	switch {
	case m.Receiver == "":
		return &viberError{4, "missing receiver"}
	case m.Sender.Name == "" || viberLength(m.Sender.Name) > 28:
		return viberBad("sender.name is not valid")
	case viberLength(m.Text) > 7000:
		return viberBad("text is too long")
	}
	it.Text = m.Text
	if err := m.content(it); err != nil {
		return err
	}
	if m.Keyboard == nil {
		return nil
	}
	if m.Keyboard.Type != "keyboard" {
		return viberBad("keyboard is not valid. [object has missing required properties ([\"Type\"])]")
	}
	return m.Keyboard.read(it, 24, 2, false)
}

func (m *viberMessage) content(it *Item) error {
	file := func(kind string) error {
		u, err := url.Parse(m.Media)
		if err != nil || u.Host == "" || len(m.Media) > 2000 {
			return viberBad("media is not valid")
		}
		it.Media = []Media{{Kind: kind, URL: m.Media, MIME: mimeOf(m.Media), Name: m.FileName}}
		return nil
	}
	switch m.Type {
	case "text":
		if m.Text == "" {
			return &viberError{4, "missing text"}
		}
	case "picture":
		if viberLength(m.Text) > 768 {
			return viberBad("text is too long")
		}
		return file("image")
	case "video":
		if m.Size <= 0 || m.Size > 26<<20 {
			return viberBad("size is not valid")
		}
		return file("video")
	case "file":
		if m.Size <= 0 || m.Size > 50<<20 || m.FileName == "" || path.Ext(m.FileName) == "" {
			return viberBad("size or file_name is not valid")
		}
		return file("document")
	case "url":
		it.Text = m.Media
		return file("link")
	case "sticker":
		it.Text = strconv.Itoa(m.StickerID)
	case "contact":
		if m.Contact == nil || m.Contact.Name == "" || viberLength(m.Contact.Name) > 28 || len(m.Contact.Phone) > 18 {
			return viberBad("contact is not valid")
		}
		it.Text = Contact{Name: m.Contact.Name, Phone: m.Contact.Phone}.text()
	case "location":
		if m.Location == nil || m.Location.Lat == "" || m.Location.Lon == "" {
			return viberBad("location is not valid")
		}
		it.Text = string(m.Location.Lat + "," + m.Location.Lon)
	case "rich_media":
		g := m.RichMedia
		if g == nil || m.MinVersion < 2 || g.GroupRows < 1 || g.GroupRows > 7 || g.GroupColumns < 1 || g.GroupColumns > 6 {
			return viberBad("rich_media is not valid")
		}
		return g.read(it, 6*g.GroupRows, 7, true)
	default:
		return viberBad("unknown message type")
	}
	return nil
}

// read adds the buttons of a grid to the item. Those of rich media make cards
// of equal height.
func (g *viberGrid) read(it *Item, most, high int, cards bool) error {
	rows := 0
	for _, b := range g.Buttons {
		if b.Columns != 6 { // narrower ones are not simulated
			return viberBad("Columns: only 6 are simulated")
		}
		if b.Rows < 1 || b.Rows > high || viberLength(b.Text) > 250 || viberLength(b.ActionBody) > 2000 {
			return viberBad("a button is not valid")
		}
		card := 0
		if cards {
			card = rows/g.GroupRows + 1
			if (rows+b.Rows-1)/g.GroupRows+1 != card {
				return viberBad("a button is on two cards")
			}
			it.showCell(card, b.Text, b.Image, b.ActionType == "none")
		}
		rows += b.Rows
		c := Choice{Index: len(it.Choices) + 1, Title: plainOf(b.Text), Card: card}
		switch b.ActionType {
		case "none":
			continue
		case "open-url":
			c.Kind, c.URL = "url", b.ActionBody
		case "location-picker":
			c.Kind = "location"
		case "share-phone":
			c.Kind = "contact"
		case "reply", "":
			c.Kind, c.Payload = "keyboard", b.ActionBody
		default:
			return viberBad("ActionType is not valid")
		}
		if b.ActionBody == "" || cards && (c.Kind == "location" || c.Kind == "contact") {
			return viberBad("ActionBody or ActionType is not valid")
		}
		it.Choices = append(it.Choices, c)
	}
	if rows == 0 || rows > most || cards && rows%g.GroupRows != 0 {
		return viberBad("the buttons are too few or too many")
	}
	return nil
}

// showCell shows a cell of rich media on its card.
func (it *Item) showCell(card int, text, image string, words bool) {
	for len(it.Cards) < card {
		it.Cards = append(it.Cards, Card{Index: len(it.Cards) + 1})
	}
	c := &it.Cards[card-1]
	if image != "" {
		c.Media = append(c.Media, Media{Kind: "image", URL: image, MIME: mimeOf(image)})
	}
	if words {
		c.Text = lines(c.Text, plainOf(text))
		it.Text = lines(it.Text, plainOf(text))
	}
}

func viberLength(s string) int { return len(utf16.Encode([]rune(s))) }
