package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// waRequest is the body of POST /messages; what depends on type stays JSON.
type waRequest struct {
	Product     string          `json:"messaging_product"`
	Recipient   string          `json:"recipient_type"`
	To          string          `json:"to"`
	Type        string          `json:"type"`
	Opaque      string          `json:"biz_opaque_callback_data"`
	Context     *waContext      `json:"context"`
	Status      string          `json:"status"` // "read" makes it a receipt
	MessageID   string          `json:"message_id"`
	Typing      *waTyping       `json:"typing_indicator"`
	Text        json.RawMessage `json:"text"`
	Image       json.RawMessage `json:"image"`
	Video       json.RawMessage `json:"video"`
	Audio       json.RawMessage `json:"audio"`
	Document    json.RawMessage `json:"document"`
	Sticker     json.RawMessage `json:"sticker"`
	Location    json.RawMessage `json:"location"`
	Contacts    json.RawMessage `json:"contacts"`
	Interactive json.RawMessage `json:"interactive"`
	Template    json.RawMessage `json:"template"`
	Reaction    json.RawMessage `json:"reaction"`
}

type waContext struct {
	MessageID string `json:"message_id"`
}

type waTyping struct {
	Type string `json:"type"`
}

// waSent is what the simulator remembers of a message it accepted.
type waSent struct {
	account, opaque string
}

const (
	waRequestMost = 1 << 20
	waOpaqueMost  = 512
)

var waPhone = regexp.MustCompile(`^\+?[0-9]{5,20}$`)

// messages is POST /{phone_number_id}/messages.
func (wa *whatsapp) messages(r *http.Request, token string) (any, error) {
	account, a, err := wa.owned(r, token)
	if err != nil {
		return nil, err
	}
	native, err := io.ReadAll(io.LimitReader(r.Body, waRequestMost))
	if err != nil {
		return nil, waParam("The request body could not be read")
	}
	var in waRequest
	if err := json.Unmarshal(native, &in); err != nil {
		return nil, waShape("", err)
	}
	if in.Product != "whatsapp" {
		if in.Product == "" {
			return nil, waRequired("messaging_product")
		}
		return nil, waParam(`Param messaging_product must be one of {WHATSAPP} - got "` + in.Product + `".`)
	}
	if in.Status != "" {
		return wa.markRead(account, &in)
	}
	v, err := wa.send(account, a, &in, native)
	if _, hangs := errors.AsType[hangError](err); err != nil && !hangs {
		wa.sim.stats.refused(ProviderWhatsApp)
	}
	return v, err
}

// send takes one message for a phone.
func (wa *whatsapp) send(account string, a WhatsAppAccount, in *waRequest, native []byte) (any, error) {
	switch {
	case in.To == "":
		return nil, waRequired("to")
	case in.Recipient != "" && in.Recipient != "individual":
		return nil, waParam(`Param recipient_type must be one of {INDIVIDUAL} - got "` + in.Recipient + `".`)
	case utf8.RuneCountInString(in.Opaque) > waOpaqueMost:
		return nil, waInvalid("biz_opaque_callback_data: at most 512 characters")
	case !waPhone.MatchString(in.To):
		return nil, waInvalid("to: want a phone number in international form")
	}
	phone := newKey(ChannelWhatsApp, in.To)
	if phone.identity == a.DisplayPhoneNumber {
		return nil, waError(131021, "Sender and recipient phone number is the same")
	}
	it := Item{Direction: In, Account: account, Provider: ProviderWhatsApp, Status: StatusAccepted, Reference: in.Opaque, Native: native}
	if err := wa.content(in, &a, &it); err != nil {
		return nil, err
	}
	if in.Context != nil {
		if _, q, ok := wa.byWAMID(account, in.Context.MessageID); ok {
			it.ReplyTo = q.ID
		}
	}
	b, blocked := wa.sim.phones.decide(phone)
	switch {
	case b.Hang == HangBefore:
		return nil, hangError{b}
	case b.Deliver == DeliverRateLimit:
		return nil, waError(atoi(b.FailCode.or("131056"), 131056), "Message failed to send because there were too many messages sent from this phone number to the same phone number in a short period of time.")
	case b.Deliver == DeliverRefuse:
		return nil, waError(atoi(b.FailCode.or("131009"), 131009), "The message was refused")
	case blocked:
		b.Deliver, b.FailCode = DeliverReject, "131026"
	case b.WindowClosed && in.Type != "template":
		b.Deliver, b.FailCode = DeliverReject, "131047"
	}
	it.ProviderID = newWAMID(phone.identity)
	it.raw = waSent{account, in.Opaque}
	wa.sim.stats.accepted(ProviderWhatsApp)
	wa.arrive(phone, it, b)
	if b.Hang == HangAfter {
		return nil, hangError{b}
	}
	return waAccepted(in.To, phone.identity, it.ProviderID), nil
}

