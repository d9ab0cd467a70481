package whatsapp

import (
	"cmp"
	"encoding/json"
	"log/slog"
	"strconv"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/graph"
)

// marketplace is where the products of a WhatsApp catalogue are: Meta's.
const marketplace = "FACEBOOK"

// An inboundMessage is one of a webhook's messages. The member named like its
// type holds what it says.
type inboundMessage struct {
	ID        string        `json:"id"`
	From      string        `json:"from"`
	FromUser  string        `json:"from_user_id"` // business-scoped; then From may be absent
	GroupID   string        `json:"group_id"`
	Timestamp graph.Instant `json:"timestamp"`
	Type      string        `json:"type"`
	Context   struct {
		ID                  string `json:"id"`
		Forwarded           bool   `json:"forwarded"`
		FrequentlyForwarded bool   `json:"frequently_forwarded"`
		ReferredProduct     raw    `json:"referred_product"`
	} `json:"context"`
	Referral raw             `json:"referral"` // the advertisement that led here
	Errors   []graph.Failure `json:"errors"`

	Text        *textBody        `json:"text"`
	Image       *inboundMedia    `json:"image"`
	Video       *inboundMedia    `json:"video"`
	Audio       *inboundMedia    `json:"audio"`
	Voice       *inboundMedia    `json:"voice"`
	Document    *inboundMedia    `json:"document"`
	Sticker     *inboundMedia    `json:"sticker"`
	Location    *inboundLocation `json:"location"`
	Button      *inboundButton   `json:"button"`
	Interactive *inboundTap      `json:"interactive"`
	Order       *inboundOrder    `json:"order"`
	Reaction    *inboundReaction `json:"reaction"`
}

type inboundMedia struct {
	ID       string `json:"id"`
	MIME     string `json:"mime_type"`
	Caption  string `json:"caption"`
	Filename string `json:"filename"`
}

type inboundLocation struct {
	Latitude  degrees `json:"latitude"`
	Longitude degrees `json:"longitude"`
	Name      string  `json:"name"`
	Address   string  `json:"address"`
}

// degrees are a number, or a number in a string.
type degrees float64

// UnmarshalJSON accepts both forms.
func (d *degrees) UnmarshalJSON(b []byte) error {
	var s json.Number // which takes a string, too
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	f, err := strconv.ParseFloat(s.String(), 64)
	*d = degrees(f)
	return err
}

// inboundButton is a tapped quick reply of a template.
type inboundButton struct {
	Payload string `json:"payload"`
	Text    string `json:"text"`
}

type inboundTap struct {
	Type        string `json:"type"`
	ButtonReply *reply `json:"button_reply"`
	ListReply   *reply `json:"list_reply"`
	FlowReply   raw    `json:"nfm_reply"`
}

type inboundOrder struct {
	CatalogID string `json:"catalog_id"`
	Text      string `json:"text"`
	Items     []struct {
		ID       string  `json:"product_retailer_id"`
		Quantity int     `json:"quantity"`
		Price    float64 `json:"item_price"`
		Currency string  `json:"currency"`
	} `json:"product_items"`
}

type inboundReaction struct {
	MessageID string `json:"message_id"`
	Emoji     string `json:"emoji"`
}

// message reads one message. Whatever is not understood is passed on as it
// came.
func (r *reader) message(v *value, body raw) {
	var m inboundMessage
	err := json.Unmarshal(body, &m)
	if m.GroupID != "" {
		r.ignore(m.Type, "it is of a group")
		return
	}
	in := channel.Inbound{
		ID:      channel.ProviderID(m.ID),
		At:      m.Timestamp.Time,
		From:    v.from(m.From, m.FromUser),
		To:      v.Metadata.DisplayPhoneNumber,
		ReplyTo: channel.ProviderID(m.Context.ID),
	}
	if in.From.Identity == "" {
		r.log.LogAttrs(r.ctx, slog.LevelWarn, "whatsapp message does not say who it is from", slog.String("type", m.Type))
		return
	}
	if err != nil || !m.read(&in, body) {
		in.Message, in.Media, in.MessageEvent = nil, nil, nil
		in.Unsupported = string(body)
	}
	in.Metadata = m.metadata()
	r.add(in)
}

// read fills in what the message says and reports whether there is a form for
// it.
func (m *inboundMessage) read(in *channel.Inbound, body raw) bool {
	if m.Reaction != nil && m.Type == "reaction" {
		in.ReplyTo = channel.ProviderID(m.Reaction.MessageID)
		in.MessageEvent = m.Reaction.event()
		return true
	}
	if file := m.media(); file != nil {
		in.Message, in.Media = file.message()
		return file.ID != ""
	}
	in.Message = m.content(body)
	return in.Message != nil
}

// media returns the file of a message that is one.
func (m *inboundMessage) media() *inboundMedia {
	switch m.Type {
	case "image":
		return m.Image
	case "video":
		return m.Video
	case "audio":
		return m.Audio
	case "voice":
		return m.Voice
	case "document":
		return m.Document
	case "sticker":
		return m.Sticker
	default:
		return nil
	}
}

