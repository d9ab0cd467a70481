package simulator

import (
	"errors"
	"net/http"
	"strconv"
)

// The phone's side of the RCS REST API: what its owner does becomes a callback.

// rcsSinchExpired is the code of an Item whose time ran out.
const rcsSinchExpired = "expired"

// post makes the callback that tells v.
func (g *rcsSinch) post(agent string, phone key, v any) (*post, error) {
	body, err := encode(v)
	if err != nil {
		return nil, err
	}
	return &post{
		provider: ProviderRCSSinch, order: phone.order(), body: body,
		target: func() (string, http.Header) {
			a, _ := g.agents.get(agent)
			if a.WebhookToken == "" {
				return a.WebhookURL, nil
			}
			return a.WebhookURL, http.Header{"Authorization": {"Bearer " + a.WebhookToken}}
		},
	}, nil
}

// tell posts what leaves nothing in the thread.
func (g *rcsSinch) tell(agent string, phone key, v any) error {
	j, err := g.post(agent, phone, v)
	if err != nil {
		return err
	}
	g.sim.poster.send(j)
	return nil
}

// report tells the agent what became of a message.
func (g *rcsSinch) report(phone key, it Item) {
	r := map[string]any{}
	switch {
	case it.Status == StatusDelivered:
		r["type"] = "delivered"
	case it.Status == StatusRead:
		r["type"] = "displayed"
	case it.Status == StatusCancelled:
		r["type"], r["revoked"], r["expired"] = "aborted", true, false
	case it.Status == StatusFailed && it.Code == rcsSinchExpired:
		r["type"], r["revoked"], r["expired"] = "aborted", true, true
	case it.Status == StatusFailed:
		code, err := strconv.Atoi(it.Code)
		if err != nil {
			code = 1
		}
		r["type"], r["revoked"], r["expired"], r["code"] = "failed", false, false, code
		r["reason"] = rcsSinchReason(code)
	default:
		return
	}
	_ = g.tell(it.Account, phone, g.status(it.ProviderID, r)) // plain maps always encode
}

// rcsSinchReason is what a failure says of its code.
func rcsSinchReason(code int) string {
	switch code {
	case 2:
		return "No RCS capabilities"
	case 4:
		return "Barred by the operator"
	case 7:
		return "Delivery failure reported by the operator"
	}
	return "Failed with code " + strconv.Itoa(code)
}

// rcsSinchUserMessage is what a user says in a callback.
type rcsSinchUserMessage struct {
	Type      string        `json:"type"`
	Text      string        `json:"text,omitempty"`
	Postback  string        `json:"postback_data,omitempty"`
	Latitude  *float64      `json:"latitude,omitempty"`
	Longitude *float64      `json:"longitude,omitempty"`
	File      *rcsSinchFile `json:"file,omitempty"`
}

func rcsSinchText(text string) *rcsSinchUserMessage {
	return &rcsSinchUserMessage{Type: "text", Text: text}
}

func (g *rcsSinch) file(f *file) *rcsSinchUserMessage {
	return &rcsSinchUserMessage{Type: "file", File: &rcsSinchFile{MIME: f.mime, Size: len(f.data), Name: f.name, URI: g.sim.fileURL(f)}}
}

func rcsSinchPlace(l *Location) *rcsSinchUserMessage {
	return &rcsSinchUserMessage{Type: "location", Latitude: &l.Latitude, Longitude: &l.Longitude}
}

// reply sends a message to the agent.
func (g *rcsSinch) reply(agent string, phone key, r Reply) (Item, error) {
	var m *rcsSinchUserMessage
	switch {
	case r.Text != nil:
		m = rcsSinchText(*r.Text)
	case r.file != nil:
		m = g.file(r.file)
	case r.Location != nil:
		m = rcsSinchPlace(r.Location)
	case r.Contact != nil:
		card := "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:" + r.Contact.Name + "\r\nTEL:" + r.Contact.Phone + "\r\nEND:VCARD\r\n"
		m = g.file(g.sim.media.put([]byte(card), "text/vcard", "contact.vcf"))
	default:
		return Item{}, errors.New("reaction: RCS tells agents of none")
	}
	sent, err := g.write(phone, r.item(agent, ProviderRCSSinch), m)
	if err != nil || r.file == nil || r.Caption == "" {
		return sent, err
	}
	// A caption is a message of its own.
	_, err = g.write(phone, g.item(agent, "text", r.Caption), rcsSinchText(r.Caption))
	return sent, err
}

// tap tells of a suggestion, and shares the phone's place if it asks for that.
func (g *rcsSinch) tap(agent string, phone key, it Item, c Choice) (Item, error) {
	said := g.item(agent, "suggestion", c.Title)
	said.ReplyTo = it.ID
	sent, err := g.write(phone, said, &rcsSinchUserMessage{Type: "suggestion_response", Postback: c.Payload, Text: c.Title})
	if err != nil || c.Kind != "location" {
		return sent, err
	}
	at := &Location{Latitude: 55.6059, Longitude: 13.0007}
	return g.write(phone, g.item(agent, "location", at.text()), rcsSinchPlace(at))
}

// event tells what the owner does besides writing.
func (g *rcsSinch) event(agent string, phone key, e Event) (Item, error) {
	if e.Type != EventTypingOn {
		return Item{}, errUnsupported
	}
	return Item{}, g.tell(agent, phone, map[string]any{
		"type": "user_agent_event_rcs", "from": phone.identity, "event": map[string]string{"type": "composing"},
	})
}

// item is one that the phone sends.
func (g *rcsSinch) item(agent, kind, text string) Item {
	return Item{Direction: Out, Account: agent, Provider: ProviderRCSSinch, Status: StatusPending, Type: kind, Text: text}
}

// write sends m.
func (g *rcsSinch) write(phone key, it Item, m *rcsSinchUserMessage) (Item, error) {
	id := newRCSID()
	return g.sim.writeOut(phone, it, func(it *Item) (*post, error) {
		j, err := g.post(it.Account, phone, map[string]any{
			"type": "user_agent_message_rcs", "message_id": id, "from": phone.identity, "message": m,
		})
		if err != nil {
			return nil, err
		}
		it.ProviderID, it.Native = id, j.body
		return j, nil
	})
}
