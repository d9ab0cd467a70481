package simulator

import (
	"errors"
	"fmt"
	"strings"
)

// The phone's side of WHATSAPP: what its owner does becomes a messages
// webhook.

type waInbound struct {
	From        string           `json:"from"`
	ID          string           `json:"id"`
	Timestamp   string           `json:"timestamp"`
	Context     *waInContext     `json:"context,omitempty"`
	Type        string           `json:"type"`
	Text        *waInText        `json:"text,omitempty"`
	Image       *waInFile        `json:"image,omitempty"`
	Video       *waInFile        `json:"video,omitempty"`
	Audio       *waInFile        `json:"audio,omitempty"`
	Document    *waInFile        `json:"document,omitempty"`
	Sticker     *waInFile        `json:"sticker,omitempty"`
	Location    *waInLocation    `json:"location,omitempty"`
	Contacts    []waInContact    `json:"contacts,omitempty"`
	Interactive *waInInteractive `json:"interactive,omitempty"`
	Button      *waInButton      `json:"button,omitempty"`
	Reaction    *waInReaction    `json:"reaction,omitempty"`
	Order       *waInOrder       `json:"order,omitempty"`
}

type waInContext struct {
	From string `json:"from"`
	ID   string `json:"id"`
}

type waInText struct {
	Body string `json:"body"`
}

type waInFile struct {
	ID       string `json:"id"`
	MIMEType string `json:"mime_type"`
	SHA256   string `json:"sha256"`
	Caption  string `json:"caption,omitempty"`
	Filename string `json:"filename,omitempty"`
	Voice    *bool  `json:"voice,omitempty"`
	Animated *bool  `json:"animated,omitempty"`
}

type waInLocation struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Name      string  `json:"name,omitempty"`
	Address   string  `json:"address,omitempty"`
}

type waInContact struct {
	Name struct {
		Formatted string `json:"formatted_name"`
		First     string `json:"first_name"`
	} `json:"name"`
	Phones []map[string]string `json:"phones"`
	Emails []map[string]string `json:"emails,omitempty"`
}

type waInInteractive struct {
	Type   string         `json:"type"`
	Button *waInReply     `json:"button_reply,omitempty"`
	List   *waInReply     `json:"list_reply,omitempty"`
	Flow   *waInFlowReply `json:"nfm_reply,omitempty"`
}

type waInReply struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
}

type waInFlowReply struct {
	Name     string `json:"name"`
	Body     string `json:"body"`
	Response string `json:"response_json"`
}

type waInButton struct {
	Payload string `json:"payload"`
	Text    string `json:"text"`
}

type waInReaction struct {
	MessageID string `json:"message_id"`
	Emoji     string `json:"emoji,omitempty"`
}

type waInOrder struct {
	CatalogID string        `json:"catalog_id"`
	Text      string        `json:"text"`
	Items     []waInProduct `json:"product_items"`
}

type waInProduct struct {
	ID       string `json:"product_retailer_id"`
	Quantity int    `json:"quantity"`
	Price    int    `json:"item_price"`
	Currency string `json:"currency"`
}

// reply sends a message to the business.
func (wa *whatsapp) reply(account string, phone key, r Reply) (Item, error) {
	m := &waInbound{}
	switch {
	case r.Text != nil:
		m.Type, m.Text = "text", &waInText{*r.Text}
	case r.file != nil:
		m.setFile(r.file, r.Caption)
	case r.Location != nil:
		l := r.Location
		m.Type, m.Location = "location", &waInLocation{l.Latitude, l.Longitude, l.Title, l.Address}
	case r.Contact != nil:
		c := waInContact{Phones: []map[string]string{{
			"phone": r.Contact.Phone, "wa_id": strings.TrimPrefix(r.Contact.Phone, "+"), "type": "CELL",
		}}}
		c.Name.Formatted = r.Contact.Name
		c.Name.First, _, _ = strings.Cut(r.Contact.Name, " ")
		if r.Contact.Email != "" {
			c.Emails = []map[string]string{{"email": r.Contact.Email, "type": "HOME"}}
		}
		m.Type, m.Contacts = "contacts", []waInContact{c}
	case r.Reaction != nil:
		m.Type, m.Reaction = "reaction", &waInReaction{r.quoted.ProviderID, *r.Reaction}
	}
	return wa.write(account, phone, r.item(account, ProviderWhatsApp), r.quoted, m)
}

