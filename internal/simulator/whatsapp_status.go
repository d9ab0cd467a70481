package simulator

import (
	"fmt"
	"strconv"
)

// waEnvelope is a webhook body of the Cloud API.
type waEnvelope struct {
	Object string    `json:"object"`
	Entry  []waEntry `json:"entry"`
}

type waEntry struct {
	ID      string     `json:"id"`
	Changes []waChange `json:"changes"`
}

type waChange struct {
	Field string  `json:"field"`
	Value waValue `json:"value"`
}

type waValue struct {
	Product  string       `json:"messaging_product"`
	Metadata waMetadata   `json:"metadata"`
	Contacts []waProfile  `json:"contacts,omitempty"`
	Messages []*waInbound `json:"messages,omitempty"`
	Statuses []waStatus   `json:"statuses,omitempty"`
}

type waMetadata struct {
	Display string `json:"display_phone_number"`
	ID      string `json:"phone_number_id"`
}

type waProfile struct {
	Profile struct {
		Name string `json:"name"`
	} `json:"profile"`
	WaID string `json:"wa_id"`
}

type waStatus struct {
	ID           string          `json:"id"`
	Status       string          `json:"status"`
	Timestamp    string          `json:"timestamp"`
	Recipient    string          `json:"recipient_id"`
	Conversation *waConversation `json:"conversation,omitempty"`
	Pricing      *waPricing      `json:"pricing,omitempty"`
	Errors       []waStatusError `json:"errors,omitempty"`
	Opaque       string          `json:"biz_opaque_callback_data,omitempty"`
}

type waConversation struct {
	ID     string `json:"id"`
	Origin struct {
		Type string `json:"type"`
	} `json:"origin"`
}

type waPricing struct {
	Billable bool   `json:"billable"`
	Model    string `json:"pricing_model"`
	Category string `json:"category"`
	Type     string `json:"type"`
}

type waStatusError struct {
	Code    int    `json:"code"`
	Title   string `json:"title"`
	Message string `json:"message"`
	Data    struct {
		Details string `json:"details"`
	} `json:"error_data"`
	Href string `json:"href"`
}

// wrap makes the envelope of one change.
func (wa *whatsapp) wrap(account string, v waValue) waEnvelope {
	a, _ := wa.number(account)
	v.Product, v.Metadata = "whatsapp", waMetadata{a.DisplayPhoneNumber, account}
	return waEnvelope{"whatsapp_business_account", []waEntry{{a.WABAID, []waChange{{"messages", v}}}}}
}

// waRank orders the statuses of a message; it never goes back.
func waRank(status string) int {
	switch status {
	case StatusAccepted:
		return 0
	case StatusSent:
		return 1
	case StatusDelivered:
		return 2
	case StatusRead:
		return 3
	}
	return 4
}

// advance moves a message to a status and tells the account.
func (wa *whatsapp) advance(phone key, id, status string) { wa.settle(phone, id, status, 0) }

// fail ends a message with an error code and tells the account.
func (wa *whatsapp) fail(phone key, id string, code int) { wa.settle(phone, id, StatusFailed, code) }

func (wa *whatsapp) settle(phone key, id, status string, code int) {
	var now Item
	moved := false
	wa.sim.phones.edit(phone, id, func(it *Item) {
		if it.Direction != In || waRank(status) <= waRank(it.Status) {
			return
		}
		moved = true
		it.Status = status
		if code != 0 {
			it.Code = strconv.Itoa(code)
		}
		now = *it
	})
	sent, ok := now.raw.(waSent)
	if !moved || !ok {
		return
	}
	st := waStatus{
		ID: now.ProviderID, Status: status, Timestamp: wa.timestamp(), Recipient: phone.identity, Opaque: sent.opaque,
	}
	if code != 0 {
		e := waStatusError{Code: code, Title: waTitle(code), Message: waTitle(code)}
		e.Data.Details = waTitle(code)
		e.Href = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"
		st.Errors = []waStatusError{e}
	} else if status == StatusSent || status == StatusDelivered {
		st.Conversation = &waConversation{ID: fmt.Sprintf("%x", phone.identity+sent.account)}
		st.Conversation.Origin.Type = "service"
		st.Pricing = &waPricing{Model: "PMP", Category: "service", Type: "free_customer_service"}
	}
	body, err := encode(wa.wrap(sent.account, waValue{Statuses: []waStatus{st}}))
	if err != nil {
		return // plain structs always encode
	}
	wa.sim.poster.send(wa.post(sent.account, phone.order(), body, nil))
}

func (wa *whatsapp) timestamp() string { return strconv.FormatInt(wa.sim.now().Unix(), 10) }
