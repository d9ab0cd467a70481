package simulator

import (
	"fmt"
	"strconv"
)

// The phone's side of TELEGRAM: what its owner does becomes an update.

func (t *telegram) byToken(token string) (*tgBot, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if b := t.bots[token]; b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("account %w", errNotFound)
}

// person is the owner of the phone as bots see them.
func (t *telegram) person(phone key) (tgUser, tgChat, error) {
	id, err := strconv.ParseInt(phone.identity, 10, 64)
	if err != nil || id <= 0 {
		return tgUser{}, tgChat{}, fmt.Errorf("identity: want the number of a private chat")
	}
	name := t.nameOf(phone)
	return tgUser{ID: id, FirstName: name, Language: "en"}, tgChat{ID: id, Type: "private", FirstName: name}, nil
}

// reply sends a message to the bot.
func (t *telegram) reply(token string, phone key, r Reply) (Item, error) {
	if r.Reaction != nil {
		return t.react(token, phone, r)
	}
	return t.write(token, phone, r.item(token, ProviderTelegram), func(m *tgMessage) {
		switch {
		case r.Text != nil:
			m.Text = *r.Text
			m.Entities = commandEntity(m.Text)
		case r.file != nil:
			kind := r.file.kind()
			if kind == "image" {
				kind = "photo"
			}
			m.setFile(kind, newTgFile(kind, r.file))
			m.Caption = r.Caption
		case r.Location != nil:
			m.Location = &tgPlace{r.Location.Latitude, r.Location.Longitude}
			if r.Location.Title != "" {
				m.Venue = &tgVenue{Location: *m.Location, Title: r.Location.Title, Address: r.Location.Address}
			}
		case r.Contact != nil:
			m.Contact = &tgContact{PhoneNumber: r.Contact.Phone, FirstName: r.Contact.Name}
		}
		if r.quoted != nil {
			if q, ok := r.quoted.raw.(*tgMessage); ok {
				m.ReplyToMessage = q.quote()
			}
		}
	})
}

// write sends the bot a message that fill completes.
func (t *telegram) write(token string, phone key, it Item, fill func(m *tgMessage)) (Item, error) {
	bot, err := t.byToken(token)
	if err != nil {
		return Item{}, err
	}
	user, chat, err := t.person(phone)
	if err != nil {
		return Item{}, err
	}
	m := &tgMessage{MessageID: t.nextMessage(phone), From: &user, Chat: chat, Date: t.sim.now().Unix()}
	fill(m)
	it.ProviderID = strconv.FormatInt(m.MessageID, 10)
	return t.tell(bot, phone, it, m, func(string) *tgUpdate { return &tgUpdate{Message: m} })
}

// tell puts the item in the thread and sends the bot the update made of it.
func (t *telegram) tell(bot *tgBot, phone key, it Item, raw any, update func(id string) *tgUpdate) (Item, error) {
	it.raw = raw
	it = t.sim.phones.add(phone, it)
	t.sim.stats.inbound(ProviderTelegram)
	id := it.ID
	body, err := bot.update(phone, update(id), func(err error, last bool) {
		t.sim.phones.edit(phone, id, outStatus(err, last))
	})
	if err != nil {
		return Item{}, err
	}
	t.sim.phones.edit(phone, id, func(it *Item) { it.Native = body })
	it.Native = body
	return it, nil
}

// commandEntity marks a bot command at the start of a text.
func commandEntity(text string) []tgEntity {
	n := 0
	for n < len(text) && text[n] != ' ' && text[n] != '\n' {
		n++
	}
	if n < 2 || text[0] != '/' {
		return nil
	}
	return []tgEntity{{Type: "bot_command", Length: n}}
}

