package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// ProviderInfobipViber is Infobip as far as it is about Viber Business
// Messages.
const ProviderInfobipViber = "viberbm-infobip"

// InfobipViberAccount is a Viber sender of an Infobip account. Requests come
// with the API key. Delivery and seen reports go to the addresses a message
// names, and messages to WebhookURL, with the user and password if there are
// any.
type InfobipViberAccount struct {
	APIKey          string `json:"api_key"`
	WebhookURL      string `json:"webhook_url,omitempty"`
	WebhookUser     string `json:"webhook_user,omitempty"`
	WebhookPassword string `json:"webhook_password,omitempty"`
}

// infobipViber is the provider. Accounts have the name of their sender.
type infobipViber struct {
	sim   *Simulator
	id    *idSource
	accts accountSet[InfobipViberAccount]

	mu   sync.Mutex
	sent map[string]infobipSent // by message id
}

// infobipSent is what the logs show of a message.
type infobipSent struct{ sender, to, key string }

func newInfobipViber(s *Simulator) *infobipViber {
	return &infobipViber{sim: s, id: newIDSource(s.now), sent: map[string]infobipSent{}}
}

func (v *infobipViber) name() string       { return ProviderInfobipViber }
func (v *infobipViber) channel() string    { return ChannelViberBM }
func (v *infobipViber) accounts() []string { return v.accts.ids() }

func (v *infobipViber) put(_ context.Context, id string, doc json.RawMessage) error {
	var a InfobipViberAccount
	if err := readAccount(doc, &a); err != nil {
		return err
	}
	if id == "" || a.APIKey == "" {
		return fmt.Errorf("%s account: want an id and api_key", v.name())
	}
	v.accts.set(id, a)
	return nil
}

func (v *infobipViber) routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /viberbm-infobip/viber/2/messages", func(w http.ResponseWriter, r *http.Request) {
		taken, err := v.take(w, r)
		v.sim.cutIfAsked(r, v.name(), err)
		v.answer(w, map[string]any{"bulkId": uuidOf(v.id.next()), "messages": taken}, err)
	})
	mux.HandleFunc("GET /viberbm-infobip/viber/2/logs", func(w http.ResponseWriter, r *http.Request) {
		logs, err := v.logs(r)
		v.answer(w, map[string]any{"results": logs}, err)
	})
}

// infobipError is an error as Infobip answers it.
type infobipError struct {
	status      int
	description string
	property    string // of the request, that is wrong
}

func (e *infobipError) Error() string { return e.description }

func (v *infobipViber) answer(w http.ResponseWriter, good any, err error) {
	if err == nil {
		writeJSON(w, http.StatusOK, good)
		return
	}
	e, ok := errors.AsType[*infobipError](err)
	if !ok {
		e = &infobipError{http.StatusInternalServerError, err.Error(), ""}
	}
	violations := []map[string]string{}
	if e.property != "" {
		violations = append(violations, map[string]string{"property": e.property, "violation": e.description})
	}
	writeJSON(w, e.status, map[string]any{
		"errorCode": fmt.Sprintf("E%d", e.status), "description": e.description, "action": "Check the request.",
		"violations": violations, "resources": []any{},
	})
}

// user returns the key of a request, if any account has it.
func (v *infobipViber) user(r *http.Request) (string, error) {
	key, _ := strings.CutPrefix(r.Header.Get("Authorization"), "App ")
	if _, _, ok := v.accts.find(func(a InfobipViberAccount) bool { return a.APIKey == key }); !ok {
		return "", &infobipError{http.StatusUnauthorized, "The request lacks valid authentication credentials.", ""}
	}
	return key, nil
}

