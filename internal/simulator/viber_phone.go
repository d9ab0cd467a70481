package simulator

import (
	"fmt"
	"html"
	"strings"
)

// The phone's side of VIBER: what its owner does becomes a callback.

// plainOf is the words of a button's HTML.
func plainOf(text string) string {
	return html.UnescapeString(strings.NewReplacer("<br>", "\n", "<b>", "", "</b>", "").Replace(text))
}

// reply sends a message to the bot.
func (v *viber) reply(token string, phone key, r Reply) (Item, error) {
	m := map[string]any{}
	switch {
	case r.Text != nil:
		m["type"], m["text"] = "text", *r.Text
	case r.file != nil:
		m["media"] = v.sim.fileURL(r.file)
		switch r.file.kind() {
		case "image", "animation":
			m["type"] = "picture"
		case "video":
			m["type"] = "video"
		default:
			m["type"], m["file_name"], m["size"] = "file", orElse(r.file.name, "file"), len(r.file.data)
		}
		if r.Caption != "" {
			m["text"] = r.Caption
		}
	case r.Location != nil:
		m["type"], m["location"] = "location", map[string]any{
			"lat": r.Location.Latitude, "lon": r.Location.Longitude, "address": r.Location.Address,
		}
	case r.Contact != nil:
		m["type"], m["contact"] = "contact", map[string]any{"name": r.Contact.Name, "phone_number": r.Contact.Phone}
	default:
		return Item{}, fmt.Errorf("reaction is %w by VIBER", errUnsupported)
	}
	return v.write(token, phone, r.item(token, ProviderViber), m)
}

// write sends the bot a message.
func (v *viber) write(token string, phone key, it Item, m map[string]any) (Item, error) {
	if _, ok := v.bots.get(token); !ok {
		return Item{}, fmt.Errorf("account %w", errNotFound)
	}
	e := v.callback("message", map[string]any{"sender": v.user(phone), "message": m, "silent": false})
	return v.sim.writeOut(phone, it, func(it *Item) (*post, error) {
		body, err := encode(e)
		if err != nil {
			return nil, err
		}
		it.ProviderID, it.Native = fmt.Sprint(e["message_token"]), body
		return v.post(token, phone, body), nil
	})
}

// tap presses a button: a reply is a text message that reads what the button
// was given.
func (v *viber) tap(token string, phone key, it Item, c Choice) (Item, error) {
	out := Item{Direction: Out, Account: token, Provider: ProviderViber, Status: StatusPending, ReplyTo: it.ID}
	switch c.Kind {
	case "location":
		return v.reply(token, phone, Reply{Location: &Location{Latitude: 55.6059, Longitude: 13.0007}})
	case "contact":
		return v.reply(token, phone, Reply{Contact: &Contact{Name: "Me", Phone: "+4670"}})
	}
	out.Type, out.Text = "text", c.Title
	return v.write(token, phone, out, map[string]any{"type": "text", "text": c.Payload})
}

// event opens the chat, subscribes or unsubscribes.
func (v *viber) event(token string, phone key, e Event) (Item, error) {
	switch e.Type {
	case EventStart:
		v.tell(token, phone, v.callback("conversation_started", map[string]any{
			"type": "open", "context": e.Payload, "user": v.user(phone), "subscribed": false,
		}))
	case EventOptIn:
		v.blocked(phone, token, false)
	case EventOptOut:
		v.blocked(phone, token, true)
	default:
		return Item{}, errUnsupported
	}
	return Item{}, nil
}

// blocked tells bots that the phone unsubscribed or subscribed again.
func (v *viber) blocked(phone key, token string, blocked bool) {
	tokens := map[string]bool{}
	if token != "" {
		tokens[token] = true
	} else if th, ok := v.sim.phones.thread(phone, Filter{}); ok {
		for _, it := range th.Items {
			tokens[it.Account] = true
		}
	}
	for token := range tokens {
		if blocked {
			v.tell(token, phone, v.callback("unsubscribed", map[string]any{"user_id": phone.identity}))
		} else {
			v.tell(token, phone, v.callback("subscribed", map[string]any{"user": v.user(phone)}))
		}
	}
}
