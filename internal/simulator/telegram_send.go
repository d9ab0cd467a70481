package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// tgContent is what one send method puts in a message.
type tgContent func(c *tgCall, m *tgMessage, it *Item) error

// send makes a method of what fills its message.
func (t *telegram) send(fill tgContent) tgMethod {
	return func(c *tgCall) (any, error) {
		m, it := &tgMessage{}, &Item{}
		phone, chat, err := c.chat()
		if err == nil {
			err = fill(c, m, it)
		}
		if err == nil {
			err = c.markup(m, it)
		}
		if err != nil {
			t.sim.stats.refused(ProviderTelegram)
			return nil, err
		}
		out, err := c.deliver(phone, chat, []tgDraft{{m, it}})
		if err != nil {
			return nil, err
		}
		return out[0], nil
	}
}

// tgDraft is a message about to be sent and how the phone shows it.
type tgDraft struct {
	msg  *tgMessage
	item *Item
}

// deliver puts messages on the phone, unless its behaviour is otherwise.
func (c *tgCall) deliver(phone key, chat int64, drafts []tgDraft) ([]*tgMessage, error) {
	quoted, err := c.quoted(phone)
	if err != nil {
		c.t.sim.stats.refused(ProviderTelegram)
		return nil, err
	}
	b, err := c.t.sim.admit(&incoming{phone: phone, item: Item{Provider: ProviderTelegram}, refuse: tgRefusal})
	if err != nil {
		return nil, err
	}
	out := make([]*tgMessage, 0, len(drafts))
	for _, d := range drafts {
		c.complete(d, phone, chat, quoted)
		if b.Deliver == DeliverNever {
			d.item.Status = StatusSent
		}
		it := c.t.sim.phones.add(phone, *d.item)
		if d.item.Status == "" {
			c.t.sim.timers.after(time.Duration(b.DeliveredAfter), func() {
				c.t.sim.phones.edit(phone, it.ID, func(it *Item) { it.Status = StatusDelivered })
			})
		}
		out = append(out, d.msg)
	}
	if b.Hang == HangAfter {
		return nil, hangError{b}
	}
	return out, nil
}

// complete fills what all messages have.
func (c *tgCall) complete(d tgDraft, phone key, chat int64, quoted *Item) {
	user := c.bot.profile()
	d.msg.MessageID = c.t.nextMessage(phone)
	d.msg.From, d.msg.Date = &user, c.t.sim.now().Unix()
	d.msg.Chat = tgChat{ID: chat, Type: "private", FirstName: c.t.nameOf(phone)}
	if quoted != nil {
		if q, ok := quoted.raw.(*tgMessage); ok {
			d.msg.ReplyToMessage = q.quote()
		}
		d.item.ReplyTo = quoted.ID
	}
	d.item.Direction, d.item.Account, d.item.Provider = In, c.bot.token, ProviderTelegram
	d.item.ProviderID = strconv.FormatInt(d.msg.MessageID, 10)
	d.item.Native, d.item.raw = c.native, d.msg
}

// tgRefusal is the error a phone's behaviour makes of a send, or nil.
func tgRefusal(b Behaviour, blocked bool) error {
	switch {
	case blocked:
		return &tgError{Code: http.StatusForbidden, Description: "Forbidden: bot was blocked by the user"}
	case b.Deliver == DeliverRateLimit:
		n := b.retryAfter()
		return &tgError{
			Code: http.StatusTooManyRequests, RetryAfter: n,
			Description: fmt.Sprintf("Too Many Requests: retry after %d", n),
		}
	case b.Deliver == DeliverReject || b.Deliver == DeliverRefuse:
		return tgFailure(b.FailCode.or("403 Forbidden: bot was blocked by the user"))
	}
	return nil
}

// tgFailure makes an error of a fail_code: a number, a description or both.
func tgFailure(code string) *tgError {
	number, text, _ := strings.Cut(code, " ")
	n, err := strconv.Atoi(number)
	if err != nil || n < 400 || n > 599 {
		return &tgError{Code: http.StatusBadRequest, Description: code}
	}
	return &tgError{Code: n, Description: orElse(text, http.StatusText(n))}
}