// take reads messages, puts them on the phones and says what became of each.
// A message that is refused on the way is told of in its status.
func (v *infobipViber) take(w http.ResponseWriter, r *http.Request) ([]map[string]any, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	key, err := v.user(r)
	if err != nil {
		return nil, err
	}
	var req struct {
		Messages []infobipMessage `json:"messages"`
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, &infobipError{http.StatusBadRequest, err.Error(), ""}
	}
	if len(req.Messages) == 0 {
		return nil, &infobipError{http.StatusBadRequest, "must not be empty", "messages"}
	}
	for i, m := range req.Messages {
		if property, err := m.check(); err != nil {
			return nil, &infobipError{http.StatusBadRequest, err.Error(), fmt.Sprintf("messages[%d].%s", i, property)}
		}
	}
	taken := []map[string]any{}
	for i := range req.Messages {
		m := &req.Messages[i]
		for _, to := range m.Destinations {
			id := orElse(to.MessageID, uuidOf(v.id.next()))
			status, err := v.deliver(m, id, to.To, key, body)
			if err != nil {
				return nil, err
			}
			taken = append(taken, map[string]any{"messageId": id, "destination": to.To, "status": status})
		}
	}
	return taken, nil
}

// deliver puts a message on one phone.
func (v *infobipViber) deliver(m *infobipMessage, id, to, apiKey string, body []byte) (map[string]any, error) {
	a, ok := v.accts.get(m.Sender)
	switch {
	case !ok || a.APIKey != apiKey:
		return infobipRejected(11, "REJECTED_SOURCE"), nil
	case !v.isNew(id, infobipSent{m.Sender, to, apiKey}):
		return infobipRejected(23, "REJECTED_DUPLICATE_MESSAGE_ID"), nil
	}
	it := m.item()
	it.Account, it.Provider, it.ProviderID, it.Reference, it.Native = m.Sender, v.name(), id, id, native(body)
	it.report = func(phone key, it Item) { v.report(m, phone, it) }
	status := map[string]any{
		"groupId": 1, "groupName": "PENDING", "id": 26, "name": "PENDING_ACCEPTED", "description": "Message sent to next instance",
	}
	_, err := v.sim.accept(incoming{
		phone: newKey(ChannelViberBM, to), item: it, reads: true, failCode: "EC_ABSENT_SUBSCRIBER",
		refuse: func(b Behaviour, _ bool) error {
			switch b.Deliver {
			case DeliverRefuse:
				status = infobipRejected(52, b.FailCode.or("REJECTED_DESTINATION"))
				return errRefused
			case DeliverRateLimit:
				return &infobipError{http.StatusTooManyRequests, "Too many requests sent.", ""}
			}
			return nil
		},
	})
	if errors.Is(err, errRefused) {
		return status, nil
	}
	if h, cut := asHang(err); err != nil && (!cut || h.b.Hang == HangBefore) {
		v.forget(id) // it was not taken
	}
	return status, err
}

// errRefused is a message that is answered with a status.
var errRefused = errors.New("refused")

func infobipRejected(id int, name string) map[string]any {
	return map[string]any{"groupId": 5, "groupName": "REJECTED", "id": id, "name": name, "description": "Message not sent"}
}

// isNew keeps a message for the logs, unless its id was used before.
func (v *infobipViber) isNew(id string, m infobipSent) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, used := v.sent[id]; used {
		return false
	}
	v.sent[id] = m
	return true
}

func (v *infobipViber) forget(id string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.sent, id)
}

// logs lists the messages of the ids that are asked for.
func (v *infobipViber) logs(r *http.Request) ([]map[string]any, error) {
	key, err := v.user(r)
	if err != nil {
		return nil, err
	}
	wanted := strings.Split(r.URL.Query().Get("messageId"), ",")
	v.mu.Lock()
	defer v.mu.Unlock()
	out := []map[string]any{}
	for id, m := range v.sent {
		if m.key == key && slices.Contains(wanted, id) {
			out = append(out, map[string]any{"messageId": id, "sender": m.sender, "destination": m.to})
		}
	}
	return out, nil
}

