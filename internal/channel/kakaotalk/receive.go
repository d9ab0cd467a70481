package kakaotalk

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// A result is what became of a message (Webhook, message result).
type result struct {
	HookID     string `json:"hookId"`
	RequestID  string `json:"requestId"`
	Seq        int    `json:"recipientSeq"`
	ReceivedAt string `json:"receiveDate"`
	Number     string `json:"recipientNo"`
	Code       string `json:"resultCode"`
	Key        string `json:"recipientGroupingKey"`
}

// Receive reads the results of messages. NHN sends with them the signature
// that was entered where the webhook was set up. Other events, such as those
// of templates under review, mean nothing here.
func (KakaoTalk) Receive(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	a, err := readAccount(c.Credential)
	got := r.Header.Get("X-Toast-Webhook-Signature")
	if err != nil || a.signature == "" || subtle.ConstantTimeCompare([]byte(got), []byte(a.signature)) != 1 {
		return channel.Received{}, channel.ErrForged
	}
	var hook struct {
		Event string   `json:"event"`
		Hooks []result `json:"hooks"`
	}
	if err := json.Unmarshal(body, &hook); err != nil {
		return channel.Received{}, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	if hook.Event == "" {
		return channel.Received{}, fmt.Errorf("%w: no event", channel.ErrMalformed)
	}
	var received channel.Received
	if hook.Event != "MESSAGE_RESULT_UPDATE" {
		return received, nil
	}
	for i := range hook.Hooks {
		if in, ok := hook.Hooks[i].inbound(); ok {
			received.Inbound = append(received.Inbound, in)
		}
	}
	return received, nil
}

func (r *result) inbound() (channel.Inbound, bool) {
	if r.RequestID == "" && r.Key == "" {
		return channel.Inbound{}, false
	}
	id := messageID(r.RequestID, r.Seq)
	in := channel.Inbound{
		ID: channel.ProviderID(r.HookID), From: channel.Address{Identity: international(r.Number)}, At: seoul(r.ReceivedAt),
		Receipt: &channel.Receipt{ID: id, Key: r.Key, Status: parley.StatusDelivered},
	}
	if in.ID == "" {
		in.ID = channel.ProviderID(string(id) + ":" + r.Code)
	}
	if r.Code != delivered {
		in.Receipt.Status, in.Receipt.Reason = parley.StatusFailed, resultReason(r.Code)
	}
	return in, true
}

// international undoes local.
func international(number string) string {
	number = strings.ReplaceAll(strings.TrimPrefix(number, "+"), "-", "")
	if rest, ok := strings.CutPrefix(number, "0"); ok {
		return "82" + rest
	}
	return number
}

// seoul reads a time without a zone, which is Korea's; the zero time when it
// is none, such as a mere date.
func seoul(s string) time.Time {
	const hoursAhead = 9
	zone := time.FixedZone("KST", hoursAhead*60*60)
	for _, layout := range []string{"2006-01-02 15:04:05.999", "2006-01-02T15:04:05.999"} {
		if at, err := time.ParseInLocation(layout, s, zone); err == nil {
			return at
		}
	}
	return time.Time{}
}
