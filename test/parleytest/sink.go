package parleytest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/parley-im/parley/internal/openapi/openapitest"
)

// Submitted stands for the MESSAGE_SUBMIT callback among the statuses of a
// message.
const Submitted = "SUBMITTED"

// A Report is what a callback said of a message.
type Report struct {
	Status      string // Submitted or the status of a delivery report
	ReasonCode  string
	Description string
}

// A Sink is a webhook target that checks every signature, holds every callback
// against the document that describes it and keeps what it is told about messages.
// It lives until the test ends, whatever the server does.
type Sink struct {
	URL string

	secret string

	mu      sync.Mutex
	down    bool
	refused map[string]bool // bodies, while down
	reports map[string][]Report
	inbound []string // texts
	nonces  map[string]bool
	forged  []string
}

// StartSink starts a webhook target.
func StartSink(tb testing.TB) *Sink {
	tb.Helper()
	k := &Sink{secret: rand.Text(), refused: map[string]bool{}, reports: map[string][]Report{}, nonces: map[string]bool{}}
	hs := httptest.NewServer(k)
	tb.Cleanup(func() {
		hs.Close()
		for _, what := range k.forged {
			tb.Errorf("callback refused: %s", what)
		}
	})
	k.URL = hs.URL + "/callbacks"
	return k
}

// Follow has an app's callbacks sent to the sink.
func (k *Sink) Follow(tb testing.TB, server *Server, appID string) {
	tb.Helper()
	server.Call(tb, http.MethodPost, "/webhooks", map[string]any{
		"app_id": appID, "target": k.URL, "target_type": "HTTP", "secret": k.secret,
		"triggers": []string{"MESSAGE_SUBMIT", "MESSAGE_DELIVERY", "MESSAGE_INBOUND"},
	}, nil)
}

// SetDown makes the target answer 503 to everything, or not any more.
func (k *Sink) SetDown(down bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.down = down
}

// Refused returns how many callbacks were answered with 503, each counted once
// however often it was tried.
func (k *Sink) Refused() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.refused)
}

// Reports returns what was said of a message so far, in order of arrival.
func (k *Sink) Reports(messageID string) []Report {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.reports[messageID])
}

// Inbound returns the texts of the inbound messages so far.
func (k *Sink) Inbound() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.inbound)
}

// notice is the part of a callback that tests look at.
type notice struct {
	Submit *struct {
		MessageID string `json:"message_id"`
	} `json:"message_submit_notification"`
	Delivery *struct {
		MessageID string `json:"message_id"`
		Status    string `json:"status"`
		Reason    struct {
			Code        string `json:"code"`
			Description string `json:"description"`
		} `json:"reason"`
	} `json:"message_delivery_report"`
	Message *struct {
		Content struct {
			Text struct {
				Text string `json:"text"`
			} `json:"text_message"`
		} `json:"contact_message"`
	} `json:"message"`
}

// ServeHTTP takes a callback.
func (k *Sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller died in the middle; it will come again
	}
	var n notice
	decodeErr := json.Unmarshal(body, &n)
	described := openapitest.Callback("", body)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.down {
		k.refused[string(body)] = true
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if decodeErr != nil || !k.genuine(r.Header, body) {
		k.forged = append(k.forged, string(body))
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if described != nil {
		k.forged = append(k.forged, described.Error())
	}
	switch {
	case n.Submit != nil:
		k.reports[n.Submit.MessageID] = append(k.reports[n.Submit.MessageID], Report{Status: Submitted})
	case n.Delivery != nil:
		d := n.Delivery
		k.reports[d.MessageID] = append(k.reports[d.MessageID], Report{d.Status, d.Reason.Code, d.Reason.Description})
	case n.Message != nil:
		k.inbound = append(k.inbound, n.Message.Content.Text.Text)
	}
}

// genuine checks a signature as the API's documentation says, and that its
// nonce is new.
func (k *Sink) genuine(h http.Header, body []byte) bool {
	const name = "X-Sinch-Webhook-Signature"
	nonce, at := h.Get(name+"-Nonce"), h.Get(name+"-Timestamp")
	mac := hmac.New(sha256.New, []byte(k.secret))
	mac.Write(slices.Concat(body, []byte("."+nonce+"."+at)))
	known := k.nonces[nonce]
	k.nonces[nonce] = true
	return !known && h.Get(name+"-Algorithm") == "HmacSHA256" &&
		h.Get(name) == base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
