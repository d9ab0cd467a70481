package telegram

import (
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// Receive reads one update. Updates from groups and channels mean nothing
// here; anything else from a person comes out as something.
func (Channel) Receive(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	got := r.Header.Get("X-Telegram-Bot-Api-Secret-Token")
	if c.Secret == "" || subtle.ConstantTimeCompare([]byte(got), []byte(c.Secret)) != 1 {
		return channel.Received{}, channel.ErrForged
	}
	var u update
	if err := json.Unmarshal(body, &u); err != nil {
		return channel.Received{}, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	if u.ID == 0 {
		return channel.Received{}, fmt.Errorf("%w: no update_id", channel.ErrMalformed)
	}
	in := u.inbound(body)
	for i := range in {
		in[i].To = botID(c.Credential)
	}
	return channel.Received{Inbound: in}, nil
}

// botID is the bot's user id, which is the open part of its token.
func botID(c *parley.ChannelCredential) string {
	if c == nil || c.Telegram == nil {
		return ""
	}
	id, _, _ := strings.Cut(c.Telegram.Token, ":")
	return id
}

func (u *update) inbound(raw []byte) []channel.Inbound {
	switch {
	case u.Message != nil:
		return u.Message.inbound(raw)
	case u.CallbackQuery != nil:
		return u.CallbackQuery.inbound(raw)
	case u.Reaction != nil:
		return u.Reaction.inbound(u.id(), raw)
	case u.MyChatMember != nil:
		return u.MyChatMember.inbound(u.id(), raw)
	case u.EditedMessage != nil:
		m := u.EditedMessage
		if !m.Chat.private() {
			return nil
		}
		in := m.start()
		in.ID, in.Unsupported = u.id(), string(raw)
		return []channel.Inbound{in}
	}
	return u.unknown(raw)
}

// id is the same whenever Telegram repeats the update. It stands in where the
// update names nothing with an id of its own.
func (u *update) id() channel.ProviderID {
	return channel.ProviderID("update:" + strconv.FormatInt(u.ID, 10))
}

// unknown passes on an update of a kind that is not asked for, if it says who
// it is from.
func (u *update) unknown(raw []byte) []channel.Inbound {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return nil
	}
	for name, value := range members {
		var m struct {
			From *user `json:"from"`
			User *user `json:"user"`
			Chat *chat `json:"chat"`
		}
		if name == "update_id" || json.Unmarshal(value, &m) != nil {
			continue
		}
		if m.From == nil {
			m.From = m.User
		}
		if m.From == nil || m.From.ID == 0 || m.Chat != nil && !m.Chat.private() {
			continue
		}
		return []channel.Inbound{{ID: u.id(), From: address(m.From), Unsupported: string(raw)}}
	}
	return nil
}

// address is where somebody is written to: the id of the private chat with a
// user is the user's own.
func address(u *user) channel.Address {
	return channel.Address{Identity: strconv.FormatInt(u.ID, 10), Name: u.name()}
}

// start fills in what every message has.
func (m *message) start() channel.Inbound {
	in := channel.Inbound{
		ID:   messageID(m.Chat.identity(), m.MessageID),
		At:   channel.Instant(m.Date),
		From: channel.Address{Identity: m.Chat.identity(), Name: m.Chat.name()},
	}
	if m.From != nil {
		in.From.Name = m.From.name()
	}
	if m.ReplyTo != nil {
		in.ReplyTo = messageID(m.Chat.identity(), m.ReplyTo.MessageID)
	}
	return in
}

func (m *message) inbound(raw []byte) []channel.Inbound {
	if !m.Chat.private() {
		return nil
	}
	in := m.start()
	if m.Text != "" {
		in.Message = &parley.ContactMessage{Text: &parley.TextMessage{Text: m.Text}}
		if !m.starts() {
			return []channel.Inbound{in}
		}
		in2 := m.start()
		in2.ID, in2.OptIn = in.ID+":start", true
		return []channel.Inbound{in2, in}
	}
	in.Message, in.Media = m.content(raw)
	if in.Message == nil {
		in.Unsupported = string(raw)
	}
	return []channel.Inbound{in}
}

// starts reports whether the message is what the Start button sends, with or
// without the payload of a deep link.
func (m *message) starts() bool {
	return m.Text == "/start" || strings.HasPrefix(m.Text, "/start ")
}

// content reads everything but text. A service message, such as a pinned
// message, has none.
func (m *message) content(raw []byte) (*parley.ContactMessage, *channel.MediaRef) {
	if ref := m.media(); ref != nil {
		if m.Caption != "" {
			return &parley.ContactMessage{MediaCard: &parley.MediaCardMessage{Caption: m.Caption}}, ref
		}
		return &parley.ContactMessage{Media: &parley.MediaMessage{}}, ref
	}
	switch {
	case m.Venue != nil: // which has a location, too
		return &parley.ContactMessage{Location: &parley.LocationMessage{
			Title: m.Venue.Title, Label: m.Venue.Address, Coordinates: parley.Coordinates(m.Venue.Location),
		}}, nil
	case m.Location != nil:
		return &parley.ContactMessage{Location: &parley.LocationMessage{
			Coordinates: parley.Coordinates(*m.Location),
		}}, nil
	}
	for _, other := range []json.RawMessage{
		m.Contact, m.Poll, m.Dice, m.Game, m.Invoice, m.Story, m.Checklist, m.PaidMedia, m.WebAppData, m.Shared,
	} {
		if other != nil {
			return &parley.ContactMessage{Fallback: &parley.FallbackMessage{RawMessage: string(raw)}}, nil
		}
	}
	return nil, nil
}

// media names the file of a message, or returns nil. An animation comes with
// a document too, for older bots.
func (m *message) media() *channel.MediaRef {
	var f *file
	mime := ""
	switch {
	case len(m.Photo) > 0:
		largest := slices.MaxFunc(m.Photo, func(a, b file) int { return cmp.Compare(a.Width, b.Width) })
		f, mime = &largest, "image/jpeg" // whatever was uploaded
	case m.Animation != nil:
		f, mime = m.Animation, "video/mp4"
	case m.Video != nil:
		f, mime = m.Video, "video/mp4"
	case m.VideoNote != nil:
		f, mime = m.VideoNote, "video/mp4"
	case m.Audio != nil:
		f = m.Audio
	case m.Voice != nil:
		f, mime = m.Voice, "audio/ogg"
	case m.Sticker != nil:
		f, mime = m.Sticker, m.Sticker.stickerType()
	case m.Document != nil:
		f = m.Document
	}
	if f == nil || f.FileID == "" {
		return nil
	}
	if f.MIMEType != "" {
		mime = f.MIMEType
	}
	return &channel.MediaRef{Ref: f.FileID, MIME: mime, Filename: f.FileName}
}

func (f *file) stickerType() string {
	switch {
	case f.IsAnimated:
		return "application/x-tgsticker"
	case f.IsVideo:
		return "video/webm"
	}
	return "image/webp"
}

// inbound reads a tapped button. Telegram does not say when it was tapped.
func (q *callbackQuery) inbound(raw []byte) []channel.Inbound {
	in := channel.Inbound{ID: channel.ProviderID("callback:" + q.ID), From: address(&q.From), Ack: q.ID}
	if q.From.ID == 0 {
		return nil
	}
	if q.Message != nil {
		if !q.Message.Chat.private() {
			return nil
		}
		in.ReplyTo = messageID(q.Message.Chat.identity(), q.Message.MessageID)
	}
	if q.Data == "" { // a game
		in.Unsupported = string(raw)
	} else {
		in.Message = &parley.ContactMessage{ChoiceResponse: &parley.ChoiceResponseMessage{PostbackData: q.Data}}
	}
	return []channel.Inbound{in}
}

// inbound tells the reactions that are gone and those that are new. Only
// plain emoji have words in the API.
func (r *reactions) inbound(id channel.ProviderID, raw []byte) []channel.Inbound {
	if !r.Chat.private() {
		return nil
	}
	start := channel.Inbound{
		ID:      id,
		At:      channel.Instant(r.Date),
		From:    channel.Address{Identity: r.Chat.identity(), Name: r.Chat.name()},
		ReplyTo: messageID(r.Chat.identity(), r.MessageID),
	}
	if r.User != nil {
		start.From.Name = r.User.name()
	}
	var all []channel.Inbound
	add := func(these, others []reaction, action string) {
		for _, e := range these {
			if e.Emoji == "" || slices.Contains(others, e) {
				continue
			}
			in := start
			in.ID = channel.ProviderID(fmt.Sprintf("%s:%d", id, len(all)))
			in.MessageEvent = &parley.ContactMessageEvent{
				Reaction: &parley.ReactionEvent{Emoji: e.Emoji, Action: action},
			}
			all = append(all, in)
		}
	}
	add(r.Old, r.New, parley.ReactionUnreact)
	add(r.New, r.Old, parley.ReactionReact)
	if all == nil {
		start.Unsupported = string(raw)
		all = append(all, start)
	}
	return all
}

// inbound reads what the person did to the bot itself: stopped and blocked
// it, or started it again.
func (m *memberUpdate) inbound(id channel.ProviderID, raw []byte) []channel.Inbound {
	if !m.Chat.private() {
		return nil
	}
	in := channel.Inbound{
		ID: id, At: channel.Instant(m.Date),
		From: channel.Address{Identity: m.Chat.identity(), Name: m.From.name()},
	}
	switch m.New.Status {
	case "kicked":
		in.OptOut = true
	case "member":
		in.OptIn = true
	default:
		in.Unsupported = string(raw)
	}
	return []channel.Inbound{in}
}
