package telegram

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// A request is the parameters of a send method, together with its name: the
// form in which Telegram also takes calls as answers to its webhooks. Texts
// carry no parse_mode, so nothing in them needs escaping.
type request struct {
	Method string `json:"method"`
	ChatID any    `json:"chat_id"`

	Text      string       `json:"text,omitempty"`
	Photo     string       `json:"photo,omitempty"`
	Video     string       `json:"video,omitempty"`
	Animation string       `json:"animation,omitempty"`
	Audio     string       `json:"audio,omitempty"`
	Voice     string       `json:"voice,omitempty"`
	Document  string       `json:"document,omitempty"`
	Sticker   string       `json:"sticker,omitempty"`
	Caption   string       `json:"caption,omitempty"`
	Preview   *linkPreview `json:"link_preview_options,omitempty"`

	Latitude  json.Number `json:"latitude,omitempty"`
	Longitude json.Number `json:"longitude,omitempty"`
	Title     string      `json:"title,omitempty"`
	Address   string      `json:"address,omitempty"`

	PhoneNumber string `json:"phone_number,omitempty"`
	FirstName   string `json:"first_name,omitempty"`
	LastName    string `json:"last_name,omitempty"`
	VCard       string `json:"vcard,omitempty"`

	Reply  *replyParameters `json:"reply_parameters,omitempty"`
	Markup *markup          `json:"reply_markup,omitempty"`
}

type linkPreview struct {
	IsDisabled bool `json:"is_disabled"`
}

type replyParameters struct {
	MessageID int64 `json:"message_id"`
	Lenient   bool  `json:"allow_sending_without_reply"`
}

// Render returns one payload for each message the contact will see: one for
// most messages, one a card of a carousel.
func (Channel) Render(o *channel.Outgoing) ([]channel.Payload, error) {
	if specific, ok := o.Message.ChannelSpecific[parley.ChannelTelegram]; ok {
		return nil, channel.Refuse(parley.ReasonBadRequest,
			"TELEGRAM has no channel specific message "+strconv.Quote(specific.MessageType))
	}
	if raw, ok := o.Message.ExplicitChannel[parley.ChannelTelegram]; ok {
		return explicit(raw, o.To.Identity)
	}
	r := &renderer{chat: chatID(o.To.Identity)}
	if off, err := strconv.ParseBool(strings.ToLower(o.Properties["TELEGRAM_DISABLE_LINK_PREVIEW"])); err == nil && off {
		r.preview = &linkPreview{IsDisabled: true}
	}
	if err := r.content(o.Message); err != nil {
		return nil, err
	}
	return r.payloads(o.ReplyTo)
}

// sending matches the methods an explicit message may name: those that send
// something and return its id. The bot's own settings are not for messages.
var sending = regexp.MustCompile(`^(send[A-Z][A-Za-z]*|copyMessage|forwardMessage)$`)

// explicit completes a request the app wrote itself. The chat is always the
// recipient's.
func explicit(raw, identity string) ([]channel.Payload, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(raw), &members); err != nil || members == nil {
		return nil, channel.Refuse(parley.ReasonBadRequest, "the explicit TELEGRAM message is not a JSON object")
	}
	method := "sendMessage"
	if m, ok := members["method"]; ok {
		if err := json.Unmarshal(m, &method); err != nil || !sending.MatchString(method) || method == "sendChatAction" {
			return nil, channel.Refuse(parley.ReasonBadRequest, "the explicit TELEGRAM message names no method that sends a message")
		}
	}
	all := make(map[string]any, len(members)+2)
	for name, value := range members {
		all[name] = value
	}
	all["method"], all["chat_id"] = method, chatID(identity)
	body, err := channel.Encode(all)
	if err != nil {
		return nil, channel.Refuse(parley.ReasonBadRequest, "the explicit TELEGRAM message cannot be encoded")
	}
	return []channel.Payload{{Body: body}}, nil
}

// A renderer collects the requests that say one message.
type renderer struct {
	chat    any
	preview *linkPreview
	out     []*request
}

// payloads encodes the requests; the first quotes the message replied to.
func (r *renderer) payloads(replyTo channel.ProviderID) ([]channel.Payload, error) {
	if _, id, ok := strings.Cut(string(replyTo), ":"); ok && len(r.out) > 0 {
		if n, err := strconv.ParseInt(id, 10, 64); err == nil {
			r.out[0].Reply = &replyParameters{MessageID: n, Lenient: true}
		}
	}
	all := make([]channel.Payload, len(r.out))
	for i, req := range r.out {
		body, err := channel.Encode(req)
		if err != nil {
			return nil, channel.Refuse(parley.ReasonInternalError, "the message cannot be encoded")
		}
		all[i].Body = body
	}
	return all, nil
}

