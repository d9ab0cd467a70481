package simulator

import (
	"crypto/rand"
	"fmt"
	"maps"
)

// The phone's side of APPLEBC: what its owner does becomes a message.

// reply writes to the business.
func (a *applebc) reply(business string, phone key, r Reply) (Item, error) {
	m := map[string]any{"type": "text"}
	switch {
	case r.Text != nil:
		m["body"] = *r.Text
	case r.file != nil:
		words := r.Caption
		var files []appleFile
		for _, f := range r.files {
			sealed, err := a.seal(f)
			if err != nil {
				return Item{}, err
			}
			files, words = append(files, sealed), words+"\ufffc"
		}
		m["body"], m["attachments"] = words, files
	case r.Location != nil:
		m["body"] = r.Location.text()
	default:
		return Item{}, fmt.Errorf("contact and reaction are %w by APPLEBC", errUnsupported)
	}
	return a.write(business, phone, r.item(business, ProviderAppleBC), m)
}

// write sends a message and leaves it in the thread.
func (a *applebc) write(business string, phone key, it Item, m map[string]any) (Item, error) {
	if _, ok := a.businesses.get(business); !ok {
		return Item{}, fmt.Errorf("account %w", errNotFound)
	}
	return a.sim.writeOut(phone, it, func(it *Item) (*post, error) {
		j, id, body, err := a.build(business, phone, m)
		it.ProviderID, it.Native = id, body
		return j, err
	})
}

// build completes a message and makes the post of it.
func (a *applebc) build(business string, phone key, m map[string]any) (*post, string, []byte, error) {
	id := uuidOf(rand.Text())
	all := map[string]any{"v": 1, "id": id, "sourceId": phone.identity, "destinationId": business, "locale": "en_US"}
	maps.Copy(all, m)
	body, err := encode(all)
	if err != nil {
		return nil, "", nil, err
	}
	j, err := a.post(business, phone, id, body)
	return j, id, body, err
}

// tap chooses something.
func (a *applebc) tap(business string, phone key, it Item, c Choice) (Item, error) {
	var data map[string]any
	chosen := map[string]any{"identifier": c.Payload, "title": c.Title}
	switch c.Kind {
	case "quick_reply":
		data = map[string]any{"quick-reply": map[string]any{"selectedIdentifier": c.Payload, "selectedIndex": c.Index - 1}}
	case "row":
		data = map[string]any{"listPicker": map[string]any{"sections": []any{map[string]any{"items": []any{chosen}}}}}
	case "timeslot":
		data = map[string]any{"event": map[string]any{"timeslots": []any{chosen}}}
	default:
		return Item{}, fmt.Errorf("choice %w by APPLEBC", errUnsupported)
	}
	out := Item{
		Direction: Out, Account: business, Provider: ProviderAppleBC, Status: StatusPending,
		Type: "interactive", Text: c.Title, ReplyTo: it.ID,
	}
	return a.write(business, phone, out, map[string]any{
		"type": "interactive", "interactiveData": map[string]any{"data": data, "replyMessage": map[string]any{"title": c.Title}},
	})
}

// event types, or closes the conversation.
func (a *applebc) event(business string, phone key, e Event) (Item, error) {
	kind := map[string]string{
		EventTypingOn: "typing_start", EventTypingOff: "typing_end",
		EventOptOut: "close", EventConversationDeleted: "close",
	}[e.Type]
	if kind == "" {
		return Item{}, errUnsupported
	}
	j, _, _, err := a.build(business, phone, map[string]any{"type": kind})
	if err != nil {
		return Item{}, err
	}
	a.sim.poster.send(j)
	return Item{}, nil
}
