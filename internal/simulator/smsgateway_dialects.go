package simulator

import (
	"crypto/sha1" //nolint:gosec // Twilio signs with it
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

func twilioSMS(s *Simulator) *smsGateway {
	return newSMSGateway(s, ProviderTwilioSMS, smsDialect{
		route: "POST /sms-twilio/2010-04-01/Accounts/{sid}/Messages.json",
		own:   "GET /sms-twilio/2010-04-01/Accounts/{sid}",
		read: func(g *smsGateway, r *http.Request) (gatewayMessage, error) {
			f := r.PostForm
			user, password, _ := r.BasicAuth()
			switch {
			case user != r.PathValue("sid") || !g.check(user, password):
				return gatewayMessage{}, &gatewayError{http.StatusUnauthorized, "20003", "Authenticate"}
			case !strings.HasPrefix(f.Get("To"), "+"):
				return gatewayMessage{}, &gatewayError{http.StatusBadRequest, "21211", "Invalid 'To' Phone Number"}
			case f.Get("From") == "" && f.Get("MessagingServiceSid") == "":
				return gatewayMessage{}, &gatewayError{http.StatusBadRequest, "21603", "A 'From' phone number is required"}
			case f.Get("Body") == "":
				return gatewayMessage{}, &gatewayError{http.StatusBadRequest, "21602", "Message body is required"}
			case len([]rune(f.Get("Body"))) > 1600:
				return gatewayMessage{}, &gatewayError{http.StatusBadRequest, "21617", "The concatenated message body exceeds the 1600 character limit"}
			}
			return gatewayMessage{
				account: user, from: f.Get("From"), to: f.Get("To"), text: f.Get("Body"), callback: f.Get("StatusCallback"), fields: f,
			}, nil
		},
		taken: func(w http.ResponseWriter, m gatewayMessage) {
			writeJSON(w, http.StatusCreated, map[string]any{"sid": "SM" + m.id, "status": "queued", "to": m.to, "from": m.from})
		},
		refused: func(w http.ResponseWriter, e *gatewayError) {
			code, _ := strconv.Atoi(e.code)
			writeJSON(w, e.status, map[string]any{"code": code, "message": e.words, "status": e.status})
		},
		report: func(m gatewayMessage, _ SMSGatewayAccount, it Item) (string, url.Values) {
			f := url.Values{"MessageSid": {"SM" + m.id}, "AccountSid": {m.account}, "To": {m.to}, "From": {m.from}}
			switch it.Status {
			case StatusSent, StatusDelivered:
				f.Set("MessageStatus", it.Status)
			case StatusFailed:
				f.Set("MessageStatus", "undelivered")
				f.Set("ErrorCode", it.Code)
			default:
				return "", nil
			}
			return m.callback, f
		},
		written: func(it *Item, a SMSGatewayAccount, phone key) url.Values {
			return url.Values{
				"MessageSid": {"SM" + it.ProviderID}, "SmsStatus": {"received"}, "From": {"+" + phone.identity}, "To": {it.Sender},
				"Body": {it.Text}, "NumMedia": {"0"}, "AccountSid": {it.Account},
			}
		},
		sign: func(a SMSGatewayAccount, address string, fields url.Values) http.Header {
			text := address + joinFields(fields, func(name, value string) string { return name + value })
			return http.Header{"X-Twilio-Signature": {base64.StdEncoding.EncodeToString(signature(sha1.New, a.Token, []byte(text)))}}
		},
		refuse: "21612", throttle: "20429", undelivered: "30003",
	})
}

func vonageSMS(s *Simulator) *smsGateway {
	answer := func(w http.ResponseWriter, m map[string]string) {
		writeJSON(w, http.StatusOK, map[string]any{"message-count": "1", "messages": []any{m}})
	}
	return newSMSGateway(s, ProviderVonageSMS, smsDialect{
		route: "POST /sms-vonage/sms/json",
		own:   "GET /sms-vonage/account/get-balance",
		read: func(g *smsGateway, r *http.Request) (gatewayMessage, error) {
			f := r.PostForm
			switch {
			case !g.check(f.Get("api_key"), f.Get("api_secret")):
				return gatewayMessage{}, &gatewayError{code: "4", words: "Bad Credentials"}
			case f.Get("to") == "" || f.Get("from") == "" || f.Get("text") == "":
				return gatewayMessage{}, &gatewayError{code: "2", words: "Missing params"}
			}
			return gatewayMessage{
				account: f.Get("api_key"), from: f.Get("from"), to: f.Get("to"), text: f.Get("text"), callback: f.Get("callback"),
				reference: f.Get("client-ref"), fields: f,
			}, nil
		},
		taken: func(w http.ResponseWriter, m gatewayMessage) {
			answer(w, map[string]string{"to": m.to, "message-id": m.id, "status": "0", "remaining-balance": "10.00", "network": "24001"})
		},
		refused: func(w http.ResponseWriter, e *gatewayError) {
			answer(w, map[string]string{"status": orElse(e.code, "5"), "error-text": e.words})
		},
		report: func(m gatewayMessage, a SMSGatewayAccount, it Item) (string, url.Values) {
			f := url.Values{"messageId": {m.id}, "msisdn": {m.to}, "to": {m.from}, "err-code": {"0"}, "client-ref": {m.reference}}
			switch it.Status {
			case StatusSent:
				f.Set("status", "accepted")
			case StatusDelivered:
				f.Set("status", "delivered")
			case StatusFailed:
				f.Set("status", "failed")
				f.Set("err-code", it.Code)
			default:
				return "", nil
			}
			return orElse(m.callback, a.WebhookURL), signVonage(a, f)
		},
		written: func(it *Item, a SMSGatewayAccount, phone key) url.Values {
			return signVonage(a, url.Values{
				"messageId": {it.ProviderID}, "msisdn": {phone.identity}, "to": {it.Sender}, "text": {it.Text}, "type": {"text"},
			})
		},
		refuse: "6", throttle: "1", undelivered: "12",
	})
}

// joinFields writes fields one after the other, by name.
func joinFields(f url.Values, write func(name, value string) string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(f)) {
		b.WriteString(write(name, f.Get(name)))
	}
	return b.String()
}

// signVonage adds the signature to the fields of a webhook.
func signVonage(a SMSGatewayAccount, f url.Values) url.Values {
	if a.Secret == "" {
		return f
	}
	clean := strings.NewReplacer("&", "_", "=", "_")
	text := joinFields(f, func(name, value string) string { return "&" + name + "=" + clean.Replace(value) })
	f.Set("sig", hex.EncodeToString(signature(sha256.New, a.Secret, []byte(text))))
	return f
}
