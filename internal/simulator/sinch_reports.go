package simulator

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// A message of the SMS REST API on its way: what becomes of it and what the
// plan is told.

// sinchCodes says which status a delivery code belongs to.
func sinchCodes(code int) string {
	switch code {
	case 0:
		return "Delivered"
	case 400:
		return "Queued"
	case 401:
		return "Dispatched"
	case 403, 404, 414, 416:
		return "Failed"
	case 406:
		return "Expired"
	case 407:
		return "Cancelled"
	case 408, 413, 415:
		return "Rejected"
	}
	return "Aborted"
}

// arrive puts one recipient's copy on the phone and plans its reports.
func (x *sinch) arrive(b *sinchBatch, phone key, it Item, bh Behaviour) {
	it.Status = StatusSent
	x.sim.phones.add(phone, it)
	later := func(d time.Duration, st sinchStatus) {
		x.sim.timers.after(d, func() { x.advance(b, phone, st) })
	}
	start := time.Duration(0)
	if b.SendAt != nil {
		start = b.SendAt.Sub(x.sim.now())
	}
	later(start, sinchStatus{Code: 401, Status: "Dispatched"})
	after := max(start, 0) + time.Duration(bh.DeliveredAfter)
	switch bh.Deliver {
	case DeliverNormal:
		later(after, sinchStatus{Code: 0, Status: "Delivered"})
	case DeliverReject:
		code := atoi(bh.FailCode.or("408"), 408)
		later(after, sinchStatus{Code: code, Status: sinchCodes(code)})
	}
	if b.ExpireAt != nil {
		later(b.ExpireAt.Sub(x.sim.now()), sinchStatus{Code: 406, Status: "Expired"})
	}
}

// advance moves one recipient of a batch to a status, unless it already
// reached a final one, and reports as the batch asks.
func (x *sinch) advance(b *sinchBatch, phone key, st sinchStatus) {
	st.At = x.sim.now().UTC()
	x.mu.Lock()
	old, known := b.statuses[phone.identity]
	if known && (old.Code != 401 || st.Code == 401) {
		x.mu.Unlock()
		return
	}
	b.statuses[phone.identity] = st
	final := st.Code != 401
	done := final && !b.reported
	for _, to := range b.To {
		if s, ok := b.statuses[to]; !ok || s.Code == 401 {
			done = false
		}
	}
	b.reported = b.reported || done
	x.mu.Unlock()

	if final {
		x.mark(b, phone, st)
	}
	switch {
	case b.DeliveryReport == "per_recipient" || b.DeliveryReport == "per_recipient_final" && final:
		x.callback(b.plan, b.CallbackURL, phone.order(), x.recipientReport(b, phone, st), nil)
	case b.DeliveryReport == "summary" && done, b.DeliveryReport == "full" && done:
		x.callback(b.plan, b.CallbackURL, phone.order(), x.batchReport(b, b.DeliveryReport == "full"), nil)
	}
}

// mark brings the status onto the phone.
func (x *sinch) mark(b *sinchBatch, phone key, st sinchStatus) {
	it, ok := x.sim.phones.last(phone, func(it *Item) bool { return it.ProviderID == b.ID && it.Direction == In })
	if !ok {
		return
	}
	x.sim.phones.edit(phone, it.ID, func(it *Item) {
		switch st.Status {
		case "Delivered":
			it.Status = StatusDelivered
		case "Cancelled":
			it.Status = StatusCancelled
		default:
			it.Status, it.Code = StatusFailed, strconv.Itoa(st.Code)
		}
	})
}

type sinchRecipientReport struct {
	Type       string    `json:"type"`
	BatchID    string    `json:"batch_id"`
	Recipient  string    `json:"recipient"`
	Code       int       `json:"code"`
	Status     string    `json:"status"`
	At         sinchTime `json:"at"`
	OperatorAt sinchTime `json:"operator_status_at"`
	Reference  string    `json:"client_reference,omitempty"`
}

func reportType(b *sinchBatch, base string) string {
	if b.Type == "mt_media" {
		return base + "_mms"
	}
	return base + "_sms"
}

func (x *sinch) recipientReport(b *sinchBatch, phone key, st sinchStatus) any {
	return sinchRecipientReport{
		Type: reportType(b, "recipient_delivery_report"), BatchID: b.ID, Recipient: phone.identity,
		Code: st.Code, Status: st.Status, At: sinchTime(st.At), OperatorAt: sinchTime(st.At), Reference: b.Reference,
	}
}

type sinchBatchReport struct {
	Type      string             `json:"type"`
	BatchID   string             `json:"batch_id"`
	Total     int                `json:"total_message_count"`
	Reference string             `json:"client_reference,omitempty"`
	Statuses  []sinchReportCount `json:"statuses"`
}

type sinchReportCount struct {
	Code       int      `json:"code"`
	Status     string   `json:"status"`
	Count      int      `json:"count"`
	Recipients []string `json:"recipients,omitempty"`
}

// batchReport counts the recipients by status; full names them too.
func (x *sinch) batchReport(b *sinchBatch, full bool) any {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := sinchBatchReport{
		Type: reportType(b, "delivery_report"), BatchID: b.ID, Total: len(b.To), Reference: b.Reference,
		Statuses: []sinchReportCount{},
	}
	for _, to := range b.To {
		st, ok := b.statuses[to]
		if !ok {
			st = sinchStatus{Code: 400, Status: "Queued"}
		}
		i := slices.IndexFunc(out.Statuses, func(c sinchReportCount) bool { return c.Code == st.Code })
		if i < 0 {
			i = len(out.Statuses)
			out.Statuses = append(out.Statuses, sinchReportCount{Code: st.Code, Status: st.Status})
		}
		out.Statuses[i].Count++
		if full {
			out.Statuses[i].Recipients = append(out.Statuses[i].Recipients, to)
		}
	}
	return out
}

// report is GET /batches/{id}/delivery_report.
func (x *sinch) report(r *http.Request, planID string) (int, any, error) {
	b, err := x.batch(r, planID)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, x.batchReport(b, r.URL.Query().Get("type") == "full"), nil
}

// callback posts to the URL given or else the plan's. done may be nil.
func (x *sinch) callback(planID, to, order string, v any, done func(error, bool)) {
	body, err := encode(v)
	if err != nil {
		return // plain structs always encode
	}
	x.sim.poster.send(x.post(planID, to, order, body, done))
}

func (x *sinch) post(planID, to, order string, body []byte, done func(error, bool)) *post {
	return &post{
		provider: ProviderSinch, order: order, body: body, done: done,
		target: func() (string, http.Header) {
			plan, _ := x.plans.get(planID)
			return orElse(to, plan.CallbackURL), x.sign(plan.CallbackSecret, body)
		},
	}
}

// sign makes the signature headers of a plan with a secret.
func (x *sinch) sign(secret string, body []byte) http.Header {
	h := http.Header{}
	if secret == "" {
		return h
	}
	nonce, at := x.ids.next(), strconv.FormatInt(x.sim.now().Unix(), 10)
	mac := signature(sha256.New, secret, body, []byte("."+nonce+"."+at))
	h.Set("X-Sinch-Webhook-Signature", base64.StdEncoding.EncodeToString(mac))
	h.Set("X-Sinch-Webhook-Signature-Algorithm", "HmacSHA256")
	h.Set("X-Sinch-Webhook-Signature-Nonce", nonce)
	h.Set("X-Sinch-Webhook-Signature-Timestamp", at)
	return h
}