// setFile makes m a message of the kind of the file.
func (m *waInbound) setFile(f *file, caption string) {
	in := &waInFile{ID: f.id, MIMEType: f.mime, SHA256: f.sha256}
	switch f.kind() {
	case "image":
		in.Caption = caption
		m.Type, m.Image = "image", in
	case "video", "animation":
		in.Caption = caption
		m.Type, m.Video = "video", in
	case "audio", "voice":
		in.Voice = new(f.kind() == "voice")
		m.Type, m.Audio = "audio", in
	case "sticker":
		in.Animated = new(false)
		m.Type, m.Sticker = "sticker", in
	default:
		in.Caption, in.Filename = caption, orElse(f.name, "file")
		m.Type, m.Document = "document", in
	}
}

// write sends m.
func (wa *whatsapp) write(account string, phone key, it Item, quoted *Item, m *waInbound) (Item, error) {
	a, ok := wa.numbers.get(account)
	if !ok {
		return Item{}, fmt.Errorf("account %w", errNotFound)
	}
	var profile waProfile
	wa.sim.phones.locked(phone, func(h *handset) {
		profile.Profile.Name = h.name
	})
	profile.WaID = phone.identity
	m.From, m.ID, m.Timestamp = phone.identity, newWAMID(phone.identity), wa.timestamp()
	if quoted != nil && m.Reaction == nil {
		from := a.DisplayPhoneNumber
		if quoted.Direction == Out {
			from = phone.identity
		}
		m.Context = &waInContext{from, quoted.ProviderID}
	}
	return wa.sim.writeOut(phone, it, func(it *Item) (*post, error) {
		body, err := encode(wa.wrap(account, waValue{Contacts: []waProfile{profile}, Messages: []*waInbound{m}}))
		if err != nil {
			return nil, err
		}
		it.ProviderID, it.Native = m.ID, body
		return wa.post(account, phone.order(), body, nil), nil
	})
}

// tap answers an interactive message or a template.
func (wa *whatsapp) tap(account string, phone key, it Item, c Choice) (Item, error) {
	out := Item{
		Direction: Out, Account: account, Provider: ProviderWhatsApp, Status: StatusPending,
		Type: "interactive", Text: c.Title, ReplyTo: it.ID,
	}
	m := &waInbound{Type: "interactive"}
	reply := &waInReply{ID: c.Payload, Title: c.Title, Description: c.Detail}
	switch c.Kind {
	case "reply":
		m.Interactive = &waInInteractive{Type: "button_reply", Button: reply}
	case "row":
		m.Interactive = &waInInteractive{Type: "list_reply", List: reply}
	case "flow":
		m.Interactive = &waInInteractive{Type: "nfm_reply", Flow: &waInFlowReply{
			Name: "flow", Body: "Sent", Response: fmt.Sprintf(`{"flow_token":%q}`, c.Payload),
		}}
	case "quick_reply":
		out.Type = "button"
		m.Type, m.Button = "button", &waInButton{orElse(c.Payload, c.Title), c.Title}
	case "location":
		at := Location{Latitude: 55.6059, Longitude: 13.0007}
		out.Type, out.Text = "location", at.text()
		m.Type, m.Location = "location", &waInLocation{Latitude: at.Latitude, Longitude: at.Longitude}
	case "product":
		out.Type = "order"
		m.Type = "order"
		m.Order = &waInOrder{CatalogID: c.Detail, Items: []waInProduct{{c.Payload, 1, 10, "EUR"}}}
	default:
		return Item{}, errors.New("tapping this sends nothing")
	}
	return wa.write(account, phone, out, &it, m)
}