// quoted finds the message being replied to.
func (c *tgCall) quoted(phone key) (*Item, error) {
	id, lenient := c.integer("reply_to_message_id"), c.flag("allow_sending_without_reply")
	var p struct {
		MessageID int64 `json:"message_id"`
		Lenient   bool  `json:"allow_sending_without_reply"`
	}
	if err := c.object("reply_parameters", &p); err != nil {
		return nil, err
	}
	if p.MessageID != 0 {
		id, lenient = p.MessageID, p.Lenient
	}
	if id == 0 {
		return nil, nil //nolint:nilnil // most messages quote nothing
	}
	it, ok := c.t.message(c.bot.token, phone, id)
	if !ok && !lenient {
		return nil, tgBad("message to be replied not found")
	}
	if !ok {
		return nil, nil //nolint:nilnil // sent without the quote, as asked
	}
	return &it, nil
}

// message finds a message of a chat by its id.
func (t *telegram) message(token string, phone key, id int64) (Item, bool) {
	want := strconv.FormatInt(id, 10)
	return t.sim.phones.last(phone, func(it *Item) bool {
		return it.ProviderID == want && it.Account == token && it.Status != StatusDeleted
	})
}

func (t *telegram) nextMessage(phone key) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.messages[phone]++
	return t.messages[phone]
}

func (t *telegram) nameOf(phone key) (name string) {
	t.sim.phones.locked(phone, func(h *handset) { name = h.name })
	return name
}

// words reads a text and its formatting from the named parameters.
func (c *tgCall) words(text, entities string, most int, tooLong string) (string, []tgEntity, error) {
	raw := c.params[text]
	if !utf8.ValidString(raw) {
		return "", nil, tgBad("strings must be encoded in UTF-8")
	}
	var es []tgEntity
	switch mode := strings.ToLower(c.params["parse_mode"]); mode {
	case "":
		if err := c.object(entities, &es); err != nil {
			return "", nil, err
		}
	case "html":
		var err error
		if raw, es, err = parseHTML(raw); err != nil {
			return "", nil, err
		}
	case "markdown", "markdownv2":
		return "", nil, tgBad("can't parse entities: the simulator knows parse_mode HTML only")
	default:
		return "", nil, tgBad("unsupported parse_mode")
	}
	if utf8.RuneCountInString(raw) > most {
		return "", nil, tgBad(tooLong)
	}
	return raw, es, nil
}

// tgText is sendMessage.
func tgText(c *tgCall, m *tgMessage, it *Item) error {
	if c.params["text"] == "" {
		return tgBad("message text is empty")
	}
	text, es, err := c.words("text", "entities", tgTextMost, "message is too long")
	if err != nil {
		return err
	}
	// Telegram trims the ends and refuses what is then empty.
	if strings.TrimSpace(text) == "" {
		return tgBad("text must be non-empty")
	}
	m.Text, m.Entities = strings.TrimSpace(text), es
	it.Type, it.Text = "text", m.Text
	return nil
}

// tgMedia is sendPhoto and its like; kind is also the name of the parameter.
func tgMedia(kind string) tgContent {
	return func(c *tgCall, m *tgMessage, it *Item) error {
		if c.params[kind] == "" {
			return tgBad("there is no " + kind + " in the request")
		}
		f, err := c.file(kind, c.params[kind])
		if err != nil {
			return err
		}
		if kind != "sticker" {
			m.Caption, m.CaptionEntities, err = c.words("caption", "caption_entities", tgCaptionMost, "message caption is too long")
			if err != nil {
				return err
			}
		}
		m.setFile(kind, newTgFile(kind, f))
		it.Type, it.Text, it.Media = kind, m.Caption, []Media{f.shown(mediaKind(kind))}
		return nil
	}
}

// mediaKind is a Telegram media type in the words of Media.Kind.
func mediaKind(kind string) string {
	if kind == "photo" {
		return "image"
	}
	return kind
}

// file finds the file a parameter names: an upload, an address or a file id.
func (c *tgCall) file(kind, v string) (*file, error) {
	if name, ok := strings.CutPrefix(v, "attach://"); ok {
		f := c.files[name]
		switch {
		case f == nil:
			return nil, tgBad("file not found in the request: " + name)
		case len(f.data) == 0:
			return nil, tgBad("file must be non-empty")
		case kind == "photo" && len(f.data) > tgPhotoMost:
			return nil, tgBad("file is too big")
		}
		return f, nil
	}
	if strings.HasPrefix(v, "http://") || strings.HasPrefix(v, "https://") {
		return c.t.sim.media.link(v, "", ""), nil
	}
	if f := c.t.sim.media.get(strings.TrimPrefix(v, "SIM")); f != nil && strings.HasPrefix(v, "SIM") {
		return f, nil
	}
	return nil, tgBad("wrong file identifier/HTTP URL specified")
}