func (r *renderer) content(m *parley.AppMessage) error {
	switch v := m.Content().(type) {
	case *parley.TextMessage:
		r.text(v.Text, nil)
	case *parley.MediaMessage:
		r.media(v, "", nil)
	case *parley.ChoiceMessage:
		return r.choice(v)
	case *parley.CardMessage:
		return r.card(v, v.Choices)
	case *parley.CarouselMessage:
		return r.carousel(v)
	case *parley.ListMessage:
		return r.list(v)
	case *parley.LocationMessage:
		r.location(v)
	case *parley.ContactInfoMessage:
		r.contact(v)
	case *parley.TemplateMessage:
		return channel.Refuse(parley.ReasonTemplateNotFound, "TELEGRAM has no templates of its own")
	case nil:
		return channel.Refuse(parley.ReasonBadRequest, "the message has no body for TELEGRAM")
	}
	return nil
}

// add appends a request of the method and returns it to be filled in.
func (r *renderer) add(method string) *request {
	req := &request{Method: method, ChatID: r.chat}
	r.out = append(r.out, req)
	return req
}

// noWords stands where Telegram wants a text and the message has none; an
// empty one is refused.
const noWords = "…"

// text sends words, in as many messages as they need; the last has the
// buttons.
func (r *renderer) text(words string, keys *markup) {
	if words == "" {
		words = noWords
	}
	pieces := transcode.Split(words, maxText, channel.UTF16)
	for i, piece := range pieces {
		req := r.add("sendMessage")
		req.Text, req.Preview = piece, r.preview
		if i == len(pieces)-1 {
			req.Markup = keys
		}
	}
}

func (r *renderer) choice(m *parley.ChoiceMessage) error {
	keys, lines, err := keyboard(m.Choices)
	if err != nil {
		return err
	}
	words := ""
	if m.Text != nil {
		words = m.Text.Text
	}
	r.text(transcode.Join("\n\n", words, transcode.Join("\n", lines...)), keys)
	return nil
}

// card is the media with title and description as its caption and choices
// below.
func (r *renderer) card(m *parley.CardMessage, choices []parley.Choice) error {
	keys, lines, err := keyboard(choices)
	if err != nil {
		return err
	}
	words := transcode.Join("\n\n", transcode.Join("\n", m.Title, m.Description), transcode.Join("\n", lines...))
	r.shown(m.Media, words, keys)
	return nil
}

// carousel is its cards, one message each; the last one also has the choices
// that belong to all.
func (r *renderer) carousel(m *parley.CarouselMessage) error {
	for i := range m.Cards {
		choices := m.Cards[i].Choices
		if i == len(m.Cards)-1 {
			choices = slices.Concat(choices, m.Choices)
		}
		if err := r.card(&m.Cards[i], choices); err != nil {
			return err
		}
	}
	return nil
}

// list is a button for each item. Titles of sections and descriptions of
// items, for which buttons have no room, are in the text.
func (r *renderer) list(m *parley.ListMessage) error {
	var sections []string
	keys := &markup{}
	for _, s := range m.Sections {
		lines := []string{s.Title}
		for _, item := range s.Items {
			switch {
			case item.Choice != nil:
				if err := keys.postback(item.Choice.Title, item.Choice.PostbackData); err != nil {
					return err
				}
				if more := about(item.Choice); s.Title != "" || more != "" {
					lines = append(lines, style.Bullet+transcode.Join(": ", item.Choice.Title, more))
				}
			case item.Product != nil:
				lines = append(lines, style.Bullet+item.Product.ID) // a catalogue's; Telegram has none
			}
		}
		sections = append(sections, transcode.Join("\n", lines...))
	}
	if keys.Inline == nil {
		keys = nil
	}
	words := transcode.Join("\n\n", transcode.Join("\n", m.Title, m.Description), transcode.Join("\n\n", sections...))
	r.shown(m.Media, words, keys)
	return nil
}

// about is what a button cannot show of an item.
func about(c *parley.ListChoice) string {
	if c.Media == nil {
		return c.Description
	}
	return transcode.Join(" ", c.Description, c.Media.URL)
}

// shown sends words, below media where there is some.
func (r *renderer) shown(media *parley.MediaMessage, words string, keys *markup) {
	if media != nil {
		r.media(media, words, keys)
		return
	}
	r.text(words, keys)
}

// location is a venue, which has words, or a bare point.
func (r *renderer) location(m *parley.LocationMessage) {
	lat, long := transcode.Coordinate(m.Coordinates.Latitude), transcode.Coordinate(m.Coordinates.Longitude)
	req := r.add("sendLocation")
	req.Latitude, req.Longitude = json.Number(lat), json.Number(long)
	if m.Title == "" {
		return
	}
	req.Method, req.Title, req.Address = "sendVenue", m.Title, m.Label
	if req.Address == "" {
		req.Address = lat + ", " + long // Telegram requires an address
	}
}