type waAcceptance struct {
	Product  string         `json:"messaging_product"`
	Contacts []waInputMatch `json:"contacts"`
	Messages []waMessageID  `json:"messages"`
}

type waInputMatch struct {
	Input string `json:"input"`
	ID    string `json:"wa_id"`
}

type waMessageID struct {
	ID     string `json:"id"`
	Status string `json:"message_status,omitempty"`
}

func waAccepted(to, waID, id string) waAcceptance {
	return waAcceptance{"whatsapp", []waInputMatch{{to, waID}}, []waMessageID{{ID: id}}}
}

// arrive puts the message on the phone and plans what becomes of it.
func (wa *whatsapp) arrive(phone key, it Item, b Behaviour) {
	if it.Type == "reaction" {
		wa.reacted(phone, &it)
	}
	it = wa.sim.phones.add(phone, it)
	later := func(d time.Duration, status string) {
		wa.sim.timers.after(d, func() { wa.advance(phone, it.ID, status) })
	}
	after := time.Duration(b.DeliveredAfter)
	switch b.Deliver {
	case DeliverReject:
		wa.sim.timers.after(after, func() { wa.fail(phone, it.ID, atoi(b.FailCode.or("131026"), 131026)) })
		return
	case DeliverNever:
		later(0, StatusSent)
		return
	}
	later(0, StatusSent)
	later(after, StatusDelivered)
	if b.Read != nil && !*b.Read || it.Type == "reaction" {
		return
	}
	read := wa.sim.opts.ReadAfter
	if b.ReadAfter != nil {
		read = time.Duration(*b.ReadAfter)
	}
	later(after+read, StatusRead)
}

// reacted shows a reaction on the message it is for.
func (wa *whatsapp) reacted(phone key, it *Item) {
	if on, ok := wa.sim.phones.item(phone, it.ReplyTo); ok {
		wa.sim.phones.edit(phone, on.ID, func(on *Item) { on.Reaction = it.Text })
	}
}

// markRead is the receipt a business sends for what the phone wrote.
func (wa *whatsapp) markRead(account string, in *waRequest) (any, error) {
	if in.Status != "read" {
		return nil, waParam(`Param status must be one of {READ} - got "` + in.Status + `".`)
	}
	if in.MessageID == "" {
		return nil, waRequired("message_id")
	}
	phone, it, ok := wa.byWAMID(account, in.MessageID)
	if !ok || it.Direction != Out {
		return nil, waInvalid("message_id: no such message was received")
	}
	if in.Typing != nil {
		if in.Typing.Type != "text" {
			return nil, waParam("Param typing_indicator['type'] must be one of {TEXT}.")
		}
		// Shown for 25 s or until the next message.
		wa.sim.phones.locked(phone, func(h *handset) { h.typing = wa.sim.now().Add(25 * time.Second) })
	}
	wa.sim.phones.edit(phone, it.ID, func(it *Item) { it.Status = StatusRead })
	return map[string]bool{"success": true}, nil
}

// strict decodes one object of the request; a key it does not know is an
// error, as it is to Meta.
func strict(param string, raw json.RawMessage, v any) error {
	if len(raw) == 0 || string(raw) == "null" {
		return waRequired(param)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return waShape(param, err)
	}
	return nil
}

// waShape words an error of encoding/json.
func waShape(param string, err error) *graphError {
	if te, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		name := te.Field
		if param != "" {
			name = param + "['" + strings.ReplaceAll(te.Field, ".", "']['") + "']"
		}
		return waParam("Param " + name + " must be a JSON value of type " + te.Type.String() + ".")
	}
	if key, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return waParam("Unexpected key " + key + " on param " + strconv.Quote(param) + ".")
	}
	return waParam("Invalid JSON")
}
