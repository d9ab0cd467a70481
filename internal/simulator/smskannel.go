package simulator

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/parley-im/parley/internal/simulator/smswire"
)

// kannelSMS is Kannel 1.4.5 with an SMS centre behind it. Unlike the real one
// it refuses at once what the centre would refuse, and does not split texts.
func kannelSMS(s *Simulator) *smsGateway {
	words := func(w http.ResponseWriter, status int, text string) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}
	return newSMSGateway(s, ProviderKannel, smsDialect{
		route: "GET /sms-kannel/cgi-bin/sendsms",
		read:  readKannel,
		taken: func(w http.ResponseWriter, _ gatewayMessage) {
			words(w, http.StatusAccepted, "0: Accepted for delivery")
		},
		refused: func(w http.ResponseWriter, e *gatewayError) {
			status := e.status
			if status == http.StatusTooManyRequests {
				status = http.StatusServiceUnavailable
			}
			words(w, status, e.words)
		},
		report: func(m gatewayMessage, _ SMSGatewayAccount, it Item) (string, url.Values) {
			status, reply := kannelReport(m, it, func(stat, code string) string {
				return receiptText(m.id, stat, code, m.text, m.taken, s.now())
			})
			mask, err := strconv.Atoi(m.fields.Get("dlr-mask"))
			if err != nil || mask&status == 0 || m.callback == "" {
				return "", nil
			}
			fill := strings.NewReplacer("%d", strconv.Itoa(status), "%A", url.QueryEscape(reply))
			return fill.Replace(m.callback), nil
		},
		written: func(it *Item, a SMSGatewayAccount, phone key) url.Values {
			f := url.Values{
				"id": {it.ProviderID}, "from": {"+" + phone.identity}, "to": {it.Sender}, "token": {a.Secret},
				"charset": {"UTF-8"}, "text": {it.Text},
			}
			if !smswire.IsGSM7(it.Text) {
				f.Set("charset", "UTF-16BE")
				f.Set("text", string(smswire.EncodeUCS2(it.Text)))
			}
			return f
		},
	})
}

func readKannel(g *smsGateway, r *http.Request) (gatewayMessage, error) {
	f := r.Form
	m := gatewayMessage{
		account: f.Get("username"), from: f.Get("from"), to: f.Get("to"), text: f.Get("text"), callback: f.Get("dlr-url"), fields: f,
		part: segment{text: f.Get("text"), flash: f.Get("mclass") == "0", total: 1, seq: 1},
	}
	switch {
	case !g.check(m.account, f.Get("password")):
		return m, &gatewayError{http.StatusForbidden, "", "Authorization failed for sendsms"}
	case m.to == "":
		return m, &gatewayError{http.StatusBadRequest, "", "Missing receiver number, rejected"}
	case m.from == "":
		return m, &gatewayError{http.StatusBadRequest, "", "Sender missing and no global set, rejected"}
	}
	if header := f.Get("udh"); header != "" {
		m.part.readHeader([]byte(header)[1:])
		// What is shown as JSON has to be text.
		f.Set("udh", hex.EncodeToString([]byte(header)))
	}
	if m.part.seq < 1 || m.part.seq > m.part.total {
		return m, &gatewayError{http.StatusBadRequest, "", "UDH field misformed, rejected"}
	}
	return m, nil
}

// kannelReport is what %d and %A say of a message; receipt writes the SMS
// centre's words.
func kannelReport(m gatewayMessage, it Item, receipt func(stat, code string) string) (status int, reply string) {
	switch it.Status {
	case StatusSent:
		return 8, "ACK/"
	case StatusDelivered:
		return 1, receipt("DELIVRD", "000")
	case StatusFailed:
		stat, code := undelivered(FailCode(it.Code))
		status = 2
		if stat == "EXPIRED" {
			status |= 32
		}
		return status, receipt(stat, code)
	}
	return 0, ""
}