// tgLocation is sendLocation.
func tgLocation(c *tgCall, m *tgMessage, it *Item) error {
	at, err := c.place()
	if err != nil {
		return err
	}
	m.Location = &at
	it.Type, it.Text = "location", Location{Latitude: at.Latitude, Longitude: at.Longitude}.text()
	return nil
}

// tgVenueContent is sendVenue.
func tgVenueContent(c *tgCall, m *tgMessage, it *Item) error {
	at, err := c.place()
	if err != nil {
		return err
	}
	v := tgVenue{Location: at, Title: c.params["title"], Address: c.params["address"]}
	if v.Title == "" {
		return tgBad("venue title must be non-empty")
	}
	if v.Address == "" {
		return tgBad("venue address must be non-empty")
	}
	m.Venue, m.Location = &v, &at
	it.Type = "venue"
	it.Text = Location{Latitude: at.Latitude, Longitude: at.Longitude, Title: v.Title, Address: v.Address}.text()
	return nil
}

func (c *tgCall) place() (tgPlace, error) {
	lat, err1 := strconv.ParseFloat(c.params["latitude"], 64)
	long, err2 := strconv.ParseFloat(c.params["longitude"], 64)
	switch {
	case c.params["latitude"] == "":
		return tgPlace{}, tgBad("latitude is empty")
	case c.params["longitude"] == "":
		return tgPlace{}, tgBad("longitude is empty")
	case err1 != nil || lat < -90 || lat > 90 || err2 != nil || long < -180 || long > 180:
		return tgPlace{}, tgBad("wrong location specified")
	}
	return tgPlace{lat, long}, nil
}

// tgContactContent is sendContact.
func tgContactContent(c *tgCall, m *tgMessage, it *Item) error {
	k := tgContact{
		PhoneNumber: c.params["phone_number"], FirstName: c.params["first_name"],
		LastName: c.params["last_name"], VCard: c.params["vcard"],
	}
	switch {
	case k.PhoneNumber == "":
		return tgBad("phone number must be non-empty")
	case k.FirstName == "":
		return tgBad("first name must be non-empty")
	case len(k.VCard) > tgVCardMost:
		return tgBad("vCard is too long")
	}
	m.Contact = &k
	it.Type = "contact"
	it.Text = lines(strings.TrimSpace(k.FirstName+" "+k.LastName), k.PhoneNumber)
	return nil
}

// sendMediaGroup sends an album: one message for each file.
func (t *telegram) sendMediaGroup(c *tgCall) (any, error) {
	phone, chat, err := c.chat()
	if err != nil {
		return nil, err
	}
	var media []struct {
		Type    string          `json:"type"`
		Media   string          `json:"media"`
		Caption string          `json:"caption"`
		Mode    string          `json:"parse_mode"`
		Spans   json.RawMessage `json:"caption_entities"`
	}
	if err := c.object("media", &media); err != nil {
		return nil, err
	}
	if len(media) == 0 {
		return nil, tgBad("there are no messages to send")
	}
	if len(media) > tgAlbumMost {
		return nil, tgBad("too many messages to send as an album")
	}
	group := strconv.FormatInt(t.sim.now().UnixNano(), 10)
	var drafts []tgDraft
	for _, in := range media {
		switch in.Type {
		case "photo", "video", "audio", "document":
		default:
			return nil, tgBad("type of the media to be sent as an album must be photo, video, audio or document")
		}
		part := &tgCall{t: t, bot: c.bot, files: c.files, params: map[string]string{
			in.Type: in.Media, "caption": in.Caption, "parse_mode": in.Mode, "caption_entities": string(in.Spans),
		}}
		d := tgDraft{&tgMessage{MediaGroupID: group}, &Item{}}
		if err := tgMedia(in.Type)(part, d.msg, d.item); err != nil {
			t.sim.stats.refused(ProviderTelegram)
			return nil, err
		}
		drafts = append(drafts, d)
	}
	return c.deliver(phone, chat, drafts)
}
