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
	a, _ := wa.numbers.get(account)
	v.Product, v.Metadata = "whatsapp", waMetadata{a.DisplayPhoneNumber, account}
	return waEnvelope{"whatsapp_business_account", []waEntry{{a.WABAID, []waChange{{"messages", v}}}}}
}

// report tells the account what became of a message.
func (wa *whatsapp) report(phone key, it Item) {
	st := waStatus{
		ID: it.ProviderID, Status: it.Status, Timestamp: wa.timestamp(), Recipient: phone.identity, Opaque: it.Reference,
	}
	switch it.Status {
	case StatusFailed:
		code := atoi(it.Code, 0)
		e := waStatusError{Code: code, Title: waTitle(code), Message: waTitle(code)}
		e.Data.Details = waTitle(code)
		e.Href = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"
		st.Errors = []waStatusError{e}
	case StatusSent, StatusDelivered:
		st.Conversation = &waConversation{ID: fmt.Sprintf("%x", phone.identity+it.Account)}
		st.Conversation.Origin.Type = "service"
		st.Pricing = &waPricing{Model: "PMP", Category: "service", Type: "free_customer_service"}
	}
	body, err := encode(wa.wrap(it.Account, waValue{Statuses: []waStatus{st}}))
	if err != nil {
		return // plain structs always encode
	}
	wa.sim.poster.send(wa.post(it.Account, phone.order(), body, nil))
}

func (wa *whatsapp) timestamp() string { return strconv.FormatInt(wa.sim.now().Unix(), 10) }
