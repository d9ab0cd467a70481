package simulator

import (
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"net/http"
	"time"
)

// The phone's side of RCS: what its owner does becomes a webhook.

type rcsNotice struct {
	Sender    string       `json:"senderPhoneNumber,omitempty"`
	Recipient string       `json:"phoneNumber,omitempty"`
	AgentID   string       `json:"agentId"`
	MessageID string       `json:"messageId,omitempty"`
	EventID   string       `json:"eventId,omitempty"`
	SendTime  string       `json:"sendTime"`
	EventType string       `json:"eventType,omitempty"`
	Text      *string      `json:"text,omitempty"`
	Location  *rcsLatLong  `json:"location,omitempty"`
	File      *rcsUserFile `json:"userFile,omitempty"`
	Response  *rcsResponse `json:"suggestionResponse,omitempty"`
}

type rcsUserFile struct {
	Payload rcsUploaded `json:"payload"`
}

type rcsUploaded struct {
	MIMEType string `json:"mimeType"`
	Bytes    int    `json:"fileSizeBytes"`
	URI      string `json:"fileUri"`
	Name     string `json:"fileName,omitempty"`
}

type rcsResponse struct {
	Postback string `json:"postbackData"`
	Text     string `json:"text"`
	Type     string `json:"type"` // REPLY or ACTION
}

// post makes the webhook call that tells n: framed as Pub/Sub frames it, with a
// signature of what is in the frame.
func (g *rcsGoogle) post(agent string, phone key, n *rcsNotice) (*post, error) {
	n.AgentID, n.SendTime = agent, g.sim.now().UTC().Format(time.RFC3339Nano)
	data, err := encode(n)
	if err != nil {
		return nil, err
	}
	kind := "message"
	if n.EventType != "" {
		kind = "event"
	}
	body, err := encode(map[string]any{
		"message": map[string]any{
			"attributes": map[string]string{"type": kind}, "data": data, "messageId": rand.Text(), "publishTime": n.SendTime,
		},
		"subscription": "projects/simulator/subscriptions/rbm",
	})
	if err != nil {
		return nil, err
	}
	return &post{
		provider: ProviderRCSGoogle, order: phone.order(), body: body,
		target: func() (string, http.Header) {
			a, _ := g.agents.get(agent)
			sum := signature(sha512.New, a.ClientToken, data)
			return a.WebhookURL, http.Header{"X-Goog-Signature": {base64.StdEncoding.EncodeToString(sum)}}
		},
	}, nil
}

// tell posts an event.
func (g *rcsGoogle) tell(agent string, phone key, n *rcsNotice) error {
	n.EventID = newRCSID()
	j, err := g.post(agent, phone, n)
	if err != nil {
		return err
	}
	g.sim.poster.send(j)
	return nil
}

// newRCSID makes an id like those of what users send.
func newRCSID() string { return "Mx" + rand.Text()[:20] }

// report tells the agent what became of a message.
func (g *rcsGoogle) report(phone key, it Item) {
	n := &rcsNotice{Sender: "+" + phone.identity, MessageID: it.ProviderID}
	switch it.Status {
	case StatusDelivered:
		n.EventType = "DELIVERED"
	case StatusRead:
		n.EventType = "READ"
	case StatusFailed:
		n.Sender, n.Recipient, n.EventType = "", n.Sender, it.Code
	default:
		return
	}
	_ = g.tell(it.Account, phone, n) // plain structs always encode
}

// reply sends a message to the agent.
func (g *rcsGoogle) reply(agent string, phone key, r Reply) (Item, error) {
	n := &rcsNotice{}
	switch {
	case r.Text != nil:
		n.Text = r.Text
	case r.file != nil:
		n.File = g.uploaded(r.file)
	case r.Location != nil:
		n.Location = &rcsLatLong{r.Location.Latitude, r.Location.Longitude}
	case r.Contact != nil:
		card := "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:" + r.Contact.Name + "\r\nTEL:" + r.Contact.Phone + "\r\nEND:VCARD\r\n"
		n.File = g.uploaded(g.sim.media.put([]byte(card), "text/vcard", "contact.vcf"))
	default:
		return Item{}, errors.New("reaction: RCS tells agents of none")
	}
	it := r.item(agent, ProviderRCSGoogle)
	sent, err := g.write(phone, it, n)
	if err != nil || r.file == nil || r.Caption == "" {
		return sent, err
	}
	// A caption is a message of its own.
	_, err = g.write(phone, Item{
		Direction: Out, Account: agent, Provider: ProviderRCSGoogle, Status: StatusPending, Type: "text", Text: r.Caption,
	}, &rcsNotice{Text: &r.Caption})
	return sent, err
}

func (g *rcsGoogle) uploaded(f *file) *rcsUserFile {
	return &rcsUserFile{Payload: rcsUploaded{f.mime, len(f.data), g.sim.fileURL(f), f.name}}
}

// tap tells of a suggestion, and shares the phone's place if it asks for that.
func (g *rcsGoogle) tap(agent string, phone key, it Item, c Choice) (Item, error) {
	kind := "ACTION"
	if c.Kind == "reply" {
		kind = "REPLY"
	}
	sent, err := g.write(phone, Item{
		Direction: Out, Account: agent, Provider: ProviderRCSGoogle, Status: StatusPending,
		Type: "suggestion", Text: c.Title, ReplyTo: it.ID,
	}, &rcsNotice{Response: &rcsResponse{c.Payload, c.Title, kind}})
	if err != nil || c.Kind != "location" {
		return sent, err
	}
	at := Location{Latitude: 55.6059, Longitude: 13.0007}
	return g.write(phone, Item{
		Direction: Out, Account: agent, Provider: ProviderRCSGoogle, Status: StatusPending, Type: "location", Text: at.text(),
	}, &rcsNotice{Location: &rcsLatLong{at.Latitude, at.Longitude}})
}

// event tells what the owner does besides writing.
func (g *rcsGoogle) event(agent string, phone key, e Event) (Item, error) {
	n := &rcsNotice{Sender: "+" + phone.identity}
	switch e.Type {
	case EventTypingOn:
		n.EventType = "IS_TYPING"
	case EventOptIn:
		n.EventType = "SUBSCRIBE"
	case EventOptOut:
		n.EventType = "UNSUBSCRIBE"
	default:
		return Item{}, errUnsupported
	}
	return Item{}, g.tell(agent, phone, n)
}

// write sends n.
func (g *rcsGoogle) write(phone key, it Item, n *rcsNotice) (Item, error) {
	n.Sender, n.MessageID = "+"+phone.identity, newRCSID()
	return g.sim.writeOut(phone, it, func(it *Item) (*post, error) {
		j, err := g.post(it.Account, phone, n)
		if err != nil {
			return nil, err
		}
		it.ProviderID, it.Native = n.MessageID, j.body
		return j, nil
	})
}