func (t *telegram) react(token string, phone key, r Reply) (Item, error) {
	bot, err := t.byToken(token)
	if err != nil {
		return Item{}, err
	}
	user, chat, err := t.person(phone)
	if err != nil {
		return Item{}, err
	}
	u := &tgReaction{Chat: chat, User: &user, Date: t.sim.now().Unix(), OldReaction: []tgEmojiSet{}, NewReaction: []tgEmojiSet{}}
	if u.MessageID, err = strconv.ParseInt(r.quoted.ProviderID, 10, 64); err != nil {
		return Item{}, fmt.Errorf("reply_to: %w", err)
	}
	before, _ := t.sim.phones.last(phone, func(it *Item) bool {
		return it.Direction == Out && it.Account == token && it.Type == "reaction" && it.ReplyTo == r.ReplyTo
	})
	if before.Text != "" {
		u.OldReaction = append(u.OldReaction, tgEmojiSet{"emoji", before.Text})
	}
	if *r.Reaction != "" {
		u.NewReaction = append(u.NewReaction, tgEmojiSet{"emoji", *r.Reaction})
	}
	return t.tell(bot, phone, r.item(token, ProviderTelegram), nil,
		func(string) *tgUpdate { return &tgUpdate{MessageReaction: u} })
}

// tap presses a button.
func (t *telegram) tap(token string, phone key, it Item, c Choice) (Item, error) {
	out := Item{
		Direction: Out, Account: token, Provider: ProviderTelegram, Status: StatusPending,
		Type: "text", Text: c.Title,
	}
	switch c.Kind {
	case "location":
		at := Location{Latitude: 55.6059, Longitude: 13.0007} // Malmö: everybody must be somewhere
		out.Type, out.Text, out.ReplyTo = "location", at.text(), it.ID
		return t.write(token, phone, out, func(m *tgMessage) {
			m.Location = &tgPlace{at.Latitude, at.Longitude}
			if q, ok := it.raw.(*tgMessage); ok {
				m.ReplyToMessage = q.quote()
			}
		})
	case "contact":
		out.Type, out.Text = "contact", phone.identity
		return t.write(token, phone, out, func(m *tgMessage) {
			m.Contact = &tgContact{PhoneNumber: phone.identity, FirstName: m.From.FirstName, UserID: m.From.ID}
		})
	case "callback":
	default:
		return t.write(token, phone, out, func(m *tgMessage) { m.Text = c.Title })
	}
	bot, err := t.byToken(token)
	if err != nil {
		return Item{}, err
	}
	user, chat, err := t.person(phone)
	if err != nil {
		return Item{}, err
	}
	m, _ := it.raw.(*tgMessage)
	out.Type, out.ReplyTo = "callback_query", it.ID
	q := &tgCallbackQuery{
		ID: bot.query(phone, it.ID), From: user, Message: m, Data: c.Payload,
		ChatInstance: strconv.FormatInt(chat.ID*7919, 10),
	}
	out.ProviderID = q.ID
	return t.tell(bot, phone, out, nil, func(string) *tgUpdate { return &tgUpdate{CallbackQuery: q} })
}

// event sends what the Bot API knows of such things: the Start button.
func (t *telegram) event(token string, phone key, e Event) (Item, error) {
	if e.Type == EventStart {
		return t.start(token, phone, e.Payload)
	}
	return Item{}, errUnsupported
}

// start presses the Start button: "/start" with the payload of a deep link.
// A phone that had blocked its bots unblocks them.
func (t *telegram) start(token string, phone key, payload string) (Item, error) {
	was := false
	t.sim.phones.locked(phone, func(h *handset) { was, h.blocked = h.blocked, false })
	if was {
		t.blocked(phone, token, false)
	}
	text := "/start"
	if payload != "" {
		text += " " + payload
	}
	return t.reply(token, phone, Reply{Text: &text})
}

// blocked tells bots that the phone blocked or unblocked them: the one named,
// or all that are in its thread.
func (t *telegram) blocked(phone key, token string, blocked bool) {
	tokens := map[string]bool{}
	if token != "" {
		tokens[token] = true
	} else if th, ok := t.sim.phones.thread(phone, Filter{}); ok {
		for _, it := range th.Items {
			tokens[it.Account] = true
		}
	}
	user, chat, err := t.person(phone)
	if err != nil {
		return
	}
	for token := range tokens {
		bot, err := t.byToken(token)
		if err != nil {
			continue
		}
		self := bot.profile()
		before, after := tgMember{Status: "member", User: self}, tgMember{Status: "kicked", User: self, UntilDate: new(int64)}
		if !blocked {
			before, after = after, before
		}
		// The update is JSON of plain structs: it always encodes.
		_, _ = bot.update(phone, &tgUpdate{MyChatMember: &tgMemberUpdate{
			Chat: chat, From: user, Date: t.sim.now().Unix(), OldChatMember: before, NewChatMember: after,
		}}, nil)
	}
}