// infobipStatuses is how reports say what became of a message.
var infobipStatuses = map[string]map[string]any{
	StatusSent:      {"groupId": 1, "groupName": "PENDING", "id": 7, "name": "PENDING_ENROUTE", "description": "Message sent to next instance"},
	StatusDelivered: {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET", "description": "Message delivered to handset"},
	StatusFailed:    {"groupId": 2, "groupName": "UNDELIVERABLE", "id": 9, "name": "UNDELIVERABLE_NOT_DELIVERED", "description": "Message sent not delivered"},
}

// report posts what became of a message to the address it named.
func (v *infobipViber) report(m *infobipMessage, phone key, it Item) {
	at := v.sim.now().UTC().Format(infobipTime)
	doc := map[string]any{"messageId": it.ProviderID, "to": phone.identity, "sentAt": it.At.UTC().Format(infobipTime)}
	address := m.Webhooks.Delivery.URL
	if it.Status == StatusRead {
		address = m.Webhooks.Seen.URL
		doc["from"], doc["seenAt"] = m.Sender, at
	} else {
		status, ok := infobipStatuses[it.Status]
		if !ok {
			return
		}
		doc["sender"], doc["doneAt"], doc["messageCount"], doc["status"] = m.Sender, at, 1, status
		doc["error"] = map[string]any{"groupId": 0, "groupName": "OK", "id": 0, "name": "NO_ERROR", "description": "No Error", "permanent": false}
		if it.Status == StatusFailed {
			doc["error"] = map[string]any{
				"groupId": 1, "groupName": "HANDSET_ERRORS", "id": 27, "name": it.Code, "description": "not delivered", "permanent": false,
			}
		}
	}
	if m.Webhooks.CallbackData != "" {
		doc["callbackData"] = m.Webhooks.CallbackData
	}
	body, err := encode(map[string]any{"results": []any{doc}})
	if err != nil {
		return // it is strings and numbers
	}
	v.sim.poster.send(&post{provider: v.name(), order: phone.order(), body: body, target: func() (string, http.Header) {
		return address, http.Header{}
	}})
}

// infobipTime is how Infobip writes moments: without a colon in the offset.
const infobipTime = "2006-01-02T15:04:05.000-0700"

// reply sends what the phone wrote: text or a file of any kind, paired with the
// newest message of the account. A place and a contact card are sent as their
// words.
func (v *infobipViber) reply(account string, phone key, r Reply) (Item, error) {
	if _, ok := v.accts.get(account); !ok {
		return Item{}, fmt.Errorf("account %w", errNotFound)
	}
	if r.Reaction != nil {
		return Item{}, fmt.Errorf("reaction is %w by %s", errUnsupported, v.name())
	}
	return v.sim.writeOut(phone, r.item(account, v.name()), func(it *Item) (*post, error) {
		it.ProviderID = uuidOf(v.id.next())
		message := map[string]any{"type": "TEXT", "text": it.Text}
		if r.file != nil {
			message = map[string]any{"type": "FILE", "url": v.sim.fileURL(r.file), "fileName": r.file.name}
			if r.Caption != "" {
				message["text"] = r.Caption
			}
		}
		doc := map[string]any{
			"sender": phone.identity, "to": account, "integrationType": "VIBER", "receivedAt": v.sim.now().UTC().Format(infobipTime),
			"messageId": it.ProviderID, "message": message, "price": map[string]any{"pricePerMessage": 0, "currency": "EUR"},
		}
		if paired, ok := v.sim.phones.last(phone, func(it *Item) bool { return it.Direction == In && it.Account == account }); ok {
			doc["pairedMessageId"] = paired.ProviderID
		}
		body, err := encode(map[string]any{"results": []any{doc}, "messageCount": 1, "pendingMessageCount": 0})
		if err != nil {
			return nil, err
		}
		it.Native = body
		return &post{provider: v.name(), order: phone.order(), body: body, target: func() (string, http.Header) {
			a, _ := v.accts.get(account)
			req := http.Request{Header: http.Header{}}
			if a.WebhookUser != "" || a.WebhookPassword != "" {
				req.SetBasicAuth(a.WebhookUser, a.WebhookPassword)
			}
			return a.WebhookURL, req.Header
		}}, nil
	})
}

// tap sends the title: of a list it is the answer, and a button opens
// something.
func (v *infobipViber) tap(account string, phone key, _ Item, c Choice) (Item, error) {
	return v.reply(account, phone, Reply{Text: &c.Title})
}
