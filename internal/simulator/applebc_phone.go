package simulator

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
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
	answer, err := a.answer(it, data, c.Title)
	if err != nil {
		return Item{}, err
	}
	return a.write(business, phone, out, answer)
}

// appleInline is the most bytes that the data of an interactive message may
// have within the message.
const appleInline = 10 << 10

// answer is the message that answers an interactive one. It repeats the
// pictures; where it is too large for a message then, it refers to its data.
func (a *applebc) answer(it Item, data map[string]any, title string) (map[string]any, error) {
	var asked struct {
		Interactive struct {
			BID  string `json:"bid"`
			Data struct {
				Images json.RawMessage `json:"images"`
			} `json:"data"`
		} `json:"interactiveData"`
	}
	if err := json.Unmarshal(it.Native, &asked); err != nil {
		return nil, fmt.Errorf("read what is answered: %w", err)
	}
	if images := asked.Interactive.Data.Images; len(images) > 0 {
		data["images"] = images
	}
	answer := map[string]any{"bid": asked.Interactive.BID, "data": data, "replyMessage": map[string]any{"title": title}}
	body, err := encode(answer)
	if err != nil {
		return nil, err
	}
	m := map[string]any{"type": "interactive", "interactiveData": answer}
	if len(body) <= appleInline {
		return m, nil
	}
	sealed, err := a.sealBytes(append([]byte(applePacked), body...))
	if err != nil {
		return nil, err
	}
	delete(m, "interactiveData")
	m["interactiveDataRef"] = map[string]any{
		"bid": asked.Interactive.BID, "url": sealed.URL, "owner": sealed.Owner, "size": sealed.Size, "key": sealed.Key,
		"signature-base64": sealed.Signature, "title": title,
	}
	return m, nil
}

// applePacked begins data that only decodePayload can read.
const applePacked = "packed:"

// decodePayload unpacks the data of an interactive message.
func (a *applebc) decodePayload(_ string, r *http.Request) (any, error) {
	packed, err := io.ReadAll(io.LimitReader(r.Body, mediaFileLimit))
	body, ok := bytes.CutPrefix(packed, []byte(applePacked))
	if err != nil || !ok || r.Header.Get("Bid") == "" || !json.Valid(body) {
		return nil, appleError(http.StatusBadRequest)
	}
	return json.RawMessage(body), nil
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