func (f *inboundMedia) message() (*parley.ContactMessage, *channel.MediaRef) {
	ref := &channel.MediaRef{Ref: f.ID, MIME: f.MIME, Filename: f.Filename}
	if f.Caption != "" {
		return &parley.ContactMessage{MediaCard: &parley.MediaCardMessage{Caption: f.Caption}}, ref
	}
	return &parley.ContactMessage{Media: &parley.MediaMessage{FilenameOverride: f.Filename}}, ref
}

func (m *inboundMessage) content(body raw) *parley.ContactMessage {
	switch {
	case m.Type == "text" && m.Text != nil:
		return &parley.ContactMessage{Text: &parley.TextMessage{Text: m.Text.Body}}
	case m.Type == "location" && m.Location != nil:
		l := m.Location
		return &parley.ContactMessage{Location: &parley.LocationMessage{
			Title: l.Name, Label: l.Address,
			Coordinates: parley.Coordinates{Latitude: float64(l.Latitude), Longitude: float64(l.Longitude)},
		}}
	case m.Type == "button" && m.Button != nil:
		return tapped(m.Button.Payload, m.Button.Text)
	case m.Type == "interactive" && m.Interactive != nil:
		return m.Interactive.content()
	case m.Type == "order" && m.Order != nil:
		return m.Order.content()
	case m.Type == "contacts":
		return fallback(body, parley.NewReason(parley.ReasonUnsupportedOperation, "contacts sent by a contact have no form of their own"))
	case (m.Type == "unsupported" || m.Type == "unknown") && len(m.Errors) > 0:
		// What Meta itself could not make out.
		f := &m.Errors[0]
		why := parley.ChannelReason(parley.ReasonUnsupportedOperation, f.Words())
		why.ChannelCode = strconv.Itoa(f.Code)
		return fallback(body, why)
	}
	return nil
}

func (t *inboundTap) content() *parley.ContactMessage {
	switch {
	case t.Type == "button_reply" && t.ButtonReply != nil:
		return tapped(t.ButtonReply.ID, t.ButtonReply.Title)
	case t.Type == "list_reply" && t.ListReply != nil:
		return tapped(t.ListReply.ID, t.ListReply.Title)
	case t.Type == "nfm_reply" && len(t.FlowReply) > 0:
		return flowReply(t.FlowReply)
	}
	return nil
}

// tapped returns the answer to a choice. A button of a template that was sent
// without a payload gives its words alone.
func tapped(data, title string) *parley.ContactMessage {
	data = cmp.Or(data, title)
	if data == "" {
		return nil
	}
	return &parley.ContactMessage{ChoiceResponse: &parley.ChoiceResponseMessage{PostbackData: data}}
}

// flowReply returns what a contact filled in in a flow or an address form.
func flowReply(body raw) *parley.ContactMessage {
	type nfmReply struct {
		Name         string `json:"name"`
		ResponseJSON string `json:"response_json"`
		Body         string `json:"body"`
	}
	var m struct {
		Type  string   `json:"type"`
		Reply nfmReply `json:"nfm_reply"`
	}
	m.Type = "nfm_reply"
	if json.Unmarshal(body, &m.Reply) != nil {
		return nil
	}
	encoded, err := channel.Encode(m)
	if err != nil {
		return nil
	}
	return &parley.ContactMessage{ChannelSpecific: &parley.ContactChannelSpecificMessage{
		MessageType: m.Type, Message: encoded,
	}}
}

func (o *inboundOrder) content() *parley.ContactMessage {
	products := make([]parley.ListProduct, len(o.Items))
	for i, item := range o.Items {
		products[i] = parley.ListProduct{
			ID: item.ID, Marketplace: marketplace, Quantity: item.Quantity, ItemPrice: item.Price, Currency: item.Currency,
		}
	}
	return &parley.ContactMessage{ProductResponse: &parley.ProductResponseMessage{
		Products: products, Title: o.Text, Text: o.Text, CatalogID: o.CatalogID,
	}}
}

// event returns the reaction; one without an emoji takes the last one back.
func (r *inboundReaction) event() *parley.ContactMessageEvent {
	e := &parley.ReactionEvent{Emoji: r.Emoji, Action: parley.ReactionReact}
	if r.Emoji == "" {
		e.Action = parley.ReactionUnreact
	}
	return &parley.ContactMessageEvent{Reaction: e}
}

func fallback(body raw, why parley.Reason) *parley.ContactMessage {
	return &parley.ContactMessage{Fallback: &parley.FallbackMessage{RawMessage: string(body), Reason: &why}}
}

// metadata returns WhatsApp's own news about the message, or "".
func (m *inboundMessage) metadata() string {
	news := struct {
		Referral            raw  `json:"referral,omitempty"`
		ReferredProduct     raw  `json:"referred_product,omitempty"`
		Forwarded           bool `json:"forwarded,omitempty"`
		FrequentlyForwarded bool `json:"frequently_forwarded,omitempty"`
	}{m.Referral, m.Context.ReferredProduct, m.Context.Forwarded, m.Context.FrequentlyForwarded}
	encoded, err := channel.Encode(news)
	if err != nil || string(encoded) == "{}" {
		return ""
	}
	return string(encoded)
}
