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
	it, err := wa.read(account, &a, &in, native)
	if err != nil {
		wa.sim.stats.refused(ProviderWhatsApp)
		return nil, err
	}
	return wa.send(&in, it)
}

// read checks a message for a phone and says how that shows it.
func (wa *whatsapp) read(account string, a *WhatsAppAccount, in *waRequest, native []byte) (Item, error) {
	switch {
	case in.To == "":
		return Item{}, waRequired("to")
	case in.Recipient != "" && in.Recipient != "individual":
		return Item{}, waParam(`Param recipient_type must be one of {INDIVIDUAL} - got "` + in.Recipient + `".`)
	case utf8.RuneCountInString(in.Opaque) > waOpaqueMost:
		return Item{}, waInvalid("biz_opaque_callback_data: at most 512 characters")
	case !waPhone.MatchString(in.To):
		return Item{}, waInvalid("to: want a phone number in international form")
	}
	phone := newKey(ChannelWhatsApp, in.To)
	if phone.identity == a.DisplayPhoneNumber {
		return Item{}, waError(131021, "Sender and recipient phone number is the same")
	}
	it := Item{Account: account, Provider: ProviderWhatsApp, Reference: in.Opaque, Native: native}
	if err := wa.content(in, a, &it); err != nil {
		return Item{}, err
	}
	if in.Context != nil {
		if _, q, ok := wa.byWAMID(account, in.Context.MessageID); ok {
			it.ReplyTo = q.ID
		}
	}
	return it, nil
}

// send puts a message on the phone.
func (wa *whatsapp) send(in *waRequest, it Item) (any, error) {
	phone := newKey(ChannelWhatsApp, in.To)
	it.ProviderID, it.report = newWAMID(phone.identity), wa.report
	arriving := incoming{
		phone: phone, item: it, refuse: waRefusal, failCode: "131026", windowCode: "131047", reads: it.Type != "reaction",
	}
	if in.Type == "template" {
		arriving.windowCode = ""
	}
	if _, err := wa.sim.accept(arriving); err != nil {
		return nil, err
	}
	return waAccepted(in.To, phone.identity, it.ProviderID), nil
}

// waRefusal is the error a phone's behaviour makes of a send, or nil.
func waRefusal(b Behaviour, _ bool) error {
	switch b.Deliver {
	case DeliverRateLimit:
		return waError(atoi(b.FailCode.or("131056"), 131056), "Message failed to send because there were too many messages sent from this phone number to the same phone number in a short period of time.")
	case DeliverRefuse:
		return waError(atoi(b.FailCode.or("131009"), 131009), "The message was refused")
	}
	return nil
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
		wa.sim.phones.typing(phone, 25*time.Second)
	}
	wa.sim.phones.seen(phone, account, it.ID)
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
